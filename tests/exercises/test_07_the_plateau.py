"""Chapter 7's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

SOLVE = "lambda P: np.linalg.solve({matrix}, np.ones(len(P)))"
STACKED = """
def my_stationary(P):
    S = len(P)
    A = np.vstack([(np.eye(S) - P).T, np.ones(S)])
    return np.linalg.lstsq(A, np.r_[np.zeros(S), {total}], rcond=None)[0]
"""
REPLACED = """
def my_stationary(P):
    A = (P - np.eye(len(P))).T
    A[-1] = 1
    return np.linalg.solve(A, [0] * (len(P) - 1) + [1])
"""

LAW = """
def predict(p_i, p_j):
    u, v = {u}, {v}
    return {law}
lowered = {lowered}
"""
USUAL = {
    "u": "(1 - p_j) / p_j",
    "v": "(1 - p_i) / p_i",
    "law": "np.exp(2 * u - 4 * v) / (4 * u * v)",
    "lowered": "0.445",
}


def law(**other: str) -> str:
    return LAW.format(**USUAL | other)


ANSWERS = {
    "ex-plateau-rarest": Answers(
        right=[0.0583, "np.array(0.05831)", "(1 - 0.96811) / (2 - 1.5 * 0.96811)"],
        wrong=[
            (0.9681, "That is p_i"),
            (0.484, "That is p_j"),
            (0.0319, "That is q_i"),
            (0.0618, "q_i / q_j"),
            (0.9417, "other room"),
            (0.0525, "with damping"),
            (1.3e-6, "plain flow"),
            (0.1818, "at the start"),
            (0.06, "differs"),
        ],
    ),
    "ex-plateau-stationary": Answers(
        right=[
            SOLVE.format(matrix="(np.eye(len(P)) - P + 1).T"),
            STACKED.format(total="1"),
            REPLACED,
        ],
        wrong=[
            (SOLVE.format(matrix="np.eye(len(P)) - P + 1"), "wrong side"),
            (STACKED.format(total="0"), "All zero"),
            (STACKED.format(total="len(P)"), "do not sum to one"),
            ("lambda P: np.linalg.solve((np.eye(len(P)) - P).T, np.ones(len(P)))", "stopped|sum"),
            ("lambda P: np.linalg.matrix_power(P, 1001)[0]", "case 3"),
            ("lambda P: np.ones(len(P)) / len(P)", "wrong side"),
            ("lambda P: np.linalg.matrix_power(P, 99)", "shape"),
            ("lambda P: np.linalg.matrix_power(P / 2 + np.eye(len(P)) / 2, 999)", "shape"),
            ("lambda P: P.mean(axis=0)", "differs"),
        ],
    ),
    "ex-plateau-predict": Answers(
        right=[
            law(),
            law(law="np.exp(exponent(p_i, p_j)) / 4", lowered="1 / 2.247"),
            law(law="0.25 / u * np.exp(2 * u) / v * np.exp(-4 * v)", lowered="0.45"),
        ],
        wrong=[
            (law(u="(1 - p_i) / p_i", v="(1 - p_j) / p_j"), "The rooms are exchanged"),
            (law(u="p_j / (1 - p_j)", v="p_i / (1 - p_i)"), "odds of leaving are q/p"),
            (law(law="np.exp(-exponent(p_i, p_j)) / 4"), "sign of c"),
            (law(law="np.exp(4 * u - 2 * v) / (4 * u * v)"), "Which room has the 4"),
            (law(law="np.exp(-4 * v) / (4 * u * v)"), "Where is p_j"),
            (law(law="np.exp(2 * u) / (4 * u * v)"), "Where is p_i"),
            (law(law="np.exp(2 * u - 4 * v) * u * v / 4"), "stand below"),
            (law(law="np.exp(2 * u + 4 * v) / (4 * u * v)"), "sign before 4"),
            (law(law="np.exp(2 * u - 4 * v) / 4"), "odds before the exponential"),
            (law(law="np.exp(2 * u - 4 * v) / (u * v)"), "Where is the quarter"),
            (law(law="exponent(p_i, p_j)"), "That is c"),
            (law(lowered="0.555"), "chance of leaving"),
            (law(lowered="1.247"), "odds of leaving"),
            (law(lowered="0.394"), "quarter"),
            (law(lowered="0.365"), "one thousand"),
            (law(lowered="0.56"), "hundred thousand"),
            (law(lowered="0.555 / 2"), "differs"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "07_the_plateau", ANSWERS
