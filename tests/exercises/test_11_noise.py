"""Chapter 11's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.exercises.support import Answers, checks, right_cases, without_mutants, wrong_cases

CHAPTER = "11_noise"

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
            (halves(b=FIRST), r"case 1 of 2"),
            (halves(result=f"N * (1 - {QUOTIENT})"), "wrong sign"),
            (halves(result="terms"), "shape"),
            (halves(result="0.0"), "zero"),
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


@pytest.mark.parametrize("exercise", ANSWERS)
def test_an_exercise_is_open_until_it_is_answered(exercise: str) -> None:
    """As the notebook leaves it, the check says that there is no answer yet."""
    assert checks(CHAPTER, exercise)().open


def test_every_checked_exercise_has_its_wrong_answers() -> None:
    """At least five wrong answers and three right ones for each check of the chapter."""
    assert not without_mutants(CHAPTER, ANSWERS)
