"""What Python in JupyterLite needs beside the pages' own: IPython, widgets, a kernel.

    python -m tools.live.notebook

The wheels of `notebook.txt` are fetched from the index at their hashes; those of the kernel come
with its package. What they import to run a cell is compiled. The result is `_build/live/notebook`.
Does nothing if it was made from the same sources, or where there is no Python for the browser.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from tools.live import packages, trim

WHEELS = packages.PYTHON.with_name("notebook")
EXTENSIONS = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
BROUGHT = EXTENSIONS / "@jupyterlite" / "pyodide-kernel-extension" / "static" / "pypi"
OLDER = "widgetsnbextension-3*"  # for an earlier ipywidgets


def digest() -> str:
    """A hash of what the folder is made from."""
    names = ("notebook.txt", "notebook.py", "trim.py", "bytecode.mjs", "bytecode.py", "kernel.py")
    sources = [*(packages.HERE / name for name in names), *sorted(BROUGHT.glob("*.whl"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def make(folder: Path) -> None:
    packages.pip_download(packages.HERE / "notebook.txt", folder, python="3.14")
    for path in set(BROUGHT.glob("*.whl")) - set(BROUGHT.glob(OLDER)):
        shutil.copy2(path, folder)
    compiled = packages.bytecode(folder, "kernel.py")
    for path in folder.glob("*.whl"):
        trim.wheel(path, path.name.split("-")[0], compiled)


def current() -> bool:
    """Whether the folder is whole, and made from the sources as they are."""
    kept = WHEELS / "stamp"
    if not packages.current() or not kept.is_file():
        return False
    return kept.read_text("utf-8") == packages.stamp(WHEELS, digest())


def main() -> int:
    if current() or not packages.current():
        return 0
    shutil.rmtree(WHEELS, ignore_errors=True)
    WHEELS.mkdir(parents=True)
    try:
        make(WHEELS)
    except packages.NotToBeHad as error:
        print(f"No page opens as a notebook: {error}", file=sys.stderr)
        return 0
    (WHEELS / "stamp").write_text(packages.stamp(WHEELS, digest()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
