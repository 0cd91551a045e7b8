"""What an episode was, so that it can be played again.

Gymnasium asks an environment to be a function of the seed of its reset and of the actions since.
Seed and actions are then a complete record of where it stands, and playing them again shows whether
it keeps to that. The record holds, in the smallest dtype, the actions that the environment was
given, the first observation, the first rewards, and a checksum of all rewards.

An environment that remembers more than its seed, as a wrapper with running statistics does, gives
other numbers from the start. Under another version of NumPy the numbers may differ in their last
bits, which an unstable system then amplifies: only the beginning of an episode tells the two apart.

An episode longer than `RECORDED` steps is no longer recorded, so that neither memory nor what is
written grows with it.
"""

from __future__ import annotations

import platform
import sys
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .contract import CheckedEnv
from .spaces import action_kind, as_actions

RECORDED = 10_000
"""Steps of an episode that are recorded; the record of a longer one is dropped."""

FIRST = 10
"""Rewards that are kept as they are, to be compared one by one."""

ROUNDING = "differs by rounding"
"""What `difference` says where only the last bits differ at the beginning."""


class ResumeWarning(UserWarning):
    """A resumed run goes on, but is not the interrupted one bit by bit."""


class Episode:
    """An episode as it is played: what `Record` is made of.

    Parameters
    ----------
    seed : int
        Of the reset.
    first_obs : array
        What the reset showed.
    """

    def __init__(self, seed: int, first_obs: np.ndarray) -> None:
        self.seed, self.first_obs = seed, first_obs.copy()
        self.actions, self.rewards = bytearray(), array("d")
        self.dropped = False

    def add(self, action: bytes, reward: float) -> None:
        """Note a step; `action` as the bytes of the dtype that actions are stored in."""
        if self.dropped:
            return
        self.actions += action
        self.rewards.append(reward)
        if len(self.rewards) > RECORDED:
            self.actions, self.rewards, self.dropped = bytearray(), array("d"), True

    def record(self, shape: tuple[int, ...], dtype: np.dtype, ended: bool) -> Record:
        """Return the record of the episode so far."""
        actions = np.frombuffer(bytes(self.actions), dtype).reshape(len(self.rewards), *shape)
        rewards = np.array(self.rewards)
        return Record(
            self.seed, actions, self.first_obs, rewards[:FIRST], _checksum(rewards), ended
        )


@dataclass(frozen=True, eq=False)
class Record:
    """What has to be played again to stand where an environment stood, and what it gave then.

    Attributes
    ----------
    seed : int
    actions : array (n, ...)
        As the environment was given them, in the smallest dtype that holds them.
    first_obs : array, or None
        None in a record that an older npgkit wrote.
    first_rewards : array (min(n, FIRST),)
    checksum : int
        CRC-32 of all n rewards as float64.
    ended : bool
        Whether the last step ended the episode.
    """

    seed: int
    actions: np.ndarray
    first_obs: np.ndarray | None
    first_rewards: np.ndarray
    checksum: int
    ended: bool


@dataclass(frozen=True, eq=False)
class Replay:
    """What came of playing a record again: rewards, the last observation, and where it ended."""

    episode: Episode
    rewards: np.ndarray
    obs: np.ndarray
    ended_at: int | None
    """The number of the step that ended it, if one did."""


def replay(env: CheckedEnv, record: Record) -> Replay:
    """Play a record again; what ended stays where it ended."""
    space = env.env.action_space
    dtype = action_kind(space).stored(space)
    obs, ended_at = env.reset(record.seed), None
    episode, rewards = Episode(record.seed, obs), []
    for t, action in enumerate(as_actions(space, record.actions) if len(record.actions) else []):
        stored = np.asarray(action, dtype).tobytes()  # before the environment can change it
        obs, reward, *ends = env.step(action)
        episode.add(stored, reward)
        rewards.append(reward)
        if any(ends):
            ended_at = t
            break
    return Replay(episode, np.array(rewards), obs, ended_at)


