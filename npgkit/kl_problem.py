"""The KL-constrained linear problem, solved exactly and not through its quadratic model.

Maximise g.z subject to D(z) <= epsilon, where D is smooth, D(0) = 0, grad D(0) = 0 and the
Hessian of D at 0 is the identity (the caller chooses such coordinates). At a solution

    g = mu grad D(z),   D(z) = epsilon,   mu >= 0.

The search stays on the boundary: each direction u meets it at one radius, found by Newton's method
with bisection as a safeguard. From there u is turned by a Newton step for the Lagrangian in the
tangent space, with the curvature's absolute value so that g.z always rises. If D never reaches
epsilon along a ray with g.u > 0, the problem has no solution: g.z rises without end (chapter 3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .floating import coarsest_eps, quiet


class Outcome(StrEnum):
    """How a search ended: what happened and, unless the problem is solved, what to try."""

    SOLVED = "solved"
    UNBOUNDED = (
        "no solution: along a direction that gains without end the KL stays below epsilon; use a "
        "smaller epsilon, or direction='old||new'"
    )
    UNATTAINED = (
        "no solution: the surrogate rises all the way to a policy that gives actions up, within "
        "epsilon; use a smaller epsilon, or direction='old||new'"
    )
    NOT_SOLVED = (
        "not solved: the search on the boundary of the KL ball came to a halt; use a smaller "
        "epsilon"
    )

    __repr__ = str.__repr__  # the text, in tuples and dataclasses too


FARTHEST = 1e6  # where a ray counts as endless: a million standard deviations of the score
MAX_TURNS = 200
MOST_RAYS = 64  # how many of the directions offered are looked along,
MOST_CLIMBS = 3  # and from how many of them a climb begins


@dataclass(frozen=True, eq=False)
class KLSolution:
    """Where a search ended: z (m,), multiplier mu, norm(g - mu grad D) / norm(g), and outcome."""

    z: np.ndarray
    multiplier: float
    kkt_residual: float
    status: Outcome


@dataclass(frozen=True, eq=False)
class KLProblem:
    """Maximise g.z subject to divergence(z) <= epsilon; `gradient` is grad D.

    The tolerances are those of float64; where g is less precise they are what its epsilon leaves.
    """

    g: np.ndarray
    divergence: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    epsilon: float

    @functools.cached_property
    def eps(self) -> float:
        """The machine epsilon of g."""
        return coarsest_eps(self.g)

    @functools.cached_property
    def kkt_target(self) -> float:
        """The relative KKT residual at which a climb ends."""
        return max(1e-10, 256 * self.eps)

    @functools.cached_property
    def kkt_accepted(self) -> float:
        """The relative KKT residual of a solution, half the digits."""
        return max(1e-7, float(np.sqrt(self.eps)))

    @quiet
    def solve(self, rays: np.ndarray) -> KLSolution:
        """Climb from the direction g and from the best of `rays` (k, m); return the highest point.

        Where D is convex the first climb ends at the solution; the others guard against lower
        local maxima, and against endless rays, where it is not.
        """
        directions = [self.g, *rays[:MOST_RAYS]]
        for u in directions:
            if self.is_endless(u):
                return KLSolution(u, 0.0, 1.0, Outcome.UNBOUNDED)
        met = [self.on_boundary(u / np.linalg.norm(u)) for u in directions[1:]]
        ends = sorted([z for z in met if z is not None], key=lambda z: -float(self.g @ z))
        best: KLSolution | None = None
        for u in [self.g, *ends[:MOST_CLIMBS]]:
            found = self.climb(u / np.linalg.norm(u))
            if found.status == Outcome.UNBOUNDED:
                return found
            if best is None or _rank(found, self.g) > _rank(best, self.g):
                best = found
        assert best is not None
        return best

    def climb(self, u: np.ndarray) -> KLSolution:
        """Climb on the boundary from direction u, norm(u) = 1, until no turn raises g.z."""
        z = self.on_boundary(u)
        if z is None:
            return KLSolution(u, 0.0, 1.0, Outcome.UNBOUNDED)
        for _ in range(MAX_TURNS):
            multiplier, residual = self.stationarity(z)
            turn, saddle = self._turn(z, multiplier)
            if residual <= self.kkt_target and not saddle:
                break
            higher = self._along(z, turn, residual)
            if higher is None:
                return KLSolution(z, multiplier, residual, Outcome.UNBOUNDED)
            if higher is z:
                break
            z = higher
        solved = residual <= self.kkt_accepted and not saddle
        return KLSolution(z, multiplier, residual, Outcome.SOLVED if solved else Outcome.NOT_SOLVED)

    def stationarity(self, z: np.ndarray) -> tuple[float, float]:
        """Return the multiplier that fits g = mu grad D best, and the relative residual."""
        normal = self.gradient(z)
        multiplier = float(self.g @ normal / (normal @ normal))
        residual = np.linalg.norm(self.g - multiplier * normal) / np.linalg.norm(self.g)
        return multiplier, float(residual)

    def on_boundary(self, u: np.ndarray) -> np.ndarray | None:
        """Return the z = t u, t > 0, with D(z) = epsilon, or None on an endless ray."""
        low, high = 0.0, np.sqrt(2 * self.epsilon)
        while not self._reaches(high * u):
            low, high = high, 2 * high
            if low > FARTHEST:
                return None
        t = high
        for _ in range(100):
            excess = self.divergence(t * u) - self.epsilon
            if abs(excess) <= max(1e-13, 4 * self.eps) * self.epsilon:
                break
            low, high = (t, high) if excess < 0 else (low, t)
            slope = float(self.gradient(t * u) @ u)
            newton = t - excess / slope if slope > 0 and np.isfinite(excess) else np.inf
            t = newton if low < newton < high else 0.5 * (low + high)
        return t * u

    def is_endless(self, u: np.ndarray) -> bool:
        """Whether g.z rises along u and D stays below epsilon up to norm(z) = FARTHEST."""
        return self._gains(u) and not self._reaches(FARTHEST * u / np.linalg.norm(u))

    def _gains(self, u: np.ndarray) -> bool:
        rounding = max(1e-12, 64 * self.eps)  # a smaller share of norm(g) is no slope
        return bool(self.g @ u > rounding * np.linalg.norm(self.g) * np.linalg.norm(u))

    def _reaches(self, z: np.ndarray) -> bool:
        return not self.divergence(z) < self.epsilon  # an overflow to inf or NaN is outside, too

    def _turn(self, z: np.ndarray, multiplier: float) -> tuple[np.ndarray, bool]:
        """Return the tangent step at z, and whether z would be a saddle if it were stationary."""
        normal = self.gradient(z)
        tangent = np.linalg.qr(normal[:, None], mode="complete")[0][:, 1:]
        if tangent.shape[1] == 0:
            return np.zeros_like(z), False
        H = tangent.T @ self._hessian(z) @ tangent
        if not np.isfinite(H).all():  # z is at the edge of where there are policies
            return tangent @ (tangent.T @ self.g), False
        curvature, axes = np.linalg.eigh(H)
        steepness = np.abs(curvature)
        if not steepness.max() > 0:
            return tangent @ (tangent.T @ self.g), False
        pull = axes.T @ (tangent.T @ self.g)
        step = pull / (abs(multiplier) * np.maximum(steepness, 1e-8 * steepness.max()))
        saddle = bool(curvature[0] < -1e-6 * steepness.max())
        if saddle and np.linalg.norm(step) < 1e-3 * np.linalg.norm(z):
            step[0] += 0.1 * np.linalg.norm(z)  # leave it: both sides of a saddle climb
        return tangent @ (axes @ step), saddle

    def _along(self, z: np.ndarray, turn: np.ndarray, residual: float) -> np.ndarray | None:
        """Return a better boundary point towards z + turn: z if none is, None on an endless ray.

        Better means a larger g.z; or, where these agree up to rounding, a smaller KKT residual.
        """
        height, length = float(self.g @ z), 1.0
        rounding = max(1e-10, 64 * self.eps) * height
        for _ in range(40 if residual > self.kkt_accepted else 3):
            u = z + length * turn
            new = self.on_boundary(u / np.linalg.norm(u))
            if new is None:
                if self._gains(u):
                    return None
            else:
                gain = float(self.g @ new) - height
                if gain > 1e-4 * length * max(float(self.g @ turn), 0.0) and gain > rounding:
                    return new
                if abs(gain) <= rounding and self.stationarity(new)[1] < 0.5 * residual:
                    return new
            length *= 0.5
        return z

    def _hessian(self, z: np.ndarray) -> np.ndarray:
        h = max(1e-4, self.eps ** (1 / 3)) * min(1.0, float(np.linalg.norm(z)))
        columns = [
            (self.gradient(z + h * e) - self.gradient(z - h * e)) / (2 * h) for e in np.eye(len(z))
        ]
        return 0.5 * (np.array(columns) + np.array(columns).T)


def _rank(solution: KLSolution, g: np.ndarray) -> tuple[bool, float]:
    return solution.status == Outcome.SOLVED, float(g @ solution.z)
