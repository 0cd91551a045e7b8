"""How many products conjugate gradients take for a softmax, and how to do with none."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem

SHAPES = ((4, 3, 1), (5, 4, 2, 1), (3, 2, 1, 1), (4, 4, 1, 1, 1), (5, 1, 3))


def weights(rng: random.Random, times: tuple[int, ...]) -> list[int]:
    """Return weights in which the k-th value occurs times[k] times."""
    values = rng.sample(range(1, 10), len(times))
    found = [v for v, n in zip(values, times, strict=True) for _ in range(n)]
    rng.shuffle(found)
    return found


def variant(rng: random.Random) -> Numbers:
    """Draw a table of probabilities in which some occur more than once."""
    found = weights(rng, rng.choice(SHAPES))
    return {"_weights": found, "p_table": np.array(found) / sum(found)}


def tables(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray]]:
    """Draw probabilities with repetitions, and uniform ones."""
    dice = random.Random(int(rng.integers(1 << 30)))
    drawn = [np.array(weights(dice, shape)) for shape in SHAPES]
    return [(p / p.sum(),) for p in (*drawn, np.ones(7))]


Calls = list[tuple[np.ndarray, np.ndarray, float]]


def systems(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw gradients of bandits, and damping."""
    calls = []
    for n, lam in ((4, 0.1), (6, 1e-3), (9, 2.0)):
        p = rng.dirichlet(np.full(n, 2.0))
        r = rng.normal(size=n)
        calls.append((p, p * (r - p @ r), lam))
    return calls


def undamped(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw gradients of bandits, and next to no damping."""
    return [
        (p, g, lam) for (p, g, _), lam in zip(systems(numbers, rng), (0.0, 1e-13), strict=False)
    ]


PROBLEM = Problem(
    title="How many products does a softmax take?",
    minutes=35,
    outcomes=(
        "count the products that conjugate gradients need by the eigenvalues of a matrix",
        "solve a diagonal system with a term of rank one in a stable way",
    ),
    statement=r"""
One state, $n \ge 2$ actions: $F = \operatorname{diag}(p) - p p^\top$. Conjugate gradients end
after as many products as there are distinct eigenvalues in whose eigenspaces $g$ has a part
(chapter 8). Let $g = p \circ (r - p \cdot r)$ be the gradient for rewards $r$ that are in no
special position.

1. On paper: let $p$ have $k$ distinct values, of which $m$ occur more than once. Show that $F$
   has each of these $m$ values as an eigenvalue, that its other eigenvalues lie strictly between
   neighbours of the $k$ values, one between each two, and that one more is 0. How many products
   does it take?
2. Write `products(p)`, and set `count` to the number for `p_table`, which is `<<_weights>>`
   divided by its sum.
3. On paper: with the preconditioner $M = \operatorname{diag}(1/p)$ it takes `with_p` products;
   with damping, $F + \lambda I$ with $\lambda > 0$, and $M = \operatorname{diag}(1/(p +
   \lambda))$ it takes `with_damping`, if the values of $p$ are not all the same. Set the two
   numbers.
4. With no product at all: write `solve(p, g, lam)`, which returns $(F + \lambda I)^{-1} g$ in a
   time proportional to $n$, by the formula of Sherman and Morrison. `g` sums to zero; use that,
   so that the formula divides by nothing that vanishes with $\lambda$. For $\lambda = 0$ it
   should return $F^{+} g$.
""",
    starter='''
def products(p):
    """Return how many products conjugate gradients take, for rewards in no special position."""
    return ...


count = ...
with_p = ...
with_damping = ...


def solve(p, g, lam):
    """Return (F + lam I)^-1 g (n,) for a g that sums to zero; F^+ g for lam = 0."""
    return ...
''',
    solution="""
# On paper. If the value f occurs at two actions i and j, e_i - e_j is an eigenvector of F with
# the eigenvalue f, as p'(e_i - e_j) = p_i - p_j = 0. What is left is spanned by one vector for
# each distinct value, and there an eigenvector v has (p_a - f) v_a = p_a (p'v). If p'v = 0, f
# is some p_a and v lives on the actions of that value, where p'v = 0 makes it 0 in this space.
# So p'v = 1, v_a = p_a / (p_a - f), and f solves the sum of p_a^2 / (p_a - f) = 1. The left
# side grows in f from minus to plus infinity between neighbouring values: one solution in each
# gap. Below the least value it grows, too, and is 1 at f = 0, and above the greatest it is
# negative. So F has m + (k - 1) distinct eigenvalues that are not zero. g has no part in the
# null space, the constants, and for rewards in no special position a part in each other: m + k
# - 1 products.
#
# With M = diag(1/p): by names in which M is the identity, F reads I - u u' with u = sqrt(p),
# |u| = 1: a projection, whose eigenvalues are 1 and 0, and one product. With damping and M =
# diag(1 / (p + lambda)) it reads I - u u' with u = p / sqrt(p + lambda), |u| < 1: the
# eigenvalues 1 and 1 - |u|^2, two products.
#
# Let D = diag(p + lambda). (D - p p')^-1 g = D^-1 g + D^-1 p (p'D^-1 g) / (1 - p'D^-1 p). As p
# / (p + lambda) = 1 - lambda / (p + lambda), the denominator is lambda times the sum of p / (p
# + lambda), and the numerator is the sum of g, which is 0, less lambda times the sum of g / (p
# + lambda). lambda is cancelled on paper; what is left sums to 0 for lambda = 0, as F^+ g does.

def products(p):
    times = np.unique(np.asarray(p).round(12), return_counts=True)[1]
    return np.sum(times > 1) + len(times) - 1


count = products(p_table)
with_p = 1
with_damping = 2


def solve(p, g, lam):
    part = p / (p + lam)
    return (g - p * np.sum(g / (p + lam)) / np.sum(part)) / (p + lam)
""",
    checks=(
        Function("products", 2, tables),
        Value("count", 1),
        Value("with_p", 1),
        Value("with_damping", 1),
        Function("solve", 2, systems, title="solve, damped", hidden=False),
        Function("solve", 1, undamped, title="solve, hardly damped", rtol=1e-5),
    ),
    mistakes=(
        Mistake(
            "This counts the distinct probabilities, and these are the eigenvalues of diag(p): "
            "the term p p' moves some of them, and only some.",
            """
def products(p):
    return len(np.unique(p))

count = products(p_table)
""",
        ),
        Mistake(
            "This is the rank of F: a bound, which is attained if no probability occurs twice.",
            """
def products(p):
    return len(p) - 1

count = products(p_table)
""",
        ),
        Mistake(
            "A probability that occurs once is no eigenvalue of F: which vector would it have?",
            """
def products(p):
    return 2 * len(np.unique(p)) - 1

count = products(p_table)
""",
        ),
        Mistake(
            "This divides by the diagonal p + lam: the term of rank one is left out.",
            """
def solve(p, g, lam):
    return g / (p + lam)
""",
        ),
        Mistake(
            "The sign of the correction is turned round: with - p p' in the matrix there is a plus "
            "in the formula, over 1 - p'D^-1 p.",
            """
def solve(p, g, lam):
    return (g + p * np.sum(g / (p + lam)) / np.sum(p / (p + lam))) / (p + lam)
""",
        ),
    ),
    variant=variant,
    rubric=(
        (3, "the eigenvalues: those of repeated values, the equation for the others, and zero"),
        (2, "both preconditioned counts, with the eigenvalues they come from"),
        (1, "the formula for solve, and where the sum of g is used"),
    ),
)
