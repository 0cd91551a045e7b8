"""Chapter 8's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

OWN = """
def my_cg(times, g, k, M):
    x, r = 0 * g, g
    z = {z}
    p = {p}
    for _ in range({loops}):
        Fp = {product}
        alpha = {alpha}
        x, last, r = x + alpha * p, {numerator}, r {sign} alpha * Fp
        z = {z}
        beta = {beta}
        p = {towards}
    return {result}
"""
RIGHT_OWN = {
    "z": "M @ r",
    "p": "z",
    "loops": "k",
    "product": "times(p)",
    "alpha": "(r @ z) / (p @ Fp)",
    "numerator": "r @ z",
    "sign": "-",
    "beta": "(r @ z) / last",
    "towards": "z + beta * p",
    "result": "x",
}


def own(**changed: str) -> str:
    return OWN.format(**{**RIGHT_OWN, **changed})


BY_GRAM_SCHMIDT = """
def my_cg(times, g, k, M):
    x, r, directions = np.zeros(len(g)), g.copy(), []
    for _ in range(k):
        p = M @ r
        for q, Fq in directions:
            p = p - (Fq @ p) / (q @ Fq) * q
        Fp = times(p)
        directions.append((p, Fp))
        a = (p @ r) / (p @ Fp)
        x, r = x + a * p, r - a * Fp
    return x
"""
IN_OTHER_COORDINATES = """
def my_cg(times, g, k, M):
    B = np.linalg.cholesky(M)
    class Seen:
        def __matmul__(self, v):
            return B.T @ times(B @ v)
    return B @ cg(Seen(), B.T @ g, k)[-1]
"""

SIZE = "lambda x, g, lam, epsilon: "

ANSWERS = {
    "ex-cg-own": Answers(
        right=[own(), BY_GRAM_SCHMIDT, IN_OTHER_COORDINATES],
        wrong=[
            (own(z="r"), "this is x_k for M = I"),
            (
                own(numerator="r @ r", alpha="(r @ r) / (p @ Fp)", beta="(r @ r) / last"),
                "see alpha",
            ),
            (own(numerator="r @ r", beta="(r @ r) / last"), "Step 2 has the wrong direction"),
            (own(beta="last / (r @ z)"), "Step 2 has the wrong direction"),
            (own(beta="0"), "Step 2 has the wrong direction"),
            (own(towards="r + beta * p"), "Step 2 has the wrong direction"),
            (own(p="r"), "does not go along M g|see alpha"),
            (own(sign="+"), "Step 2 has the wrong direction|see alpha"),
            (
                own(alpha="(p @ Fp) / (r @ z)"),
                "Step 1 has the right direction and the wrong length",
            ),
            (own(product="(times(p) + times(p)) / 2"), "more than k products"),
            (own(loops="k - 1"), "another iterate"),
            (own(loops="k + 1"), "more than k products"),
            (own(loops="max(k, 1)"), "more than k products"),
            (own(result="r"), "does not go along M g|see"),
            (own(result="np.array([x])"), "should have the shape of g"),
            (own(result="np.ones(3)"), "does not go along M g"),
        ],
    ),
    "ex-cg-length": Answers(
        right=[
            SIZE + "np.sqrt(2 * epsilon / (g @ x - lam * x @ x))",
            SIZE + "(2 * epsilon / ((g - lam * x) @ x)) ** 0.5",
            SIZE + "np.sqrt(2 * epsilon) / np.sqrt(sum(x * g) - lam * np.linalg.norm(x) ** 2)",
        ],
        wrong=[
            (SIZE + "np.sqrt(2 * epsilon / (g @ x))", r"g'x is x'\(F \+ lam I\)x"),
            (SIZE + "np.sqrt(2 * epsilon / (g @ x + lam * x @ x))", "its sign"),
            (SIZE + "np.sqrt(epsilon / (g @ x - lam * x @ x))", "Half of what it is to be"),
            (
                SIZE + "np.sqrt(2 * epsilon / (g @ x - lam * np.sqrt(x @ x)))",
                "not times the length",
            ),
            (SIZE + "np.sqrt(2 * epsilon / (x @ x))", "Euclid's length"),
            (SIZE + "2 * epsilon / (g @ x - lam * x @ x)", "is the square of|differs|times"),
            (SIZE + "ten @ ten", "case|differs|times"),
            (SIZE + "np.sqrt(2 * 0.01 / (g @ x - lam * x @ x))", r"case 2"),
            (SIZE + "1 / 0", "ZeroDivisionError"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "08_conjugate_gradient", ANSWERS
