"""Each student has numbers of their own, which the salt decides and nothing else does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from course import notebook
from course.checks import Value
from course.problem import Problem, numbers_for
from tests.course.support import SALT, SET, cell, handed

CLASS = [f"student{k}" for k in range(40)]


def numbers(salt: str, student: str) -> str:
    return repr(notebook.numbers_of(SET, salt, student))


def test_numbers_are_a_students_own() -> None:
    """Forty students have forty variants."""
    assert len({numbers(SALT, student) for student in CLASS}) == len(CLASS)


def test_the_salt_decides() -> None:
    """With another salt the same student has other numbers; with the same one the same."""
    assert numbers(SALT, "ada") == numbers(SALT, "ada")
    assert numbers(SALT, "ada") != numbers(SALT + " ", "ada")


def test_numbers_do_not_hang_on_numpy() -> None:
    """They stay what they were when the notebooks were made, whatever NumPy is installed later."""
    problem = SET.problems["bandit"]
    drawn = numbers_for(problem, "salt", "set/bandit", "ada")["theta0"]
    assert drawn.tolist() == [-0.09, -0.56, -0.4]


def test_the_notebook_holds_the_numbers_and_no_answer() -> None:
    """A student finds their numbers in it, and neither the salt nor the solution's code."""
    made = handed("ada", solved=False)
    given = cell(made, "bandit", "given").source
    theta0 = notebook.numbers_of(SET, SALT, "ada")["bandit"]["theta0"]
    assert f"theta0 = np.array({theta0.tolist()})" in given
    whole = str(made)
    assert SALT not in whole and "pi * (reward" not in whole
    assert str(theta0.tolist()) in cell(made, "bandit", "statement").source


def test_an_example_can_be_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """The `try` cell runs after the solution and says that the example is right."""
    made, space = handed("ada"), {}
    for one in made.cells:
        if one.cell_type == "code":
            exec(one.source, space)
    said = capsys.readouterr().out
    assert said.count("the example is right") == 6 and "slope0: " in said


def test_an_open_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is answered each example says so, and none stops the others."""
    space: dict[str, object] = {}
    for one in handed("ada", solved=False).cells:
        if one.cell_type == "code":
            exec(one.source, space)
    said = capsys.readouterr().out
    assert said.count("not answered yet") == 5 and said.count("not set yet") == 5


def test_hidden_numbers_are_not_given() -> None:
    """A name that begins with `_` is for the statement alone."""

    def variant(rng: random.Random) -> dict[str, object]:
        return {"n": 3, "_shown": "three", "x": np.array([1.5])}

    problem = Problem("t", 10, "<<_shown>> <<n>> <<x>>", "", "", (Value("n", 1),), variant=variant)
    drawn = numbers_for(problem, SALT, "t", "ada")
    assert problem.given(drawn) == "import numpy as np\nn = 3\nx = np.array([1.5])"
    assert problem.said(drawn) == "three 3 [1.5]"
