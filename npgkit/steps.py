"""The Euclidean, KL and natural steps: each takes theta to a new theta and says how it went.

With g the policy gradient and F the Fisher matrix at theta,

    Euclidean   max g.Delta   s.t.  norm(Delta) <= radius            Delta = alpha g
    KL          max g.Delta   s.t.  mean KL <= epsilon               solved exactly
    natural     max g.Delta   s.t.  Delta'F Delta / 2 <= epsilon     Delta = alpha F^-1 g.

A step that cannot be made returns theta unchanged and the reason; it never returns NaN.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .cg import conjugate_gradient
from .fisher import FisherOperator
from .floating import quiet
from .kl_problem import KLProblem, Outcome
from .objectives import DIRECTIONS
from .policy import Policy
from .step_result import Reason, Start, Step
from .validation import as_choice, as_scalar
from .whitened import Whitened, inverse_root


@quiet
def euclidean_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    alpha: float | None = None,
    radius: float | None = None,
) -> Step:
    """Step along the gradient: theta + alpha g, or of the given length: radius g / norm(g).

    Exactly one of `alpha` (>= 0) and `radius` (> 0) is given; `alpha = radius / norm(g)` makes them
    the same step.

    Implements: eq. (eq-euclidean-step), chapter 2.

    Raises
    ------
    ValueError
        On bad arrays, and unless one of alpha and radius is given.
    """
    if (alpha is None) == (radius is None):
        raise ValueError(f"give one of alpha and radius; got alpha={alpha!r}, radius={radius!r}")
    start = Start.of(policy, theta, batch)
    if refused := start.refuse_gradient():
        return refused
    if radius is not None:
        alpha = as_scalar("radius", radius, above=0.0) / float(np.linalg.norm(start.g))
    return start.accept(start.g, as_scalar("alpha", alpha, at_least=0.0))


@quiet
def natural_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    epsilon: float,
    damping: float = 0.0,
    solver: str = "cg",
    cg_iterations: int | None = None,
) -> Step:
    """Step along the natural gradient x = (F + damping I)^-1 g, with quadratic KL equal to epsilon.

    alpha = sqrt(2 epsilon / x'Fx), with the undamped F, so that alpha^2 x'Fx / 2 = epsilon whatever
    the damping and however early CG stopped. With neither, alpha = sqrt(2 epsilon / g'F^-1 g).

    Parameters
    ----------
    epsilon : float
        The KL radius in nats, > 0.
    damping : float
        lambda >= 0, in units of F.
    solver : "cg" or "dense"
        Conjugate gradients on Fisher-vector products; or the pseudo-inverse of F as a matrix. Both
        give the solution of least norm where F is singular.
    cg_iterations : int, optional
        Stop CG after this many iterations, as is usual in practice. When left out the system is
        solved as far as the precision allows; if it cannot be, the step is not accepted.

    Raises
    ------
    ValueError
        On bad arrays, epsilon <= 0, negative damping, or an unknown solver.

    Notes
    -----
    Implements: eq. (eq-natural-step), chapter 5. Source: Kakade (2001).

    Examples
    --------
    A coin that pays 1 for heads: p = 1/(1 + exp(-theta)) is the chance of heads, and at theta = 0
    the gradient is g = p (1 - p) = 1/4 and F = p (1 - p) = 1/4. So x = g / F = 1, and with
    alpha = sqrt(2 epsilon / x'Fx) = sqrt(8 epsilon) the chance of heads rises to 1/(1 + exp(-.4)):

    >>> import numpy as np
    >>> import npgkit
    >>> coin, policy = npgkit.bandit([1, 0]), npgkit.sigmoid_tabular(1)
    >>> theta = np.zeros(1)
    >>> batch = npgkit.exact_batch(coin, policy, theta)
    >>> step = npgkit.natural_step(policy, theta, batch, epsilon=0.02)
    >>> step
    Step(kl=0.0196, predicted_gain=0.1, accepted)
    >>> step.theta.round(6), round(step.alpha, 6)
    (array([0.4]), 0.4)
    >>> npgkit.action_probabilities(policy, step.theta, 1).round(4)
    array([[0.5987, 0.4013]])
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    as_choice("solver", solver, ("cg", "dense"))
    start = Start.of(policy, theta, batch)
    g, F = start.g, FisherOperator(policy, theta, batch, damping, linearized=start.linearized)
    if refused := start.refuse_gradient():
        return refused
    cg = None
    if solver == "cg":
        cg = conjugate_gradient(F, g, max_iter=cg_iterations)
        if cg_iterations is None and not cg.is_usable:
            return start.refuse(cg.x, Reason.CG_NOT_CONVERGED.format(status=cg.status), cg)
        x, xFx = cg.x, cg.xAx - F.damping * float(cg.x @ cg.x)
    else:
        root = inverse_root(F.dense())
        x = root @ (root.T @ g)
        xFx = float(g @ x) - F.damping * float(x @ x)
    if not (xFx > 0 and np.isfinite(xFx)):
        return start.refuse(x, Reason.NO_CURVATURE, cg)
    return start.accept(x, float(np.sqrt(2 * epsilon / xFx)), cg=cg)


@quiet
def kl_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    epsilon: float,
    direction: str = "new||old",
) -> Step:
    """Step to the solution of the KL-constrained problem: max g.Delta s.t. mean KL <= epsilon.

    An exact reference for `natural_step`; it forms F, so it is only for small problems. The KL is
    epsilon to eight digits and the KKT residual is in the result; both are float64, as the step is,
    whatever the precision of theta. There is no movement along directions that do not change the
    policy (the step of least norm). The ball of KL(new || old) need not be bounded; where the
    problem has no solution, theta is unchanged and the reason says so.

    Parameters
    ----------
    epsilon : float
        The KL radius in nats, > 0.
    direction : "new||old" or "old||new"
        KL(pi_new || pi_old), or KL(pi_old || pi_new).

    Raises
    ------
    ValueError
        On bad arrays, epsilon <= 0, an unknown direction, or a batch with `outputs`: the ball is
        that around theta.

    Notes
    -----
    Implements: eq. (eq-kl-problem), chapter 3.
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    kl_direction = as_choice("direction", direction, DIRECTIONS)
    if batch.outputs is not None:
        raise ValueError("batch.outputs must be left out; the KL ball of kl_step is around theta")
    start = Start.of(policy, theta, batch, dtype=np.float64, kl_direction=kl_direction)
    if refused := start.refuse_gradient():
        return refused
    near = Whitened.around(start)
    root, slope = near.root, near.root.T @ start.g
    problem = KLProblem(slope, near.divergence, near.gradient, epsilon)
    found = problem.solve(_single_output_turns(start, root, slope))
    if found.status != Outcome.SOLVED:
        return start.refuse(root @ found.z, found.status)
    return start.accept(
        root @ found.z,
        1.0,
        multiplier=found.multiplier,
        kkt_residual=found.kkt_residual,
    )


def _single_output_turns(start: Start, root: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return directions (k, m) that move one output of one row, and the others as little as can be.

    Only those along which the objective rises, the steepest first. Where the KL ball of a table is
    unbounded it is so along one of these: the probability of one action goes to 0 (chapter 3).
    """
    linearized, M = start.linearized, start.policy.distribution.fisher_product
    units = [np.broadcast_to(e, linearized.out.shape) for e in np.eye(linearized.out.shape[1])]
    rows = np.vstack([linearized.per_row(M(linearized.out, unit)) for unit in units]) @ root
    length = np.linalg.norm(rows, axis=1)
    rows = np.unique((rows[length > 0] / length[length > 0, None]).round(12), axis=0)
    rows = rows * np.sign(rows @ g)[:, None]
    return rows[np.argsort(-(rows @ g))]
