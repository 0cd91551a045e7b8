"""A solver that is right in two dimensions and stalls in five: find its faults."""

import random

import numpy as np

from course.checks import Function, Value
from course.child import Product
from course.problem import Mistake, Numbers, Problem, column


def variant(rng: random.Random) -> Numbers:
    """Draw a system of four unknowns with a small right side."""
    lower = np.tril(np.array([column(rng, -1, 1, 4, digits=1) for _ in range(4)]), -1)
    root = lower + np.diag([1.0, 2.0, 0.5, 3.0])
    return {
        "F_own": (root @ root.T).round(4),
        "g_own": column(rng, 1, 5, 4, digits=1) * [1, -1, 1, 1] / 1e7,
    }


Calls = list[tuple[Product, np.ndarray, int]]


def systems(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw systems of several unknowns, with right sides of the size of one."""
    calls = []
    for n, k in ((5, 3), (6, 6), (4, 2)):
        A = rng.normal(size=(n, n + 2))
        calls.append((Product((A @ A.T / n).round(3)), rng.normal(size=n).round(2), k))
    return calls


def small(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw systems of two unknowns with a small right side, and none."""
    F = Product(np.array([[2.0, 0.5], [0.5, 1.0]]))
    return [(F, 1e-8 * rng.normal(size=2), 2), (F, np.zeros(2), 2)]


def program(stop: str, beta: str) -> str:
    """Return the solver, with its stop and its beta."""
    return f'''
def solver(times, g, k):
    """Return x after at most k products; times(v) returns F v."""
    x, r, p = np.zeros_like(g), g, g
    for _ in range(k):
        if {stop}:
            break
        Fp = times(p)
        alpha = (r @ r) / (p @ Fp)
        x, old, r = x + alpha * p, r @ r, r - alpha * Fp
        p = r + (r @ r) / {beta} * p
    return x
'''


RIGHT, WRONG = ("r @ r <= 1e-20 * (g @ g)", "old"), ("r @ r < 1e-10", "(g @ g)")
OWN = "\nx_own = solver(lambda v: F_own @ v, g_own, 3)\n"

WORDS = """
# Text. Two products agree for n = 5, the third does not: beta divides by the first residual,
# g'g, in the place of the last. In the second direction the two are the same, and a system of
# two unknowns wants no third. The last row: the stop compares the squared residual with 1e-10,
# whatever the size of g, so that a g shorter than 1e-5 is not begun with. It hits the mean,
# whose gradients are small late in a run or for rewards in small units; the sum of many rows is
# long, and there the same number may stop too late.
"""

PROBLEM = Problem(
    title="A solver that stalls",
    minutes=20,
    outcomes=("find the fault of a solver by the residuals that it leaves",),
    statement=r"""
The conjugate gradients in the answer cell pass the test of their author, who solved the two rooms
with them. A user reports three systems $F x = g$ and the residuals $\lVert g - F x \rVert /
\lVert g \rVert$ that are left. All have $F = \operatorname{diag}(1, 2, \dots, n)$ and $g = c\,(1,
\dots, 1)$:

| n | c | products | residual | by another program |
|---|---|---|---|---|
| 2 | 1 | 2 | 0.0000 | 0.0000 |
| 5 | 1 | 2 | 0.2390 | 0.2390 |
| 5 | 1 | 3 | 0.1188 | 0.1010 |
| 5 | 1 | 5 | 0.0472 | 0.0000 |
| 2 | 0.000001 | 2 | 1.0000 | 0.0000 |

1. There are two faults. Find them, and mend the function. It should end early if the residual is
   no longer than $10^{-10}$ times $g$, and return zeros for $g = 0$.
2. Set `x_own` to what it returns for `F_own` and `g_own` after three products.
3. In the text cell: which row shows which fault, and why can a test in two dimensions not find
   the one? A second user has the gradient of a mean, a third that of a sum of rows. Whom does the
   other fault hit?
""",
    starter=program(*WRONG) + "\n\nx_own = ...\n",
    solution=WORDS + program(*RIGHT) + "\n" + OWN,
    checks=(
        Function("solver", 2, systems, title="solver, several unknowns"),
        Function("solver", 2, small, title="solver, small right sides"),
        Value("x_own", 1, rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "One fault is left: compare the second row with the third. What is new in the third "
            "product?",
            program(RIGHT[0], WRONG[1]) + OWN,
        ),
        Mistake(
            "One fault is left: the last row of the table has been given up before it began.",
            program(WRONG[0], RIGHT[1]) + OWN,
        ),
        Mistake(
            "This is steepest descent: each direction has to be made conjugate to the last.",
            program(RIGHT[0], "np.inf") + OWN,
        ),
    ),
    variant=variant,
    rubric=(
        (1, "each fault with the row that shows it, and why two dimensions cannot show the one"),
        (1, "whom the other fault hits, and when"),
    ),
)
