"""Stand-ins for what Python in a browser lacks and the packages of the book import all the same."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class SemLock:
    """No semaphores between processes; whoever makes one is told by the usual error."""

    SEM_VALUE_MAX = 1

    def __init__(self, *args: Any) -> None:
        raise OSError("there are no processes to share a semaphore with")


def provide() -> None:
    """Let `import _multiprocessing` succeed where it is missing: Gymnasium and tqdm import it."""
    try:
        import _multiprocessing  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        module = ModuleType("_multiprocessing")
        module.__dict__.update(SemLock=SemLock, sem_unlink=lambda name: None)
        sys.modules["_multiprocessing"] = module
