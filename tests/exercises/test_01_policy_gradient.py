"""Chapter 1's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

BY_ITERATION = """
def my_occupancy(P_pi, rho, gamma):
    d = rho
    for _ in range(2000):
        d = (1 - gamma) * rho + gamma * {P} @ d
    return {result}
"""

BY_HAND = """
def my_gradient(theta):
    p_i, p_j = 1 / (1 + np.exp(-theta))
    d_i = (0.08 + 0.9 * (1 - p_j)) / (1 - 0.9 * (p_i + p_j - 1))
    P = np.array([[p_i, 1 - p_i], [1 - p_j, p_j]])
    V = np.linalg.solve(np.eye(2) - 0.9 * P, [p_i, 2 * p_j])
    gap = np.array([1 + 0.9 * (V[0] - V[1]), 2 + 0.9 * (V[1] - V[0])])
    p, d = np.array([p_i, p_j]), np.array([d_i, 1 - d_i])
    return {result}
"""
BASELINE = """
s = (1 - pi) ** 2
my_baseline = {value}
"""

ANSWERS = {
    "ex-gradient-occupancy": Answers(
        right=[
            BY_ITERATION.format(P="P_pi.T", result="d"),
            "lambda P, rho, gamma: solved(P, rho, gamma).tolist()",
            "lambda P, rho, gamma: (1 - gamma) * rho @ np.linalg.inv(np.eye(len(rho)) - gamma * P)",
        ],
        wrong=[
            (BY_ITERATION.format(P="P_pi", result="d"), "Transpose P_pi"),
            (BY_ITERATION.format(P="P_pi.T", result="d / (1 - gamma)"), "1 - gamma is missing"),
            (BY_ITERATION.format(P="P_pi.T", result="d[::-1]"), "another order"),
            ("lambda P, rho, gamma: rho", "still rho"),
            ("lambda P, rho, gamma: (1 - gamma) * rho + gamma * P.T @ rho", "one round only"),
            ("lambda P, rho, gamma: np.linalg.matrix_power(P.T, 999) @ rho", "long-run share"),
            ("lambda P, rho, gamma: np.array([0.4635, 0.5365])", "differs|close"),
            ("lambda P, rho, gamma: rho.T @ undefined", "stopped on case 1 with NameError"),
        ],
    ),
    "ex-gradient-by-hand": Answers(
        right=[
            BY_HAND.format(result="d * p * (1 - p) * gap / 0.1"),
            "lambda theta: slopes(J, theta)",
            "lambda theta: list(npgkit.policy_gradient(policy, theta,"
            " npgkit.exact_batch(mdp, policy, theta)))",
        ],
        wrong=[
            ("lambda theta: g", r"g at \(0\.8, 0\.1\), for another theta"),
            (BY_HAND.format(result="d * gap / 0.1"), "slope in p: go on to theta"),
            (BY_HAND.format(result="d * p * (1 - p) * [1, 2] / 0.1"), "d depends on theta too.$"),
            (BY_HAND.format(result="d * p * (1 - p) * [1, 2]"), "1 / .1 - gamma. is missing"),
            (BY_HAND.format(result="d * p * (1 - p) * gap"), "a missing 1/.1 - gamma."),
            (BY_HAND.format(result="-d * p * (1 - p) * gap / 0.1"), "wrong sign in every entry"),
            (BY_HAND.format(result="2 * d * p * (1 - p) * gap / 0.1"), "look for a factor 2"),
            ("lambda theta: slopes(J, theta)[0]", r"shape \(\)"),
            ("lambda theta: theta.undefined", "stopped on case 1 with AttributeError"),
        ],
    ),
    "ex-gradient-baseline": Answers(
        right=[
            BASELINE.format(value="(pi * s * Q).sum(axis=1) / (pi * s).sum(axis=1)"),
            "[6.11, 7.66]",
            "pi[:, 1] * Q[:, 0] + pi[:, 0] * Q[:, 1]",
        ],
        wrong=[
            ("V", "V: good, but not the least"),
            ("Q.mean(axis=1)", "In the poor room a small change does better"),
            ("[7.662, 6.112]", "In the poor room a small change does better"),
            ("[6.11, 6.459]", "In the rich room a small change does better"),
            ("0.1 * np.array([6.112, 7.662])", "In the poor room a small change does better"),
            ("np.zeros(2)", "In the poor room a small change does better"),
            ("np.array([[6.112], [7.662]])", r"shape is not \(2,\)"),
            ("6.112", "two numbers, one for each room"),
            ("[np.nan, 7.662]", "not two finite numbers"),
            ("['6.11', '7.66']", "not two finite numbers"),
            (BASELINE.format(value="(s * Q).sum(axis=1) / s.sum(axis=1)"), "In the poor room"),
        ],
    ),
    "ex-gradient-threshold": Answers(
        right=["19 / 27", "0.704", "np.float64(100 / 9 - 9) / 3"],
        wrong=[
            ("0.5", "Too small: the slope is positive"),
            ("0.7", "Too small: the slope is positive"),
            ("0.9", "Too large: the slope is negative"),
            ("0.71", "Too large: the slope is negative"),
            ("100 / 9", "One probability, and neither 0 nor 1"),
            ("'19/27'", "One probability, and neither 0 nor 1"),
            ("np.array([19 / 27])", "one number, not an array"),
            ("plots.logit(19 / 27)", "Too large: the slope is negative"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "01_policy_gradient", ANSWERS
