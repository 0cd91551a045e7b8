"""Checkpoints: arrays as npz, the rest as JSON, written so that no moment leaves half of one.

Layer 0. `save` writes the arrays under a new name, then replaces `checkpoint.json`, which names
them and holds their SHA-256 and its own: a kill in between leaves the last checkpoint whole.
There is no pickle in it, so a file from a stranger can do no more than fail to load.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA = "npgkit-checkpoint/2"
NAME = "checkpoint.json"
ARRAYS = re.compile(r"checkpoint-([1-9][0-9]*)\.npz")
LEFT_BY_A_KILL = re.compile(rf"\.({ARRAYS.pattern}|checkpoint\.json)\.[0-9]+\.tmp")


class CheckpointError(RuntimeError):
    """A checkpoint that is missing, damaged, or not one of this program's."""


def save(directory: Path, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint into `directory`, replacing the one that is there."""
    directory.mkdir(parents=True, exist_ok=True)
    old = {int(found[1]): p for p in directory.iterdir() if (found := ARRAYS.fullmatch(p.name))}
    path = directory / f"checkpoint-{1 + max(old, default=0)}.npz"
    with _replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        _flush(file)
    body = {"schema": SCHEMA, "arrays": path.name, "sha256": _sha256(path), "record": record}
    write_json(directory / NAME, {**body, "checksum": _checksum(body)})
    left = [p for p in directory.iterdir() if LEFT_BY_A_KILL.fullmatch(p.name)]
    for stale in [*old.values(), *left]:
        stale.unlink(missing_ok=True)


def load(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (record, arrays) of the checkpoint in `directory`.

    Raises `CheckpointError` if there is none, or any byte of it is not what was written.
    """
    path = directory / NAME
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint in {directory}")
    body = read_json(path)
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        found = body.get("schema") if isinstance(body, dict) else type(body).__name__
        raise CheckpointError(f"{path} is not a checkpoint of schema {SCHEMA}; it says {found!r}")
    if body.pop("checksum", None) != _checksum(body):
        raise CheckpointError(f"{path} is damaged: its checksum does not match")
    if not (isinstance(body.get("record"), dict) and ARRAYS.fullmatch(str(body.get("arrays")))):
        raise CheckpointError(f"{path} is not a checkpoint: it holds no record or names no arrays")
    data = directory / body["arrays"]
    if not data.is_file():
        raise CheckpointError(f"{data} is missing")
    if _sha256(data) != body.get("sha256"):
        raise CheckpointError(f"{data} is damaged: its checksum does not match")
    try:
        with np.load(data, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception as error:  # what NumPy and zipfile raise on a strange file is no short list
        raise CheckpointError(f"{data} cannot be read: {error}") from error
    return body["record"], arrays


def exists(directory: Path) -> bool:
    """Whether there is a checkpoint in `directory`, whole or not."""
    return (directory / NAME).exists()


def require_none(directory: Path) -> None:
    """Raise `ValueError` if there is a checkpoint in `directory`, which a new run would replace."""
    if exists(directory):
        raise ValueError(f"{directory} holds a checkpoint; resume it, or name another directory")


def require_writable(directory: Path) -> None:
    """Make the directory; raise `OSError` naming it if it cannot be made or written into."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        raise OSError(f"{directory} cannot be written into: {reason}") from error


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep other runs out of the directory, by a lock that the system frees if this process dies.

    Raises `CheckpointError` if another run holds it. Where the system has no such lock, nothing.
    """
    try:
        import fcntl
    except ImportError:  # Windows, and Python in a browser
        yield
        return
    require_writable(directory)
    with (directory / ".checkpoint.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(
                f"another run is writing its checkpoints in {directory}"
            ) from None
        yield


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that `path` holds the old content or the new one, never half of it."""
    with _replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        _flush(file)


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote. Raises `CheckpointError` if it is no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: it is no JSON ({error})") from error


def as_json(value: Any) -> Any:
    """Return `value` as it comes back from JSON: tuples are lists."""
    return json.loads(json.dumps(value))


class _replacing:
    """A temporary path beside `path` that takes its place at the end, or is removed on error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")

    def __enter__(self) -> Path:
        return self.temporary

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.temporary.replace(self.path)
        else:
            self.temporary.unlink(missing_ok=True)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
