"""Two arms and a temperature: the time that a plain step takes has a closed form."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem


def variant(rng: random.Random) -> Numbers:
    """Draw a start, a gap between the rewards, a temperature and a step size."""
    return {
        "p_from": rng.choice([0.01, 0.015, 0.02, 0.03, 0.04]),
        "gap": rng.choice([0.4, 0.5, 0.6, 0.8, 1.2, 1.5]),
        "tau": rng.choice([0.5, 0.6, 0.8, 1.25, 1.6, 2.0]),
        "alpha": rng.choice([0.05, 0.06, 0.08, 0.1, 0.12]),
    }


def durations(
    numbers: Numbers, rng: np.random.Generator
) -> list[tuple[float, float, float, float]]:
    """Draw starts, ends, gaps and temperatures."""
    return [
        (
            round(rng.uniform(0.01, 0.3), 3),
            round(rng.uniform(0.5, 0.98), 3),
            round(rng.uniform(0.2, 2), 2),
            float(rng.choice([0.3, 0.7, 1.7, 3.0])),
        )
        for _ in range(4)
    ]


def counts(
    numbers: Numbers, rng: np.random.Generator
) -> list[tuple[float, float, float, float, float]]:
    """Draw walks of some hundred steps."""
    return [(round(rng.uniform(0.03, 0.2), 3), 0.9, 1.0, tau, 0.1) for tau in (0.6, 1.4, 2.5)]


PROBLEM = Problem(
    title="The clock of a plain step",
    minutes=40,
    outcomes=(
        "integrate the plain gradient flow of a two-armed bandit in closed form",
        "say which settings of a program are only units, and which change what it does",
    ),
    statement=r"""
Two arms; the first pays more than the second, by $\delta > 0$ (`gap`). The policy pulls the first
with probability $p = \sigma(h/\tau)$, where $\sigma(x) = 1/(1+e^{-x})$, $h$ is the parameter and
the temperature $\tau > 0$ is fixed. The plain step is $h \leftarrow h + \alpha\, dJ/dh$.

1. On paper: write the flow $\dot h = dJ/dh$ as an equation for the logit $\theta = h/\tau$, and
   solve it for the time that it takes from $p_0$ to $p_1 > p_0$. The integral has a closed form.
2. Write that time as `flow_time(p0, p1, gap, tau)`.
3. Write `count_steps(p0, p1, gap, tau, alpha)`: how many plain steps it takes until $p \ge p_1$.
4. Set `needed` to the steps from $p =$ `<<p_from>>` to $0.9$ with your numbers (`p_from`, `gap`,
   `tau`, `alpha`).
5. An experiment, with its result in the text cell. Compare `alpha * count_steps(...)` with
   `flow_time(...)` for step sizes from yours up to a thousand times as much. A colleague reads
   off your code that a lower temperature learns faster, and wants to lower it. What do the
   formula and your table say to that, and what do they leave open?
""",
    starter='''
def flow_time(p0, p1, gap, tau):
    """Return the time that the flow takes from p0 to p1."""
    return ...


def count_steps(p0, p1, gap, tau, alpha):
    """Return the number of plain steps in h from p0 until p >= p1."""
    return ...


needed = ...
''',
    solution="""
# On paper. J = const + gap p with p = sigma(h / tau), so dJ/dh = gap p q / tau with q = 1 - p.
# The logit theta = h / tau changes at the rate theta' = h' / tau = (gap / tau^2) p q. As 1 / (p
# q) = 2 + e^theta + e^-theta, (2 + e^theta + e^-theta) dtheta = (gap / tau^2) dt, and the
# integral of the left side is 2 theta + 2 sinh(theta).
#
# Text. With small steps alpha times their number is the flow's time. It exceeds it for two
# reasons: the last step is counted in full, and a step uses the slope at its beginning, which
# below p = 1/2, where most of the time is spent, is less than the slopes on its way. With p0 =
# .03, tau = .7, gap = .8 the flow takes 32.2; alpha = .1, 1, 10 and 100 take 32.3, 33, 40 and
# 200: at 100 two steps do, and the product says nothing. The colleague: in the logit a step is
# (alpha / tau^2) gap p q, so alpha and tau matter by alpha / tau^2 alone. A lower temperature
# is a larger step size by another name, and no better than that. Open: how long a step may be
# where the gradient is estimated or where more arms and states share the parameters; here a
# step cannot be too long, as J has no maximum to step over.

def flow_time(p0, p1, gap, tau):
    # theta' = (gap / tau^2) p q, and 1 / (p q) = 2 + e^theta + e^-theta
    a, b = np.log(p0 / (1 - p0)), np.log(p1 / (1 - p1))
    return tau**2 / gap * 2 * (b - a + np.sinh(b) - np.sinh(a))


def count_steps(p0, p1, gap, tau, alpha):
    h, n = tau * np.log(p0 / (1 - p0)), 0
    while (p := 1 / (1 + np.exp(-h / tau))) < p1:
        h, n = h + alpha * gap * p * (1 - p) / tau, n + 1
    return n


needed = count_steps(p_from, 0.9, gap, tau, alpha)
""",
    checks=(
        Function("flow_time", 3, durations, hidden=False),
        Function("count_steps", 2, counts, hidden=False),
        Value("needed", 1, rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "The temperature comes in once here, and it comes in twice: dJ/dh has a factor 1/tau, "
            "and so has the logit that h becomes.",
            """
def flow_time(p0, p1, gap, tau):
    a, b = np.log(p0 / (1 - p0)), np.log(p1 / (1 - p1))
    return tau / gap * 2 * (b - a + np.sinh(b) - np.sinh(a))

def count_steps(p0, p1, gap, tau, alpha):
    h, n = tau * np.log(p0 / (1 - p0)), 0
    while (p := 1 / (1 + np.exp(-h / tau))) < p1:
        h, n = h + alpha * gap * p * (1 - p), n + 1
    return n

needed = count_steps(p_from, 0.9, gap, tau, alpha)
""",
        ),
        Mistake(
            "No temperature is in this: the step is taken in the logit, and not in h.",
            """
def flow_time(p0, p1, gap, tau):
    a, b = np.log(p0 / (1 - p0)), np.log(p1 / (1 - p1))
    return 2 * (b - a + np.sinh(b) - np.sinh(a)) / gap

def count_steps(p0, p1, gap, tau, alpha):
    theta, n = np.log(p0 / (1 - p0)), 0
    while (p := 1 / (1 + np.exp(-theta))) < p1:
        theta, n = theta + alpha * gap * p * (1 - p), n + 1
    return n

needed = count_steps(p_from, 0.9, gap, tau, alpha)
""",
        ),
        Mistake(
            "This takes p (1 - p) for p, which holds near p = 0 alone: the way from one half on "
            "costs time, too.",
            """
def flow_time(p0, p1, gap, tau):
    return tau**2 / gap * ((1 - p0) / p0 - (1 - p1) / p1 + np.log(p1 / (1 - p1) * (1 - p0) / p0))
""",
        ),
        Mistake(
            "That is the flow of the logit with 1 / (p q) = e^theta + e^-theta: the 2 in "
            "1 / (p q) = 2 + e^theta + e^-theta is missing.",
            """
def flow_time(p0, p1, gap, tau):
    a, b = np.log(p0 / (1 - p0)), np.log(p1 / (1 - p1))
    return tau**2 / gap * 2 * (np.sinh(b) - np.sinh(a))
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the derivation: where the temperature comes in, the separated equation, the integral"),
        (2, "the table over step sizes, and a reason for where the two part"),
        (2, "the answer to the colleague: what is certain, and what is left open"),
    ),
)
