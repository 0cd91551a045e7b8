"""The checks of the exercises, as the notebooks have them, with other answers in the place.

`checks` runs the code cells of a chapter up to an exercise, once a session, and then the cells of
the exercise itself, up to its solution, with an answer put where the notebook leaves a ``...``.
Nothing of a check is copied: what the tests ask is what a reader would be told. Cells are found by
the exercise's label, never by their number.

    ANSWERS = {"ex-gradient-by-hand": Answers(right=[...], wrong=[(answer, "words it is told")])}

    class TestExercises(ExerciseTests):
        chapter, answers = "01_policy_gradient", ANSWERS
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import io
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
VERDICT = "[right]", "[not yet]", "[open]"
STRANGE = {
    "none": "None",
    "nan": "np.nan",
    "list-of-nan": "[np.nan]",
    "ragged": "[[1.0], [2.0, 3.0]]",
    "pair": "(np.ones(3), 1.0)",
    "words": "['a', 'b']",
    "table-of-words": "[['a', 'b'], ['c', 'd']]",
    "complex": "1j",
    "dictionary": "{}",
    "object": "object()",
}
"""Source of values that no exercise asks for."""


@dataclass(frozen=True)
class Outcome:
    """What a reader is told: all that the check's cells print, and the verdicts in it."""

    message: str
    verdicts: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether every verdict is that the answer is right, and there is one."""
        return bool(self.verdicts) and all(v.startswith("[right]") for v in self.verdicts)

    @property
    def open(self) -> bool:
        """Whether a verdict is that there is no answer yet."""
        return any(verdict.startswith("[open]") for verdict in self.verdicts)


@dataclass(frozen=True)
class Answers:
    """The answers to an exercise that its check is tried with.

    An answer is a value, or the source that a reader would write: an expression, or statements that
    define what the place for the answer defines. Source may use every name of the chapter.
    """

    right: Sequence[Any]
    wrong: Sequence[tuple[Any, str]] = field(default=())


def told(write: Callable[[str], str], words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Wrong answers that `write` makes of the keys, each with the words that it is told."""
    return [(write(formula), said) for formula, said in words.items()]


class Exercise:
    """The cells of an exercise up to its solution, and the names that they start from."""

    def __init__(self, label: str, cells: Sequence[str], names: dict[str, Any]) -> None:
        self.label, self.cells = label, cells
        self.names = names  # of the chapter: one dictionary, the globals of all its functions
        self.start = dict(names)
        self.asked = [name for cell in cells for name in placeholders(ast.parse(cell))]

    def __call__(self, answer: Any = ...) -> Outcome:
        """Run the exercise's cells with this answer, or with none, as the notebook leaves them.

        An exception of a cell is not caught: a reader would see it in the place of a message.
        """
        if not self.asked:
            raise LookupError(f"{self.label} leaves no place for an answer, a name set to ...")
        self.names.clear()
        for name, value in self.start.items():
            fresh = isinstance(value, np.random.Generator)
            self.names[name] = copy.deepcopy(value) if fresh else value
        replacement = [] if answer is ... else self._statements(answer)
        with quiet() as printed:
            for cell in self.cells:
                tree = ast.parse(cell)
                if answer is not ... and placeholders(tree):
                    tree.body = [*replacement, *(node for node in tree.body if not asks(node))]
                    replacement = []
                run(tree, self.label, self.names)
        told = printed.getvalue().strip()
        return Outcome(told, tuple(line for line in told.splitlines() if line.startswith(VERDICT)))

    def all_answered(self, value: str) -> str:
        """Source that sets every asked name to a value, or to a function that returns it."""
        nodes = [node for cell in self.cells for node in ast.parse(cell).body if asks(node)]
        return "\n".join(
            f"def {name}(*given): return {value}"
            if isinstance(node, ast.FunctionDef)
            else f"{name} = {value}"
            for node in nodes
            for name in asks(node)
        )

    def _statements(self, answer: Any) -> list[ast.stmt]:
        if isinstance(answer, str):
            tree = ast.parse(answer)
            if not (len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)):
                return tree.body
        else:
            self.names["_the_answer"] = answer
            answer = "_the_answer"
        if len(self.asked) != 1:
            raise LookupError(f"{self.label} asks for {self.asked}: answer with statements")
        return ast.parse(f"{self.asked[0]} = ({answer})").body


def checks(chapter: str, exercise: str) -> Exercise:
    """Find an exercise's check: ``checks("01_policy_gradient", "ex-gradient-by-hand")(answer)``.

    Raises LookupError if the chapter has no such exercise or leaves no place for an answer in it.
    """
    try:
        return load(chapter)[exercise]
    except KeyError:
        raise LookupError(f"{chapter} has no exercise {exercise} with code cells") from None


