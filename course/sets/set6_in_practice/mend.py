"""A program of five functions, three lines of which are wrong; it runs, and learns a little."""

import numpy as np

from course.checks import Function
from course.problem import Mistake, Numbers, Problem, changed

Calls = list[tuple]


def actions(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw actions of a few dimensions."""
    return [
        (rng.normal(size=(n, d)).round(2), rng.normal(size=d).round(2) / 2,
         rng.normal(size=(n, d)).round(2))
        for n, d in ((4, 3), (6, 2))
    ]  # fmt: skip


def advantages(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw advantages whose environments, and times, are of different sizes."""
    return [(rng.normal(np.arange(1, E + 1), np.arange(1, T + 1)[:, None]).round(2),)
            for T, E in ((5, 3), (4, 2))]  # fmt: skip


def fits(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw values in a column, as networks give them, and their targets."""
    return [(rng.normal(size=(n, 1)).round(2), rng.normal(1, 2, size=n).round(2)) for n in (5, 3)]


def updates(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw whole batches with ratios on both sides of the clip."""
    calls = []
    for T, E, d in ((5, 3, 2), (4, 2, 3)):
        mean, act = rng.normal(size=(2, T * E, d)).round(2)
        adv = rng.normal(np.arange(E), 1, size=(T, E)).round(2)
        log_std = rng.normal(size=d).round(2) / 4
        z = (act - mean) / np.exp(log_std)
        logp = (-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi)).sum(axis=1)
        logp_old = (logp + 0.3 * rng.normal(size=T * E)).round(3)
        calls.append((mean, log_std, act, logp_old.reshape(T, E), adv, 0.2))
    return calls


SOLUTION = """
# Found by: (1) two dimensions against the sum of two calls with one; (2) two environments, one of
# them with 100 added to all its advantages; (3) values equal to their targets, whose loss is 0.
def log_prob(mean, log_std, act):
    z = (act - mean) / np.exp(log_std)
    return (-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi)).sum(axis=1)


def normalised(adv):
    return (adv - adv.mean()) / (adv.std() + 1e-8)


def clipped(ratio, adv, c):
    return np.minimum(ratio * adv, np.clip(ratio, 1 - c, 1 + c) * adv)


def policy_loss(mean, log_std, act, logp_old, adv, c):
    ratio = np.exp(log_prob(mean, log_std, act) - logp_old.ravel())
    return -clipped(ratio, normalised(adv).ravel(), c).mean()


def value_loss(values, target):
    return np.mean((values[:, 0] - target) ** 2)
"""


SUM = ("np.log(2 * np.pi)).sum(axis=1)", "np.log(2 * np.pi)).mean(axis=1)")
AXIS = ("(adv - adv.mean()) / (adv.std() + 1e-8)",
        "(adv - adv.mean(axis=0)) / (adv.std(axis=0) + 1e-8)")  # fmt: skip
COLUMN = ("values[:, 0] - target", "values - target")

PROBLEM = Problem(
    title="Three lines to mend",
    minutes=45,
    outcomes=("find what is wrong in a program that runs, by tests that are small and sure",),
    statement=r"""
The answer cell holds a part of somebody's program: the losses of a PPO for Gaussian actions. It
runs, and its curves rise. *Three of its lines are wrong*; mend them. What is right should stay.

- `mean`, `act` are (T E, d), `log_std` is (d,); `logp_old` and `adv` are (T, E), for T steps of E
  environments; rows are in the order of `adv.ravel()`.
- Advantages are brought to mean 0 and standard deviation 1 over the whole batch (with the `1e-8`).
- `values` come from a network as (n, 1), `target` is (n,), and the loss is the mean square of their
  differences.

Do not guess: write for each function a test so small that you know its answer without a program
(one row, one dimension more, two environments that differ by a constant, a fit without error).
In the text cell, say for each of the three which test showed it, and why learning curves did not.
""",
    starter=changed(SOLUTION, SUM, AXIS, COLUMN).split("0.\n", 1)[1],
    solution=SOLUTION,
    checks=(
        Function("log_prob", 2, actions, title="the log-probability"),
        Function("normalised", 2, advantages, title="the advantages"),
        Function("value_loss", 2, fits, title="the value's loss"),
        Function("policy_loss", 2, updates, title="the policy's loss, as a whole"),
    ),
    mistakes=(
        Mistake(
            "The probability of an action is a product over its dimensions, so its logarithm is a"
            " sum: with the mean all ratios are roots.",
            changed(SOLUTION, SUM),
        ),
        Mistake(
            "Each environment is brought to mean 0 by itself: that one was worse than another can"
            " no longer be seen.",
            changed(SOLUTION, AXIS),
        ),
        Mistake(
            "Each time step is brought to mean 0 by itself: the whole batch is asked for.",
            changed(SOLUTION, (AXIS[0], AXIS[1].replace("axis=0", "axis=1, keepdims=True"))),
        ),
        Mistake(
            "A column less a row is a square: print the shape of the difference.",
            changed(SOLUTION, COLUMN),
        ),
        Mistake(
            "`clipped` was right: without the minimum a row beyond the clip is not called back.",
            changed(SOLUTION, ("np.minimum(ratio * adv, np.clip(ratio, 1 - c, 1 + c) * adv)",
                     "np.clip(ratio, 1 - c, 1 + c) * adv")),
        ),
    ),
    rubric=(
        (3, "for each of the three lines a test that fails before and passes after, with the number"
            " that it should give and why"),
        (1, "why each mistake lets a program learn all the same"),
    ),
)  # fmt: skip
