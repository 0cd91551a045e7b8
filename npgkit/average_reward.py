"""Average reward: what a policy earns per step in the long run, without a discount.

If the chain P_pi has one closed class, its shares of time tend to one
distribution rho whatever the start:

    rho P_pi = rho,   J_bar = rho . R_pi,   h - P_pi h = R_pi - J_bar,   rho . h = 0,

and with A(s, a) = R(s, a) - J_bar + sum_s' P(s, a, s') h(s') - h(s) the gradient of J_bar is
sum_s,a rho(s) pi(a|s) A(s, a) score(s, a) (Sutton et al., 2000). That is a weighted batch:
`policy_gradient`, `FisherOperator` and the steps take it as they take any other.

The discount and the distribution of the first state that an `MDP` holds are ignored here.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .floating import quiet
from .mdp import MDP, Values, chain
from .objectives import table_batch, table_of
from .policy import Policy
from .validation import as_distribution


@quiet
def stationary(P_pi: np.ndarray) -> np.ndarray:
    """Return rho (S,), the share of time that the chain P_pi (S, S) spends in each state.

    By the elimination of Grassmann, Taksar and Heyman (1985), which never subtracts, so that a
    share of 1e-12 has as many correct digits as one of 1/2. Transient states get 0.

    Implements: eq. (eq-stationary), chapter 7.

    Raises
    ------
    ValueError
        If P_pi is not square, its rows are not distributions, or the chain has more than one closed
        class, so that the share of time depends on the start.
    """
    P = as_distribution("P_pi", P_pi, ("S", "S"))
    S = len(P)
    if P.shape != (S, S) or S == 0:
        raise ValueError(f"P_pi must be square, with at least one state; got shape {P.shape}")
    kept = _closed_class(P)
    rho = np.zeros(S, P.dtype)
    rho[kept] = _eliminate(P[np.ix_(kept, kept)])
    return rho


@quiet
def average_reward(mdp: MDP, pi: np.ndarray) -> float:
    """Return J_bar = rho . R_pi, the reward per step of `pi` (S, A) in the long run.

    Implements: eq. (eq-average-reward), chapter 7.

    Raises
    ------
    ValueError
        If `pi` is not (S, A), its rows are not distributions, or its chain has more than one closed
        class.
    """
    pi, P_pi, R_pi = chain(mdp, pi)
    return float(stationary(P_pi) @ R_pi)


@quiet
def differential_values(mdp: MDP, pi: np.ndarray) -> Values:
    """Return h (S,) as `V`, and Q and A = Q - h (S, A), in units of reward.

    h(s) is the expected sum of R - J_bar over all steps from s on, with rho . h = 0. (Where the
    chain is periodic the sum oscillates, and h(s) is its average over the number of steps.)

    Implements: eq. (eq-poisson), chapter 7.

    Raises
    ------
    ValueError
        As `average_reward` does.
    """
    pi, P_pi, R_pi = chain(mdp, pi)
    return _differential(mdp, P_pi, R_pi, stationary(P_pi))


@quiet
def average_batch(mdp: MDP, policy: Policy, theta: np.ndarray) -> Batch:
    """Return the MDP under pi_theta as a batch: all (s, a), weighted by rho(s) pi(a|s).

    `adv` holds the differential advantages, so that `policy_gradient` of the batch is grad J_bar
    and `FisherOperator` averages over rho.

    Implements: eq. (eq-average-gradient), chapter 7.

    Raises
    ------
    ValueError
        If theta or the policy does not fit the MDP, or the chain has more than one closed class.
    """
    pi, P_pi, R_pi = chain(mdp, table_of(policy, theta, mdp))
    rho = stationary(P_pi)
    advantage = _differential(mdp, P_pi, R_pi, rho).A
    return table_batch(policy, theta, rho[:, None] * pi, advantage)


def _differential(mdp: MDP, P_pi: np.ndarray, R_pi: np.ndarray, rho: np.ndarray) -> Values:
    J_bar = rho @ R_pi
    h = np.linalg.solve(np.eye(mdp.n_states) - P_pi + rho, R_pi - J_bar)
    Q = mdp.R - J_bar + mdp.P @ h
    return Values(h, Q, Q - h[:, None])


def _closed_class(P: np.ndarray) -> np.ndarray:
    """Return the states of the one class that the chain cannot leave (k,)."""
    if (P > 0).all():
        return np.arange(len(P))
    reaches = (P > 0) | np.eye(len(P), dtype=bool)
    for _ in range(len(P).bit_length()):  # paths of length 1, 2, 4, ...
        reaches = (reaches.astype(float) @ reaches) > 0
    # A state lies in a closed class if every state it reaches leads back to it.
    classes = np.unique(reaches[(~reaches | reaches.T).all(axis=1)], axis=0)
    if len(classes) > 1:
        raise ValueError(
            f"P_pi has {len(classes)} closed classes of states, so where the time is spent depends "
            f"on the start; the average reward needs one"
        )
    return np.flatnonzero(classes[0])


def _eliminate(P: np.ndarray) -> np.ndarray:
    """Return the stationary distribution of an irreducible chain: states go one by one.

    Eliminating a state adds its two-step paths to the transitions between the others. Put back in
    reverse order, it gets what flows into it over the probability of leaving it.
    """
    P = P.copy()
    S = len(P)
    for n in range(S - 1, 0, -1):
        P[:n, n] /= P[n, :n].sum()
        P[:n, :n] += np.outer(P[:n, n], P[n, :n])
    rho = np.ones(S, P.dtype)
    for n in range(1, S):
        rho[n] = rho[:n] @ P[:n, n]
    return rho / rho.sum()
