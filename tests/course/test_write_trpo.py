"""The last set: what its grader makes of trained policies, conventions and crooked answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course.asking import Asking
from course.problem import changed
from course.sets.set6_write_trpo import cartpole, trpo
from course.trusted import Trusted
from npgkit.conformance.faults import FAULTS

W, b = np.zeros((4, 2)), np.zeros(2)
BY_HAND = np.array([[0, 0.1], [0, 0.5], [0, 1.0], [0, 1.0]])  # right where it leans right


def told(answer: Any, least: int = 350) -> tuple[bool, str]:
    verdict = cartpole.balances(least)(answer, None, name="train", rtol=0, atol=0)
    return verdict.ok, verdict.message


def test_a_policy_is_judged_by_its_balance() -> None:
    """One that leans with the pole passes; one that always pushes left does not."""
    assert told({"layers": [(BY_HAND, b)], "returns": [20.0]})[0]
    assert told({"layers": [(np.eye(4), np.zeros(4)), (W, b)], "returns": [20.0]}, 15)[0] is False


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "no dict"),
        ({"layers": [(BY_HAND, b)]}, "no dict with"),
        ({"layers": 3, "returns": [9.0]}, "no list of pairs"),
        ({"layers": [(W.T, b)], "returns": [9.0]}, "do not fit"),
        ({"layers": [(np.full((4, 2), np.nan), b)], "returns": [9.0]}, "no numbers"),
        ({"layers": [(np.eye(4), np.zeros(4))], "returns": [9.0]}, "4 outputs"),
        ({"layers": [(np.eye(4), np.zeros(4))] * 9 + [(W, b)], "returns": [9.0]}, "10 layers"),
        ({"layers": [(BY_HAND, b)], "returns": [-1e9]}, "from 1 to 500"),
        ({"layers": [(BY_HAND, b)], "returns": []}, "from 1 to 500"),
        ({"layers": [(BY_HAND, b)], "returns": [500.0] * 121}, "60500 steps, of 60000 allowed"),
    ],
)
def test_a_crooked_policy_has_a_sentence(answer: Any, said: str) -> None:
    """Whatever comes for a policy, the grader says what is wrong with it and goes on."""
    ok, message = told(answer)
    assert not ok and said in message


def test_mistakes_are_faults_of_the_suite() -> None:
    """Eight at least, each by the name that conformance gives it."""
    names = [mistake.sentence for mistake in trpo.MISTAKES]
    assert len(set(names)) == len(names) >= 8
    assert set(names) <= {fault.name for fault in FAULTS}


def test_the_other_kl_costs_nothing() -> None:
    """KL(old || new) is a convention: it is told, and has all its points."""
    code = changed(trpo.SOLUTION,
        ("new, old = (forward(case, theta)[0] for theta in (theta_new, case.theta))",
         "old, new = (forward(case, theta)[0] for theta in (theta_new, case.theta))"),
        ("s, t = (parts(case, theta)[1] for theta in (theta_new, case.theta))",
         "t, s = (parts(case, theta)[1] for theta in (theta_new, case.theta))"),
    )  # fmt: skip
    student = Trusted(trpo.PROBLEM, {}, code)
    asking = Asking(student, lambda code: student, {}, np.random.default_rng(0), dict)
    (check,) = trpo.PROBLEM.checks
    marks = check.grade(trpo.PROBLEM, asking)
    assert sum(mark.points for mark in marks) == check.points
    assert "KL old||new" in "".join(mark.sentence for mark in marks)
