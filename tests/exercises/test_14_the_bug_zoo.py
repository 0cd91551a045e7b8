"""Chapter 14's exercises: tests that are tested, by the right program and the twelve exhibits."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests

WALL = """
    class Walled(program.Gaussian):
        def kl(self, new, old, obs):
            return np.inf
    policy = Walled(2, 3)
    theta, rows = batch_for(policy)
"""
ENDLESS = """
def {name}(program):
    while True:
        pass
{name}.__name__ = "{name}"
from functools import partial
from types import SimpleNamespace
zoo = SimpleNamespace(check_test=partial(zoo.check_test, seconds=0.2))
"""


def accidents(name: str) -> list[tuple[str, str]]:
    """What no test should do, whatever it is to catch."""
    return [
        (f"def {name}(program):\n    assert False, 'no'", f"{name} fails the right program: no"),
        (f"def {name}(program):\n    return False", "fails the right program"),
        (f"def {name}(program):\n    return 1 / 0", "stops with ZeroDivisionError"),
        (f"def {name}():\n    return True", "stops with TypeError"),
        (f"def {name}(program):\n    return 'ok'", "returns str"),
        (f"def {name}(program):\n    program.gae = None", "changes gae of the program"),
        (f"def {name}(program):\n    pass", "catches none of the twelve"),
        (f"{name} = 3", "no function"),
        (ENDLESS.format(name=name), "does not end within 0.2 seconds"),
    ]


ANSWERS = {
    "ex-zoo-ends": Answers(
        right=[
            "def my_ends(program):\n    test_9(program)\n    test_10(program)",
            "def my_ends(program):\n    cut = np.array([[True], [False]])\n"
            "    one = np.ones((2, 1))\n"
            "    adv = program.gae(one, 0 * one, one, ~cut & cut, cut)\n"
            "    return np.allclose(adv[0], 1.99)",
            "def my_ends(program):\n    rng = np.random.default_rng(3)\n"
            "    rew, V, after = rng.normal(size=(3, 5, 1))\n    no = np.zeros((5, 1), bool)\n"
            "    cut = no.copy()\n    cut[1] = True\n"
            "    adv = program.gae(rew, V, after, no, cut)\n"
            "    assert np.allclose(adv[1], rew[1] + 0.99 * after[1] - V[1])",
        ],
        wrong=[
            ("my_ends = test_9", r"misses exhibit 10 \(advantages carried across"),
            ("my_ends = test_10", r"misses exhibit 9 \(truncation taken"),
            ("my_ends = test_11", "misses exhibits 9 and 10"),
            (
                "def my_ends(program):\n    seen.append(1)\n    assert len(seen) == 1\nseen = []",
                "passes the right program once and fails it the next time",
            ),
            *accidents("my_ends"),
        ],
    ),
    "ex-zoo-direction": Answers(
        right=[
            "def my_direction(program):\n"
            "    test_4(program)\n    test_5(program)\n    test_6(program)",
            "def my_direction(program):\n    policy = program.Gaussian(2, 3)\n"
            "    theta, rows = batch_for(policy)\n"
            "    d = program.step(policy, theta, rows, 1e-4, 1e-9) - theta\n"
            "    judge, batch = npgkit.gaussian_linear(2, 3), npgkit.Batch(*rows[:3])\n"
            "    F = npgkit.FisherOperator(judge, theta, batch).dense()\n"
            "    x = np.linalg.solve(F, npgkit.policy_gradient(judge, theta, batch))\n"
            "    full = np.sqrt(2e-4 / (x @ F @ x)) * x\n"
            "    assert any(np.allclose(d, 0.8**j * full, rtol=1e-3, atol=1e-9)"
            " for j in range(3))",
            "def my_direction(program):\n    for test in tests[3:6]:\n        test(program)\n"
            "    return True",
        ],
        wrong=[
            ("my_direction = test_4", r"misses exhibits 5 and 6 \(the KL averaged"),
            ("my_direction = test_6", "misses exhibits 4 and 5"),
            ("my_direction = test_5", r"misses exhibit 6 \(the log-deviations missing\)"),
            *accidents("my_direction"),
        ],
    ),
    "ex-zoo-all": Answers(
        right=[
            "def my_test(program):\n    for test in tests:\n        test(program)",
            "def my_test(program):\n    for test in tests[1:2] + tests[4:]:\n        test(program)",
            "def my_test(program):\n    test_7(program)\n"
            "    for test in reversed(tests):\n        test(program)\n    return np.True_",
        ],
        wrong=[
            ("my_test = is_normalised", "catches none of the twelve"),
            (
                f"def my_test(program):{WALL}"
                "    assert np.array_equal(program.step(policy, theta, rows), theta)",
                "catches exhibits 1, 2 and 3, and misses exhibits 4, 5, 6",
            ),
            (
                "def my_test(program):\n    for test in tests[:11]:\n        test(program)",
                r"misses exhibit 12 \(the next value of the wrong environment\)",
            ),
            (
                "def my_test(program):\n    return not np.array_equal(program.cg(lambda v: v,"
                " np.ones(2)), np.ones(2))",
                "fails the right program",
            ),
            *accidents("my_test"),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "14_the_bug_zoo", ANSWERS
