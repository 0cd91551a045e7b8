"""Train what chapter 12 of the book reports, and store it in book/data/practice/.

    OPENBLAS_NUM_THREADS=1 python benchmarks/practice.py [--only cartpole acrobot ...] [--workers 2]
        (all groups but cartpole, pendulum, acrobot and policy need the extra `mujoco`)

A group is a set of configurations, each run with every seed of a set of seeds. It becomes one JSON
file: for each run its learning curve, the KL of every update and the returns of its evaluation,
rounded to four significant digits; and the settings, what each configuration changes in them, the
command, the versions and the machine. Finished runs are kept in --runs, so that an interrupted
group continues where it stopped; a group is written when all of its runs are finished. `policy`
stores one trained policy, for the film.

The plain gradient has no epsilon. In each environment it gets the best of four step sizes, by the
mean return of the curve's last quarter over two seeds that are used for nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine  # noqa: E402
from npgkit import Result, run_experiment  # noqa: E402
from npgkit.practice.results import FAILED  # noqa: E402
from npgkit.practice.run import Run  # noqa: E402
from npgkit.practice.settings import settings_for  # noqa: E402

PLACE = ROOT / "book" / "data" / "practice"
ALPHAS = (0.1, 0.4, 1.6, 6.4)
ALPHA_SEEDS = (100, 101)
EPSILONS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
SWIMMER_EPSILONS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)
ENVIRONMENTS = {  # group: id, steps, seeds
    "cartpole": ("CartPole-v1", 100_000, range(10)),
    "pendulum": ("Pendulum-v1", 100_000, range(10)),
    "acrobot": ("Acrobot-v1", 100_000, range(10)),
    "invertedpendulum": ("InvertedPendulum-v5", 100_000, range(5)),
    "swimmer": ("Swimmer-v5", 200_000, range(5)),
    "hopper": ("Hopper-v5", 300_000, range(5)),
}
ABLATED = {
    "CartPole-v1": 60_000, "Acrobot-v1": 100_000, "Pendulum-v1": 100_000,
    "InvertedPendulum-v5": 100_000,
}  # fmt: skip
OTHERS = ("epsilon", "ablation", "policy")
Configs = dict[str, dict[str, Any]]


def step_sizes(group: str) -> Configs:
    """The plain gradient with each of `ALPHAS`, for half as long as the group's runs."""
    env, steps, _ = ENVIRONMENTS[group]
    common = {"env": env, "method": "vpg", "total_steps": steps // 2, "eval_episodes": 0}
    return {f"alpha={alpha:g}": {**common, "alpha": alpha} for alpha in ALPHAS}


def methods(group: str, alpha: float) -> Configs:
    env, steps, _ = ENVIRONMENTS[group]
    common = {"env": env, "total_steps": steps}
    return {
        "trpo": {**common, "method": "trpo"},
        "vpg": {**common, "method": "vpg", "alpha": alpha},
        "npg": {**common, "method": "npg"},
    }


def epsilons() -> Configs:
    """A range of radii in two environments: the default does well in one and badly in the other."""
    pole = {"env": "CartPole-v1", "total_steps": 60_000}
    swimmer = {"env": "Swimmer-v5", "total_steps": 200_000, "method": "trpo"}
    return {
        f"{method} epsilon={epsilon:g}": {**pole, "method": method, "epsilon": epsilon}
        for method in ("trpo", "npg")
        for epsilon in EPSILONS
    } | {
        f"swimmer epsilon={epsilon:g}": {**swimmer, "epsilon": epsilon}
        for epsilon in SWIMMER_EPSILONS
    }


def ablations() -> Configs:
    """TRPO, and TRPO without one of its parts, with the default radius and with ten times it."""
    taken: Configs = {
        "whole": {"method": "trpo"},
        "no line search": {"method": "npg"},
        "no damping": {"method": "trpo", "damping": 0.0},
        "two iterations of CG": {"method": "trpo", "cg_iterations": 2},
    }
    return {
        f"{env} {name} epsilon={epsilon:g}": {
            "env": env, "total_steps": steps, "epsilon": epsilon, **change,
        }
        for env, steps in ABLATED.items()
        for epsilon in (0.01, 0.1)
        for name, change in taken.items()
    }  # fmt: skip


def settings_by_environment(configs: Configs) -> dict[str, Any]:
    """The settings of each environment that the configurations name, before their changes."""
    return {env: asdict(settings_for(env)) for env in sorted({c["env"] for c in configs.values()})}


def last_quarter(result: Result) -> float:
    """The mean training return of the curve's last quarter; minus infinity for a failed run."""
    if result.status == FAILED or not result.curve:
        return -math.inf
    steps, returns = np.array(result.curve).T
    return float(returns[steps > 0.75 * steps[-1]].mean())


def best_alpha(results: Iterable[Result]) -> tuple[float, dict[str, float]]:
    scores: dict[str, list[float]] = {}
    for result in results:
        scores.setdefault(result.name, []).append(last_quarter(result))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return float(max(means, key=means.__getitem__).removeprefix("alpha=")), means


def short(value: Any) -> Any:
    """`value` with its floats rounded to four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: short(entry) for key, entry in value.items()}
    return [short(entry) for entry in value] if isinstance(value, list | tuple) else value


def write(name: str, content: dict[str, Any]) -> None:
    """Write the file of one group, with its command, machine and versions; a run is a line."""
    runs = content.pop("runs", None)
    full = {
        "command": f"OPENBLAS_NUM_THREADS=1 python benchmarks/practice.py --only {name}",
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "gymnasium": gymnasium.__version__,
            **mujoco_version(),
        },
        **content,
    }
    text = re.sub(r"\[\s+([^][{}]*?)\s+\]", _on_one_line, json.dumps(full, indent=1))
    if runs is not None:
        lines = ",\n".join(json.dumps(run, separators=(",", ":")) for run in runs)
        text = text[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}"
    PLACE.mkdir(parents=True, exist_ok=True)
    (PLACE / f"{name}.json").write_text(text + "\n", "utf-8")
    print("wrote", name, flush=True)


def _on_one_line(found: re.Match[str]) -> str:
    """A list of numbers, as `json.dumps` without an indent writes it."""
    return "[" + re.sub(r"\s+", " ", found[1]) + "]"


def mujoco_version() -> dict[str, str]:
    try:
        return {"mujoco": metadata.version("mujoco")}
    except metadata.PackageNotFoundError:
        return {}


def rows(results: Iterable[Result]) -> list[dict[str, Any]]:
    return [
        {
            "name": r.name,
            "seed": r.seed,
            "status": r.status,
            "error": r.error.strip().rpartition("\n")[2],
            "curve": [[steps, short(value)] for steps, value in r.curve],
            "kls": short(r.kls),
            "evaluation": short(r.evaluation),
        }
        for r in results
    ]


def policy() -> None:
    """Store the policy that TRPO has after 60,000 steps of CartPole, and its first one."""
    env, seed, steps = "CartPole-v1", 0, 60_000
    run = Run(env, "trpo", seed=seed, settings=settings_for(env))
    first = run.theta
    while run.env_steps < steps:
        run.step()
    content = {
        "env": env, "method": "trpo", "seed": seed, "total_steps": steps,
        "hidden": list(run.settings.hidden),
        "mean": short(run.normaliser.mean.tolist()), "var": short(run.normaliser.var.tolist()),
        "untrained": short(first.tolist()), "theta": short(run.theta.tolist()),
    }  # fmt: skip
    run.close()
    write("policy", content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*ENVIRONMENTS, *OTHERS])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=ROOT / "_build" / "practice")
    options = parser.parse_args()
    chosen = options.only or [*ENVIRONMENTS, *OTHERS]
    with ProcessPoolExecutor(options.workers) as pool:
        for group in chosen:
            place = options.runs / group
            if group == "policy":
                policy()
            elif group in OTHERS:
                configs, seeds = (epsilons if group == "epsilon" else ablations)(), range(5)
                results = run_experiment(configs, seeds, executor=pool, directory=place)
                content = {
                    "settings": settings_by_environment(configs),
                    "configs": configs, "seeds": list(seeds), "runs": rows(results),
                }  # fmt: skip
                write(group, content)
            else:
                sizes = step_sizes(group)
                found = run_experiment(sizes, ALPHA_SEEDS, executor=pool, directory=place)
                alpha, scores = best_alpha(found)
                print(group, alpha, scores, flush=True)
                configs, seeds = methods(group, alpha), ENVIRONMENTS[group][2]
                results = run_experiment(configs, seeds, executor=pool, directory=place)
                content = {
                    "settings": asdict(settings_for(ENVIRONMENTS[group][0])),
                    "configs": configs,
                    "seeds": list(seeds),
                    "step_sizes": {
                        "alpha": alpha, "scores": short(scores), "seeds": list(ALPHA_SEEDS),
                        "total_steps": sizes[f"alpha={alpha:g}"]["total_steps"],
                    },
                    "runs": rows(results),
                }  # fmt: skip
                write(group, content)


if __name__ == "__main__":
    main()
