"""Finite Markov decision processes, solved exactly.

With P_pi(s, s') = sum_a pi(a|s) P(s, a, s') and R_pi(s) = sum_a pi(a|s) R(s, a),

    V = (I - gamma P_pi)^-1 R_pi,        d = (1 - gamma) (I - gamma P_pi')^-1 rho,

and the return J = rho . V = d . R_pi / (1 - gamma). V and d take one linear solve each.

An MDP is solved in float64, whatever the precision of its tables and of the policy: a rounding
error in a row of P_pi is amplified by 1 / (1 - gamma) in V and d.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .floating import quiet
from .validation import as_distribution, as_floats, as_generator, as_scalar


@dataclass(frozen=True, eq=False)
class MDP:
    """A finite discounted Markov decision process.

    In state s an action a pays R(s, a) in expectation and leads to state s' with probability
    P(s, a, s'). The tables are kept in float64.

    Parameters
    ----------
    P : array (S, A, S)
        Transition probabilities P[s, a, s'].
    R : array (S, A)
        Expected reward of taking action a in state s.
    gamma : float
        Discount factor, 0 <= gamma < 1.
    rho : array (S,)
        Distribution of the first state.

    Raises
    ------
    ValueError
        On wrong shapes, entries that are not finite, rows that are not distributions, gamma
        outside [0, 1).

    Examples
    --------
    A machine is new (state 0) or worn (1); one may run it (action 0) or replace it (1). Run, a new
    one earns 6 and is worn afterwards with probability 1/2; a worn one earns 2 and stays worn.
    Replacing costs 3, and the machine is new at the next step.

    >>> import npgkit
    >>> P = [[[0.5, 0.5], [1, 0]], [[0, 1], [1, 0]]]
    >>> machine = npgkit.MDP(P, R=[[6, -3], [2, -3]], gamma=0.8, rho=[1, 0])

    Run until worn out, it earns V(1) = 2 / (1 - .8) = 10 from the worn state, and from the new one
    V(0) = 6 + .8 (V(0) + V(1)) / 2 = 50/3:

    >>> run = [[1, 0], [1, 0]]
    >>> npgkit.evaluate(machine, run).V.round(3)
    array([16.667, 10.   ])

    Its advantage A(1, 1) = -3 + .8 (50/3) - 10 = 1/3 is positive: a worn machine is replaced.

    >>> best, values = npgkit.optimal(machine)
    >>> best
    array([[1., 0.],
           [0., 1.]])
    >>> values.V.round(3)
    array([17.143, 10.714])
    """

    P: np.ndarray
    R: np.ndarray
    gamma: float
    rho: np.ndarray

    @quiet
    def __post_init__(self) -> None:
        R = as_floats("R", self.R, ("S", "A"))
        S, A = R.shape
        if S == 0 or A == 0:
            raise ValueError(f"R must have at least one state and one action; got shape {R.shape}")
        checked = {
            "R": R.astype(np.float64, copy=False),
            "P": as_distribution("P", self.P, (S, A, S), dtype=np.float64),
            "gamma": as_scalar("gamma", self.gamma, at_least=0.0, below=1.0),
            "rho": as_distribution("rho", self.rho, (S,), dtype=np.float64),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def n_states(self) -> int:
        """S, the number of states."""
        return self.R.shape[0]

    @property
    def n_actions(self) -> int:
        """A, the number of actions."""
        return self.R.shape[1]

    def __repr__(self) -> str:
        return f"MDP(S={self.n_states}, A={self.n_actions}, gamma={self.gamma:g})"


@dataclass(frozen=True, eq=False)
class Values:
    """Values of a policy, in units of discounted return: V (S,), Q (S, A) and A = Q - V (S, A)."""

    V: np.ndarray
    Q: np.ndarray
    A: np.ndarray


def chain(mdp: MDP, pi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `pi` (S, A) checked and in float64, P_pi (S, S) and R_pi (S,)."""
    pi = as_distribution("pi", pi, (mdp.n_states, mdp.n_actions), dtype=np.float64)
    return pi, np.einsum("sa,sat->st", pi, mdp.P), np.einsum("sa,sa->s", pi, mdp.R)


@quiet
def evaluate(mdp: MDP, pi: np.ndarray) -> Values:
    """Solve Bellman's equations of the policy `pi` (S, A).

    Implements: eq. (eq-bellman), chapter 1.

    Raises
    ------
    ValueError
        If `pi` is not (S, A) or its rows are not distributions.
    """
    _, P_pi, R_pi = chain(mdp, pi)
    V = np.linalg.solve(np.eye(mdp.n_states) - mdp.gamma * P_pi, R_pi)
    Q = mdp.R + mdp.gamma * mdp.P @ V
    return Values(V, Q, Q - V[:, None])


@quiet
def occupancy(mdp: MDP, pi: np.ndarray) -> np.ndarray:
    """Return d (S,), the discounted share of time that `pi` (S, A) spends in each state; sums to 1.

    Implements: eq. (eq-occupancy), chapter 1.

    Raises
    ------
    ValueError
        If `pi` is not (S, A) or its rows are not distributions.
    """
    _, P_pi, _ = chain(mdp, pi)
    return np.linalg.solve(np.eye(mdp.n_states) - mdp.gamma * P_pi.T, (1 - mdp.gamma) * mdp.rho)


@quiet
def expected_return(mdp: MDP, pi: np.ndarray) -> float:
    """Return J(pi) = rho . V, the expected discounted return of `pi` (S, A).

    Implements: eq. (eq-return), chapter 1.

    Raises
    ------
    ValueError
        If `pi` is not (S, A) or its rows are not distributions.
    """
    return float(mdp.rho @ evaluate(mdp, pi).V)


@quiet
def optimal(mdp: MDP) -> tuple[np.ndarray, Values]:
    """Return an optimal deterministic policy (S, A) and its values, by policy iteration.

    Each sweep acts greedily on the values of the last policy and keeps the old action where no
    other is better by more than rounding, so that ties cannot make it cycle (Howard, 1960).
    Rounding is measured by the values themselves, so that the unit of the rewards does not matter:
    a backward-stable solve errs by a few S eps, and I - gamma P_pi multiplies that by at most
    (1 + gamma) / (1 - gamma).
    """
    share = 8 * mdp.n_states * np.finfo(np.float64).eps * (1 + mdp.gamma) / (1 - mdp.gamma)
    action = np.zeros(mdp.n_states, dtype=int)
    while True:
        pi = np.eye(mdp.n_actions)[action]
        values = evaluate(mdp, pi)
        rounding = share * float(np.abs(values.Q).max())
        improved = np.where(values.A.max(axis=1) > rounding, values.A.argmax(axis=1), action)
        if np.array_equal(improved, action):
            return pi, values
        action = improved


def two_rooms(gamma: float = 0.9, start: float = 0.8) -> MDP:
    """Return the book's running example: two rooms, each with the actions stay (0) and cross (1).

    Staying pays 1 in the poor room (state 0) and 2 in the rich room (state 1); crossing pays 0 and
    always succeeds. The first state is the poor room with probability `start`. The rooms follow the
    two-state example of Kakade (2001), with a discount.
    """
    start = as_scalar("start", start, at_least=0.0, at_most=1.0)
    stay, cross = np.eye(2), np.eye(2)[::-1]
    return MDP(
        P=np.stack([stay, cross], axis=1),
        R=np.array([[1.0, 0.0], [2.0, 0.0]]),
        gamma=gamma,
        rho=np.array([start, 1.0 - start]),
    )


def bandit(rewards: np.ndarray) -> MDP:
    """Return a bandit: one state, one action for each entry of `rewards` (A,), no discounting."""
    rewards = as_floats("rewards", rewards, ("A",))
    return MDP(P=np.ones((1, len(rewards), 1)), R=rewards[None], gamma=0.0, rho=np.ones(1))


def random_mdp(S: int, A: int, gamma: float, rng: np.random.Generator) -> MDP:
    """Return an MDP with transition rows uniform on the simplex and rewards uniform on [0, 1]."""
    rng = as_generator("rng", rng)
    return MDP(
        P=rng.dirichlet(np.ones(S), size=(S, A)),
        R=rng.uniform(size=(S, A)),
        gamma=gamma,
        rho=rng.dirichlet(np.ones(S)),
    )
