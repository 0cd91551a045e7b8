"""Chapter 3's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

import numpy as np

from tests.exercises.support import Answers, ExerciseTests

ROTATION = np.array([[0.6, -0.8], [0.8, 0.6]])

OPENING = """
def opening(mdp, pi):
    price = {price}
    s, a = np.unravel_index({best}, price.shape)
    return {result}
radius = {radius}
"""
PRICE = "npgkit.occupancy(mdp, pi)[:, None] * np.log(1 / (1 - pi))"


def opening(price=PRICE, best="price.argmin()", result="(s, a, price[s, a])", radius="0.1"):
    return OPENING.format(price=price, best=best, result=result, radius=radius)


TILT = """
def tilt(pi, A, d, epsilon):
    def new(tau):
        tilted = {form}
        return {normalised}
    low, high = 1e-2 * np.ptp(A), 1e6 * np.ptp(A)
    for _ in range(200):
        tau = np.sqrt(low * high)
        p = np.maximum(new(tau), 1e-300)
        low, high = (tau, high) if {kl} > epsilon else (low, tau)
    return {result}
"""


def tilt(
    form="pi * np.exp((A - A.max(axis=1, keepdims=True)) / tau)",
    normalised="tilted / tilted.sum(axis=1, keepdims=True)",
    kl="d @ np.sum(p * np.log(p / pi), axis=1)",
    result="new(tau)",
):
    return TILT.format(form=form, normalised=normalised, kl=kl, result=result)


BY_PACKAGE = """
def tilt(pi, A, d, epsilon):
    S, n = pi.shape
    family, logits = npgkit.softmax_tabular(S, n), np.log(pi).ravel()
    obs, act = np.repeat(np.arange(S), n), np.tile(np.arange(n), S)
    weights = (d[:, None] * pi).ravel()
    rows = npgkit.Batch(obs, act, A.ravel(), weights, family.logp(logits, obs, act))
    step = npgkit.surrogate_kl_step(family, logits, rows, epsilon=epsilon)
    return npgkit.action_probabilities(family, step.theta, S)
"""

KL_BY_LOOPS = """
def my_kl(p, q):
    rows = []
    for P, Q in zip(p, q):
        rows.append(sum(x * (np.log(x) - np.log(y)) for x, y in zip(P, Q) if x > 0))
    return rows
"""
KL_BY_MASK = """
def my_kl(p, q):
    terms = np.zeros(p.shape)
    some = p > 0
    terms[some] = p[some] * np.log(p[some] / q[some])
    return terms.sum(axis=1)
