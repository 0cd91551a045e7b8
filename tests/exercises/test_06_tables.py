"""Chapter 6's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.exercises.support import Answers, checks, right_cases, without_mutants, wrong_cases

CHAPTER = "06_tables"

IMPROVE = """
def improve(pi, A, eta, gamma):
    e = eta * A / (1 - gamma)
    e = {exponent}
    new = {weight} * np.exp(e - {top})
    return new / new.sum(axis={axis}, keepdims=True)
"""
USUAL = {"exponent": "e", "weight": "pi", "top": "e.max(axis=1, keepdims=True)", "axis": 1}

BY_LOGARITHMS = """
from scipy.special import log_softmax
def improve(pi, A, eta, gamma):
    return np.exp(log_softmax(np.log(pi) + eta * A / (1 - gamma), axis=1))
"""

STATE_BY_STATE = """
def improve(pi, A, eta, gamma):
    rows = []
    for p, a in zip(pi, A):
        w = [x * np.exp(eta / (1 - gamma) * (y - max(a))) for x, y in zip(p, a)]
        rows.append([x / sum(w) for x in w])
    return rows
"""

BOUND = """
def rate_bound(pi0, star, d_star, eta, gamma, T):
    K = {K}
    return {total}
"""
TOTAL = "(K / eta + 1 / (1 - gamma) ** 2) / T"
DIVERGENCE = "-d_star @ np.log((star * pi0).sum(axis=1))"

ANSWERS = {
    "ex-natural-multiply": Answers(
        right=[IMPROVE.format(**USUAL), BY_LOGARITHMS, STATE_BY_STATE],
        wrong=[
            (IMPROVE.format(**USUAL | {"exponent": "e * (1 - gamma)"}), "Divide A by 1 - gamma"),
            (IMPROVE.format(**USUAL | {"exponent": "e * (1 - gamma) ** 2"}), "do not multiply"),
            (IMPROVE.format(**USUAL | {"exponent": "-e"}), "The sign"),
            (IMPROVE.format(**USUAL | {"exponent": "d[:, None] * e"}), "occupancy has no place"),
            (IMPROVE.format(**USUAL | {"weight": "1.0"}), "old policy is missing"),
            (IMPROVE.format(**USUAL | {"top": "0"}), "NaN"),
            (IMPROVE.format(**USUAL | {"top": "e.max()"}), "NaN"),
            (IMPROVE.format(**USUAL | {"axis": 0}), "sum"),
            ("lambda pi, A, eta, gamma: pi", "This is the old policy"),
            ("lambda pi, A, eta, gamma: np.eye(4)[A.argmax(axis=1)]", "case 1"),
            ("lambda pi, A, eta, gamma: pi * np.exp(np.minimum(eta * A, 9))", "sum"),
        ],
    ),
    "ex-tables-start": Answers(
        right=[
            BOUND.format(K=DIVERGENCE, total=TOTAL),
            BOUND.format(K="d_star @ (star * -np.log(pi0)).sum(axis=1)", total=TOTAL),
            BOUND.format(
                K="sum(x * np.log(1 / p[q > 0.5][0]) for x, p, q in zip(d_star, pi0, star))",
                total="K / (eta * T) + 1 / (T * (1 - gamma) ** 2)",
            ),
        ],
        wrong=[
            (BOUND.format(K="np.log(pi0.shape[1])", total=TOTAL), "uniform start's bound"),
            (BOUND.format(K=DIVERGENCE, total="(K / eta + 1 / (1 - gamma)) / T"), "is squared"),
            (BOUND.format(K=DIVERGENCE, total="K / eta + 1 / (1 - gamma) ** 2"), "Divide by T"),
            (BOUND.format(K="-np.log((star * pi0).sum(axis=1)).mean()", total=TOTAL), "d_star"),
            (BOUND.format(K="-np.log((star * pi0).sum(axis=1)).sum()", total=TOTAL), "d_star"),
            (BOUND.format(K="d_star @ np.log((star * pi0).sum(axis=1))", total=TOTAL), "sign"),
            (BOUND.format(K="-d_star @ (pi0 * np.log(pi0)).sum(axis=1)", total=TOTAL), "differs"),
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


def test_every_check_is_tried_and_open_without_an_answer() -> None:
    """Each exercise with a check has three right answers and five wrong ones; empty it is open."""
    assert not without_mutants(CHAPTER, ANSWERS)
    assert all(checks(CHAPTER, exercise)().open for exercise in ANSWERS)
