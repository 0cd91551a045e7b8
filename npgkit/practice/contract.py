"""The contract between a policy and an environment, checked at every call.

Gymnasium asks that

    reset(seed=...)  returns  (obs, info),
    step(action)     returns  (obs, reward, terminated, truncated, info),

with an observation of the space's shape, a reward that is one real number and two flags. Anything
else raises `EnvironmentFault`; a policy's action that is not finite raises `PolicyFault` before the
environment has seen it. An exception that the environment raises by itself passes through with its
own type and traceback, and with a note that names the environment and the call.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import gymnasium
import numpy as np

LARGEST = 1e30
"""The largest reward or observation taken: what is computed from it has to fit into float32."""

OLDER = (
    "for an environment of gym before 0.26, the package shimmy makes a Gymnasium environment of it "
    "(gymnasium.make('GymV21Environment-v0', env_id=...))"
)
FOUR_VALUES = (
    "Gymnasium's step returns (obs, reward, terminated, truncated, info), which tells an end from "
    f"a cut; {OLDER}"
)
FLOATS = (float, np.float64)
_NOTE = "Raised by the environment itself:"


class EnvironmentFault(RuntimeError):
    """An environment returned something unusable; the message names environment, step and value."""


class PolicyFault(RuntimeError):
    """A policy's action is not finite; the environment has not seen it."""


def is_environments_own(error: BaseException) -> bool:
    """Whether an environment's own code raised the error, in its maker, `reset`, `step`, `close`.

    Such an error deserves its whole traceback: it is about a program that is not this one.
    """
    return any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ()))


def note_environments_own(error: BaseException, where: str) -> None:
    """Add the note that `is_environments_own` looks for."""
    error.add_note(f"{_NOTE} {where}")


def name_of(env: gymnasium.Env) -> str:
    """Return an environment's id, or the name of its class where it has none."""
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


class CheckedEnv:
    """An environment of a pool whose calls are checked.

    Parameters
    ----------
    env : gymnasium.Env
        With a `Box` of observations.
    number : int
        Which environment of its pool it is, for messages.
    """

    def __init__(self, env: gymnasium.Env, number: int = 0) -> None:
        self.env, self.number, self.name = env, number, name_of(env)
        self.dtype = np.dtype(env.observation_space.dtype)
        self.shape = tuple(env.observation_space.shape or ())
        self.seed: int | None = None
        self.steps = 0  # of the episode, before the one that is being taken

    def reset(self, seed: int) -> np.ndarray:
        """Begin the episode of a seed; return its first observation, of the space's dtype."""
        self.seed, self.steps = seed, -1
        try:
            found = self.env.reset(seed=seed)
        except Exception as error:
            note_environments_own(error, f"reset of {self._where()}")
            if isinstance(error, TypeError) and "'seed'" in str(error):
                error.add_note(f"Gymnasium's reset takes seed= and options=; {OLDER}")
            raise
        if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict)):
            raise self._fault(
                f"the reset returned {_described(found)}", "reset returns (obs, dict)"
            )
        obs = self._observation(found[0])
        self.steps = 0
        return obs

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool]:
        """Take one step; return (obs, reward, terminated, truncated)."""
        try:
            found: Any = self.env.step(action)
        except Exception as error:
            note_environments_own(error, f"step of {self._where()}")
            raise
        if not isinstance(found, tuple) or len(found) != 5:
            old = isinstance(found, tuple) and len(found) == 4
            wanted = FOUR_VALUES if old else "it returns (obs, reward, terminated, truncated, info)"
            raise self._fault(f"the step returned {_described(found)}", wanted)
        obs, reward, terminated, truncated, _ = found
        # Almost all environments return just these types; the rest takes the longer way.
        if type(reward) not in FLOATS:
            reward = self._reward(reward)
        if type(terminated) is not bool:
            terminated = self._flag("terminated", terminated)
        if type(truncated) is not bool:
            truncated = self._flag("truncated", truncated)
        if type(obs) is not np.ndarray or obs.dtype is not self.dtype or obs.shape != self.shape:
            obs = self._observation(obs)
        self.steps += 1
        return obs, reward, terminated, truncated

    def close(self) -> None:
        """Close the environment."""
        try:
            self.env.close()
        except Exception as error:
            note_environments_own(error, f"close of environment {self.number} ({self.name})")
            raise

    def _reward(self, value: Any) -> float:
        """Return a reward as a float: a real number, or an array with exactly one."""
        array = _as_array(value)
        if array is not None and array.size == 1 and array.dtype.kind in "biuf":
            return float(array.item())
        if isinstance(value, numbers.Real):  # a Fraction, or an int beyond 64 bits
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf  # type: ignore[operator]
        raise self._fault(f"the reward is {_described(value)}", "a reward is one real number")

    def _flag(self, name: str, value: Any) -> bool:
        """Return a flag as a bool: a bool, or an integer that is 0 or 1."""
        if isinstance(value, np.bool_):
            return bool(value)
        array = _as_array(value)
        if array is not None and array.shape == () and array.dtype.kind in "biu":
            flag = array.item()
            if flag in (0, 1):
                return bool(flag)
        raise self._fault(f"{name} is {_described(value)}", f"{name} is True or False")

    def _observation(self, value: Any) -> np.ndarray:
        """Return an observation of the space's shape and dtype."""
        array = _as_array(value)
        if array is None or array.dtype.kind not in "biuf":
            raise self._fault(
                f"the observation is {_described(value)}", "an observation is an array of numbers"
            )
        if array.shape != self.shape:
            raise self._fault(
                f"the observation has shape {array.shape}", f"its space says {self.shape}"
            )
        if array.dtype == self.dtype:
            return array
        with np.errstate(all="ignore"):
            cast = array.astype(self.dtype)
        # Floats may be rounded, but not to infinity; whole numbers have to stay what they are.
        lost = np.isfinite(array) & ~np.isfinite(cast) if cast.dtype.kind == "f" else cast != array
        if lost.any():
            index = tuple(int(i) for i in np.argwhere(lost)[0])
            large = ", too large" if cast.dtype.kind == "f" else ""
            raise self._fault(
                f"the observation is {array[index]}, entry {list(index)}{large}",
                f"the dtype of its space, {self.dtype}, cannot hold that",
            )
        return cast

    def _where(self) -> str:
        when = "the reset" if self.steps < 0 else f"step {self.steps}"
        return (
            f"environment {self.number} ({self.name}), at {when} of the episode "
            f"with seed {self.seed}"
        )

    def _fault(self, what: str, wanted: str) -> EnvironmentFault:
        return EnvironmentFault(f"{what}, from {self._where()}; {wanted}")


