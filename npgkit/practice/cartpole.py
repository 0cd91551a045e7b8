"""CartPole's vector environment as a pool."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

from npgkit.validation import as_count

from .episodes import Record
from .pools import ClosedAfterwards, Snapshot, Transition


class CartPolePool(ClosedAfterwards):
    """CartPole's own vector environment: all poles in one array operation.

    It would reset a pole during the step after the end, ignoring that step's action; here a pole
    that fell is put up again at once, as `EnvPool` does it.
    """

    def __init__(self, n: int, rng: np.random.Generator, max_episode_steps: int = 500) -> None:
        self.name, self.rng = "CartPole-v1", rng
        self.env: Any = CartPoleVectorEnv(as_count("n_envs", n, at_least=1), max_episode_steps)
        self.env.reset(seed=0)
        self._put_up(np.ones(n, bool))
        self.obs = self._shown()

    @property
    def single_observation_space(self) -> gymnasium.Space:
        return self.env.single_observation_space

    @property
    def single_action_space(self) -> gymnasium.Space:
        return self.env.single_action_space

    def step(self, act: np.ndarray) -> Transition:
        final_obs, rew, terminated, truncated, _ = self.env.step(act)
        self._put_up(terminated | truncated)
        self.obs = self._shown()
        return Transition(rew.astype(np.float64), terminated, truncated, final_obs)

    def snapshot(self) -> Snapshot:
        arrays = {"state": self.env.state.copy(), "steps": self.env.steps.copy()}
        return {"rng": self.rng.bit_generator.state}, arrays

    def restore(self, snapshot: Snapshot) -> np.ndarray:
        record, arrays = snapshot
        state, steps = arrays["state"].copy(), arrays["steps"].copy()
        if state.shape != self.env.state.shape or steps.shape != self.env.steps.shape:
            raise ValueError(
                f"the snapshot is of {state.shape[-1]} environments; got {self.env.num_envs}"
            )
        self.rng.bit_generator.state = record["rng"]
        self.env.state, self.env.steps = state, steps
        self.obs = self._shown()
        return np.zeros(self.env.num_envs, bool)

    def records(self, e: int = 0) -> list[Record]:
        return []  # the poles' state is all there is; nothing has to be played again

    def close(self) -> None:
        self.env.close()

    def _shown(self) -> np.ndarray:
        return self.env.state.T.astype(np.float32)

    def _put_up(self, fallen: np.ndarray) -> None:
        size = (4, int(fallen.sum()))
        self.env.state[:, fallen] = self.rng.uniform(self.env.low, self.env.high, size)
        self.env.steps[fallen] = 0
        self.env.prev_done[:] = False
