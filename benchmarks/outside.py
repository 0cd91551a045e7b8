"""Write what chapter 12 sets beside its own runs: another program's, and random actions.

    python benchmarks/outside.py        (needs the extra `mujoco`)

The rows of sb3-contrib come from benchmarks/results/training.json, which `benchmarks/training.py`
measures, for the seeds that `benchmarks/practice.py` reports. The return of uniformly random
actions, over 100 episodes, is where the chapter's normalised scores begin. Writes
book/data/outside.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.practice import ENVIRONMENTS, SEEDS, mujoco_version, short  # noqa: E402
from benchmarks.report import machine  # noqa: E402

SOURCE = ROOT / "benchmarks" / "results" / "training.json"
DATA = ROOT / "book" / "data" / "outside.json"
EPISODES = 100


def rows() -> list[dict[str, Any]]:
    """Each program's mean returns of every environment and seed that the chapter reports."""
    measured = json.loads(SOURCE.read_text("utf-8"))
    names = [env for env, _ in ENVIRONMENTS.values()]
    own = [o for o in measured if o["program"] != "npgkit" and o["seed"] in SEEDS]
    own.sort(key=lambda o: (o["program"], names.index(o["env"]), o["seed"]))
    kept = ("program", "env", "seed", "evaluation", "sampled")
    return [{key: short(o[key]) if key in kept[3:] else o[key] for key in kept} for o in own]


def random_return(env: str) -> float:
    """The mean return of uniformly random actions."""
    with gymnasium.make(env) as alone:
        alone.action_space.seed(0)
        return float(np.mean([_episode(alone, seed) for seed in range(EPISODES)]))


def _episode(env: gymnasium.Env, seed: int) -> float:
    env.reset(seed=seed)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        total, over = total + float(reward), terminated or truncated
    return total


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    head = {
        "command": "python benchmarks/outside.py",
        "machine": machine(),
        "versions": {"gymnasium": gymnasium.__version__, **mujoco_version()},
        "random": {env: short(random_return(env)) for env, _ in ENVIRONMENTS.values()},
        "threshold": {
            env: gymnasium.spec(env).reward_threshold for env, _ in ENVIRONMENTS.values()
        },
    }
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows())
    text = json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"
    DATA.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