"""

TERMS = "np.where(p > 0, p * np.log(np.where(p > 0, p / q, 1)), 0)"
BAD, GOOD = (
    f"np.where(npgkit.evaluate(mdp, pi).A {sign} 0, price, np.inf).argmin()" for sign in "<>"
)
BEST_0 = "(A - A.max(axis=1, keepdims=True))"

ANSWERS = {
    "ex-kl-categorical": Answers(
        right=[
            KL_BY_LOOPS,
            KL_BY_MASK,
            "lambda p, q: (np.maximum(p, 1e-300) * (np.log(np.maximum(p, 1e-300))"
            " - np.log(np.maximum(q, 1e-300)))).sum(1)",
        ],
        wrong=[
            (f"lambda p, q: {TERMS}.sum(1) / np.log(2)", "bits"),
            (f"lambda p, q: {TERMS}.sum()", "one number a row"),
            ("lambda p, q: np.sum(p * np.log(np.where(p > 0, p, q) / q), axis=1)", "0 / 0"),
            ("lambda p, q: np.sum(p * np.log(p / q), axis=1)", "0 log 0 is 0"),
            ("lambda p, q: np.sum(q * np.log(q / np.where(p > 0, p, 1e-320)), axis=1)", "Infinite"),
            ("lambda p, q: np.sum(np.log(p / q), axis=1)", "Infinite"),
            (f"lambda p, q: -{TERMS}.sum(1)", "sign"),
            (f"lambda p, q: {TERMS}.mean(1)", "my_kl"),
            ("lambda p, q: np.array([0.6931471805599453, 0.0304785])", "case 1|case 2"),
            ("lambda p, q: p * q", "shape"),
            ("lambda p: p", "stopped on case 1 with TypeError"),
        ],
    ),
    "ex-kl-own-map": Answers(
        right=[
            np.diag([1.0, 4.0]),
            [[1, 0], [0, 6]],
            [[1.0, 2.0], [0.0, 3.0]],
            2 * np.diag([3, 1]),
        ],
        wrong=[
            (np.eye(2), "orthogonal"),
            (ROTATION, "orthogonal"),
            (5 * np.eye(2), "the same for both"),
            (0.1 * ROTATION, "the same for both"),
            (np.ones((2, 2)), "not invertible"),
            (np.diag([1.0, 1.01]), "less than 0.05 apart"),
            (np.eye(3), "2 x 2"),
            (4.0, "2 x 2"),
            ([["a", "b"], ["c", "d"]], "matrix of numbers"),
            ([[1.0, np.nan], [0.0, 4.0]], "not finite"),
        ],
    ),
    "ex-kl-threshold": Answers(
        right=[
            opening(),
            opening(price="np.diag(npgkit.occupancy(mdp, pi)) @ -np.log1p(-pi)", radius="0.04"),
            opening(result="[s, a, price.min()]", radius="0.15"),
        ],
        wrong=[
            (opening(radius="0.01"), "bounded"),
            (opening(radius="0.2"), "no solution"),
            (opening(radius="-1.0"), "positive"),
            (opening(radius="'wide'"), "positive"),
            (opening(best=BAD), r"\(b\)"),
            (opening(best=GOOD), "does not ask"),
            (opening(price="np.log(1 / (1 - pi))"), r"visited d\(s\)"),
            (opening(price="-npgkit.occupancy(mdp, pi)[:, None] * np.log(pi)"), "only"),
            (opening(price=f"{PRICE} / np.log(2)"), "bits"),
            (opening(best="price.argmax()"), "opening"),
            (opening(result="price[s, a]"), "shape"),
            (opening(result="(a, s, price[s, a])"), "opening"),
        ],
    ),
    "ex-kl-surrogate": Answers(
        right=[
            tilt(),
            tilt(
                form="np.exp(np.log(pi) + A / tau - (A / tau).max())",
                result="new(tau).tolist()",
            ),
            BY_PACKAGE,
        ],
        wrong=[
            ("lambda pi, A, d, epsilon: pi * np.exp(A / epsilon)", "does not sum to 1"),
            (tilt(kl="np.sum(p * np.log(p / pi))"), "the mean KL is"),
            (tilt(kl="d @ np.sum(pi * np.log(pi / p), axis=1)"), "the mean KL is"),
            (tilt(result="new(1.00001 * tau)"), r"0\.04999\d+ and not 0\.05"),
            (tilt(kl="np.max(np.sum(p * np.log(p / pi), axis=1))"), "the mean KL is"),
            (tilt(form=f"np.exp({BEST_0} / tau)"), r"log\(new/pi\) is not"),
            (tilt(form="pi * (1 + A / tau)"), r"not positive|log\(new/pi\) is not"),
            (tilt(form=f"pi * np.exp(-{BEST_0} / 9 / tau)"), "bad actions gain"),
            (tilt(result="pi"), "still the old policy"),
            (tilt(result="np.eye(pi.shape[1])[A.argmax(axis=1)]"), "not positive"),
            (tilt(result="np.nan * pi"), "not finite: something overflows"),
            (tilt(result="new(tau)[0]"), "shape of pi"),
            ("lambda pi, A, d: pi", "stopped on case 1 with TypeError"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "03_kl_step", ANSWERS
