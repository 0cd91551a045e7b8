"""The exports as they are written, before any other tool sees them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course import exports, sets
from course.command import main
from course.exports import kit, nbgrader, on_gradescope
from course.grading import Task, grade
from npgkit.live.cells import Cells
from tests.course.support import SALT, SET, bytes_of, cell, handed

CLASS = ("ada", "bob")
SECRET = kit.Secret(SALT, CLASS)


def result(made: Any, student: str = "ada") -> Any:
    return grade(Task(SET.name, student, SALT, bytes_of(made)))


@pytest.mark.parametrize("name", sets.names())
def test_the_parts_of_a_set_are_all_its_points(name: str) -> None:
    """Each has a name of its own, and in its problem a title of its own."""
    one = sets.load(name)
    parts = kit.parts(one)
    assert sum(part.of for part in parts) == one.points
    assert len({part.name for part in parts}) == len({(p.problem, p.title) for p in parts})
    assert len({part.name for part in parts}) == len(parts)


def test_every_mark_is_the_score_of_one_part() -> None:
    """In points and words, whether a check passes or not."""
    found = result(handed("ada", bandit=SET.problems["bandit"].mistakes[0].code))
    marks = [mark for problem in found["problems"].values() for mark in problem["marks"]]
    scores = kit.scores(SET, found)
    assert [(p.title, p.hidden, p.of) for p, _, _ in scores] == [
        (mark["check"], mark["hidden"], mark["of"]) for mark in marks
    ]
    assert [(n, said) for _, n, said in scores] == [(m["points"], m["sentence"]) for m in marks]


def test_a_file_that_cannot_be_read_scores_nothing() -> None:
    """Every part says why."""
    found = grade(Task(SET.name, "ada", SALT, b"{"))
    assert {(n, said) for _, n, said in kit.scores(SET, found)} == {(0.0, found["notes"][0])}


@pytest.mark.parametrize(
    ("called", "says", "whose"),
    [
        (["ada@x.edu", "ada"], "ada", "ada"),
        (["ada@x.edu", "ada"], "bob", "ada"),  # no choice but among one's own names
        (["ada@x.edu", "ada"], "", "ada"),
        (["ada", "bob"], "bob", "bob"),  # a group
        (["eve@x.edu", "eve"], "ada", "eve@x.edu"),
        ([], "ada", "nobody"),
    ],
)
def test_numbers_are_of_those_who_handed_in(called: list[str], says: str, whose: str) -> None:
    """A file's own word counts among the names that the tool knows, and nowhere else."""
    assert SECRET.who(called, says) == whose
    assert kit.Secret(SALT).who(called, says) == kit.EVERYONE


@pytest.mark.parametrize("target", ["nbgrader", "otter", "gradescope"])
def test_students_get_their_numbers_and_no_answer(target: str, tmp_path: Path) -> None:
    """What is handed out has each student's numbers, and neither solutions nor the salt."""
    exports.write(target, SET, SALT, CLASS, tmp_path)
    given = set()
    for student in CLASS:
        (path,) = [p for p in (tmp_path / "handout").rglob("*.ipynb") if student in str(p)]
        text = path.read_text("utf-8")
        made = nbformat.reads(text, as_version=4)
        assert made.metadata["course"]["student"] == student
        given.add(cell(made, "bandit", "given").source)
        assert SALT not in text and "pi @ reward" not in text and "BEGIN" not in text
    assert len(given) == 2


@pytest.mark.parametrize("target", ["nbgrader", "otter", "gradescope"])
def test_the_salt_is_for_its_owner_alone(target: str, tmp_path: Path) -> None:
    """Whatever holds it can be read by nobody else."""
    exports.write(target, SET, SALT, (), tmp_path)
    holders = [p for p in tmp_path.rglob("*") if p.is_file() and holds(p, SALT)]
    assert holders and {path.stat().st_mode & 0o77 for path in holders} == {0}


def holds(path: Path, text: str) -> bool:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return any(text.encode() in packed.read(name) for name in packed.namelist())
    return text.encode() in path.read_bytes()


def test_another_salt_does_not_go_into_the_same_folder(tmp_path: Path) -> None:
    """What was handed out with the first would be graded with the second."""
    exports.write("otter", SET, SALT, (), tmp_path)
    exports.write("otter", SET, SALT, (), tmp_path)
    with pytest.raises(ValueError, match="another salt"):
        exports.write("otter", SET, "another salt", (), tmp_path)


