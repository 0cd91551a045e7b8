"""Train without each choice that goes unmentioned, and store what it was worth for chapter 13.

    OPENBLAS_NUM_THREADS=1 python benchmarks/choices.py [--only CartPole-v1 ...] [--seeds 10]
        [--workers 2]        (the MuJoCo environments need the extra `mujoco`)

`ARMS` has the choices: "whole" is the trust region as it is; each other arm takes one choice away,
by a setting where there is one, else by a small subclass of `Run` here. An arm that an environment
cannot have (the Gaussian's, with discrete actions) is left out. All arms of an environment run with
the same seeds, from 400 up, which were used for nothing else, so that they are compared in pairs.

A run gives two numbers: `end`, the mean return of twenty episodes with the most likely actions
after training, and `curve`, the mean training return over all iterations, each of which has equally
many environment steps; an iteration in which no episode ended has the value of the one before, and
those before the first end have the first value. Finished runs are kept in --runs, a file each, so
that what was interrupted goes on. book/data/choices.json is written when all is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import npgkit  # noqa: E402
from benchmarks.practice import mujoco_version, short  # noqa: E402
from benchmarks.report import machine  # noqa: E402
from npgkit.practice import normaliser  # noqa: E402
from npgkit.practice import run as run_module  # noqa: E402
from npgkit.practice.rollout import Rollout  # noqa: E402
from npgkit.practice.run import Run  # noqa: E402
from npgkit.practice.settings import settings_for  # noqa: E402

RESULT = ROOT / "book" / "data" / "choices.json"
FIRST_SEED, EPISODES = 400, 20
TASKS = {
    "CartPole-v1": 100_000, "Acrobot-v1": 100_000, "Pendulum-v1": 100_000,
    "InvertedPendulum-v5": 100_000, "Swimmer-v5": 200_000, "Hopper-v5": 300_000,
}  # fmt: skip
DISCRETE = ("CartPole-v1", "Acrobot-v1")


class LargeLastLayer(Run):
    """The policy's last layer begins as large as the others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        network = self.policy.network
        inner = getattr(network, "network", network)  # without the free deviations
        W, _ = inner.unpack(self.theta[: inner.n_params])[-1]
        W *= 100.0


class SmallDeviation(Run):
    """The deviations begin at exp(-1)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.theta[-self.policy.network.n_free :] = -1.0


class DeviationOfTheState(Run):
    """The log deviations are outputs of the network, in the place of parameters of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner, free = self.policy.network.network, self.policy.network.n_free
        network = npgkit.MLP(inner.n_inputs, inner.hidden, inner.n_outputs + free)
        self.policy = npgkit.Policy(network, self.policy.distribution)
        wide = network.init(np.random.default_rng([self.seed, 1])).astype(self.theta.dtype)
        for (W, b), (kept_W, kept_b) in zip(
            network.unpack(wide), inner.unpack(self.theta[: inner.n_params]), strict=True
        ):
            W[:, : kept_W.shape[1]], b[: len(kept_b)] = kept_W, kept_b
        self.theta = wide


class CutActions(Run):
    """The batch holds the actions that the environment was given, cut at its bounds."""

    def _batch(self, rollout: Rollout, *args: Any) -> npgkit.Batch:
        space = self.pool.single_action_space
        given = np.clip(rollout.act, space.low.ravel(), space.high.ravel())
        return super()._batch(replace(rollout, act=given.astype(rollout.act.dtype)), *args)


class LimitsAsEnds(Run):
    """An episode that was stopped by its time limit counts as one that ended."""

    def _advantages(self, rollout: Rollout, *args: Any) -> tuple[np.ndarray, np.ndarray]:
        over = rollout.terminated | rollout.truncated
        never = np.zeros_like(rollout.truncated)
        return super()._advantages(replace(rollout, terminated=over, truncated=never), *args)


@contextmanager
def changed(module: Any, name: str, value: Any) -> Iterator[None]:
    """A module's name with another value; it must be there."""
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)


def as_estimated(adv: np.ndarray) -> np.ndarray:
    return adv.astype(np.float32)


@dataclass(frozen=True)
class Arm:
    """A choice taken away: a setting, a kind of run, or another value of a module's name."""

    settings: tuple[tuple[str, Any], ...] = ()
    kind: type[Run] = Run
    patch: tuple[Any, str, Any] | None = None
    gaussian: bool = False  # whether it needs real actions

    def fits(self, env: str) -> bool:
        return not (self.gaussian and env in DISCRETE)


