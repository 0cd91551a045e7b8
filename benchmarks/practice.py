"""Train what the chapter on practice reports, and store it in book/data/practice/.

    OPENBLAS_NUM_THREADS=1 python benchmarks/practice.py [--only cartpole acrobot ...] [--workers 2]
        (all groups but cartpole, pendulum, acrobot and policy need the extra `mujoco`)

A group is a set of configurations, each run with every seed of a set of seeds. It becomes one JSON
file: for each run its learning curve, the KL of every update and the returns of its evaluation,
rounded to four significant digits; and the settings, what each configuration changes in them, the
command, the versions and the machine. Finished runs are kept in --runs, so that an interrupted
group continues where it stopped; a group is written when all of its runs are finished. `policy`
stores one trained policy, for the film.

Each arm of a comparison has one knob, how far a step goes, and each gets the same budget to set it:
four values, each four times the one before, on two seeds that are used for nothing else, for
100,000 steps. The best mean return over all steps is chosen, so that speed and level count, and
what was tried is stored beside the runs.
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
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.adam import adam_job  # noqa: E402
from benchmarks.report import machine  # noqa: E402
from npgkit import Result, run_experiment  # noqa: E402
from npgkit.practice.results import (  # noqa: E402
    FAILED,
    kind_of_config,
    returns_at,
    store,
    stored,
)
from npgkit.practice.run import Run  # noqa: E402
from npgkit.practice.settings import settings_for  # noqa: E402

PLACE = ROOT / "book" / "data" / "practice"
SEEDS = range(500, 510)
TUNING_SEEDS = (100, 101)
TUNING_STEPS = 100_000
EPSILONS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
SWIMMER_EPSILONS = (0.0025, 0.005, 0.01, 0.02)
ENVIRONMENTS = {  # group: id, steps
    "cartpole": ("CartPole-v1", 100_000),
    "pendulum": ("Pendulum-v1", 100_000),
    "acrobot": ("Acrobot-v1", 100_000),
    "invertedpendulum": ("InvertedPendulum-v5", 100_000),
    "swimmer": ("Swimmer-v5", 200_000),
    "hopper": ("Hopper-v5", 300_000),
}
ABLATED = {
    "CartPole-v1": 60_000, "Acrobot-v1": 100_000, "Pendulum-v1": 100_000,
    "InvertedPendulum-v5": 100_000,
}  # fmt: skip
OTHERS = ("epsilon", "ablation", "policy")
Configs = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Arm:
    """A method and its knob; of epsilon, `values` are multiples of the environment's own."""

    method: dict[str, Any]
    knob: str
    values: tuple[float, ...]


RADII = (0.25, 1.0, 4.0, 16.0)
ARMS = {
    "trpo": Arm({"method": "trpo"}, "epsilon", RADII),
    "npg": Arm({"method": "npg"}, "epsilon", RADII),
    "one product": Arm({"method": "trpo", "cg_iterations": 1}, "epsilon", RADII),
    "vpg": Arm({"method": "vpg"}, "alpha", (0.1, 0.4, 1.6, 6.4)),
    "adam": Arm({"method": "vpg", "optimizer": "adam"}, "alpha", (0.002, 0.008, 0.032, 0.128)),
}


def attempts(group: str) -> Configs:
    """Each arm with each value of its knob."""
    env, _ = ENVIRONMENTS[group]
    own = settings_for(env).epsilon
    common = {"env": env, "total_steps": TUNING_STEPS, "eval_episodes": 0}
    return {
        f"{name} {arm.knob}={value:g}": {**common, **arm.method, arm.knob: value}
        for name, arm in ARMS.items()
        for value in (v * own if arm.knob == "epsilon" else v for v in arm.values)
    }


def methods(group: str, chosen: dict[str, float]) -> Configs:
    """Each arm with the value chosen for its knob."""
    env, steps = ENVIRONMENTS[group]
    return {
        name: {"env": env, "total_steps": steps, **arm.method, arm.knob: chosen[name]}
        for name, arm in ARMS.items()
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


def mean_return(result: Result, steps: int) -> float:
    """The mean training return over all steps; minus infinity if the run failed."""
    if result.status == FAILED or not result.curve:
        return -math.inf
    return float(returns_at(result.curve, np.linspace(0, steps, 401)).mean())


def tried(configs: Configs, results: Iterable[Result]) -> list[dict[str, Any]]:
    """What each attempt gave, seed by seed: its score, and the median KL of its updates."""
    found = {(r.name, r.seed): r for r in results}
    rows = []
    for name, config in configs.items():
        own = [found[name, seed] for seed in TUNING_SEEDS]
        knob = next(knob for knob in ("epsilon", "alpha") if knob in config)
        rows.append(
            {
                "arm": name.rpartition(" ")[0],
                knob: config[knob],
                "scores": [mean_return(r, config["total_steps"]) for r in own],
                "kls": [float(np.median(r.kls)) for r in own],
            }
        )
    return rows


def best(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The value of each arm's knob with the best mean score; of equal ones the first."""
    chosen = {}
    for name, arm in ARMS.items():
        own = [row for row in rows if row["arm"] == name]
        chosen[name] = max(own, key=lambda row: float(np.mean(row["scores"])))[arm.knob]
    return chosen


def run_all(
    configs: Configs, seeds: Iterable[int], pool: ProcessPoolExecutor, place: Path
) -> list[Result]:
    """`npgkit.run_experiment`, with Adam's configurations as jobs of their own beside it."""
    seeds = list(seeds)
    ours = {name: c for name, c in configs.items() if "optimizer" not in c}
    adams = {name: {"eval_episodes": 20, **c} for name, c in configs.items() if "optimizer" in c}
    jobs = [(name, seed) for name in adams for seed in seeds]
    place.mkdir(parents=True, exist_ok=True)
    kept = {job: stored(place, *job, adams[job[0]]) for job in jobs}
    waiting = [job for job in jobs if kept[job] is None]
    futures = [pool.submit(adam_job, name, adams[name], seed) for name, seed in waiting]
    results = run_experiment(ours, seeds, executor=pool, directory=place)
    for (name, seed), future in zip(waiting, futures, strict=True):
        kept[name, seed] = future.result()
        store(place, kept[name, seed], adams[name], kind_of_config(adams[name]))
    found = {(r.name, r.seed): r for r in [*results, *kept.values()]}
    return [found[name, seed] for name in configs for seed in seeds]


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
            "sampled": short(r.sampled),
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
                configs = (epsilons if group == "epsilon" else ablations)()
                results = run_all(configs, SEEDS, pool, place)
                content = {
                    "settings": settings_by_environment(configs),
                    "configs": configs, "seeds": list(SEEDS), "runs": rows(results),
                }  # fmt: skip
                write(group, content)
            else:
                sizes = attempts(group)
                tuning = tried(sizes, run_all(sizes, TUNING_SEEDS, pool, place))
                chosen = best(tuning)
                print(group, chosen, flush=True)
                configs = methods(group, chosen)
                results = run_all(configs, SEEDS, pool, place)
                content = {
                    "settings": asdict(settings_for(ENVIRONMENTS[group][0])),
                    "configs": configs,
                    "seeds": list(SEEDS),
                    "tuning": {"seeds": list(TUNING_SEEDS), "tried": short(tuning)},
                    "runs": rows(results),
                }
                write(group, content)


if __name__ == "__main__":
    main()
