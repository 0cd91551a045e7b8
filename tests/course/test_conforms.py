"""A class of a student's, asked by the conformance suite from another process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from course.asking import Asking
from course.checks import Conforms
from course.problem import Mark, Problem
from course.student import Process

METHODS = {"logp": 2.0, "conjugate_gradient": 2.0, "gae": 2.0}
CHECK = Conforms("TRPO", METHODS)
PROBLEM = Problem("write TRPO", 60, "", "", "", (CHECK,))
RIGHT = """
class TRPO:
    def conjugate_gradient(self, product, b, iterations):
        x, r, p = 0 * b, b, b
        for _ in range(iterations):
            if r @ r <= 1e-28 * (b @ b):
                break
            alpha = r @ r / (p @ product(p))
            x, last, r = x + alpha * p, r, r - alpha * product(p)
            p = r + (r @ r) / (last @ last) * p
        return x

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        raise NotImplementedError
"""


def marks(code: str, seconds: float = 5.0) -> dict[str, Mark]:
    with Process([("the answer cell", "import numpy as np\n" + code)], seconds) as process:
        asking = Asking(process, lambda code: process, {}, np.random.default_rng(0), dict)
        return {mark.check.strip("`"): mark for mark in CHECK.grade(PROBLEM, asking)}


def test_the_suite_asks_a_students_class() -> None:
    """What is right has its points; what is absent or abstract has none, and is said to be so."""
    found = marks(RIGHT)
    assert found["conjugate_gradient"].points == 2.0
    assert (found["logp"].points, found["gae"].points) == (0.0, 0.0)
    assert "NotImplementedError" in found["logp"].sentence


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("if r @ r <= 1e-28 * (b @ b)", "if False", "division by zero at a zero gradient"),
        ("return x", "return -x", "CG on the un-negated system"),
    ],
)
def test_a_fault_has_its_name(right: str, wrong: str, fault: str) -> None:
    """The suite's diagnosis comes through the pipe unchanged."""
    found = marks(RIGHT.replace(right, wrong))["conjugate_gradient"]
    assert (found.points, found.mistake) == (0.0, fault)


def test_a_loop_in_a_method_costs_one_wait() -> None:
    """A method that never returns is asked once, and the others are asked all the same."""
    loop = RIGHT + "    def logp(self, case):\n        while True: pass\n"
    found = marks(loop, seconds=1.0)
    assert "within 1 seconds" in found["logp"].sentence
    assert found["conjugate_gradient"].points == 2.0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import npgkit\n" + RIGHT, "the answer cell stopped with ModuleNotFoundError"),
        ("", "no cell defines it"),
    ],
)
def test_a_class_that_is_not_there_is_said_once(code: str, said: str) -> None:
    """Which cell stopped, and with what; of each method that it was not asked, for no point."""
    first, *others = marks(code).values()
    assert first.sentence.startswith(f"Nothing of `TRPO` could be asked: {said}")
    assert ("npgkit is not here for this problem" in first.sentence) == ("npgkit" in code)
    assert [mark.sentence for mark in others] == ["Not asked, for the same reason."] * 2
    assert [(mark.points, mark.of) for mark in (first, *others)] == [(0.0, 2.0)] * 3


def test_a_program_that_ends_is_said_once() -> None:
    """Before anything can be asked the process is gone."""
    first, *others = marks("import os; os._exit(0)\n" + RIGHT).values()
    assert "`TRPO`: before anything could be asked, the program ended" in first.sentence
    assert {mark.sentence for mark in others} == {"Not asked, for the same reason."}


def test_a_method_that_declines_some_has_no_points() -> None:
    """What is right for the questions that suit it is said, with how many these are."""
    right = "        x, r, p = 0 * b, b, b"
    some = f"        if len(b) > 4: raise NotImplementedError\n{right}"
    found = marks(RIGHT.replace(right, some))
    mark = found["conjugate_gradient"]
    assert mark.points == 0.0 and " questions." in mark.sentence


TRIES = CHECK.tries(PROBLEM, {}, np.random.default_rng(0))


def test_the_try_cell_says_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """The suite's report of the methods that give points, with a line above it."""
    exec(f"import numpy as np\n{RIGHT}\n{TRIES}", {})
    head, *report = capsys.readouterr().out.splitlines()
    said = "What npgkit's suite says of TRPO, method by method. A convention counts as wrong here."
    assert head == said
    assert "1 ok, 0 wrong, 2 not offered" in report[0]


def test_the_try_cell_says_that_npgkit_is_not_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sentence, with how to get it, and no traceback."""
    monkeypatch.setitem(sys.modules, "npgkit", None)
    exec(f"import numpy as np\n{RIGHT}\n{TRIES}", {})
    said = capsys.readouterr().out
    assert "npgkit is not installed here: run `pip install .`" in said and said.count("\n") == 1


def test_an_error_in_a_method_is_told_as_the_students_own() -> None:
    """Neither the grader's exception nor a line of its code stands in the sentence."""
    raising = RIGHT + "\n    def logp(self, case):\n        return case.nothing\n"
    said = marks(raising)["logp"].sentence
    assert "it stopped with AttributeError" in said and "of your code" in said
    assert "Unanswered" not in said and "student.py" not in said
