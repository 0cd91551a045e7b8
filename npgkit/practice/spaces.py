"""Policies made from an environment's spaces, and actions made for them.

Observations are a `Box`, read as a flat vector. The actions' space decides what the policy draws
from; `KINDS` has a row for each kind:

    Discrete        Categorical: one of n logits,
    MultiDiscrete   MultiCategorical: one of n_j logits for each component j,
    Box             DiagGaussian: means, and log standard deviations that are free parameters.

A further kind is a further row. Other spaces are refused with the wrapper that turns them into one
of these, where there is one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from npgkit.distributions import Categorical, DiagGaussian, Distribution, MultiCategorical
from npgkit.networks import WithFreeOutputs
from npgkit.perceptron import MLP
from npgkit.policy import Policy
from npgkit.validation import as_count

from .contract import LARGEST, PolicyFault

FLATTEN_OBSERVATIONS = "wrap the environment in gymnasium.wrappers.FlattenObservation"
FLATTEN_ACTIONS = (
    "wrap the environment in gymnasium.wrappers.TransformAction, with gymnasium.spaces.unflatten "
    "as its function and gymnasium.spaces.flatten_space(env.action_space) as its space"
)
COUNT_ACTIONS = (
    "wrap the environment in gymnasium.wrappers.TransformAction, with a function that makes an "
    "action of each number 0, ..., n - 1, and gymnasium.spaces.Discrete(n) as its space"
)
SHIFT_ACTIONS = (
    "wrap the environment in gymnasium.wrappers.TransformAction, with a function that adds "
    "env.action_space.start to an action, and "
    "gymnasium.spaces.MultiDiscrete(env.action_space.nvec) as its space"
)
NO_VECTOR = "its elements differ in size, and no wrapper makes a vector of them"
FOREIGN = (
    "npgkit knows Gymnasium's spaces alone; for an environment of the older library gym, the "
    "package shimmy makes a Gymnasium environment of it"
)

WIDEST, NARROWEST, FARTHEST = 10.0, 0.1, 3.0
"""A range of actions is unusual if it reaches beyond 10, or less far than 0.1, or begins beyond 3.

