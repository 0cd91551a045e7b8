"""Points that a person gives: entered in a table, counted, and never lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from course import reading
from course.command import COULD_NOT, DONE, LOOK, main
from course.grading import Task, grade
from course.tables import lines_of
from tests.course.support import SALT, SET, bytes_of, cell, handed

RUBRIC = [(key, line) for key, problem in SET.problems.items() for line in problem.rubric]


def write(place: Path, student: str, text: str = "My own words.", own: str = "") -> None:
    made = handed(student)
    if text:
        cell(made, "bandit", "text").source += f"\n{text}\n"
    if own:
        more = cell(made, "bandit", "text").copy()
        more.update(id="own", metadata={}, source=own)
        made.cells.insert(made.cells.index(cell(made, "bandit", "text")) + 1, more)
    (place / "in" / f"{student}.ipynb").write_bytes(bytes_of(made))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Ada has written a text for the first problem, and bob nothing."""
    (tmp_path / "salt").write_text(SALT)
    (tmp_path / "in").mkdir()
    write(tmp_path, "ada")
    write(tmp_path, "bob", "")
    return tmp_path


def run(place: Path) -> int:
    salt, out = str(place / "salt"), str(place / "g.csv")
    return main(["grade", str(place / "in"), "--out", out, "--jobs", "1", "--salt-file", salt])


def rows(place: Path) -> list[dict[str, str]]:
    return lines_of(place / "g" / "reading.csv")


def enter(place: Path, points: str, comment: str = "", separator: str = ",") -> None:
    """Give points for ada's first line, as a spreadsheet saves it."""
    table = rows(place)
    first = next(row for row in table if row["student"] == "ada" and row["problem"] == "bandit")
    first.update(points=points, comment=comment)
    with (place / "g" / "reading.csv").open("w", newline="", encoding="utf-8-sig") as file:
        lines = csv.DictWriter(file, reading.NAMES, delimiter=separator)
        lines.writeheader()
        lines.writerows(table)


def total(place: Path, student: str = "ada") -> dict[str, str]:
    return next(row for row in lines_of(place / "g.csv") if row["student"] == student)


def test_what_is_written_is_to_read_and_no_more(place: Path) -> None:
    """A text cell as it was handed out waits for nobody; all texts stand in one file."""
    assert run(place) == DONE
    of = SET.problems["bandit"].to_read
    assert (total(place)["to read"], total(place, "bob")["to read"]) == (f"{of:g}", "0")
    assert len(rows(place)) == 2 * len(RUBRIC)
    states = {(row["student"], row["problem"]): row["text"] for row in rows(place)}
    assert (states["ada", "bandit"], states["bob", "bandit"]) == ("written", "untouched")
    read = (place / "g" / "texts" / "bandit.md").read_text()
    assert "**ada**" in read and "My own words." in read and "bob" not in read
    assert "Nothing is written" in (place / "g" / "feedback" / "bob.md").read_text()


@pytest.mark.parametrize(("points", "separator"), [("1", ","), ("0.5", ";"), ("0,5", ";")])
def test_entered_points_count(place: Path, points: str, separator: str) -> None:
    """In the table, the feedback and the report, however a spreadsheet writes them."""
    run(place)
    enter(place, points, "A clear proof.", separator)
    assert run(place) == DONE
    given = float(points.replace(",", "."))
    row = total(place)
    assert (row["by checks"], row["by reading"]) == ("24", f"{given:g}")
    assert (float(row["points"]), float(row["bandit"])) == (24 + given, 5 + given)
    told = (place / "g" / "feedback" / "ada.md").read_text()
    assert "A clear proof." in told and f"{given:g} of 12 for texts" in told
    assert f"**{24 + given:g} of 36 points: 24 of 24 from checks" in told
    assert (
        (place / "g" / "reading.csv")
        .read_bytes()
        .startswith(b"\xef\xbb\xbfstudent" + separator.encode())
    )


def test_the_report_counts_what_was_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How many texts had points, how many wait, how many are as they were handed out."""
    run(place)
    enter(place, "1")
    run(place)
    capsys.readouterr()
    assert main(["report", str(place / "g.csv")]) == DONE
    said = capsys.readouterr().out
    of = next(points for points, _ in SET.problems["bandit"].rubric)
    assert f"mean 1.0 of {of:g} for 1 read, 0 to read, 1 untouched" in said


def test_points_stay_where_the_submission_changes(place: Path) -> None:
    """They count, the row says that the text is another, until the teacher empties that cell."""
    run(place)
    enter(place, "1")
    run(place)
    write(place, "ada", "Other words.")
    for _ in range(2):
        run(place)
        first = rows(place)[0]
        assert (first["points"], first["text"]) == ("1", reading.CHANGED)
    assert total(place)["by reading"] == "1"
    table = rows(place)
    table[0]["text"] = ""
    reading.write([reading.Row(**row) for row in table], place / "g" / "reading.csv")
    run(place)
    assert rows(place)[0]["text"] == "written"


def test_points_stay_where_a_student_is_gone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was entered for nobody who is here stands in the table all the same, and is told."""
    run(place)
    enter(place, "1")
    (place / "in" / "ada.ipynb").unlink()
    assert run(place) == LOOK
    assert "1 rows of" in (said := capsys.readouterr().out) and "nobody here: ada (bandit)" in said
    assert [(row["student"], row["points"]) for row in rows(place) if row["points"]] == [
        ("ada", "1")
    ]


