"""Every derivative, by the slope of its Taylor remainder."""

import numpy as np
import pytest

import npgkit
from npgkit.objectives import DIRECTIONS
from tests.support import CASES, NETWORKS, taylor_slope

ALL = {**CASES, **NETWORKS}
pytestmark = pytest.mark.parametrize("case", ALL.values(), ids=ALL)


def towards(theta, seed=3):
    v = np.random.default_rng(seed).normal(size=theta.shape)
    return v / np.linalg.norm(v)


def test_score_is_the_gradient_of_logp(case):
    policy, theta, batch = case()
    v = towards(theta)
    for i in range(3):
        row = slice(i, i + 1)
        score = policy.score(theta, batch.obs[row], batch.act[row])[0]
        slope = taylor_slope(
            lambda t, row=row: policy.logp(t, batch.obs[row], batch.act[row])[0],
            theta, score @ v, towards=v,
        )  # fmt: skip
        assert slope == pytest.approx(2, abs=0.15)


def test_policy_gradient_is_the_gradient_of_the_surrogate(case):
    policy, theta, batch = case()
    v = towards(theta)
    here = theta + 0.1 * towards(theta, seed=4)  # not only where the ratios are 1
    g = npgkit.policy_gradient(policy, here, batch)
    slope = taylor_slope(lambda t: npgkit.surrogate(policy, t, batch), here, g @ v, towards=v)
    assert slope == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kl_gradient_is_the_gradient_of_mean_kl(case, direction):
    policy, theta, batch = case()
    v, here = towards(theta), theta + 0.3 * towards(theta, seed=4)
    g = npgkit.kl_gradient(policy, here, theta, batch, direction)
    slope = taylor_slope(
        lambda t: npgkit.mean_kl(policy, t, theta, batch, direction), here, g @ v, towards=v
    )
    assert slope == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_fisher_is_the_hessian_of_mean_kl(case, direction):
    policy, theta, batch = case()
    v = towards(theta)
    vFv = v @ (npgkit.FisherOperator(policy, theta, batch) @ v)
    slope = taylor_slope(
        lambda t: npgkit.mean_kl(policy, t, theta, batch, direction), theta, 0.0, vFv, towards=v
    )
    assert slope == pytest.approx(3, abs=0.3)


def test_jvp_is_the_derivative_of_the_outputs(case):
    policy, theta, batch = case()
    v = towards(theta)
    u = np.random.default_rng(6).normal(size=policy.linearize(theta, batch.obs).out.shape)

    # The outputs of a linear network have no Taylor remainder to fit: compare differences instead.
    def out(t):
        return policy.linearize(t, batch.obs).out

    h = 1e-5
    difference = (out(theta + h * v) - out(theta - h * v)) / (2 * h)
    np.testing.assert_allclose(policy.linearize(theta, batch.obs).jvp(v), difference, atol=1e-8)
    assert np.sum(u * difference) == pytest.approx(policy.linearize(theta, batch.obs).vjp(u) @ v)


def test_per_row_gradients_sum_to_the_vjp(case):
    policy, theta, batch = case()
    at = policy.linearize(theta, batch.obs)
    u = np.random.default_rng(6).normal(size=at.out.shape)
    np.testing.assert_allclose(at.per_row(u).sum(axis=0), at.vjp(u), atol=1e-12)
