"""A class at a glance: how each problem went, and which mistakes were made by how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median
from typing import Any

from course import reading
from course.feedback import plain
from course.notebook import UNTOUCHED
from course.problem import ProblemSet

Result = dict[str, Any]


def report(one: ProblemSet, results: list[Result], rows: Sequence[reading.Row] = ()) -> str:
    """Return the report as Markdown; `rows` are what a person has entered for texts."""
    graded = [result for result in results if result["status"] == "graded"]
    lines = [f"# {one.title}", ""]
    counts = Counter(result["status"] for result in results)
    lines += [", ".join(f"{count} {status}" for status, count in counts.items()) + ".", ""]
    if not graded:
        return "\n".join(lines)
    lines += [
        "| | points | mean | median | none | part | all |",
        "|---|---|---|---|---|---|---|",
        _row("whole set", one.points, [result["points"] for result in graded]),
    ]
    for key, problem in one.problems.items():
        points = [result["problems"][key]["points"] for result in graded]
        lines.append(_row(f"{key}: {problem.title}", problem.points, points))
    here = {result["student"] for result in results}
    for key, problem in one.problems.items():
        checks: Counter[str] = Counter()
        mistakes: Counter[str] = Counter()
        names: dict[str, None] = {}
        for result in graded:
            marks = result["problems"][key]["marks"]
            for mark in marks:
                names[mark["check"]] = None
                checks[mark["check"]] += mark["points"] == mark["of"]
            mistakes.update({mark["mistake"] for mark in marks} - {""})
        lines += ["", f"## {problem.title}", ""]
        lines += [f"- {plain(name)}: right for {checks[name]} of {len(graded)}" for name in names]
        lines += [
            f"- {count} of {len(graded)}: {plain(said)}" for said, count in mistakes.most_common()
        ]
        for most, words in problem.rubric:
            own = [
                row
                for row in reading.of(rows, problem=key)
                if row.looks_for == words and row.student in here
            ]
            lines.append(_told(words, most, own))
    look = [
        (result["student"], said)
        for result in results
        for said in dict.fromkeys(
            result["flags"] or (result["notes"] if result["status"] == "unreadable" else [])
        )
    ]
    if look:
        lines += ["", "## To look at", ""]
        lines += [f"- {plain(student)}: {plain(flag)}" for student, flag in look]
    return "\n".join([*lines, ""])


def _told(words: str, of: float, rows: list[reading.Row]) -> str:
    """Say how many texts had a line of the rubric, and how many wait."""
    told = [row.given for row in rows if row.given is not None]
    waits, untouched = sum(row.waits for row in rows), sum(row.text == UNTOUCHED for row in rows)
    mean_points = f"mean {mean(told):.1f} of {of:g} for {len(told)} read" if told else "none read"
    return f"- by a person, {plain(words)}: {mean_points}, {waits} to read, {untouched} untouched"


def _row(title: str, of: float, points: list[float]) -> str:
    none, whole = sum(p == 0 for p in points), sum(p == of for p in points)
    part = len(points) - none - whole
    return (
        f"| {plain(title)} | {of:g} | {mean(points):.1f} | {median(points):g} "
        f"| {none} | {part} | {whole} |"
    )
