"""States that share a row of logits: the natural direction is a mean of their advantages."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column

ROWS = ([0.2, 0.3, 0.5], [0.5, 0.2, 0.3], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1], [0.3, 0.5, 0.2])


def variant(rng: random.Random) -> Numbers:
    """Draw three states, of which two share a row and want opposite things."""
    first = np.zeros(3)
    while np.min(np.abs(np.diff(first, append=first[0]))) < 0.5:
        first = column(rng, -2, 2, 3, digits=1)
    second = (-0.5 * first + column(rng, -0.2, 0.2, 3, digits=1)).round(2)
    return {
        "q_own": np.array([first, second, column(rng, -1, 1, 3, digits=1)]),
        "pi_own": np.array(rng.sample(ROWS, 2)),
        "d_own": np.array(rng.choice([[0.6, 0.2, 0.2], [0.5, 0.1, 0.4], [0.55, 0.2, 0.25]])),
        "group_own": [0, 0, 1],
    }


Calls = list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]]


def draw(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw tables of advantages in which each row of the policy serves several states."""
    calls = []
    for group, actions, gamma in (
        ([0, 0, 1, 1], 3, 0.8),
        ([1, 0, 0, 1, 1], 2, 0.95),
        ([2, 0, 1, 2, 0, 1, 2], 4, 0.5),
    ):
        pi = rng.dirichlet(np.full(actions, 3.0), max(group) + 1)
        q, at = rng.normal(0, 2, (len(group), actions)), np.array(group)
        adv = q - np.sum(pi[at] * q, axis=1, keepdims=True)
        calls.append((pi, at, adv, rng.dirichlet(np.full(len(group), 2.0)), gamma))
    return calls


COUNT = """
def tied_direction(pi, group, adv, d, gamma):
    x = np.zeros_like(pi)
    for k in range(len(pi)):
        mine = np.flatnonzero(np.array(group) == k)
        mean = {mean}
        x[k] = {shift} / {scale}
    return x
"""
MEAN = "d[mine] @ adv[mine] / d[mine].sum()"

