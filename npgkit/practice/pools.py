"""Several copies of one environment, stepped together, whose state can be saved and restored.

Each episode begins with a seed of its own, drawn from the pool's generator. Seeds and actions are
the record of where the environments stand (see `episodes`): restoring plays the last whole episode
and the current one again, and finds an environment out that remembers more than its seed.

At an end the observation that ended the episode is handed out and the environment is reset at once:
every transition is a real one, and `terminated` and `truncated` stay apart.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import gymnasium
import numpy as np

from .checkpoint import CheckpointError
from .contract import CheckedEnv, PolicyFault, close_all
from .episodes import (
    RECORDED,
    ROUNDING,
    Episode,
    Record,
    ResumeWarning,
    difference,
    pack,
    replay,
    unpack,
    unpack_older,
    versions,
)
from .spaces import action_kind, as_actions, check_spaces

Snapshot = tuple[dict[str, Any], dict[str, np.ndarray]]  # what JSON holds, and arrays


@dataclass(frozen=True, eq=False)
class Transition:
    """What one step of E environments gave.

    `rew` (E,) float64; `terminated`, `truncated` (E,) bool; `final_obs` (E, ...) the observation
    that the action led to, before any reset.
    """

    rew: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final_obs: np.ndarray


class Pool(Protocol):
    """What `collect` asks of environments."""

    name: str
    """The environment's id, for messages."""

    obs: np.ndarray
    """(E, ...): what each environment shows now."""

    @property
    def single_observation_space(self) -> gymnasium.Space:
        """The observation space of one environment."""

    @property
    def single_action_space(self) -> gymnasium.Space:
        """The action space of one environment."""

    def step(self, act: np.ndarray) -> Transition:
        """Take one action in each environment; reset those that ended."""

    def snapshot(self) -> Snapshot:
        """Return what `restore` needs."""

    def restore(self, snapshot: Snapshot) -> np.ndarray:
        """Stand where the pool stood; return which environments (E,) begin an episode instead."""

    def records(self, e: int = 0) -> list[Record]:
        """Return the records of the last episodes of environment e that can be played again."""

    def close(self) -> None:
        """Close the environments; a second time, nothing."""


