"""The noise scale of a bandit, and the baseline that is best for a natural step."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed, column


def variant(rng: random.Random) -> Numbers:
    """Draw a policy over three actions, their mean rewards and the rewards' noise."""
    first, second = rng.choice([0.5, 0.55, 0.6, 0.7]), rng.choice([0.1, 0.15, 0.2])
    return {
        "probs": np.array([first, second, round(1 - first - second, 2)]),
        "means": column(rng, 0, 4, 3, digits=1) + np.array([0.0, 1.0, 3.0]),
        "noise": rng.choice([0.5, 1.0, 1.5, 2.0]),
    }


def draw(numbers: Numbers, rng: np.random.Generator) -> list[tuple]:
    """Draw bandits of a few actions, and baselines."""
    calls = []
    for n in (3, 2, 6):
        pi = (rng.dirichlet(np.ones(n)) / 2 + 0.5 / n).round(2)
        pi[pi.argmax()] += 1 - pi.sum()
        means = (2 * rng.normal(size=n)).round(2)
        calls.append((pi.round(2), means, round(rng.uniform(0.5, 2), 2), round(rng.normal(), 2)))
    return calls  # fmt: skip


SOLUTION = """
# On paper: with squares E[(reward - b)^2 | a] = (r_a - b)^2 + sigma^2, part 5 of chapter 11's
# proposition says tau = sum (1 - pi_a)((r_a - b)^2 + sigma^2) / Gamma - 1. The mean of the score
# is zero, so b changes neither g nor Gamma = g'F^+ g. The derivative in b is zero where
# sum (1 - pi_a)(r_a - b) = 0: the mean of the rewards with the weights 1 - pi_a. That is J if the
# policy is uniform (or all rewards are equal, and in other cases by chance): actions that are
# hardly taken count more in it than in J, because their scores are long.


def tau(pi, means, sigma, baseline):
    J = pi @ means
    squares = (means - baseline) ** 2 + sigma**2
    return (1 - pi) @ squares / (pi @ (means - J) ** 2) - 1


best = (1 - probs) @ means / (len(probs) - 1)
rows90 = tau(probs, means, noise, probs @ means) * 0.81 / 0.19
"""


PROBLEM = Problem(
    title="How many rows does a bandit need?",
    minutes=40,
    outcomes=(
        "compute a noise scale and the rows that a step needs",
        "choose a baseline for the step that is taken, not for the gradient alone",
    ),
    statement=r"""
There is one state. The policy takes action $a$ with the probability $\pi_a$ = `<<probs>>` (`probs`)
and is a softmax of a logit for each action. A reward of action $a$ has the mean $r_a$ =
`<<means>>` (`means`) and the standard deviation $\sigma = <<noise>>$ (`noise`). A program has $N$
independent rows, and its gradient is the mean of $(\text{reward} - b)\, \psi$, with a baseline $b$
that is fixed beforehand.

1. Write `tau(pi, means, sigma, baseline)`: the noise scale $\tau$ of chapter 11, in rows, for any
   number of actions.
2. On paper: which $b$ makes $\tau$ least? Why does $b$ change neither $g$ nor $\Gamma$? When is it
   the expected reward $J$? Set `best` to it.
3. With $b = J$: how many rows does it take until a step of fixed radius gains, in the mean and in
   the linear model, nine tenths of what the exact one would? Set `rows90`, not rounded.
""",
    starter='''
def tau(pi, means, sigma, baseline):
    """Return the noise scale, in rows."""
    return ...


best = ...
rows90 = ...
''',
    solution=SOLUTION,
    checks=(
        Function("tau", 3, draw, title="the noise scale", hidden=False),
        Value("best", 1, rtol=1e-3),
        Value("rows90", 2, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The one is missing: C is the covariance of the terms, not their mean square.",
            changed(SOLUTION, (" ** 2) - 1", " ** 2)")),
        ),
        Mistake(
            "The noise enters by its variance, sigma squared.",
            changed(SOLUTION, ("+ sigma**2", "+ sigma")),
        ),
        Mistake(
            "The squares are weighted with pi: with F in the measure rare actions weigh more,"
            " 1 - pi.",
            changed(SOLUTION, ("(1 - pi) @ squares", "pi @ squares"),
                    ("best = (1 - probs) @ means / (len(probs) - 1)", "best = probs @ means")),
        ),
        Mistake(
            "This is the gradient's noise as logits measure it, tr C / |g|^2: divide by F.",
            changed(SOLUTION, ("(1 - pi) @ squares / (pi @ (means - J) ** 2) - 1",
                     "pi @ (squares * ((1 - pi)**2 + pi @ pi - pi**2))"
                     " / np.sum((pi * (means - J))**2) - 1")),
        ),
        Mistake(
            "Nine tenths of the gain are asked for: the gain falls with the root of 1 + tau / N.",
            changed(SOLUTION, ("* 0.81 / 0.19", "* 0.9 / 0.1")),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "tau as a function of b, and where it is least"),
        (1, "why neither g nor Gamma knows b"),
        (1, "a policy for which the best b is J, and in words what differs for others"),
    ),
)  # fmt: skip
