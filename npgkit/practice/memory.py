"""How much memory there is, to refuse what cannot fit before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

CONTAINERS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux says what a container may use: in version 2 of its control groups, and in 1."""

GIB = 2**30


def limit() -> int | None:
    """Return how many bytes this process can ever have: the machine's, a container's, its own.

    None where the system does not say.
    """
    found = (_machine(), *map(_container, CONTAINERS), _process())
    return min((size for size in found if size is not None), default=None)


def require_memory(what: str, needed: int) -> None:
    """Raise `ValueError` if `what`, the beginning of the message, needs more than there can be."""
    most = limit()
    if most is not None and needed > most:
        raise ValueError(f"{what} would need {in_gib(needed)} of memory; there are {in_gib(most)}")


def in_gib(size: int) -> str:
    """Return a number of bytes in GiB, also one beyond all floats."""
    return f"{min(size, 10**300) / GIB:.3g} GiB"


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _container(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # none, or "max"
        return None


def _process() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if most == resource.RLIM_INFINITY else most
