"""Chapter 12's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests, told

BY_PAIRS = """
def improvement(x, y):
    won = sum(1 for a in x for b in y if a {sign} b){more}
    return won / {pairs}
"""


def budget(formula: str) -> str:
    return f"def budget(F, g, epsilon):\n    return {formula}"


ANSWERS = {
    "ex-practice-bet": Answers(
        right=[
            "lambda x, y: (np.sign(np.subtract.outer(x, y)) + 1).mean() / 2",
            BY_PAIRS.format(
                sign=">",
                more=" + sum(0.5 for a in x for b in y if a == b)",
                pairs="(len(x) * len(y))",
            ),
            "lambda x, y: np.mean(np.heaviside(np.asarray(x)[:, None] - y, 0.5))",
        ],
        wrong=[
            (BY_PAIRS.format(sign=">", more="", pairs="(len(x) * len(y))"), "Ties count one half"),
            (BY_PAIRS.format(sign=">=", more="", pairs="(len(x) * len(y))"), "Ties count one half"),
            ("lambda x, y: np.mean((y[:, None] > x) + 0.5 * (y[:, None] == x))", "that y wins"),
            ("lambda x, y: float(np.max(x) > np.max(y))", "All pairs count"),
            (BY_PAIRS.format(sign=">", more="", pairs="len(x)"), "divide by the number of pairs"),
            ("lambda x, y: np.mean(x > y)", "stopped on case 1"),
            ("lambda x, y: 0.5", "One half"),
        ],
    ),
    "ex-practice-budget": Answers(
        right=[
            budget("(2 * epsilon) ** 0.5 / (g.T @ (F @ g)) ** 0.5"),
            "lambda F, g, epsilon: np.sqrt(2 * epsilon / np.einsum('i,ij,j', g, F, g))",
            budget("np.sqrt(epsilon / (0.5 * np.sum(F * np.outer(g, g))))"),
        ],
        wrong=told(
            budget,
            {
                "np.sqrt(2 * epsilon / (g @ np.linalg.solve(F, g)))": "x = g",
                "np.sqrt(epsilon / (g @ F @ g))": "one half",
                "2 * epsilon / (g @ F @ g)": "quadratic",
                "np.sqrt(2 * epsilon / (g @ g))": "Where is F",
                "np.sqrt(2 * epsilon / (g @ F @ g)) * g": "One number",
                "-np.sqrt(2 * epsilon / (g @ F @ g))": "sign",
            },
        ),
    ),
    "ex-practice-five": Answers(
        right=[
            [1 / 252, 1 / 32, 12],
            "np.array([1 / len(list(combinations(range(10), 5))), 2.0**-5, 12])",
            (0.00397, 0.03125, 12),
        ],
        wrong=[
            ([1 / 126, 1 / 32, 12], "not two"),
            ([1 / 32, 1 / 32, 12], "in no pairs"),
            ([1 / 1024, 1 / 32, 12], "pick 5 of 10"),
            ([1 / 252, 1 / 16, 12], "named beforehand"),
            ([1 / 252, 1 / 252, 12], "Five coins"),
            ([1 / 252, 1 / 32, 11], "51.2"),
            ([1 / 252, 1 / 32, 13], "least n"),
            ([1 / 252, 1 / 32, 11.966], "least n"),
            ([0.004, 1 / 32, 12], "three digits"),
            ([1 / 252, 1 / 32], "Three numbers"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "12_in_practice", ANSWERS
