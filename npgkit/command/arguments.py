"""How the arguments of the command are read."""

from __future__ import annotations

import argparse
import ast
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from npgkit.practice.settings import NAMES


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows each default that says something, and examples as they are laid out."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.required or action.default in (None, False, []):
            return action.help
        return super()._get_help_string(action)


def count(text: str) -> int:
    """Return a whole number: 100000, 100_000 or 1e5."""
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        if (number := float(text)).is_integer():
            return int(number)
    raise argparse.ArgumentTypeError(f"must be a whole number, such as 100000 or 1e5; got {text}")


def directory(text: str) -> Path:
    """Return a path in which a leading ~ is the home directory."""
    return Path(text).expanduser()


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add the environment's id and what it is made with."""
    parser.add_argument(
        "env",
        help="a Gymnasium id, such as CartPole-v1, or module:Id, where importing the module "
        "registers the id",
    )
    parser.add_argument(
        "--env-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of gymnasium.make, such as g=9.8, as often as wanted",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting, as often as wanted; `settings` lists them",
    )


def settings(pairs: list[str]) -> dict[str, Any]:
    """Return what --set was given, by name.

    Raises `ValueError` for a name that is not a setting, and for a value that is not a number,
    true, false or a list, as JSON or Python writes them.
    """
    changes = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in NAMES:  # a run has arguments besides its settings
            raise ValueError(f"{name} is not a setting; there are {', '.join(sorted(NAMES))}")
        found = _value(text)
        if isinstance(found, str) and not text.startswith(('"', "'")):
            raise ValueError(
                f"--set takes NAME=VALUE with a number, true, false or [64, 64]; got {pair!r}"
            )
        changes[name] = found
    return changes


def options(pairs: list[str]) -> dict[str, Any]:
    """Return what --env-option was given, by name; what is no number or such is text."""
    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name.isidentifier() and equals):
            raise ValueError(f"--env-option takes NAME=VALUE; got {pair!r}")
        found[name] = _value(text)
    return found


def _value(text: str) -> Any:
    """Return what JSON or Python reads in `text`; the text itself where neither reads anything."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return text
