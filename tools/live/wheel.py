"""The wheel of this checkout, with the data that the chapters read.

    python -m tools.live.wheel [FOLDER]

It is written to `_build/wheel` or to the folder named; the same sources make the same bytes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.site.node import ROOT

SOURCES = ("npgkit", "pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT")
DATA = "book/data"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
EPOCH = "315532800"  # 1980, the earliest date that a zip file can hold


def name() -> str:
    """The name of the wheel's file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return f"{project['name']}-{project['version']}-py3-none-any.whl"


def build(folder: Path) -> Path:
    """Make the wheel in `folder`, which is created, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in SOURCES:
            source, target = ROOT / name, Path(scratch, name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=IGNORED)
            else:
                shutil.copy2(source, target)
        shutil.copytree(ROOT / DATA, Path(scratch, "npgkit", "lab", "data"), ignore=IGNORED)
        options = ["--no-deps", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", *options, "-w", Path(scratch, "out"), scratch],
            check=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        )
        (made,) = Path(scratch, "out").glob("*.whl")
        return Path(shutil.move(made, folder / made.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "_build" / "wheel")
    print(build(parser.parse_args().folder))


if __name__ == "__main__":
    main()
