"""The coordinate of a coin in which the quadratic model has no cubic error."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem


def variant(rng: random.Random) -> Numbers:
    """Draw a probability and a radius."""
    return {
        "p_start": rng.choice([0.05, 0.08, 0.12, 0.15, 0.2, 0.25]),
        "eps_start": rng.choice([0.01, 0.015, 0.02, 0.03]),
    }


def powers(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw probabilities and powers, with those that everybody tries."""
    p = rng.uniform(0.05, 0.9, 5).round(3)
    s = [0.0, 0.5, 0.9, *rng.uniform(0.05, 0.95, 2).round(2)]
    return [(float(x), float(y)) for x, y in zip(p, s, strict=True)]


def steps(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Draw probabilities, radii and powers; no step reaches certainty."""
    return [(p, round(rng.uniform(0.001, 0.02), 4), s) for p, s in powers(numbers, rng)]


PROBLEM = Problem(
    title="Where the ellipse keeps its word",
    minutes=45,
    outcomes=(
        "expand a KL divergence to third order in a coordinate of one's choice",
        "test a statement about an order by measuring a slope",
    ),
    statement=r"""
A coin shows heads with probability $p$. A natural step of radius $\epsilon$ promises a divergence
of $\epsilon$ and spends another. By how much they differ depends on the coordinate in which the
step is straight. Take the family of coordinates $x$ with

$$\frac{dx}{dp} = \big(p(1-p)\big)^{-s}, \qquad 0 \le s < 1 .$$

$s = 0$ is $p$ itself, $s = 1/2$ the angle of chapter 4 but for its unit, and $s \to 1$ the logit.

1. On paper: find the Fisher matrix (a number) in the coordinate $x$, and the third moment
   $\kappa$ of the score. Show that the terms of third order are
   $\frac{3s-1}{6}\,\kappa\,\Delta^3$ in $D = \mathrm{KL}(\text{new}\|\text{old})$ and
   $\frac{3s-2}{6}\,\kappa\,\Delta^3$ in $\bar D = \mathrm{KL}(\text{old}\|\text{new})$. Hint:
   $\kappa + 2\,\mathbb{E}[\psi\, \psi'] = dF/dx$, and a theorem of chapter 4.
2. Write `fisher_x(p, s)`, the Fisher number in the coordinate $x$ at $p$.
3. Write `spent(p, eps, s)`: the divergence new||old that a natural step of radius $\epsilon$
   spends, if it goes up and is straight in $x$. You need $x(p)$ and its inverse: SciPy has the
   incomplete beta function, `scipy.special.betainc(1 - s, 1 - s, p)`, which is $x$ divided by
   `beta(1 - s, 1 - s)`, and `betaincinv`.
4. Set `overdraft` to `spent(p_start, eps_start, 0) / eps_start - 1` with your numbers (`p_start`
   = `<<p_start>>`, `eps_start` = `<<eps_start>>`), and `best_new` and `best_old` to the powers
   $s$ with no term of third order in $D$ and in $\bar D$.
5. An experiment, with its result in the text cell: measure the slope of $|D - \epsilon|$ against
   the length of the step on logarithmic axes for $s = 0$, $1/3$, $1/2$ and $2/3$ at $p = 0.1$,
   and say which part of the data you trust. Then compare the four at $p = 0.3$ and $\epsilon =
   0.3$, and at $p = 1/2$. Is $s = 1/3$ the best coordinate of the four? What does the expansion
   promise, and what not?
""",
    starter='''
from scipy.special import beta, betainc, betaincinv


def fisher_x(p, s):
    """Return the Fisher number in the coordinate x at p."""
    return ...


def spent(p, eps, s):
    """Return KL(new||old) of the natural step upwards, straight in x."""
    return ...


overdraft = ...
best_new = ...
best_old = ...
''',
    solution="""
# On paper. Write q = 1 - p. In p the Fisher number is 1 / (p q), and dp/dx = (p q)^s, so F = (p
# q)^(2 s - 1). In p the score has the third moment (1 - 2 p) / (p q)^2, so kappa = (1 - 2 p) (p
# q)^(3 s - 2). dF/dx = (2 s - 1) (p q)^(2 s - 2) (1 - 2 p) (p q)^s = (2 s - 1) kappa. F is
# E[psi^2], and its derivative E[psi^3] + 2 E[psi psi'] = kappa + 4 chi, as the theorem's chi is
# E[psi psi'] / 2. Hence chi = (s - 1) kappa / 2, and the terms of third order are kappa / 3 +
# chi = (3 s - 1) kappa / 6 and kappa / 6 + chi = (3 s - 2) kappa / 6.
#
# Text. Slopes of 3 for s = 0, 1/2, 2/3 and of 4 for s = 1/3. Not to be trusted: long steps,
# where the next order shows, and very short ones, where D - eps is rounding. At p = .1 s = 1/3
# is the best of the four up to eps = .4. At p = .3 and eps = .3 the four spend .891, .968,
# 1.007 and 1.046 times eps: the angle is better. At p = 1/2 kappa is 0, all errors are of the
# fourth order, and the expansion to the third says nothing about which is least. An order is a
# statement on short steps.

from scipy.special import beta, betainc, betaincinv


def fisher_x(p, s):
    # 1 / (p q) in p; one unit of x is (p q)^s of p
    return (p * (1 - p)) ** (2 * s - 1)


def spent(p, eps, s):
    unit = beta(1 - s, 1 - s)
    x = unit * betainc(1 - s, 1 - s, p) + np.sqrt(2 * eps / fisher_x(p, s))
    new = betaincinv(1 - s, 1 - s, x / unit)
    return new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p))


