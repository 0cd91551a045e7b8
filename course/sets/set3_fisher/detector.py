"""A test that tells which rules for a step see the coordinates; it is tested by rules that do."""

from typing import Any

import numpy as np

from course.checks import Function
from course.child import Code
from course.problem import Mistake, Numbers, Problem
from npgkit.lab.exercises.check import Verdict

NATURAL = "x = np.linalg.solve(F, g); return np.sqrt(0.02 / (g @ x)) * x"
PLAIN = "return 0.1 * g"
SCALED = "return np.sqrt(0.02 / (g @ F @ g)) * g"
RULES = {
    "turned": (
        NATURAL,
        PLAIN,
        "return 0.1 * g / np.linalg.norm(g)",
        SCALED,
        "w, U = np.linalg.eigh(F); return U @ ((U.T @ g) / np.sqrt(w))",
    ),
    "units": (
        NATURAL,
        PLAIN,
        SCALED,
        "return 0.1 * g / np.diag(F)",
        "return np.linalg.solve(F + 0.1 * np.diag(np.diag(F)), g)",
    ),
    "length": (
        "return 0.3 * np.linalg.inv(F) @ g",
        PLAIN,
        "x = np.linalg.solve(F, g); return 0.1 * x / np.linalg.norm(x)",
        "x = np.linalg.solve(F, g); return 0.05 * x / np.max(np.abs(x))",
    ),
    "damped": (
        "return np.linalg.pinv(F) @ g",
        PLAIN,
        "return np.linalg.solve(F + 0.01 * np.eye(len(g)), g)",
    ),
}


def rules(kind: str) -> Any:
    """Return what draws the rules of a kind: functions of a gradient and a Fisher matrix."""

    def draw(numbers: Numbers, rng: np.random.Generator) -> list[tuple[Code]]:
        return [(Code(f"def rule(g, F):\n    {body}\n", "rule"),) for body in RULES[kind]]

    return draw


def truth(answer: Any, right: Any, *, name: str, rtol: float, atol: float) -> Verdict:
    """Compare yes with yes and no with no."""
    if answer is None:
        return Verdict(False, f"{name}: not answered yet.", answered=False)
    if np.ndim(answer) != 0 or answer not in (0, 1):
        return Verdict(False, f"{name} should be True or False.")
    if bool(answer) == bool(right):
        return Verdict(True, f"{name} is right.")
    said = "sees the coordinates, and it does not" if answer else "does not see them, and it does"
    return Verdict(False, f"{name}: your test says that the rule {said}.")


def tester(change: str, same: str) -> str:
    """Return a student's test, of a change of coordinates and a comparison."""
    return f"""
def sees_names(rule):
    rng = np.random.default_rng(0)
    for _ in range(5):
        A, g = rng.normal(size=(3, 4)), rng.normal(size=3)
        F = A @ A.T / 4 + np.eye(3)
        {change}
        here, there = rule(g, F), B @ rule(B.T @ g, B.T @ F @ B)
        if not ({same}):
            return True
    return False
"""


CLOSE = "np.allclose(here, there, rtol=1e-6, atol=1e-9)"
ANY = "B = rng.normal(size=(3, 3)) + 2 * np.eye(3)"

WORDS = """
# Text. alpha g: read in theta it is alpha B B' g; survives turning, B B' = I. Of a given
# length: turning; a common unit c makes it c times as long. Of a given quadratic divergence:
# turning and a common unit, as the direction stays and the divergence has no names. By the
# diagonal of F: a unit for each axis, as F_kk gets b_k^2, g_k gets b_k, and the step is read by
# another b_k; not turning. The natural step: all. Natural, of Euclidean length: turning. (F +
# lambda I)^-1 g: turning, for it reads (F + lambda (B B')^-1)^-1 g. A common unit is not among
# its changes: lambda would have to change with it. A test that finds nothing has tried some B;
# one counterexample is a proof.
"""

PROBLEM = Problem(
    title="Which steps see the names?",
    minutes=30,
    outcomes=("write a test of invariance that the wrong rules fail and the right ones pass",),
    statement=r"""
A rule for a step is a function `rule(g, F)` of a gradient and a positive definite Fisher matrix,
which returns the step $\Delta$. In other coordinates, $\theta = B\phi$, the same policy has
another gradient and another matrix, and the rule returns another step. A rule *sees the names* if
for some $g$, $F$ and invertible $B$ the two steps are not the same when they are read in the same
coordinates.

1. Write `sees_names(rule)`, which returns `True` if the rule sees them and `False` if not. The
   rule takes any number of parameters.
2. In the text cell: sort these rules by the changes of coordinates that each survives (turning
   the axes, a common unit, a unit for each axis, any), and give a reason or a counterexample for
   each: the plain step $\alpha g$; the plain step of a given length; the plain step of a given
   quadratic divergence; $g$ divided by the diagonal of $F$; the natural step of a given
   divergence; the natural direction, of a given Euclidean length; $(F + \lambda I)^{-1} g$.

Your test is tried on rules like these. Two to begin with are in the answer cell; think of those
that nearly pass.
""",
    starter='''
def plain(g, F):
    return 0.1 * g


def natural(g, F):
    x = np.linalg.solve(F, g)
    return np.sqrt(2 * 0.01 / (g @ x)) * x


def sees_names(rule):
    """Return whether the rule's step is another one in other coordinates."""
    return ...
''',
    solution=WORDS + tester(ANY, CLOSE),
    checks=(
        Function("sees_names", 2, rules("turned"), "rules that turning spares", compare=truth),
        Function("sees_names", 2, rules("units"), "rules that units spare", compare=truth),
        Function("sees_names", 1, rules("length"), "a right way of wrong length", compare=truth),
        Function("sees_names", 1, rules("damped"), "a little damping", compare=truth),
    ),
    mistakes=(
        Mistake(
            "Your change of coordinates turns the axes, or leaves them: that the plain step "
            "survives, too.",
            tester("B = np.linalg.qr(rng.normal(size=(3, 3)))[0]", CLOSE),
        ),
        Mistake(
            "Your change of coordinates has one unit for all axes. There are rules that survive "
            "this, and no unit for each axis.",
            tester("B = 2.0 * np.eye(3)", CLOSE),
        ),
        Mistake(
            "Your change of coordinates is diagonal, a unit for each axis. There are rules that "
            "survive this, and no shear.",
            tester("B = np.diag([2.0, 0.5, 3.0])", CLOSE),
        ),
        Mistake(
            "Your test looks at the direction alone: a step has a length, too.",
            tester(
                ANY,
                "here @ there > (1 - 1e-9) * np.linalg.norm(here) * np.linalg.norm(there)",
            ),
        ),
        Mistake(
            "Your test takes rounding for a difference: two ways to one number agree in about "
            "twelve digits, and not in all.",
            tester(ANY, "np.all(here == there)"),
        ),
        Mistake(
            "Your test lets differences of some per cent pass: they are no rounding.",
            tester(ANY, "np.allclose(here, there, rtol=0.1, atol=0.05)"),
        ),
    ),
    rubric=(
        (3, "the table of rules and changes, with a reason or a counterexample for each"),
        (1, "what it is worth that a rule passes the test, and what that it fails"),
    ),
)
