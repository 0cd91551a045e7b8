"""What a person gives points for: the texts to read, and a table in which the points are entered.

`reading.csv` has a row for each student, problem and line of its rubric. A teacher fills in
`points` and, if there is something to say, `comment`; the next `grade` counts them. Nothing that
was entered is taken out of the table, whatever becomes of the submission: rows that belong to
nobody are told.
"""

from __future__ import annotations

import codecs
import csv
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from course.notebook import WRITTEN
from course.problem import ProblemSet
from course.tables import lines_of, separator_of

Result = dict[str, Any]
CHANGED = "changed since it was read"


@dataclass(frozen=True)
class Row:
    """A line of a rubric, for one student.

    Attributes
    ----------
    student, problem, looks_for : str
    of : str
        The points that it gives at most.
    points, comment : str
        As they were entered.
    text : str
        Whether there is something to read: "written", "untouched", "gone", or "changed since it was
        read", when the points were entered for another text.
    version : str
        Which text the points are for. Emptying `text` says that they are for the text of now.
    more : dict
        What stands in columns of the teacher's own.
    """

    student: str
    problem: str
    looks_for: str
    of: str
    points: str = ""
    comment: str = ""
    text: str = ""
    version: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Whose line it is."""
        return self.student, self.problem, self.looks_for

    @property
    def given(self) -> float | None:
        """The points that were entered; None if none were.

        Raises
        ------
        ValueError
            If they are no number from 0 to `of`.
        """
        if not self.points.strip():
            return None
        try:
            given = float(self.points.replace(",", "."))
        except ValueError:
            given = math.nan
        if not 0 <= given <= float(self.of):
            who = f"{self.student}, {self.problem}"
            raise ValueError(f"{who}: the points are {self.points!r}, not from 0 to {self.of}")
        return given

    @property
    def waits(self) -> bool:
        """Whether somebody has to read it."""
        return self.text == CHANGED or (self.text == WRITTEN and self.given is None)


NAMES = [one.name for one in fields(Row) if one.name != "more"]


def entered(path: Path) -> dict[tuple[str, str, str], Row]:
    """Return the rows of a table that there is already.

    Raises
    ------
    ValueError
        If a column is missing, a row is there twice, or points are no number in their range.
    """
    found: dict[tuple[str, str, str], Row] = {}
    for k, line in enumerate(lines_of(path) if path.exists() else [], start=2):
        if missing := [name for name in NAMES if name not in line]:
            raise ValueError(f"{path} has no column {missing[0]!r}")
        more = {name: value for name, value in line.items() if name not in NAMES}
        row = Row(**{name: line[name] for name in NAMES}, more=more)
        try:
            _ = row.given
        except ValueError as error:
            raise ValueError(f"{path}, row {k}: {error}") from None
        if row.key in found:
            raise ValueError(f"{path}, row {k}: {row.student}, {row.problem} is there twice")
        found[row.key] = row
    return found


def table(
    one: ProblemSet, results: Iterable[Result], before: Mapping[tuple[str, str, str], Row]
) -> tuple[list[Row], list[Row]]:
    """Return the rows for some results with what was entered, and what was entered for others."""
    rows: dict[tuple[str, str, str], Row] = {}
    for result in results:
        for key, problem in one.problems.items():
            found = result["problems"][key]
            version = found["version"]
            for points, words in problem.rubric:
                new = Row(result["student"], key, words, f"{points:g}")
                old = before.get(new.key, new)
                # A teacher who has read a changed text again empties its cell `text`.
                known = old.given is None or old.text == "" or old.version == version
                rows[new.key] = replace(
                    old,
                    of=new.of,
                    text=found["text"] if known else CHANGED,
                    version=version if known else old.version,
                )
    others = [row for row in before.values() if row.key not in rows]
    return [*rows.values()], [row for row in others if row.points or row.comment]


def refuse_a_part(path: Path, results: Iterable[Result]) -> None:
    """Raise if a table lacks rows of what was graded before: if it is not saved whole.

    Raises
    ------
    ValueError
        If it does.
    """
    if not path.exists():
        return
    there = Counter((row.student, row.problem) for row in entered(path).values())
    wanted = {
        (result["student"], key): found["lines"]
        for result in results
        for key, found in result["problems"].items()
    }
    lost = [who for who, lines in wanted.items() if there[who] < lines]
    if lost:
        student, problem = lost[0]
        raise ValueError(
            f"{path} lacks rows that it had, for {student}, {problem} at first: save it whole,"
            f" or bring back {backup(path).name}; without the file, reading begins anew"
        )


def backup(path: Path) -> Path:
    """Return where the table stands as it was before the last `grade`."""
    return path.with_name(f"before-{path.name}")


def write(rows: list[Row], path: Path) -> None:
    """Write the table, whole or not at all, as it was saved; keep the one before it."""
    separator, encoding = ",", "utf-8"
    if path.exists():
        data = path.read_bytes()
        backup(path).write_bytes(data)
        encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
        separator = separator_of(data.decode("utf-8-sig"))
    half = path.with_name(path.name + ".half")
    names = [*NAMES, *dict.fromkeys(name for row in rows for name in row.more)]
    with half.open("w", newline="", encoding=encoding) as file:
        lines = csv.DictWriter(file, names, restval="", delimiter=separator)
        lines.writeheader()
        lines.writerows(
            {name: getattr(row, name) for name in NAMES} | dict(row.more) for row in rows
        )
    half.replace(path)


def of(rows: Iterable[Row], student: str = "", problem: str = "") -> list[Row]:
    """Return the rows of a student, or of a problem, or of both."""
    return [
        row
        for row in rows
        if (student or row.student) == row.student and (problem or row.problem) == row.problem
    ]


def given(rows: Iterable[Row]) -> float:
    """Return the points that were entered."""
    return sum(row.given or 0.0 for row in rows)


def to_read(rows: Iterable[Row]) -> float:
    """Return the points that somebody still has to give or to look at again."""
    return sum(float(row.of) for row in rows if row.waits)


def texts(one: ProblemSet, key: str, results: Iterable[Result]) -> str:
    """Return all texts of a problem, one after the other, as Markdown to read."""
    problem = one.problems[key]
    pieces = [f"# {one.title}: {problem.title}", "Looked for:"]
    pieces += ["\n".join(f"- {words} ({points:g})" for points, words in problem.rubric)]
    for result in results:
        found = result["problems"][key]
        if found["text"] == WRITTEN:
            pieces += ["---", f"**{result['student']}**", found["words"]]
    return "\n\n".join(pieces) + "\n"
