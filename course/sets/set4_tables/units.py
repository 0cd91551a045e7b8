"""Fisher products and the diagonal without the matrix; what rescaling by the diagonal mends."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column

ROWS = ([0.2, 0.3, 0.5], [0.5, 0.2, 0.3], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1], [0.3, 0.5, 0.2])


def variant(rng: random.Random) -> Numbers:
    """Draw six states with three features in odd units, a policy and rewards."""
    features = np.column_stack(
        [column(rng, 50, 150, 6, digits=0), column(rng, -1, 1, 6), column(rng, -0.1, 0.1, 6, 3)]
    )
    return {
        "X_own": features,
        "pi_rows": np.array([rng.choice(ROWS) for _ in range(6)]),
        "pay_own": np.array([column(rng, -1, 1, 3, digits=1) for _ in range(6)]),
    }


def policy(
    rng: np.random.Generator, rows: int, features: int, actions: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw features, probabilities and weights."""
    return (
        rng.normal(size=(rows, features)).round(2),
        rng.dirichlet(np.full(actions, 2.0), rows),
        rng.dirichlet(np.full(rows, 2.0)),
    )


Calls = list[tuple[np.ndarray, ...]]


def small(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw policies of a few parameters, and vectors."""
    return [
        (*policy(rng, *shape), rng.normal(size=shape[1:]).round(2))
        for shape in ((3, 2, 3), (5, 4, 2), (7, 3, 5))
    ]


def large(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw a policy whose Fisher matrix would fill three gigabytes."""
    return [(*policy(rng, 40, 400, 50), rng.normal(size=(400, 50)).round(2))]


def without_vector(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw policies."""
    return [call[:3] for call in small(numbers, rng)]


CG = """
def cg(times, g, k, scale=1.0):
    x, r = np.zeros_like(g), g
    z = scale * r
    p = z
    for _ in range(k):
        Fp = times(p)
        alpha = np.sum(r * z) / np.sum(p * Fp)
        x, old, r = x + alpha * p, np.sum(r * z), r - alpha * Fp
        z = scale * r
        p = z + np.sum(r * z) / old * p
    return x
"""

SHARES = """

def matrix(X, pi, w):
    units = np.eye(X.shape[1] * pi.shape[1]).reshape(-1, X.shape[1], pi.shape[1])
    return np.array([product(X, pi, w, v).ravel() for v in units])


w_own = np.full(6, 1 / 6)
adv_rows = pay_own - np.sum(pi_rows * pay_own, axis=1, keepdims=True)
slope_own = X_own.T @ (w_own[:, None] * pi_rows * adv_rows)
size_own = np.sqrt(np.diag(matrix(X_own, pi_rows, w_own)))
scaled = np.linalg.pinv(matrix(X_own, pi_rows, w_own) / np.outer(size_own, size_own), rcond=1e-9)
best = (slope_own.ravel() / size_own) @ scaled @ (slope_own.ravel() / size_own)


def share(scale):
    x = cg(lambda v: product(X_own, pi_rows, w_own, v), slope_own, 2, scale)
    return np.sqrt(np.sum(slope_own * x) / best)

"""

PRODUCT = """
def product(X, pi, w, V):
    U = X @ V
    return X.T @ (w[:, None] * pi * (U - np.sum(pi * U, axis=1, keepdims=True)))


def diagonal(X, pi, w):
    return (X**2).T @ (w[:, None] * pi * (1 - pi))
"""

WORDS = """
# Text. In other units the first share is another number, of anything between bad and good; the
# second stays to rounding, and so does its step of the policy: with x = B z and B diagonal, the
# diagonal of F gets the square of each unit, g and the step one factor each, and the iterates
# are the same change of the policy. After a rotation of features in units of their size it is
# the other way round: the first share stays, as plain conjugate gradients do not see a
# rotation, and the second changes, by little or by some per cent, up or down. The diagonal
# cures the names that units give, and those alone.
"""

PROBLEM = Problem(
    title="Products, a diagonal, and somebody's units",
    minutes=35,
    outcomes=(
        "write Fisher products and the Fisher diagonal of a linear policy without the matrix",
        "say what rescaling by the diagonal mends, and what not",
    ),
    statement=r"""
A policy is a softmax that is linear in features: in row $i$ of a batch with the features $x_i$,
the logits are $x_i^\top W$, with $W$ of shape (features, actions). The rows have the weights
$w_i$, and `pi` has a row of probabilities for each.

1. Write `product(X, pi, w, V)`, which returns $F v$ for a $V$ of the shape of $W$, in that shape.
   It is asked for 400 features and 50 actions, too: $F$ would have 400 million entries.
2. Write `diagonal(X, pi, w)`: the diagonal of $F$, in the shape of $W$, without $F$.
3. In `X_own` the features are a weight in kilograms, a share, and a length in kilometres. Let the
   rewards be `pay_own`, so that $g = \sum_i w_i\, x_i\, \big(\pi_i \circ (r_i - \pi_i \cdot
   r_i)\big)^\top$ with $w_i = 1/6$. In the answer cell stands `cg`, with a diagonal
   preconditioner. After two products, which share $\sqrt{g \cdot x_2 / g \cdot F^{+} g}$ of the
   natural step's gain do you have? Set `shares` to the two numbers, without a preconditioner and
   with `scale` = 1 / `diagonal`. ($F$ is small here; build it, but think of its units before you
   trust a pseudo-inverse.)
4. In the text cell: write the features in other units, and compute both shares again, and both
   steps. What do you find, and why? Then mix the features by a rotation (of the three columns,
   once they are in units of their size). Does the second share stay? What is the diagonal worth
   as a cure for names?
""",
    starter='''
def product(X, pi, w, V):
    """Return F v (features, actions), for X (N, features), pi (N, actions), w (N,)."""
    return ...


def diagonal(X, pi, w):
    """Return the diagonal of F, in the shape (features, actions)."""
    return ...

'''
    + CG
    + """

shares = ...
""",
    solution=WORDS
    + PRODUCT
    + "\n"
    + CG
    + SHARES
    + """
shares = [share(1.0), share(1 / diagonal(X_own, pi_rows, w_own))]
""",
    checks=(
        Function("product", 2, small, title="product", hidden=False),
        Function("product", 1, large, title="product, 20,000 parameters"),
        Function("diagonal", 2, without_vector, hidden=False),
        Value("shares", 2, rtol=2e-3),
    ),
    mistakes=(
        Mistake(
            "The mean under the policy is not taken off: the middle matrix is diag(pi) - pi pi'.",
            """
def product(X, pi, w, V):
    return X.T @ (w[:, None] * pi * (X @ V))

def diagonal(X, pi, w):
    return (X**2).T @ (w[:, None] * pi)
""",
        ),
        Mistake(
            "The weights of the rows are missing: each row counts the same here.",
            """
def product(X, pi, w, V):
    U = X @ V
    return X.T @ (pi * (U - np.sum(pi * U, axis=1, keepdims=True))) / len(X)

def diagonal(X, pi, w):
    return (X**2).T @ (pi * (1 - pi)) / len(X)
""",
        ),
        Mistake(
            "The preconditioner is used upside down: divide by the diagonal.",
            PRODUCT
            + CG
            + SHARES
            + """
shares = [share(1.0), share(diagonal(X_own, pi_rows, w_own))]
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "what other units do to both shares and both steps, with a reason"),
        (2, "what a rotation does, and what the diagonal is worth"),
    ),
)
