"""The kinds of checks: a value, a function, conformance. The grader's process compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from course.asking import Asking, Late, Missing, Student, Unanswered
from course.child import Product, Strange
from course.problem import Mark, Numbers, Problem
from npgkit.lab.exercises import check as feedback
from npgkit.lab.exercises.check import Verdict

Compare = Callable[..., Verdict]
Arguments = Sequence[tuple[Any, ...]]
Draw = Callable[[Numbers, np.random.Generator], Arguments]


@dataclass(frozen=True)
class Value:
    """A name that the student sets; right is what the solution sets.

    Attributes
    ----------
    name : str
    points : float
    rtol, atol : float
        As in `npgkit.lab.check.array`; atol is a part of the largest entry.
    compare : function
        `check.array`, `check.policy` or one's own (answer, right, *, name, rtol, atol) -> Verdict.
    """

    name: str
    points: float
    rtol: float = 1e-3
    atol: float = 1e-9
    compare: Compare = feedback.array

    def grade(self, problem: Problem, asking: Asking) -> list[Mark]:
        """See `course.problem.Check`."""
        return [_mark(self, f"`{self.name}`", self.name, problem, asking, [None], True)]

    def tries(self, problem: Problem, numbers: Numbers, rng: np.random.Generator) -> str:
        """Say whether there is a number: more would give it away."""
        return f'print("{self.name}:", "not set yet" if {self.name} is ... else {self.name})'


@dataclass(frozen=True)
class Function:
    """A function that the student writes: called on arguments, compared with the solution's.

    Attributes
    ----------
    name : str
        `step`, or `Class.method`.
    points : float
    arguments : function of (numbers, rng)
        Draws the arguments: a list with a tuple for each call.
    title : str
        What is checked, in a few words: "gradient, many actions".
    hidden : bool
        A check that is not hidden is in the notebook, too, with other arguments.
    rtol, atol, compare
        As in `Value`. With `compare` one's own, `right` is what the solution returns.
    """

    name: str
    points: float
    arguments: Draw
    title: str = ""
    hidden: bool = True
    rtol: float = 1e-6
    atol: float = 1e-9
    compare: Compare = feedback.array

    def grade(self, problem: Problem, asking: Asking) -> list[Mark]:
        """See `course.problem.Check`."""
        calls = list(self.arguments(asking.numbers, asking.rng))
        title = self.title or f"`{self.name}`"
        return [_mark(self, title, self.name, problem, asking, calls, self.hidden)]

    def tries(self, problem: Problem, numbers: Numbers, rng: np.random.Generator) -> str:
        """Compare one call with the number that is right, written out."""
        if self.hidden:
            return ""
        from course.trusted import Trusted

        call = self.arguments(numbers, rng)[0]
        right = Trusted(problem, numbers, problem.solution).ask(self.name, call)
        arguments = ", ".join(map(_source, call))
        return (
            f"try_it = {self.name}({arguments})\n"
            f"right = {_source(_short(right))}\n"
            f'print("{self.name}:",\n'
            '      "not answered yet" if try_it is ... else\n'
            '      "the example is right" if np.allclose(np.array(try_it, float), right) else\n'
            '      f"the example is {right}, not {try_it}")'
        )


def _short(x: Any) -> Any:
    """Return numbers with ten digits."""
    return np.vectorize(lambda value: float(f"{value:.10g}"))(np.asarray(x, float))


def _source(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()})"
    return repr(x.item() if isinstance(x, np.generic) else x)


def _mark(
    check: Value | Function, title: str, name: str, problem: Problem, asking: Asking,
    calls: Sequence[Any], hidden: bool,
) -> Mark:  # fmt: skip
    """Ask for each call, compare with the solution, look for the mistake behind what is wrong."""
    said, given = "", []
    solution = asking.run(problem.solution)
    for k, call in enumerate(calls, start=1):
        label = f"`{name}`" if len(calls) == 1 else f"`{name}` (call {k} of {len(calls)})"
        try:
            answer = asking.student.ask(name, call)
        except Unanswered as why:
            said = f"{label}: {why}"
            return Mark(title, 0.0, check.points, said, hidden)
        given.append(answer)
        verdict = _compared(check, answer, solution.ask(name, call), label)
        if not verdict.ok:
            said = verdict.message
            break
    if not said:
        return Mark(title, check.points, check.points, f"`{name}` is right.", hidden)
    for mistake in problem.mistakes:
        if _explains(check, asking.run(mistake.code), name, calls, given):
            return Mark(title, 0.0, check.points, mistake.sentence, hidden, mistake.sentence)
    if isinstance(check, Value):
        for student, other in asking.others().items():
            if _explains(check, other, name, calls, given):
                said = (
                    f"`{name}` is right for the numbers of another student, and yours are others."
                )
                return Mark(title, 0.0, check.points, said, hidden, flag=f"the answer of {student}")
    return Mark(title, 0.0, check.points, said, hidden)


def _compared(check: Value | Function, answer: Any, right: Any, label: str) -> Verdict:
    if isinstance(answer, Strange):
        return Verdict(False, f"{label} is {answer.kind}, and numbers are wanted.")
    try:
        return check.compare(answer, right, name=label, rtol=check.rtol, atol=check.atol)
    except Exception as error:
        return Verdict(False, f"{label} cannot be compared with what is right: {error!r:.200}")


def _explains(
    check: Value | Function, wrong: Student, name: str, calls: Sequence[Any], given: list[Any]
) -> bool:
    """Say whether a wrong program answers as the student's does, in all that was asked."""
    try:
        return all(
            _compared(check, answer, wrong.ask(name, call), "").ok
            for call, answer in zip(calls, given, strict=False)
        )
    except Exception:  # a mistake that does not answer this call, or answers with NaN
        return False


