"""What a person gives points for: the texts to read, and a table in which the points are entered.

`reading.csv` has a row for each student, problem and line of its rubric. A teacher fills in
`points` and, if there is something to say, `comment`; the next `grade` counts them. Nothing that
was entered is taken out of the table, whatever becomes of the submission.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from course.notebook import WRITTEN
from course.problem import ProblemSet
from course.tables import lines_of

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
    """

    student: str
    problem: str
    looks_for: str
    of: str
    points: str = ""
    comment: str = ""
    text: str = ""
    version: str = ""

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


NAMES = [field.name for field in fields(Row)]


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
        row = Row(**{name: line[name] for name in NAMES})
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
            version = hashlib.sha256(found["words"].encode()).hexdigest()[:8]
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


def write(rows: list[Row], path: Path) -> None:
    """Write the table, whole or not at all."""
    half = path.with_name(path.name + ".half")
    with half.open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, NAMES)
        lines.writeheader()
        lines.writerows(asdict(row) for row in rows)
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
