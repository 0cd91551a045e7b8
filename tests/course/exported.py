"""What students do with an exported notebook, the same for every grader, and what they get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from course.notebook import numbers_of
from course.trusted import Trusted
from tests.course.support import SALT, SET, bytes_of, cell
from tests.course.test_hostile import READ, WRONG, after, pasted_over, with_a_copy, without_the_cell

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
    solved : bool
        Whether the set's other problems are.
    sentence : str
        Is among what the student is told.
    """

    code: str = ""
    change: Callable[[Any], bytes] = bytes_of
    points: tuple[float, float] = (0, 5)
    solved: bool = True
    sentence: str = ""


def of_all(points: tuple[float, float], solved: bool = True) -> tuple[float, ...]:
    """Return the points of all problems: those after `bandit` and `returns` are solved, or none."""
    others = [problem.points for problem in list(SET.problems.values())[2:]]
    return (*points, *(own if solved else 0 for own in others))


def empty(made: Any) -> bytes:
    """The notebook as it was handed out."""
    for key in SET.problems:
        answer = cell(made, key)
        answer.source = answer.source.partition("\n# solved\n")[0]
    return bytes_of(made)


ROWS = {
    "right": Row(points=(5, 5), sentence="`gradient` is right."),
    "wrong": Row(MISTAKE.code, sentence=MISTAKE.sentence),
    "empty": Row(change=empty, points=(0, 0), solved=False, sentence="not answered yet"),
    "loop": Row(LOOP, points=(1, 5), sentence="no answer came within 10 seconds"),
    "exit": Row(EXIT, sentence="the program ended by itself, with the code 0"),
    "patch": Row(PATCH, sentence="is zero everywhere"),
    "spy": Row(after(READ), sentence="is zero everywhere"),
    "copied": Row(change=with_a_copy, sentence="The answer cell is there 2 times"),
    "deleted": Row(change=without_the_cell, sentence="The answer cell is gone"),
    "pasted": Row(change=pasted_over, sentence="The answer cell is gone"),
}
BORROWER = "borrower"
"""Hands in the file of `right`, with its number written out."""
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


def handed_out(place: Path, student: str) -> Any:
    """Return what a student was given."""
    return nbformat.read(place / "handout" / f"{student}.ipynb", as_version=4)
