"""Chapter 6's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

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
            ("lambda pi, A, eta, gamma: (pi, pi.sum(axis=1))", "no array of numbers"),
            ("lambda pi, A, eta, gamma: pi.astype(str)", "no array of numbers"),
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


class TestExercises(ExerciseTests):
    chapter, answers = "06_tables", ANSWERS
