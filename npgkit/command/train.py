"""`train`: one policy, a row an iteration, a checkpoint after each, and what it is worth."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from npgkit.practice import checkpoint
from npgkit.practice.agent import Agent
from npgkit.practice.contract import EnvironmentFault
from npgkit.practice.run import METHODS
from npgkit.practice.training import Training
from npgkit.practice.training import train as start
from npgkit.validation import as_count

from . import arguments, texts

RESULT = "result.json"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    arguments.add_environment(parser)
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="trpo",
        help="trust region, natural gradient of fixed radius, or plain gradient",
    )
    parser.add_argument(
        "--seed", type=arguments.count, default=0, help="the run is a function of it"
    )
    parser.add_argument(
        "--total-steps", type=arguments.count, default=100_000, help="environment steps in all"
    )
    parser.add_argument(
        "--eval-episodes",
        type=arguments.count,
        default=20,
        help="episodes at the end, with the most likely actions and again with drawn ones",
    )
    parser.add_argument(
        "--out",
        type=arguments.directory,
        required=True,
        metavar="DIR",
        help="where checkpoint, progress.csv and result.json go",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in DIR, with its settings; the run is the one that was "
        "interrupted, bit by bit",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="write DIR/tensorboard, too (needs the extra `tensorboard`)",
    )
    arguments.add_settings(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train, evaluate, write the result."""
    as_count("--total-steps", chosen.total_steps, at_least=1)
    episodes = as_count("--eval-episodes", chosen.eval_episodes, at_least=1)
    changes = arguments.settings(chosen.set)
    if checkpoint.exists(chosen.out) and not chosen.resume:
        raise ValueError(
            f"{chosen.out} holds a checkpoint; add --resume to go on, or name another --out"
        )
    with start(
        chosen.env, chosen.method, seed=chosen.seed, total_steps=chosen.total_steps,
        directory=chosen.out, resume=chosen.resume, progress=None,
        env_options=arguments.options(chosen.env_option), **changes,
    ) as training:  # fmt: skip
        if chosen.resume:
            _say_where_it_resumes(training, chosen)
        written = _written(chosen, training.resumed_steps)
        print(texts.HEAD)
        for record in training:
            with training.above_the_bar():
                print(texts.row(record), flush=True)
            written.add(record)
        written.close()
    agent = training.agent
    evaluation, sampled = (
        _evaluated(agent, episodes, chosen, deterministic) for deterministic in (True, False)
    )
    checkpoint.write_json(chosen.out / RESULT, _result(training, chosen, evaluation, sampled))
    rate = training.run.env_steps / max(training.spent["cpu_seconds"], 1e-9)
    print(
        f"evaluation over {episodes} episodes: mean {texts.number(texts.mean(evaluation))} with "
        f"the most likely actions, {texts.number(texts.mean(sampled))} with drawn ones, "
        f"{rate:.0f} steps per CPU-second"
    )
    return 0


def _say_where_it_resumes(training: Training, chosen: argparse.Namespace) -> None:
    if training.resumed_at == 0:
        print(f"npgkit: nothing to resume in {chosen.out}; a new run begins", file=sys.stderr)
    elif training.run.env_steps >= chosen.total_steps:
        print(
            f"npgkit: the run in {chosen.out} has {training.run.env_steps} steps already; "
            "a larger --total-steps goes on",
            file=sys.stderr,
        )


def _evaluated(
    agent: Agent, episodes: int, chosen: argparse.Namespace, deterministic: bool
) -> list[float]:
    try:
        return agent.evaluate(episodes, chosen.seed, deterministic=deterministic)
    except (EnvironmentFault, checkpoint.CheckpointError) as error:
        raise type(error)(
            f"the evaluation failed: {error}. Policy and curve are in {chosen.out}"
        ) from error


def _result(
    training: Training,
    chosen: argparse.Namespace,
    evaluation: list[float],
    sampled: list[float],
) -> dict[str, Any]:
    return {
        "env": chosen.env,
        "method": chosen.method,
        "seed": chosen.seed,
        "env_steps": training.run.env_steps,
        **training.spent,
        "evaluation": evaluation,
        "evaluation_sampled": sampled,
        "curve": training.curve,
        "settings": asdict(training.run.settings),
    }


class _Nowhere:
    """Where TensorBoard's numbers go that nobody asked for."""

    def add(self, record: Any) -> None:
        pass

    def close(self) -> None:
        pass


class _TensorBoard:
    """The numbers of each iteration as TensorBoard's scalars, by environment steps."""

    def __init__(self, directory: str, purge_step: int | None) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise ImportError(
                f"{error.name} is missing: --tensorboard needs the extra `tensorboard`, "
                "pip install 'npgkit[tensorboard]'"
            ) from error
        self.writer = SummaryWriter(directory, purge_step=purge_step)

    def add(self, record: Any) -> None:
        for name, value in asdict(record).items():
            if isinstance(value, int | float) and value == value:
                self.writer.add_scalar(f"npgkit/{name}", value, record.env_steps)
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def _written(chosen: argparse.Namespace, resumed_steps: int) -> _Nowhere | _TensorBoard:
    if not chosen.tensorboard:
        return _Nowhere()
    purge = resumed_steps + 1 if resumed_steps else None
    return _TensorBoard(str(chosen.out / "tensorboard"), purge)
