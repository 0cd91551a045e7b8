"""A program that should stretch a direction until the mean KL is right: find its faults."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed, column

Calls = list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]


def variant(rng: random.Random) -> Numbers:
    """Draw three states, and a gradient so small that t is greater than one."""
    shares = rng.choice([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.5, 0.1, 0.4]])
    return {
        "p_own": column(rng, 0.2, 0.8, 3),
        "g_own": column(rng, 0.1, 0.5, 3) * [1, -1, 1],
        "d_own": np.array(shares),
    }


def weighted(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw states that are visited unequally, and gradients of which a multiple below 1 is due."""
    return [
        (
            rng.uniform(0.2, 0.8, n).round(2),
            rng.normal(0, 1, n).round(2) + 2.0,
            np.array([0.7, *[0.3 / (n - 1)] * (n - 1)])[rng.permutation(n)],
            0.02,
        )
        for n in (2, 3, 5)
    ]


def small(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw states that are visited equally, and small gradients."""
    return [
        (
            rng.uniform(0.2, 0.8, n).round(2),
            (size * (rng.uniform(0.5, 1, n) * [-1, 1, 1, -1][:n])).round(5),
            np.full(n, 1 / n),
            0.03,
        )
        for n, size in ((2, 0.1), (4, 0.01))
    ]


def both(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw states that are visited unequally, and small gradients."""
    return [(p, (0.01 * g).round(5), d, 0.05) for p, g, d, _ in weighted(numbers, rng)]


SOLUTION = """
# Text. Rows 1 to 3 differ in d alone, and the program returns the same t for all three: it
# takes the mean over states with equal weights. Row 4 looks right as both states have the same
# KL, and any weights give it. In row 5 t should be ten times that of row 1, 2.9, and the search
# ends at 1. A uniform d hides the first fault, large gradients hide the second: a test wants
# inputs in which each part of the formula matters.

def ray_step(p, g, d, eps):
    theta = np.log(p / (1 - p))

    def kl(t):
        new = 1 / (1 + np.exp(-(theta + t * g)))
        return d @ (new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p)))

    low, high = 0.0, 1.0
    while kl(high) < eps:
        high = 2 * high
    for _ in range(60):
        t = (low + high) / 2
        low, high = (t, high) if kl(t) < eps else (low, t)
    return t


t_own = ray_step(p_own, g_own, d_own, 0.04)
"""

PROBLEM = Problem(
    title="A step that does not keep its word",
    minutes=25,
    outcomes=("find a fault by what a measurement of the mean KL shows, and mend it",),
    statement=r"""
In each of $S$ states a policy takes the first of two actions with probability $p_s$, written by a
logit. `ray_step(p, g, d, eps)` in the answer cell should return the $t > 0$ for which the logits
$\theta + t g$ have the mean KL $\sum_s d_s\, \mathrm{KL}(\pi_{\theta + tg} \| \pi_\theta)(s) =
\epsilon$, where $d$ are the shares of time in the states. (Take it for granted that $\epsilon$ is
below what the KL tends to along the ray.) The program runs, and has learnt something. But a
colleague has measured the mean KL of what it returns, by a program that is right:

| call | p | g | d | eps | measured |
|---|---|---|---|---|---|
| 1 | 0.5, 0.3 | 1, -2 | 0.5, 0.5 | 0.02 | 0.0200 |
| 2 | 0.5, 0.3 | 1, -2 | 0.9, 0.1 | 0.02 | 0.0124 |
| 3 | 0.5, 0.3 | 1, -2 | 0.1, 0.9 | 0.02 | 0.0276 |
| 4 | 0.5, 0.5 | 1, -1 | 0.9, 0.1 | 0.02 | 0.0200 |
| 5 | 0.5, 0.3 | 0.1, -0.2 | 0.5, 0.5 | 0.02 | 0.0026 |

1. There are two faults. Find them, and mend the function.
2. Set `t_own` to what the mended function returns for your numbers (`p_own`, `g_own`, `d_own`) and
   $\epsilon = 0.04$.
3. In the text cell: which row shows which fault? Why does row 4 look right? Which of the faults
   would you find if you tested with a uniform $d$ alone, and which in a run in which gradients
   are large?
""",
    starter='''
def ray_step(p, g, d, eps):
    """Return t > 0 at which the mean KL of theta + t g, new||old, is eps."""
    theta = np.log(p / (1 - p))

    def kl(t):
        new = 1 / (1 + np.exp(-(theta + t * g)))
        return np.mean(new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p)))

    low, high = 0.0, 1.0
    for _ in range(60):
        t = (low + high) / 2
        low, high = (t, high) if kl(t) < eps else (low, t)
    return t


t_own = ...
''',
    solution=SOLUTION,
    checks=(
        Function("ray_step", 2, weighted, title="states visited unequally"),
        Function("ray_step", 2, small, title="small gradients"),
        Function("ray_step", 1, both, title="both at once", hidden=False),
        Value("t_own", 1, rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "A fault is still there that rows 1, 2 and 3 of the table show: they differ in one"
            " column.",
            changed(SOLUTION, ("return d @ (", "return np.mean(")),
        ),
        Mistake(
            "A fault is still there that rows 1 and 5 show. Which t would be right in row 5?",
            changed(SOLUTION, ("    while kl(high) < eps:\n        high = 2 * high\n", "")),
        ),
        Mistake(
            "The direction of the KL has been turned round: the program had new||old right.",
            changed(
                SOLUTION,
                ("new * np.log(new / p)", "p * np.log(p / new)"),
                (
                    "(1 - new) * np.log((1 - new) / (1 - p))",
                    "(1 - p) * np.log((1 - p) / (1 - new))",
                ),
            ),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "for each fault the rows that show it, and why row 4 cannot show one"),
        (1, "which inputs of a test would have hidden which fault"),
    ),
)
