"""The settings of a run: one set for each type of actions, and what differs by environment.

Layer 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import gymnasium

from npgkit.validation import as_count, as_scalar

from .rollout import as_unit
from .spaces import observation_size

Environment = str | Callable[[], gymnasium.Env]


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

    Raises `ValueError` on a value out of its range.
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
            checked[name] = as_unit(name, getattr(self, name))
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


# For few observations: the update is cheap then, and acting has to be so, too.
_LIGHT: dict[str, Any] = {
    "n_envs": 16, "n_steps": 128, "hidden": (32, 32), "value_hidden": (32, 32), "value_rounds": 1,
}  # fmt: skip
DEFAULTS = {
    "Discrete": Settings(**_LIGHT),
    "Box": Settings(n_envs=4, n_steps=512),
}
"""One set of settings for each type of actions."""

PER_ENVIRONMENT: dict[str, dict[str, Any]] = {
    # Its vector environment steps 32 poles as fast as 4.
    "CartPole-v1": {"n_envs": 32, "n_steps": 64},
    "Pendulum-v1": {**_LIGHT, "n_envs": 8, "n_steps": 256},
    "InvertedPendulum-v5": _LIGHT,
    "Hopper-v5": {"n_steps": 256, "epsilon": 0.02, "lam": 0.97},
    # Its reward comes a whole stroke later; wide steps settle on a poor stroke for good.
    "Swimmer-v5": {"n_steps": 256, "epsilon": 0.005, "lam": 0.98, "gamma": 0.999},
}
"""What differs from the defaults, by the environment's id; the same for all methods and seeds."""


def settings_for(env: Environment, **changes: Any) -> Settings:
    """Return the settings of an environment: its type's defaults, its own, then `changes`.

    Raises `ValueError` for a setting that there is not, or a value out of its range.
    """
    probe = gymnasium.make(env) if isinstance(env, str) else env()
    kind = type(probe.action_space).__name__
    observation_size(probe.observation_space)
    probe.close()
    own = PER_ENVIRONMENT.get(env, {}) if isinstance(env, str) else {}
    known = {field.name for field in fields(Settings)}
    for name in changes:
        if name not in known:
            raise ValueError(f"{name} is not a setting; there are {', '.join(sorted(known))}")
    return replace(DEFAULTS.get(kind, Settings()), **{**own, **changes})
