"""Two worlds in NumPy, many copies at once: a pole on a cart, and a mass that thrusters push.

`obs` is what the copies show now, (n, k). `step` takes an action for each and returns rewards,
terminated, truncated and the observations *before* a copy that ended is put back to a start, which
happens at once. A copy returns no more than this: the programs of chapter 14 do the rest.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

Array = np.ndarray[Any, Any]


class World:
    """Copies of a world, their clocks, and the returns of the episodes that have ended."""

    limit: ClassVar[int]

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.state = self.start(n)
        self.clock = rng.integers(self.limit, size=n)  # so that they do not end together
        self.so_far = np.full(n, np.nan)  # the first episode of a copy is not whole
        self.returns: list[float] = []

    def start(self, n: int) -> Array:
        """Return n first states."""
        raise NotImplementedError

    def move(self, act: Array) -> tuple[Array, Array]:
        """Move the states; return rewards and which have ended."""
        raise NotImplementedError

    @property
    def obs(self) -> Array:
        """What the copies show: their states, and a one."""
        return np.column_stack([self.state, np.ones(len(self.state))])

    def step(self, act: Array) -> tuple[Array, Array, Array, Array]:
        """Act in each copy; return rewards, terminated, truncated and the observations after."""
        rew, terminated = self.move(act)
        self.clock = self.clock + 1
        truncated = (self.clock >= self.limit) & ~terminated
        after, self.so_far = self.obs, self.so_far + rew
        ended = terminated | truncated
        self.returns += [float(x) for x in self.so_far[ended] if np.isfinite(x)]
        self.state = self.state.copy()
        self.state[ended] = self.start(int(ended.sum()))
        self.clock[ended], self.so_far[ended] = 0, 0.0
        return rew, terminated, truncated, after


class Pole(World):
    """Gymnasium's CartPole-v1: position, speed, angle and its speed; pushes left (0) and right."""

    limit = 500

    def start(self, n: int) -> Array:
        return self.rng.uniform(-0.05, 0.05, size=(n, 4))

    def move(self, act: Array) -> tuple[Array, Array]:
        x, v, angle, spin = self.state.T
        force = np.where(act == 1, 10.0, -10.0)
        sin, cos = np.sin(angle), np.cos(angle)
        push = (force + 0.05 * spin**2 * sin) / 1.1
        turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        pull = push - 0.05 * turn * cos / 1.1
        self.state = np.column_stack(
            [x + 0.02 * v, v + 0.02 * pull, angle + 0.02 * spin, spin + 0.02 * turn]
        )
        fallen = (np.abs(self.state[:, 0]) > 2.4) | (np.abs(self.state[:, 2]) > np.pi / 15)
        return np.ones(len(act)), fallen


class Drone(World):
    """A mass in space with three thrusters of strength 1 at most, to be held at the origin.

    The state is a position and a velocity. A step is worth 1 at the origin and less farther out;
    beyond a distance of 3 the mass is lost.
    """

    limit = 100

    def start(self, n: int) -> Array:
        return np.hstack([self.rng.uniform(-1, 1, size=(n, 3)), np.zeros((n, 3))])

    def move(self, act: Array) -> tuple[Array, Array]:
        x, v = np.split(self.state, 2, axis=1)
        v = v + 0.1 * np.clip(act, -1, 1)
        x = x + 0.1 * v
        self.state = np.hstack([x, v])
        far = np.linalg.norm(x, axis=1)
        return np.exp(-(far**2)), far > 3
