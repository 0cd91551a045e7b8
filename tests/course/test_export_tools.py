"""The exports in the tools that they are made for: nbgrader, Otter, and what Gradescope runs.

Each has an environment of its own (`graders`), which takes minutes: `make test-course` runs these.
Gradescope itself cannot be had; its two programs run here in a folder laid out as there.
"""

from __future__ import annotations

import csv
import html
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course import exports, sandbox
from course.exports import kit, nbgrader
from course.notebook import numbers_of
from course.trusted import Trusted
from tests.course.graders import environment, run
from tests.course.support import SALT, SET, bytes_of, cell
from tests.course.test_hostile import READ, WRONG, after, pasted_over, with_a_copy, without_the_cell

pytestmark = pytest.mark.tools

MISTAKE = SET.problems["bandit"].mistakes[0]
LOOP = "def gradient(theta, reward):\n    while True: pass"
EXIT = "import os\nos._exit(0)"
PATCH = f"np.allclose = np.array_equal = lambda *a, **k: True\n{WRONG}"


@dataclass(frozen=True)
class Row:
    """What a student does with a solved notebook, and what comes of it.

    Attributes
    ----------
    code : str
        Stands in the answer cell of `bandit`, after the solution.
    change : function
        From the notebook to the bytes that are handed in.
    points : tuple of float
        For `bandit` and `returns`.
    sentence : str
        Is among what the student is told.
    """

    code: str = ""
    change: Callable[[Any], bytes] = bytes_of
    points: tuple[float, float] = (0, 5)
    sentence: str = ""


def empty(made: Any) -> bytes:
    """The notebook as it was handed out."""
    for key in SET.problems:
        answer = cell(made, key)
        answer.source = answer.source.partition("\n# solved\n")[0]
    return bytes_of(made)


ROWS = {
    "right": Row(points=(5, 5), sentence="`gradient` is right."),
    "wrong": Row(MISTAKE.code, sentence=MISTAKE.sentence),
    "empty": Row(change=empty, points=(0, 0), sentence="not answered yet"),
    "loop": Row(LOOP, points=(1, 5), sentence="no answer came within 10 seconds"),
    "exit": Row(EXIT, sentence="the program ended by itself, with the code 0"),
    "patch": Row(PATCH, sentence="is zero everywhere"),
    "spy": Row(after(READ), sentence="is zero everywhere"),
    "copied": Row(change=with_a_copy, sentence="The answer cell is there 2 times"),
    "deleted": Row(change=without_the_cell, sentence="The answer cell is gone"),
    "pasted": Row(change=pasted_over, sentence="The answer cell is gone"),
}
BROKEN = "broken"
BORROWER = "borrower"
"""Hands in the file of `right`, with its number written out."""
IN_OTTER = {name: row for name, row in ROWS.items() if name not in ("patch", "pasted")}
"""What is left of each in Otter's own process is the same, and it takes its time."""
CLASS = (*ROWS, BORROWER)


def submission(row: Row, made: Any) -> bytes:
    """Return what a student hands in."""
    for key, problem in SET.problems.items():
        more = row.code if key == "bandit" else ""
        cell(made, key).source += f"\n# solved\n{problem.solution}\n{more}"
    return row.change(made)


def borrowed(made: Any) -> bytes:
    """Return the file of `right` with the number that is right for them alone."""
    numbers = numbers_of(SET, SALT, "right")["bandit"]
    problem = SET.problems["bandit"]
    slope = float(Trusted(problem, numbers, problem.solution).ask("slope0"))
    return submission(Row(f"slope0 = {slope!r}"), made)


# nbgrader.


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
    assert points == row.points
    assert of_table(course_of_nbgrader)[student] == sum(row.points)
    assert row.sentence.replace("`", "") in said.replace("`", "")


def test_nbgrader_grades_a_file_of_another_with_own_numbers(course_of_nbgrader: Path) -> None:
    """What a copy computes is right; a number in it is another student's."""
    points, said = autograded(course_of_nbgrader, BORROWER)
    assert points == (4, 5) and "made for another student" in said


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


# Otter.


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


def handed_out(place: Path, student: str) -> Any:
    return nbformat.read(place / "handout" / f"{student}.ipynb", as_version=4)


@pytest.mark.parametrize("student", IN_OTTER)
def test_otter_gives_what_the_grader_gives(otter: tuple[Path, Path], student: str) -> None:
    """With each student's own numbers, whatever the code does."""
    row = IN_OTTER[student]
    made = submission(row, handed_out(otter[1], student))
    points, said = otter_run(otter, f"{student}.ipynb", made)
    assert points == row.points, said
    assert row.sentence in said or student == "right"


