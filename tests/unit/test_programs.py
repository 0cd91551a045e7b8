"""The programs of the repository start from any working directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = sorted(
    path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8")
)
TOOLS = (
    "tools.notebooks", "tools.evidence", "tools.site.build", "tools.site.instructor",
    "tools.site.serve", "benchmarks.peers",
)  # fmt: skip


def run_elsewhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("program", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts_from_any_folder(program: Path, tmp_path: Path) -> None:
    result = run_elsewhere(tmp_path, str(program), "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: {program.name}")


@pytest.mark.parametrize("module", TOOLS)
def test_a_tool_starts_from_any_folder(module: str, tmp_path: Path) -> None:
    result = run_elsewhere(tmp_path, "-m", module, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: ")


@pytest.mark.parametrize("command", ["lint", "numbers"])
def test_without_paths_the_book_is_checked(command: str, tmp_path: Path) -> None:
    """Not a folder ``book`` that the working directory happens to have."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "bad.ipynb").write_text("{", "utf-8")
    result = run_elsewhere(tmp_path, "-m", "tools.notebooks", command)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_names_of_tests_have_at_most_60_characters() -> None:
    """The sentence stands in the docstring."""
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    names = [
        name for text in texts for name in re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)
    ]
    assert len(names) > 500
    assert [name for name in names if len(name) > 60] == []