@pytest.mark.parametrize("points", ["two", "-1", "99", "nan", "1e9"])
def test_points_out_of_range_are_refused(
    place: Path, points: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is graded and nothing is lost: the message names file, row and student."""
    run(place)
    enter(place, points)
    before = (place / "g" / "reading.csv").read_bytes()
    capsys.readouterr()
    assert run(place) == COULD_NOT
    assert f"reading.csv, row 2: ada, bandit: the points are {points!r}" in capsys.readouterr().err
    assert (place / "g" / "reading.csv").read_bytes() == before


def test_a_table_that_was_saved_in_part_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that were there are missing: nothing is graded, and the table before is kept."""
    run(place)
    enter(place, "1")
    run(place)
    path = place / "g" / "reading.csv"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for part in (b"".join(lines[:-1]), lines[0], b"", whole[: len(whole) * 3 // 5]):
        path.write_bytes(part)
        assert run(place) == COULD_NOT
        assert path.read_bytes() == part
    assert total(place)["by reading"] == "1"
    assert b"before-reading.csv" in capsys.readouterr().err.encode()
    assert (place / "g" / "before-reading.csv").exists()
    path.write_bytes(whole)
    assert run(place) == DONE


def test_a_column_of_the_teachers_own_stays(place: Path) -> None:
    """Grading fills in the columns that it knows, and leaves others as they are."""
    run(place)
    path = place / "g" / "reading.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",seen", *(line + ",yes" for line in lines[1:])]) + "\n")
    assert run(place) == DONE
    assert {row["seen"] for row in rows(place)} == {"yes"}


def test_a_text_that_was_split_is_read_whole(place: Path) -> None:
    """JupyterLab copies a cell's marks when it splits it in two."""
    made = handed("ada")
    text = cell(made, "bandit", "text")
    second = text.copy()
    text.source += "\nFirst half."
    second.update(id="second", source="Second half.")
    made.cells.insert(made.cells.index(text) + 1, second)
    found = grade(Task(SET.name, "ada", SALT, bytes_of(made), only=("bandit",)))
    words = found["problems"]["bandit"]["words"]
    assert "First half." in words and "Second half." in words


@pytest.mark.parametrize(("text", "state"), [("", "untouched"), ("\nMy own words.", "written")])
def test_a_text_is_found_without_the_marks_of_cells(text: str, state: str) -> None:
    """Some programs save none: the text is known by how it begins, and where it stands."""
    made = handed("ada")
    cell(made, "bandit", "text").source += text
    for one in made.cells:
        one.metadata = {}
    found = grade(Task(SET.name, "ada", SALT, bytes_of(made)))
    assert {key: p["text"] for key, p in found["problems"].items()} == {
        key: state if key == "bandit" else "untouched" if problem.rubric else ""
        for key, problem in SET.problems.items()
    }
    assert found["points"] == SET.points


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: (text + "ada,bandit,x,2,1,5,,written,v,more\n").encode(), "more cells"),
        (lambda text: text.replace("points", "marks", 1).encode(), "has no column 'points'"),
        (lambda text: (text + text.splitlines()[1] + "\n").encode(), "is there twice"),
        (lambda text: text.encode("utf-16"), "is not UTF-8"),
    ],
)
def test_a_spoilt_table_is_told(
    place: Path, spoil: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that cannot be counted stays as it is."""
    run(place)
    path = place / "g" / "reading.csv"
    spoilt = spoil(path.read_text())  # type: ignore[operator]
    path.write_bytes(spoilt)
    assert run(place) == COULD_NOT
    assert said in capsys.readouterr().err and path.read_bytes() == spoilt


@pytest.mark.parametrize(
    ("text", "own", "state"),
    [
        ("", "", "untouched"),
        ("Words.", "", "written"),
        ("", "Words in a cell of one's own.", "written"),
    ],
)
def test_a_text_is_found_where_students_write(place: Path, text: str, own: str, state: str) -> None:
    """In its cell, or in a cell of the student's own below it."""
    write(place, "ada", text, own)
    data = (place / "in" / "ada.ipynb").read_bytes()
    found = grade(Task(SET.name, "ada", SALT, data, only=("bandit",)))["problems"]["bandit"]
    assert found["text"] == state and (own or text) in found["words"]


def test_a_text_cell_that_is_gone_is_told(place: Path) -> None:
    """There is nothing to read, and the student reads so."""
    made = handed("ada")
    made.cells.remove(cell(made, "bandit", "text"))
    (place / "in" / "ada.ipynb").write_bytes(bytes_of(made))
    run(place)
    assert "There is no text." in (place / "g" / "feedback" / "ada.md").read_text()
    assert rows(place)[0]["text"] == "gone"
