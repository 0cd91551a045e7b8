"""`compare`: the three methods side by side, over several seeds."""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from npgkit.practice.checkpoint import naming
from npgkit.practice.evaluation import interval
from npgkit.practice.experiments import run_experiment
from npgkit.practice.results import FAILED, Result
from npgkit.practice.run import METHODS
from npgkit.validation import as_count

from . import arguments, texts


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    arguments.add_environment(parser)
    parser.add_argument(
        "--total-steps", type=arguments.count, default=50_000, help="environment steps of each run"
    )
    parser.add_argument("--seeds", type=arguments.count, default=5, help="how many")
    parser.add_argument(
        "--eval-episodes", type=arguments.count, default=20, help="episodes at the end of each run"
    )
    parser.add_argument("--workers", type=arguments.count, default=1, help="processes")
    parser.add_argument(
        "--retry-failed", action="store_true", help="run again what failed in an earlier call"
    )
    parser.add_argument(
        "--out",
        type=arguments.directory,
        default=Path("runs/compare"),
        metavar="DIR",
        help="finished runs are kept here; a restart repeats none",
    )
    arguments.add_settings(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train all, print the table, draw the picture."""
    seeds = as_count("--seeds", chosen.seeds, at_least=1)
    as_count("--eval-episodes", chosen.eval_episodes, at_least=1)
    options, changes = arguments.options(chosen.env_option), arguments.settings(chosen.set)
    configs = {
        method: {
            "env": chosen.env,
            "method": method,
            "total_steps": chosen.total_steps,
            "eval_episodes": chosen.eval_episodes,
            **({"env_options": options} if options else {}),
            **changes,
        }
        for method in METHODS
    }
    pool = _processes(as_count("--workers", chosen.workers, at_least=1))
    try:
        results = run_experiment(
            configs, range(seeds), executor=pool, directory=chosen.out, progress=None,
            retry_failed=chosen.retry_failed,
        )  # fmt: skip
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    _print_table(results)
    _draw(results, chosen)
    return int(any(result.status == FAILED for result in results))


def _processes(workers: int) -> ProcessPoolExecutor | None:
    if workers == 1:
        return None
    # A fork would copy the locks of the threads of BLAS, and not the threads. Ctrl-C reaches
    # the workers, too; by default they would give up their job and take the next.
    return ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),
    )


def _print_table(results: list[Result]) -> None:
    print("method  seeds  evaluation: interquartile mean [95 % interval over seeds]")
    for method in METHODS:
        own = [r for r in results if r.name == method and r.status != FAILED]
        means = [texts.mean(r.evaluation) for r in own if r.evaluation]
        if means:
            print(f"{method:6}  {len(own):5}  {_estimate(means)}")
    for result in results:
        if result.status == FAILED:
            last = result.error.strip().splitlines()[-1]
            print(f"{result.name}, seed {result.seed}: failed, {last}", file=sys.stderr)


def _estimate(means: list[float]) -> str:
    found = interval(np.array(means))
    middle = texts.number(found.estimate)
    if len(means) == 1:
        return f"{middle} (one seed: no interval)"
    return f"{middle} [{texts.number(found.low)}, {texts.number(found.high)}]"


def _draw(results: list[Result], chosen: argparse.Namespace) -> None:
    try:
        from npgkit.lab.figures.learning_curves import draw, drawable
    except ImportError as error:
        print(
            f"no picture: {error.name} is not installed; pip install matplotlib ipython, "
            "or the extra `book`",
            file=sys.stderr,
        )
        return
    if not drawable(results):
        print("no picture: no finished run has a curve of two points", file=sys.stderr)
        return
    path = chosen.out / "compare.svg"
    with naming(path):
        draw(results, chosen.env).savefig(path)
    print(f"drawn in {path}")