overdraft = spent(p_start, eps_start, 0) / eps_start - 1
best_new = 1 / 3
best_old = 2 / 3
""",
    checks=(
        Function("fisher_x", 2, powers, hidden=False),
        Function("spent", 3, steps, hidden=False),
        Value("overdraft", 1, rtol=1e-2),
        Value("best_new", 1, rtol=2e-3),
        Value("best_old", 1, rtol=2e-3),
    ),
    mistakes=(
        Mistake(
            "The Jacobian is upside down: F in x is F in p times (dp/dx)^2, and dp/dx is "
            "(p (1 - p))^s.",
            """
from scipy.special import beta, betainc, betaincinv

def fisher_x(p, s):
    return (p * (1 - p)) ** (-2 * s - 1)

def spent(p, eps, s):
    unit = beta(1 - s, 1 - s)
    x = unit * betainc(1 - s, 1 - s, p) + np.sqrt(2 * eps / fisher_x(p, s))
    new = betaincinv(1 - s, 1 - s, min(1, x / unit))
    return new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p))
""",
        ),
        Mistake(
            "The Jacobian comes in once here: F is a quadratic form, and takes it twice.",
            """
from scipy.special import beta, betainc, betaincinv

def fisher_x(p, s):
    return (p * (1 - p)) ** (s - 1)
""",
        ),
        Mistake(
            "This is the divergence old||new of the step: the other direction is asked for.",
            """
from scipy.special import beta, betainc, betaincinv

def spent(p, eps, s):
    unit = beta(1 - s, 1 - s)
    x = unit * betainc(1 - s, 1 - s, p) + np.sqrt(2 * eps * (p * (1 - p)) ** (1 - 2 * s))
    new = betaincinv(1 - s, 1 - s, x / unit)
    return p * np.log(p / new) + (1 - p) * np.log((1 - p) / (1 - new))

overdraft = spent(p_start, eps_start, 0) / eps_start - 1
best_new, best_old = 2 / 3, 1 / 3
""",
        ),
        Mistake(
            "A step of radius eps has F Delta^2 / 2 = eps: a factor 2 is missing under the root.",
            """
from scipy.special import beta, betainc, betaincinv

def spent(p, eps, s):
    unit = beta(1 - s, 1 - s)
    x = unit * betainc(1 - s, 1 - s, p) + np.sqrt(eps * (p * (1 - p)) ** (1 - 2 * s))
    new = betaincinv(1 - s, 1 - s, x / unit)
    return new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p))

overdraft = spent(p_start, eps_start, 0) / eps_start - 1
""",
        ),
        Mistake(
            "That is the coordinate in which F is constant. Its cubic terms are as large in one "
            "direction as in the other, with opposite signs, and not zero.",
            "best_new = best_old = 0.5",
        ),
    ),
    variant=variant,
    rubric=(
        (3, "F, kappa and dF/dx in x, and how chapter 4 turns them into the two terms"),
        (2, "the slopes, and which part of the data is to be trusted"),
        (2, "whether s = 1/3 is the best, with numbers at both p, and what an order is"),
    ),
)
