"""Compile what JupyterLite's Python imports to run a cell; bytecode.mjs runs this in that Python.

As bytecode.py, for the wheels of `tools.live.notebook`: IPython alone is a hundred modules.
"""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path

sys.path.append("/root")

from tools.live import bytecode

IMPORTED = ("piplite.piplite", "ipywidgets", "pyodide_kernel")


async def main() -> None:
    for wheel in Path("/wheels").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(bytecode.SITE)
    importlib.invalidate_caches()
    for name in IMPORTED:
        importlib.import_module(name)
    kernel = sys.modules["pyodide_kernel"].kernel_instance
    await kernel.run("None")
    bytecode.write(Path("/out"))
