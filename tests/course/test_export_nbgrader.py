"""The export to nbgrader, in nbgrader: release, autograde, feedback, export."""

from __future__ import annotations

import csv
import html
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course import exports
from course.exports import kit, nbgrader
from tests.course.exported import BORROWER, ROWS, Row, borrowed, of_all, submission
from tests.course.graders import environment, run
from tests.course.support import SALT, SET, bytes_of, cell

pytestmark = pytest.mark.tools

BROKEN = "broken"


@pytest.fixture(scope="module")
def nbgrader_programs() -> Path:
    return environment("nbgrader")


def without_tests(made: Any) -> bytes:
    """All test cells but the last deleted, and the text, too."""
    tests = [c for c in made.cells if c.metadata.get("nbgrader", {}).get("grade")]
    for one in tests[:-1]:
        made.cells.remove(one)
    return bytes_of(made)


def with_tests_twice(made: Any) -> bytes:
    """A test cell copied, with its metadata, and another written over."""
    copy = type(made.cells[0])(dict(cell(made, "bandit", "1")) | {"id": "copy"})
    made.cells.append(copy)
    cell(made, "bandit", "2").source = "1"
    return bytes_of(made)


def of_another_schema(made: Any) -> bytes:
    """Metadata that nbgrader would stop at, with the whole class."""
    tests = [c for c in made.cells if c.metadata.get("nbgrader", {}).get("grade")]
    tests[0].metadata["nbgrader"]["schema_version"] = 99
    tests[1].metadata["nbgrader"] = {}
    tests[2].metadata["nbgrader"] = {"grade_id": [], "schema_version": "x"}
    return bytes_of(made)


IN_NBGRADER = ROWS | {
    "schema": Row(change=of_another_schema, points=(5, 5), sentence="`slope0` is right."),
    "without-tests": Row(change=without_tests, points=(5, 5), sentence="`slope0` is right."),
    "tests-twice": Row(change=with_tests_twice, points=(5, 5), sentence="`slope0` is right."),
}


def submit(place: Path, student: str, data: bytes) -> None:
    folder = place / "submitted" / student / SET.name
    folder.mkdir(parents=True)
    (folder / f"{SET.name}.ipynb").write_bytes(data)


def handout(place: Path, student: str) -> Any:
    path = place / "handout" / student / SET.name / f"{SET.name}.ipynb"
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def course_of_nbgrader(nbgrader_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course in which every student has their own numbers, graded, with feedback."""
    place = tmp_path_factory.mktemp("nbgrader")
    exports.write("nbgrader", SET, SALT, (*IN_NBGRADER, BORROWER, BROKEN), place)
    run(nbgrader_programs, place, "nbgrader", "generate_assignment", SET.name)
    for student, row in IN_NBGRADER.items():
        submit(place, student, submission(row, handout(place, student)))
    submit(place, BROKEN, b"{")
    submit(place, BORROWER, borrowed(handout(place, "right")))
    for command in ("autograde", "generate_feedback"):
        print(run(nbgrader_programs, place, "nbgrader", command, SET.name))
    run(nbgrader_programs, place, "nbgrader", "export")
    return place


def autograded(place: Path, student: str) -> tuple[tuple[float, ...], str]:
    """Return the points of each problem, and what the feedback says, as text."""
    path = Path(SET.name) / f"{SET.name}.ipynb"
    made = nbformat.read(place / "autograded" / student / path, as_version=4)
    points = dict.fromkeys(SET.problems, 0.0)
    for part in kit.parts(SET):
        test = next(c for c in made.cells if grade_id(c) == part.name)
        points[part.problem] += float(test.outputs[-1]["data"]["text/plain"])
    page = place / "feedback" / student / path.with_suffix(".html")
    return tuple(points.values()), html.unescape(page.read_text("utf-8"))


def grade_id(one: Any) -> str:
    return str(one.metadata.get("nbgrader", {}).get("grade_id", ""))


def of_table(place: Path) -> dict[str, float]:
    with (place / "grades.csv").open(encoding="utf-8") as file:
        return {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("student", IN_NBGRADER)
def test_nbgrader_gives_what_the_grader_gives(course_of_nbgrader: Path, student: str) -> None:
    """In its gradebook and in the feedback, whatever has become of the cells."""
    row = IN_NBGRADER[student]
    points, said = autograded(course_of_nbgrader, student)
    assert points == of_all(row.points, row.solved)
    assert of_table(course_of_nbgrader)[student] == sum(points)
    assert row.sentence.replace("`", "") in said.replace("`", "")


def test_nbgrader_grades_a_file_of_another_with_own_numbers(course_of_nbgrader: Path) -> None:
    """What a copy computes is right; a number in it is another student's."""
    points, said = autograded(course_of_nbgrader, BORROWER)
    assert points == of_all((4, 5)) and "made for another student" in said


def test_nbgrader_leaves_out_what_is_no_notebook(course_of_nbgrader: Path) -> None:
    """It says so in its log; the others are graded."""
    assert not (
        course_of_nbgrader / "autograded" / BROKEN / SET.name / f"{SET.name}.ipynb"
    ).exists()
    assert of_table(course_of_nbgrader).get(BROKEN, 0) == 0


def test_the_students_version_of_nbgrader_has_no_answer(course_of_nbgrader: Path) -> None:
    """Neither solutions nor hidden tests; what is handed out instead is the same, but numbers."""
    path = course_of_nbgrader / "release" / SET.name / f"{SET.name}.ipynb"
    released = nbformat.read(path, as_version=4)
    own = handout(course_of_nbgrader, next(iter(IN_NBGRADER)))
    assert [c.source.rstrip() for c in released.cells] == [c.source.rstrip() for c in own.cells]
    assert "pi @ reward" not in str(released) and nbgrader.BEGIN not in str(released)


def test_nbgrader_without_the_settings_gives_nothing(
    nbgrader_programs: Path, tmp_path: Path
) -> None:
    """Stock nbgrader finds tests that fail, with the reason: no points by accident."""
    exports.write("nbgrader", SET, SALT, (), tmp_path)
    run(nbgrader_programs, tmp_path, "nbgrader", "generate_assignment", SET.name)
    released = tmp_path / "release" / SET.name / f"{SET.name}.ipynb"
    made = nbformat.read(released, as_version=4)
    submit(tmp_path, "ada", submission(Row(), made))
    (tmp_path / "nbgrader_config.py").unlink()
    run(nbgrader_programs, tmp_path, "nbgrader", "autograde", SET.name)
    run(nbgrader_programs, tmp_path, "nbgrader", "export")
    graded = tmp_path / "autograded" / "ada" / SET.name / f"{SET.name}.ipynb"
    assert of_table(tmp_path) == {"ada": 0.0}
    assert "has not read the nbgrader_config.py" in graded.read_text("utf-8")
