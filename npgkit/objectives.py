"""What a step tries to gain and what it costs: gradient, surrogate and mean KL on a batch.

With ratio_i = pi_theta(a_i|s_i) / pi_old(a_i|s_i), where pi_old made the batch,

    surrogate(theta) = sum_i w_i ratio_i adv_i,
    its gradient     = sum_i w_i ratio_i adv_i score_i   (grad J at theta_old, on an exact batch),
    mean KL          = sum_i w_i KL(pi_theta(.|s_i) || pi_old(.|s_i)), or its arguments exchanged.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .distributions import Categorical
from .floating import quiet
from .mdp import MDP, evaluate, occupancy
from .networks import Linearization
from .policy import Policy
from .validation import as_choice

DIRECTIONS = ("new||old", "old||new")


@quiet
def action_probabilities(policy: Policy, theta: np.ndarray, n_states: int) -> np.ndarray:
    """Return the table pi_theta(a|s) (S, A) of a policy over states with discrete actions.

    Raises
    ------
    ValueError
        If theta does not fit, or the actions are not discrete.
    """
    if not isinstance(policy.distribution, Categorical):
        raise ValueError(f"policy must have discrete actions; got {policy.distribution!r}")
    out = policy.linearize(theta, np.arange(n_states)).out
    return policy.distribution.probabilities(out)


@quiet
def exact_batch(mdp: MDP, policy: Policy, theta: np.ndarray) -> Batch:
    """Return the MDP under pi_theta as a batch: all (s, a), weighted by d(s) pi(a|s).

    `adv` holds A(s, a) / (1 - gamma), so that `policy_gradient` of the batch is grad J itself.
    Weights and advantages are float64; `logp` has the precision of theta, as the ratios to it will.

    Implements: eq. (eq-weighted-batch), chapter 1.

    Raises
    ------
    ValueError
        If theta or the policy does not fit the MDP.
    """
    pi = table_of(policy, theta, mdp)
    advantage = evaluate(mdp, pi).A / (1 - mdp.gamma)
    return table_batch(policy, theta, occupancy(mdp, pi)[:, None] * pi, advantage)


def table_of(policy: Policy, theta: np.ndarray, mdp: MDP) -> np.ndarray:
    """Return pi_theta(a|s) for the states of an MDP, computed in float64 as an MDP is solved."""
    theta = policy.as_theta("theta", theta).astype(np.float64, copy=False)
    return action_probabilities(policy, theta, mdp.n_states)


def table_batch(policy: Policy, theta: np.ndarray, weights: np.ndarray, adv: np.ndarray) -> Batch:
    """Return all pairs of a state and an action as a batch, from tables (S, A)."""
    S, A = weights.shape
    obs, act = np.repeat(np.arange(S), A), np.tile(np.arange(A), S)
    return Batch(obs, act, adv.ravel(), weights.ravel(), policy.logp(theta, obs, act))


@quiet
def policy_gradient(policy: Policy, theta: np.ndarray, batch: Batch) -> np.ndarray:
    """Return g (n_params,), the gradient of the surrogate at theta.

    At the theta that made the batch all ratios are 1 and g = sum_i w_i adv_i score_i: the policy
    gradient (Sutton et al., 2000), exact on an exact batch. Without `logp` in the batch, theta is
    assumed to have made it.

    Implements: eq. (eq-policy-gradient), chapter 1.
    """
    return gradient_at(policy, policy.linearize(theta, batch.obs), batch)


def gradient_at(policy: Policy, linearized: Linearization, batch: Batch) -> np.ndarray:
    """Return `policy_gradient`, given the policy's linearization at theta."""
    return linearized.vjp(output_gradient(policy, linearized, batch))


def output_gradient(policy: Policy, linearized: Linearization, batch: Batch) -> np.ndarray:
    """Return the gradient of the surrogate in the distribution's own parameters (n, n_outputs)."""
    pull = batch.weights * batch.adv
    if batch.logp is not None:
        pull = pull * _ratio(policy.distribution.logp(linearized.out, batch.act), batch)
    return pull[:, None] * policy.distribution.score(linearized.out, batch.act)


@quiet
def surrogate(policy: Policy, theta_new: np.ndarray, batch: Batch) -> float:
    """Return sum_i w_i ratio_i adv_i, in units of the advantages; inf or NaN where ratios overflow.

    Implements: eq. (eq-surrogate), chapter 1 (Schulman et al., 2015).

    Raises
    ------
    ValueError
        If the batch has no `logp`, since the ratio needs it.
    """
    if batch.logp is None:
        raise ValueError("batch.logp is missing; the surrogate needs log pi_old(act|obs)")
    logp = policy.logp(theta_new, batch.obs, batch.act)
    return float(np.sum(batch.weights * batch.adv * _ratio(logp, batch)))


def surrogate_gain_of_outputs(
    policy: Policy, new: np.ndarray, old: np.ndarray, batch: Batch
) -> float:
    """Return surrogate(new) - surrogate(old), given both policies' outputs."""
    logp = policy.distribution.logp
    change = _ratio(logp(new, batch.act), batch) - _ratio(logp(old, batch.act), batch)
    return float(np.sum(batch.weights * batch.adv * change))


@quiet
def mean_kl(
    policy: Policy,
    theta_new: np.ndarray,
    theta_old: np.ndarray,
    batch: Batch,
    direction: str = "new||old",
) -> float:
    """Return the KL divergence between new and old policy, in nats, averaged over the batch.

    `direction` is "new||old", KL(pi_new || pi_old), or "old||new".
    Implements: eq. (eq-mean-kl), chapter 3.
    """
    as_choice("direction", direction, DIRECTIONS)
    new = policy.linearize(policy.as_theta("theta_new", theta_new), batch.obs).out
    old = policy.linearize(policy.as_theta("theta_old", theta_old), batch.obs).out
    return mean_kl_of_outputs(policy, new, old, batch, direction)


def mean_kl_of_outputs(
    policy: Policy, new: np.ndarray, old: np.ndarray, batch: Batch, kl_direction: str
) -> float:
    """Return `mean_kl`, given both policies' outputs."""
    p, q = (new, old) if kl_direction == "new||old" else (old, new)
    return float(np.sum(batch.weights * policy.distribution.kl(p, q)))


@quiet
def kl_gradient(
    policy: Policy,
    theta_new: np.ndarray,
    theta_old: np.ndarray,
    batch: Batch,
    direction: str = "new||old",
) -> np.ndarray:
    """Return the gradient of `mean_kl` with respect to theta_new (n_params,)."""
    as_choice("direction", direction, DIRECTIONS)
    new = policy.linearize(policy.as_theta("theta_new", theta_new), batch.obs)
    old = policy.linearize(policy.as_theta("theta_old", theta_old), batch.obs).out
    return kl_gradient_at(policy, new, old, batch, direction)


def kl_gradient_at(
    policy: Policy, linearized: Linearization, old: np.ndarray, batch: Batch, kl_direction: str
) -> np.ndarray:
    """Return `kl_gradient`, given the new policy's linearization and the old one's outputs."""
    if kl_direction == "new||old":
        by_new, _ = policy.distribution.kl_gradients(linearized.out, old)
    else:
        _, by_new = policy.distribution.kl_gradients(old, linearized.out)
    return linearized.vjp(batch.weights[:, None] * by_new)


def _ratio(logp: np.ndarray, batch: Batch) -> np.ndarray:
    return np.exp(logp - batch.logp)
