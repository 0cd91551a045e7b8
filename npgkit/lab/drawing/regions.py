"""Balls around a policy, for any distance D: the sets {theta : D(theta) <= radius} of the plane.

A Euclidean ball of other coordinates is an ellipse and has a formula (`Disc`); a KL ball has none
and is found along rays from its centre (`Ball`). Both return their edge as a closed curve in theta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
_FAR = 30.0  # beyond this logit a probability is 0 or 1 to thirteen digits


def probability(theta: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-theta)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(theta, dtype=float)))


def logit(p: ArrayLike) -> Array:
    """Return log(p / (1 - p)); the logits of 0 and 1 are infinite."""
    p = np.asarray(p, dtype=float)
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


class Ball:
    r"""The set {theta : D(theta) <= radius} around a centre, for any radius.

    The distance is sampled once along rays from the centre; the boundary for a radius is then
    interpolated (log D in log r, which is nearly a straight line), so that a slider over the radius
    evaluates D no more. D must grow along every ray, as norms and KL divergences from the centre do
    for logits. Along a ray on which D stays below the radius, the boundary is put 30 logits away,
    outside any window.

    Parameters
    ----------
    D : callable
        ``D(theta) -> float`` for theta of shape (2,), zero at `centre`.
    centre : array_like, shape (2,)

    Examples
    --------
    >>> disc = Ball(lambda theta: float(np.hypot(*theta)), (0.0, 0.0))
    >>> bool(np.allclose(np.hypot(*disc.boundary(0.5).T), 0.5))
    True
    """

    # Near the centre D is a power of r, and a few radii determine it.
    _RADII = np.concatenate([[1e-3, 1e-2, 0.05], np.geomspace(0.1, _FAR, 28)])

    def __init__(self, D: Callable[[Array], float], centre: ArrayLike) -> None:
        self.D = D
        self.centre = np.asarray(centre, dtype=float)
        self._rays: dict[float, Array] = {}

    def boundary(self, radius: float, rays: int = 60) -> Array:
        """Return a closed curve of points theta with D(theta) = `radius`, shape (n, 2)."""
        angles = list(np.linspace(0.0, 2 * np.pi, rays + 1))
        points = [self._point(angle, radius) for angle in angles]
        # Where the ball reaches far out or ends in a tip, the rays need to be closer.
        for _ in range(4):
            gaps = _coarse(np.array(points))
            for k in reversed(gaps):
                angles.insert(k + 1, 0.5 * (angles[k] + angles[k + 1]))
                points.insert(k + 1, self._point(angles[k + 1], radius))
        return np.array(points)

    def _point(self, angle: float, radius: float) -> Array:
        direction = np.array([np.cos(angle), np.sin(angle)])
        if angle not in self._rays:
            values = [float(self.D(self.centre + r * direction)) for r in self._RADII]
            # Rounding may leave a distance of zero or less at the smallest radii.
            self._rays[angle] = np.log(np.maximum.accumulate(np.maximum(values, 1e-300)))
        logs, log_radius = self._rays[angle], np.log(radius)
        if log_radius >= logs[-1]:
            return self.centre + self._RADII[-1] * direction
        r = np.exp(np.interp(log_radius, logs, np.log(self._RADII)))
        return self.centre + r * direction


@dataclass(frozen=True, eq=False)
class Disc:
    """The Euclidean ball of the coordinates phi, theta = B phi + b, seen in theta: an ellipse.

    Parameters
    ----------
    centre : array_like, shape (2,)
        In theta.
    B : array_like, shape (2, 2), optional
        The identity when left out: a circle.
    """

    centre: ArrayLike
    B: ArrayLike = ((1.0, 0.0), (0.0, 1.0))

    def boundary(self, radius: float) -> Array:
        """Return centre + B u for vectors u of length `radius`: a closed curve, shape (n, 2)."""
        angles = np.linspace(0.0, 2 * np.pi, 121)
        circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return np.asarray(self.centre, dtype=float) + circle @ np.asarray(self.B, dtype=float).T


def _coarse(points: Array) -> list[int]:
    """Return where a boundary needs a point between k and k + 1: at visible gaps and corners."""
    seen = np.clip(points, -8.0, 8.0)
    chords = np.diff(seen, axis=0)
    steps = np.diff(probability(seen), axis=0)
    wide = np.maximum(np.abs(chords).max(axis=1) / 9.0, np.abs(steps).max(axis=1)) > 0.04
    long = np.hypot(*chords.T) > 0.02
    heading = np.unwrap(np.arctan2(chords[:, 1], chords[:, 0]))
    corner = np.abs(np.diff(heading, append=heading[0] + 2 * np.pi)) > 0.15
    return [int(k) for k in np.flatnonzero(wide | (long & (corner | np.roll(corner, 1))))]
