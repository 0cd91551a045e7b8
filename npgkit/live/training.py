"""TRPO on CartPole in the page: an iteration at a time, with a radius that the reader moves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from npgkit.practice.environments import make_env
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for

ENVIRONMENT = "CartPole-v1"
SHOWN_STEPS = 250  # five seconds of the pole


class PoleTraining:
    """A run whose KL radius and line search can be changed between two iterations.

    Parameters
    ----------
    seed : int
    epsilon : float
    line_search : bool
        Without it, the natural step of radius epsilon is taken whatever its true KL.
    """

    def __init__(self, seed: int, epsilon: float, line_search: bool) -> None:
        self.run = Run(ENVIRONMENT, "trpo", seed=seed, settings=settings_for(ENVIRONMENT))
        self.env = make_env(ENVIRONMENT)
        self.use(epsilon, line_search)

    def use(self, epsilon: float, line_search: bool) -> None:
        """Take another radius, and the search or not, from the next iteration on."""
        self.run.settings = replace(self.run.settings, epsilon=epsilon)
        self.run.method = "trpo" if line_search else "npg"

    def step(self) -> dict[str, Any]:
        """Do one iteration; return what the page draws of it."""
        record = self.run.step()
        return {
            "steps": record.env_steps,
            "mean_return": None if math.isnan(record.mean_return) else record.mean_return,
            "kl": record.kl,
            "epsilon": self.run.settings.epsilon,
            "searched": self.run.method == "trpo",
            "reason": record.reason,
        }

    def track(self) -> list[list[float]]:
        """Return the cart's position and the pole's angle while the policy of now acts."""
        agent = self.run.agent
        obs, _ = self.env.reset(seed=self.run.iteration)
        rows = [[float(obs[0]), float(obs[2])]]
        over = False
        while not over and len(rows) < SHOWN_STEPS:
            obs, _, terminated, truncated, _ = self.env.step(agent.act(obs))
            over = bool(terminated or truncated)
            rows.append([float(obs[0]), float(obs[2])])
        return np.round(rows, 3).tolist()
