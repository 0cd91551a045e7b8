"""Plain ascent with Adam, as one more method for the tables of the chapter on practice.

The gradient of the batch's surrogate, as `euclidean_step` follows it, goes through the moving means
of Kingma and Ba (2015); one step an iteration. It is no method of the package: its moments would
have to be part of every checkpoint.
"""

from __future__ import annotations

import math
import time
import traceback
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from npgkit import Batch, Result, Step
from npgkit.practice.results import DONE, FAILED, changes_of
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for
from npgkit.step_result import Start

DECAY, SQUARE_DECAY, LEAST = 0.9, 0.999, 1e-8


class AdamRun(Run):
    """A run whose policy steps along Adam's direction, with `alpha` as its step size."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.first = self.second = np.zeros_like(self.theta)

    def _improve(self, batch: Batch) -> Step:
        start = Start.of(self.policy, self.theta, batch)
        self.first = DECAY * self.first + (1 - DECAY) * start.g
        self.second = SQUARE_DECAY * self.second + (1 - SQUARE_DECAY) * start.g**2
        t = self.iteration + 1
        mean, square = self.first / (1 - DECAY**t), self.second / (1 - SQUARE_DECAY**t)
        direction = (mean / (np.sqrt(square) + LEAST)).astype(self.theta.dtype)
        return start.accept(direction, self.settings.alpha)


def adam_job(name: str, config: dict[str, Any], seed: int) -> Result:
    """Train one configuration with one seed and evaluate it, as `npgkit.run_experiment` does."""
    result = Result(name, seed, FAILED, [], [], [], "", 0.0, [])
    start = time.process_time()
    try:
        with threadpool_limits(1):
            settings = settings_for(config["env"], **changes_of(config))
            run = AdamRun(config["env"], "vpg", seed=seed, settings=settings)
            while run.env_steps < config["total_steps"]:
                record = run.step()
                result.kls.append(record.kl)
                if not math.isnan(record.mean_return):
                    result.curve.append([record.env_steps, record.mean_return])
            seconds, episodes = time.process_time() - start, config["eval_episodes"]
            run.close()
            both = [
                run.agent.evaluate(episodes, seed, deterministic=mode) if episodes else []
                for mode in (True, False)
            ]
    except Exception:
        seconds = time.process_time() - start
        return replace(result, error=traceback.format_exc(), cpu_seconds=seconds)
    return replace(result, status=DONE, evaluation=both[0], sampled=both[1], cpu_seconds=seconds)