PROBLEM = Problem(
    title="Two states, one row",
    minutes=30,
    outcomes=(
        "derive the natural direction of a table whose states are aggregated",
        "say which promise of the table is lost where states share parameters",
    ),
    statement=r"""
A policy cannot tell some states apart: state $s$ belongs to the group $k(s)$, and all states of a
group share one row of logits, $\pi(a|s) \propto e^{\theta_{k(s),a}}$. Let $d(s)$ be the
occupancy, $A(s, a)$ the advantages and $\gamma$ the discount.

1. On paper: find the gradient of the return in $\theta_{k,a}$ and the Fisher matrix, and show
   that $F x = g$ is solved by a mean of the states' advantages, divided by $1 - \gamma$. Which
   mean? Which solution has the least norm?
2. Write it as `tied_direction(pi, group, adv, d, gamma)`, which returns $F^{+} g$ with the shape
   of `pi`, (groups, actions). `group[s]` is the group of state $s$.
3. Take your numbers: values $Q(s, a)$ in `q_own`, two rows in `pi_own`, the occupancy `d_own`,
   the groups `group_own` and $\gamma = 0.9$; the advantages are $Q$ less its mean under the
   policy. Set `explained` to the share of $\mathbb{E}[A^2]$ that this regression of the
   advantages on the scores explains (chapter 6), and `slopes` to the three numbers $\sum_a
   \dot\pi(a|s) A(s, a)$, where $\dot\pi$ is the policy's rate of change along $x = F^{+} g$.
4. In the text cell: in a table, a natural step makes no state worse. What do your `slopes` say of
   states 0 and 1? Why does the return rise to first order all the same, whatever the numbers are?
   And what would you have to know before you said that the *value* of the state with the negative
   slope falls?
""",
    starter='''
def tied_direction(pi, group, adv, d, gamma):
    """Return F^+ g, of pi's shape (groups, actions); adv is (S, actions), d is (S,)."""
    return ...


explained = ...
slopes = ...
''',
    solution="""
# On paper. The score of (s, a) has the entries 1[b = a] - pi(b|k) in the row k = k(s) and zeros
# elsewhere. With D_k the sum of d over the group, g_k,a = sum of d(s) pi(a|k) A(s, a) over its
# states, divided by 1 - gamma (the mean of A under pi is 0 in each state), and F has the blocks
# D_k (diag pi_k - pi_k pi_k'). Let m_k be the mean of the states' advantages with the weights
# d(s) / D_k; its mean under pi_k is 0. Then D_k (diag pi_k - pi_k pi_k') m_k = D_k pi_k m_k =
# (1 - gamma) g_k, so that x = m / (1 - gamma) is a solution, and with it x plus any constant in
# each row. The least norm has rows with the sum 0.
#
# Text. State 0 and state 1 want opposite things; the row follows the one that is visited more,
# and the slope of the other is negative. The slope of s is the covariance of m_k and A(s, .)
# under pi, divided by 1 - gamma; weighted with d(s) and summed they are the sum of D_k Var(m_k)
# / (1 - gamma), which is not negative whatever the numbers are, and g'x after one more division
# by 1 - gamma. The value of a state changes by the slopes of all states that are visited from
# it: without the transitions nobody can say whether it falls.

def tied_direction(pi, group, adv, d, gamma):
    group, x = np.array(group), np.zeros_like(pi)
    for k in range(len(pi)):
        mine = group == k
        mean = d[mine] @ adv[mine] / d[mine].sum()
        x[k] = (mean - mean.mean()) / (1 - gamma)
    return x


rows = pi_own[group_own]
adv_own = q_own - np.sum(rows * q_own, axis=1, keepdims=True)
step_own = tied_direction(pi_own, group_own, adv_own, d_own, 0.9)[group_own]
rate = rows * (step_own - np.sum(rows * step_own, axis=1, keepdims=True))
slopes = np.sum(rate * adv_own, axis=1)
# g'x is the sum of d times these, and g'x / (E[A^2] / (1 - gamma)) is what is explained
explained = 0.1 * (d_own @ slopes) / (d_own @ np.sum(rows * adv_own**2, axis=1))
""",
    checks=(
        Function("tied_direction", 3, draw),
        Value("explained", 1, rtol=1e-3),
        Value("slopes", 2, rtol=1e-3, atol=1e-3),
    ),
    mistakes=(
        Mistake(
            "Each state of a group counts the same here: a state matters as much as it is visited.",
            COUNT.format(
                mean="adv[mine].mean(axis=0)", shift="(mean - mean.mean())", scale="(1 - gamma)"
            ),
        ),
        Mistake(
            "This is a sum over the group's states: F has the occupancies, too, and their sum is "
            "divided out.",
            COUNT.format(
                mean="d[mine] @ adv[mine]", shift="(mean - mean.mean())", scale="(1 - gamma)"
            ),
        ),
        Mistake(
            "The factor 1 / (1 - gamma) of the gradient of a discounted return is missing.",
            COUNT.format(mean=MEAN, shift="(mean - mean.mean())", scale="1"),
        ),
        Mistake(
            "This solves F x = g, and is not the solution of least norm: a constant in each row "
            "can be taken off.",
            COUNT.format(mean=MEAN, shift="mean", scale="(1 - gamma)"),
        ),
        Mistake(
            "This is what a table of its own for each state would explain: all of it.",
            """
rows = pi_own[group_own]
adv = q_own - np.sum(rows * q_own, axis=1, keepdims=True)
explained = 1.0
slopes = np.sum(rows * adv**2, axis=1) / 0.1
""",
        ),
    ),
    variant=variant,
    rubric=(
        (3, "the derivation: gradient, Fisher block of a group, the solution and the constant"),
        (2, "what the slopes say, why the return rises, and what is missing for values"),
    ),
)
