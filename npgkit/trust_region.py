"""The trust-region step: the natural direction, and a line search on the true KL and surrogate.

With x from conjugate gradients on (F + damping I) x = g, the full step has quadratic KL
epsilon, alpha = sqrt(2 epsilon / x'Fx); then the trials

    theta + alpha backtrack^j x,    j = 0, 1, 2, ...,

are measured, and the first whose true mean KL is at most epsilon and whose surrogate improves is
taken (Schulman et al., 2015). On an exact batch the return can then fall by no more than the
bounds of chapter 9 say (eq. eq-mean-kl-bound and eq-mean-bound).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .batch import Batch
from .cg import CGResult, Status, conjugate_gradient
from .fisher import FisherOperator
from .floating import coarsest_eps, quiet
from .objectives import DIRECTIONS
from .policy import Policy
from .step_result import Reason, Start, Step, Trial
from .validation import as_choice, as_count, as_scalar

KL_TOO_LARGE = Reason.KL_TOO_LARGE
NO_IMPROVEMENT = Reason.NO_IMPROVEMENT


@quiet
def trust_region_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    epsilon: float,
    damping: float,
    backtrack: float = 0.8,
    max_backtracks: int = 10,
    cg_iterations: int = 10,
    direction: str = "new||old",
) -> Step:
    """Step along the natural direction, as far as the true KL and the surrogate allow.

    Parameters
    ----------
    epsilon : float
        The radius of the trust region: mean KL in nats, > 0.
    damping : float
        lambda >= 0, added to the diagonal of F for the direction; the length of the full step is
        measured with F itself.
    backtrack : float
        The ratio of each trial's alpha to the one before, between 0 and 1.
    max_backtracks : int
        The largest number of trials after the full step.
    cg_iterations : int
        The largest number of CG iterations, >= 1; each takes one product with F.
    direction : "new||old" or "old||new"
        The KL that is bounded: KL(pi_new || pi_old), or KL(pi_old || pi_new).

    Returns
    -------
    Step
        With all `trials`. theta is unchanged, and `reason` says why, if the gradient is zero, the
        curvature is not positive, or every trial was refused.

    Raises
    ------
    ValueError
        On bad arrays or numbers, and if the batch has no `logp`.

    Notes
    -----
    Implements: eq. (eq-line-search), chapter 9. Source: Schulman et al. (2015), who bound the
    KL old||new; `direction` does as they do.
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    backtrack = as_scalar("backtrack", backtrack, above=0.0, below=1.0)
    max_backtracks = as_count("max_backtracks", max_backtracks, at_least=0)
    cg_iterations = as_count("cg_iterations", cg_iterations, at_least=1)
    kl_direction = as_choice("direction", direction, DIRECTIONS)
    if batch.logp is None:
        raise ValueError("batch.logp is missing; the surrogate needs log pi_old(act|obs)")
    start = Start.of(policy, theta, batch, kl_direction=kl_direction)
    F = FisherOperator(policy, start.theta, batch, damping, linearized=start.linearized)
    if refused := start.refuse_gradient():
        return refused

    cg = conjugate_gradient(F, start.g, max_iter=cg_iterations)
    x, xFx = cg.x, cg.xAx - F.damping * float(cg.x @ cg.x)
    if _broke_down(cg):
        return start.refuse(x, Reason.CG_BROKE_DOWN.format(status=cg.status), cg)
    if not (xFx > 0 and np.isfinite(xFx)):
        return start.refuse(x, Reason.NO_CURVATURE, cg)
    trials: list[Trial] = []
    for j in range(max_backtracks + 1):
        alpha = float(np.sqrt(2 * epsilon / xFx)) * backtrack**j
        step = start.accept(x, alpha, cg=cg)
        trials.append(_judge(step, alpha, epsilon))
        if trials[-1].accepted:
            return replace(step, trials=tuple(trials))
    reason = Reason.ALL_REFUSED.format(n=len(trials), last=trials[-1].reason)
    return start.refuse(x, reason, cg, tuple(trials))


def _judge(step: Step, alpha: float, epsilon: float) -> Trial:
    """Return a step as a trial: whether it could be measured, stays in the region and improves."""
    gain = step.surrogate_gain
    if not step.accepted or gain is None:
        return Trial(alpha, np.nan, np.nan, False, step.reason)
    if step.kl > epsilon:
        return Trial(alpha, step.kl, gain, False, KL_TOO_LARGE)
    if not gain > 0:
        return Trial(alpha, step.kl, gain, False, NO_IMPROVEMENT)
    return Trial(alpha, step.kl, gain, True, Reason.ACCEPTED)


def _broke_down(cg: CGResult) -> bool:
    """Whether CG met what F cannot have, with the residual still above half the digits.

    Below that it may be rounding, and x is good already.
    """
    impossible = (Status.NEGATIVE_CURVATURE, Status.NOT_SYMMETRIC, Status.NOT_FINITE)
    solved = cg.residuals[-1] <= np.sqrt(coarsest_eps(cg.x)) * cg.residuals[0]
    return cg.status in impossible and not solved
