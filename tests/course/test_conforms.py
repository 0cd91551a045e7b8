"""A class of a student's, asked by the conformance suite from another process."""

from __future__ import annotations

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
    with Process([("answer", "import numpy as np\n" + code)], seconds) as process:
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
