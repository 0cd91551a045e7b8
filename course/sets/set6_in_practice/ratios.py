"""How many rows a clip touches, and what an average over action dimensions does to that."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw a KL, a clip and a number of action dimensions."""
    return {
        "target": rng.choice([0.006, 0.008, 0.01, 0.012, 0.015]),
        "clip": rng.choice([0.1, 0.15, 0.2, 0.25]),
        "act_dim": rng.choice([3, 4, 6, 8, 17]),
    }


def draw(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw KLs and clips."""
    return [(round(rng.uniform(0.003, 0.1), 4), round(rng.uniform(0.1, 0.4), 2)) for _ in range(4)]


SOLUTION = """
# On paper: let the new mean be off by m_k deviations in dimension k. A sample of the old policy has
# z_k ~ N(0, 1), and log r = sum (z_k m_k - m_k^2 / 2): normal, with mean -K and variance 2 K, where
# K = sum m_k^2 / 2 is the KL, the same in both directions. d does not appear. (Under the new policy
# the mean is +K.) A program that averages over d dimensions and reaches its target has the KL
# d times as large: rows are clipped as if the radius were d epsilon.
from scipy.special import ndtr


def outside(kl, c):
    above = ndtr(-(np.log(1 + c) + kl) / np.sqrt(2 * kl))
    below = ndtr((np.log(1 - c) + kl) / np.sqrt(2 * kl))
    return above + below


of_sum = outside(target, clip)
of_mean = outside(act_dim * target, clip)
"""


PROBLEM = Problem(
    title="How many rows does the clip touch?",
    minutes=40,
    outcomes=(
        "relate the ratios of a batch to its KL",
        "say what an average over action dimensions does to a radius",
    ),
    statement=r"""
The actions have $d$ dimensions, and the policy is a Gaussian with a deviation for each that stays
as it is. An update moves the mean, the same in each state measured in deviations, and spends a KL
of $K$ nats. The rows were drawn by the old policy; $r$ is a row's ratio.

1. On paper: find the distribution of $\log r$. How does it depend on $d$ and on the direction of
   the move, if $K$ is given?
2. Write `outside(kl, c)`: the probability that a row's ratio is not between $1 - c$ and $1 + c$.
3. A program stops its update when *its* KL is <<target>> (`target`). Set `of_sum` to the share of
   rows outside $c = <<clip>>$ (`clip`) then, and `of_mean` to what it is if the program takes the
   mean over the $d = <<act_dim>>$ (`act_dim`) dimensions where the KL has the sum.
""",
    starter='''
def outside(kl, c):
    """Return the probability of a ratio below 1 - c or above 1 + c."""
    return ...


of_sum = ...
of_mean = ...
''',
    solution=SOLUTION,
    checks=(
        Function("outside", 3, draw, title="the share outside", hidden=False),
        Value("of_sum", 1, rtol=1e-3),
        Value("of_mean", 2, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The deviation of log r is the root of twice the KL: look at its variance once more.",
            changed(
                SOLUTION,
                ("+ c) + kl) / np.sqrt(2 * kl)", "+ c) + kl) / np.sqrt(kl)"),
                ("- c) + kl) / np.sqrt(2 * kl)", "- c) + kl) / np.sqrt(kl)"),
            ),
        ),
        Mistake(
            "That is the share under the new policy: the rows were drawn by the old one.",
            changed(SOLUTION, ("np.log(1 + c) + kl", "np.log(1 + c) - kl"),
                    ("np.log(1 - c) + kl", "np.log(1 - c) - kl")),
        ),
        Mistake(
            "The mean of log r is taken for 0; it is r that has the mean 1.",
            changed(SOLUTION, ("np.log(1 + c) + kl", "np.log(1 + c)"),
                    ("np.log(1 - c) + kl", "np.log(1 - c)")),
        ),
        Mistake(
            "Only one side is counted: ratios leave the interval below, too.",
            changed(SOLUTION, ("return above + below", "return above")),
        ),
        Mistake(
            "The mean is the sum divided by d: a program that reaches its target has spent more,"
            " not less.",
            changed(SOLUTION,
                    ("of_mean = outside(act_dim * target", "of_mean = outside(target / act_dim")),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "log r as a sum over dimensions, its mean and its variance in K"),
        (1, "what follows for one c in tasks with few and with many action dimensions"),
    ),
)  # fmt: skip