def test_the_source_for_nbgrader_is_of_its_schema() -> None:
    """Ids of their own; the solution in its region; tests are locked, and fail by themselves."""
    made = nbgrader.version(SET, SECRET, "ada", of_teacher=True)
    about = {c.metadata["nbgrader"]["grade_id"]: c for c in made.cells if "nbgrader" in c.metadata}
    assert len(about) == sum("nbgrader" in c.metadata for c in made.cells)
    for part in kit.parts(SET):
        test = about[part.name]
        more = test.metadata["nbgrader"]
        assert (more["grade"], more["locked"], more["points"]) == (True, True, part.of)
        assert test.source.count(nbgrader.BEGIN) == test.source.count(nbgrader.END) == 1
        assert "raise RuntimeError" in test.source.partition(nbgrader.BEGIN)[2]
    for key, problem in SET.problems.items():
        before, _, after = about[f"{key}-answer"].source.partition("### BEGIN SOLUTION")
        assert problem.starter.strip() in before and problem.solution.strip() in after
    assert about["bandit-text"].metadata["nbgrader"]["points"] == 2


def test_the_zip_for_gradescope_has_its_two_programs(tmp_path: Path) -> None:
    """At its root, and they can be run; the sets and the grader are beside them."""
    exports.write("gradescope", SET, SALT, (), tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as packed:
        names = packed.namelist()
        for name in ("setup.sh", "run_autograder"):
            assert packed.getinfo(name).external_attr >> 16 & 0o111
            assert packed.read(name).startswith(b"#!")
        assert "numpy==" in packed.read("requirements.txt").decode()
    assert {"course/child.py", "npgkit/__init__.py", "secret.json"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_what_gradescope_is_told_keeps_hidden_checks_back() -> None:
    """They are shown with the grades; what the teacher has to know is shown to nobody else."""
    found = result(handed("bob"))
    tests = on_gradescope.told(SET, found)["tests"]
    assert [test["visibility"] for test in tests] == [
        *("after_published" if part.hidden else "visible" for part in kit.parts(SET)), "hidden",
    ]  # fmt: skip
    assert "made for 'bob'" in tests[-1]["output"] and "score" not in tests[-1]
    assert sum(test.get("max_score", 0) for test in tests) == SET.points


@pytest.mark.parametrize(
    ("about", "called"),
    [
        ({"users": [{"email": "ada@x.edu", "sid": "17"}]}, ["ada@x.edu", "ada", "17"]),
        ({"users": [{"email": "", "sid": None}]}, []),
        ({}, []),
        (None, []),
    ],
)
def test_gradescope_calls_a_student_by_three_names(about: Any, called: list[str]) -> None:
    """The address, what is before its @, and the student's number, where there is one."""
    assert on_gradescope.called(about) == called


@pytest.mark.parametrize("solved", [False, True])
def test_a_page_runs_in_the_pages_runner(tmp_path: Path, solved: bool) -> None:
    """No cell stops, and examples come out right when the answers are."""
    exports.write("page", SET, SALT, (), tmp_path)
    made = nbformat.read(tmp_path / f"{SET.name}.ipynb", as_version=4)
    assert all("course" not in c.metadata for c in made.cells)
    assert "points" not in cell(made, "bandit", "statement").source[:80]
    told: list[dict[str, Any]] = []
    page = Cells(told.append)
    for c in made.cells:
        if c.cell_type == "code":
            key, _, role = c.id.partition("-")
            more = SET.problems[key].solution if solved and role == "answer" else ""
            assert page.run(c.id, c.source + more), told

    said = "".join(one.get("text", "") for one in told)
    asked = sum(c.source.count('"not answered yet"') for c in made.cells)
    right, open_ = said.count("the example is right"), said.count("not answered yet")
    # One starter is a faulty program: it answers, and wrongly.
    wrong = said.count("the example is [")
    assert (right, open_ + wrong) == ((asked, 0) if solved else (0, asked))
    assert asked >= 2 and wrong <= 1


def test_a_page_has_one_set_of_numbers(tmp_path: Path) -> None:
    """A class is refused: a page is the same for all."""
    with pytest.raises(ValueError, match="one set of numbers"):
        exports.write("page", SET, SALT, CLASS, tmp_path)


@pytest.mark.parametrize("target", exports.TARGETS)
def test_the_command_says_what_to_do_next(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each target has a file and a sentence; without a salt it says what that means."""
    out = tmp_path / target
    assert main(["export", target, "set1", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert str(out) in said.out and "no salt is set" in said.err
    secret = out / "kit" / kit.SECRET
    if secret.exists():
        assert json.loads(secret.read_text("utf-8"))["students"] == []
