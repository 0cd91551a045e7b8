"""A lock with n wheels: exponentially long by the plain flow, and not by the natural one."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem


def variant(rng: random.Random) -> Numbers:
    """Draw a number of wheels, and the chance that each is turned right at first."""
    return {
        "n_own": rng.choice([5, 6, 7, 8, 9]),
        "p_own": rng.choice([0.35, 0.38, 0.42, 0.45, 0.48, 0.52]),
    }


def logits(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw logits of a few wheels."""
    return [(rng.normal(size=n).round(2),) for n in (3, 2, 7)]


def locks(numbers: Numbers, rng: np.random.Generator) -> list[tuple[int, float]]:
    """Draw locks."""
    return [(n, round(rng.uniform(0.3, 0.6), 2)) for n in (4, 2, 8)]


PROBLEM = Problem(
    title="A lock with n wheels",
    minutes=45,
    seconds=20.0,
    outcomes=(
        "solve a natural flow in closed form",
        "compare the plain and the natural flow where reward is exponentially rare",
        "say what exact gradients hide about exploration",
    ),
    statement=r"""
A lock has $n$ wheels, which are turned one after the other. Wheel $k = 0, \dots, n-1$ is turned
right with probability $p_k = \sigma(\theta_k)$. Turned wrong, it ends the episode with nothing;
if all are right, the episode pays 1. There is no discount, so $J = \prod_k p_k$. Take the flows
of chapter 7, plain and natural, with $F$ weighted by the expected visits of an episode, $v_k =
\prod_{j<k} p_j$ for wheel $k$.

1. On paper: find $\partial J/\partial\theta_k$, $F$ and $F^{-1} \nabla J$ in terms of $p$. Which
   wheel learns first by the one, and which by the other?
2. Write them as `plain(theta)` and `natural(theta)`, each an array of $n$ numbers.
3. On paper: find an equation for $\dot J$ along the natural flow in which nothing but $J$ occurs,
   and solve it.
4. All wheels start with the same $p_k = p$. Write `plain_time(n, p)` and `natural_time(n, p)`,
   the times that the flows $\dot\theta = \nabla J$ and $\dot\theta = F^{-1}\nabla J$ take until
   $J = 1/2$, to four significant digits. The plain one is an integral over one number.
5. Set `times` to `[plain_time(n_own, p_own), natural_time(n_own, p_own)]`, for `<<n_own>>` wheels
   and $p =$ `<<p_own>>`.
6. An experiment, with its result in the text cell: a table of both times for $p = 1/2$ and $n =
   2, 4, \dots, 12$. With which law does each grow, and what do you expect for $n = 30$? Somebody
   concludes: "The natural gradient opens a lock of thirty wheels in no time." Which part of this
   do your data support, and what happens to somebody who estimates $F$ and $g$ from episodes?
""",
    starter='''
from scipy.integrate import quad


def plain(theta):
    """Return the gradient of J (n,)."""
    return ...


def natural(theta):
    """Return F^-1 grad J (n,)."""
    return ...


def plain_time(n, p):
    """Return the time that the plain flow takes from p_k = p to J = 1/2."""
    return ...


def natural_time(n, p):
    """Return the time that the natural flow takes from p_k = p to J = 1/2."""
    return ...


times = ...
''',
    solution="""
# On paper. The derivative of log J is 1 - p_k = q_k, so g_k = J q_k. Wheel k is reached v_k
# times in the mean, and F_kk = v_k p_k q_k, the others being 0. So x_k = J / (v_k p_k), the
# product of the later p_j, and 1 for the last wheel. By the natural flow the last wheel learns
# first, and the others in turn from behind; by the plain flow the worst wheel learns fastest,
# and all are slow by the factor J. Along the natural flow J' is the sum of g_k x_k = J q_k
# (product of p_j, j > k). The terms q_k times later p_j are chances of "wheel k is wrong and
# all later ones would be right", which exclude each other and together are "some wheel would be
# wrong": 1 - J. So J' = J (1 - J), the odds J / (1 - J) grow as e^t, and J = 1/2 is reached
# after log((1 - J0) / J0).
#
# Text. For p = 1/2 and n = 2, 4, ..., 12 the plain flow takes 6.23, 27.4, 76.0, 204, 580, 1770,
# the natural one log(2^n - 1) = 1.10, 2.71, 4.14, 5.54, 6.93, 8.32. The plain time grows as 4
# 2^n / n in the end, which six numbers from n = 2 on do not show: they would fit a smaller
# base. The integral gives 1.5e8 for n = 30; the natural flow takes 20.8, as its law is proved
# and not fitted. That is a time of a flow with exact F and g, and not a number of steps or of
# episodes. From episodes: at p = 1/2 one in 2^30 pays, before that the estimate of g is 0 and
# nothing is learnt by either. The natural gradient divides out how rarely a wheel is visited,
# where the gradient is known; it does not find what has never been seen.

from scipy.integrate import quad


def sigma(theta):
    return 1 / (1 + np.exp(-np.asarray(theta)))


def plain(theta):
    p = sigma(theta)
    return np.prod(p) * (1 - p)


def natural(theta):
    # J q_k / (v_k p_k q_k): the chance that all later wheels are right
    p = sigma(theta)
    return np.append(np.cumprod(p[::-1])[::-1][1:], 1.0)


def plain_time(n, p):
    # all stay equal: p' = p q theta' = p^(n+1) q^2
    return quad(lambda u: 1 / (u ** (n + 1) * (1 - u) ** 2), p, 0.5 ** (1 / n), epsrel=1e-10)[0]


def natural_time(n, p):
    # J' = J (1 - J): the odds of J grow as e^t
    return np.log(p**-n - 1)


times = [plain_time(n_own, p_own), natural_time(n_own, p_own)]
""",
    checks=(
        Function("plain", 1, logits, hidden=False),
        Function("natural", 2, logits, hidden=False),
        Function("plain_time", 2, locks, rtol=1e-3, hidden=False),
        Function("natural_time", 2, locks, rtol=1e-3, hidden=False),
        Value("times", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The derivative of log sigma is 1 - p: this is J alone, or p in the place of 1 - p.",
            """
from scipy.integrate import quad

def plain(theta):
    p = 1 / (1 + np.exp(-np.asarray(theta)))
    return np.prod(p) * p

def plain_time(n, p):
    return quad(lambda u: 1 / (u ** (n + 2) * (1 - u)), p, 0.5 ** (1 / n))[0]
""",
        ),
        Mistake(
            "The visits are missing in F: a late wheel is reached rarely, and F has that as a "
            "factor.",
            """
from scipy.integrate import solve_ivp

def natural(theta):
    p = 1 / (1 + np.exp(-np.asarray(theta)))
    return np.prod(p) / p

def natural_time(n, p):
    def half(t, theta):
        return np.sum(-np.log1p(np.exp(-theta))) - np.log(0.5)

    half.terminal = True
    start = np.full(n, np.log(p / (1 - p)))
    flow = solve_ivp(lambda t, x: natural(x), (0, 1e6), start, events=half, rtol=1e-9, atol=1e-10)
    return flow.t[-1]
""",
        ),
        Mistake(
            "Here J grows as e^t all the way: the sum of g_k x_k has a factor 1 - J, too.",
            """
def natural_time(n, p):
    return np.log(0.5) - n * np.log(p)
""",
        ),
        Mistake(
            "This is the time until each wheel is right with probability 1/2: J = 1/2 asks for "
            "more, the n-th root.",
            """
from scipy.integrate import quad

def plain_time(n, p):
    return quad(lambda u: 1 / (u ** (n + 1) * (1 - u) ** 2), p, 0.5)[0]
""",
        ),
        Mistake(
            "The wheels are in the wrong order: wheel k is worth what the wheels after it make "
            "of it.",
            """
def natural(theta):
    p = 1 / (1 + np.exp(-np.asarray(theta)))
    return np.append(1.0, np.cumprod(p)[:-1])
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "gradient, F and natural direction, and the order in which the wheels learn"),
        (2, "the equation for J, with the sum that gives it"),
        (2, "the table, the law of each, and how far it is carried beyond the data"),
        (3, "the conclusion weighed: what a flow with exact gradients shows, what episodes give"),
    ),
)
