"""A Gaussian policy with two parameters: which full steps the line search refuses."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw a width, a gradient and a radius."""
    return {
        "sigma0": round(rng.uniform(0.4, 2.0), 1),
        "slope": np.array(
            [round(rng.uniform(0.5, 2), 1), rng.choice((-1, 1)) * rng.choice((1, 2))]
        ),
        "radius": rng.choice([0.05, 0.1, 0.2, 0.3]),
    }


def draw(numbers: Numbers, rng: np.random.Generator, signs: tuple[int, ...]) -> list[tuple]:
    """Draw steps that widen or narrow, in both directions of the KL."""
    return [
        (
            round(rng.uniform(0.3, 2), 2),
            np.array([rng.uniform(-1, 1), sign * rng.uniform(0.8, 2)]).round(2),
            round(rng.uniform(0.1, 0.5), 2),
            0.8,
            direction,
        )
        for sign in signs
        for direction in ("new||old", "old||new")
    ]


SOLUTION = """
# On paper, with m the change of mu over sigma: the quadratic KL m^2/2 + delta^2 is epsilon.
# KL(new||old) is m^2/2 + (e^(2 delta) - 1)/2 - delta. Less epsilon that is
#     f(delta) = (e^(2 delta) - 1)/2 - delta - delta^2,
# with f(0) = 0 and f' = e^(2 delta) - 1 - 2 delta >= 0: it has the sign of delta.
# KL(old||new) less epsilon is m^2/2 (e^(-2 delta) - 1) + f(-delta): both have the sign of -delta.
# So new||old refuses every full step that widens the policy and none that narrows it: it is wary
# of exploring more. old||new refuses every one that narrows, and is wary of exploring less.


def full_step(sigma, g, epsilon):
    x = np.array([sigma**2 * g[0], g[1] / 2])
    return np.sqrt(2 * epsilon / (g @ x)) * x


def kl(sigma, move, direction):
    far, wider = (move[0] / sigma) ** 2, move[1]
    if direction == "new||old":
        return (np.exp(2 * wider) + far - 1) / 2 - wider
    return ((1 + far) * np.exp(-2 * wider) - 1) / 2 + wider


def search(sigma, g, epsilon, beta, direction):
    move = full_step(sigma, g, epsilon)
    while kl(sigma, move, direction) > epsilon:
        move = beta * move
    return move


kl_new_old, kl_old_new = (
    kl(sigma0, full_step(sigma0, slope, radius), d) for d in ("new||old", "old||new")
)
"""


PROBLEM = Problem(
    title="Which full steps are refused",
    minutes=40,
    outcomes=("tell the true KL of a natural step from its radius, in either direction",),
    statement=r"""
There is one state, and the policy is a Gaussian $N(\mu, \sigma^2)$ with the parameters $\mu$ and
$s = \log\sigma$. At $\sigma = <<sigma0>>$ (`sigma0`) the gradient is $g = $ `<<slope>>` (`slope`),
in $\mu$ and in $s$. The full natural step has the quadratic KL $\epsilon = <<radius>>$ (`radius`).

1. On paper: let the full step change $s$ by $\delta$. Show that its true KL(new||old) is at most
   $\epsilon$ exactly if $\delta \le 0$, and its true KL(old||new) exactly if $\delta \ge 0$. What
   do the two tests of a line search think of exploration?
2. Set `kl_new_old` and `kl_old_new` to the true KL of the full step, in nats.
3. Write `search(sigma, g, epsilon, beta, direction)`, which shortens the full step by `beta` until
   its true KL in that direction, `"new||old"` or `"old||new"`, is at most `epsilon`. It returns
   the changes of $\mu$ and $s$. (The surrogate is not asked here.)
""",
    starter='''
def search(sigma, g, epsilon, beta, direction):
    """Return the changes of mu and s (2,) that the search takes."""
    return ...


kl_new_old = ...
kl_old_new = ...
''',
    solution=SOLUTION,
    checks=(
        Value("kl_new_old", 1, rtol=1e-3),
        Value("kl_old_new", 1, rtol=1e-3),
        Function("search", 2, lambda n, rng: draw(n, rng, (1,)), title="a step that widens",
                 hidden=False),
        Function("search", 2, lambda n, rng: draw(n, rng, (-1, -1)), title="a step that narrows"),
    ),
    mistakes=(
        Mistake(
            "The two directions are exchanged: in KL(new||old) the mean is over the new policy.",
            changed(SOLUTION, ('direction == "new||old"', 'direction == "old||new"')),
        ),
        Mistake(
            "The full step is too short: the quadratic KL is half of alpha^2 x'Fx.",
            changed(SOLUTION, ("np.sqrt(2 * epsilon", "np.sqrt(epsilon")),
        ),
        Mistake(
            "The Fisher matrix has 2 for log sigma, not 1: look at the second derivative of the"
            " KL in s.",
            changed(SOLUTION, ("g[1] / 2]", "g[1]]")),
        ),
        Mistake(
            "This goes along the gradient: the natural direction is F^-1 g.",
            changed(
                SOLUTION, ("    x = np.array([sigma**2 * g[0], g[1] / 2])\n"
                "    return np.sqrt(2 * epsilon / (g @ x)) * x",
                "    return np.sqrt(2 * epsilon / (g[0]**2 / sigma**2 + 2 * g[1]**2)) * g"),
            ),
        ),
    ),
    variant=variant,
    rubric=(
        (2, "both KLs are written in the two changes and compared with their quadratic model; the"
            " sign of the difference is shown for every delta, not only for small ones"),
        (1, "what each direction makes of a step that widens, and of one that narrows"),
    ),
)  # fmt: skip
