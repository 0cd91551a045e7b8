"""The settings of a run: one set for each kind of actions, and what differs by environment.

A setting's value is looked up in four places, each before the next: what the caller changes, what
the environment's id has of its own (`PER_ENVIRONMENT`), what the kind of actions has of its own
(`PER_KIND`), and the default in `Settings`, which is what the program did before the setting
existed. So a checkpoint or a stored result that lacks a setting is read with that default.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from typing import Any

from npgkit.validation import as_count, as_scalar

from .environments import Environment, make_env
from .spaces import action_kind, check_spaces


@dataclass(frozen=True)
class Settings:
    """What a run is made of besides its environment, method, seed and length.

    Attributes
    ----------
    n_envs, n_steps : int
        Environments side by side, and steps of each in an iteration.
    gamma, lam : float
        Discount, and the lambda of generalised advantage estimation.
    epsilon : float
        KL radius in nats, of "trpo" and "npg".
    alpha : float
        Step size of "vpg", on normalised advantages.
    damping, cg_iterations
        Of the natural direction.
    backtrack, max_backtracks
        Of the line search.
    hidden, value_hidden : tuple of int
        Sizes of the tanh layers of policy and baseline.
    value_damping, value_rounds
        Of the baseline's Gauss-Newton fit.
    normalise : bool
        Whether observations are shifted and scaled by their running moments.

    Raises
    ------
    ValueError
        On a value out of its range.
    """

    n_envs: int = 8
    n_steps: int = 256
    gamma: float = 0.99
    lam: float = 0.95
    epsilon: float = 0.01
    alpha: float = 0.05
    damping: float = 0.1
    cg_iterations: int = 10
    backtrack: float = 0.8
    max_backtracks: int = 10
    hidden: tuple[int, ...] = (64, 64)
    value_hidden: tuple[int, ...] = (64, 64)
    value_damping: float = 0.01
    value_rounds: int = 2
    normalise: bool = True

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            name: as_count(name, getattr(self, name), at_least=least)
            for name, least in (
                ("n_envs", 1), ("n_steps", 1), ("cg_iterations", 1), ("max_backtracks", 0),
                ("value_rounds", 0),
            )
        }  # fmt: skip
        for name in ("gamma", "lam"):
            checked[name] = as_scalar(name, getattr(self, name), at_least=0.0, at_most=1.0)
        for name in ("alpha", "damping", "value_damping"):
            checked[name] = as_scalar(name, getattr(self, name), at_least=0.0)
        checked["epsilon"] = as_scalar("epsilon", self.epsilon, above=0.0)
        checked["backtrack"] = as_scalar("backtrack", self.backtrack, above=0.0, below=1.0)
        for name in ("hidden", "value_hidden"):
            sizes = getattr(self, name)
            if not isinstance(sizes, list | tuple):
                raise ValueError(f"{name} must be a list of sizes; got {sizes!r}")
            checked[name] = tuple(as_count(name, size, at_least=1) for size in sizes)
        if not isinstance(self.normalise, bool):
            raise ValueError(f"normalise must be true or false; got {self.normalise!r}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)


NAMES = tuple(field.name for field in fields(Settings))

# For few observations: small networks, because acting dominates when updates are cheap.
_LIGHT: dict[str, Any] = {
    "n_envs": 16, "n_steps": 128, "hidden": (32, 32), "value_hidden": (32, 32), "value_rounds": 1,
}  # fmt: skip
PER_KIND: dict[str, dict[str, Any]] = {
    "Discrete": _LIGHT,
    "MultiDiscrete": _LIGHT,
    "Box": {"n_envs": 4, "n_steps": 512},
}
"""What differs from `Settings()`, by the kind of actions."""

PER_ENVIRONMENT: dict[str, dict[str, Any]] = {
    # Its vector environment steps 32 poles as fast as 4.
    "CartPole-v1": {"n_envs": 32, "n_steps": 64},
    "Acrobot-v1": {"epsilon": 0.02},
    "Pendulum-v1": {**_LIGHT, "n_envs": 8, "n_steps": 256},
    "InvertedPendulum-v5": _LIGHT,
    # A farther horizon, so that a fall costs more than a fast step earns; more damping, because a
    # thousand rows leave many directions undetermined.
    "Hopper-v5": {"n_steps": 256, "epsilon": 0.02, "gamma": 0.995, "damping": 0.3},
    # Its reward comes a whole stroke later, so the critic gets more rounds; wide steps settle on a
    # poor stroke for good.
    "Swimmer-v5": {
        "n_steps": 256,
        "epsilon": 0.005,
        "lam": 0.98,
        "gamma": 0.999,
        "value_rounds": 4,
    },
}
"""What differs from the kind's settings, by the environment's id; the same for all methods."""


def settings_for(env: Environment, **changes: Any) -> Settings:
    """Return the settings of an environment: its kind's, its own, then `changes`.

    An environment is made to see its kind of actions, and closed. Raises `TypeError` if its spaces
    are not supported, `ValueError` for a setting that there is not, or a value out of its range.
    """
    require_known(changes)
    return settings_of(kind_of(env), env, **changes)


def kind_of(env: Environment, **options: Any) -> str:
    """Return the kind of an environment's actions; one is made with the options, and closed.

    Raises `TypeError` if its spaces are not supported.
    """
    with closing(make_env(env, **options)) as probe:
        check_spaces(probe)
        return action_kind(probe.action_space).name


def settings_of(kind: str, env: Environment, **changes: Any) -> Settings:
    """Return `settings_for` an environment whose kind of actions is known already."""
    require_known(changes)
    return Settings(**{**PER_KIND[kind], **own(env), **changes})


def own(env: Environment) -> dict[str, Any]:
    """Return what an environment has of its own; a function that makes one has nothing."""
    return PER_ENVIRONMENT.get(env, {}) if isinstance(env, str) else {}


def settings_from(stored: Mapping[str, Any]) -> Settings:
    """Return the settings that `asdict` and JSON made of others; what is lacking is the default.

    Raises `ValueError` for a name that is not a setting: a later version of the program wrote it.
    """
    require_known(stored)
    return Settings(**stored)


def difference(found: Settings, wanted: Settings) -> str:
    """Return in words how two settings differ, "" if they do not."""
    mine, theirs = asdict(wanted), asdict(found)
    return ", ".join(
        f"{name} is {theirs[name]!r}, not {mine[name]!r}"
        for name in NAMES
        if theirs[name] != mine[name]
    )


def require_known(changes: Mapping[str, Any], where: str = "") -> None:
    """Raise `ValueError` if a name is not a setting; `where` begins the message."""
    for name in changes:
        if name not in NAMES:
            known = ", ".join(sorted(NAMES))
            raise ValueError(f"{where}{name} is not a setting; there are {known}")
