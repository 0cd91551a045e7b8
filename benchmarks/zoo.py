"""Train the right program of chapter 14 and its twelve exhibits on two worlds, ten seeds each.

    OPENBLAS_NUM_THREADS=1 python benchmarks/zoo.py [--workers 2]

All programs share their seeds, so that the same seed begins with the same policy, the same states
and the same draws. A curve is the mean return of the episodes that ended in an iteration (of the
last one in which any did), to four significant digits. Written to book/data/zoo.json beside the
settings, the command, the versions and the machine. The whole takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine  # noqa: E402
from npgkit.lab.zoo import EXHIBITS, Drone, Pole, right_program  # noqa: E402

PLACE = ROOT / "book" / "data" / "zoo.json"
WORLDS = {"pole": Pole, "drone": Drone}
ITERATIONS = {"pole": 100, "drone": 60}
COPIES, STEPS, SEEDS = 32, 64, range(700, 710)


def policy_for(program: Any, world: str) -> Any:
    """The policy that acts in a world: it chooses for the pole and draws for the drone."""
    return program.Softmax(5, 2) if world == "pole" else program.Gaussian(7, 3)


def train(number: int, name: str, seed: int, iterations: int | None = None) -> list[float]:
    """Train a program, 0 for the right one, and return its curve."""
    program = EXHIBITS[number - 1].program() if number else right_program()
    rng = np.random.default_rng(seed)
    world = WORLDS[name](COPIES, rng)
    policy = policy_for(program, name)
    theta, w = np.zeros(policy.size), np.zeros(program.features(world.obs).shape[1])
    curve: list[float] = []
    for _ in range(iterations or ITERATIONS[name]):
        world.returns.clear()
        with np.errstate(all="ignore"):
            theta, w = program.update(world, policy, theta, w, rng, STEPS)
        if not np.isfinite(theta).all():
            raise FloatingPointError(f"program {number}, {name}, seed {seed}: theta is not finite")
        told = float(np.mean(world.returns)) if world.returns else (curve or [0.0])[-1]
        curve.append(float(f"{told:.4g}"))
    return curve


def main() -> None:
    """Train all of them and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    asked = [(k, name, s) for name in WORLDS for k in range(len(EXHIBITS) + 1) for s in SEEDS]
    with ProcessPoolExecutor(workers) as pool:
        curves = list(pool.map(train, *zip(*asked, strict=True), chunksize=10))
    told = {
        "command": "OPENBLAS_NUM_THREADS=1 python benchmarks/zoo.py",
        "machine": machine(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "copies": COPIES,
        "steps": STEPS,
        "iterations": ITERATIONS,
        "seeds": list(SEEDS),
        "titles": ["right", *(e.title for e in EXHIBITS)],
        "runs": [
            {"program": k, "world": name, "seed": s, "curve": curve}
            for (k, name, s), curve in zip(asked, curves, strict=True)
        ],
    }
    PLACE.write_text(
        json.dumps(told, separators=(",", ":")).replace('{"program', '\n{"program') + "\n"
    )


if __name__ == "__main__":
    main()