The first policy is about N(0, 1). Beyond 3 deviations it never acts; within 0.1, nine actions of
ten are cut at the bounds; and to fill a range much wider than its deviation takes it hundreds of
steps of a trust region.
"""


class UnsupportedSpace(TypeError):
    """A space for which there is no policy; the message names the wrapper that helps, if any."""


class ActionRangeWarning(UserWarning):
    """The bounds of the actions are far from where a policy begins to act."""


@dataclass(frozen=True)
class ActionKind:
    """How a policy acts in one kind of action space.

    Attributes
    ----------
    name : str
        The name of the space's class; settings are keyed by it.
    space : type
    distribution : function of a space
        What actions are drawn from. Raises for a space of this kind that is not supported.
    n_free : function of a space
        How many of the distribution's outputs are parameters themselves, last in theta.
    actions : function of a space and an array (n, ...)
        The environment's actions, in the dtype and shape that the space's own `sample` has.
    stored : function of a space
        The smallest dtype that holds the actions, for the record of an episode.
    """

    name: str
    space: type[spaces.Space]
    distribution: Callable[[Any], Distribution]
    n_free: Callable[[Any], int]
    actions: Callable[[Any, np.ndarray], list[Any]]
    stored: Callable[[Any], np.dtype]


def action_kind(space: spaces.Space) -> ActionKind:
    """Return the row of `KINDS` for an action space.

    Raises `TypeError` for a space that is not supported, naming the wrapper that helps.
    """
    for kind in KINDS:
        if isinstance(space, kind.space):
            return kind
    known = [kind.name for kind in KINDS]
    _require_gymnasium("action", space, known)
    flatten = COUNT_ACTIONS if _has_choices(space) else FLATTEN_ACTIONS
    advice = flatten if space.is_np_flattenable else NO_VECTOR
    raise UnsupportedSpace(
        f"the action space must be {_either(known)}; got {_kind(space)}: {advice}"
    )


def as_actions(space: spaces.Space, act: np.ndarray) -> list[Any]:
    """Return an action of `space` for each row of what a policy drew, as the environments take it.

    Discrete: numbers of the space's dtype, `numpy.int64` if not said otherwise. MultiDiscrete:
    arrays of the space's shape and dtype. Box: likewise, cut at its bounds; rounded where the dtype
    is an integer.

    Raises `PolicyFault` for an action that is not finite, `ValueError` for one that is not an
    integer where it has to be, and `TypeError` for a space that is not supported.
    """
    kind, act = action_kind(space), np.asarray(act)
    # Squares with a small sum are finite; one that is large or NaN is looked at more closely.
    if act.dtype.kind != "f" or float(np.vdot(act, act)) <= LARGEST:
        return kind.actions(space, act)
    _require_finite(act)
    with np.errstate(over="ignore"):
        actions = kind.actions(space, act)
    _require_finite(actions)  # the space's dtype may be narrower than the policy's
    return actions


def mlp_policy(
    obs_space: spaces.Space, act_space: spaces.Space, hidden: tuple[int, ...] = (64, 64)
) -> Policy:
    """Return a policy with tanh layers of the given sizes for an environment's spaces.

    Raises
    ------
    TypeError
        For a space that is not supported, naming the wrapper that helps.
    ValueError
        If a layer's size is not a positive integer.
    """
    inputs, kind = observation_size(obs_space), action_kind(act_space)
    distribution, free = kind.distribution(act_space), kind.n_free(act_space)
    network = MLP(inputs, hidden, distribution.n_outputs - free)
    return Policy(WithFreeOutputs(network, free) if free else network, distribution)


def observation_size(obs_space: spaces.Space) -> int:
    """Return the length of an observation as a flat vector.

    Raises `TypeError` for anything but a `Box` of numbers with entries.
    """
    if isinstance(obs_space, spaces.Box):
        return _box_size("observation", obs_space)
    _require_gymnasium("observation", obs_space, ["Box"])
    advice = FLATTEN_OBSERVATIONS if obs_space.is_np_flattenable else NO_VECTOR
    raise UnsupportedSpace(f"the observation space must be a Box; got {_kind(obs_space)}: {advice}")


def check_spaces(env: gymnasium.Env) -> None:
    """Raise `TypeError` unless a policy can be made for the environment's spaces."""
    for name in ("observation_space", "action_space"):
        if getattr(env, name, None) is None:
            raise UnsupportedSpace(f"{type(env.unwrapped).__name__} has no {name}")
    mlp_policy(env.observation_space, env.action_space, hidden=())


def warn_of_range(name: str, space: spaces.Space) -> None:
    """Warn with `ActionRangeWarning` if a policy begins far from the bounds of a `Box` of actions.

    `name` is the environment's. Entries without bounds on both sides are left out of account.
    """
    if not isinstance(space, spaces.Box):
        return
    low, high = (np.asarray(bound, np.float64).ravel() for bound in (space.low, space.high))
    bounded = (np.abs(low) < LARGEST) & (np.abs(high) < LARGEST)
    reach = np.maximum(np.abs(low), np.abs(high))
    nearest = np.maximum(np.maximum(low, -high), 0.0)
    unusual = bounded & ((reach > WIDEST) | (reach < NARROWEST) | (nearest > FARTHEST))
    if unusual.any():
        j = int(np.argmax(unusual))
        warnings.warn(
            f"the actions of {name} range from {low[j]:g} to {high[j]:g} (entry {j} of "
            f"{len(low)}), but a policy's actions begin near 0 with deviation 1 and are clipped "
            "to that range, so that learning may be slow or fail; "
            "gymnasium.wrappers.RescaleAction(env, -1, 1) gives the environment a range "
            "that fits",
            ActionRangeWarning,
            stacklevel=3,
        )