class ClosedAfterwards(ABC):
    """What can be used in a `with` block, at whose end it is closed."""

    @abstractmethod
    def close(self) -> None:
        """Close it; a second time, nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        try:
            self.close()
        except Exception as closing:
            if error is None:
                raise
            error.add_note(f"Closing failed, too: {closing!r}")  # the first error is the cause


class EnvPool(ClosedAfterwards):
    """A pool of single Gymnasium environments, stepped one after the other.

    Used in a `with` block it is closed at the end. Raises `TypeError` for spaces that are not
    supported; `ValueError` if there is no environment, the same one twice, or their spaces differ.
    """

    def __init__(self, envs: Sequence[gymnasium.Env], rng: np.random.Generator) -> None:
        self.envs, self.rng = list(envs), rng
        _require_alike(self.envs)
        self._checked = [CheckedEnv(env, e) for e, env in enumerate(self.envs)]
        self.name = self._checked[0].name
        self._act_space = self.envs[0].action_space
        self._stored = action_kind(self._act_space).stored(self._act_space)
        self._episodes: list[list[Episode]] = [[] for _ in self.envs]  # the last one and this one
        self._closed = False
        self.obs = np.empty((len(self.envs), *self._checked[0].shape), self._checked[0].dtype)
        for e in range(len(self.envs)):
            self._begin(e)

    @property
    def single_observation_space(self) -> gymnasium.Space:
        return self.envs[0].observation_space

    @property
    def single_action_space(self) -> gymnasium.Space:
        return self.envs[0].action_space

    def step(self, act: np.ndarray) -> Transition:
        n = len(self.envs)
        rew, ended = np.empty(n), np.zeros((2, n), bool)
        final_obs = np.empty_like(self.obs)
        for e, action in enumerate(self._actions(act)):
            stored = np.asarray(action, self._stored).tobytes()  # before it can be changed
            final_obs[e], rew[e], ended[0, e], ended[1, e] = self._checked[e].step(action)
            self._episodes[e][-1].add(stored, rew[e])
        self.obs = final_obs
        if ended.any():
            self.obs = final_obs.copy()
            for e in np.flatnonzero(ended.any(axis=0)).tolist():
                self._begin(e)
        return Transition(rew, ended[0], ended[1], final_obs)

    def records(self, e: int = 0) -> list[Record]:
        """Return the records of environment e's last whole episode and of the current one.

        One that was dropped for its length is left out.
        """
        own, shape = self._episodes[e], self._act_space.shape or ()
        return [
            episode.record(shape, self._stored, ended=episode is not own[-1])
            for episode in own
            if not episode.dropped
        ]

    def snapshot(self) -> Snapshot:
        gone = [own[-1].dropped for own in self._episodes]  # nothing to be restored
        episodes, arrays = pack([[] if gone[e] else self.records(e) for e in range(len(gone))])
        return {
            "episodes": episodes,
            "rng": self.rng.bit_generator.state,
            "versions": versions(),
        }, {**arrays, "shown": self.obs.copy()}

    def restore(self, snapshot: Snapshot) -> np.ndarray:
        """Stand where the pool stood; return which environments (E,) begin an episode instead.

        Those are the environments whose episode was too long to be recorded, and under other
        versions those whose episode now ends earlier; `ResumeWarning` names them.

        Raises `CheckpointError` if an environment does not do what it did. Where the versions of
        Python, NumPy, Gymnasium or MuJoCo differ and the numbers by rounding alone, it goes on with
        a `ResumeWarning`. `ValueError` if the snapshot is of another number of environments.
        """
        record, arrays = snapshot
        if "seeds" in record:
            records = unpack_older(record["seeds"], arrays)
        else:
            records = unpack(record["episodes"], arrays, self._act_space)
        if len(records) != len(self.envs):
            raise ValueError(
                f"the snapshot is of {len(records)} environments; got {len(self.envs)}"
            )
        changed = _changes(record.get("versions"))
        found = [self._replay(e, own, arrays["shown"][e]) for e, own in enumerate(records)]
        for e, (what, _) in enumerate(found):
            if what and not (what == ROUNDING and changed):
                raise self._strange(e, what, changed)
        self.rng.bit_generator.state = record["rng"]
        anew = np.array([begins for _, begins in found])
        for e in np.flatnonzero(anew).tolist():
            self._begin(e)
        self._warn(anew, any(what for what, _ in found), changed)
        return anew

    def _replay(self, e: int, records: list[Record], shown: np.ndarray) -> tuple[str, bool]:
        """Play the records again; return what differs, and whether there is no episode to go on.

        Where the last record is missing or its replay ended early, the next step would be of an
        episode that is over.
        """
        self._episodes[e], differs, last = [], "", None
        for record in records:
            last = replay(self._checked[e], record)
            self._episodes[e].append(last.episode)
            differs = difference(record, last) or differs
            if differs not in ("", ROUNDING):
                return differs, False
        if last is None:
            return "", True
        self.obs[e] = last.obs
        same = np.array_equal(last.obs, shown.astype(self.obs.dtype))
        return differs or ("" if same else ROUNDING), last.ended_at is not None

    def close(self) -> None:
        """Close every environment, also where closing another one fails; a second time, nothing."""
        closed, self._closed = self._closed, True
        if not closed:
            close_all(self._checked)

    def _begin(self, e: int) -> None:
        seed = int(self.rng.integers(2**31))
        self.obs[e] = self._checked[e].reset(seed)
        episode = Episode(seed, self.obs[e])
        self._episodes[e] = [*self._episodes[e][-1:], episode]

    def _actions(self, act: np.ndarray) -> list[Any]:
        """What the environments take."""
        if len(act) != len(self.envs):
            raise ValueError(f"act must have {len(self.envs)} rows, one each; got {len(act)}")
        try:
            return as_actions(self._act_space, act)
        except PolicyFault as fault:
            raise PolicyFault(f"{fault}; {self.name} has not seen it") from None

    def _strange(self, e: int, what: str, changed: str) -> CheckpointError:
        what = "does not come back to where it was" if what == ROUNDING else what
        return CheckpointError(
            f"{self.name} cannot be resumed: environment {e}, with the same seeds and actions, "
            f"{what}. It remembers more than an episode's seed; of wrappers, those that "
            f"normalise by running statistics do{changed and f' (and there is now {changed})'}"
        )

    def _warn(self, anew: np.ndarray, rounded: bool, changed: str) -> None:
        if rounded:
            warnings.warn(
                f"{self.name} gives other last bits than it did, with {changed}: the resumed run "
                "goes on, and is not bit by bit the one that was interrupted",
                ResumeWarning,
                stacklevel=3,
            )
        if anew.any():
            numbers = ", ".join(map(str, np.flatnonzero(anew)))
            warnings.warn(
                f"environments {numbers} of {self.name} begin their episode anew: it was longer "
                f"than the {RECORDED} steps that are recorded of one, or ends elsewhere now",
                ResumeWarning,
                stacklevel=3,
            )


def _require_alike(envs: Sequence[gymnasium.Env]) -> None:
    """Raise unless there are environments, each its own, with the same supported spaces."""
    if not envs:
        raise ValueError("envs is empty; a pool needs at least one environment")
    if len({id(env.unwrapped) for env in envs}) < len(envs):
        raise ValueError("envs holds the same environment twice; each must be one of its own")
    check_spaces(envs[0])
    spaces = (envs[0].observation_space, envs[0].action_space)
    for e, env in enumerate(envs):
        if (env.observation_space, env.action_space) != spaces:
            raise ValueError(
                f"envs must have the same spaces; environment 0 has {spaces}, and environment {e} "
                f"has {(env.observation_space, env.action_space)}"
            )


def _changes(before: dict[str, str] | None) -> str:
    """Say which versions differ from those that a snapshot was taken with; "" if none."""
    now = versions()
    if before is None:  # an older npgkit did not note them
        return ""
    names = sorted(before.keys() | now.keys())
    return ", ".join(
        f"{name} {now.get(name, 'not loaded')} for {before.get(name, 'not loaded')}"
        for name in names
        if before.get(name) != now.get(name)
    )
