"""A policy that chooses a heading: the von Mises distribution and its Fisher matrix."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem


def variant(rng: random.Random) -> Numbers:
    """Draw a mean, a concentration, and a heading that is rewarded."""
    return {
        "m0": round(rng.uniform(-1.5, 1.5), 1),
        "k0": round(rng.uniform(0.5, 6), 1),
        "best": round(rng.uniform(2, 4), 1),
    }


def places(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Draw means and concentrations, large ones, too."""
    ks = [*rng.uniform(0.1, 8, 3).round(2), 0.001, 60.0, 900.0]
    return [(round(rng.uniform(-3, 3), 2), float(k)) for k in ks]


def vectors(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw vectors."""
    return [(rng.normal(0, scale, 2).round(3),) for scale in (1, 4, 0.1)]


def centre(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Ask at the vector zero."""
    return [(np.zeros(2),)]


PROBLEM = Problem(
    title="A policy with a heading",
    minutes=50,
    outcomes=(
        "derive the Fisher matrix of a policy that is not in the book",
        "tell a singularity of coordinates from one of the policies",
    ),
    statement=r"""
A boat chooses a heading, an angle $x$ on the circle. Its policy is the von Mises distribution,

$$\pi(x) = \frac{e^{k \cos(x - m)}}{2\pi I_0(k)}, \qquad k \ge 0,$$

with the mean heading $m$ and the concentration $k$. $I_0$ and $I_1 = I_0'$ are modified Bessel
functions; you need no more of them than that $\mathbb{E}[\cos(x - m)] = I_1(k)/I_0(k)$, for which
we write $A(k)$, and that $A' = 1 - A/k - A^2$. SciPy has them as `scipy.special.i0` and `i1`;
their scaled sisters `i0e` and `i1e` do not overflow, and their ratio is the same.

1. On paper: derive the Fisher matrix in the coordinates $(m, k)$, by the covariance of the score
   or by the expected second derivatives, and check it by the other way.
2. Write it as `fisher(m, k)`, for $k$ from $0.001$ to $900$.
3. The boat is paid $r(x) = \cos(x - c)$ with $c =$ `<<best>>` (`best`). Show that the expected
   reward is $J = A(k) \cos(m - c)$, and set `direction` to $F^{-1} \nabla J$ at `m0` = `<<m0>>`,
   `k0` = `<<k0>>`.
4. At $k = 0$ the matrix $F$ is singular, and no heading is preferred. Is there a policy there
   that cannot be improved, or is it the coordinates that fail? Write the same policies by the
   vector $\eta = k (\cos m, \sin m)$, for which $\pi \propto e^{\eta_1 \cos x + \eta_2 \sin x}$,
   and write the Fisher matrix in these coordinates as `fisher_vector(eta)`, for $\eta = 0$ as
   well. (As $k \to 0$, $A(k)/k \to 1/2$.)
5. In the text cell, besides the derivation: what does $F$ at $k \to 0$ in $(m, k)$ say about a
   natural step of a given radius in $m$? Can that step be trusted? And why does `direction` not
   depend on how often you wind $m$ round the circle?
""",
    starter='''
from scipy.special import i0e, i1e


def fisher(m, k):
    """Return the Fisher matrix (2, 2) in the order m, k."""
    return ...


direction = ...


def fisher_vector(eta):
    """Return the Fisher matrix (2, 2) in the coordinates eta (2,)."""
    return ...
''',
    solution="""
# On paper. log pi = k cos(x - m) - log(2 pi I0(k)); the score is (k sin(x - m), cos(x - m) -
# A), as the derivative of log I0 is A. Let y = x - m. The density is even in y, so E[sin y cos
# y] = E[sin y] = 0, and F is diagonal. Its second entry is the variance of cos y, which is the
# second derivative of log I0, A' = 1 - A/k - A^2. So E[cos^2 y] = A' + A^2 = 1 - A/k and
# E[sin^2 y] = A/k, and the first entry is k^2 A / k = k A. The other way: minus the second
# derivatives are k cos y, -sin y and A', with the means k A, 0 and A'.
#
# The reward: E[cos(x - c)] = E[cos(y + m - c)] = A cos(m - c), as E[sin y] = 0. Its gradient is
# (-A sin(m - c), A' cos(m - c)), and F^-1 times it (-sin(m - c) / k, cos(m - c)): the unit
# vector towards the reward, seen in polar coordinates. In eta it is (cos c, sin c), everywhere.
#
# Text. In (m, k) at k = 0 the score in m is 0: all m are one policy. The coordinates fail, and
# not the policy: F in eta is I/2 there, and the gradient of J in eta (cos c, sin c) / 2. A step
# in m alone of quadratic divergence eps is sqrt(2 eps / (k A)), about 2 sqrt(eps) / k for small
# k, longer than the circle, on which the policy comes back to itself: the quadratic model is
# worth nothing there. m enters by sin and cos alone, which do not change if 2 pi is added.

from scipy.special import i0e, i1e


def mean(k):
    return i1e(k) / i0e(k)


def fisher(m, k):
    # the score is (k sin(x - m), cos(x - m) - A), and E sin^2 = A / k
    A = mean(k)
    return np.diag([k * A, 1 - A / k - A * A])


A0 = mean(k0)
slope = np.array([-A0 * np.sin(m0 - best), (1 - A0 / k0 - A0 * A0) * np.cos(m0 - best)])
direction = np.linalg.solve(fisher(m0, k0), slope)


def fisher_vector(eta):
    k = np.linalg.norm(eta)
    if k < 1e-9:
        return np.eye(2) / 2
    A, u = mean(k), eta / k
    along = np.outer(u, u)
    return A / k * (np.eye(2) - along) + (1 - A / k - A * A) * along
""",
    checks=(
        Function("fisher", 3, places, hidden=False),
        Value("direction", 2, rtol=1e-3),
        Function("fisher_vector", 2, vectors, title="fisher_vector", hidden=False),
        Function("fisher_vector", 1, centre, title="fisher_vector, at zero"),
    ),
    mistakes=(
        Mistake(
            "The entry of k is the mean of cos^2 here: the score is cos(x - m) - A, and its "
            "variance is A less by A^2.",
            """
from scipy.special import i0e, i1e

def fisher(m, k):
    A = i1e(k) / i0e(k)
    return np.diag([k * A, 1 - A / k])

A0 = i1e(k0) / i0e(k0)
slope = np.array([-A0 * np.sin(m0 - best), (1 - A0 / k0 - A0 * A0) * np.cos(m0 - best)])
direction = np.linalg.solve(fisher(m0, k0), slope)
""",
        ),
        Mistake(
            "The entry of m is k, as if the mean of cos(x - m) were 1: that is its limit for large "
            "k, where the policy is nearly a Gaussian.",
            """
from scipy.special import i0e, i1e

def fisher(m, k):
    A = i1e(k) / i0e(k)
    return np.diag([k, 1 - A / k - A * A])

A0 = i1e(k0) / i0e(k0)
slope = np.array([-A0 * np.sin(m0 - best), (1 - A0 / k0 - A0 * A0) * np.cos(m0 - best)])
direction = np.linalg.solve(fisher(m0, k0), slope)
""",
        ),
        Mistake(
            "This is the plain gradient: F has not been divided out.",
            """
from scipy.special import i0e, i1e

A0 = i1e(k0) / i0e(k0)
direction = np.array([-A0 * np.sin(m0 - best), (1 - A0 / k0 - A0 * A0) * np.cos(m0 - best)])
""",
        ),
        Mistake(
            "This is the matrix in (m, k) turned by m: a step in m is one of k dm in the plane of "
            "eta, so the Jacobian has a factor 1/k.",
            """
from scipy.special import i0e, i1e

def fisher_vector(eta):
    k = np.linalg.norm(eta)
    A, u = i1e(k) / i0e(k), eta / k
    along = np.outer(u, u)
    return A * k * (np.eye(2) - along) + (1 - A / k - A * A) * along
""",
        ),
    ),
    variant=variant,
    rubric=(
        (3, "both ways to F, with the moments of sin and cos that they need"),
        (
            2,
            "whether the policies fail at k = 0 or the coordinates, with F and the gradient in eta",
        ),
        (2, "how long a step in m gets, whether that can be trusted, and the winding"),
    ),
)
