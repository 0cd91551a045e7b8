"""Logits over a temperature that is learnt as well: one parameter too many, and what it does."""

import random
from typing import Any

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column
from npgkit.lab.exercises.check import Verdict

Calls = list[tuple[np.ndarray, float, np.ndarray]]


def variant(rng: random.Random) -> Numbers:
    """Draw preferences, a temperature and rewards of three arms."""
    return {
        "h0": column(rng, -1.5, 1.5, 3, digits=1),
        "tau0": rng.choice([0.4, 0.5, 0.7, 1.6, 2.5]),
        "pay": column(rng, -1, 3, 3, digits=1),
    }


def places(numbers: Numbers, rng: np.random.Generator) -> Calls:
    """Draw preferences, temperatures and rewards of a few arms."""
    return [
        (rng.normal(size=n).round(2), tau, rng.normal(0, 2, n).round(2))
        for n, tau in ((3, 0.5), (2, 2.0), (6, 1.3))
    ]


def two(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Draw preferences and temperatures."""
    return [(h, tau) for h, tau, _ in places(numbers, rng)]


def same_span(answer: Any, right: Any, *, name: str, rtol: float, atol: float) -> Verdict:
    """Compare two matrices' columns by what they span."""
    if answer is None:
        return Verdict(False, f"{name}: not answered yet.", answered=False)
    given, wanted = np.asarray(answer, float), np.asarray(right, float)
    if given.shape != wanted.shape:
        return Verdict(False, f"{name} has the shape {given.shape}, not {wanted.shape}.")
    if not np.all(np.isfinite(given)):
        return Verdict(False, f"{name} has entries that are no finite numbers.")
    sizes = np.linalg.norm(given, axis=0)
    if np.any(sizes == 0) or np.linalg.cond(given / sizes) > 1e8:
        return Verdict(False, f"{name}: the columns are not independent.")
    Q = np.linalg.qr(wanted)[0]
    outside = np.linalg.norm(given - Q @ (Q.T @ given), axis=0) / sizes
    if np.max(outside) > 1e-6:
        worst = int(np.argmax(outside))
        said = f"{name}: along column {worst} the policy changes to first order."
        return Verdict(False, said)
    return Verdict(True, f"{name} is right.")


PROBLEM = Problem(
    title="A temperature that is learnt as well",
    minutes=40,
    outcomes=(
        "find the null space of a Fisher matrix by what does not change the policy",
        "say what of a natural step is the policy's, and what is the least norm's",
    ),
    statement=r"""
A policy over $n$ arms is the softmax of the logits $\theta_a = h_a/\tau$, and it learns its
preferences $h$ and its temperature $\tau > 0$: the parameters are $(h_1, \dots, h_n, \tau)$, in
this order. Arm $a$ pays $r_a$, and $J = \sum_a \pi_a r_a$.

1. On paper: write the Jacobian of the logits, and the Fisher matrix $F$ by it. Show that $F$ has
   rank $n - 1$ at every such point (with $n \ge 2$), and name two independent directions that
   cost nothing. One of them changes no policy however far one goes; does the other?
2. Write `costless(h, tau)`: a matrix of shape $(n+1, 2)$ whose columns span the null space of
   $F$.
3. Write `least(h, tau, reward)`: the natural direction $F^{+} \nabla J$, of least norm.
4. Set `moved` to the change of the logits to first order, $\sum_k (\partial\theta/\partial x_k)\,
   (F^{+} \nabla J)_k$, less its mean over the arms, at `h0`, `tau0` with the rewards `pay` =
   `<<pay>>`.
5. In the text cell: compare `moved` with the advantages $r_a - J$ and explain what you find. Then
   measure temperatures in another unit, $\tau = 100\, \tau'$ with the parameters $(h, \tau')$:
   what of the step of least norm changes, and what does not? Compare the two policies after a
   natural step of radius $\epsilon$ (`0.1`, `0.01`, `0.001`, ...), and say with which power of
   $\epsilon$ they part.
""",
    starter='''
def costless(h, tau):
    """Return (n + 1, 2): columns that span the null space of F."""
    return ...


def least(h, tau, reward):
    """Return F^+ grad J (n + 1,), in the order h, tau."""
    return ...


moved = ...
''',
    solution="""
# On paper. The Jacobian of the logits, n x (n + 1), is J = (I / tau, -h / tau^2), and F = J'
# (diag(pi) - pi pi') J. J has rank n by its first n columns, and diag(pi) - pi pi' has the null
# space of the constants, so F x = 0 exactly if J x is a constant vector: a space of dimension
# (n + 1 - n) + 1 = 2, and the rank is n - 1. It is spanned by (1, ..., 1, 0) and by (h, tau),
# for which J x = h / tau - h / tau = 0. Neither changes the policy however far one goes: the
# logits become h / tau + c / tau, and (1 + t) h / ((1 + t) tau) as long as 1 + t > 0.
#
# Text. moved is r less its mean over the arms, which is r - J up to a constant. F x = g says
# (diag(pi) - pi pi') (J x) = pi (r - J), that is J x = r - J + c: the change of the policy is
# that of a table, as J reaches every logit. How it is divided between h and tau is a matter of
# the least norm, and depends on units: with tau' the parameters' step is another one, in the
# policy the same to first order. Measured, the two policies part in proportion to eps, while
# the steps shrink as its root.

def jacobian(h, tau):
    return np.column_stack([np.eye(len(h)) / tau, -h / tau**2])


def costless(h, tau):
    # equal preferences for all; and h and tau stretched together
    return np.column_stack([np.append(np.ones(len(h)), 0), np.append(h, tau)])


def least(h, tau, reward):
    weight = np.exp((h - np.max(h)) / tau)
    pi = weight / weight.sum()
    J = jacobian(h, tau)
    F = J.T @ (np.diag(pi) - np.outer(pi, pi)) @ J
    g = J.T @ (pi * (reward - pi @ reward))
    return np.linalg.pinv(F, rcond=1e-10, hermitian=True) @ g


moved = jacobian(h0, tau0) @ least(h0, tau0, pay)
moved = moved - moved.mean()
""",
    checks=(
        Function("costless", 2, two, compare=same_span),
        Function("least", 3, places, hidden=False, rtol=1e-5, atol=1e-7),
        Value("moved", 1, rtol=1e-4),
    ),
    mistakes=(
        Mistake(
            "The column of the temperature in the Jacobian is -h / tau^2: a factor 1/tau or the "
            "sign is missing.",
            """
def least(h, tau, reward):
    weight = np.exp((h - np.max(h)) / tau)
    pi = weight / weight.sum()
    J = np.column_stack([np.eye(len(h)) / tau, h / tau**2])
    F = J.T @ (np.diag(pi) - np.outer(pi, pi)) @ J
    g = J.T @ (pi * (reward - pi @ reward))
    return np.linalg.pinv(F, rcond=1e-10, hermitian=True) @ g
""",
        ),
        Mistake(
            "Nothing moves the temperature here, and the others are those of a fixed one: F has a "
            "column for tau, too.",
            """
def least(h, tau, reward):
    weight = np.exp((h - np.max(h)) / tau)
    pi = weight / weight.sum()
    A = reward - pi @ reward
    return np.append(tau * (A - A.mean()), 0.0)
""",
        ),
        Mistake(
            "This is the plain gradient: F has not been divided out.",
            """
def least(h, tau, reward):
    weight = np.exp((h - np.max(h)) / tau)
    pi = weight / weight.sum()
    slope = pi * (reward - pi @ reward)
    return np.append(slope / tau, -slope @ h / tau**2)

moved = least(h0, tau0, pay)
moved = moved[:-1] / tau0 - h0 * moved[-1] / tau0**2
moved = moved - moved.mean()
""",
        ),
        Mistake(
            "These are the advantages: the mean over the arms, each counted once, is to be taken "
            "off.",
            """
w = np.exp((h0 - np.max(h0)) / tau0)
moved = pay - w @ pay / w.sum()
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the Jacobian, F by it, its rank with a reason, and both directions"),
        (1, "for each direction, whether the policy stays as it is however far one goes"),
        (2, "what moved has to do with the advantages, with the equation behind it"),
        (2, "what changes with the unit and what does not; the power of epsilon, measured"),
    ),
)
