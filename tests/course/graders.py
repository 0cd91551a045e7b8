"""Other people's graders, each in an environment of its own, kept in _build/graders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.site.browser import unavailable
from tools.toc import ROOT

PLACE = ROOT / "_build" / "graders"


def environment(extra: str) -> Path:
    """Return the programs of an environment with what an extra of pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["optional-dependencies"][extra]
    folder = PLACE / extra
    stamp, told = folder / "stamp", "\n".join([sys.version, *wanted])
    if not stamp.is_file() or stamp.read_text("utf-8") != told:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            unavailable(f"{extra} could not be installed: {done.stderr[-500:]}")
        stamp.write_text(told, "utf-8")
    return folder / "bin"


def run(programs: Path | None, folder: Path, *command: str | Path, **more: str) -> str:
    """Run a command in a folder, with nothing of this test's own environment; return what it said.

    The exit code is not looked at: what a grader has written is.
    """
    home = folder / "home"
    home.mkdir(exist_ok=True)
    path = os.environ["PATH"] if programs is None else f"{programs}{os.pathsep}{os.environ['PATH']}"
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER", "COURSE"))}
    own |= {"PATH": path, "HOME": str(home), "JUPYTER_PREFER_ENV_PATH": "1", **more}
    done = subprocess.run(
        command, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    return done.stdout