def _categorical(space: spaces.Discrete) -> Distribution:
    if space.start != 0:
        raise UnsupportedSpace(f"actions must be counted from 0; got {space}: {COUNT_ACTIONS}")
    return Categorical(as_count("act_space.n", space.n, at_least=2))


def _multi_categorical(space: spaces.MultiDiscrete) -> Distribution:
    if np.any(space.start):
        raise TypeError(f"actions must be counted from 0; got {space}: {SHIFT_ACTIONS}")
    if np.max(space.nvec, initial=0) < 2:
        raise ValueError(f"act_space.nvec must hold a number >= 2; got {space.nvec}")
    return MultiCategorical(tuple(int(n) for n in space.nvec.ravel()))


def _integers(space: spaces.Space, act: np.ndarray) -> list[Any]:
    if act.dtype.kind not in "iu":
        raise ValueError(f"act must hold integers for a {_kind(space)}; got dtype {act.dtype}")
    return list(act.reshape(len(act), *(space.shape or ())).astype(space.dtype))


def _gaussian(space: spaces.Box) -> Distribution:
    return DiagGaussian(_box_size("action", space))


def _within_bounds(space: spaces.Box, act: np.ndarray) -> list[Any]:
    act = act.reshape(len(act), *space.shape)
    if space.dtype.kind != "f":
        act = np.rint(act)
    within = np.clip(act, space.low, space.high).astype(space.dtype, copy=False)
    return list(within) if space.shape else [within[e, ...] for e in range(len(within))]


def _smallest(largest: int) -> np.dtype:
    return np.min_scalar_type(int(largest))


KINDS = (
    ActionKind(
        name="Discrete",
        space=spaces.Discrete,
        distribution=_categorical,
        n_free=lambda space: 0,
        actions=_integers,
        stored=lambda space: _smallest(space.n - 1),
    ),
    ActionKind(
        name="MultiDiscrete",
        space=spaces.MultiDiscrete,
        distribution=_multi_categorical,
        n_free=lambda space: 0,
        actions=_integers,
        stored=lambda space: _smallest(np.max(space.nvec) - 1),
    ),
    ActionKind(
        name="Box",
        space=spaces.Box,
        distribution=_gaussian,
        n_free=lambda space: math.prod(space.shape),
        actions=_within_bounds,
        stored=lambda space: np.dtype(space.dtype),
    ),
)
"""What is known of each kind of action space: to support another, add a row."""


def _require_finite(actions: np.ndarray | list[Any]) -> None:
    for e, action in enumerate(actions):
        if not np.isfinite(action).all():
            raise PolicyFault(
                f"the policy's action for environment {e} is {action}, which is not finite: its "
                "mean or its standard deviation has overflowed"
            )


def _box_size(name: str, space: spaces.Box) -> int:
    size = math.prod(space.shape)
    if size == 0:
        raise UnsupportedSpace(f"the {name} space has no entries; got {space}")
    if np.dtype(space.dtype).kind not in "biuf":
        raise UnsupportedSpace(f"the {name} space must hold real numbers; got {space}")
    return size


def _require_gymnasium(name: str, space: Any, known: list[str]) -> None:
    """Raise `TypeError` for what is no space of Gymnasium's, whatever the name of its class."""
    if isinstance(space, spaces.Space):
        return
    kind = type(space)
    wanted = _either([f"gymnasium.spaces.{name}" for name in known])
    raise UnsupportedSpace(
        f"the {name} space is a {kind.__module__}.{kind.__qualname__}, which is not a "
        f"gymnasium.spaces.Space; it must be a {wanted}: {FOREIGN}"
    )


def _has_choices(space: spaces.Space) -> bool:
    """Whether a part of the space is discrete, so that no Gaussian can draw it."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.values() if isinstance(space, spaces.Dict) else space
        return any(_has_choices(part) for part in parts)
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.OneOf | spaces.Text)


def _either(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _kind(space: spaces.Space) -> str:
    return type(space).__name__
