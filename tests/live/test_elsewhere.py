"""A chapter in other people's Jupyter: downloaded from a page, and as Binder would run it.

Each makes an environment of its own, which takes minutes: `make test-live` runs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.live.compare import differences, of_cell
from tests.site.pages import View
from tools.notebooks.form import read_notebook
from tools.toc import ROOT

pytestmark = pytest.mark.live

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""
NOT_COPIED = shutil.ignore_patterns("_build", ".git", ".venv*", "__pycache__", ".*_cache")


def environment(folder: Path, python: str = sys.executable) -> Path:
    """A new virtual environment without anything; return its Python."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command without this test's own environment, and show what it said if it fails."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = f"{Path(command[0]).parent}{os.pathsep}{own['PATH']}"
    extra = {"PATH": path, "JUPYTER_PREFER_ENV_PATH": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=cwd, env={**own, **extra}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def same_as_stored(executed: Path, stored: Path) -> None:
    """Hold the cells that the stored notebook has against those that were executed."""
    own = read_notebook(stored)
    ran = {cell["id"]: cell for cell in nbformat.read(executed, as_version=4)["cells"]}
    code = [cell for cell in own["cells"] if cell["cell_type"] == "code"]
    assert differences(own, [of_cell(ran[cell["id"]]) for cell in code]) == []


@pytest.mark.site
@pytest.mark.browser
def test_a_downloaded_chapter_runs_where_npgkit_is_not(
    visit: Callable[..., Any], address: str, tmp_path: Path
) -> None:
    """Its first cell gets the wheel from the site, with what the chapter draws with."""
    with visit(View("book/03_kl_step.html")) as seen:
        with seen.page.expect_download() as saved:
            seen.page.click('a[download][href$=".ipynb"]')
        assert saved.value.suggested_filename == "03_kl_step.ipynb"
        saved.value.save_as(tmp_path / "03_kl_step.ipynb")
        assert seen.errors == []
    text = (tmp_path / "03_kl_step.ipynb").read_text("utf-8")
    assert f"{address}_static/live/npgkit-" in text and ".invalid" not in text
    python = environment(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "nbclient", "ipykernel", cwd=tmp_path)
    run(python, "-c", RUN, "03_kl_step.ipynb", cwd=tmp_path)
    same_as_stored(tmp_path / "03_kl_step.ipynb", ROOT / "book" / "03_kl_step.ipynb")


def test_binder_builds_an_environment_in_which_a_chapter_runs(tmp_path: Path) -> None:
    """The steps of repo2docker: the Python of runtime.txt, requirements.txt, then postBuild."""
    repo, named = tmp_path / "repo", (ROOT / "binder" / "runtime.txt").read_text("utf-8").strip()
    match = re.fullmatch(r"python-(3\.\d+)", named)
    assert match
    wanted = f"python{match[1]}"
    found = subprocess.run([wanted, "--version"], capture_output=True, check=False).returncode == 0
    shutil.copytree(ROOT, repo, ignore=NOT_COPIED)
    python = environment(tmp_path / "venv", wanted if found else sys.executable)
    requirements = repo / "binder" / "requirements.txt"
    run(python, "-m", "pip", "install", "--quiet", "-r", requirements, cwd=repo)
    (python.parent / "bash").symlink_to(str(shutil.which("bash")))
    run(python.parent / "bash", repo / "binder" / "postBuild", cwd=repo)
    shutil.copy2(repo / "book" / "03_kl_step.ipynb", repo / "book" / "run.ipynb")
    run(python, "-c", RUN, "run.ipynb", cwd=repo / "book")
    run(python, "-m", "jupyterlab", "--version", cwd=repo)
    same_as_stored(repo / "book" / "run.ipynb", repo / "book" / "03_kl_step.ipynb")
