"""Chapter 9's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

RAY = """
x = npgkit.natural_step(policy, theta, batch, epsilon=0.02).direction
alphas = {grid}
gain, bounds = compare(mdp, table(theta), table(theta + np.outer(alphas, x)))
ratio = (A.max(axis=1) - A.min(axis=1)).max() / (2 * np.abs(A).max())
alpha = alphas[np.argmax(gain - {share} * bounds["max KL, old||new"])]
allowed = {result}
"""


def on_the_ray(**changed: str) -> str:
    usual = {"grid": "np.geomspace(1e-6, 1, 3000)", "share": "ratio"}
    return RAY.format(**{**usual, "result": "alpha**2 * (x @ F @ x) / 2", **changed})


GAP = "lambda A, d, d_new, pi, pi_new, gamma: "

SEARCH = """
def my_search(kl, gain, epsilon, beta, tries):
    for j in range({times}):
        if {test}:
            return {result}
    return {end}
"""
RIGHT_SEARCH = {
    "times": "tries + 1",
    "test": "kl(beta**j) <= epsilon and gain(beta**j) > 0",
    "result": "beta**j",
    "end": "0",
}


def search(**changed: str) -> str:
    return SEARCH.format(**{**RIGHT_SEARCH, **changed})


SHRINKING = """
def my_search(kl, gain, epsilon, beta, tries):
    share, left = 1.0, tries
    while kl(share) > epsilon or gain(share) <= 0:
        if left == 0:
            return 0
        share, left = share * beta, left - 1
    return share
"""
TWO_SEARCHES = """
def my_search(kl, gain, epsilon, beta, tries):
    ladder = [beta**j for j in range(tries + 1)]
    near = [s for s in ladder if kl(s) <= epsilon]
    better = [s for s in ladder if gain(s) > 0]
    return min(near[0], better[0]) if near and better else 0
"""
ONE_AFTER_THE_OTHER = """
def my_search(kl, gain, epsilon, beta, tries):
    share, left = 1.0, tries
    while {first}:
        share, left = share * beta, left - 1
        if left < 0:
            return 0
    while {second}:
        share, left = share * beta, left - 1
        if left < 0:
            return 0
    return share
"""
KL_FAILS, GAIN_FAILS = "kl(share) > epsilon", "gain(share) <= 0"
OVERWRITTEN = """
def my_search(kl, gain, epsilon, beta, tries):
    taken = 0
    for j in range(tries + 1):
        if kl(beta**j) <= epsilon and gain(beta**j) > 0:
            taken = beta**j
    return taken
"""

ANSWERS = {
    "ex-trust-span": Answers(
        right=[7.4e-4, on_the_ray(), on_the_ray(grid="np.linspace(1e-4, 0.1, 20_000)")],
        wrong=[
            (on_the_ray(share="1"), "what C allows, not C'"),
            (on_the_ray(share="2 * ratio"), "Twice C'"),
            (on_the_ray(share="ratio / 2"), "Half of C'"),
            (on_the_ray(result="alpha**2 * (x @ F @ x)"), "factor 1/2"),
            (on_the_ray(result="alpha"), "That is alpha"),
            (
                on_the_ray(result="npgkit.mean_kl(policy, theta + alpha * x, theta, batch)"),
                "true KL",
            ),
            (on_the_ray(share="np.ptp(A, axis=1).min() / 2 / np.abs(A).max()"), "larger one"),
            (7.6e-4, "differs"),
            (0.02, "differs|wrong length|times the right answer"),
        ],
    ),
    "ex-trust-gap": Answers(
        right=[
            GAP + "(d_new - d) @ (pi_new * A).sum(axis=1) / (1 - gamma)",
            GAP + "np.einsum('s,sa,sa', d_new - d, pi_new - pi, A) / (1 - gamma)",
            GAP
            + "sum((d_new[s] - d[s]) * (pi_new[s] @ A[s]) for s in range(len(d))) / (1 - gamma)",
        ],
        wrong=[
            (GAP + "(d_new - d) @ (pi_new * A).sum(axis=1)", r"missing 1/\(1 - gamma\)|times the"),
            (GAP + "(d - d_new) @ (pi_new * A).sum(axis=1) / (1 - gamma)", "wrong sign"),
            (GAP + "d_new @ (pi_new * A).sum(axis=1) / (1 - gamma)", "That is J' - J"),
            (GAP + "d_new @ (pi_new * A).sum(axis=1)", r"\(1 - gamma\) \(J' - J\)"),
            (GAP + "d @ (pi_new * A).sum(axis=1) / (1 - gamma)", "That is the surrogate"),
            (GAP + "(d_new - d) @ (pi * A).sum(axis=1) / (1 - gamma)", "Zero: under pi"),
            (GAP + "abs(d_new - d) @ abs((pi_new * A).sum(axis=1)) / (1 - gamma)", "differs|times"),
            (GAP + "(d_new - d) @ A.mean(axis=1) / (1 - gamma)", "differs|times|sign"),
            (GAP + "truth[0]", "case 2"),
        ],
    ),
    "ex-trust-search": Answers(
        right=[search(), SHRINKING, search(result="float(np.exp(j * np.log(beta)))")],
        wrong=[
            (TWO_SEARCHES, "KL is above epsilon"),
            (
                ONE_AFTER_THE_OTHER.format(first=KL_FAILS, second=GAIN_FAILS),
                "KL is above epsilon",
            ),
            (
                ONE_AFTER_THE_OTHER.format(first=GAIN_FAILS, second=KL_FAILS),
                "does not improve",
            ),
            (OVERWRITTEN, "goes on after a trial"),
            (search(test="gain(beta**j) > 0"), "KL is above epsilon"),
            (search(test="kl(beta**j) <= epsilon"), "does not improve"),
            (search(test="kl(beta**j) < epsilon and gain(beta**j) > 0"), "goes on after"),
            (search(test="kl(beta**j) <= epsilon and gain(beta**j) >= 0"), "does not improve"),
            (search(times="tries"), "refuses every trial"),
            (search(times="tries + 2"), "more than `tries`"),
            (search(test="kl(0.8**j) <= epsilon and gain(0.8**j) > 0", result="0.8**j"), "Shares"),
            (search(end="beta**tries"), "KL is above epsilon"),
            (search(result="j"), "Shares are|KL is above"),
            (search(end="1 / 0"), "ZeroDivisionError"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "09_trust_region", ANSWERS
