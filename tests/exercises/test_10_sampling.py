"""Chapter 10's exercises: right answers are accepted, and a wrong one is told what is wrong."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests, told

BACKWARDS = """
def my_gae(rew, values, next_values, terminated, truncated, gamma, lam):
    adv, ahead = np.zeros(len(rew)), 0.0
    for t in range(len(rew) - 1, -1, -1):
        delta = rew[t] + gamma * {after} - values[t]
        ahead = delta + {carry} * ahead
        adv[t] = ahead
    return {result}
"""
FORWARDS = """
def my_gae(rew, values, next_values, terminated, truncated, gamma, lam):
    T, adv = len(rew), []
    for t in range(T):
        total, weight = 0.0, 1.0
        for k in range(t, T):
            total += weight * (rew[k] + gamma * next_values[k] * (1 - terminated[k]) - values[k])
            weight *= gamma * lam
            if terminated[k] or truncated[k]:
                break
        adv.append(total)
    return adv
"""
MATRIX = """
def my_gae(rew, values, next_values, terminated, truncated, gamma, lam):
    delta = rew + gamma * np.where(terminated, 0, next_values) - values
    goes_on = np.where(terminated | truncated, 0, gamma * lam)
    return np.linalg.solve(np.eye(len(rew)) - np.diag(goes_on[:-1], 1), delta)
"""
AFTER = "next_values[t] * (not terminated[t])"
CARRY = "gamma * lam * (not (terminated[t] or truncated[t]))"


def backwards(after: str = AFTER, carry: str = CARRY, result: str = "adv") -> str:
    return BACKWARDS.format(after=after, carry=carry, result=result)


def clock(error: str = "0.197", k: str = "1415") -> str:
    return f"my_error, my_k = {error}, {k}"


ANSWERS = {
    "ex-sampling-gae": Answers(
        right=[backwards(), FORWARDS, MATRIX, backwards(result="adv.tolist()")],
        wrong=[
            (backwards(after="next_values[t]"), "After a termination nothing"),
            (
                backwards(after="next_values[t] * (not (terminated[t] or truncated[t]))"),
                "took the truncation for a termination",
            ),
            (
                backwards(after="next_values[t] * (terminated[t] <= truncated[t])"),
                "terminated and truncated",
            ),
            (backwards(after="next_values[t] * (not truncated[t])"), "two kinds of end"),
            (backwards(carry="gamma * lam"), "runs on into the next episode"),
            (backwards(after="next_values[t]", carry="gamma * lam"), "across the ends"),
            (backwards(carry="gamma * lam * (not truncated[t])"), "after a termination: stop"),
            (backwards(carry="gamma * lam * (not terminated[t])"), "after a truncation: stop"),
            (backwards(carry=CARRY.replace("* lam ", "")), "Where is lam"),
            (
                backwards(after="next_values[t] * (not terminated[t] and t + 1 < len(rew))"),
                r"case 1 of 3",
            ),
            (backwards(carry="0.0"), "That is delta alone"),
            (backwards(carry=CARRY.replace("gamma * ", "")), r"case 1 of 3"),
            (backwards(result="adv + values"), "subtract the values"),
            (backwards(result="-adv"), "wrong sign"),
            (backwards(result="adv / (1 - gamma)"), "10 times"),
            (
                backwards(after="values[(t + 1) % len(values)] * (not terminated[t])"),
                r"next_values\[t\]",
            ),
            (backwards(after="values[t + 1]"), "IndexError"),
            (backwards(result="0 * adv"), "zero everywhere"),
        ],
    ),
    "ex-sampling-clock": Answers(
        right=[
            clock(),
            clock("0.99 * (1 - 0.99**500) / (1 - 0.99) / 500", "1415.0"),
            clock("np.float64(0.1967)", "int(np.ceil(99 / 0.07))"),
        ],
        wrong=[
            *told(
                clock,
                {
                    "0.803": "share that is left",
                    "19.67": "write it as a share",
                    "0.1987": "lacks gamma V, not V",
                    "0.198": "not zero",
                    "1 - 0.01 / (1 - 0.99 * 0.998)": "lam = 0",
                    "-0.197": "wrong sign",
                },
            ),
            *told(
                lambda k: clock(k=k),
                {
                    "500": "Still wrong by 7%",
                    "1414": "Still wrong by 7%",
                    "1416": "a shorter clock would do",
                    "0": "positive integer",
                    "1414.3": "positive integer",
                    "'1415'": "positive integer",
                },
            ),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "10_sampling", ANSWERS
