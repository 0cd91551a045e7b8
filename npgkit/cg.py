"""Conjugate gradients: solve A x = b for a symmetric positive semidefinite A, by products alone.

Layer 1. Minimising q(x) = x'Ax/2 - b'x along directions p_0, p_1, ... with p_i' A p_j = 0 needs one
product with A an iteration (Hestenes and Stiefel, 1952):

    alpha = r'z / p'Ap,   x += alpha p,   r -= alpha Ap,
    z = M r,              beta = r'z / (last r'z),   p = z + beta p.

The loop is guarded where the textbook's is not: what cannot be solved ends with a status that says
why, at the best iterate met; x is never NaN, and `converged` is only said of a residual
that was computed afresh from b - A x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .validation import as_count, as_floats, as_scalar

CONVERGED = "converged"
STOPPED = "max_iter reached"
NEGATIVE_CURVATURE = "negative curvature: A is not positive semidefinite"
ZERO_CURVATURE = "zero curvature: A is singular and b is not in its range"
NOT_SYMMETRIC = "A is not symmetric"
NOT_FINITE = "not finite: a product with A or M overflowed or gave NaN"
BAD_PRECONDITIONER = "M is not positive definite"
STAGNATED = "stagnated: rounding keeps the residual above the tolerance"

Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class CGResult:
    """What `conjugate_gradient` found, and why it stopped.

    Attributes
    ----------
    x : array (n,)
        The last iterate; after a fault, the one of least residual.
    status : str
        "converged", or the reason in words.
    converged : bool
        Whether norm(b - A x) <= max(rtol norm(b), atol).
    iterations : int
        Iterations that led to x; one product with A each.
    residuals : array (iterations + 1,)
        norm(b - A x) before the first and after each iteration.
    xAx : float
        x'Ax, from x'(b - r) and so without another product.
    """

    x: np.ndarray
    status: str
    converged: bool
    iterations: int
    residuals: np.ndarray
    xAx: float


def conjugate_gradient(
    A: Any,
    b: np.ndarray,
    *,
    x0: np.ndarray | None = None,
    rtol: float = 1e-10,
    atol: float = 0.0,
    max_iter: int | None = None,
    M: Any = None,
    callback: Callable[[np.ndarray], object] | None = None,
) -> CGResult:
    """Solve A x = b by conjugate gradients.

    On a singular A with b in its range, started at 0, x is the solution of least norm.

    Parameters
    ----------
    A : array (n, n), or anything with `.matvec` or `@`
        Symmetric positive semidefinite.
    b : array (n,)
        The right-hand side; float32 keeps the arithmetic in float32.
    x0 : array (n,), optional
        Where to start; 0 when left out. Neither it nor b is changed.
    rtol, atol : float
        Stop once norm(b - A x) <= max(rtol norm(b), atol).
    max_iter : int, optional
        At most this many iterations; 10 n when left out.
    M : array (n, n), or anything with `.matvec` or `@`, optional
        A symmetric positive definite approximation of the *inverse* of A.
    callback : function, optional
        Called with a copy of x after each iteration.

    Returns
    -------
    CGResult

    Raises
    ------
    ValueError
        On shapes that do not fit, entries that are not finite, negative tolerances or max_iter.

    Notes
    -----
    Implements: eq. (eq-cg), chapter 6. Source: Hestenes and Stiefel (1952); Shewchuk (1994).
    """
    b = as_floats("b", b, ("n",))
    A_times, M_times = _product("A", A, len(b)), _product("M", M, len(b))
    x = np.zeros_like(b) if x0 is None else as_floats("x0", x0, b.shape).astype(b.dtype)
    rtol, atol = as_scalar("rtol", rtol, at_least=0.0), as_scalar("atol", atol, at_least=0.0)
    limit = 10 * len(b) if max_iter is None else as_count("max_iter", max_iter, at_least=0)

    unit = _power_of_two(b)  # so that norms neither overflow nor vanish; exact in floating point
    b, x = b / unit, x / unit
    tolerance = max(rtol * _norm(b), atol / unit)
    tell = None if callback is None else lambda iterate: callback(iterate * unit)
    with np.errstate(over="ignore", invalid="ignore"):
        r = b - A_times(x) if x.any() else b
        if not np.isfinite(_norm(r)):
            x, r, residuals, status = np.zeros_like(b), b, [_norm(b)], NOT_FINITE
        else:
            residuals, status = [_norm(r)], CONVERGED if _norm(r) <= tolerance else ""
        while not status:
            start = residuals[-1]
            x, r, status = _descend(A_times, x, r, residuals, tolerance, limit, M_times, tell)
            if not status:  # r was updated, not computed: ask for the true residual
                r = b - A_times(x)
                residuals[-1] = _norm(r)
                if residuals[-1] <= tolerance:
                    status = CONVERGED
                elif not residuals[-1] < 0.5 * start:
                    status = STAGNATED
        return CGResult(
            x=x * unit,
            status=status,
            converged=status == CONVERGED,
            iterations=len(residuals) - 1,
            residuals=np.array(residuals) * unit,
            xAx=float(x @ (b - r) * np.float64(unit) * unit),
        )


def _descend(
    A: Product,
    x: np.ndarray,
    r: np.ndarray,
    residuals: list[float],
    tolerance: float,
    limit: int,
    M: Product,
    tell: Callable[[np.ndarray], object] | None,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Iterate from x, where r = b - A x, until the residual meets the tolerance ("") or a fault.

    After a fault the iterate of least residual is the one returned, and `residuals` ends with it.
    """
    p, rz, scale = np.zeros_like(r), 1.0, 0.0
    best = len(residuals), x, r
    fault = ""
    while residuals[-1] > tolerance:
        if len(residuals) > limit:
            return x, r, STOPPED
        z = M(r)
        rz_last, rz = rz, float(r @ z)
        if not rz > 0:
            fault = BAD_PRECONDITIONER if rz < 0 else STAGNATED if rz == 0 else NOT_FINITE
            break
        p_last, p = p, z + (rz / rz_last) * p
        Ap = A(p)
        curvature, length = float(p @ Ap), float(p @ p)
        rayleigh = curvature / length if length else 0.0
        scale = max(scale, abs(rayleigh))
        fault = _fault(rayleigh, scale, float(np.finfo(r.dtype).eps))
        if len(residuals) == 2 and not _conjugate(p_last, p, Ap, scale, residuals):
            fault = NOT_SYMMETRIC
        if fault:
            break
        alpha = rz / curvature
        x, r = x + alpha * p, r - alpha * Ap
        if not (np.isfinite(_norm(r)) and np.isfinite(x).all()):
            fault = NOT_FINITE
            break
        residuals.append(_norm(r))
        if residuals[-1] <= min(residuals):
            best = len(residuals), x, r
        if tell is not None:
            tell(x)
    if not fault:
        return x, r, ""
    end, x, r = best
    del residuals[end:]
    return x, r, fault


