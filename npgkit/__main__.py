"""Train and compare from the command line: `python -m npgkit --help`."""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import signal
import sys
import time
import traceback
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from threadpoolctl import threadpool_limits

from .practice import checkpoint
from .practice.contract import EnvironmentFault, PolicyFault, is_environments_own
from .practice.evaluation import evaluate_policy, interval
from .practice.experiments import FAILED, Result, run_experiment
from .practice.progress import bar
from .practice.training import METHODS, Iteration, Run, Settings, advance, settings_for
from .validation import as_count

RESULT = "result.json"
EXPECTED = (
    ValueError, TypeError, ImportError, OSError, MemoryError, BrokenExecutor,
    gymnasium.error.Error, checkpoint.CheckpointError, EnvironmentFault, PolicyFault,
)  # fmt: skip
EXAMPLES = """examples:
  python -m npgkit train CartPole-v1 --total-steps 100000 --out runs/pole
  python -m npgkit train CartPole-v1 --total-steps 200000 --out runs/pole --resume
  python -m npgkit train Pendulum-v1 --method npg --seed 3 --out runs/swing --set epsilon=0.02
  python -m npgkit compare CartPole-v1 --total-steps 50000 --seeds 5 --out runs/compare
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 1 with lines on stderr that say what was wrong.

    Interrupted by Ctrl-C, 130 with a line that says how to go on.
    """
    with threadpool_limits(1):  # matrices of this size are slower on several threads
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m npgkit",
        description="Natural policy gradients on Gymnasium environments.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser(
        "train",
        help="train one policy and evaluate it",
        description="Train one policy; print a row an iteration, on a terminal with a bar below; "
        "write the checkpoint after each, and result.json at the end.",
    )
    one.add_argument("env", help="a Gymnasium id, such as CartPole-v1")
    one.add_argument(
        "--method",
        choices=METHODS,
        default="trpo",
        help="trust region, natural gradient of fixed radius, or plain gradient",
    )
    one.add_argument("--seed", type=int, default=0, help="the run is a function of it")
    one.add_argument("--total-steps", type=int, default=100_000, help="environment steps in all")
    one.add_argument(
        "--eval-episodes",
        type=int,
        default=20,
        help="episodes with the most likely actions at the end",
    )
    one.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where checkpoint and result go"
    )
    one.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in DIR; the run is the one that was "
        "interrupted, bit by bit",
    )
    _add_settings(one)
    many = commands.add_parser(
        "compare",
        help="the three methods side by side, over several seeds",
        description="Train plain gradient, natural gradient and trust region with several seeds; "
        "print the interquartile means of the evaluations with bootstrap intervals; draw the "
        "learning curves into DIR/compare.svg.",
    )
    many.add_argument("env", help="a Gymnasium id, such as CartPole-v1")
    many.add_argument("--total-steps", type=int, default=50_000)
    many.add_argument("--seeds", type=int, default=5, help="how many")
    many.add_argument("--eval-episodes", type=int, default=20)
    many.add_argument("--workers", type=int, default=1, help="processes")
    many.add_argument(
        "--retry-failed", action="store_true", help="run again what failed in an earlier call"
    )
    many.add_argument(
        "--out",
        type=Path,
        default=Path("runs/compare"),
        metavar="DIR",
        help="finished runs are kept here; a restart repeats none",
    )
    _add_settings(many)
    chosen = parser.parse_args(arguments)
    try:
        return _train(chosen) if chosen.command == "train" else _compare(chosen)
    except EXPECTED as error:
        if is_environments_own(error):
            traceback.print_exception(error)
            return 1
        # Python's own MemoryError says nothing.
        print(f"npgkit: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"npgkit: interrupted; {_kept(chosen)}", file=sys.stderr)
        return 130  # what a shell makes of SIGINT


def _kept(chosen: argparse.Namespace) -> str:
    """What an interruption leaves, and how to go on."""
    if chosen.command == "compare":
        return f"finished runs are in {chosen.out}, and the same command does the others"
    if checkpoint.exists(chosen.out):
        return f"the last iteration is in {chosen.out}; add --resume to go on"
    return f"there is no iteration in {chosen.out} yet"


def _train(chosen: argparse.Namespace) -> int:
    out: Path = chosen.out
    if checkpoint.exists(out) and not chosen.resume:
        raise ValueError(f"{out} holds a checkpoint; add --resume to go on, or name another --out")
    as_count("--total-steps", chosen.total_steps, at_least=1)
    as_count("--eval-episodes", chosen.eval_episodes, at_least=1)
    as_count("--seed", chosen.seed, at_least=0)
    settings = settings_for(chosen.env, **_settings(chosen.set))
    checkpoint.require_writable(out)
    run = Run(chosen.env, chosen.method, seed=chosen.seed, settings=settings)
    curve: list[list[float]] = []
    spent = {"cpu_seconds": 0.0, "wall_seconds": 0.0}
    if chosen.resume and checkpoint.exists(out):
        kept = run.restore(out)
        if "curve" not in kept:
            raise checkpoint.CheckpointError(
                f"the checkpoint in {out} is of npgkit.train; resume it there"
            )
        curve, spent = kept["curve"], kept["spent"]
    cpu, wall = time.process_time(), time.perf_counter()

    def spent_now() -> dict[str, float]:
        return {
            "cpu_seconds": spent["cpu_seconds"] + time.process_time() - cpu,
            "wall_seconds": spent["wall_seconds"] + time.perf_counter() - wall,
        }

    print(_ROW.format("iteration", "steps", "episodes", "return", "KL", "trials", "entropy"))
    with (
        checkpoint.held(out),
        bar(chosen.total_steps, done=run.env_steps, unit="step", show=None) as shown,
    ):
        while run.env_steps < chosen.total_steps:
            record = run.step()
            if not math.isnan(record.mean_return):
                curve.append([record.env_steps, record.mean_return])
            run.save(out, curve=curve, spent=spent_now())
            with shown.external_write_mode():  # the row goes above the bar
                print(_row(record), flush=True)
            advance(shown, record)
    timing = spent_now()
    try:
        evaluation = evaluate_policy(run, chosen.env, chosen.eval_episodes, chosen.seed)
    except EnvironmentFault as error:
        raise EnvironmentFault(
            f"the evaluation failed: {error}. Policy and curve are in the checkpoint in {out}"
        ) from error
    run.close()
    result = {
        "env": chosen.env,
        "method": chosen.method,
        "seed": chosen.seed,
        "env_steps": run.env_steps,
        **timing,
        "evaluation": evaluation,
        "curve": curve,
    }
    checkpoint.write_json(out / RESULT, result)
    mean = sum(evaluation) / len(evaluation)
    print(
        f"evaluation over {len(evaluation)} episodes: mean {mean:.1f}, "
        f"{run.env_steps / max(timing['cpu_seconds'], 1e-9):.0f} steps per CPU-second"
    )
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    as_count("--seeds", chosen.seeds, at_least=1)
    as_count("--workers", chosen.workers, at_least=1)
    as_count("--eval-episodes", chosen.eval_episodes, at_least=1)
    extra = _settings(chosen.set)
    settings_for(chosen.env, **extra)
    configs = {
        method: {
            "env": chosen.env,
            "method": method,
            "total_steps": chosen.total_steps,
            "eval_episodes": chosen.eval_episodes,
            **extra,
        }
        for method in METHODS
    }
    pool = None
    if chosen.workers > 1:
        # A fork would copy the locks of the threads of BLAS, and not the threads. Ctrl-C reaches
        # the workers, too; by default they would give up their job and take the next.
        pool = ProcessPoolExecutor(
            chosen.workers,
            multiprocessing.get_context("spawn"),
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        results = run_experiment(
            configs,
            range(chosen.seeds),
            executor=pool,
            directory=chosen.out,
            progress=None,
            retry_failed=chosen.retry_failed,
        )
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    print("method  seeds  evaluation: interquartile mean [95 % interval]")
    for method in METHODS:
        own = [r for r in results if r.name == method and r.status != FAILED]
        means = [sum(r.evaluation) / len(r.evaluation) for r in own if r.evaluation]
        if means:
            at = interval(np.array(means))
            print(f"{method:6}  {len(own):5}  {at.estimate:.1f} [{at.low:.1f}, {at.high:.1f}]")
    for result in results:
        if result.status == FAILED:
            last = result.error.strip().splitlines()[-1]
            print(f"{result.name}, seed {result.seed}: failed, {last}", file=sys.stderr)
    _draw(results, chosen)
    return int(any(result.status == FAILED for result in results))


def _draw(results: list[Result], chosen: argparse.Namespace) -> None:
    try:
        from .lab.figures.learning_curves import draw, drawable
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
    draw(results, chosen.env).savefig(path)
    print(f"drawn in {path}")


_ROW = "{:>9}  {:>9}  {:>8}  {:>9}  {:>8}  {:>6}  {:>7}"


def _row(r: Iteration) -> str:
    mean = "-" if math.isnan(r.mean_return) else f"{r.mean_return:.1f}"
    row = _ROW.format(
        r.iteration, r.env_steps, r.episodes, mean, f"{r.kl:.5f}", r.trials, f"{r.entropy:.3f}"
    )
    return row if r.reason == "accepted" else f"{row}  {r.reason}"


def _add_settings(parser: argparse.ArgumentParser) -> None:
    names = ", ".join(Settings.__dataclass_fields__)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"change a setting, as often as wanted; there are {names}",
    )


def _settings(pairs: list[str]) -> dict[str, Any]:
    changes = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in Settings.__dataclass_fields__:  # a run has arguments besides its settings
            known = ", ".join(sorted(Settings.__dataclass_fields__))
            raise ValueError(f"{name} is not a setting; there are {known}")
        try:
            changes[name] = json.loads(text)
        except ValueError:
            raise ValueError(
                f"--set takes NAME=VALUE with a number, true, false or [64, 64]; got {pair!r}"
            ) from None
    return changes


if __name__ == "__main__":
    sys.exit(main())
