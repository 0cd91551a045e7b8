"""What a check has at hand: a student who answers, or does not, and whom to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from course.problem import Numbers


class Unanswered(Exception):
    """No answer came, and why: a sentence for the student."""


class Late(Unanswered):
    """None came in time."""


class Missing(Unanswered):
    """The name is not there, or is still empty.

    Attributes
    ----------
    stopped : str
        Which cells stopped before, and with what; empty if none did.
    """

    def __init__(self, why: str, stopped: str = "") -> None:
        super().__init__(why)
        self.stopped = stopped


class Student(Protocol):
    """What answers: `course.student.Process`, or code that is trusted (`course.trusted`)."""

    def ask(self, name: str, arguments: Sequence[Any] | None = None) -> Any:
        """Return what a name holds, or what it returns when it is called."""


@dataclass
class Asking:
    """What a check has at hand.

    Attributes
    ----------
    student : Student
    run : function
        Makes a `Student` of trusted code: the solution, or a mistake, with the variant's numbers.
    numbers : dict
    rng : numpy.random.Generator
        Draws the hidden arguments.
    others : function
        Returns {student: the solution of their variant}, as Students.
    """

    student: Student
    run: Callable[[str], Student]
    numbers: Numbers
    rng: np.random.Generator
    others: Callable[[], Mapping[str, Student]]
