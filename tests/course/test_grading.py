"""Grading a folder: partial credit, what is kept, the table, and what is said of bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jupytext
import pytest

from course import sandbox
from course.command import COULD_NOT, DONE, LOOK, main
from course.feedback import plain
from course.grading import Result, Task, grade
from tests.course.support import SALT, SET, bytes_of, cell, handed


def graded(**answers: str) -> Result:
    made = handed("ada", **answers)
    return grade(Task(SET.name, "ada", SALT, bytes_of(made)))


def points(result: Result, key: str) -> list[float]:
    return [mark["points"] for mark in result["problems"][key]["marks"]]


OVERFLOWS = """
def gradient(theta, reward):
    pi = np.exp(theta) / np.exp(theta).sum()
    return pi * (reward - pi @ reward)

slope0 = np.linalg.norm(gradient(theta0, reward))
"""


def test_each_check_gives_its_points() -> None:
    """A gradient that overflows loses the point of large logits, and no other."""
    assert points(graded(bandit=OVERFLOWS), "bandit") == [3, 0, 1]


def test_a_cell_that_stops_keeps_what_it_had_defined() -> None:
    """An error on a cell's last line does not take the function before it."""
    result = graded(bandit=SET.problems["bandit"].solution.replace("slope0 =", "slope0 = nix +"))
    assert points(result, "bandit") == [3, 1, 0]
    assert "NameError" in result["problems"]["bandit"]["notes"][0]


def test_a_function_that_loops_keeps_other_points() -> None:
    """The process is started again: what does not loop is asked all the same."""
    loops = "slope0 = np.linalg.norm((lambda p: p * (reward - p @ reward))(np.exp(theta0)"
    loops += " / np.exp(theta0).sum()))\ndef gradient(theta, reward):\n    while True: pass"
    made = handed("ada", bandit=loops)
    result = grade(Task(SET.name, "ada", SALT, bytes_of(made), patience=0.3))
    assert points(result, "bandit") == [0, 0, 1]


def test_own_cells_count() -> None:
    """Helpers and imports in a student's own cell, magics and plots do no harm."""
    made = handed("ada")
    helper = cell(made, "returns", "try").copy()
    helper.update(id="own", metadata={}, source="%matplotlib inline\nimport math\nhalf = 0.5")
    made.cells.insert(1, helper)
    cell(made, "bandit").source += "\nslope0 *= 2 * half * math.cos(0)"
    result = grade(Task(SET.name, "ada", SALT, bytes_of(made)))
    assert (result["points"], result["problems"]["bandit"]["notes"]) == (SET.points, [])


def test_plots_run() -> None:
    """Matplotlib is there, draws into nothing, and starts no thread."""
    plot = "import matplotlib.pyplot as plt\nplt.plot(theta0)\nplt.show()\n"
    assert graded(bandit=plot + SET.problems["bandit"].solution)["points"] == SET.points


def test_the_given_cell_cannot_be_changed() -> None:
    """The numbers are set by the grader: easier ones in the notebook do not help."""
    made = handed("ada")
    cell(made, "returns", "given").source = "rewards, discount = [0.0], 1.0"
    cell(made, "returns").source = cell(made, "returns").source.replace("first = ", "first = 0 * ")
    assert points(grade(Task(SET.name, "ada", SALT, bytes_of(made))), "returns") == [2, 2, 0]


