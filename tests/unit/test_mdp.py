"""Exact evaluation of finite MDPs."""

import numpy as np
import pytest

import npgkit


@pytest.fixture
def mdp():
    return npgkit.random_mdp(6, 3, 0.9, np.random.default_rng(0))


@pytest.fixture
def pi(mdp):
    return np.random.default_rng(1).dirichlet(np.ones(mdp.n_actions), size=mdp.n_states)


def rollout_of_distributions(mdp, pi, n_steps):
    """P(s_t = s) for t = 0 ... n_steps - 1, by stepping the chain."""
    states = [mdp.rho]
    for _ in range(n_steps - 1):
        states.append(np.einsum("s,sa,sat->t", states[-1], pi, mdp.P))
    return np.array(states)


def test_values_are_the_discounted_sum_of_rewards(mdp, pi):
    n_steps = 400  # gamma^400 is below 1e-18
    per_step = rollout_of_distributions(mdp, pi, n_steps) @ (pi * mdp.R).sum(axis=1)
    expected = np.sum(mdp.gamma ** np.arange(n_steps) * per_step)
    assert npgkit.expected_return(mdp, pi) == pytest.approx(expected, rel=1e-12)


def test_occupancy_is_the_discounted_share_of_time(mdp, pi):
    n_steps = 400
    discounts = (1 - mdp.gamma) * mdp.gamma ** np.arange(n_steps)
    expected = discounts @ rollout_of_distributions(mdp, pi, n_steps)
    np.testing.assert_allclose(npgkit.occupancy(mdp, pi), expected, atol=1e-14)


def test_advantages_average_to_zero_under_the_policy(mdp, pi):
    values = npgkit.evaluate(mdp, pi)
    np.testing.assert_allclose((pi * values.A).sum(axis=1), 0, atol=1e-13)
    np.testing.assert_allclose(values.Q - values.V[:, None], values.A)


def test_no_policy_beats_the_optimal_one(mdp):
    best, values = npgkit.optimal(mdp)
    assert values.A.max() <= 1e-12
    rng = np.random.default_rng(2)
    for _ in range(200):
        other = rng.dirichlet(0.3 * np.ones(mdp.n_actions), size=mdp.n_states)
        assert (npgkit.evaluate(mdp, other).V <= values.V + 1e-12).all()
    assert npgkit.expected_return(mdp, best) == pytest.approx(mdp.rho @ values.V)


def test_policy_iteration_ends_where_actions_tie():
    tied = npgkit.MDP(np.full((2, 3, 2), 0.5), np.ones((2, 3)), 0.9, np.array([0.5, 0.5]))
    _, values = npgkit.optimal(tied)
    np.testing.assert_allclose(values.V, 10)


def test_two_rooms_has_the_published_occupancy():
    pi = np.array([[0.8, 0.2], [0.1, 0.9]])
    mdp = npgkit.two_rooms()
    np.testing.assert_allclose(npgkit.occupancy(mdp, pi), [0.8165, 0.1835], atol=5e-5)
    assert (1 - mdp.gamma) * npgkit.expected_return(mdp, pi) == pytest.approx(0.6899, abs=5e-5)


def test_a_bandit_returns_the_mean_reward():
    pi = np.array([[0.2, 0.3, 0.5]])
    assert npgkit.expected_return(npgkit.bandit([1.0, 2.0, 4.0]), pi) == pytest.approx(2.8)