def close_all(envs: Iterable[CheckedEnv]) -> None:
    """Close every environment, also when one of them raises; then raise the first such error."""
    errors: list[Exception] = []
    for env in envs:
        try:
            env.close()
        except Exception as error:
            errors.append(error)
    for other in errors[1:]:
        errors[0].add_note(f"Closing another environment failed, too: {other!r}")
    if errors:
        raise errors[0]


def is_usable(array: np.ndarray) -> bool:
    """Whether all entries are finite and at most `LARGEST` in size."""
    if array.dtype.kind in "biu":
        return True
    square = float(np.vdot(array, array))  # one call; an overflow only sends it the longer way
    return square <= LARGEST or bool(usable(array).all())


def require_usable(name: str, array: np.ndarray) -> None:
    """Raise `EnvironmentFault` for the first entry that is not finite or larger than `LARGEST`."""
    if is_usable(array):
        return
    index = tuple(int(i) for i in np.argwhere(~usable(array))[0])
    entry = f", entry {list(index)}" if index else ""
    large = ", too large" if np.isfinite(array[index]) else ""
    raise EnvironmentFault(
        f"{name} is {array[index]}{entry}{large}; rewards and observations must be finite and at "
        f"most {LARGEST:g} in size"
    )


def usable(array: np.ndarray) -> np.ndarray:
    """Return which entries are finite and at most `LARGEST` in size."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(array) & (np.abs(array) <= array.dtype.type(LARGEST))


def _as_array(value: Any) -> np.ndarray | None:
    try:
        return np.asarray(value)
    except Exception:  # what a stranger's __array__ raises
        return None


def _described(value: Any) -> str:
    """Say what came: its type, its length or shape, and the value as far as it is short."""
    kind = type(value).__name__
    if isinstance(value, tuple | list):
        kind = f"a {kind} of {len(value)}"
    elif isinstance(value, np.ndarray):
        kind = f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({kind})"