# What a diagnosis says of the grader's own way to ask.
OURS = re.compile(r"it raises Unanswered: | \(line \d+ of student\.py, in ask\)\.?")
TRIES = """\
try:
    from npgkit import conformance
except ImportError:
    print("This cell asks npgkit's suite, and npgkit is not installed here: run `pip install .` in"
          " a clone of the book's repository. Your answer itself may not import it.")
else:
    methods = "{methods}".split()
    print("What npgkit's suite says of {name}, method by method."
          " A convention counts as wrong here{but}.")
    print(conformance.check({name}, properties=methods))"""


@dataclass(frozen=True)
class Conforms:
    """A class that `npgkit.conformance` checks, and the points that each of its methods gives.

    A method has its points if it answers all questions of the suite, which says "ok" and finds no
    convention but the allowed ones.

    Attributes
    ----------
    name : str
        The class.
    methods : dict
        The points of each method.
    allowed : tuple of str
        The suite's names of the conventions that the statement leaves open: they are told, and cost
        nothing. Any other one costs the points of each method that it shows in, for the statement
        has to settle it.
    """

    name: str
    methods: Mapping[str, float] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """All the methods' points."""
        return sum(self.methods.values())

    @property
    def parts(self) -> list[tuple[str, float, bool]]:
        """Return title, points and whether it is hidden, for each mark."""
        return [(f"`{method}`", points, True) for method, points in self.methods.items()]

    def grade(self, problem: Problem, asking: Asking) -> list[Mark]:
        """Let the suite ask the student's class, one call at a time."""
        from npgkit import conformance

        try:
            asking.student.ask(self.name)
        except Missing as why:
            said = why.stopped or "no cell defines it"
            return self._nothing(f"Nothing of `{self.name}` could be asked: {said}.")
        except Unanswered as why:
            return self._nothing(f"`{self.name}`: {why}")
        adapter = type(
            self.name, (), {m: _method(asking.student, self.name, m) for m in self.methods}
        )
        report = conformance.check(adapter(), properties=list(self.methods), seconds=600.0)
        return [self._mark(row) for row in report.rows]

    def _nothing(self, why: str) -> list[Mark]:
        """Return the marks of a class that is not there: the first says why."""
        said = [why] + ["Not asked, for the same reason."] * (len(self.methods) - 1)
        return [
            Mark(title, 0.0, of, sentence, hidden)
            for (title, of, hidden), sentence in zip(self.parts, said, strict=True)
        ]

    def _mark(self, row: Any) -> Mark:
        """Return the mark for what the suite says of a method."""
        of, others = self.methods[row.property], set(row.conventions) - set(self.allowed)
        said = row.diagnosis or "as it should be"
        if row.verdict == "wrong" and row.evidence:
            said += f" ({row.evidence})"
        if row.verdict == "ok" and row.answered:
            said = "right where it answers, and no points before it answers all"
        if row.verdict == "ok" and others:
            said = f"not what the statement asks for: {said}"
        if row.answered:
            said += "; it answers {} of {} questions".format(*row.answered)
        if row.chapter:
            said += f"; see chapter {row.chapter}"
        is_right = row.verdict == "ok" and not others and not row.answered
        mistake = ", ".join(row.faults or sorted(others))
        said = OURS.sub("", f"`{row.property}`: {said}.")
        return Mark(f"`{row.property}`", of if is_right else 0.0, of, said, True, mistake)

    def tries(self, problem: Problem, numbers: Numbers, rng: np.random.Generator) -> str:
        """Run the suite where npgkit is installed: it is public."""
        but = f" (but for: {', '.join(self.allowed)})" if self.allowed else ""
        return TRIES.format(name=self.name, methods=" ".join(self.methods), but=but)


def _method(student: Student, name: str, method: str) -> Callable[..., Any]:
    """Return a method of an adapter that asks the student's class."""
    late: list[Late] = []

    def call(_: Any, *arguments: Any) -> Any:
        if late:  # asked fifty times it would take as many times as long
            raise late[0]
        try:
            return student.ask(f"{name}.{method}", [_plain(x, arguments) for x in arguments])
        except Missing:
            raise NotImplementedError from None
        except Late as why:
            late.append(why)
            raise

    return call


def _plain(x: Any, arguments: tuple[Any, ...]) -> Any:
    """Return an argument that can be sent: a product v -> A v as the matrix A."""
    if not callable(x):
        return x
    n = len(arguments[1])
    return Product(np.column_stack([x(e) for e in np.eye(n)]))
