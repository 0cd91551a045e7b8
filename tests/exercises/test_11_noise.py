"""Chapter 11's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

HALVES = """
def my_tau(terms, F):
    N = len(terms)
    a, b = {a}, {b}
    inverse = {inverse}
    own = {own}
    return {result}
"""
FIRST = "terms[:N // 2].mean(axis=0)"
LAST = "terms[N // 2:].mean(axis=0)"
OWN = "terms.mean(axis=0) @ inverse @ terms.mean(axis=0)"
QUOTIENT = "own / (a @ inverse @ b)"


def halves(
    result: str = f"N * ({QUOTIENT} - 1)",
    inverse: str = "np.linalg.pinv(F, rcond=1e-10)",
    own: str = OWN,
    a: str = FIRST,
    b: str = LAST,
) -> str:
    return HALVES.format(result=result, inverse=inverse, own=own, a=a, b=b)


BY_LSTSQ = """
def my_tau(terms, F):
    first, last = np.split(terms, 2)
    a, b = first.mean(axis=0), last.mean(axis=0)
    solved = np.linalg.lstsq(F, np.array([a, b]).T, rcond=1e-10)[0]
    aa, ab, bb = a @ solved[:, 0], a @ solved[:, 1], b @ solved[:, 1]
    return len(terms) * ((aa + 2 * ab + bb) / 4 / ab - 1)
"""
BY_EIGENVALUES = """
def my_tau(terms, F):
    N = len(terms)
    a, b = terms[:N // 2].mean(axis=0), terms[N // 2:].mean(axis=0)
    w, U = np.linalg.eigh(F)
    k = w > 1e-10 * w.max()
    a, b = (U.T @ a)[k] / np.sqrt(w[k]), (U.T @ b)[k] / np.sqrt(w[k])
    return N * ((a - b) @ (a - b)) / (4 * (a @ b))
"""

ANSWERS = {
    "ex-noise-halves": Answers(
        right=[halves(), BY_LSTSQ, BY_EIGENVALUES],
        wrong=[
            (halves(result=f"N * {QUOTIENT}"), "Subtract one"),
            (halves(result=f"{QUOTIENT} - 1"), "times N"),
            (halves(result=f"N / 2 * ({QUOTIENT} - 1)"), "not of a half"),
            (halves(result="N * ((a @ inverse @ b) / own - 1)"), "upside down"),
            (halves(own="(a + b) @ inverse @ (a + b)"), "not their sum"),
            (halves(inverse="np.eye(len(F))"), "inverse of F is missing"),
            (halves(inverse="F"), "divide by it"),
            (halves(inverse="np.linalg.inv(F)"), "LinAlgError"),
            (
                halves(a="terms[::2].mean(axis=0)", b="terms[1::2].mean(axis=0)"),
                "not every other one",
            ),
            (halves(b=FIRST), r"case 1 of 3"),
            (halves(result=f"abs(N * ({QUOTIENT} - 1))"), "leave the sign"),
            (halves(result=f"max(N * ({QUOTIENT} - 1), 0)"), "case 3 of 3"),
            (halves(result=f"N * (1 - {QUOTIENT})"), "wrong sign"),
            (halves(result="terms"), "shape"),
            (halves(result="0.0"), "zero"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "11_noise", ANSWERS
