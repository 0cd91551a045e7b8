"""Whose a file is: names as systems that collect files make them, and files that are two."""

from __future__ import annotations

from pathlib import Path

import pytest

from course.command import COULD_NOT, LOOK, main
from course.submissions import called, collect
from tests.course.support import SALT, SET, bytes_of, handed

CLASS = ("ada", "bob", "ann", "ann-lee", "s17", "Zoe")


@pytest.mark.parametrize(
    ("stem", "students"),
    [
        ("ada", ["ada"]),
        ("ada (1)", ["ada"]),
        ("ada_17_ada", ["ada"]),
        ("doeada_LATE_1234_5678_ada-1", ["ada"]),
        ("zoe", ["Zoe"]),
        ("ADA", ["ada"]),
        ("ann-lee", ["ann-lee"]),
        ("ann_lee", ["ann"]),
        ("x_ann-lee_3", ["ann-lee"]),
        ("set1 s17 final", ["s17"]),
        ("ada_1_bob", ["ada", "bob"]),
        ("adam", []),
        ("s170", []),
        ("homework", []),
    ],
)
def test_a_students_id_is_a_word_of_a_files_name(stem: str, students: list[str]) -> None:
    """Other words and numbers around it do no harm; part of a word is nobody's id."""
    assert called(stem, CLASS) == students


def files(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n", "utf-8")
    return folder


def test_a_class_finds_its_renamed_files(tmp_path: Path) -> None:
    """By a word of the file's name, of its folder's, or of the name of the file in there."""
    names = ("doe_1_ada (1).py", "Bob B_7_file_/x.py", "17_file_/ann.py", "Zoe.py", "new.py")
    found = collect(files(tmp_path, *names), students=CLASS)
    assert {s.student: s.problem for s in found.submissions} == dict.fromkeys(
        ("ada", "bob", "ann", "Zoe", "new"), ""
    )
    assert sorted(found.renamed) == [
        "ada from doe_1_ada (1).py", "ann from 17_file_", "bob from Bob B_7_file_",
    ]  # fmt: skip
    assert found.left_out == []


def test_without_a_class_a_name_is_an_id_or_nothing(tmp_path: Path) -> None:
    """What no id can be is left out, and said."""
    found = collect(files(tmp_path, "ada (1).py", "ada_17_ada.py"))
    assert [s.student for s in found.submissions] == ["ada_17_ada"]
    assert found.left_out == ["ada (1).py"]


def test_a_name_of_two_students_is_nobodys(tmp_path: Path) -> None:
    """Nobody can hand in for another by a file's name."""
    found = collect(files(tmp_path, "ada_1_bob.py", "bob.py"), students=CLASS)
    assert [s.student for s in found.submissions] == ["bob"]
    assert found.left_out == ["ada_1_bob.py"]


@pytest.mark.parametrize(
    "names",
    [
        ("ada.py", "ada.ipynb"),
        ("ada.py", "ada/x.py"),
        ("ada.py", "Ada.py"),
        ("ada.py", "ada (1).py"),
    ],
)
def test_two_files_cost_one_student_and_not_the_class(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    """The row says which files there are; the others are graded."""
    found = collect(files(tmp_path, *names, "bob.py"), students=("ada", "bob"))
    told = {s.student.lower(): s.problem for s in found.submissions}
    assert told.keys() == {"ada", "bob"} and told["bob"] == ""
    assert told["ada"].startswith("2 were handed in, and one is wanted: ")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "salt").write_text(SALT)
    (tmp_path / "other").write_text("another salt of tests")
    (tmp_path / "in").mkdir()
    for student in ("ada", "bob"):
        (tmp_path / "in" / f"{student}.ipynb").write_bytes(bytes_of(handed(student)))
    return tmp_path


def grade(place: Path, *more: str) -> int:
    return main(["grade", str(place / "in"), "--out", str(place / "g.csv"), "--jobs", "1", *more])


def test_another_salt_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most notebooks say that they were made with another: nothing is graded with wrong numbers."""
    monkeypatch.delenv("COURSE_SALT", raising=False)
    assert grade(place, "--salt-file", str(place / "other")) == COULD_NOT
    said = capsys.readouterr().err
    assert "2 of 2 files were made with another salt than that of" in said and "other" in said
    assert grade(place) == COULD_NOT
    assert "than none, as none is set" in capsys.readouterr().err
    assert not (place / "g.csv").exists()


def test_one_file_of_another_salt_is_flagged(place: Path) -> None:
    """The student is told that the numbers were others, and so is the teacher."""
    from course import notebook

    made = notebook.make(SET, "another salt of tests", "bob", True)
    (place / "in" / "bob.ipynb").write_bytes(bytes_of(made))
    (place / "in" / "eve.ipynb").write_bytes(bytes_of(handed("eve")))
    assert grade(place, "--salt-file", str(place / "salt")) == LOOK
    assert "the file was made with another salt" in (place / "g.csv").read_text()
    assert "made with other numbers" in (place / "g" / "feedback" / "bob.md").read_text()
    assert "other numbers" not in (place / "g" / "feedback" / "eve.md").read_text()


def test_a_mark_tells_a_salt_from_another_and_no_more() -> None:
    """It is the same for all students, and another for another salt."""
    from course.notebook import mark_of

    assert mark_of(SALT) == handed("ada").metadata["course"]["salt"]
    assert mark_of(SALT) == handed("bob").metadata["course"]["salt"] != mark_of(SALT + "x")
    assert SALT not in mark_of(SALT)


def test_another_sets_grades_are_not_mixed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One table holds one set."""
    salted = ["--salt-file", str(place / "salt")]
    assert grade(place, *salted) == 0
    assert grade(place, *salted, "--set", "set2") == COULD_NOT
    assert "holds grades of set1_policy_gradient, not of set2" in capsys.readouterr().err
