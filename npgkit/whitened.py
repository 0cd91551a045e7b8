"""The policies around theta in coordinates z in which the Fisher matrix there is the identity.

theta + R z with R R' = F^+: one coordinate for each direction that changes the policy. The mean KL
from theta, the surrogate's gain and their gradients are functions of z. A map of coordinates need
not be defined everywhere; where there is no policy the KL is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fisher import FisherOperator
from .networks import Linearization
from .objectives import (
    gradient_at,
    kl_gradient_at,
    mean_kl_of_outputs,
    surrogate_gain_of_outputs,
)
from .step_result import Start


@dataclass(frozen=True, eq=False)
class Whitened:
    """Functions of z (m,) around the start of a step; `root` (n_params, m) is R."""

    start: Start
    root: np.ndarray

    @classmethod
    def around(cls, start: Start) -> Whitened:
        """Form F at the start, and the root of its pseudo-inverse."""
        F = FisherOperator(start.policy, start.theta, start.batch, linearized=start.linearized)
        return cls(start, inverse_root(F.dense()))

    def divergence(self, z: np.ndarray) -> float:
        """Return the mean KL between theta + R z and theta."""
        s, here = self.start, self._at(z)
        if here is None:
            return np.inf
        return mean_kl_of_outputs(s.policy, here.out, s.linearized.out, s.batch, s.kl_direction)

    def gradient(self, z: np.ndarray) -> np.ndarray:
        """Return the gradient of `divergence` (m,)."""
        s, here = self.start, self._at(z)
        if here is None:
            return np.full(len(z), np.nan)
        return self.root.T @ kl_gradient_at(
            s.policy, here, s.linearized.out, s.batch, s.kl_direction
        )

    def gain(self, z: np.ndarray) -> float:
        """Return by how much the surrogate is larger than at theta."""
        s, here = self.start, self._at(z)
        if here is None:
            return np.nan
        return surrogate_gain_of_outputs(s.policy, here.out, s.linearized.out, s.batch)

    def gain_gradient(self, z: np.ndarray) -> np.ndarray:
        """Return the gradient of `gain` (m,)."""
        here = self._at(z)
        if here is None:
            return np.full(len(z), np.nan)
        return self.root.T @ gradient_at(self.start.policy, here, self.start.batch)

    def _at(self, z: np.ndarray) -> Linearization | None:
        """Return the policy at theta + R z, or None where there is none."""
        try:
            return self.start.policy.linearize(
                self.start.theta + self.root @ z, self.start.batch.obs
            )
        except ValueError:
            return None


def inverse_root(F: np.ndarray) -> np.ndarray:
    """Return R with R R' = F^+, one column for each direction in which F is not zero."""
    curvature, axes = np.linalg.eigh(F)
    kept = curvature > max(len(F), 10) * np.finfo(F.dtype).eps * curvature[-1]
    return axes[:, kept] / np.sqrt(curvature[kept])
