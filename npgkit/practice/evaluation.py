"""How good a policy is: whole episodes that it plays, and intervals over seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np

from npgkit.validation import as_count, as_floats, as_scalar

from .contract import CheckedEnv, EnvironmentFault, close_all, require_usable
from .spaces import as_actions

MAX_STEPS = 100_000
"""After so many steps an episode is taken for one that never ends."""


def play(
    choose: Callable[[np.ndarray], np.ndarray],
    make: Callable[[int], gymnasium.Env],
    episodes: int,
    seed: int,
    *,
    at_once: int,
) -> list[float]:
    """Return the undiscounted return of each of `episodes` episodes.

    Parameters
    ----------
    choose : function of an array (n, size)
        The policy's actions for flat observations.
    make : function of a number
        Makes that environment of those that are played side by side.
    episodes, seed : int
        The start of each episode is a function of `seed` and of its number alone.
    at_once : int
        At most so many environments are open at a time.

    Raises `EnvironmentFault` on a reward or an observation that cannot be used, and on an episode
    that goes on after `MAX_STEPS`. All environments are closed at the end, whatever happened.
    """
    episodes = as_count("episodes", episodes, at_least=1)
    sequence = np.random.SeedSequence([as_count("seed", seed, at_least=0), 1])
    seeds = np.random.default_rng(sequence).integers(2**31, size=episodes).tolist()
    returns, waiting = [0.0] * episodes, list(range(episodes))[::-1]
    envs: list[CheckedEnv] = []
    try:
        for number in range(min(episodes, at_once)):
            envs.append(CheckedEnv(make(number), number))
        playing = [_Game(env, seeds, waiting) for env in envs]
        while playing:
            drawn = choose(np.stack([game.obs.reshape(-1) for game in playing]))
            actions = as_actions(envs[0].env.action_space, drawn)
            for game, action in zip(playing, actions, strict=True):
                game.step(action, returns)
            playing = [game for game in playing if not game.over]
    finally:
        close_all(envs)
    return returns


class _Game:
    """One environment and the episode that it is in; it takes the next one from `waiting`."""

    def __init__(self, env: CheckedEnv, seeds: list[int], waiting: list[int]) -> None:
        self.env, self.seeds, self.waiting = env, seeds, waiting
        self.over = False
        self._next()

    def step(self, action: object, returns: list[float]) -> None:
        self.obs, reward, terminated, truncated = self.env.step(action)
        self._check("reward", np.asarray(reward))
        self._check("observation", self.obs)
        returns[self.episode] += reward
        self.t += 1
        if terminated or truncated:
            self.over = not self.waiting
            if not self.over:
                self._next()
        elif self.t == MAX_STEPS:
            raise EnvironmentFault(
                f"an episode of {self.env.name} has not ended after {self.t} steps; give it a "
                "limit with gymnasium.wrappers.TimeLimit"
            )

    def _next(self) -> None:
        self.episode, self.t = self.waiting.pop(), 0
        self.obs = self.env.reset(self.seeds[self.episode])
        self._check("observation", self.obs)

    def _check(self, name: str, value: np.ndarray) -> None:
        env = self.env
        where = f"of environment {env.number} ({env.name}) at step {self.t} of the episode"
        require_usable(f"{name} {where} with seed {env.seed}", value)


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its interval; NaN where one value tells nothing of the spread."""

    estimate: float
    low: float
    high: float


def interquartile_mean(values: np.ndarray) -> float:
    """Return the mean of the middle half of the values (Agarwal et al., 2021)."""
    from scipy import stats

    values = as_floats("values", values, ("n",))
    if len(values) == 0:
        raise ValueError("values has no entries; a mean needs at least one")
    return float(stats.trim_mean(values, 0.25))


def interval(values: np.ndarray, *, level: float = 0.95, resamples: int = 2000) -> Interval:
    """Return the interquartile mean over seeds with its percentile-bootstrap interval.

    One value says nothing about the spread over seeds: its interval is NaN.
    """
    from scipy import stats

    level = as_scalar("level", level, above=0.0, below=1.0)
    resamples = as_count("resamples", resamples, at_least=2)  # one has no spread
    values = as_floats("values", values, ("n",))
    estimate = interquartile_mean(values)
    if len(values) == 1:
        return Interval(estimate, np.nan, np.nan)
    if np.ptp(values) == 0:
        return Interval(estimate, estimate, estimate)
    found = stats.bootstrap(
        (values,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        confidence_level=level,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(estimate, float(found.low), float(found.high))
