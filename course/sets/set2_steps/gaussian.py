"""A Gaussian policy in two coordinates: the exact KL step in each, and how far they part."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw a gradient and a radius."""
    return {
        "slope_m": round(rng.uniform(0.3, 1.5), 1),
        "slope_s": rng.choice([-1, 1]) * round(rng.uniform(0.5, 2), 1),
        "bound": rng.choice([0.05, 0.08, 0.1, 0.15, 0.2]),
    }


def draw(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Draw gradients and radii."""
    return [
        (round(rng.normal(), 2), sign * round(rng.uniform(0.3, 2), 2), eps)
        for sign, eps in ((1, 0.1), (-1, 0.1), (1, 0.5), (-1, 1.0), (1, 0.001))
    ]


SOLUTION = """
# On paper. Ada: a = mu m and b = mu (s - 1/s), so m = a / mu and s is the positive root of s^2
# - (b / mu) s - 1 = 0; there is one for every mu > 0. Ben: dD/dl = s^2 - 1, so b = mu (s^2 - 1)
# and s = sqrt(1 + b / mu), which for b < 0 wants mu > -b. D is strictly convex in (m, s) and in
# (m, l), and grows without bound, so that each problem has exactly one solution, on the
# boundary. Along either curve D falls from infinity to 0 as mu grows.
#
# Text. With a = b = 1 the distance is .0289, .00306, .000312, .0000313, ... for eps = .1, .01,
# .001, .0001, and the length .408, .129, .0408, .0129: powers 1 and 1/2. That is invariance to
# first order under nonlinear maps, of chapter 3; under an affine map the two would agree. The
# table is of one step, from one policy. A run of n steps of a given total length has about 1 /
# sqrt(eps) steps, so that differences of order eps each add up to order sqrt(eps), if they add
# up. No return was measured: the table cannot say who learns faster, and at the radii that are
# used, .01 and more, the steps differ by some per cent.

def meet(point, eps, least):
    # D(point(mu)) falls from infinity to 0 as mu grows from least
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        m, s = point(least + np.exp(middle))
        if -np.log(s) + (s * s + m * m - 1) / 2 > eps:
            low = middle
        else:
            high = middle
    return np.array([m, s])


def ada(a, b, eps):
    # a = mu m,  b = mu (s - 1/s)
    return meet(lambda mu: (a / mu, (b / mu + np.hypot(b / mu, 2)) / 2), eps, 0.0)


def ben(a, b, eps):
    # a = mu m,  b = mu (s^2 - 1): for b < 0 only mu > -b will do
    return meet(lambda mu: (a / mu, np.sqrt(1 + b / mu)), eps, max(0.0, -b))


apart = ben(slope_m, slope_s, bound)[1] - ada(slope_m, slope_s, bound)[1]
"""

# A wrong `apart` does not tell whose step is wrong, so most mistakes do not set it.
FUNCTIONS = SOLUTION.partition("apart = ")[0]
ADA = "return meet(lambda mu: (a / mu, (b / mu + np.hypot(b / mu, 2)) / 2), eps, 0.0)"
BEN = "return meet(lambda mu: (a / mu, np.sqrt(1 + b / mu)), eps, max(0.0, -b))"
LENGTH = "alpha = np.sqrt(2 * eps / (a * a + b * b / 2))"

PROBLEM = Problem(
    title="A Gaussian, by its deviation or by the logarithm of it",
    minutes=45,
    outcomes=(
        "solve a KL-constrained problem by its Karush-Kuhn-Tucker conditions",
        "measure the order in which two coordinates' KL steps part",
    ),
    statement=r"""
A Gaussian policy for one action has the mean $m$ and the standard deviation $s$. We measure
actions from the old mean in units of the old deviation, so that the old policy is $N(0, 1)$, and

$$D = \mathrm{KL}\big(N(m, s^2) \,\|\, N(0, 1)\big) = -\log s + \tfrac12 (s^2 + m^2 - 1) .$$

Ada writes the policy by $(m, s)$, Ben by $(m, l)$ with $l = \log s$. At the old policy both find
the same gradient $(a, b)$ of the return, as $ds/dl = s = 1$ there. Each takes the step that is
best by the straight line in their own coordinates: Ada maximises $a m + b (s - 1)$, Ben $a m + b
l$, both subject to $D \le \epsilon$.

1. On paper: write the conditions of Karush, Kuhn and Tucker for each with a multiplier $\mu > 0$,
   solve them for $m$ and $s$ as functions of $\mu$, and say for which $\mu$ there is a solution.
2. Write `ada(a, b, eps)` and `ben(a, b, eps)`, which return the new $(m, s)$ (both return $s$,
   not $l$). What is left is one equation in $\mu$; bisection does it.
3. Set `apart` to Ben's new $s$ minus Ada's, for $a, b$ = `<<slope_m>>`, `<<slope_s>>` (`slope_m`,
   `slope_s`) and $\epsilon =$ `<<bound>>` (`bound`), to four significant digits.
4. In the text cell: for $\epsilon$ from $0.1$ down to $10^{-5}$, a table of the distance between
   the two new policies' $(m, s)$ and of the length of a step. With which powers of $\epsilon$ do
   they shrink? Which theorem of chapter 3 promises that? Somebody says: "So it does not matter
   which of the two you train." What can your table say to that, and what can it not?
""",
    starter='''
def ada(a, b, eps):
    """Return the (m, s) that maximises a m + b (s - 1) subject to D <= eps."""
    return ...


def ben(a, b, eps):
    """Return the (m, s) that maximises a m + b log s subject to D <= eps."""
    return ...


apart = ...
''',
    solution=SOLUTION,
    checks=(
        Function("ada", 3, draw, hidden=False),
        Function("ben", 3, draw, hidden=False),
        Value("apart", 1, rtol=2e-3),
    ),
    mistakes=(
        Mistake(
            "This is the step of the quadratic model, where D is m^2/2 + (s - 1)^2: the bound is "
            "on the KL itself.",
            changed(
                SOLUTION,
                (ADA, f"{LENGTH}\n    return np.array([alpha * a, 1 + alpha * b / 2])"),
                (BEN, f"{LENGTH}\n    return np.array([alpha * a, np.exp(alpha * b / 2)])"),
            ),
        ),
        Mistake(
            "This is Ada's step. Ben's line is straight in log s, and dD/dl = s^2 - 1.",
            changed(FUNCTIONS, (BEN, "return ada(a, b, eps)")),
        ),
        Mistake(
            "This is Ben's step. Ada's line is straight in s, and dD/ds = s - 1/s.",
            changed(FUNCTIONS, (ADA, "return ben(a, b, eps)")),
        ),
        Mistake(
            "Ben's function returns l = log s here: s is asked for.",
            changed(FUNCTIONS, (BEN, BEN.replace("return", "m, s =")
                                + "\n    return np.array([m, np.log(s)])")),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the conditions for both, the root that is taken, and the range of mu"),
        (2, "the table, with both powers measured"),
        (1, "the theorem of chapter 3, and for which maps it would promise more"),
        (2, "the judgement: what one step says of training, and what it does not"),
    ),
)  # fmt: skip
