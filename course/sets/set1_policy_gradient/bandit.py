"""One state, a few actions: everything about the policy gradient can be written down."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column


def variant(rng: random.Random) -> Numbers:
    """Draw logits and rewards of three actions."""
    return {"theta0": column(rng, -1, 1, 3), "reward": column(rng, -2, 3, 3)}


def draw(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw logits and rewards of two to six actions."""
    return [(rng.normal(size=n).round(2), rng.normal(1, 2, n).round(2)) for n in (3, 2, 6)]


def large(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw logits whose exponentials are no numbers any more."""
    return [(np.array([900.0, 899.0, -900.0]) + rng.integers(5), rng.normal(size=3).round(2))]


PROBLEM = Problem(
    title="A bandit, and which way is up",
    minutes=30,
    outcomes=("derive the gradient of an expected reward under a softmax policy",),
    statement=r"""
There is one state and three actions. Action $a$ has the reward $r_a$, with $r = $ `<<reward>>`, and
the policy takes it with probability $\pi_a = e^{\theta_a} / \sum_b e^{\theta_b}$. The return is
$J(\theta) = \sum_a \pi_a r_a$.

1. On paper: derive $\partial J / \partial \theta_a$, and write it with the advantage $r_a - J$.
   Two lines suffice.
2. In code: `gradient(theta, reward)` for any number of actions. Logits may be as large as 900.
3. Set `slope0` to the length of the gradient at `theta0` = `<<theta0>>`, to four significant
   digits.
""",
    starter='''
def gradient(theta, reward):
    """Return dJ/dtheta (n,) for logits theta (n,) and rewards (n,)."""
    return ...


slope0 = ...
''',
    solution="""
def gradient(theta, reward):
    weight = np.exp(theta - np.max(theta))
    pi = weight / weight.sum()
    return pi * (reward - pi @ reward)


slope0 = np.linalg.norm(gradient(theta0, reward))
""",
    checks=(
        Function("gradient", 3, draw, title="gradient, of a few actions", hidden=False),
        Function("gradient", 1, large, title="gradient, of large logits"),
        Value("slope0", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "This is pi * r: the derivative of the sum in the denominator is missing. It subtracts "
            "the mean reward.",
            """
def gradient(theta, reward):
    pi = np.exp(theta - np.max(theta)) / np.exp(theta - np.max(theta)).sum()
    return pi * reward

slope0 = np.linalg.norm(gradient(theta0, reward))
""",
        ),
        Mistake(
            "This is the advantage r - J: it wants to be weighted by pi. An action that is hardly "
            "taken hardly matters.",
            """
def gradient(theta, reward):
    pi = np.exp(theta - np.max(theta)) / np.exp(theta - np.max(theta)).sum()
    return reward - pi @ reward

slope0 = np.linalg.norm(gradient(theta0, reward))
""",
        ),
    ),
    variant=variant,
    rubric=((2, "the derivation: the quotient rule or d log pi, and the step to r - J is shown"),),
)
