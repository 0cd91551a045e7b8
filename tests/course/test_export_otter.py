"""The export to Otter-Grader, in Otter: generate and run. `otter grade` needs Docker."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from course import exports
from tests.course.exported import (
    BORROWER,
    CLASS,
    ROWS,
    Row,
    borrowed,
    handed_out,
    of_all,
    submission,
)
from tests.course.graders import environment, run
from tests.course.support import SALT, SET
from tests.course.test_hostile import WRONG

pytestmark = pytest.mark.tools

IN_OTTER = {name: row for name, row in ROWS.items() if name not in ("patch", "pasted")}
"""Each takes a while, and no code of theirs runs in Otter's own process."""


@pytest.fixture(scope="module")
def otter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Its programs, and an assignment with `autograder.zip`, for a class."""
    programs = environment("otter")
    place = tmp_path_factory.mktemp("otter")
    exports.write("otter", SET, SALT, CLASS, place)
    said = run(programs, place, "python", "make.py")
    assert (place / "autograder.zip").is_file(), said
    return programs, place


def otter_run(otter: tuple[Path, Path], name: str, data: bytes) -> tuple[tuple[float, ...], str]:
    """Return the points of each problem, and what Otter has said."""
    programs, place = otter
    (place / name).write_bytes(data)
    out = place / f"{name}.results"
    out.mkdir()
    zipped = ["-a", "autograder.zip", "-o", out]
    said = run(
        programs, place, "otter", "run", *zipped, place / name, PYTHONPATH=str(place / "kit")
    )
    assert (out / "results.json").is_file(), said
    results = json.loads((out / "results.json").read_text("utf-8"))
    points = {test["name"]: test.get("score", 0) for test in results["tests"]}
    told = "\n".join([results.get("output", ""), *(t["output"] for t in results["tests"]), said])
    return tuple(points[key] for key in SET.problems), told


@pytest.mark.parametrize("student", IN_OTTER)
def test_otter_gives_what_the_grader_gives(otter: tuple[Path, Path], student: str) -> None:
    """With each student's own numbers, whatever the code does."""
    row = IN_OTTER[student]
    made = submission(row, handed_out(otter[1], student))
    points, said = otter_run(otter, f"{student}.ipynb", made)
    assert points == of_all(row.points, row.solved), said
    assert row.sentence in said or student == "right"


def test_otter_grades_a_file_of_another_with_own_numbers(otter: tuple[Path, Path]) -> None:
    """By the name under which it was handed in."""
    made = borrowed(handed_out(otter[1], "right"))
    points, said = otter_run(otter, f"{BORROWER}.ipynb", made)
    assert points == of_all((4, 5)) and "made for another student" in said


def test_otter_imports_nothing_that_was_handed_in(otter: tuple[Path, Path]) -> None:
    """A module beside the notebook, called as one of Otter's, would run in its process."""
    made = submission(Row(WRONG), handed_out(otter[1], "wrong"))
    seen = otter[1] / "seen"
    packed = otter[1] / "wrong.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("wrong.ipynb", made)
        archive.writestr("otter.py", f"open({str(seen)!r}, 'w')")
        archive.writestr("json/__init__.py", f"open({str(seen)!r}, 'w')")
    points, _ = otter_run(otter, "wrong.zip", packed.read_bytes())
    assert points == of_all((0, 5)) and not seen.exists()
