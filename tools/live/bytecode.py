"""Compile what the chapters import; bytecode.mjs runs this in the Python of the reader's browser.

A page spends most of its start on compiling modules. What is imported here is written to /out as
bytecode, under the names that it has in Python's own archive and in the wheels of /wheels. The
rest stays source, which is smaller.
"""

from __future__ import annotations

import importlib
import importlib.util
import marshal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

MAJOR, MINOR = sys.version_info[:2]
SITE = f"/lib/python{MAJOR}.{MINOR}/site-packages"
HOMES = (SITE, f"/lib/python{MAJOR}{MINOR}.zip")
IMPORTED = (
    "scipy.integrate", "scipy.optimize", "scipy.special", "scipy.stats", "tqdm.auto",
    "npgkit.live.training", "tarfile",  # Pyodide unpacks wheels with it
)  # fmt: skip
# The source is not looked at again: flag 1, and no hash.
HEADER = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)


def import_what_chapters_do() -> None:
    """Import the packages, and draw a figure: Matplotlib imports as it draws."""
    from npgkit.live import absent, page

    absent.provide()
    page.be_quiet()
    for name in IMPORTED:
        importlib.import_module(name)
    from npgkit.lab import plots
    from npgkit.lab.drawing import render

    figure, ax = plots.figure()
    ax.loglog([1, 10], [1, 100], label="$x^2$")
    plots.legend(figure)
    render.svg(figure, "A line.")


def compiled(modules: list[ModuleType]) -> Iterator[tuple[str, bytes]]:
    """The modules that have source at one of the homes: name of the source, and bytecode."""
    for module in modules:
        source = getattr(module, "__file__", None) or ""
        for home in HOMES:
            if source.startswith(f"{home}/") and source.endswith(".py"):
                assert module.__spec__ is not None
                code = module.__spec__.loader.get_code(module.__spec__.name)  # type: ignore[union-attr]
                yield source.removeprefix(f"{home}/"), HEADER + marshal.dumps(code)


def write(out: Path) -> None:
    """Write what has been imported until now."""
    for name, data in compiled([*sys.modules.values()]):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main() -> None:
    for wheel in Path("/wheels").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(SITE)
    sys.path.append("/root")
    import_what_chapters_do()
    write(Path("/out"))
