"""The results of experiments, and how they are stored: a JSON file for each job.

A file holds the configuration and all settings of its run beside the result. It is read again as
the result of a configuration if nothing that concerns the environment's kind of actions differs; a
setting that the file lacks had its default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from . import checkpoint
from .settings import NAMES, difference, kind_of, settings_from, settings_of

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Result:
    """What one job gave.

    Attributes
    ----------
    name : str
        Of the configuration.
    seed : int
    status : "done" or "failed"
    curve : list of (env_steps, mean training return)
        One point an iteration in which an episode ended.
    kls : list of float
        The KL of every update.
    evaluation : list of float
        A return for each evaluation episode, played with the most likely actions.
    error : str
        The traceback of a failed job; empty otherwise.
    cpu_seconds : float
        Processor time of the training; the only entry that differs from run to run.
    sampled : list of float
        A return for each evaluation episode, played with actions drawn from the policy; empty in
        results of the first edition.
    """

    name: str
    seed: int
    status: str
    curve: list[list[float]]
    kls: list[float]
    evaluation: list[float]
    error: str
    cpu_seconds: float
    sampled: Sequence[float] = ()


def returns_at(curve: Sequence[Sequence[float]], steps: np.ndarray) -> np.ndarray:
    """Return the training return of a curve at environment steps (n,).

    Linear between its points, constant beyond the first and the last. The mean over evenly spaced
    steps weighs each step of the environment alike, whenever episodes ended.
    """
    at, returns = np.array(curve, float).T
    return np.interp(steps, at, returns)


LONGEST = 200
"""A name of a file has at most so many bytes; a longer one is cut, and its hash added."""


def path_of(directory: Path, name: str, seed: int) -> Path:
    """Return where the result of a configuration and a seed is stored."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    if len(safe.encode()) > LONGEST:
        start = safe.encode()[: LONGEST - 17].decode(errors="ignore")
        safe = f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return directory / f"{safe}-seed{seed}.json"


def stored(directory: Path, name: str, seed: int, config: dict[str, Any]) -> Result | None:
    """Return the result that is stored for a configuration and a seed, None if there is none.

    Raises `CheckpointError` if the file is not a result or that of another job, `ValueError` if it
    is of another configuration.
    """
    path = path_of(directory, name, seed)
    if not path.is_file():
        return None
    content = checkpoint.read_json(path)
    found = _as_result(content.get("result")) if isinstance(content, dict) else None
    if found is None:
        raise checkpoint.CheckpointError(f"{path} is not a result of an experiment")
    other = _other(content, config)
    if other:
        raise ValueError(
            f"{path} holds {name!r} with other settings: {other}; "
            "give these another name or another directory"
        )
    if (found.name, found.seed) != (name, seed):
        raise checkpoint.CheckpointError(
            f"{path} is the result of {found.name!r} with seed {found.seed}, "
            f"not of {name!r} with seed {seed}"
        )
    return found


def _other(content: dict[str, Any], config: dict[str, Any]) -> str:
    """Return in words how the configuration of a stored result differs from `config`, or ""."""
    theirs, mine = content.get("config"), checkpoint.as_json(config)
    if not isinstance(theirs, dict):
        return "its configuration is missing"
    differ = [
        f"{key} is {theirs.get(key)!r}, not {mine.get(key)!r}"
        for key in {**mine, **theirs}
        if key not in NAMES and theirs.get(key) != mine.get(key)
    ]
    if differ:
        return ", ".join(differ)
    try:
        kind = content["kind"] if "kind" in content else kind_of_config(config)
        if "settings" in content:
            found = settings_from(content["settings"])
        else:  # as the first edition wrote it
            changed = {key: theirs[key] for key in theirs if key in NAMES}
            merged = {**content["defaults"][kind], **content["environment"], **changed}
            found = settings_from(merged)
        return difference(found, settings_of(kind, config["env"], **changes_of(config)))
    except (KeyError, TypeError, ValueError) as error:
        return f"its settings cannot be read ({error!r})"


def changes_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a configuration changes."""
    return {key: value for key, value in config.items() if key in NAMES}


def _as_result(found: Any) -> Result | None:
    """Return what JSON held as a `Result`, or None where a field is not what it should be."""

    def are_numbers(values: Any) -> bool:
        return isinstance(values, list) and all(isinstance(v, int | float) for v in values)

    if isinstance(found, dict):
        found = {"sampled": [], **found}
    fits = (
        isinstance(found, dict)
        and found.keys() == {field.name for field in fields(Result)}
        and isinstance(found["name"], str)
        and isinstance(found["seed"], int)
        and isinstance(found["curve"], list)
        and all(are_numbers(point) and len(point) == 2 for point in found["curve"])
        and all(are_numbers(found[key]) for key in ("kls", "evaluation", "sampled"))
        and isinstance(found["cpu_seconds"], int | float)
        and isinstance(found["error"], str)
        and found["status"] == (FAILED if found["error"] else DONE)
    )
    return Result(**found) if fits else None


def kind_of_config(config: Mapping[str, Any]) -> str:
    """Return the kind of actions of a configuration's environment, which is made and closed."""
    return kind_of(config["env"], **(config.get("env_options") or {}))


def require_storable(directory: Path, configs: Mapping[str, dict[str, Any]]) -> None:
    """Raise `ValueError` unless each configuration can be written as JSON, to a file of its own."""
    owner: dict[str, str] = {}
    for name, config in configs.items():
        # Some file systems tell names apart that differ in case alone; others do not.
        other = owner.setdefault(path_of(directory, name, 0).name.casefold(), name)
        if other != name:
            raise ValueError(f"configs {other!r} and {name!r} would share a file in {directory}")
        try:
            checkpoint.as_json(config)
        except TypeError as error:
            raise ValueError(
                f"configs[{name!r}] cannot be stored: {error}; name the environment by its id"
            ) from error


def store(directory: Path, result: Result, config: dict[str, Any], kind: str) -> None:
    """Write a result, with its configuration and all of its settings."""
    content = {
        "config": config,
        "kind": kind,
        "settings": asdict(settings_of(kind, config["env"], **changes_of(config))),
        "result": vars(result),
    }
    checkpoint.write_json(path_of(directory, result.name, result.seed), content)
