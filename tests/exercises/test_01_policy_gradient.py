"""Chapter 1's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.exercises.support import Answers, checks, right_cases, wrong_cases

CHAPTER = "01_policy_gradient"

BY_ITERATION = """
def my_occupancy(P_pi, rho, gamma):
    d = rho
    for _ in range(2000):
        d = (1 - gamma) * rho + gamma * {P} @ d
    return {result}
"""

ANSWERS = {
    "ex-gradient-occupancy": Answers(
        right=[
            BY_ITERATION.format(P="P_pi.T", result="d"),
            "lambda P, rho, gamma: solved(P, rho, gamma).tolist()",
            "lambda P, rho, gamma: (1 - gamma) * rho @ np.linalg.inv(np.eye(len(rho)) - gamma * P)",
        ],
        wrong=[
            (BY_ITERATION.format(P="P_pi", result="d"), "Transpose P_pi"),
            (BY_ITERATION.format(P="P_pi.T", result="d / (1 - gamma)"), "1 - gamma is missing"),
            ("lambda P, rho, gamma: rho", "still rho"),
            ("lambda P, rho, gamma: (1 - gamma) * rho + gamma * P.T @ rho", "one round only"),
            ("lambda P, rho, gamma: np.linalg.matrix_power(P.T, 999) @ rho", "long-run share"),
        ],
    ),
}


@pytest.mark.parametrize(("exercise", "answer"), right_cases(ANSWERS))
def test_a_right_answer_in_other_words_is_accepted(exercise: str, answer: Any) -> None:
    """Each right answer of the table is accepted, however it is written."""
    outcome = checks(CHAPTER, exercise)(answer)
    assert outcome.accepted, outcome.message


@pytest.mark.parametrize(("exercise", "answer", "words"), wrong_cases(ANSWERS))
def test_a_wrong_answer_is_told_what_is_wrong(exercise: str, answer: Any, words: str) -> None:
    """Each wrong answer of the table is rejected, with a message that is true of it."""
    outcome = checks(CHAPTER, exercise)(answer)
    assert not outcome.accepted and not outcome.open
    assert re.search(words, outcome.message), outcome.message
