"""A walk that was recorded in two pieces: what the second says of advantages in the first."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem

Calls = list[tuple[np.ndarray, np.ndarray, np.ndarray, float, float, float]]


def variant(rng: random.Random) -> Numbers:
    """Draw a discount and a lambda."""
    return {
        "discount_seam": rng.choice([0.97, 0.98, 0.99, 0.995]),
        "lam_seam": rng.choice([0.9, 0.92, 0.95, 0.97]),
    }


def draw(rng: np.random.Generator, n: int, fell: tuple[int, ...], late: tuple[int, ...]) -> tuple:
    """Draw a piece of n rows with ends of both kinds, and what comes ahead."""
    flags = [np.isin(np.arange(n), rows) for rows in (fell, late)]
    return (rng.normal(size=n).round(2), *flags, round(rng.uniform(1, 3), 2), 0.9, 0.8)


def running(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw pieces without an end."""
    return [draw(rng, n, (), ()) for n in (4, 1, 9)]


def ended(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw pieces with ends, also in the last row."""
    return [
        draw(rng, 7, (3,), ()),
        draw(rng, 7, (), (4,)),
        draw(rng, 8, (2,), (5,)),
        draw(rng, 5, (4,), ()),
        draw(rng, 5, (), (4,)),
    ]


PROBLEM = Problem(
    title="A seam between two recordings",
    minutes=35,
    outcomes=("take a recording's end, a truncation and a termination apart",),
    statement=r"""
A program records $T$ rows of one environment, computes their advantages by GAE, and goes on
recording where it was. At the seam the first piece took the critic's value for all that was to
come. Now the second piece is there, with the advantage $\hat A_T$ of its first row, by the same
critic. What would the advantages of the first piece be if the two were one recording?

1. On paper: express $\hat A_t$ of the one recording by that of the piece, $\hat A_T$, $\gamma$ and
   $\lambda$. Rows $t$ with an end after them, or at them, in the same piece: which change, which
   do not? In a row that was truncated the walk was cut, too: why is nothing to be mended there?
2. Write `mend(adv, terminated, truncated, ahead, gamma, lam)`: the advantages (T,) of the one
   recording from those of the piece; `ahead` is $\hat A_T$.
3. With $\gamma = <<discount_seam>>$ (`discount_seam`) and $\lambda = <<lam_seam>>$ (`lam_seam`):
   set `reach` to the number of rows before the seam, without an end among them, that change by one
   per cent of `ahead` or more.
""",
    starter='''
def mend(adv, terminated, truncated, ahead, gamma, lam):
    """Return the advantages (T,) as if the recording had gone on."""
    return ...


reach = ...
''',
    solution="""
# On paper: the piece has A_t = sum over l < T - t of (gamma lambda)^l delta_(t+l). Its last delta
# has gamma V(s_T) in it, and so it has in the one recording: nothing there changes. What the one
# recording has more are the terms from delta_T on, (gamma lambda)^(T - t) A_T. Rows at or before an
# end do not have them: their sum stops at the end. A truncated row ends its episode: the next row
# is another one's, and no row will ever tell more than the value of the final observation did.


def mend(adv, terminated, truncated, ahead, gamma, lam):
    mended = adv.copy()
    for t in reversed(range(len(adv))):
        if terminated[t] or truncated[t]:
            break
        mended[t] = adv[t] + (gamma * lam) ** (len(adv) - t) * ahead
    return mended


reach = int(np.log(0.01) / np.log(discount_seam * lam_seam))
""",
    checks=(
        Function("mend", 2, running, title="mend, no end in the piece", hidden=False),
        Function("mend", 3, ended, title="mend, with ends of both kinds"),
        Value("reach", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "The rows before an end are changed, too: what follows an episode's end is another"
            " episode.",
            """
def mend(adv, terminated, truncated, ahead, gamma, lam):
    return adv + (gamma * lam) ** np.arange(len(adv), 0, -1) * ahead
""",
        ),
        Mistake(
            "A truncated row is mended: the next row belongs to another episode there as well.",
            """
def mend(adv, terminated, truncated, ahead, gamma, lam):
    mended = adv.copy()
    for t in reversed(range(len(adv))):
        if terminated[t]:
            break
        mended[t] = adv[t] + (gamma * lam) ** (len(adv) - t) * ahead
    return mended
""",
        ),
        Mistake(
            "One power of gamma lambda is missing: from the last row to the next there is a step.",
            """
def mend(adv, terminated, truncated, ahead, gamma, lam):
    mended = adv.copy()
    for t in reversed(range(len(adv))):
        if terminated[t] or truncated[t]:
            break
        mended[t] = adv[t] + (gamma * lam) ** (len(adv) - 1 - t) * ahead
    return mended


reach = int(np.log(0.01) / np.log(discount_seam * lam_seam)) + 1
""",
        ),
        Mistake(
            "Lambda is missing: an advantage carries on with gamma lambda.",
            """
def mend(adv, terminated, truncated, ahead, gamma, lam):
    mended = adv.copy()
    for t in reversed(range(len(adv))):
        if terminated[t] or truncated[t]:
            break
        mended[t] = adv[t] + gamma ** (len(adv) - t) * ahead
    return mended


reach = int(np.log(0.01) / np.log(discount_seam))
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the sum is split at the seam, and it is said what happens to the last delta"),
        (1, "why a truncated row, also cut, is left as it is"),
    ),
)  # fmt: skip