def test_a_script_is_read_as_well() -> None:
    """A .py file in the percent format, as jupytext writes it, has the same points."""
    script = jupytext.writes(handed("ada"), fmt="py:percent").encode()
    assert grade(Task(SET.name, "ada", SALT, script, ".py"))["points"] == SET.points


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A class of three, with ada's and bob's files, and a salt."""
    (tmp_path / "salt").write_text(SALT)
    (tmp_path / "class").write_text("student,name\nada,Ada\nbob,Bob\nzoe,Zoe\n")
    command = ["make", "set1", "--students", str(tmp_path / "class"), "--solved"]
    assert run(tmp_path, *command, "--out", str(tmp_path / "in")) == DONE
    (tmp_path / "in" / "zoe.ipynb").unlink()
    (tmp_path / "in" / "bob.ipynb").write_bytes(bytes_of(handed("bob", bandit=OVERFLOWS)))
    return tmp_path


def run(place: Path, command: str, *arguments: str) -> int:
    return main([command, *arguments, "--salt-file", str(place / "salt")])


def grade_all(place: Path, *more: str) -> int:
    table = str(place / "grades.csv")
    known = ["--students", str(place / "class")]
    return run(place, "grade", str(place / "in"), "--out", table, "--jobs", "1", *known, *more)


def test_a_class_is_graded(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row each, who handed in nothing as well; a report that counts."""
    assert grade_all(place) == DONE
    with (place / "grades.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {student: row["points"] for student, row in rows.items()} == {
        "ada": "24", "bob": "23", "zoe": "0",
    }  # fmt: skip
    assert (rows["bob"]["bandit"], rows["bob"]["of"], rows["zoe"]["status"]) == (
        "4", "36", "absent",
    )  # fmt: skip
    assert [rows[student]["to read"] for student in ("ada", "bob", "zoe")] == ["0", "0", "0"]
    capsys.readouterr()
    assert main(["report", str(place / "grades.csv")]) == DONE
    said = capsys.readouterr().out
    assert "2 graded, 1 absent" in said
    assert "| bandit: A bandit, and which way is up | 5 | 4.5 | 4.5 | 0 | 1 | 1 |" in said
    assert "- gradient, of large logits: right for 1 of 2" in said


def test_the_report_counts_mistakes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says how many made a known mistake, once for each student."""
    mistake = SET.problems["bandit"].mistakes[0]
    (place / "in" / "bob.ipynb").write_bytes(bytes_of(handed("bob", bandit=mistake.code)))
    grade_all(place)
    main(["report", str(place / "grades.csv")])
    assert "- 1 of 2: This is pi \\* r" in capsys.readouterr().out


def test_what_is_done_is_not_done_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a changed submission is graded anew, and the table is whole all the same."""
    grade_all(place)
    (place / "in" / "bob.ipynb").write_bytes(bytes_of(handed("bob")))
    capsys.readouterr()
    grade_all(place)
    said = capsys.readouterr().out
    assert "2 were graded before" in said and "1/1 bob: 24 of 24" in said and "ada:" not in said
    grade_all(place, "--again")
    assert "3/3" in capsys.readouterr().out