ARMS = {
    "whole": Arm(),
    "last layer not scaled": Arm(kind=LargeLastLayer),
    "observations not normalised": Arm(settings=(("normalise", False),)),
    "observations not cut at 10": Arm(patch=(normaliser, "CLIP", np.inf)),
    "advantages as estimated": Arm(patch=(run_module, "_standardised", as_estimated)),
    "critic not damped": Arm(settings=(("value_damping", 0.0),)),
    "time limits as ends": Arm(kind=LimitsAsEnds),
    "logp of the cut action": Arm(kind=CutActions, gaussian=True),
    "deviations from the network": Arm(kind=DeviationOfTheState, gaussian=True),
    "deviations begin at exp(-1)": Arm(kind=SmallDeviation, gaussian=True),
}


def carried(values: list[float]) -> np.ndarray:
    """The values, each that is not finite replaced by the last one before it, or the first."""
    told = np.array(values, float)
    known = np.flatnonzero(np.isfinite(told))
    if len(known) == 0:
        return told
    at = np.maximum.accumulate(np.where(np.isfinite(told), np.arange(len(told)), known[0]))
    return told[at]


def train(env: str, arm: str, seed: int, steps: int) -> dict[str, Any]:
    """Train one run; an exception of its own becomes the result, as it would end the program."""
    chosen, start = ARMS[arm], time.process_time()
    result: dict[str, Any] = {"env": env, "arm": arm, "seed": seed, "status": "failed"}
    patch = changed(*chosen.patch) if chosen.patch else changed(normaliser, "CLIP", normaliser.CLIP)
    try:
        with patch:
            settings = settings_for(env, **dict(chosen.settings))
            run = chosen.kind(env, "trpo", seed=seed, settings=settings)
            records = []
            while run.env_steps < steps:
                records.append(run.step())
            agent = run.agent
            ends = [
                float(np.mean(agent.evaluate(EPISODES, seed, deterministic=mode)))
                for mode in (True, False)
            ]
            run.close()
    except Exception:
        result["error"] = traceback.format_exc().strip().rpartition("\n")[2]
        return result
    kls = np.array([record.kl for record in records]) / settings.epsilon
    curve = carried([record.mean_return for record in records])
    return {
        **result,
        "status": "done",
        "end": ends[0],
        "sampled": ends[1],
        "curve": float(curve.mean()),
        "refused": float(np.mean(kls == 0)),
        "kl": float(np.median(kls)),
        "explained": float(np.median([record.explained for record in records])),
        "entropy": [float(records[k].entropy) for k in (0, -1)],
        "cpu_seconds": time.process_time() - start,
    }


def place(runs: Path, env: str, arm: str, seed: int, steps: int) -> Path:
    return runs / f"{env} {arm} {steps} {seed}.json"


def write(results: list[dict[str, Any]], command: str, seeds: dict[str, int]) -> None:
    envs = sorted({r["env"] for r in results}, key=list(TASKS).index)
    full = {
        "command": command,
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "gymnasium": gymnasium.__version__,
            **mujoco_version(),
        },
        "episodes": EPISODES,
        "steps": {env: TASKS[env] for env in envs},
        "seeds": {env: [FIRST_SEED + k for k in range(seeds[env])] for env in envs},
        "settings": {env: asdict(settings_for(env)) for env in envs},
        "arms": list(ARMS),
    }
    kept = [{k: v for k, v in r.items() if k != "cpu_seconds"} for r in results]
    lines = ",\n".join(json.dumps(short(r), separators=(",", ":")) for r in kept)
    text = json.dumps(full, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(text, "utf-8")
    print("wrote", RESULT, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=ROOT / "_build" / "choices")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    jobs = [
        (env, arm, FIRST_SEED + k, TASKS[env])
        for env in options.only
        for k in range(options.seeds)
        for arm, chosen in ARMS.items()
        if chosen.fits(env)
    ]
    waiting = [job for job in jobs if not place(options.runs, *job).is_file()]
    print(f"{len(jobs)} runs, {len(waiting)} to do", flush=True)
    with ProcessPoolExecutor(options.workers) as pool:
        futures = {pool.submit(train, *job): job for job in waiting}
        for done in as_completed(futures):
            path = place(options.runs, *futures[done])
            path.with_suffix(".part").write_text(json.dumps(done.result()), "utf-8")
            path.with_suffix(".part").rename(path)
    store(options.runs)


def store(runs: Path) -> None:
    """Write the file from the runs that are there: of each environment the seeds all arms have."""
    results, seeds = [], {}
    for env in TASKS:
        arms = [arm for arm, chosen in ARMS.items() if chosen.fits(env)]

        def found(k: int, env: str = env, arms: list[str] = arms) -> list[Path]:
            return [place(runs, env, arm, FIRST_SEED + k, TASKS[env]) for arm in arms]

        seeds[env] = 0
        while all(path.is_file() for path in found(seeds[env])):
            results += [json.loads(path.read_text("utf-8")) for path in found(seeds[env])]
            seeds[env] += 1
    results = [r for r in results if seeds[r["env"]]]
    command = "OPENBLAS_NUM_THREADS=1 python benchmarks/choices.py"
    write(results, command, seeds)


if __name__ == "__main__":
    main()
