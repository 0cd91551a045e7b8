"""Average reward: stationary distributions, differential values, and the batch made of them."""

from __future__ import annotations

import numpy as np
import pytest

import npgkit
from npgkit.average_reward import (
    average_batch,
    average_reward,
    differential_values,
    stationary,
)

EPS = float(np.finfo(float).eps)


def random_chain(S: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(S), size=S)


@pytest.fixture
def mdp() -> npgkit.MDP:
    return npgkit.random_mdp(6, 3, 0.9, np.random.default_rng(0))


@pytest.fixture
def pi(mdp: npgkit.MDP) -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(3), size=6)


@pytest.mark.parametrize("S", [1, 2, 7, 40])
def test_stationary_distribution_does_not_move(S: int):
    for seed in range(5):
        P = random_chain(S, seed)
        rho = stationary(P)
        assert rho.sum() == pytest.approx(1, abs=S * EPS)
        np.testing.assert_allclose(rho @ P, rho, rtol=4 * S * EPS)


@pytest.mark.parametrize(
    ("P", "rho"),
    [
        ([[1.0]], [1.0]),
        ([[0.0, 1.0], [1.0, 0.0]], [0.5, 0.5]),  # periodic
        ([[1.0, 0.0], [0.5, 0.5]], [1.0, 0.0]),  # the second state is left for ever
        ([[0.5, 0.5], [0.0, 1.0]], [0.0, 1.0]),
        ([[0.5, 0.5, 0], [0, 0.3, 0.7], [0, 0.6, 0.4]], [0, 6 / 13, 7 / 13]),
        ([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]], [0.25] * 4),
    ],
)
def test_stationary_distribution_of_chains_known_by_hand(P: list, rho: list):
    np.testing.assert_allclose(stationary(np.array(P, float)), rho, atol=4 * EPS)


def test_long_chain_of_deterministic_moves_is_one_class():
    S = 33  # the closure of paths has to reach all the way round
    P = np.roll(np.eye(S), 1, axis=1)
    np.testing.assert_allclose(stationary(P), 1 / S, rtol=S * EPS)


@pytest.mark.parametrize("a", [1e-3, 1e-9, 1e-15])
def test_a_rare_state_keeps_all_digits_of_its_share(a: float):
    """Shares b/(a+b), a/(a+b) of two states: a solver that subtracts 1 - P loses the small one."""
    b = 0.3
    P = np.array([[1 - a, a], [b, 1 - b]])
    np.testing.assert_allclose(stationary(P), [b / (a + b), a / (a + b)], rtol=4 * EPS)


def test_start_does_not_matter_for_the_average(mdp: npgkit.MDP, pi: np.ndarray):
    P_pi = np.einsum("sa,sat->st", pi, mdp.P)
    walk = np.linalg.matrix_power(P_pi, 200)  # forgotten: |second eigenvalue|^200 < 1e-60
    R_pi = (pi * mdp.R).sum(axis=1)
    np.testing.assert_allclose(walk @ R_pi, average_reward(mdp, pi), rtol=1e-13)


def test_average_ignores_discount_and_first_state(mdp: npgkit.MDP, pi: np.ndarray):
    other = npgkit.MDP(mdp.P, mdp.R, 0.1, np.eye(6)[3])
    assert average_reward(mdp, pi) == average_reward(other, pi)


def test_differential_values_are_the_surplus_over_the_average(mdp: npgkit.MDP, pi: np.ndarray):
    """h against the sum of P^t (R - J_bar) over t, and the equation it solves."""
    values, J_bar = differential_values(mdp, pi), average_reward(mdp, pi)
    P_pi = np.einsum("sa,sat->st", pi, mdp.P)
    R_pi = (pi * mdp.R).sum(axis=1)
    surplus, term = np.zeros(6), R_pi - J_bar
    for _ in range(200):
        surplus, term = surplus + term, P_pi @ term
    np.testing.assert_allclose(values.V, surplus, atol=1e-13)
    np.testing.assert_allclose(values.V, R_pi - J_bar + P_pi @ values.V, atol=1e-14)
    assert stationary(P_pi) @ values.V == pytest.approx(0, abs=1e-14)
    np.testing.assert_allclose(values.A, values.Q - values.V[:, None])
    np.testing.assert_allclose((pi * values.A).sum(axis=1), 0, atol=1e-14)


def test_batch_holds_shares_and_advantages(mdp: npgkit.MDP):
    policy = npgkit.softmax_tabular(6, 3)
    theta = np.random.default_rng(2).normal(size=18)
    batch = average_batch(mdp, policy, theta)
    pi = npgkit.action_probabilities(policy, theta, 6)
    rho = stationary(np.einsum("sa,sat->st", pi, mdp.P))
    np.testing.assert_allclose(batch.weights.reshape(6, 3), rho[:, None] * pi)
    np.testing.assert_allclose(batch.adv.reshape(6, 3), differential_values(mdp, pi).A)
    assert npgkit.surrogate(policy, theta, batch) == pytest.approx(0, abs=1e-14)
    step = npgkit.natural_step(policy, theta, batch, epsilon=0.02)
    new = npgkit.action_probabilities(policy, step.theta, 6)
    assert step.accepted
    assert average_reward(mdp, new) > average_reward(mdp, pi)


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (np.eye(2), "2 closed classes"),
        (np.array([[1, 0, 0], [0, 1, 0], [0.4, 0.4, 0.2]]), "2 closed classes"),
        (np.ones((2, 3)) / 3, "square"),
        (np.zeros((0, 0)), "square"),
        (np.array([0.5, 0.5]), "shape"),
        (np.array([[0.5, 0.6], [0.5, 0.5]]), "sums to 1.1"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), "not negative"),
        (np.array([[np.nan, 1.0], [0.5, 0.5]]), "finite"),
    ],
)
def test_bad_chains_are_refused_by_name(P: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        stationary(P)
    assert "P_pi" in str(caught.value)


def test_bad_policies_and_split_worlds_are_refused(mdp: npgkit.MDP):
    with pytest.raises(ValueError, match="pi must have shape"):
        average_reward(mdp, np.ones((3, 6)) / 6)
    with pytest.raises(ValueError, match="pi"):
        differential_values(mdp, np.ones((6, 3)))
    stay = np.array([[1.0, 0.0], [1.0, 0.0]])
    for call in (average_reward, differential_values):
        with pytest.raises(ValueError, match="closed classes"):
            call(npgkit.two_rooms(), stay)
    with pytest.raises(ValueError, match="theta"):
        average_batch(mdp, npgkit.softmax_tabular(6, 3), np.zeros(17))


def test_arguments_are_left_alone():
    P = random_chain(4, 0)
    before = P.copy()
    stationary(P)
    np.testing.assert_array_equal(P, before)
