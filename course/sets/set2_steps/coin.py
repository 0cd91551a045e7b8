"""One probability under a bound on the KL: by bisection, and in closed form where there is one."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw a probability and a radius."""
    return {
        "p_old": rng.choice([0.02, 0.03, 0.05, 0.07, 0.11, 0.15, 0.2, 0.3]),
        "radius": rng.choice([0.02, 0.03, 0.05, 0.08, 0.12]),
    }


def inside(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw probabilities, with radii below log 1/p."""
    p = rng.uniform(0.01, 0.8, 4).round(3)
    rare = (1e-6, round(rng.uniform(0.01, 0.1), 3))
    return [(float(x), round(float(-np.log(x)) * rng.uniform(0.05, 0.9), 3)) for x in p] + [rare]


def beyond(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw probabilities, with radii that let anything happen."""
    return [(float(x), 1.0) for x in rng.uniform(0.4, 0.95, 3).round(3)]


def modest(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw probabilities and radii, for the other direction."""
    p = [*rng.uniform(0.01, 0.8, 4).round(3), 1e-6]
    return [(float(x), round(float(-np.log(x)) * rng.uniform(0.05, 0.5), 3)) for x in p]


def radii(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float]]:
    """Draw radii."""
    return [(float(x),) for x in rng.uniform(0.01, 0.6, 4).round(3)]


SOLUTION = """
# On paper. KL(1/2 || x) = -log(2 x) / 2 - log(2 (1 - x)) / 2 = -log(4 x (1 - x)) / 2. Set it to
# eps: x (1 - x) = e^(-2 eps) / 4, a quadratic equation, of which the root above one half is (1
# + sqrt(1 - e^(-2 eps))) / 2. It stays below 1 for every eps. new||old tends to log(1/p) as p'
# goes to 1, so that certainty is allowed as soon as eps is that much.
#
# Text. For p = .001 and eps = .01: new||old rises to .00816, old||new to .0135, the quadratic
# estimate to .00547. For small p and p', KL(p'||p) is about p' log(p'/p) - (p' - p) and
# KL(p||p') about (p' - p) - p log(p'/p): old||new charges hardly more than the rise itself,
# new||old the rise times a logarithm. The quadratic estimate is too low for both: its curvature
# 1 / (p (1 - p)) is that at the old p, and it falls as p' grows towards one half.

def kl(x, y):
    return x * np.log(x / y) + (1 - x) * np.log((1 - x) / (1 - y))


def largest(p, allowed):
    low, high = p, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def rise(p, eps):
    if eps >= np.log(1 / p):
        return 1.0
    return largest(p, lambda new: kl(new, p) <= eps)


def rise_back(p, eps):
    return largest(p, lambda new: kl(p, new) <= eps)


def from_half(eps):
    return (1 + np.sqrt(1 - np.exp(-2 * eps))) / 2


edge = np.log(1 / p_old)
leap = rise_back(p_old, radius) - rise(p_old, radius)
"""

# A wrong `leap` does not tell which function is wrong, so the mistakes do not set it.
FUNCTIONS = SOLUTION.partition("edge = ")[0]
RISE = """    if eps >= np.log(1 / p):
        return 1.0
    return largest(p, lambda new: kl(new, p) <= eps)"""
RISE_BACK = "return largest(p, lambda new: kl(p, new) <= eps)"
FROM_HALF = "return (1 + np.sqrt(1 - np.exp(-2 * eps))) / 2"

PROBLEM = Problem(
    title="A coin with a bound on its KL",
    minutes=40,
    outcomes=(
        "solve a KL-constrained problem in one number, in either direction, by bisection",
        "say when the region of new||old has no boundary in the way",
    ),
    statement=r"""
A policy has two actions and takes the first with probability $p$. The new one, $p' \ge p$, may
differ from it by a divergence of at most $\epsilon$, with

$$\mathrm{KL}(x\|y) = x \log\frac{x}{y} + (1-x)\log\frac{1-x}{1-y} .$$

The first action pays more, so we want the largest $p'$ that is allowed.

1. Write `rise(p, eps)`: the largest $p' \in [p, 1]$ with $\mathrm{KL}(p'\|p) \le \epsilon$
   (new||old). It is 1 if certainty is allowed. Ten digits are wanted, and at $p = 10^{-6}$ as
   well.
2. Write `rise_back(p, eps)`: the supremum of the $p'$ with $\mathrm{KL}(p\|p') \le \epsilon$
   (old||new).
3. On paper: find `rise_back(1/2, eps)` in closed form, and write it as `from_half(eps)`.
4. Set `edge` to the least radius at which new||old lets $p =$ `<<p_old>>` (`p_old`) become
   certainty, and `leap` to `rise_back(p_old, radius) - rise(p_old, radius)` with the radius
   `<<radius>>` (`radius`).
5. In the text cell: which of the two directions lets a rare action rise further within the same
   $\epsilon$? Give numbers of your functions for $p = 0.001$ and $\epsilon = 0.01$, compare with
   the quadratic estimate $p + \sqrt{2 \epsilon\, p (1-p)}$, and explain with the formula.
""",
    starter='''
def rise(p, eps):
    """Return the largest p' in [p, 1] with KL(p'||p) <= eps."""
    return ...


def rise_back(p, eps):
    """Return the supremum of the p' with KL(p||p') <= eps."""
    return ...


def from_half(eps):
    """Return rise_back(1/2, eps) in closed form."""
    return ...


edge = ...
leap = ...
''',
    solution=SOLUTION,
    checks=(
        Function("rise", 2, inside, title="rise, within the edge", hidden=False),
        Function("rise", 1, beyond, title="rise, beyond the edge"),
        Function("rise_back", 2, modest, hidden=False),
        Function("from_half", 1, radii, hidden=False),
        Value("edge", 1, rtol=1e-3),
        Value("leap", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "This is the other direction of the KL: new||old begins with p' log(p'/p).",
            changed(FUNCTIONS, (RISE, f"    {RISE_BACK}")),
        ),
        Mistake(
            "This is the other direction of the KL: old||new begins with p log(p/p').",
            changed(FUNCTIONS, (RISE_BACK, "return rise(p, eps)"),
                    (FROM_HALF, "return rise(0.5, eps)")),
        ),
        Mistake(
            "This is the quadratic estimate p + sqrt(2 eps p (1 - p)): the KL itself is wanted.",
            changed(
                FUNCTIONS,
                (RISE, "    return min(1.0, p + np.sqrt(2 * eps * p * (1 - p)))"),
                (RISE_BACK, "return rise(p, eps)"),
                (FROM_HALF, "return rise(0.5, eps)"),
            ),
        ),
        Mistake(
            "That is the radius at which the second action would become certain, log 1/(1 - p).",
            "edge = np.log(1 / (1 - p_old))",
        ),
        Mistake(
            "Half of the KL is forgotten: the second action's probability changes, too, and its "
            "term is negative.",
            changed(FUNCTIONS, ("kl(new, p) <= eps", "new * np.log(new / p) <= eps")),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the closed form, with the root that is wanted, and what it says for a large radius"),
        (2, "which direction lets a rare action rise further, with numbers and a reason"),
        (1, "whether the quadratic estimate is too high or too low, and why"),
    ),
)  # fmt: skip