def _fault(rayleigh: float, scale: float, eps: float) -> str:
    """Judge p'Ap / p'p beside the largest value met, below whose rounding it means nothing."""
    if not np.isfinite(rayleigh):
        return NOT_FINITE
    if rayleigh < -4 * eps * scale:
        return NEGATIVE_CURVATURE
    return ZERO_CURVATURE if rayleigh <= 4 * eps * scale else ""


def _conjugate(
    p_last: np.ndarray, p: np.ndarray, Ap: np.ndarray, scale: float, residuals: list[float]
) -> bool:
    """Whether p_last'Ap is 0 up to rounding, as symmetry makes it.

    Asked once, at the second product, and only while the residual is still more than rounding.
    """
    rounding = float(np.sqrt(np.finfo(p.dtype).eps))
    if residuals[-1] <= rounding * residuals[0]:
        return True
    return abs(float(p_last @ Ap)) <= rounding * scale * _norm(p_last) * _norm(p)


def _power_of_two(b: np.ndarray) -> float:
    largest = float(np.abs(b).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1]) if largest else 1.0


def _norm(v: np.ndarray) -> float:
    return float(np.linalg.norm(v))


def _product(name: str, A: Any, n: int) -> Product:
    """Return v -> A v for an array, an operator, or the identity (None)."""
    if A is None:
        return lambda v: v
    if isinstance(A, np.ndarray | list | tuple):
        A = as_floats(name, A, (n, n))
    if not (hasattr(A, "matvec") or hasattr(A, "__matmul__")):
        raise ValueError(f"{name} must be an array or have a matvec; got {type(A).__name__}")
    if tuple(getattr(A, "shape", (n, n))) != (n, n):
        raise ValueError(f"{name} must have shape ({n}, {n}) to go with b; got {tuple(A.shape)}")
    times = A.matvec if hasattr(A, "matvec") else A.__matmul__
    return lambda v: np.asarray(times(v)).astype(v.dtype, copy=False)
