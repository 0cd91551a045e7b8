"""Conjugate gradients: solve A x = b for a symmetric positive semidefinite A, by products alone.

Minimising q(x) = x'Ax/2 - b'x along directions p_0, p_1, ... with p_i' A p_j = 0 takes one product
with A an iteration (Hestenes and Stiefel, 1952):

    z = M r,              beta = r'z / (last r'z),   p = z + beta p,
    alpha = r'z / p'Ap,   x += alpha p,              r -= alpha Ap.

Where the system cannot be solved, the loop ends with the best iterate and a status that says why.
x is never NaN, and `converged` is only true if the residual was recomputed as b - A x.

In floating point the residual does not go to 0: b - A x is computed with an error of a few
eps (norm(A) norm(x) + norm(b)), and CG reaches a residual of that size (Greenbaum, 1997). If the
tolerance is smaller, CG goes as far as rounding allows, and the status says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .floating import coarsest_eps, quiet
from .validation import as_count, as_floats, as_scalar


class Status(StrEnum):
    """How `conjugate_gradient` ended: what happened and, unless it converged, what to try."""

    CONVERGED = "converged"
    STOPPED = "max_iter reached: allow more iterations, a larger rtol, or give M"
    ROUNDING = (
        "as near as rounding allows: the residual is above the tolerance, and no smaller in this "
        "precision; use float64, a larger rtol, or damping"
    )
    STAGNATED = (
        "stagnated: the residual stays above the tolerance and above rounding; check that products "
        "with A are symmetric and as precise as b"
    )
    NEGATIVE_CURVATURE = "negative curvature: A is not positive semidefinite; add damping"
    ZERO_CURVATURE = "zero curvature: A is singular and b is not in its range; add damping"
    NOT_SYMMETRIC = "A is not symmetric: check its products, u'(A v) has to equal v'(A u)"
    NOT_FINITE = "not finite: a product with A or M overflowed or gave NaN; rescale them"
    BAD_PRECONDITIONER = "M is not positive definite: leave it out, or use its diagonal"

    __repr__ = str.__repr__  # the text, in tuples and dataclasses too


HELD = 256
"""A residual below HELD eps norm(b) counts as converged even if rtol is smaller: rounding leaves
that of b - A x if norm(A) norm(x) is up to some hundred times norm(b)."""

BACKWARD = 16
"""A residual below BACKWARD eps (norm(A) norm(x) + norm(b)) is rounding; CG reaches 1 to 4."""

Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class CGResult:
    """What `conjugate_gradient` found, and why it stopped.

    Attributes
    ----------
    x : array (n,)
        The last iterate; after a fault, the one of least residual.
    status : Status
        "converged", or why not and what to try.
    converged : bool
        Whether norm(b - A x) <= max(rtol norm(b), atol), rtol being at least 256 eps.
    iterations : int
        The number of iterations that led to x, with one product with A in each.
    residuals : array (iterations + 1,)
        norm(b - A x) before the first and after each iteration.
    xAx : float
        x'Ax, computed as x'(b - r), which takes no further product.
    """

    x: np.ndarray
    status: str
    converged: bool
    iterations: int
    residuals: np.ndarray
    xAx: float

    @property
    def is_usable(self) -> bool:
        """Whether it converged, or has half the digits right and rounding allows no more."""
        half = float(np.sqrt(coarsest_eps(self.x))) * self.residuals[0]
        at_rounding = self.status == Status.ROUNDING and self.residuals[-1] <= half
        return self.converged or bool(at_rounding)


@quiet
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

    If A is singular and b in its range, x is the solution of least norm when started at 0. If b is
    0 then x is 0, whatever x0 is.

    Parameters
    ----------
    A : array (n, n), a function v -> A v, or anything with `.matvec` or `@`
        Symmetric positive semidefinite. If an operator has a dtype, its products are taken to have
        that precision.
    b : array (n,)
        The right-hand side. The arithmetic is done in its dtype, float32 or float64.
    x0 : array (n,), optional
        Where to start; 0 when left out. Neither it nor b is changed.
    rtol, atol : float
        Stop once norm(b - A x) <= max(rtol norm(b), atol). If rounding keeps the residual above
        that, a residual of at most 256 eps norm(b) still counts as converged; eps is that of the
        less precise of A and b, so 256 eps is 3e-5 in float32 and 6e-14 in float64.
    max_iter : int, optional
        At most this many iterations; 10 n when left out.
    M : array (n, n), a function, or anything with `.matvec` or `@`, optional
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
    Implements: eq. (eq-cg), chapter 8. Source: Hestenes and Stiefel (1952); Shewchuk (1994).

    Examples
    --------
    Two different eigenvalues take two iterations:

    >>> import numpy as np
    >>> import npgkit
    >>> found = npgkit.conjugate_gradient(np.diag([2.0, 4.0]), np.array([2.0, 2.0]))
    >>> found.x.round(6), found.iterations, found.status
    (array([1. , 0.5]), 2, 'converged')
    """
    b = as_floats("b", b, ("n",))
    A_times, M_times = _product("A", A, len(b)), _product("M", M, len(b))
    x = np.zeros_like(b) if x0 is None else as_floats("x0", x0, b.shape).astype(b.dtype)
    rtol, atol = as_scalar("rtol", rtol, at_least=0.0), as_scalar("atol", atol, at_least=0.0)
    limit = 10 * len(b) if max_iter is None else as_count("max_iter", max_iter, at_least=0)
    eps = coarsest_eps(b, A)
    if not b.any():
        x = np.zeros_like(b)

    unit = _power_of_two(b)  # so that norms neither overflow nor vanish; exact in floating point
    b, x = b / unit, x / unit
    size = _norm(b)
    tolerance = max(rtol * size, atol / unit)
    target = max(tolerance, float(np.finfo(b.dtype).eps) * size)  # a smaller r is rounding
    r = b - A_times(x) if x.any() else b
    residuals, status = [_norm(r)], None
    if not np.isfinite(residuals[0]):
        x, r, residuals, status = np.zeros_like(b), b, [size], Status.NOT_FINITE
    elif residuals[0] <= tolerance:
        status = Status.CONVERGED

    best, computed = (0, x, r), residuals[0]
    p, rz, largest = np.zeros_like(r), 1.0, 0.0
    while status is None:
        if len(residuals) > limit:
            status = Status.STOPPED
            break
        z = M_times(r)
        rz_last, rz = rz, float(r @ z)
        p_last, p = p, z + (rz / rz_last) * p
        Ap = A_times(p)
        largest = max(largest, abs(_rayleigh(p, Ap)))
        status = _breakdown(rz, p_last, p, Ap, largest, residuals, eps)
        if status:
            break
        alpha = rz / float(p @ Ap)
        x, r = x + alpha * p, r - alpha * Ap
        if not (np.isfinite(_norm(r)) and np.isfinite(x).all()):
            status = Status.NOT_FINITE
            break
        residuals.append(_norm(r))
        if residuals[-1] <= min(residuals):
            best = len(residuals) - 1, x, r
        if callback is not None:
            callback(x * unit)
        if residuals[-1] <= target:
            r = b - A_times(x)  # the recurrence only updates r, and drifts
            residuals[-1] = _norm(r)
            status = _on_arrival(residuals[-1], computed, tolerance)
            best, computed = (len(residuals) - 1, x, r), residuals[-1]
            p, rz = np.zeros_like(r), 1.0  # restart from here unless converged

    if status not in (Status.CONVERGED, Status.STOPPED):
        end, x, r = best
        del residuals[end + 1 :]
    rounding = BACKWARD * eps * (largest * _norm(x) + size)
    cut_short = status == Status.STOPPED and max_iter is not None
    if status != Status.CONVERGED and not cut_short and residuals[-1] <= rounding:
        true = b - A_times(x)
        if _norm(true) <= rounding:
            r, residuals[-1] = true, _norm(true)
            status = Status.CONVERGED if _norm(r) <= HELD * eps * size else Status.ROUNDING
    return CGResult(
        x=x * unit,
        status=status,
        converged=status == Status.CONVERGED,
        iterations=len(residuals) - 1,
        residuals=np.array(residuals) * unit,
        xAx=float(x @ (b - r) * np.float64(unit) * unit),
    )


