"""The surrogate under a KL bound where each state has its own probabilities: a closed form.

Maximise sum_s W(s) sum_a pi'(a|s) G(s,a) subject to sum_s W(s) KL(s) <= epsilon. The problem is
convex in pi', and with tau the multiplier of the constraint the maximiser is

    new||old    pi'(a|s) = pi(a|s) exp(G(s,a) / tau) / Z(s),
    old||new    pi'(a|s) = pi(a|s) tau / (nu(s) - G(s,a)),    nu(s) > max_a G(s,a),

where Z and nu make the probabilities of each state sum to 1. What is left is one root in tau. The
KL grows as tau falls: without end for old||new; for new||old towards that of the policy which
keeps only the actions of largest G, so that beyond it no tau is left (chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .distributions import Categorical
from .floating import quiet
from .kl_problem import FARTHEST, Outcome

LARGEST = 1e300  # where the tilt of old||new, whose KL has no ceiling, would overflow


@dataclass(frozen=True, eq=False)
class Reweighted:
    """The new policy as log pi' - log pi (S, A), the multiplier tau, and how the search ended."""

    log_ratio: np.ndarray
    multiplier: float
    status: Outcome


@quiet
def reweight(
    logits: np.ndarray, G: np.ndarray, weights: np.ndarray, epsilon: float, kl_direction: str
) -> Reweighted:
    """Return the maximiser for the states with these logits (S, A), values G and weights (S,) > 0.

    The KL is epsilon to thirteen digits where it can be. G must be finite and, in some state, not
    constant.
    """
    policies = Categorical(logits.shape[1])
    log_pi = policies.log_probabilities(logits)
    pi = np.exp(log_pi)
    G = G - G.max(axis=1, keepdims=True)
    unit = np.abs(G).max()
    G = G / unit  # so that no square overflows
    centred = G - np.sum(pi * G, axis=1, keepdims=True)
    spread = float(np.sqrt(weights @ np.sum(pi * centred**2, axis=1)))
    new_old = kl_direction == "new||old"
    tilt, farthest = (_exponential, FARTHEST) if new_old else (_reciprocal, LARGEST)

    def log_ratio(beta: float) -> np.ndarray:
        return tilt(log_pi, G, beta)

    def log_excess(beta: float) -> float:
        new = log_pi + log_ratio(beta)
        kl = policies.kl(new, log_pi) if new_old else policies.kl(log_pi, new)
        return float(np.log(weights @ kl / epsilon))

    beta = _rising_root(log_excess, np.sqrt(2 * epsilon) / spread, farthest / spread)
    if beta is None:
        ended = Outcome.UNATTAINED if new_old else Outcome.NOT_SOLVED
        return Reweighted(np.zeros_like(G), 0.0, ended)
    return Reweighted(log_ratio(beta), float(unit / beta), Outcome.SOLVED)


def _exponential(log_pi: np.ndarray, G: np.ndarray, beta: float) -> np.ndarray:
    """Return beta G - log Z, where max G = 0 in each row."""
    x = beta * G
    return x - np.log(np.sum(np.exp(log_pi + x), axis=1, keepdims=True))


def _reciprocal(log_pi: np.ndarray, G: np.ndarray, beta: float) -> np.ndarray:
    """Return -log(t - beta G), with t = beta nu such that the new probabilities sum to 1.

    t - beta G is 1 in the mean of the new policy, and at least t: so P(G = 0) <= t <= 1. The
    harmonic mean of t - beta G is concave and rising in t; Newton's method for where it is 1 climbs
    from the left and cannot overshoot.
    """
    pi, gap = np.exp(log_pi), -beta * G
    t = np.sum(pi * (gap == 0), axis=1, keepdims=True)
    for _ in range(100):
        share = pi / (t + gap)
        total = share.sum(axis=1, keepdims=True)
        step = total * (total - 1) / np.sum(share / (t + gap), axis=1, keepdims=True)
        t = t + step
        if np.all(np.abs(step) <= 4 * np.finfo(float).eps * t):
            break
    return -np.log(t + gap)


def _rising_root(f: Callable[[float], float], guess: float, farthest: float) -> float | None:
    """Return x > 0 with f(x) = 0 for a rising f, or None if f is negative up to `farthest`.

    Secants in log x between two points of opposite sign, the value at an end that stays twice
    being halved (the Illinois rule).
    """
    low = high = guess
    while not f(high) >= 0:
        if high > farthest:
            return None
        low, high = high, 2 * high
    while f(low) > 0:
        low, high = low / 2, low
    a, b = np.log(low), np.log(high)
    fa, fb = max(f(low), -1e3), f(high)
    for _ in range(200):
        if fa == 0 or abs(b - a) <= 4 * np.finfo(float).eps * max(abs(a), abs(b)):
            break
        c = b - fb * (b - a) / (fb - fa) if np.isfinite(fb) else 0.5 * (a + b)
        c = c if min(a, b) < c < max(a, b) else 0.5 * (a + b)
        fc = f(float(np.exp(c)))
        if abs(fc) <= 1e-14:
            return float(np.exp(c))
        if (fc < 0) == (fb < 0):
            b, fb, fa = c, fc, 0.5 * fa
        else:
            a, fa, b, fb = b, fb, c, fc
    return float(np.exp(b))
