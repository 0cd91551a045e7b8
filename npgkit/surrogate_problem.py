"""The surrogate under a KL bound, searched for on the boundary of growing KL balls.

Maximise f(z) subject to D(z) <= epsilon, with f(0) = D(0) = 0, grad D(0) = 0 and the Hessian of D
at 0 the identity. At a solution

    grad f = tau grad D,    tau >= 0,    and tau = 0 unless D(z) = epsilon.

For a small radius the maximiser lies near the direction of grad f(0). From there the radius is
doubled up to epsilon, and each climb on the boundary starts where the one before it ended. Where
tau has fallen to 0 the maximum is in the inside, and Newton's method finds it. Neither f nor the
ball need be convex: what is found may be a local maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .floating import quiet
from .kl_problem import MAX_TURNS, MOST_CLIMBS, KLProblem, KLSolution, Outcome

FIRST_RADIUS = 1e-3
LEAST_GROWTH = 1e-3  # of the radius from one climb to the next


@dataclass(frozen=True, eq=False)
class SurrogateProblem:
    """Maximise gain(z) subject to divergence(z) <= epsilon, given both gradients."""

    gain: Callable[[np.ndarray], float]
    gain_gradient: Callable[[np.ndarray], np.ndarray]
    divergence: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    epsilon: float
    n: int

    @quiet
    def solve(self) -> KLSolution:
        """Follow the solution from a small radius to epsilon; return it or what is higher.

        Further climbs begin from the best of the coordinates' own directions, at epsilon.
        """
        best = self._follow()
        if best.status == Outcome.UNATTAINED:
            return best
        axes = np.vstack([np.eye(self.n), -np.eye(self.n)])
        ball = KLProblem(axes[0], self.divergence, self.gradient, self.epsilon)
        met = [z for z in map(ball.on_boundary, axes) if z is not None]
        for z in sorted(met, key=self.gain, reverse=True)[:MOST_CLIMBS]:
            if not self.gain(z) > 0:
                break
            found = self._climb(z, self.epsilon)
            if found is not None and not found.multiplier > 0:
                found = self._inside(found.z)
            if found is not None and self._rank(found) > self._rank(best):
                best = found
        return best

    def _rank(self, found: KLSolution) -> tuple[bool, float]:
        solved = found.status == Outcome.SOLVED
        return solved, self.gain(found.z) * (1 - 1e-9) if solved else 0.0

    def _follow(self) -> KLSolution:
        """Climb at radii that double up to epsilon, each time from where the last climb ended."""
        z = self.gain_gradient(np.zeros(self.n))
        radius, growth = min(self.epsilon, FIRST_RADIUS), 2.0
        reached, found = 0.0, None
        while reached < self.epsilon:
            nearer = self._climb(z, radius)
            if nearer is not None and not nearer.multiplier > 0:
                return self._inside(np.zeros(self.n) if found is None else z)
            if nearer is not None and nearer.status == Outcome.SOLVED:
                reached, z, found = radius, nearer.z, nearer
                growth = min(growth**1.5, 2.0)
            elif found is None or growth < 1 + LEAST_GROWTH:
                endless = found is not None and self._rises_for_ever(z)
                ended = Outcome.UNATTAINED if endless else Outcome.NOT_SOLVED
                return KLSolution(z, 0.0, 1.0, ended)
            else:
                growth = growth**0.5
            radius = min(self.epsilon, reached * growth)
        assert found is not None
        return found

    def stationarity(self, z: np.ndarray) -> tuple[float, float]:
        """Return the tau that fits grad f = tau grad D best, and the relative residual."""
        uphill, normal = self.gain_gradient(z), self.gradient(z)
        multiplier = float(uphill @ normal / (normal @ normal))
        residual = np.linalg.norm(uphill - multiplier * normal) / np.linalg.norm(uphill)
        return multiplier, float(residual)

    def _climb(self, u: np.ndarray, radius: float) -> KLSolution | None:
        """Climb on the boundary of a ball from direction u; None if that ray never meets it."""
        ball = KLProblem(u, self.divergence, self.gradient, radius)
        z = ball.on_boundary(u / np.linalg.norm(u))
        if z is None:
            return None
        target = ball.kkt_target
        for _ in range(MAX_TURNS):
            multiplier, residual = self.stationarity(z)
            turn, saddle = self._turn(z, multiplier)
            if residual <= target and not saddle:
                break
            higher = self._along(ball, z, turn, residual)
            if higher is z:
                break
            z = higher
        solved = residual <= ball.kkt_accepted and not saddle
        return KLSolution(z, multiplier, residual, Outcome.SOLVED if solved else Outcome.NOT_SOLVED)

    def _turn(self, z: np.ndarray, multiplier: float) -> tuple[np.ndarray, bool]:
        """Return Newton's step in the tangent space, and whether z is no maximum in it."""
        normal = self.gradient(z)
        tangent = np.linalg.qr(normal[:, None], mode="complete")[0][:, 1:]
        if tangent.shape[1] == 0:
            return np.zeros_like(z), False
        H = multiplier * self._hessian(self.gradient, z) - self._hessian(self.gain_gradient, z)
        step, saddle = _newton(tangent.T @ H @ tangent, tangent.T @ self.gain_gradient(z))
        if saddle and np.linalg.norm(step) < 1e-3 * np.linalg.norm(z):
            step[0] += 0.1 * np.linalg.norm(z)
        return tangent @ step, saddle

    def _along(
        self, ball: KLProblem, z: np.ndarray, turn: np.ndarray, residual: float
    ) -> np.ndarray:
        """Return a better boundary point towards z + turn, or z if there is none."""
        height, rise = self.gain(z), max(float(self.gain_gradient(z) @ turn), 0.0)
        rounding, length = 1e-13 * abs(height), 1.0
        for _ in range(40):
            u = z + length * turn
            new = ball.on_boundary(u / np.linalg.norm(u))
            if new is not None:
                gain = self.gain(new) - height
                if gain > max(1e-4 * length * rise, rounding):
                    return new
                if abs(gain) <= rounding and self.stationarity(new)[1] < 0.5 * residual:
                    return new
            length *= 0.5
        return z

    def _inside(self, z: np.ndarray) -> KLSolution:
        """Climb to a maximum within the ball; the residual is relative to grad f(0)."""
        first = float(np.linalg.norm(self.gain_gradient(np.zeros(self.n))))
        for _ in range(MAX_TURNS):
            uphill = self.gain_gradient(z)
            residual = float(np.linalg.norm(uphill)) / first
            step, saddle = _newton(-self._hessian(self.gain_gradient, z), uphill)
            if residual <= 1e-10 and not saddle:
                break
            height, length = self.gain(z), 1.0
            for _ in range(40):
                new = z + length * step
                if self.divergence(new) <= self.epsilon and self.gain(new) > height:
                    break
                length *= 0.5
            else:
                break
            z = new
        solved = residual <= 1e-7 and not saddle
        return KLSolution(z, 0.0, residual, Outcome.SOLVED if solved else Outcome.NOT_SOLVED)

    def _rises_for_ever(self, z: np.ndarray) -> bool:
        """Whether along z the KL stays below epsilon without end and f does not fall."""
        ball = KLProblem(z, self.divergence, self.gradient, self.epsilon)
        far = 1e3 * z
        return ball.is_endless(z) and self.gain(far) >= self.gain(z)

    def _hessian(self, gradient: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> np.ndarray:
        h = 1e-4 * min(1.0, max(float(np.linalg.norm(z)), 1e-4))
        columns = [(gradient(z + h * e) - gradient(z - h * e)) / (2 * h) for e in np.eye(len(z))]
        return 0.5 * (np.array(columns) + np.array(columns).T)


def _newton(H: np.ndarray, uphill: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return |H|^-1 uphill, which rises whatever the signs of H, and whether H has a negative one.

    A Hessian that is not finite, at the edge of where there are policies, counts as the identity.
    """
    if not np.isfinite(H).all():
        return uphill.copy(), False
    curvature, axes = np.linalg.eigh(H)
    steepness = np.abs(curvature)
    if not steepness.max() > 0:
        return uphill.copy(), False
    step = (axes.T @ uphill) / np.maximum(steepness, 1e-8 * steepness.max())
    return axes @ step, bool(curvature[0] < -1e-6 * steepness.max())
