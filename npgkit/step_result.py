"""How a step went: the result that all steps return, and how all of them begin and end.

A step that cannot be made returns theta unchanged and the reason; it never returns NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .batch import Batch
from .cg import CGResult
from .floating import coarsest_eps
from .networks import Linearization
from .objectives import gradient_at, mean_kl_of_outputs, output_gradient, surrogate_gain_of_outputs
from .policy import Policy
from .validation import as_floats


class Reason(StrEnum):
    """Why a step or a trial ended as it did: what happened and, for a step, what to try.

    A step's or trial's `reason` is one of these, or one with its {fields} filled in; for a KL
    problem without a solution it is the `kl_problem.Outcome`.
    """

    ACCEPTED = "accepted"
    ZERO_GRADIENT = (
        "the gradient is zero (up to rounding): no direction gains; the policy is stationary here, "
        "or the advantages are constant"
    )
    GRADIENT_NOT_FINITE = (
        "the gradient is not finite, or its square overflows: a ratio to the batch's logp, or the "
        "advantages, are too large; use rows of the current policy, or rescale the advantages"
    )
    NO_CURVATURE = (
        "the curvature x'Fx is not positive: the direction does not change the policy; add "
        "damping, or CG iterations"
    )
    CG_NOT_CONVERGED = "conjugate gradients did not converge ({status})"
    CG_BROKE_DOWN = "conjugate gradients broke down ({status})"
    STEP_NOT_FINITE = "the step is not finite; make it smaller, or rescale the advantages"
    NO_POLICY = "there is no policy after the step: {error}; make it smaller"
    MEASURE_NOT_FINITE = "the KL or the surrogate of the step is not finite; make it smaller"
    KL_TOO_LARGE = "the mean KL is above epsilon"
    NO_IMPROVEMENT = "the surrogate does not improve"
    ALL_REFUSED = (
        "all {n} trials were refused, the last because {last}; allow more backtracks or add damping"
    )

    __repr__ = str.__repr__  # the text, in tuples and dataclasses too


@dataclass(frozen=True)
class Trial:
    """One trial of a line search, theta_old + alpha direction: what it costs and what it gains.

    `kl` is the mean KL in nats, `surrogate_gain` the surrogate's change (both NaN where there is no
    policy to measure), `reason` a `Reason`: "accepted", or why the trial was refused.
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
        The vector that alpha multiplies: the gradient, F^-1 g, or the whole KL step.
    alpha : float
        theta - theta_old = alpha direction; 0 when not accepted.
    kl : float
        Mean KL in nats between theta and theta_old, in the step's own KL direction.
    predicted_gain : float
        g.(theta - theta_old), what the linear model promises, in units of return.
    surrogate_gain : float or None
        The surrogate's change; None where the batch has no logp.
    accepted : bool
        Whether the step was taken.
    reason : str
        A `Reason`: "accepted", or why theta is unchanged and what to do about it.
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
    """Where a step begins: the policy linearized at theta, once, and its gradient g there."""

    policy: Policy
    theta: np.ndarray
    batch: Batch
    linearized: Linearization
    g: np.ndarray
    eps: float
    kl_direction: str

    @classmethod
    def of(
        cls,
        policy: Policy,
        theta: np.ndarray,
        batch: Batch,
        *,
        dtype: type[np.float64] | None = None,
        kl_direction: str = "new||old",
    ) -> Start:
        """Check theta and linearize; g has the precision of theta, or of `dtype`.

        `eps` is the machine epsilon of the least precise of theta and the batch, as they came.
        Raises `ValueError` if the batch's outputs are not as many as the policy's.
        """
        theta = policy.as_theta("theta", theta)
        if batch.outputs is not None:
            as_floats("batch.outputs", batch.outputs, (len(batch), policy.network.n_outputs))
        eps = coarsest_eps(theta, batch.adv, batch.weights, batch.logp, batch.outputs)
        theta = theta.astype(dtype or theta.dtype, copy=False)
        linearized = policy.linearize(theta, batch.obs)
        g = gradient_at(policy, linearized, batch).astype(theta.dtype, copy=False)
        return cls(policy, theta, batch, linearized, g, eps, kl_direction)

    @property
    def old(self) -> np.ndarray:
        """The outputs of the policy that made the batch, at theta unless the batch says others."""
        return self.linearized.out if self.batch.outputs is None else self.batch.outputs

    def refuse_gradient(self) -> Step | None:
        """Return the refused step if norm(g) is zero or not finite; None if g can be used."""
        if not np.isfinite(np.linalg.norm(self.g)):
            return self.refuse(np.zeros_like(self.g), Reason.GRADIENT_NOT_FINITE)
        return self.refuse(self.g, Reason.ZERO_GRADIENT) if self.has_no_gradient() else None

    def has_no_gradient(self) -> bool:
        """Whether g is zero up to rounding.

        With u the gradient in the outputs, g = J'u, so norm(g)^2 = (J g).u: the cosine between J g
        and u is of the order of eps only where every advantage has cancelled.
        """
        g, pulled = self.g, output_gradient(self.policy, self.linearized, self.batch)
        unit = np.abs(pulled).max()
        if not (unit > 0 and np.linalg.norm(g) > 0):
            return True
        g, pulled = g / unit, pulled / unit  # so that no norm overflows
        norm = np.linalg.norm(g)
        moved = np.linalg.norm(self.linearized.jvp(g / norm))
        return bool(norm <= 64 * self.eps * moved * np.linalg.norm(pulled))

    def measure(self, new: np.ndarray) -> tuple[float, float | None]:
        """Return the mean KL from the old policy, and the surrogate's gain (None without logp).

        The gain is NaN where `new` gives an action of the batch a log-probability that is not
        finite: its ratio may be a zero that looks harmless, but the surrogate is flat there.
        Raises `ValueError` where a map of coordinates is not defined at `new`.
        """
        policy, batch, old = self.policy, self.batch, self.old
        out = policy.linearize(new, batch.obs).out
        kl = mean_kl_of_outputs(policy, out, old, batch, self.kl_direction)
        if not np.isfinite(policy.distribution.logp(out, batch.act)).all():
            return kl, np.nan
        if batch.logp is None:
            return kl, None
        return kl, surrogate_gain_of_outputs(policy, out, old, batch)

    def accept(
        self,
        direction: np.ndarray,
        alpha: float,
        *,
        cg: CGResult | None = None,
        multiplier: float | None = None,
        kkt_residual: float | None = None,
    ) -> Step:
        """Return the step theta + alpha direction, or a refusal if it cannot be measured."""
        new = self.ahead(direction, alpha)
        if not np.isfinite(new).all():
            return self.refuse(direction, Reason.STEP_NOT_FINITE, cg)
        try:
            kl, gain = self.measure(new)
        except ValueError as error:
            return self.refuse(direction, Reason.NO_POLICY.format(error=error), cg)
        predicted_gain = float(self.g @ (new - self.theta))
        if not np.isfinite([kl, gain or 0.0, predicted_gain]).all():
            return self.refuse(direction, Reason.MEASURE_NOT_FINITE, cg)
        return Step(
            theta_old=self.theta,
            theta=new,
            direction=direction,
            alpha=alpha,
            kl=kl,
            predicted_gain=predicted_gain,
            surrogate_gain=gain,
            accepted=True,
            reason=Reason.ACCEPTED,
            cg=cg,
            multiplier=multiplier,
            kkt_residual=kkt_residual,
        )

    def ahead(self, direction: np.ndarray, alpha: float) -> np.ndarray:
        """Return theta + alpha direction, in theta's precision."""
        return self.theta + self.theta.dtype.type(alpha) * direction

    def refuse(
        self,
        direction: np.ndarray,
        reason: str,
        cg: CGResult | None = None,
        trials: tuple[Trial, ...] = (),
    ) -> Step:
        """Return the step that leaves theta where it is, and why."""
        theta, kl = self.theta, 0.0
        if self.batch.outputs is not None:  # theta is not the policy that acted
            out = self.linearized.out
            kl = mean_kl_of_outputs(self.policy, out, self.old, self.batch, self.kl_direction)
        return Step(theta, theta.copy(), direction, 0.0, kl, 0.0, 0.0, False, reason, cg, trials)
