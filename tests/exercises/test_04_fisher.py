"""Chapter 4's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

import numpy as np

from tests.exercises.support import Answers, ExerciseTests, told


def gaussian(M):
    return f"lambda sigma: {M}"


def null_vectors(columns=6):
    """The null vectors of two visited states and one unvisited, of four actions each."""
    N = np.zeros((12, 6))
    N[0:4, 0] = N[4:8, 1] = 0.5
    N[8:12, 2:6] = np.eye(4)
    return N[:, :columns]


ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
CUBIC = "np.cbrt(c[0] / c[1])"
C = "c = d * p * (1 - p) * (1 - 2 * p)\n"

ANSWERS = {
    "ex-fisher-gaussian": Answers(
        right=[
            gaussian("np.diag([1, 2]) / sigma**2"),
            gaussian("[[sigma**-2, 0], [0, 2 * sigma**-2]]"),
            gaussian("np.array([[1, 0], [0, 2]]) * sigma ** -2.0"),
        ],
        wrong=told(
            gaussian,
            {
                "np.diag([1 / sigma**2, 2])": r"\(mu, log sigma\)",
                "np.eye(2) / sigma**2": "fourth moment",
                "np.diag([1, 2])": r"M .case 1 of 3. (?!is 0\.25)",
                "np.diag([1 / sigma**2, 2 / sigma])": "M .case 1",
                "np.diag([1, 2]) / 0.36": "M .case 2",
                "np.diag([1, 2]) / sigma": "M .case 1",
                "np.diag([sigma**2, sigma**2 / 2])": "M .case 1",
                "np.diag([2, 1]) / sigma**2": "M .case 1",
                "np.array([1, 2]) / sigma**2": "shape",
            },
        ),
    ),
    "ex-fisher-halfway": Answers(
        right=[
            "lambda p, q: arc(p, q, np.array([0.5]))[0]",
            "lambda p, q: (p + q + 2 * np.sqrt(p * q)) / (2 + 2 * np.sum(np.sqrt(p * q)))",
            "lambda p, q: (np.sqrt(p) + np.sqrt(q)) ** 2 / np.sum((p**0.5 + q**0.5) ** 2)",
        ],
        wrong=[
            ("lambda p, q: (p + q) / 2", "straight line between"),
            ("lambda p, q: np.sqrt(p * q) / np.sum(np.sqrt(p * q))", "straight line in logits"),
            ("lambda p, q: (np.sqrt(p) + np.sqrt(q)) / 2", "sum"),
            ("lambda p, q: ((np.sqrt(p) + np.sqrt(q)) / 2) ** 2", "sum"),
            ("lambda p, q: p", "halfway"),
            ("lambda p, q: np.array([0.5, 0.5])", "shape|halfway"),
            ("lambda p, q: 2 * np.arccos(np.sum(np.sqrt(p * q)))", "shape|halfway"),
            ("lambda p, q: (p**0.5 + q**0.5) / np.sum(p**0.5 + q**0.5)", "halfway"),
        ],
    ),
    "ex-fisher-null-space": Answers(
        right=[null_vectors(), null_vectors()[:, ::-1], null_vectors() @ ROTATION],
        wrong=[
            (null_vectors(3)[:, :2], "what does state 2 cost"),
            (null_vectors(3), "what does state 2 cost"),
            (null_vectors(5), "it is larger"),
            (2 * null_vectors(), "not orthonormal"),
            (np.nan * null_vectors(), "not finite"),
            (null_vectors()[:, 2:5], "it is larger"),
            (np.eye(12), "F moves"),
            (null_vectors().T, "12 rows"),
            (np.zeros((12, 0)), "no columns"),
            (np.ones((12, 1)) / 12**0.5, "what does state 2 cost"),
            (np.ones(12), "12 rows"),
        ],
    ),
    "ex-fisher-cubic": Answers(
        right=[
            f"{C}v = np.array([1.0, -{CUBIC}])",
            f"{C}v = [-1.0, {CUBIC}]",
            f"{C}v = np.array([3.0, -3 * {CUBIC}])",
            f"{C}v = 1e-3 * np.array([1.0, -{CUBIC}])",
        ],
        wrong=[
            (f"{C}v = [1.0, {CUBIC}]", "let them cancel"),
            ([0.0, 0.0], "zero"),
            (f"{C}v = [1.0, -c[0] / c[1]]", "does not vanish"),
            (f"{C}v = [1.0, -np.cbrt(c[1] / c[0])]", "does not vanish"),
            ([0.484, 0.876], "does not vanish"),
            ([1.0, 0.0], "does not vanish"),
            ([1e-4, 0.0], "does not vanish"),
            ([1.0, np.nan], "no number"),
            ([1.0, 2.0, 3.0], "two entries"),
            (["a", "b"], "no number"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "04_fisher", ANSWERS
