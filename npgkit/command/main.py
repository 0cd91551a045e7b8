"""The commands, and how each of them says what went wrong."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from concurrent.futures import BrokenExecutor

import gymnasium
from threadpoolctl import threadpool_limits

from npgkit.practice import checkpoint
from npgkit.practice.contract import EnvironmentFault, PolicyFault, is_environments_own
from npgkit.practice.spaces import UnsupportedSpace

from . import arguments, compare, conformance, play, settings, train

EXPECTED = (
    ValueError, TypeError, ImportError, OSError, MemoryError, BrokenExecutor,
    gymnasium.error.Error, checkpoint.CheckpointError, EnvironmentFault, PolicyFault,
)  # fmt: skip
EXAMPLES = """examples:
  python -m npgkit train CartPole-v1 --total-steps 1e5 --out runs/pole
  python -m npgkit train CartPole-v1 --total-steps 2e5 --out runs/pole --resume
  python -m npgkit play runs/pole --gif pole.gif
  python -m npgkit train Pendulum-v1 --method npg --seed 3 --out runs/swing --set epsilon=0.02
  python -m npgkit compare CartPole-v1 --total-steps 50000 --seeds 5 --out runs/compare
  python -m npgkit settings Hopper-v5
  python -m npgkit conformance my_module:MyTRPO
"""
COMMANDS = {
    "train": (
        train,
        "train one policy and evaluate it",
        "Train one policy; print a row an iteration, on a terminal with a bar below; write the "
        "checkpoint and a row of progress.csv after each, and result.json at the end.",
    ),
    "play": (
        play,
        "let a trained policy act",
        "Load what `train` left in DIR and play episodes with it; print a return for each.",
    ),
    "compare": (
        compare,
        "the three methods side by side, over several seeds",
        "Train plain gradient, natural gradient and trust region with several seeds; print the "
        "interquartile means of the evaluations with bootstrap intervals; draw the learning curves "
        "into DIR/compare.svg.",
    ),
    "settings": (
        settings,
        "list the settings of a run",
        "Print the settings of an environment's runs and where each comes from; without an "
        "environment, the defaults and what differs by kind of actions and by environment.",
    ),
    "conformance": (
        conformance,
        "what is wrong with your own TRPO",
        "Ask a TRPO or natural policy gradient of your own for what it computes, and name what is "
        "wrong.",
    ),
}
ON_THE_COMMAND_LINE = (
    ". For the command line: write a module that registers the wrapped environment under an id of "
    "its own (gymnasium.register), and name it module:Id-v0"
)


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 with lines on stderr that say what was wrong.

    Interrupted by Ctrl-C: 130, with a line that says how to go on. Where nobody reads what is
    printed any more: 141, as a shell makes of SIGPIPE.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a letter that the terminal lacks is spelt out
            stream.reconfigure(errors="backslashreplace")
    chosen = _parser().parse_args(argv)
    try:
        with threadpool_limits(1):  # matrices of this size are slower on several threads
            status = COMMANDS[chosen.command][0].run(chosen)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python flushes once more at its end; that has to go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except EXPECTED as error:
        _explain(error)
        return 1
    except KeyboardInterrupt:
        print(f"npgkit: interrupted; {_kept(chosen)}", file=sys.stderr)
        return 130  # what a shell makes of SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m npgkit",
        description="Natural policy gradients on Gymnasium environments.",
        epilog=EXAMPLES,
        formatter_class=arguments.Help,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, short, description) in COMMANDS.items():
        module.add(
            commands.add_parser(
                name, help=short, description=description, formatter_class=arguments.Help
            )
        )
    return parser


def _explain(error: BaseException) -> None:
    """Say on stderr what was wrong; of an environment's own error, its whole traceback."""
    if is_environments_own(error):
        traceback.print_exception(error)
        return
    # Python's own MemoryError says nothing.
    advice = ON_THE_COMMAND_LINE if isinstance(error, UnsupportedSpace) else ""
    print(f"npgkit: {str(error) or type(error).__name__}{advice}", file=sys.stderr)


def _kept(chosen: argparse.Namespace) -> str:
    """What an interruption leaves, and how to go on."""
    if chosen.command == "compare":
        return f"finished runs are in {chosen.out}, and the same command does the others"
    if chosen.command != "train":
        return "nothing was written"
    if checkpoint.exists(chosen.out):
        return f"the last iteration is in {chosen.out}; add --resume to go on"
    return f"there is no iteration in {chosen.out} yet"
