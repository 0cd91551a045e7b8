"""The step that maximises the surrogate, and not its linear model, under a bound on the KL.

    max surrogate(theta + Delta)   s.t.   mean KL <= epsilon.

Objective and constraint are functions of the policy alone, so the policy that solves it does not
depend on coordinates, bent ones included. In a table it has a closed form; elsewhere it is searched
for on the boundary of the KL ball.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .distributions import Categorical
from .floating import quiet
from .kl_problem import Outcome
from .networks import Linear, Network, Table
from .objectives import DIRECTIONS, gradient_at, kl_gradient_at
from .policy import AffineChart, InCoordinates, Policy
from .reweighting import reweight
from .step_result import Reason, Start, Step
from .surrogate_problem import SurrogateProblem
from .validation import as_choice, as_scalar
from .whitened import Whitened


@quiet
def surrogate_kl_step(
    policy: Policy,
    theta: np.ndarray,
    batch: Batch,
    *,
    epsilon: float,
    direction: str = "new||old",
) -> Step:
    """Step to the maximum of the surrogate subject to mean KL <= epsilon.

    Unlike `kl_step`, whose objective is linear, it gives the same policy in all coordinates. Where
    the logits are linear in theta and free in each state of the batch (a table, a table in affine
    coordinates, a linear softmax with more features than states), the new policy is
    pi exp(G / tau) / Z, or for old||new pi tau / (nu - G): the global maximum, with the KL equal to
    epsilon. Any other policy is searched as in `kl_step`, which may end in a local maximum; it may
    lie within the ball, with multiplier 0 and a KL below epsilon.

    G(s, a) is what the batch's rows of s and a say of the action: their advantages, weighted, over
    the weight of s and pi(a|s). Rows of one state are added up; an action that no row of its state
    holds counts as one of advantage 0; states that no row holds count for nothing.

    Both numbers of the result are float64, whatever the precision of theta, and there is no
    movement along directions that do not change the policy. For new||old the KL of giving up all
    actions but the best is finite; from that radius on no theta is best, theta is unchanged and the
    reason says so.

    Parameters
    ----------
    epsilon : float
        The KL radius in nats, > 0.
    direction : "new||old" or "old||new"
        KL(pi_new || pi_old), or KL(pi_old || pi_new).

    Returns
    -------
    Step
        With `multiplier` tau, the gain in return a nat, and `kkt_residual`, by how much
        grad surrogate = tau grad KL is missed, relative to grad surrogate (within the ball, where
        that is 0, relative to the gradient at theta).

    Raises
    ------
    ValueError
        On bad arrays, epsilon <= 0, an unknown direction, and if the batch has no `logp` or has
        `outputs`: the ball is that around theta.

    Notes
    -----
    Implements: eq. (eq-surrogate-problem), chapter 3.

    Examples
    --------
    A coin that pays 1 for heads, fair at first: the odds of heads become exp(1 / tau).

    >>> import numpy as np
    >>> import npgkit
    >>> coin, policy = npgkit.bandit([1, 0]), npgkit.sigmoid_tabular(1)
    >>> theta = np.zeros(1)
    >>> batch = npgkit.exact_batch(coin, policy, theta)
    >>> step = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=0.02)
    >>> step
    Step(kl=0.02, predicted_gain=0.101, accepted)
    >>> np.allclose(step.theta, 1 / step.multiplier)
    True
    """
    epsilon = as_scalar("epsilon", epsilon, above=0.0)
    kl_direction = as_choice("direction", direction, DIRECTIONS)
    if batch.logp is None:
        raise ValueError("batch.logp is missing; the surrogate needs log pi_old(act|obs)")
    if batch.outputs is not None:
        raise ValueError(
            "batch.outputs must be left out; the KL ball of surrogate_kl_step is around theta"
        )
    start = Start.of(policy, theta, batch, dtype=np.float64, kl_direction=kl_direction)
    if refused := start.refuse_gradient():
        return refused
    return _in_a_table(start, epsilon) or _on_the_boundary(start, epsilon)


def _in_a_table(start: Start, epsilon: float) -> Step | None:
    """Return the step by the closed form, or None where probabilities are not free."""
    policy, batch, out = start.policy, start.batch, start.linearized.out
    if not (isinstance(policy.distribution, Categorical) and _is_affine(policy.network)):
        return None
    _, first, state = np.unique(batch.obs, axis=0, return_index=True, return_inverse=True)
    weights = np.bincount(state.ravel(), batch.weights.astype(np.float64))
    seen = weights > 0
    if np.sum(seen) * (out.shape[1] - 1) > policy.n_params:
        return None
    pi = policy.distribution.probabilities(out)[np.arange(len(batch)), batch.act]
    ratio = np.exp(policy.distribution.logp(out, batch.act) - batch.logp)
    G = np.zeros((len(weights), out.shape[1]))
    np.add.at(G, (state.ravel(), batch.act), batch.weights * batch.adv * ratio / pi)
    G = G[seen] / weights[seen, None]
    if not np.isfinite(G).all():
        return start.refuse(np.zeros_like(start.g), Reason.GRADIENT_NOT_FINITE)
    states = first[seen]
    new = reweight(out[states], G, weights[seen], epsilon, start.kl_direction)
    Delta = _move_logits(start, states, new.log_ratio)
    if Delta is None:
        return None
    if new.status != Outcome.SOLVED:
        return start.refuse(Delta, new.status)
    return _accept(start, Delta, new.multiplier)


def _on_the_boundary(start: Start, epsilon: float) -> Step:
    """Return the step by a search in the coordinates in which F is the identity."""
    near = Whitened.around(start)
    found = SurrogateProblem(
        near.gain, near.gain_gradient, near.divergence, near.gradient, epsilon, near.root.shape[1]
    ).solve()
    if found.status != Outcome.SOLVED:
        return start.refuse(near.root @ found.z, found.status)
    return start.accept(
        near.root @ found.z,
        1.0,
        multiplier=found.multiplier,
        kkt_residual=found.kkt_residual,
    )


def _move_logits(start: Start, states: np.ndarray, change: np.ndarray) -> np.ndarray | None:
    """Return the least Delta that adds `change` (k, A), up to a constant a state, to the logits.

    `states` are the rows of the batch in which the states are seen first. None if the logits of
    these states are not free.
    """
    centred = change - change.mean(axis=1, keepdims=True)
    policy, obs = start.policy, start.batch.obs[states]
    if isinstance(policy.network, Table):
        Delta = np.zeros((policy.network.n_states, change.shape[1]))
        Delta[obs] = centred
        return Delta.ravel()
    k, A = change.shape
    at = policy.linearize(start.theta, obs)
    J = np.stack([at.per_row(np.broadcast_to(e, (k, A))) for e in np.eye(A)], axis=1)
    J = (J - J.mean(axis=1, keepdims=True)).reshape(k * A, -1)
    Delta, _, rank, _ = np.linalg.lstsq(J, centred.ravel(), rcond=1e-10)
    return Delta if rank == k * (A - 1) else None


def _accept(start: Start, Delta: np.ndarray, multiplier: float) -> Step:
    """Return the step, with the residual of the KKT conditions measured after it."""
    policy, batch = start.policy, start.batch
    new = policy.linearize(start.theta + Delta, batch.obs)
    uphill = gradient_at(policy, new, batch)
    normal = kl_gradient_at(policy, new, start.linearized.out, batch, start.kl_direction)
    missed = np.linalg.norm(uphill - multiplier * normal)
    return start.accept(
        Delta,
        1.0,
        multiplier=multiplier,
        kkt_residual=float(missed / np.linalg.norm(uphill)),
    )


def _is_affine(network: Network) -> bool:
    """Whether the outputs are linear in theta, up to a constant."""
    if isinstance(network, InCoordinates):
        return isinstance(network.chart, AffineChart) and _is_affine(network.network)
    return isinstance(network, Table | Linear)
