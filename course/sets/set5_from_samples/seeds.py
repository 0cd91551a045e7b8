"""Runs over seeds: a paired test, many comparisons, and what may be said of them."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw the returns of a method and of four others, with eight seeds."""
    ours = [rng.randint(380, 470) for _ in range(8)]
    lead = rng.sample((60, 45, 30, 5), 4)
    theirs = [[x - max(round(rng.gauss(more, 28)), -30) for x in ours] for more in lead]
    return {"ours": np.array(ours), "theirs": np.array(theirs)}


def pairs(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw differences that are whole numbers, so that equal sums are equal."""
    return [(rng.integers(-150, 200, size=n).astype(float),) for n in (8, 5, 10)]


def losses(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw differences against the first method; some are all equal, one is alone."""
    return [(rng.integers(-200, 100, size=7).astype(float),), (-np.full(6, 3.0),), (np.ones(1),)]


def levels(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw p-values, two of them so close that Holm's factors exchange them."""
    low = round(rng.uniform(0.01, 0.02), 3)
    first = [low, low + 0.001, 0.3, round(rng.uniform(0.4, 0.9), 2)]
    return [
        (np.roll(first, int(rng.integers(1, 4))),),
        (rng.uniform(size=6).round(3),),
        (np.array([0.04]),),
    ]


SOLUTION = """
# In words: call those whose adjusted value is at most 0.05; of the others eight seeds show no
# difference, which does not mean that there is none. Eight pairs give 2/2^8 = 1/128 at the least,
# times four for the first of four comparisons. The measure, the comparisons, the seeds and their
# number are fixed beforehand. The best of ten settings on the seeds that are compared looks better
# than it is, so ours is treated unfairly here; choose settings on other seeds, for all methods with
# the same effort, and compare on new ones.
import itertools


def p_value(d):
    signs = np.array(list(itertools.product((-1, 1), repeat=len(d))))
    return np.mean(np.abs(signs @ d) >= abs(np.sum(d)))


def holm(p):
    order = np.argsort(p)
    scaled = np.arange(len(p), 0, -1) * np.array(p)[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


raw = np.array([p_value(ours - row) for row in theirs])
adjusted = holm(raw)
"""


PROBLEM = Problem(
    title="Eight seeds, and what may be said",
    minutes=45,
    outcomes=(
        "compute an exact paired test and correct it for many comparisons",
        "say what a table of runs shows, and what it does not",
    ),
    statement=r"""
A method was compared with four others. `ours` has its final returns with eight seeds, and each row
of `theirs` those of another method *with the same eight seeds*:

- ours: `<<ours>>`
- theirs: `<<theirs>>`

1. If two methods are the same, each difference $d_i$ of a pair might as well have the other sign.
   Write `p_value(d)`: the share of the $2^n$ choices of signs for which the sum of $\pm d_i$ is at
   least as large *in absolute value* as the one that came. All choices are counted, and $n \le 12$.
2. Write `holm(p)`: Holm's adjusted values, in the order of `p`. The smallest of $K$ values is
   multiplied by $K$, the next by $K - 1$, and so on; none may be smaller than one before it in this
   order, nor larger than 1. (A difference may be called at the level 0.05 where the adjusted value
   is at most 0.05.)
3. Set `raw` and `adjusted` to the four values of ours against each of theirs.
4. In words, at most ten lines: which differences do you call, and what do you write of the others?
   The smallest value that eight pairs can give? What would you have had to fix before the
   runs? The numbers of `theirs` were the best of ten settings each, on these same seeds: what
   does that do?
""",
    starter='''
def p_value(d):
    """Return the two-sided p-value of paired differences d (n,)."""
    return ...


def holm(p):
    """Return the adjusted values (K,) of the p-values p (K,)."""
    return ...


raw = ...
adjusted = ...
''',
    solution=SOLUTION,
    checks=(
        Function("p_value", 2, pairs, title="a paired test", hidden=False),
        Function("p_value", 1, losses, title="a paired test, the other way round"),
        Function("holm", 2, levels, title="Holm's correction", hidden=False),
        Value("raw", 1, rtol=1e-3),
        Value("adjusted", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The test has one side: without the absolute values a loss cannot be seen.",
            changed(SOLUTION, ("np.abs(signs @ d) >= abs(np.sum(d))", "signs @ d >= np.sum(d)")),
        ),
        Mistake(
            "The signs that came are left out: a sum that is equal counts, and p is never 0.",
            changed(SOLUTION, (">= abs(np.sum(d))", "> abs(np.sum(d))")),
        ),
        Mistake(
            "Every value is multiplied by K: that is Bonferroni's; Holm's factors fall to 1.",
            changed(SOLUTION, ("np.arange(len(p), 0, -1)", "len(p)")),
        ),
        Mistake(
            "A value may not be smaller than one before it in the order: take the running maximum.",
            changed(SOLUTION, ("np.maximum.accumulate(scaled)", "scaled")),
        ),
        Mistake(
            "The adjusted values are in the order of their size: bring them back to that of p.",
            changed(SOLUTION, ("adjusted[order] = ", "adjusted[:] = ")),
        ),
    ),
    variant=variant,
    rubric=(
        (1, "what is called a difference, and the words for what is not"),
        (1, "the smallest value, and what four comparisons make of it"),
        (1, "what has to be fixed before the runs"),
        (1, "which way the choice of settings pushes the table, and what should have been done"),
    ),
)  # fmt: skip
