"""How good a trained policy is: whole episodes with its most likely actions, intervals over seeds.

Layer 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npgkit.validation import as_count, as_floats, as_scalar

from .contract import EnvironmentFault
from .environments import make_pool
from .rollout import require_finite, require_finite_step
from .training import Environment, Run

MAX_STEPS = 100_000
"""After so many steps an episode is taken for one that never ends."""


def evaluate_policy(run: Run, env: Environment, episodes: int, seed: int) -> list[float]:
    """Return the undiscounted return of each of `episodes` episodes, with deterministic actions.

    The episodes' starts are a function of `seed` alone; the run is left as it is. They are played
    side by side, each environment one episode, so that short ones are not counted more often.

    Raises `EnvironmentFault` on a reward or an observation that is not finite, and on an episode
    that goes on after `MAX_STEPS`; `ValueError` on an environment of other spaces than the run's.
    """
    episodes = as_count("episodes", episodes, at_least=1)
    rng = np.random.default_rng(np.random.SeedSequence([as_count("seed", seed, at_least=0), 1]))
    pool = make_pool(env, episodes, rng)
    returns, running, t = np.zeros(episodes), np.ones(episodes, bool), 0
    try:
        own, other = ((p.single_observation_space, p.single_action_space) for p in (run.pool, pool))
        if own != other:
            raise ValueError(
                f"the run is of {run.pool.name}, with the spaces {own}; {pool.name} has {other}"
            )
        require_finite(pool, 0, ("observation", pool.obs))
        while running.any():
            if t == MAX_STEPS:
                raise EnvironmentFault(
                    f"an episode of {pool.name} has not ended after {t} steps; give it a limit "
                    "with gymnasium.wrappers.TimeLimit"
                )
            step = pool.step(run.act(pool.obs.reshape(episodes, -1)))
            require_finite_step(pool, t, step)
            returns[running] += step.rew[running]
            running &= ~(step.terminated | step.truncated)
            t += 1
    finally:
        pool.close()
    return [float(r) for r in returns]


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its interval."""

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
    """Return the interquartile mean over seeds with its percentile-bootstrap interval."""
    from scipy import stats

    level = as_scalar("level", level, above=0.0, below=1.0)
    resamples = as_count("resamples", resamples, at_least=2)  # one has no spread
    values = as_floats("values", values, ("n",))
    estimate = interquartile_mean(values)
    if len(values) < 2 or np.ptp(values) == 0:
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
