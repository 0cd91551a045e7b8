"""Policies, their layouts, and other coordinates for them."""

import numpy as np
import pytest

import npgkit
from tests.support import sampled_case


def test_softmax_tabular_reads_theta_as_a_table_of_logits():
    theta = np.arange(6.0)
    pi = npgkit.action_probabilities(npgkit.softmax_tabular(2, 3), theta, 2)
    logits = np.exp(theta.reshape(2, 3))
    np.testing.assert_allclose(pi, logits / logits.sum(axis=1, keepdims=True))


def test_softmax_linear_reads_theta_by_feature():
    rng = np.random.default_rng(0)
    policy, theta, obs = npgkit.softmax_linear(3, 4), rng.normal(size=12), rng.normal(size=(5, 3))
    np.testing.assert_allclose(policy.linearize(theta, obs).out, obs @ theta.reshape(3, 4))


def test_gaussian_linear_keeps_log_standard_deviations_last():
    rng = np.random.default_rng(0)
    policy, theta, obs = npgkit.gaussian_linear(3, 2), rng.normal(size=8), rng.normal(size=(5, 3))
    out = policy.linearize(theta, obs).out
    np.testing.assert_allclose(out[:, :2], obs @ theta[:6].reshape(3, 2))
    np.testing.assert_allclose(out[:, 2:], np.tile(theta[6:], (5, 1)))


def test_sigmoid_tabular_is_the_logit_of_action_0():
    theta = np.array([-1.0, 2.0])
    pi = npgkit.action_probabilities(npgkit.sigmoid_tabular(2), theta, 2)
    np.testing.assert_allclose(pi[:, 0], 1 / (1 + np.exp(-theta)))


def test_coordinates_compose():
    policy, _theta, batch = sampled_case(npgkit.softmax_linear(3, 4))
    rng = np.random.default_rng(1)
    B, C = rng.normal(size=(12, 12)), rng.normal(size=(12, 5))
    once = npgkit.in_coordinates(policy, B @ C)
    twice = npgkit.in_coordinates(npgkit.in_coordinates(policy, B), C)
    phi = rng.normal(size=5)
    np.testing.assert_allclose(
        once.score(phi, batch.obs, batch.act), twice.score(phi, batch.obs, batch.act), atol=1e-12
    )
    assert once.n_params == 5


def test_a_nonlinear_map_agrees_with_its_affine_special_case():
    policy, _theta, batch = sampled_case(npgkit.gaussian_linear(3, 2))
    B, b = np.random.default_rng(2).normal(size=(8, 3)), np.ones(8)
    affine = npgkit.in_coordinates(policy, B, b)
    mapped = npgkit.in_coordinates(policy, lambda p: B @ p + b, jacobian=lambda p: B, n_params=3)
    phi = np.array([0.1, -0.2, 0.3])
    np.testing.assert_allclose(
        mapped.score(phi, batch.obs, batch.act), affine.score(phi, batch.obs, batch.act)
    )


def test_init_and_sample_use_the_generator_they_are_given():
    policy = npgkit.gaussian_linear(3, 2)
    theta, obs = policy.init(np.random.default_rng(0)), np.ones((4, 3))
    draws = [policy.sample(theta, obs, np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert draws[0].shape == (4, 2)
    with pytest.raises(ValueError, match=r"numpy\.random\.Generator"):
        policy.sample(theta, obs, 7)
