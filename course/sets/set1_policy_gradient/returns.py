"""Discounted returns from rewards as they came, with episodes that end in between."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column


def variant(rng: random.Random) -> Numbers:
    """Draw a discount, and the rewards of five steps."""
    return {
        "discount": rng.choice([0.8, 0.85, 0.9, 0.95]),
        "rewards": column(rng, -1, 2, 5, digits=1),
    }


def no_end(
    numbers: Numbers, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Draw steps of one episode."""
    return [(rng.normal(size=n).round(2), np.zeros(n, bool), 0.9) for n in (4, 1, 30)]


def ends(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Draw steps of several episodes."""
    return [(rng.normal(size=n).round(2), np.arange(n) % 4 == 2, 0.95) for n in (7, 20)]


PROBLEM = Problem(
    title="Returns to go",
    minutes=25,
    outcomes=("compute discounted returns in one pass, and stop them where an episode ends",),
    statement=r"""
A rollout has the rewards $r_0, \dots, r_{T-1}$, and `done[t]` says that an episode ended with step
$t$. The return to go is $G_t = r_t + \gamma G_{t+1}$, with nothing after an episode's last step,
nor after the rollout's.

1. Write `returns(rew, done, gamma)`, which gives all $G_t$ in one pass.
2. Set `first` to $G_0$ of the rewards `<<rewards>>` (`rewards`), with $\gamma = <<discount>>$
   (`discount`) and no end among them.
""",
    starter='''
def returns(rew, done, gamma):
    """Return G (T,) for rewards (T,) and ends (T,) of bool."""
    return ...


first = ...
''',
    solution="""
def returns(rew, done, gamma):
    G, after = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        after = rew[t] + gamma * after * (not done[t])
        G[t] = after
    return G


first = returns(rewards, [False] * len(rewards), discount)[0]
""",
    checks=(
        Function("returns", 2, no_end, title="returns of one episode", hidden=False),
        Function("returns", 2, ends, title="returns over an episode's end"),
        Value("first", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The return is carried across an episode's end: look at `done`.",
            """
def returns(rew, done, gamma):
    G, after = np.zeros(len(rew)), 0.0
    for t in reversed(range(len(rew))):
        after = G[t] = rew[t] + gamma * after
    return G
""",
        ),
        Mistake(
            "This discounts from the rollout's first step, gamma^t r_t: G_t begins with r_t.",
            """
def returns(rew, done, gamma):
    w = gamma ** np.arange(len(rew)) * rew
    return np.cumsum(w[::-1])[::-1]

""",
        ),
        Mistake(
            "No discount is in this: it is the sum of the rewards.",
            "first = sum(rewards)",
        ),
    ),
    variant=variant,
)