def difference(record: Record, again: Replay) -> str:
    """Return what differs between an episode and its replay: "" if nothing, `ROUNDING`, or words.

    `ROUNDING` says that the beginnings agree: first observation and first rewards up to the square
    root of the machine epsilon, relative to the largest of them, and no end where there was none.
    """
    first_obs, rewards, n = again.episode.first_obs, again.rewards, len(record.actions)
    same_start = record.first_obs is None or np.array_equal(record.first_obs, first_obs)
    same_end = again.ended_at == (n - 1 if record.ended else None)
    if same_start and same_end and record.checksum == _checksum(rewards):
        return ""
    if record.first_obs is not None and not _close(record.first_obs, first_obs):
        return "begins with another observation than it did"
    met = min(len(rewards), len(record.first_rewards))
    digits = first_obs.dtype if first_obs.dtype.kind == "f" else rewards.dtype
    if not _close(record.first_rewards[:met], rewards[:met], digits):
        return "pays other rewards than it did"
    if not same_end and min(n, len(rewards)) <= FIRST:
        return "ends at another step than it did"
    return ROUNDING


def reproduces(env: gymnasium.Env, records: Iterable[Record]) -> str:
    """Return what a freshly made environment does otherwise than records say; "" if nothing.

    The records are of episodes of one environment, one after the other. The environment is reset,
    and left where the last episode ends.
    """
    checked = CheckedEnv(env)
    found = (difference(record, replay(checked, record)) for record in records)
    return next(filter(None, found), "")


def pack(records: list[list[Record]]) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return the records of each environment's episodes as what JSON holds, and arrays."""
    every = [record for own in records for record in own]
    squeeze = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # choices take a few bits each
    squeezed = squeeze.compress(b"".join(r.actions.tobytes() for r in every)) + squeeze.flush()
    arrays = {
        "actions": np.frombuffer(squeezed, np.uint8),
        "first_obs": np.array([r.first_obs for r in every]),
    }
    return [[_as_json(record) for record in own] for own in records], arrays


def unpack(
    content: list[Any], arrays: dict[str, np.ndarray], space: spaces.Space
) -> list[list[Record]]:
    """Return what was packed; `space` is that of the actions."""
    squeezed, dtype = arrays["actions"].tobytes(), action_kind(space).stored(space)
    actions = np.frombuffer(zlib.decompress(squeezed), dtype)
    actions = actions.reshape(-1, *(space.shape or ()))
    first_obs = iter(arrays["first_obs"])
    end, records = 0, list[list[Record]]()
    for own in content:
        records.append([])
        for c in own:
            start, end = end, end + c["steps"]
            first = next(first_obs), np.array(c["rewards"], np.float64)
            own_record = Record(c["seed"], actions[start:end], *first, c["checksum"], c["ended"])
            records[-1].append(own_record)
    return records


def unpack_older(seeds: list[list[int]], arrays: dict[str, np.ndarray]) -> list[list[Record]]:
    """Return the records in an older snapshot, which had all rewards and no first observation."""
    records: list[list[Record]] = []
    for e, own in enumerate(seeds):
        records.append([])
        for k, seed in enumerate(own):
            actions, rewards = arrays[f"actions_{e}_{k}"], arrays[f"rewards_{e}_{k}"]
            ended = k < len(own) - 1
            records[-1].append(
                Record(seed, actions, None, rewards[:FIRST], _checksum(rewards), ended)
            )
    return records


def versions() -> dict[str, str]:
    """Return what an environment's arithmetic depends on, besides its own code."""
    found = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gymnasium": gymnasium.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
    mujoco = sys.modules.get("mujoco")
    return found if mujoco is None else {**found, "mujoco": mujoco.__version__}


def _as_json(record: Record) -> dict[str, Any]:
    return {
        "seed": record.seed,
        "steps": len(record.actions),
        "rewards": record.first_rewards.tolist(),
        "checksum": record.checksum,
        "ended": record.ended,
    }


def _checksum(rewards: np.ndarray) -> int:
    return zlib.crc32(rewards.astype("<f8").tobytes())


def _close(was: np.ndarray, now: np.ndarray, dtype: np.dtype | None = None) -> bool:
    """Whether two arrays agree up to rounding that was amplified a little; integers: exactly."""
    dtype = now.dtype if dtype is None else dtype
    if was.shape != now.shape:
        return False
    tolerance = np.sqrt(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
    scale = float(np.abs(was).max(initial=0.0))
    return bool(np.allclose(now, was, rtol=0.0, atol=tolerance * scale))