def test_a_stored_result_that_was_changed_is_not_kept(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Points written into a stored result by hand, without the salt, are graded away."""
    grade_all(place)
    path = place / "grades" / "results" / "bob.json"
    stored = json.loads(path.read_text())
    stored["result"]["points"] = SET.points
    path.write_text(json.dumps(stored))
    capsys.readouterr()
    grade_all(place)
    assert "1/1 bob: 23 of 24" in capsys.readouterr().out


def test_a_folder_per_student_is_read(place: Path, tmp_path: Path) -> None:
    """As some systems hand them over: a folder each, with the set's file or the only one."""
    for student in ("ada", "bob"):
        file = place / "in" / f"{student}.ipynb"
        data = file.read_bytes()
        file.unlink()
        (place / "in" / student).mkdir()
        (place / "in" / student / f"{SET.name}.ipynb").write_bytes(data)
        (place / "in" / student / "scratch.py").write_text("1/0")
    assert grade_all(place, "--set", "set1") == DONE
    assert grade_all(place) == COULD_NOT  # without its name, two files are one too many


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["make", "set0", "--student", "ada", "--out", "{place}/x"], "there is no set 'set0'"),
        (["make", "", "--student", "ada", "--out", "{place}/x"], "there is no set ''"),
        (["make", "set1", "--student", "a/b", "--out", "{place}/x"], "cannot be a student's id"),
        (["make", "set1", "--students", "{place}/no", "--out", "{place}/x"], "No such file"),
        (["make", "set1", "--students", "{place}/two", "--out", "{place}/x"], "ada is there twice"),
        (
            ["make", "set1", "--students", "{place}/case", "--out", "{place}/x"],
            "differ in case",
        ),
        (["make", "set1", "--students", "{place}/bad", "--out", "{place}/x"], "bad, line 2: 'a b'"),
        (["make", "set1", "--students", "{place}/wide", "--out", "{place}/x"], "wide is not UTF-8"),
        (["grade", "{place}/none", "--out", "{place}/g.csv"], "is no folder"),
        (["grade", "{place}/empty", "--out", "{place}/g.csv"], "holds no submission"),
        (["grade", "{place}/in", "--out", "{place}/in/g.csv"], "among the submissions"),
        (["grade", "{place}/in", "--out", "{place}/in"], "among the submissions"),
        (["grade", "{place}/other", "--out", "{place}/g.csv"], "name it with --set"),
        (["grade", "{place}/in", "--out", "{place}/g.csv", "--jobs", "0"], "more than 0"),
        (["report", "{place}/none.csv"], "run `grade` first"),
    ],
)
def test_bad_input_is_told(
    arguments: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2 and one line says what is wrong."""
    (place / "two").write_text("ada\nada\n")
    (place / "case").write_text("Ada\nada\n")
    (place / "bad").write_text("ada\na b\n")
    (place / "wide").write_text("ada\n", "utf-16")
    for folder, files in {"empty": [], "other": ["a.py"]}.items():
        (place / folder).mkdir()
        for name in files:
            (place / folder / name).write_text("x = 1\n")
    capsys.readouterr()
    assert main([word.format(place=place) for word in arguments]) == COULD_NOT
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_an_open_salt_is_told_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a salt of the teacher's it works, and says what that means."""
    monkeypatch.delenv("COURSE_SALT", raising=False)
    command = ["make", "set1", "--student", "ada", "--out", str(tmp_path)]
    assert main(command) == DONE and "no salt is set" in capsys.readouterr().err
    monkeypatch.setenv("COURSE_SALT", SALT)
    command[-1] = str(tmp_path / "salted")
    assert main(command) == DONE and "salt" not in capsys.readouterr().err


def test_a_weak_sandbox_is_told(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where limits are all there is the teacher reads what they do not hold."""
    monkeypatch.setattr(sandbox, "available", lambda: sandbox.Sandbox(sandbox.LIMITS, None))
    grade_all(place)
    assert "can use the network" in capsys.readouterr().err


def test_nothing_runs_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, where neither namespaces nor another user can be had, nothing is graded."""
    monkeypatch.setattr(sandbox, "_works", lambda one: False)
    monkeypatch.setattr(sandbox.os, "getuid", lambda: 0)
    with pytest.raises(OSError, match="grade as another user"):
        sandbox.available.__wrapped__()


def test_a_file_that_cannot_be_read_is_worth_a_look(place: Path) -> None:
    """The others are graded; the exit code says that somebody should look."""
    (place / "in" / "zoe.ipynb").write_text("{")
    (place / "in" / "notes.txt").write_text("x")
    assert grade_all(place) == LOOK
    assert "unreadable" in (place / "grades.csv").read_text()


def test_make_writes_over_nobodys_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same notebooks may be made again; another file of a student's name stays as it is."""
    monkeypatch.setenv("COURSE_SALT", SALT)
    made = ["make", "set1", "--student", "ada", "--out", str(tmp_path)]
    assert main(made) == main(made) == 0
    path = tmp_path / "ada.ipynb"
    path.write_text("handed in", "utf-8")
    assert main(made) == 2 and path.read_text("utf-8") == "handed in"
    assert "has another ada.ipynb: name an empty folder" in capsys.readouterr().err
    path.unlink()
    assert main(made) == 0 and main([*made, "--solved"]) == 2


def test_a_short_salt_in_the_environment_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one in a file is."""
    monkeypatch.setenv("COURSE_SALT", "abc")
    assert main(["make", "set1", "--student", "ada", "--out", str(tmp_path)]) == 2
    assert "COURSE_SALT holds 3 characters" in capsys.readouterr().err


def test_a_name_in_feedback_has_no_backslash() -> None:
    """Between backquotes nothing is read as Markdown; elsewhere everything would be."""
    assert plain("`flow_time` of a_b: <b>, `<b>`") == "`flow_time` of a\\_b: \\<b\\>, `\\<b\\>`"
