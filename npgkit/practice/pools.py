"""Several copies of one environment, stepped together, that can be put down and taken up again.

Layer 5. Each episode begins with a seed of its own, drawn from the pool's generator. Gymnasium asks
an environment to be a function of that seed and of the actions since, so the seed and the actions
are a complete record of where the environment stands. A resumed run plays them again, the last
whole episode first, and compares rewards and observation with those that were met: an environment
that remembers more than its seed, as a wrapper with running statistics does, is found out.

At an end the observation that ended the episode is handed out and the environment is reset at once:
every transition is a real one, and `terminated` and `truncated` stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from .checkpoint import CheckpointError
from .spaces import check_spaces

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

    def restore(self, snapshot: Snapshot) -> None:
        """Stand where the pool stood when the snapshot was taken."""

    def close(self) -> None:
        """Close the environments."""


@dataclass(eq=False)
class Episode:
    """What has to be played again to stand where an environment stands, and what it paid."""

    seed: int
    actions: list[Any]
    rewards: list[float]


class EnvPool:
    """A pool of single Gymnasium environments, stepped one after the other."""

    def __init__(self, envs: Sequence[gymnasium.Env], rng: np.random.Generator) -> None:
        if not envs:
            raise ValueError("envs is empty; a pool needs at least one environment")
        if len({id(env.unwrapped) for env in envs}) < len(envs):
            raise ValueError("envs holds the same environment twice; each must be one of its own")
        self.envs, self.rng = list(envs), rng
        check_spaces(self.envs[0])
        spec = self.envs[0].spec
        self.name = spec.id if spec is not None else type(self.envs[0].unwrapped).__name__
        space = self.envs[0].action_space
        self._box = space if isinstance(space, gymnasium.spaces.Box) else None
        self._episodes: list[list[Episode]] = [[] for _ in self.envs]  # the last one and this one
        self._shape = self.envs[0].observation_space.shape or ()
        self.obs = np.empty((len(self.envs), *self._shape))
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
        for e, action in enumerate(self._playable(act)):
            episode = self._episodes[e][-1]
            episode.actions.append(np.copy(action))  # an environment may change what it is given
            obs, rew[e], ended[0, e], ended[1, e], _ = self.envs[e].step(action)
            episode.rewards.append(rew[e])
            final_obs[e] = self._shown(obs)
        self.obs = final_obs.copy()
        for e in np.flatnonzero(ended.any(axis=0)).tolist():
            self._begin(e)
        return Transition(rew, ended[0], ended[1], final_obs)

    def snapshot(self) -> Snapshot:
        seeds = [[episode.seed for episode in own] for own in self._episodes]
        arrays = {"shown": self.obs.copy()}
        for e, own in enumerate(self._episodes):
            for k, episode in enumerate(own):
                arrays[f"actions_{e}_{k}"] = np.array(episode.actions)
                arrays[f"rewards_{e}_{k}"] = np.array(episode.rewards)
        return {"seeds": seeds, "rng": self.rng.bit_generator.state}, arrays

    def restore(self, snapshot: Snapshot) -> None:
        record, arrays = snapshot
        if len(record["seeds"]) != len(self.envs):
            raise ValueError(
                f"the snapshot is of {len(record['seeds'])} environments; got {len(self.envs)}"
            )
        for e, seeds in enumerate(record["seeds"]):
            self._episodes[e] = []
            for k, seed in enumerate(seeds):
                self._begin(e, seed)
                self._play(e, arrays[f"actions_{e}_{k}"])
                same = np.array_equal(
                    self._episodes[e][-1].rewards, arrays[f"rewards_{e}_{k}"], equal_nan=True
                )
                if not same:
                    raise self._strange(e, "pays other rewards than it did")
            if not np.array_equal(self.obs[e], arrays["shown"][e]):
                raise self._strange(e, "does not come back to where it was")
        self.rng.bit_generator.state = record["rng"]

    def _play(self, e: int, actions: np.ndarray) -> None:
        """Play the actions in environment e; what ended stays where it ended."""
        episode = self._episodes[e][-1]
        for action in self._as_actions(actions):
            episode.actions.append(np.copy(action))
            obs, reward, *_ = self.envs[e].step(action)
            episode.rewards.append(float(reward))
            self.obs[e] = self._shown(obs)

    def _strange(self, e: int, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.name} cannot be resumed: environment {e}, with the same seeds and actions, "
            f"{what}. It remembers more than an episode's seed; of wrappers, those that "
            "normalise by running statistics do"
        )

    def close(self) -> None:
        for env in self.envs:
            env.close()

    def _begin(self, e: int, seed: int | None = None) -> None:
        seed = int(self.rng.integers(2**31)) if seed is None else seed
        self._episodes[e] = [*self._episodes[e][-1:], Episode(seed, [], [])]
        obs, _ = self.envs[e].reset(seed=seed)
        self.obs[e] = self._shown(obs)

    def _shown(self, obs: Any) -> np.ndarray:
        """What an environment shows, unless it is of another shape than its space says."""
        obs = np.asarray(obs)
        if obs.shape != self._shape:
            raise ValueError(
                f"{self.name} shows an observation of shape {obs.shape}; "
                f"its space says {self._shape}"
            )
        return obs

    def _playable(self, act: np.ndarray) -> list[Any]:
        """What the environments take: actions of a Box are brought within its bounds."""
        if self._box is None:
            return self._as_actions(act)
        flat = act.reshape(len(act), *self._box.shape)
        return self._as_actions(np.clip(flat, self._box.low, self._box.high))

    def _as_actions(self, act: np.ndarray) -> list[Any]:
        if self._box is None:
            return [int(a) for a in act]
        return list(act.astype(self._box.dtype, copy=False))
