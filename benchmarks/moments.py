"""Measure what a change of the observations' moments costs, and what three ways of it earn.

    OPENBLAS_NUM_THREADS=1 python benchmarks/moments.py [--seeds 5] [--only Pendulum-v1 ...]
                                                        [--workers 2]
        (the MuJoCo environments need the extra `mujoco`)

The policy reads z = (obs - m) / s. When the moments m and s move after an iteration, the same theta
is another policy. Three ways:

- after: the moments become those of all observations after the step, and nobody counts that;
- carried: the same, with the change undone in the first layers of policy and baseline,
  W' = diag(s'/s) W and b' = b + ((m' - m)/s) W;
- follow: what npgkit does, `npgkit.practice.normaliser.follow`.

For each iteration the mean KL on its rows, in units of epsilon, between the policy that acted in it
and the one that acts in the next. Writes benchmarks/results/moments.md and
book/data/moments.json, which the chapter on practice reads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.practice import ENVIRONMENTS, short  # noqa: E402
from benchmarks.report import machine, table  # noqa: E402
from npgkit.perceptron import MLP  # noqa: E402
from npgkit.practice.normaliser import Normaliser  # noqa: E402
from npgkit.practice.run import Iteration, Run  # noqa: E402
from npgkit.practice.settings import settings_for  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "moments.md"
DATA = ROOT / "book" / "data" / "moments.json"
STEPS = dict(ENVIRONMENTS.values())
EPISODES = 20
FIRST_SEED = 300


class Follow(Run):
    """npgkit's own way; keeps the rows of the iteration and what acted on them."""

    rows: np.ndarray
    acted: np.ndarray

    def _follow(self, rows: np.ndarray, acted: np.ndarray) -> None:
        self.rows, self.acted = rows, acted
        super()._follow(rows, acted)

    def kl_since(self) -> float:
        """Mean KL on the rows between what acted in the last iteration and what acts now."""
        out = self.policy.linearize(self.theta, self.normalise_obs(self.rows)).out
        return float(self.policy.distribution.kl(out, self.acted).mean())


class After(Follow):
    """All of the change, after the step, uncounted."""

    def _follow(self, rows: np.ndarray, acted: np.ndarray) -> None:
        self.rows, self.acted = rows, acted
        self.seen = self.seen.updated(rows)

    def step(self) -> Iteration:
        record = super().step()
        self.adopt(self.seen)
        return record

    def adopt(self, moments: Normaliser) -> None:
        self.normaliser = moments


def perceptron(run: Run) -> MLP:
    """The policy's network without its free outputs."""
    network = run.policy.network
    while not isinstance(network, MLP):
        network = network.network
    return network


class Carried(After):
    """All of the change, after the step, undone in the first layers."""

    def adopt(self, moments: Normaliser) -> None:
        mlp = perceptron(self)
        for network, params in ((mlp, self.theta), (self.baseline.network, self.value_params)):
            W, b = network.unpack(params[: network.n_params])[0]
            b += ((moments.mean - self.normaliser.mean) / self.normaliser.scale) @ W
            W *= (moments.scale / self.normaliser.scale)[:, None]
        self.normaliser = moments


WAYS: dict[str, type[Follow]] = {"after": After, "carried": Carried, "follow": Follow}


@dataclass(frozen=True)
class Measured:
    env: str
    way: str
    seed: int
    shares: list[float]  # of epsilon, one an iteration
    evaluation: float
    sampled: float
    saturated: float  # the share of the first layer's units beyond |tanh| = .99 on the last rows


def saturation(run: Follow) -> float:
    mlp = perceptron(run)
    W, b = mlp.unpack(run.theta[: mlp.n_params])[0]
    return float((np.abs(np.tanh(run.normalise_obs(run.rows) @ W + b)) > 0.99).mean())


def measure(env: str, way: str, seed: int) -> Measured:
    settings = settings_for(env)
    run = WAYS[way](env, "trpo", seed=seed, settings=settings)
    shares = []
    while run.env_steps < STEPS[env]:
        run.step()
        shares.append(run.kl_since() / settings.epsilon)
    saturated = saturation(run)
    run.close()
    level, sampled = (
        statistics.mean(run.agent.evaluate(EPISODES, seed, deterministic=mode))
        for mode in (True, False)
    )
    return Measured(env, way, seed, shares, level, sampled, saturated)


def report(found: list[Measured]) -> str:
    header = ["environment", "way", "largest share of epsilon, seed by seed", "median share",
              "evaluations", "mean", "drawn", "saturated units"]  # fmt: skip
    rows = []
    for env in dict.fromkeys(m.env for m in found):
        for way in WAYS:
            own = [m for m in found if (m.env, m.way) == (env, way)]
            rows.append(
                [
                    env,
                    way,
                    " ".join(f"{max(m.shares):.2f}" for m in own),
                    f"{np.median([m.shares for m in own]):.2f}",
                    " ".join(f"{m.evaluation:.0f}" for m in own),
                    f"{statistics.mean(m.evaluation for m in own):.0f}",
                    f"{statistics.mean(m.sampled for m in own):.0f}",
                    f"{statistics.mean(m.saturated for m in own):.0%}",
                ]
            )
    seeds = sorted({m.seed for m in found})
    return "\n".join(
        [
            "# What a change of the moments costs",
            "",
            f"{machine()}. Made by `OPENBLAS_NUM_THREADS=1 python benchmarks/moments.py`; seeds"
            f" {seeds[0]} to {seeds[-1]}, steps"
            f" {', '.join(f'{env} {STEPS[env] // 1000}k' for env in {m.env: 0 for m in found})}.",
            "",
            table(header, rows),
            "",
            "A share of epsilon is the mean KL, on an iteration's rows, between the policy that"
            " acted in it and the one that acts in the next. Five seeds do not tell the returns of"
            " two ways apart unless they lie far from each other.",
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    jobs = [(env, way, seed) for env in options.only for way in WAYS for seed in seeds]
    with ProcessPoolExecutor(options.workers) as pool:
        found = list(pool.map(measure, *zip(*jobs, strict=True)))
    RESULT.write_text(report(found), "utf-8")
    head = {
        "command": "OPENBLAS_NUM_THREADS=1 python benchmarks/moments.py",
        "machine": machine(),
        "seeds": list(seeds),
    }
    lines = ",\n".join(json.dumps(short(asdict(m)), separators=(",", ":")) for m in found)
    text = json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"
    DATA.write_text(text, "utf-8")
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