def _on_arrival(residual: float, last_computed: float, tolerance: float) -> Status | None:
    """Return the status when the updated residual has met the tolerance; None means restart.

    `residual` is recomputed as b - A x, as `last_computed` was at the start or the last restart.
    """
    if residual <= tolerance:
        return Status.CONVERGED
    return None if residual < 0.5 * last_computed else Status.STAGNATED


def _breakdown(
    rz: float,
    p_last: np.ndarray,
    p: np.ndarray,
    Ap: np.ndarray,
    largest: float,
    residuals: list[float],
    eps: float,
) -> Status | None:
    """Return why the recurrence cannot go on along p, or None if it can.

    The curvature p'Ap / p'p counts as 0 if it is below the rounding of the `largest` one so far.
    Symmetry makes p_last'Ap = 0; this is tested once, at the second product, and only if the
    residual is still larger than rounding.
    """
    if rz <= 0:
        return Status.BAD_PRECONDITIONER if rz < 0 else Status.STAGNATED
    rayleigh, rounding = _rayleigh(p, Ap), float(np.sqrt(eps))
    if not np.isfinite(rayleigh):
        return Status.NOT_FINITE
    is_tested = len(residuals) == 2 and residuals[1] > rounding * residuals[0]
    if is_tested and abs(float(p_last @ Ap)) > rounding * largest * _norm(p_last) * _norm(p):
        return Status.NOT_SYMMETRIC
    if rayleigh < -4 * eps * largest:
        return Status.NEGATIVE_CURVATURE
    return Status.ZERO_CURVATURE if rayleigh <= 4 * eps * largest else None


def _rayleigh(p: np.ndarray, Ap: np.ndarray) -> float:
    """Return p'Ap / p'p, and 0 for p = 0."""
    length = float(p @ p)
    return float(p @ Ap) / length if length else 0.0


def _power_of_two(b: np.ndarray) -> float:
    largest = float(np.abs(b).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1]) if largest else 1.0


def _norm(v: np.ndarray) -> float:
    return float(np.linalg.norm(v))


def _product(name: str, A: Any, n: int) -> Product:
    """Return v -> A v for an array, a function, an operator, or the identity (None).

    If v is not finite the product is NaN, without a call of A: an operator may raise on such a v.
    """
    if A is None:
        return lambda v: v
    if isinstance(A, np.ndarray | list | tuple):
        A = as_floats(name, A, (n, n))
    times = getattr(A, "matvec", None) or getattr(A, "__matmul__", None) or A
    if not callable(times):
        raise ValueError(
            f"{name} must be an array, a function, or have a matvec; got {type(A).__name__}"
        )
    if tuple(getattr(A, "shape", (n, n))) != (n, n):
        raise ValueError(f"{name} must have shape ({n}, {n}) to go with b; got {tuple(A.shape)}")

    def product(v: np.ndarray) -> np.ndarray:
        if not np.isfinite(v).all():
            return np.full_like(v, np.nan)
        Av = np.asarray(times(v))
        if Av.shape != (n,):
            raise ValueError(f"{name} times a vector must have shape ({n},); got {Av.shape}")
        return Av.astype(v.dtype, copy=False)

    return product
