"""What a solver and a whole step with certain faults would answer; see `model`."""

from __future__ import annotations

import numpy as np

from .case import LinearSystem
from .faults import Hypothesis
from .model import Model

ZERO_DIVIDED = "division by zero at a zero gradient"
ROOT = "square root of a curvature that is not positive"


def solve(h: Hypothesis, system: LinearSystem) -> np.ndarray:
    """Return what CG leaves after the iterations of a linear system."""
    A, b = system.A, system.b
    if ZERO_DIVIDED in h and not b.any():
        return np.full_like(b, np.nan)
    if "CG on the un-negated system" in h:
        b = -b
    if "exact solve" in h:
        return np.linalg.pinv(A, rcond=1e-12, hermitian=True) @ b
    return cg(A, b, system.iterations, h)


def cg(A: np.ndarray, b: np.ndarray, iterations: int, h: Hypothesis) -> np.ndarray:
    """Return the last iterate of CG from 0; it stops where nothing is left, or no curvature."""
    kind = h.get("CG stalls")
    tolerance, at_once = h.get("absolute tolerance", (0.0, False))
    x, r, p = np.zeros_like(b), b.copy(), b.copy()
    rr, first = float(r @ r), float(b @ b)
    for _ in range(0 if at_once and rr < tolerance else iterations):
        Ap = A @ p
        curvature = float(p @ Ap)
        if rr <= 1e-28 * first or curvature <= 0 or not np.isfinite(curvature):
            break
        x = x + rr / curvature * p
        if kind == "residual kept":
            continue
        r = r - rr / curvature * Ap
        last, rr = rr, float(r @ r)
        beta = rr / last
        if kind == "no beta":
            beta = 0.0
        elif kind == "beta of 1":
            beta = 1.0
        elif kind == "beta upside down":
            beta = last / rr if rr else 0.0
        if kind != "direction kept":
            p = r + beta * p
        if rr < tolerance:
            break
    return x


def step(h: Hypothesis, model: Model) -> np.ndarray:
    """Return theta after a trust-region step."""
    case = model.case
    theta, damping = case.theta, case.damping
    raw = {k: v for k, v in h.items() if k not in ("advantages normalised", "wrong sign")}
    used = h.get("normalised advantages not used")
    of_gradient = raw if used == "gradient raw" else raw | _normalised(h, used)
    of_search = raw if used == "surrogate raw" else raw | _normalised(h, used)
    g = model.gradient(of_gradient)
    if "wrong sign" in h or "CG on the un-negated system" in h:
        g = -g
    if not np.abs(g).max() > 1e-14 * np.abs(case.adv).max(initial=1e-300):
        lost = (
            "division by zero at a zero gradient",
            "square root of a curvature that is not positive",
        )
        return np.full_like(theta, np.nan) if any(name in h for name in lost) else theta
    F = model.fisher(of_gradient)
    A = F + damping * np.eye(len(F))
    has_cg_fault = any(name in h for name in ("CG stalls", "absolute tolerance"))
    x = cg(A, g, case.cg_iterations, h if has_cg_fault else {})
    with_itself = h.get("KL of the policy with itself", "stays")
    is_damped = "damped alpha" in h or with_itself != "stays"
    curvature = float(x @ (A if is_damped else F) @ x)
    if not curvature > 1e-12 * np.abs(F).max() * float(x @ x):
        return np.full_like(theta, np.nan) if ROOT in h else theta
    alpha = np.sqrt(2 * case.epsilon * h.get("half or twice the radius", 1.0) / curvature)
    return _search(h, model, of_search, float(alpha) * x)


def _search(h: Hypothesis, model: Model, of_search: Hypothesis, full: np.ndarray) -> np.ndarray:
    case = model.case
    limit = case.epsilon * (1.5 if "KL allowed 1.5 epsilon" in h else 1.0)
    of_kl = dict(h)
    if h.get("KL of the policy with itself") == "true KL in the search":
        del of_kl["KL of the policy with itself"]
    is_blind = "ratio to the new policy" in h or "surrogate ignores its argument" in h
    thrown_away = h.get("line search thrown away")
    if thrown_away == "always":
        return case.theta + full
    sign = -1.0 if h.get("wrong sign") == "objective" else 1.0
    start = model.surrogate(of_search, case.theta)
    for j in range(case.max_backtracks + 1):
        trial = case.theta + case.backtrack**j * full
        with np.errstate(over="ignore", invalid="ignore"):
            gain = sign * (model.surrogate(of_search, trial) - start)
            kl = model.kl(of_kl, trial)
        gains = gain > 0 and not is_blind
        if (gains or "surrogate never looked at" in h) and (
            kl <= limit or "KL never looked at" in h
        ):
            return case.theta + full if thrown_away else trial
    if "parameters not restored" in h:
        return (
            case.theta
            + case.backtrack ** (case.max_backtracks - h["parameters not restored"]) * full
        )
    return case.theta


def _normalised(h: Hypothesis, used: str | None) -> Hypothesis:
    """Return how the advantages are normalised, by a convention or in one place by a fault."""
    ddof = h.get("advantages normalised", 0 if used else None)
    return {} if ddof is None else {"advantages normalised": ddof}
