"""What a problem is made of. grading.md says how to write one, and `sets/` has examples."""

from __future__ import annotations

import hashlib
import hmac
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

Numbers = Mapping[str, Any]
"""A variant's numbers by their names: what the notebook's given cell sets."""


@dataclass(frozen=True)
class Mark:
    """What one check found.

    Attributes
    ----------
    check : str
    points, of : float
    sentence : str
        For the student.
    hidden : bool
        Whether the student had no way to try it.
    mistake : str
        The sentence of the known mistake that explains the answer; empty if there is none.
    flag : str
        What the teacher alone is told.
    """

    check: str
    points: float
    of: float
    sentence: str
    hidden: bool = False
    mistake: str = ""
    flag: str = ""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, as code, and the sentence that they get."""

    sentence: str
    code: str


def changed(code: str, *pairs: tuple[str, str]) -> str:
    """Return code with passages replaced, each of which has to be there once."""
    for old, new in pairs:
        if code.count(old) != 1:
            raise ValueError(f"{code.count(old)} times in the code: {old}")
        code = code.replace(old, new)
    return code


class Check(Protocol):
    """Something that is asked of a student's code; see `course.checks` for the kinds there are."""

    @property
    def points(self) -> float:
        """What it gives at most."""

    def grade(self, problem: Problem, asking: Any) -> list[Mark]:
        """Ask, compare, and return the marks; `asking` is a `course.asking.Asking`."""

    def tries(self, problem: Problem, numbers: Numbers, rng: np.random.Generator) -> str:
        """Return code with which a student can try it before handing in; nothing if hidden."""


@dataclass(frozen=True)
class Problem:
    """One problem of a set.

    Attributes
    ----------
    title : str
    minutes : int
        How long it takes a student who has read the chapter.
    statement : str
        Markdown. `<<name>>` is replaced by a variant's number of that name.
    starter, solution : str
        Code: what the answer cell holds at first, and the model solution. Both use the names that
        the variant gives, and `np`.
    checks : tuple of Check
    mistakes : tuple of Mistake
        Tried in order on an answer that is wrong.
    variant : function of a random.Random
        Draws a student's numbers, {name: number, list or array}. A name that begins with `_` is for
        the statement and the checks alone.
    rubric : tuple of (points, words)
        For what is read by a person; with it the notebook has a cell for text.
    outcomes : tuple of str
        What a student who solves it can do, for the plan.
    needs : tuple of str
        The problems of the set whose answers this one's code uses.
    seconds : float
        How long one answer may take.
    with_npgkit : bool
        Whether the student's code may import npgkit.
    """

    title: str
    minutes: int
    statement: str
    starter: str
    solution: str
    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...] = ()
    variant: Callable[[random.Random], Numbers] = lambda rng: {}
    rubric: tuple[tuple[float, str], ...] = ()
    outcomes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    seconds: float = 10.0
    with_npgkit: bool = False

    @property
    def points(self) -> float:
        """The points that checks give."""
        return sum(check.points for check in self.checks)

    @property
    def to_read(self) -> float:
        """The points that a person gives."""
        return sum(points for points, _ in self.rubric)

    def said(self, numbers: Numbers) -> str:
        """Return the statement with a variant's numbers in it."""
        return re.sub(r"<<(\w+)>>", lambda found: _shown(numbers[found[1]]), self.statement).strip()

    def given(self, numbers: Numbers) -> str:
        """Return the code that sets a variant's numbers."""
        lines = [f"{name} = {_literal(x)}" for name, x in numbers.items() if name[0] != "_"]
        return "\n".join(["import numpy as np", *lines])


@dataclass(frozen=True)
class ProblemSet:
    """A set of problems: `PROBLEMS`, `TITLE` and `CHAPTERS` of a package in `sets/`.

    Attributes
    ----------
    name, title : str
    chapters : tuple of int
        What has to be read before.
    problems : dict
        By their ids, which are names of modules.
    """

    name: str
    title: str
    chapters: tuple[int, ...]
    problems: Mapping[str, Problem]

    @cached_property
    def points(self) -> float:
        """The points that checks give."""
        return sum(problem.points for problem in self.problems.values())

    @cached_property
    def to_read(self) -> float:
        """The points that a person gives."""
        return sum(problem.to_read for problem in self.problems.values())


def digest(salt: str, *words: str) -> bytes:
    """Return what makes a variant: a keyed hash that nobody can compute without the salt."""
    return hmac.new(salt.encode(), "\0".join(words).encode(), hashlib.sha256).digest()


def numbers_for(problem: Problem, salt: str, name: str, student: str) -> Numbers:
    """Return a student's numbers for a problem; `name` is the set's and the problem's."""
    seed = int.from_bytes(digest(salt, "variant", name, student))
    return problem.variant(random.Random(seed))


def _literal(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()})"
    return repr(x)


def _shown(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return str(x.tolist())
    return x if isinstance(x, str) else f"{x:g}" if isinstance(x, float) else str(x)


def column(rng: random.Random, low: float, high: float, n: int, digits: int = 2) -> np.ndarray:
    """Return n numbers between two bounds with few digits: what a variant's arrays are made of."""
    return np.array([round(rng.uniform(low, high), digits) for _ in range(n)])
