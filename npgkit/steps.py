"""The steps of the book: each takes theta to a new theta and says how it went.

Layer 4. With g the policy gradient and F the Fisher matrix at theta,

    Euclidean   max g.Delta   s.t.  norm(Delta) <= radius            Delta = alpha g
    KL          max g.Delta   s.t.  mean KL <= epsilon               solved itself
    natural     max g.Delta   s.t.  Delta'F Delta / 2 <= epsilon     Delta = alpha F^-1 g.

A step that cannot be made returns theta unchanged and the reason; it never returns NaN.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .cg import conjugate_gradient
from .fisher import FisherOperator
from .kl_problem import SOLVED, KLProblem
from .networks import Linearization
from .objectives import DIRECTIONS, kl_gradient_at, mean_kl_of_outputs
from .policy import Policy
from .step_result import NO_CURVATURE, ZERO_GRADIENT, Start, Step
from .validation import as_choice, as_scalar


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

    Raises `ValueError` on bad arrays, and unless one of alpha and radius is given.
    Implements: eq. (eq-euclidean-step), chapter 2.
    """
    if (alpha is None) == (radius is None):
        raise ValueError(f"give one of alpha and radius; got alpha={alpha!r}, radius={radius!r}")
    start = Start.of(policy, theta, batch)
    if start.has_no_gradient():
        return start.refuse(start.g, ZERO_GRADIENT)
    if radius is not None:
        alpha = as_scalar("radius", radius, above=0.0) / float(np.linalg.norm(start.g))
    return start.accept(start.g, as_scalar("alpha", alpha, at_least=0.0))


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
        Conjugate gradients on Fisher-vector products; or F formed, and its pseudo-inverse. Both
        give the solution of least norm where F is singular.
    cg_iterations : int, optional
        Stop CG after so many iterations, as practice does. When left out the system is solved, and
        a step whose system cannot be solved is not accepted.

    Raises
    ------
    ValueError
        On bad arrays, epsilon <= 0, negative damping, or an unknown solver.

    Notes
    -----
    Implements: eq. (eq-natural-step), chapter 5. Source: Kakade (2001).
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    as_choice("solver", solver, ("cg", "dense"))
    start = Start.of(policy, theta, batch)
    g, F = start.g, FisherOperator(policy, theta, batch, damping, linearized=start.at)
    if start.has_no_gradient():
        return start.refuse(g, ZERO_GRADIENT)
    cg = None
    if solver == "cg":
        cg = conjugate_gradient(F, g, max_iter=cg_iterations)
        if not cg.converged and cg_iterations is None:
            return start.refuse(cg.x, f"conjugate gradients did not converge ({cg.status})", cg)
        x, xFx = cg.x, cg.xAx - F.damping * float(cg.x @ cg.x)
    else:
        root = _inverse_root(F.dense())
        x = root @ (root.T @ g)
        xFx = float(g @ x) - F.damping * float(x @ x)
    if not (xFx > 0 and np.isfinite(xFx)):
        return start.refuse(x, NO_CURVATURE, cg)
    return start.accept(x, float(np.sqrt(2 * epsilon / xFx)), cg=cg)


def kl_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    epsilon: float,
    direction: str = "new||old",
) -> Step:
    """Step to the solution of the KL-constrained problem: max g.Delta s.t. mean KL <= epsilon.

    The ruler for the natural step, in any small dimension (F is formed): the KL is epsilon to eight
    digits and the KKT residual is in the result. Directions that do not change the policy are left
    alone (the step of least norm). The ball of KL(new || old) need not be bounded; where the
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
        On bad arrays, epsilon <= 0, or an unknown direction.

    Notes
    -----
    Implements: eq. (eq-kl-problem), chapter 3.
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    as_choice("direction", direction, DIRECTIONS)
    start = Start.of(policy, np.asarray(theta, np.float64), batch)
    at, theta, g = start.at, start.theta, start.g
    if start.has_no_gradient():
        return start.refuse(g, ZERO_GRADIENT)
    root = _inverse_root(FisherOperator(policy, theta, batch, linearized=at).dense())

    def divergence(z: np.ndarray) -> float:
        new = policy.linearize(theta + root @ z, batch.obs).out
        return mean_kl_of_outputs(policy, new, at.out, batch, direction)

    def gradient(z: np.ndarray) -> np.ndarray:
        new = policy.linearize(theta + root @ z, batch.obs)
        return root.T @ kl_gradient_at(policy, new, at.out, batch, direction)

    with np.errstate(over="ignore", invalid="ignore"):
        slope = root.T @ g
        problem = KLProblem(slope, divergence, gradient, epsilon)
        found = problem.solve(_single_output_turns(policy, at, batch, root, slope))
    if found.status != SOLVED:
        return start.refuse(root @ found.z, found.status)
    return start.accept(
        root @ found.z,
        1.0,
        direction,
        multiplier=found.multiplier,
        kkt_residual=found.kkt_residual,
    )


def _single_output_turns(
    policy: Policy, at: Linearization, batch: Batch, root: np.ndarray, g: np.ndarray
) -> np.ndarray:
    """Return the directions that move one output of one row as nearly alone as the policy can.

    Only those that gain, the steepest first. Where the KL ball of a table is endless it is endless
    along one of these: the probability of one action goes to 0 (chapter 3).
    """
    M = policy.distribution.fisher_product
    units = [np.broadcast_to(e, at.out.shape) for e in np.eye(at.out.shape[1])]
    rows = np.vstack([at.per_row(M(at.out, unit)) for unit in units]) @ root
    length = np.linalg.norm(rows, axis=1)
    rows = np.unique((rows[length > 0] / length[length > 0, None]).round(12), axis=0)
    rows = rows * np.sign(rows @ g)[:, None]
    return rows[np.argsort(-(rows @ g))]


def _inverse_root(F: np.ndarray) -> np.ndarray:
    """Return R with R R' = F^+, one column for each direction in which F is not zero."""
    curvature, axes = np.linalg.eigh(F)
    kept = curvature > max(len(F), 10) * np.finfo(F.dtype).eps * curvature[-1]
    return axes[:, kept] / np.sqrt(curvature[kept])
