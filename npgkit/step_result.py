"""How a step went: the one result of all steps, and what all of them begin and end with.

Layer 4. A step that cannot be made returns theta unchanged and the reason; it never returns NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .batch import Batch
from .cg import CGResult
from .networks import Linearization
from .objectives import gradient_at, mean_kl_of_outputs, output_gradient, surrogate_gain_of_outputs
from .policy import Policy

ACCEPTED = "accepted"
ZERO_GRADIENT = "the gradient is zero (up to rounding): no direction gains"
NO_CURVATURE = "the curvature x'Fx is not positive: the direction does not change the policy"


@dataclass(frozen=True)
class Trial:
    """One trial of a line search: theta_old + alpha direction, what it costs and what it gains.

    `kl` is the mean KL in nats, `surrogate_gain` the surrogate's change (both NaN where there is no
    policy to measure), `reason` "accepted" or why the trial was refused.
    """

    alpha: float
    kl: float
    surrogate_gain: float
    accepted: bool
    reason: str


@dataclass(frozen=True, eq=False)
class Step:
    """A step from theta_old to theta, and how it went.

    Attributes
    ----------
    theta_old, theta : array (n_params,)
        Before and after; equal when the step was not accepted.
    direction : array (n_params,)
        What alpha multiplies: the gradient, F^-1 g, or the whole KL step.
    alpha : float
        theta - theta_old = alpha direction; 0 when not accepted.
    kl : float
        Mean KL in nats between theta and theta_old, in the step's own KL direction.
    predicted_gain : float
        g.(theta - theta_old), what the linear model promises, in units of return.
    surrogate_gain : float or None
        The surrogate's change; None where the batch has no logp.
    accepted : bool
    reason : str
        "accepted", or why theta is unchanged.
    cg : CGResult or None
        How the linear system was solved.
    trials : tuple of Trial
        The trials of a line search, the full step first; empty without one.
    multiplier, kkt_residual : float or None
        Of the KL-constrained problem: g = multiplier grad KL up to the relative residual.
    """

    theta_old: np.ndarray
    theta: np.ndarray
    direction: np.ndarray
    alpha: float
    kl: float
    predicted_gain: float
    surrogate_gain: float | None
    accepted: bool
    reason: str
    cg: CGResult | None = None
    trials: tuple[Trial, ...] = ()
    multiplier: float | None = None
    kkt_residual: float | None = None

    def __repr__(self) -> str:
        return f"Step(kl={self.kl:.3g}, predicted_gain={self.predicted_gain:.3g}, {self.reason})"


@dataclass(frozen=True, eq=False)
class Start:
    """Where a step begins: the policy run forward at theta, once, and its gradient g there."""

    policy: Policy
    theta: np.ndarray
    batch: Batch
    at: Linearization
    g: np.ndarray

    @classmethod
    def of(cls, policy: Policy, theta: np.ndarray, batch: Batch) -> Start:
        """Check theta and linearize; g has the precision of theta."""
        theta = policy.as_theta("theta", theta)
        at = policy.linearize(theta, batch.obs)
        g = gradient_at(policy, at, batch).astype(theta.dtype, copy=False)
        return cls(policy, theta, batch, at, g)

    def has_no_gradient(self) -> bool:
        """Whether g is what rounding left of a sum that cancels.

        With u the gradient in the outputs, g = J'u, so norm(g)^2 = (J g).u: the cosine between J g
        and u is of the order of the machine's epsilon only where every advantage has cancelled.
        """
        g, pulled = self.g, output_gradient(self.policy, self.at, self.batch)
        unit = np.abs(pulled).max()
        if not (unit > 0 and np.linalg.norm(g) > 0):
            return True
        g, pulled = g / unit, pulled / unit  # so that no norm overflows
        norm = np.linalg.norm(g)
        rounding = 64 * np.finfo(g.dtype).eps
        moved = np.linalg.norm(self.at.jvp(g / norm))
        return bool(norm <= rounding * moved * np.linalg.norm(pulled))

    def measure(self, new: np.ndarray, kl_direction: str) -> tuple[float, float | None]:
        """Return the mean KL between `new` and theta, and the surrogate's gain (None without logp).

        The gain is NaN where `new` gives an action of the batch a log-probability that is not
        finite: its ratio may be a zero that looks harmless, but nothing can be learnt from there.
        Raises `ValueError` where a map of coordinates is not defined at `new`.
        """
        with np.errstate(all="ignore"):
            out = self.policy.linearize(new, self.batch.obs).out
            kl = mean_kl_of_outputs(self.policy, out, self.at.out, self.batch, kl_direction)
            if not np.isfinite(self.policy.distribution.logp(out, self.batch.act)).all():
                return kl, np.nan
            if self.batch.logp is None:
                return kl, None
            return kl, surrogate_gain_of_outputs(self.policy, out, self.at.out, self.batch)

    def accept(
        self,
        direction: np.ndarray,
        alpha: float,
        kl_direction: str = "new||old",
        *,
        cg: CGResult | None = None,
        multiplier: float | None = None,
        kkt_residual: float | None = None,
    ) -> Step:
        """Return the step theta + alpha direction, or a refusal if it cannot be measured."""
        new = self.ahead(direction, alpha)
        if not np.isfinite(new).all():
            return self.refuse(direction, "the step is not finite", cg)
        try:
            kl, gain = self.measure(new, kl_direction)
        except ValueError as error:
            return self.refuse(direction, f"there is no policy after the step: {error}", cg)
        if not np.isfinite([kl, gain or 0.0]).all():
            return self.refuse(direction, "the KL or the surrogate of the step is not finite", cg)
        return Step(
            theta_old=self.theta,
            theta=new,
            direction=direction,
            alpha=alpha,
            kl=kl,
            predicted_gain=float(self.g @ (new - self.theta)),
            surrogate_gain=gain,
            accepted=True,
            reason=ACCEPTED,
            cg=cg,
            multiplier=multiplier,
            kkt_residual=kkt_residual,
        )

    def ahead(self, direction: np.ndarray, alpha: float) -> np.ndarray:
        """Return theta + alpha direction, in theta's precision."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.theta + self.theta.dtype.type(alpha) * direction

    def refuse(
        self,
        direction: np.ndarray,
        reason: str,
        cg: CGResult | None = None,
        trials: tuple[Trial, ...] = (),
    ) -> Step:
        """Return the step that leaves theta where it is, and why."""
        theta = self.theta
        return Step(theta, theta.copy(), direction, 0.0, 0.0, 0.0, 0.0, False, reason, cg, trials)