def test_otter_grades_a_file_of_another_with_own_numbers(otter: tuple[Path, Path]) -> None:
    """By the name under which it was handed in."""
    made = borrowed(handed_out(otter[1], "right"))
    points, said = otter_run(otter, f"{BORROWER}.ipynb", made)
    assert points == (4, 5) and "made for another student" in said


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
    assert points == (0, 5) and not seen.exists()


# Gradescope.


@pytest.fixture(scope="module")
def gradescope() -> Iterator[Path]:
    """The folder of /autograder once `setup.sh` has run; any user can go through it, as there."""
    with tempfile.TemporaryDirectory(prefix="gradescope-") as folder:
        Path(folder).chmod(0o755)
        set_up(Path(folder))
        yield Path(folder)


def set_up(place: Path) -> None:
    exports.write("gradescope", SET, SALT, CLASS, place)
    base = place / "autograder"
    for name in ("source", "submission", "results"):
        (base / name).mkdir(parents=True)
    with zipfile.ZipFile(next(place.glob("*.zip"))) as packed:
        packed.extractall(base / "source")
    said = run(None, place, "bash", base / "source" / "setup.sh", AUTOGRADER=str(base))
    assert (base / "python" / "bin" / "python").exists(), said


def autograde(place: Path, student: str, data: bytes, name: str = "", **more: str) -> Any:
    """Return results.json for a file that a student has uploaded under some name."""
    base = place / "autograder"
    for folder in ("submission", "results"):
        shutil.rmtree(base / folder)
        (base / folder).mkdir()
    (base / "submission" / (name or "my homework (1).ipynb")).write_bytes(data)
    users = [{"email": f"{student}@example.edu", "id": 7, "name": "A. Student"}]
    about = json.dumps({"id": 1, "users": users, "submission_method": "upload"})
    (base / "submission_metadata.json").write_text(about, "utf-8")
    said = run(
        None, place, "bash", base / "source" / "run_autograder", AUTOGRADER=str(base), **more
    )
    assert (base / "results" / "results.json").is_file(), said
    return json.loads((base / "results" / "results.json").read_text("utf-8"))


def of_problems(results: Any) -> tuple[float, ...]:
    scores = [0.0] * len(SET.problems)
    for test in results["tests"]:
        if "number" in test:
            scores[int(test["number"].partition(".")[0]) - 1] += test["score"]
    return tuple(scores)


@pytest.mark.parametrize("student", ROWS)
def test_gradescope_gives_what_the_grader_gives(gradescope: Path, student: str) -> None:
    """With the numbers of the one who has uploaded it, under whatever name."""
    row = ROWS[student]
    results = autograde(gradescope, student, submission(row, handed_out(gradescope, student)))
    assert of_problems(results) == row.points
    assert row.sentence in results["output"] + "".join(t["output"] for t in results["tests"])


def test_gradescope_is_told_of_a_file_that_cannot_be_read(gradescope: Path) -> None:
    """All its tests are there, without a point."""
    results = autograde(gradescope, "right", b"{")
    assert of_problems(results) == (0, 0) and "is no notebook" in results["output"]


def test_gradescope_grades_a_file_of_another_with_own_numbers(gradescope: Path) -> None:
    """Who uploaded it is what Gradescope says; whose it is, the teacher alone is told."""
    results = autograde(gradescope, BORROWER, borrowed(handed_out(gradescope, "right")))
    told = results["tests"][-1]
    assert of_problems(results) == (4, 5) and "made for another student" in results["output"]
    assert told["visibility"] == "hidden" and "the answer of right" in told["output"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give students' code another user")
def test_in_a_container_the_answers_cannot_be_read(gradescope: Path, tmp_path: Path) -> None:
    """As there: root, without namespaces. The salt, the sets and other users' data are closed."""
    for name in ("bash", "setpriv", "env"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    base = gradescope / "autograder"
    wanted = [base / "source" / kit.SECRET, base / "submission_metadata.json"]
    wanted += [base / "source" / "course" / "sets" / SET.name / "bandit.py"]
    code = "found = ''\n" + "".join(
        f"try: found += open({str(path)!r}).read()\n"
        "except OSError as error: found += type(error).__name__\n"
        for path in wanted
    )
    code += "def gradient(theta, reward): raise ValueError(found)"
    made = submission(Row(code), handed_out(gradescope, "spy"))
    results = autograde(gradescope, "spy", made, PATH=str(tmp_path))
    said = "".join(test["output"] for test in results["tests"])
    assert "ValueError: " + "PermissionError" * len(wanted) in said
    assert sandbox.available()
