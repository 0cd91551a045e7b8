"""Learning curves of two arms, and what a choice of summary makes of them."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, changed


def variant(rng: random.Random) -> Numbers:
    """Draw two arms of eight seeds at ten points: one steady, one that goes up and down."""
    top = rng.randint(300, 360)

    def run(noise: int) -> list[int]:
        rise = [top * (1 - 0.6 ** (k + 1)) for k in range(10)]
        return [max(round(x + rng.gauss(0, noise)), 9) for x in rise]

    return {
        "steady": np.array([run(12) for _ in range(8)]),
        "restless": np.array([run(70) for _ in range(8)]),
    }


def samples(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw runs: with one far off, and of numbers that four does not divide."""
    return [(np.append(rng.integers(50, 99, size=n - 1), 9.0),) for n in (8, 10, 7, 4)]


def risen(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, float, int]]:
    """Draw curves that cross a level for good, for a while, never, at once."""
    low = rng.integers(10, 40, size=9).astype(float)
    high = low + 60
    curves = (
        np.where([0, 0, 1, 0, 1, 1, 1, 1, 1], high, low),
        np.where([0, 0, 0, 1, 1, 0, 0, 1, 1], high, low),
        np.where([1, 1, 1, 0, 0, 0, 0, 0, 0], high, low),
        np.where([0, 0, 0, 0, 0, 0, 0, 0, 1], high, low),
    )
    return [(curve, 55.0, 3) for curve in curves] + [(high, float(high.min()), 2)]


SOLUTION = """
# In words: the last points show what each arm hands over, and there the two are close: both have
# the same limit. The best point of each run is larger for the arm with more noise, by luck: a
# maximum over ten draws picks it, and whoever used that policy again would get the mean, not the
# maximum. To keep the best policy of a run is fair only if it is evaluated again, on new episodes.
def iqm(x):
    cut = len(x) // 4
    return np.mean(np.sort(x)[cut : len(x) - cut])


def reached(curve, level, k):
    for start in range(len(curve) - k + 1):
        if min(curve[start : start + k]) >= level:
            return start
    return -1


last = iqm(restless[:, -1]) - iqm(steady[:, -1])
best_point = iqm(restless.max(axis=1)) - iqm(steady.max(axis=1))
"""


PROBLEM = Problem(
    title="Which arm is better?",
    minutes=35,
    outcomes=("choose a summary of learning curves before seeing them, and say what it favours",),
    statement=r"""
Two arms were trained with eight seeds each, and evaluated at ten points on the way: `steady` and
`restless` (8, 10), a row for each seed.

1. Write `iqm(x)`, the interquartile mean of $n$ numbers: without the $\lfloor n/4 \rfloor$
   smallest and as many of the largest.
2. Write `reached(curve, level, k)`: the index of the first point from which on $k$ points in a row
   are at least `level`; $-1$ if there is none.
3. Set `last` to the interquartile mean of `restless` less that of `steady` at the last point, and
   `best_point` to the same difference if each run is credited with its best point.
4. In words, ten lines: draw both arms. Which of the two numbers do you report, and what does the
   other one favour? When would it be right to hand over the policy of a run's best point?
""",
    starter='''
def iqm(x):
    """Return the interquartile mean of x (n,)."""
    return ...


def reached(curve, level, k):
    """Return the first index from which k points are at least level, or -1."""
    return ...


last = ...
best_point = ...
''',
    solution=SOLUTION,
    checks=(
        Function("iqm", 2, samples, title="the interquartile mean", hidden=False),
        Function("reached", 2, risen, title="when a level is reached"),
        Value("last", 1, rtol=1e-3),
        Value("best_point", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "A run's best point is the largest of its own row, not the best point of the mean"
            " curve.",
            changed(SOLUTION, ("best_point = iqm(restless.max(axis=1)) - iqm(steady.max(axis=1))",
                    "best_point = max(map(iqm, restless.T)) - max(map(iqm, steady.T))")),
        ),
        Mistake(
            "Only the smallest are left out: the largest have to go as well.",
            changed(SOLUTION, ("[cut : len(x) - cut]", "[cut:]")),
        ),
        Mistake("This is the mean of all runs.", changed(SOLUTION,
                ("[cut : len(x) - cut]", "[:]"))),
        Mistake(
            "One point at the level is enough here; k in a row are asked for.",
            changed(SOLUTION, ("start : start + k]) >=", "start : start + 1]) >=")),
        ),
        Mistake(
            "This is where the k points end: the index of the first is asked for.",
            changed(SOLUTION, ("            return start\n", "            return start + k - 1\n")),
        ),
    ),
    variant=variant,
    rubric=(
        (1, "a drawing in which all runs, or their spread, can be seen"),
        (2, "which summary is favourable to which kind of curve, and why"),
        (1, "under what condition a best point may be used"),
    ),
)  # fmt: skip
