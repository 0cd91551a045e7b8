"""Policies made from an environment's spaces.

Layer 5. A `Discrete` action space gets a Categorical on top of the network, a `Box` of actions a
diagonal Gaussian whose log standard deviations are free parameters. Observations are a `Box`, read
as a flat vector. Other spaces are refused with the wrapper that turns them into one of these, where
there is one.
"""

from __future__ import annotations

import math

import gymnasium
from gymnasium import spaces

from npgkit.distributions import Categorical, DiagGaussian
from npgkit.networks import MLP, WithFreeOutputs
from npgkit.policy import Policy
from npgkit.validation import as_count

FLATTEN_OBSERVATIONS = "wrap the environment in gymnasium.wrappers.FlattenObservation"
FLATTEN_ACTIONS = (
    "wrap the environment in gymnasium.wrappers.TransformAction, with gymnasium.spaces.unflatten "
    "as its function and gymnasium.spaces.flatten_space(env.action_space) as its space"
)
COUNT_ACTIONS = (
    "wrap the environment in gymnasium.wrappers.TransformAction, with a function that makes an "
    "action of each number 0, ..., n - 1, and gymnasium.spaces.Discrete(n) as its space"
)
NO_VECTOR = "its elements differ in size, and no wrapper makes a vector of them"


def mlp_policy(
    obs_space: spaces.Space, act_space: spaces.Space, hidden: tuple[int, ...] = (64, 64)
) -> Policy:
    """Return a policy with tanh layers of the given sizes for an environment's spaces.

    Raises `TypeError` for a space that is not supported, naming the wrapper that helps, and
    `ValueError` for sizes that are none.
    """
    inputs = observation_size(obs_space)
    if isinstance(act_space, spaces.Discrete):
        if act_space.start != 0:
            raise TypeError(f"actions must be counted from 0; got {act_space}: {COUNT_ACTIONS}")
        n_actions = as_count("act_space.n", act_space.n, at_least=2)
        return Policy(MLP(inputs, hidden, n_actions), Categorical(n_actions))
    if isinstance(act_space, spaces.Box):
        act_dim = _box_size("action", act_space)
        network = WithFreeOutputs(MLP(inputs, hidden, act_dim), act_dim)
        return Policy(network, DiagGaussian(act_dim))
    flatten = COUNT_ACTIONS if _has_choices(act_space) else FLATTEN_ACTIONS
    advice = flatten if act_space.is_np_flattenable else NO_VECTOR
    raise TypeError(f"the action space must be Discrete or Box; got {_kind(act_space)}: {advice}")


def observation_size(obs_space: spaces.Space) -> int:
    """Return the length of an observation as a flat vector.

    Raises `TypeError` for anything but a `Box` with entries.
    """
    if isinstance(obs_space, spaces.Box):
        return _box_size("observation", obs_space)
    advice = FLATTEN_OBSERVATIONS if obs_space.is_np_flattenable else NO_VECTOR
    raise TypeError(f"the observation space must be a Box; got {_kind(obs_space)}: {advice}")


def check_spaces(env: gymnasium.Env) -> None:
    """Raise `TypeError` unless a policy can be made for the environment's spaces."""
    mlp_policy(env.observation_space, env.action_space, hidden=())


def _box_size(name: str, space: spaces.Box) -> int:
    size = math.prod(space.shape)
    if size == 0:
        raise TypeError(f"the {name} space has no entries; got {space}")
    return size


def _has_choices(space: spaces.Space) -> bool:
    """Whether a part of the space is one of n: a choice, which no Gaussian draws."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = space.values() if isinstance(space, spaces.Dict) else space
        return any(_has_choices(part) for part in parts)
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.OneOf | spaces.Text)


def _kind(space: spaces.Space) -> str:
    return type(space).__name__