class ExerciseTests:
    """The tests of a chapter's exercises: a subclass says which chapter, and has its answers."""

    chapter: str
    answers: Mapping[str, Answers]

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """Give each test its cases from the table."""
        if metafunc.function.__name__ == "test_a_right_answer_is_accepted":
            right = [
                pytest.param(label, answer, id=f"{label}-{k}")
                for label, answers in cls.answers.items()
                for k, answer in enumerate(answers.right)
            ]
            metafunc.parametrize(("exercise", "answer"), right)
        elif metafunc.function.__name__ == "test_a_wrong_answer_is_told_what_is_wrong":
            wrong = [
                pytest.param(label, answer, words, id=f"{label}-{k}")
                for label, answers in cls.answers.items()
                for k, (answer, words) in enumerate(answers.wrong)
            ]
            metafunc.parametrize(("exercise", "answer", "words"), wrong)
        elif "exercise" in metafunc.fixturenames:
            metafunc.parametrize("exercise", cls.answers)

    def test_a_right_answer_is_accepted(self, exercise: str, answer: Any) -> None:
        """Each right answer of the table is accepted, however it is written."""
        outcome = checks(self.chapter, exercise)(answer)
        assert outcome.accepted, outcome.message

    def test_a_wrong_answer_is_told_what_is_wrong(
        self, exercise: str, answer: Any, words: str
    ) -> None:
        """Each wrong answer of the table is rejected, with a message that is true of it."""
        outcome = checks(self.chapter, exercise)(answer)
        assert not (outcome.accepted or outcome.open), outcome.message
        assert re.search(words, outcome.message), outcome.message

    def test_an_exercise_is_open_until_it_is_answered(self, exercise: str) -> None:
        """As the notebook leaves it, an exercise is neither right nor wrong."""
        outcome = checks(self.chapter, exercise)()
        assert outcome.open, outcome.message

    @pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
    def test_a_strange_answer_is_never_right_and_stops_no_check(
        self, exercise: str, strange: str
    ) -> None:
        """No exercise takes NaN, words or a ragged list for right, or stops at one."""
        asked = checks(self.chapter, exercise)
        outcome = asked(asked.all_answered(strange))
        assert not (outcome.open or "[right]" in outcome.message), outcome.message

    def test_every_check_is_tried_with_enough_answers(self) -> None:
        """An exercise with a check has three right and five wrong answers in the table."""
        assert not without_mutants(self.chapter, self.answers)


def without_mutants(chapter: str, table: Mapping[str, Answers]) -> dict[str, str]:
    """Say which exercises with a check have fewer than three right or five wrong answers."""
    missing = {}
    for label, exercise in load(chapter).items():
        answers = table.get(label, Answers([]))
        if exercise.asked and (len(answers.right) < 3 or len(answers.wrong) < 5):
            missing[label] = f"{len(answers.right)} right, {len(answers.wrong)} wrong"
    return missing | dict.fromkeys(table.keys() - load(chapter).keys(), "not in the chapter")


@functools.cache
def load(chapter: str) -> dict[str, Exercise]:
    """Run a chapter's code cells and return its exercises that have code, by label."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exercises: dict[str, Exercise] = {}
    unanswered: set[str] = set()
    found = list(parts(json.loads((BOOK / f"{chapter}.ipynb").read_text("utf-8"))))
    with quiet():
        for k, (label, cells) in enumerate(found):
            later = [cell for other, code in found[k:] if other != SOLUTION for cell in code]
            if label == SOLUTION and not needed(cells, later, names.keys() - unanswered):
                continue
            if label.startswith("ex-"):
                exercises[label] = Exercise(label, cells, names)
                unanswered.update(exercises[label].asked)
            for cell in cells:
                run(ast.parse(cell), chapter, names)
    return exercises


def needed(cells: Sequence[str], later: Sequence[str], known: Set[str]) -> bool:
    """Say whether later cells read a name that is not known yet and that these cells define.

    Other solutions are not run: some train for minutes what no check asks for.
    """
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    defined |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    read = {
        node.id
        for cell in later
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return bool(defined & read - known)


SOLUTION = "solution"
BOUNDARY = re.compile(
    r"^ *[`:]{3,}\{(?:exercise(?:-start)?\}(?:(?!\n *\n).)*?:label: *(?P<label>ex-[\w-]+)"
    r"|solution(?:-start)?\})",
    re.MULTILINE | re.DOTALL,
)


def parts(notebook: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Cut a notebook's code cells at its exercises and solutions.

    A part is (label, cells), where the label is that of an exercise, SOLUTION, or at first "".
    """
    label, cells = "", list[str]()
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            cells.append(source)
        elif cell["cell_type"] == "markdown":
            for boundary in BOUNDARY.finditer(source):
                if cells:
                    yield label, cells
                label, cells = boundary["label"] or SOLUTION, []
    if cells:
        yield label, cells


def placeholders(tree: ast.Module) -> list[str]:
    """The names that a cell leaves to the reader: ``name = ...``, or a function without a body."""
    return [name for node in tree.body for name in asks(node)]


def asks(node: ast.stmt) -> list[str]:
    """The names that a statement leaves to the reader."""
    if isinstance(node, ast.FunctionDef):
        return [node.name] if any(is_empty(line) for line in node.body) else []
    if isinstance(node, ast.Assign) and is_open(node.value):
        targets = [target for target in ast.walk(node) if isinstance(target, ast.Name)]
        return [target.id for target in targets if isinstance(target.ctx, ast.Store)]
    return []


def is_empty(line: ast.stmt) -> bool:
    if isinstance(line, ast.Raise):
        return "NotImplementedError" in ast.unparse(line)
    return isinstance(line, ast.Expr | ast.Return) and is_dots(line.value)


def is_open(value: ast.expr) -> bool:
    """Say whether the value is ``...``, or a tuple or dictionary of them."""
    if isinstance(value, ast.Tuple | ast.List):
        return any(is_open(part) for part in value.elts)
    if isinstance(value, ast.Dict):
        return any(is_open(part) for part in value.values)
    return is_dots(value)


def is_dots(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is Ellipsis


def run(tree: ast.Module, where: str, names: dict[str, Any]) -> None:
    """Run a cell as a notebook does: what its last line is worth is printed."""
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"<{where}>", "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), f"<{where}>", "eval"), names)
        if value is not None:
            print(repr(value))
    if "plt" in names or "plots" in names:
        import matplotlib.pyplot as plt

        plt.close("all")


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Run as a notebook would, beside its data, with nothing shown but what is printed."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    printed = io.StringIO()
    with (
        contextlib.chdir(BOOK),
        contextlib.redirect_stdout(printed),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield printed
