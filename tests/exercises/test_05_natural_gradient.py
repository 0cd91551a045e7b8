"""Chapter 5's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

STEP = """
def my_step(F, g, epsilon):
    if not g.any():
        return 0 * g
    x = {x}
    return {length} * x
"""
LSTSQ = "np.linalg.lstsq(F, g, rcond=None)[0]"
LENGTH = "np.sqrt(2 * epsilon / (g @ x))"

BY_EIGENVECTORS = """
def my_step(F, g, epsilon):
    f, E = np.linalg.eigh(F)
    kept = f > 1e-9 * f.max()
    root = (E[:, kept] / np.sqrt(f[kept])).T @ g
    norm = np.linalg.norm(root)
    if norm == 0:
        return np.zeros(len(g))
    return np.sqrt(2 * epsilon) * E[:, kept] @ (root / np.sqrt(f[kept])) / norm
"""

ANSWERS = {
    "ex-natural-share": Answers(
        right=[
            "lambda kappa: 2 * np.sqrt(kappa) / (1 + kappa)",
            "lambda kappa: 1 / np.sqrt((kappa + 2 + 1 / kappa) / 4)",
            "lambda kappa: 1 / np.cosh(np.log(kappa) / 2)",
        ],
        wrong=[
            ("lambda kappa: 4 * kappa / (1 + kappa) ** 2", "take the root"),
            ("lambda kappa: (1 + kappa) / (2 * np.sqrt(kappa))", "turn it over"),
            ("lambda kappa: 1 / np.sqrt(kappa)", "No g does as badly"),
            ("lambda kappa: 1 / kappa", "No g does as badly"),
            ("lambda kappa: 2 / (1 + kappa)", "At 45 degrees"),
            ("lambda kappa: 1", "the largest share"),
            ("lambda kappa: 0.8", "case 2"),
            ("lambda kappa: kappa.sqrt()", "stopped on case 1"),
        ],
    ),
    "ex-natural-solve": Answers(
        right=[
            STEP.format(x=LSTSQ, length=LENGTH),
            BY_EIGENVECTORS,
            STEP.format(x="np.linalg.pinv(F, rcond=1e-10) @ g", length=LENGTH),
        ],
        wrong=[
            # ignores epsilon
            (STEP.format(x=LSTSQ, length="np.sqrt(0.04 / (g @ x))"), r"case 2.*inside.*0\.2 eps"),
            # a fixed ridge, and a fixed cut: wrong on another scale
            (
                STEP.format(x="np.linalg.solve(F + 1e-8 * np.eye(len(g)), g)", length=LENGTH),
                "case 7.*inside",
            ),
            (BY_EIGENVECTORS.replace("1e-9 * f.max()", "1e-10"), "case 7"),
            # the plain gradient wherever F is singular
            (
                STEP.format(
                    x=f"({LSTSQ} if np.linalg.matrix_rank(F) == len(g) else g)",
                    length="np.sqrt(2 * epsilon / (x @ F @ x))",
                ),
                "case 3.*gains more",
            ),
            (STEP.format(x="g", length="np.sqrt(2 * epsilon / (g @ F @ g))"), "gains more"),
            (STEP.format(x=LSTSQ, length="np.sqrt(epsilon / (g @ x))"), "inside"),
            (STEP.format(x=LSTSQ, length="-" + LENGTH), "does not go uphill"),
            (STEP.format(x=LSTSQ, length="2 * epsilon / (g @ x)"), "ellipse"),
            (STEP.format(x="np.linalg.solve(F, g)", length=LENGTH), "stopped on case 3"),
            (  # a solution, and not the shortest
                STEP.format(
                    x=f"({LSTSQ} + 1 - np.linalg.pinv(F) @ F @ np.ones(len(g)))", length=LENGTH
                ),
                "case 3.*a shorter step",
            ),
            ("lambda F, g, epsilon: natural(F, g, epsilon)", "case 5.*NaN"),
            ("lambda F, g, epsilon: 0 * g", "does not go uphill"),
            ("lambda F, g, epsilon: 1.0", "one vector"),
            ("lambda F, g, epsilon: np.nan", "one vector"),
            ("lambda F, g, epsilon: [np.nan]", "one vector"),
            ("lambda F, g, epsilon: (0.5 * g, 0.5)", "one vector"),
        ],
    ),
    "ex-natural-gaussian": Answers(
        right=[
            "lambda m, sigma, best: [-2 * sigma**2 * (m - best), -(sigma**2)]",
            "lambda m, sigma, best: sigma**2 * np.array([2 * (best - m), -1])",
            "lambda m, sigma, best: np.linalg.solve("
            "np.diag([sigma**-2, 2]), [2 * (best - m), -2 * sigma**2])",
        ],
        wrong=[
            ("lambda m, sigma, best: [-2 * (m - best), -2 * sigma**2]", "This is g"),
            ("lambda m, sigma, best: [-2 * sigma**2 * (m - best), -sigma]", "not its logarithm"),
            ("lambda m, sigma, best: [-2 * sigma**2 * (m - best), -2 * sigma**2]", "entry of F"),
            ("lambda m, sigma, best: [-2 * sigma * (m - best), -(sigma**2)]", "of the mean"),
            ("lambda m, sigma, best: [-2 * (m - best) / sigma**2, -4 * sigma**2]", "This is F g"),
            ("lambda m, sigma, best: [2 * sigma**2 * (m - best), sigma**2]", "wrong sign"),
            ("lambda m, sigma, best: -2 * sigma**2 * (m - best)", "shape"),
        ],
    ),
    "ex-natural-ridge": Answers(
        right=["B.T @ B", "np.array([[4, 2], [2, 1.25]])", "[[4, 2], [2, 5 / 4]]"],
        wrong=[
            ("B @ B.T", "multiply out"),
            ("np.eye(2)", "rules out"),
            ("np.linalg.inv(B.T @ B)", "inverse of the right"),
            ("np.linalg.inv(B @ B.T)", "multiply out"),
            ("B", "symmetric"),
            ("np.nan * B", "not finite"),
            ("B.T @ F @ B", "multiply out"),
            ("2.0", "2 x 2"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "05_natural_gradient", ANSWERS
