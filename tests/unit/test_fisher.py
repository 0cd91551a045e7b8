"""F from its definitions, and as an operator."""

import numpy as np
import pytest

import npgkit
from tests.support import CASES, NETWORKS, sampled_case, softmax_case, two_rooms_case

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("case", [*CASES.values(), *NETWORKS.values()], ids=[*CASES, *NETWORKS])
def test_products_and_the_dense_matrix_agree(case):
    policy, theta, batch = case()
    for damping in (0.0, 0.3):
        F = npgkit.FisherOperator(policy, theta, batch, damping)
        products = np.stack([F @ e for e in np.eye(policy.n_params)], axis=1)
        np.testing.assert_allclose(products, F.dense(), atol=1e-12 * np.abs(products).max())


@pytest.mark.parametrize("case", [two_rooms_case, softmax_case], ids=["two rooms", "softmax"])
def test_three_definitions_agree(case):
    """Score covariance, minus the expected Hessian of log pi, Hessian of the mean KL."""
    policy, theta, batch = case()
    n = policy.n_params
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    np.testing.assert_allclose(npgkit.empirical_fisher(policy, theta, batch), F, atol=1e-14)

    h = 1e-4

    def jacobian(gradient):
        columns = [(gradient(theta + h * e) - gradient(theta - h * e)) / (2 * h) for e in np.eye(n)]
        return np.stack(columns, axis=1)

    def mean_score(t):
        return batch.weights @ policy.score(t, batch.obs, batch.act)

    np.testing.assert_allclose(-jacobian(mean_score), F, atol=1e-7)
    for direction in ("new||old", "old||new"):
        by_kl = jacobian(lambda t, d=direction: npgkit.kl_gradient(policy, t, theta, batch, d))
        np.testing.assert_allclose(by_kl, F, atol=1e-7)


def test_the_actions_of_the_batch_do_not_matter():
    policy, theta, batch = sampled_case(npgkit.softmax_linear(3, 4))
    other = npgkit.Batch(batch.obs, (batch.act + 1) % 4, batch.adv)
    np.testing.assert_array_equal(
        npgkit.FisherOperator(policy, theta, batch).dense(),
        npgkit.FisherOperator(policy, theta, other).dense(),
    )


def test_it_is_covariant():
    policy, theta, batch = softmax_case()
    B = np.random.default_rng(0).normal(size=(12, 12))
    other = npgkit.in_coordinates(policy, B)
    F_phi = npgkit.FisherOperator(other, np.linalg.solve(B, theta), batch).dense()
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    np.testing.assert_allclose(F_phi, B.T @ F @ B, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    for policy in (npgkit.softmax_linear(3, 4), npgkit.gaussian_linear(3, 2)):
        policy, theta, batch = sampled_case(policy, dtype=dtype)
        F = npgkit.FisherOperator(policy, theta, batch, 0.1)
        assert F.dtype == dtype
        assert (F @ theta).dtype == dtype
        assert F.dense().dtype == dtype


def test_its_repr_has_no_address():
    policy, theta, batch = two_rooms_case()
    F = npgkit.FisherOperator(policy, theta, batch)
    assert repr(F) == "FisherOperator(2 x 2, float64, damping=0)"
