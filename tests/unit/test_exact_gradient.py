"""The exact batch gives grad J itself, and samples of it agree."""

import numpy as np
import pytest

import npgkit
from npgkit import Batch
from tests.support import softmax_case, taylor_slope, two_rooms_case


@pytest.mark.parametrize("seed", range(3))
def test_policy_gradient_of_an_exact_batch_is_grad_J(seed):
    rng = np.random.default_rng(seed)
    mdp, policy = npgkit.random_mdp(5, 3, 0.9, rng), npgkit.softmax_tabular(5, 3)
    theta, v = rng.normal(size=15), rng.normal(size=15)
    v /= np.linalg.norm(v)
    g = npgkit.policy_gradient(policy, theta, npgkit.exact_batch(mdp, policy, theta))

    def J(theta):
        return npgkit.expected_return(mdp, npgkit.action_probabilities(policy, theta, 5))

    assert taylor_slope(J, theta, g @ v, towards=v) == pytest.approx(2, abs=0.15)


def test_two_rooms_has_the_published_gradient_and_direction():
    policy, theta, batch = two_rooms_case()
    g = 0.1 * npgkit.policy_gradient(policy, theta, batch)  # of (1 - gamma) J
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    np.testing.assert_allclose(g, [0.1954, 0.0248], atol=5e-5)
    np.testing.assert_allclose(np.linalg.solve(F, g), [1.495, 1.505], atol=5e-4)


def sample_rows(batch: Batch, n: int, rng: np.random.Generator) -> Batch:
    rows = rng.choice(len(batch), size=n, p=batch.weights)
    return Batch(batch.obs[rows], batch.act[rows], batch.adv[rows], logp=batch.logp[rows])


def test_sampled_gradient_agrees_within_standard_error():
    policy, theta, batch = softmax_case()
    exact = npgkit.policy_gradient(policy, theta, batch)
    sample = sample_rows(batch, 20_000, np.random.default_rng(0))
    per_row = sample.adv[:, None] * policy.score(theta, sample.obs, sample.act)
    error = npgkit.policy_gradient(policy, theta, sample) - exact
    standard_error = per_row.std(axis=0) / np.sqrt(len(sample))
    assert np.abs(error / standard_error).max() < 4  # 12 entries, 4 standard errors
    assert np.abs(error).max() > 0


def test_sampled_fisher_agrees_within_standard_error():
    policy, theta, batch = softmax_case()
    exact = npgkit.FisherOperator(policy, theta, batch).dense()
    sample = sample_rows(batch, 20_000, np.random.default_rng(1))
    score = policy.score(theta, sample.obs, sample.act)
    outer = score[:, :, None] * score[:, None, :]
    error = npgkit.empirical_fisher(policy, theta, sample) - exact
    standard_error = outer.std(axis=0) / np.sqrt(len(sample))
    known = standard_error > 0  # entries between two states are 0 in every sample
    assert np.abs(error[known] / standard_error[known]).max() < 4.5  # 36 entries
    assert (error[~known] == 0).all()


@pytest.mark.parametrize("what", ["surrogate", "mean_kl"])
def test_sampled_objectives_agree_within_standard_error(what):
    policy, theta, batch = softmax_case()
    new = theta + 0.2 * np.random.default_rng(2).normal(size=theta.shape)
    sample = sample_rows(batch, 20_000, np.random.default_rng(3))

    def value(batch):
        if what == "surrogate":
            return npgkit.surrogate(policy, new, batch)
        return npgkit.mean_kl(policy, new, theta, batch)

    rows = np.array([value(Batch(batch.obs[[i]], batch.act[[i]], batch.adv[[i]],
                                 logp=batch.logp[[i]])) for i in range(len(batch))])  # fmt: skip
    exact = value(batch)
    assert exact == pytest.approx(batch.weights @ rows)
    spread = np.sqrt(batch.weights @ (rows - exact) ** 2)
    assert abs(value(sample) - exact) < 4 * spread / np.sqrt(len(sample))
