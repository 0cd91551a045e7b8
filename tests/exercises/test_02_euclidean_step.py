"""Chapter 2's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

ANSWERS = {
    "ex-euclid-chain": Answers(
        right=[
            "lambda g, B, r: r * B @ (B.T @ g) / np.linalg.norm(B.T @ g)",
            "lambda g, B, r: r * (g @ B / (g @ B @ B.T @ g) ** 0.5) @ B.T",
            "lambda g, B, r: (B @ np.array([r * x / np.hypot(*(g @ B)) for x in g @ B])).tolist()",
        ],
        wrong=[
            ("lambda g, B, r: r * unit(B.T @ g)", "the step in phi: read it in theta"),
            ("lambda g, B, r: r * unit(B @ B.T @ g)", "measured in phi"),
            ("lambda g, B, r: r * B @ unit(g)", "The gradient in phi is B'g, not g"),
            ("lambda g, B, r: r * B @ unit(B @ g)", "is B'g, not Bg"),
            ("lambda g, B, r: r * B @ B.T @ g", "length r |B'g|, not r"),
            ("lambda g, B, r: -r * B @ unit(B.T @ g)", "wrong sign in every entry"),
            ("lambda g, B, r: B @ unit(B.T @ g)", "times the right answer|wrong length"),
            ("lambda g, B, r: r * np.linalg.solve(B, unit(B.T @ g))", "differs"),
            ("lambda g, B, r: r * B * unit(B.T @ g)", "shape"),
            ("lambda g, B, r: r * B @ B.t() @ g", "stopped on case 1 with AttributeError"),
        ],
    ),
    "ex-euclid-paper": Answers(
        right=[
            "np.diag([1.0, np.sqrt(g[0] / g[1])])",
            "[[0.35652, 0], [0, 1]]",
            "np.linalg.cholesky(np.outer([1, 1], [1, 1]) / g.sum()"
            " + np.eye(2) - np.outer(g, g) / (g @ g)) @ [[0.6, 0.8], [-0.8, 0.6]]",
            "-1e-5 * np.diag([1.0, np.sqrt(g[0] / g[1])])",
        ],
        wrong=[
            ("np.diag([1.0, g[0] / g[1]])", "would do as S = BB'. Take its Cholesky"),
            (
                "np.outer([1, 1], [1, 1]) / g.sum() + np.eye(2) - np.outer(g, g) / (g @ g)",
                "would do as S = BB'. Take its Cholesky",
            ),
            ("np.array([[0, 1 / g[1]], [1 / g[0], 0]])", "but the step goes along BB'g"),
            ("np.array([[1 / g[0], 0], [1 / g[0] - g[1], g[0]]])", "but the step goes along BB'g"),
            ("np.eye(2)", "where it went in theta"),
            ("[[0.6, -0.8], [0.8, 0.6]]", "where it went in theta"),
            ("7 * np.eye(2)", "where it went in theta"),
            ("np.ones((2, 2))", "singular"),
            ("np.array([1.0, 1.0])", "2 x 2"),
            ("1e-6 * np.diag([1.0, 2.0])", "not along"),
            ("np.diag([1.0, -np.inf])", "not finite"),
            ("1j * np.diag([1.0, np.sqrt(g[0] / g[1])])", "must be real"),
            ("[[1, 1], [1, 1 + 1e-6]]", "singular, or nearly"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "02_euclidean_step", ANSWERS
