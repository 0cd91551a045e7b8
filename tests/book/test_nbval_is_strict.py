"""The strict re-run of the notebooks fails on any change of stored text, and on nothing else.

A small notebook is run and stored by the repository's own tool; each copy of it is tampered with
in one place. A run of pytest with nbval, under the repository's own conftest.py and settings, must
fail at these places and no other.
"""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tools.notebooks import form

ROOT = Path(__file__).resolve().parents[2]

SOURCES = (
    "import math\nx = math.sqrt(2)\nprint(f'root {x:.4f}')",
    "class Still:\n"
    "    def __repr__(self):\n"
    "        return 'Figure: a dot'\n"
    "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'image/svg+xml': '<svg/>', 'text/html': '<b/>', 'text/plain': repr(self)}\n"
    "display(Still())",
    "import ipywidgets\nipywidgets.IntSlider(description='k')",
    "round(x, 3)",
    "raise ValueError('epsilon must be positive')",
    "a = 1\nprint(end='')",
)


def output_of(cell: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda notebook: notebook["cells"][cell]["outputs"][0]


def printed_digit(notebook: dict[str, Any]) -> None:
    output_of(0)(notebook)["text"] = "root 1.4143\n"


def alternative_text(notebook: dict[str, Any]) -> None:
    output_of(1)(notebook)["data"]["text/plain"] = "Figure: two dots"


def widget_text(notebook: dict[str, Any]) -> None:
    output_of(2)(notebook)["data"]["text/plain"] = "IntSlider(value=1, description='k')"


def result_digit(notebook: dict[str, Any]) -> None:
    data = output_of(3)(notebook)["data"]
    data["text/plain"] = data["text/plain"].replace("1.414", "1.415")


def error_message(notebook: dict[str, Any]) -> None:
    output_of(4)(notebook)["evalue"] = "epsilon must be negative"


def removed_output(notebook: dict[str, Any]) -> None:
    notebook["cells"][0]["outputs"].clear()


def removed_figure(notebook: dict[str, Any]) -> None:
    notebook["cells"][1]["outputs"].clear()


def added_output(notebook: dict[str, Any]) -> None:
    extra = {"output_type": "stream", "name": "stdout", "text": "2.0\n"}
    notebook["cells"][5]["outputs"].append(extra)


# What is done to a copy of the notebook, and the cell that must fail for it.
TAMPERED: dict[Callable[[dict[str, Any]], None], int] = {
    printed_digit: 0,
    removed_output: 0,
    alternative_text: 1,
    removed_figure: 1,
    widget_text: 2,
    result_digit: 3,
    error_message: 4,
    added_output: 5,
}


@pytest.fixture(scope="module")
def rerun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Of each copy of the notebook, its cells and why each failed ("" if it did not)."""
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [
        {
            "cell_type": "code",
            "source": source,
            "metadata": {"tags": ["raises-exception"]} if source.startswith("raise") else {},
            "outputs": [],
            "execution_count": None,
        }
        for source in SOURCES
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path = folder / "untouched.ipynb"
    form.write_notebook(path, notebook, run=True)
    stored = form.read_notebook(path)
    for tamper in TAMPERED:
        spoilt = copy.deepcopy(stored)
        tamper(spoilt)
        text = form.dump_notebook(spoilt)
        (folder / f"{tamper.__name__}.ipynb").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "conftest.py", folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    settings = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", "--junitxml=report.xml"]
    subprocess.run(
        [*command, *settings, "--nbval", "--nbval-current-env", str(folder)],
        check=False,
        capture_output=True,
        cwd=folder,
    )
    results: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        failure = case.find("failure")
        reason = "" if failure is None else failure.text or ""
        results.setdefault(case.get("classname", ""), {})[case.get("name", "")] = reason
    return results


def test_an_untouched_notebook_passes(rerun: dict[str, dict[str, str]]) -> None:
    assert rerun["untouched.ipynb"] == {f"Cell {k}": "" for k in range(len(SOURCES))}


@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_tampered_output_fails(
    rerun: dict[str, dict[str, str]], tamper: Callable[[dict[str, Any]], None]
) -> None:
    cells = rerun[f"{tamper.__name__}.ipynb"]
    assert len(cells) == len(SOURCES)
    assert [name for name, why in cells.items() if why] == [f"Cell {TAMPERED[tamper]}"]
    assert "Cell outputs differ" in cells[f"Cell {TAMPERED[tamper]}"]
