"""Packages that are fetched when they are first imported.

A page's Python starts with NumPy alone. An import of something else that the book's lock knows
fetches its wheel, checks its SHA-256, unpacks it and goes on; so a chapter costs what it uses, also
where an import stands inside a function.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import zipfile
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class OnDemand(MetaPathFinder):
    """Finds the modules of packages that are not there yet.

    Parameters
    ----------
    lock : dict
        Pyodide's `packages`: by name `file_name`, `sha256`, `depends` and the `imports` it offers.
    fetch : callable
        From a file's name to its bytes.
    folder : Path
        Where wheels are unpacked; on `sys.path`.
    """

    def __init__(
        self, lock: dict[str, dict[str, Any]], fetch: Callable[[str], bytes], folder: Path
    ) -> None:
        self.lock, self.fetch, self.folder = lock, fetch, folder
        self.package_of = {top: name for name, one in lock.items() for top in one["imports"]}
        self.installed: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = self.package_of.get(fullname.partition(".")[0])
        if name is None or name in self.installed:
            return None
        self.install(name)
        importlib.invalidate_caches()
        return PathFinder.find_spec(fullname, path, target)

    def install(self, name: str) -> None:
        """Unpack a package and what it depends on, each once."""
        if name in self.installed:
            return
        one = self.lock[name]
        data = self.fetch(one["file_name"])
        found = hashlib.sha256(data).hexdigest()
        if found != one["sha256"]:
            raise ImportError(f"{one['file_name']} arrived damaged: its SHA-256 is {found}")
        self.installed.add(name)  # what did not arrive may be tried again
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            wheel.extractall(self.folder)
        for other in one["depends"]:
            self.install(other)
