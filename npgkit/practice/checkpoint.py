"""Checkpoints: arrays as npz, the rest as JSON, written atomically.

`save` writes the arrays under a new name, then replaces `checkpoint.json`, which names them and
holds their SHA-256 and its own: a crash in between leaves the old checkpoint or the new one, whole.
There is no pickle in it, so a file from a stranger can do no more than fail to load.
"""

from __future__ import annotations

import errno
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
LEFT_BY_A_CRASH = re.compile(rf"\.({ARRAYS.pattern}|checkpoint\.json)\.[0-9]+(\.[0-9a-f]+)?\.tmp")
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""What locking fails with where the file system has no locks: some of NFS, Lustre and FUSE."""


class CheckpointError(RuntimeError):
    """A checkpoint that is missing, damaged, or not one of this program's."""


def save(directory: Path, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a checkpoint into `directory`, replacing the one that is there."""
    directory.mkdir(parents=True, exist_ok=True)
    old = {int(found[1]): p for p in directory.iterdir() if (found := ARRAYS.fullmatch(p.name))}
    path = directory / f"checkpoint-{1 + max(old, default=0)}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        _flush(file)
    body = {"schema": SCHEMA, "arrays": path.name, "sha256": _sha256(path), "record": record}
    write_json(directory / NAME, {**body, "checksum": _checksum(body)})
    left = [p for p in directory.iterdir() if LEFT_BY_A_CRASH.fullmatch(p.name)]
    for stale in [*old.values(), *left]:
        stale.unlink(missing_ok=True)


def load(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (record, arrays) of the checkpoint in `directory`.

    Raises `CheckpointError` if there is none, or any byte of it is not what was written.
    """
    path = directory / NAME
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint in {directory}{_dangling(path)}")
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


def as_directory(name: str, value: str | Path) -> Path:
    """Return `value` as a path in which a leading ~ is the home directory.

    Raises `ValueError` if it is not a path.
    """
    try:
        return Path(value).expanduser()
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be the path of a directory; got {value!r}") from error


def exists(directory: Path) -> bool:
    """Whether there is a checkpoint in `directory`, whole or not."""
    return os.path.lexists(directory / NAME)


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
        reason = error.strerror
        if isinstance(error, FileExistsError):
            reason = _dangling(directory).removeprefix(": ") or "it is a file"
        raise OSError(f"{directory} cannot be written into: {reason}") from error


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep other runs out of the directory, by a lock that the system frees if this process dies.

    Raises `CheckpointError` if another run holds it. Where there are no such locks, does nothing:
    on Windows, in a browser, and on file systems without them.
    """
    try:
        import fcntl
    except ImportError:
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
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically: a crash leaves the old file or the new one."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        _flush(file)


def read_json(path: Path) -> Any:
    """Return what `write_json` wrote. Raises `CheckpointError` if it is not JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: it is not JSON ({error})") from error


def as_json(value: Any) -> Any:
    """Return `value` as it comes back from JSON: tuples are lists."""
    return json.loads(json.dumps(value))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Make an error of the system say which file it is about, as that of a full disk does not."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def replacing(path: Path, ending: str = ".tmp") -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place at the end; gone on error.

    Its name holds the start of the other alone, so that the longest name of a file can be written.
    """
    key = hashlib.sha256(path.name.encode()).hexdigest()[:8]
    temporary = path.with_name(f".{path.name[:32]}.{os.getpid()}.{key}{ending}")
    with naming(path):
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    """Ask the system to keep a rename through a power cut, where it can be asked."""
    try:
        handle = os.open(directory, os.O_RDONLY)
    except OSError:  # Windows opens no directories
        return
    try:
        os.fsync(handle)
    except OSError:  # nor do all file systems flush them
        pass
    finally:
        os.close(handle)


def _dangling(path: Path) -> str:
    """Return what a message adds if the path is a link to nothing."""
    return f": it is a link to {path.readlink()}, which is not there" if path.is_symlink() else ""


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
