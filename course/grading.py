"""One submission, graded: its programs asked, its answers compared, in words and points."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from course import sets
from course.asking import Asking
from course.asking import Student as Answers
from course.notebook import GONE, Handed, Unreadable, mark_of, numbers_of, read
from course.problem import Mark, Numbers, Problem, ProblemSet, digest
from course.student import Process
from course.trusted import Trusted

Result = dict[str, Any]
MOST_WORDS = 100_000
CUT = "\n\n(The text is longer: the rest is in the notebook.)"


@dataclass(frozen=True)
class Task:
    """What is graded, and how.

    Attributes
    ----------
    set, student, salt : str
    data : bytes
        The file, as it was handed in.
    suffix : ".ipynb" or ".py"
    unreadable : str
        Why there is no file; empty if there is one.
    students : tuple of str
        The whole class: whose numbers an answer may be right for.
    patience : float
        What the time limits are multiplied by.
    only : tuple of str
        The problems to grade; all when empty.
    """

    set: str
    student: str
    salt: str
    data: bytes = b""
    suffix: str = ".ipynb"
    unreadable: str = ""
    students: tuple[str, ...] = ()
    patience: float = 1.0
    only: tuple[str, ...] = ()


def grade(task: Task) -> Result:
    """Return what came of a submission, as JSON can hold it."""
    one = sets.load(task.set)
    try:
        if task.unreadable:
            raise Unreadable(task.unreadable)
        handed = read(task.data, task.suffix)
        if handed.about["set"] not in ("", one.name):
            raise Unreadable(
                f"This is a notebook of {handed.about['set'][:40]}, not of {one.name}."
            )
    except Unreadable as why:
        problems = {key: _nothing(problem) for key, problem in one.problems.items()}
        return _result(one, task.student, problems, [str(why)], [], "unreadable")
    numbers = numbers_of(one, task.salt, task.student)
    notes, flags = [], []
    made_for = handed.about["student"]
    if made_for not in ("", task.student):
        notes.append("The file was made for another student; it was graded with your own numbers.")
        flags.append(f"the file says that it was made for {made_for[:64]!r}")
    if handed.about["salt"] not in ("", mark_of(task.salt)):
        notes.append("The file was made with other numbers than those it was graded with: ask.")
        flags.append("the file was made with another salt")
    problems = {}
    for key in task.only or one.problems:
        problems[key] = _problem(one, key, handed, numbers, task)
        flags += [f"{key}: {mark['flag']}" for mark in problems[key]["marks"] if mark["flag"]]
        if problems[key]["text"] == GONE:
            flags.append(f"{key}: its text cell is gone")
    return _result(one, task.student, problems, notes, flags, "graded")


def _problem(
    one: ProblemSet, key: str, handed: Handed, numbers: dict[str, Numbers], task: Task
) -> Result:
    problem = one.problems[key]

    def run(code: str) -> Answers:
        return Trusted(problem, numbers[key], _with_needs(one, problem, code))

    @cache
    def others() -> Mapping[str, Answers]:
        return _others(one, key, numbers[key], task)

    marks: list[Mark] = []
    notes = handed.notes(key)
    with Process(
        handed.program(one, key, numbers), problem.seconds, task.patience, problem.with_npgkit
    ) as process:
        for k, check in enumerate(problem.checks):
            seed = digest(task.salt, "hidden", one.name, key, str(k), task.student)
            rng = np.random.default_rng(int.from_bytes(seed))
            marks += check.grade(problem, Asking(process, run, numbers[key], rng, others))
        errors = process.errors
    notes += [
        f"{label[0].upper()}{label[1:]} stopped with {said}." for label, said in errors.items()
    ]
    text, words = handed.text(one, key) if problem.rubric else ("", "")
    return {
        "points": sum(mark.points for mark in marks),
        "of": problem.points,
        "notes": notes,
        "marks": [asdict(replace(mark, sentence=mark.sentence[:1000])) for mark in marks],
        "text": text,
        "words": words if len(words) <= MOST_WORDS else words[:MOST_WORDS] + CUT,
        "version": _version(words),
        "lines": len(problem.rubric),
    }


def _with_needs(one: ProblemSet, problem: Problem, code: str) -> str:
    return "\n".join([*(one.problems[need].solution for need in problem.needs), code])


def _others(one: ProblemSet, key: str, own: Numbers, task: Task) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    problem = one.problems[key]
    for student in task.students:
        numbers = numbers_of(one, task.salt, student)[key]
        if student != task.student and repr(numbers) != repr(own):
            found[student] = Trusted(problem, numbers, _with_needs(one, problem, problem.solution))
    return found


def _version(words: str) -> str:
    """Return a name for a text that no spreadsheet takes for a number."""
    return "v" + hashlib.sha256(words.encode()).hexdigest()[:8]


def _nothing(problem: Problem) -> Result:
    return {
        "points": 0.0,
        "of": problem.points,
        "notes": [],
        "marks": [],
        "text": GONE if problem.rubric else "",
        "words": "",
        "version": _version(""),
        "lines": len(problem.rubric),
    }


def _result(
    one: ProblemSet, student: str, problems: dict[str, Result], notes: list[str],
    flags: Iterable[str], status: str,
) -> Result:  # fmt: skip
    return {
        "student": student,
        "set": one.name,
        "status": status,
        "points": sum(problem["points"] for problem in problems.values()),
        "of": one.points,
        "notes": notes,
        "flags": list(flags),
        "problems": problems,
    }
