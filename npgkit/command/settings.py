"""`settings`: what can be set, and what an environment's runs are made of."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from npgkit.practice.settings import (
    NAMES,
    PER_ENVIRONMENT,
    PER_KIND,
    Settings,
    kind_of,
    own,
    settings_of,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `settings`."""
    parser.add_argument("env", nargs="?", help="a Gymnasium id; without one, all that differ")


def run(chosen: argparse.Namespace) -> int:
    """Print the settings of one environment, or the defaults and what differs from them."""
    if chosen.env is None:
        _print_all()
    else:
        _print_environment(chosen.env)
    return 0


def _print_environment(env: str) -> None:
    kind = kind_of(env)
    for name, value in asdict(settings_of(kind, env)).items():
        source = "default"
        if name in PER_KIND[kind]:
            source = f"for {kind} actions"
        if name in own(env):
            source = f"for {env}"
        print(f"{name:15} {_text(value):12} {source}")


def _print_all() -> None:
    defaults = asdict(Settings())
    print("defaults")
    for name in NAMES:
        print(f"  {name:15} {_text(defaults[name])}")
    for kind, changes in PER_KIND.items():
        print(f"{kind} actions: {_changes(changes)}")
    for env, changes in PER_ENVIRONMENT.items():
        print(f"{env}: {_changes(changes)}")


def _changes(changes: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in changes.items())


def _text(value: Any) -> str:
    """Return a value as --set takes it."""
    return str(list(value) if isinstance(value, tuple) else value).replace(" ", "")
