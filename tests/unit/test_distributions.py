"""Closed forms of the distributions against sums, integrals and samples."""

import numpy as np
import pytest
from scipy import integrate, stats

from npgkit import Categorical, DiagGaussian

RNG = np.random.default_rng(0)
LOGITS_P, LOGITS_Q = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
NORMAL_P, NORMAL_Q = 0.5 * RNG.normal(size=(5, 2)), 0.5 * RNG.normal(size=(5, 2))


def test_categorical_matches_its_definition():
    dist = Categorical(4)
    p, q = dist.probabilities(LOGITS_P), dist.probabilities(LOGITS_Q)
    np.testing.assert_allclose(p, np.exp(LOGITS_P) / np.exp(LOGITS_P).sum(axis=1)[:, None])
    np.testing.assert_allclose(dist.kl(LOGITS_P, LOGITS_Q), (p * np.log(p / q)).sum(axis=1))
    np.testing.assert_allclose(dist.entropy(LOGITS_P), stats.entropy(p, axis=1))
    act = np.array([0, 3, 1, 2, 2])
    np.testing.assert_allclose(dist.logp(LOGITS_P, act), np.log(p[np.arange(5), act]))


def test_categorical_fisher_is_the_covariance_of_the_score():
    dist, u = Categorical(4), RNG.normal(size=(5, 4))
    p = dist.probabilities(LOGITS_P)
    scores = np.stack([dist.score(LOGITS_P, np.full(5, a)) for a in range(4)], axis=1)
    M = np.einsum("na,nai,naj->nij", p, scores, scores)
    np.testing.assert_allclose(
        dist.fisher_product(LOGITS_P, u), np.einsum("nij,nj->ni", M, u), atol=1e-15
    )


@pytest.mark.parametrize("rare", [1e-3, 1e-9, 1e-15])
def test_the_null_direction_of_a_nearly_certain_policy_stays_null(rare):
    """A single centring would leave 1e-16 of it, beside a Fisher matrix of size `rare`."""
    out = np.log([[1 - 3 * rare, rare, 2 * rare]])
    Mu = Categorical(3).fisher_product(out, np.ones((1, 3)))
    assert np.abs(Mu).max() <= 1e-15 * rare


def test_gaussian_matches_scipy_and_quadrature():
    dist = DiagGaussian(1)
    act = RNG.normal(size=(5, 1))
    normals = [stats.norm(m, np.exp(s)) for m, s in NORMAL_P]
    others = [stats.norm(m, np.exp(s)) for m, s in NORMAL_Q]
    np.testing.assert_allclose(
        dist.logp(NORMAL_P, act), [n.logpdf(a[0]) for n, a in zip(normals, act, strict=True)]
    )
    np.testing.assert_allclose(dist.entropy(NORMAL_P), [n.entropy() for n in normals])
    kl = [
        integrate.quad(lambda x, p=p, q=q: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -20, 20)[0]
        for p, q in zip(normals, others, strict=True)
    ]
    np.testing.assert_allclose(dist.kl(NORMAL_P, NORMAL_Q), kl, rtol=1e-7)


def test_gaussian_fisher_is_the_covariance_of_the_score():
    dist, (mean, log_std) = DiagGaussian(1), NORMAL_P[0]
    normal = stats.norm(mean, np.exp(log_std))

    def moment(i, j):
        def f(x):
            score = dist.score(NORMAL_P[:1], np.array([[x]]))[0]
            return normal.pdf(x) * score[i] * score[j]

        return integrate.quad(f, -20, 20)[0]

    M = np.array([[moment(i, j) for j in range(2)] for i in range(2)])
    for u in np.eye(2):
        np.testing.assert_allclose(dist.fisher_product(NORMAL_P[:1], u[None])[0], M @ u, atol=1e-7)


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-7])
def test_a_small_kl_keeps_its_digits(size):
    """A KL of 1e-14 computed from differences of logarithms would have none."""
    shift = size * np.array([[1.0, -2.0, 0.5, 0.0]])
    p = Categorical(4).probabilities(LOGITS_P[:1])
    variance = (p * shift**2).sum() - (p * shift).sum() ** 2
    kl = Categorical(4).kl(LOGITS_P[:1] + shift, LOGITS_P[:1])[0]
    assert kl == pytest.approx(0.5 * variance, rel=3 * size + 1e-8)
    gaussian = DiagGaussian(1).kl(NORMAL_P[:1] + np.array([[0.0, size]]), NORMAL_P[:1])[0]
    assert gaussian == pytest.approx(size**2, rel=2 * size + 1e-8)


def test_far_policies_do_not_overflow():
    far = np.array([[800.0, 0.0, -800.0]])
    dist = Categorical(3)
    assert dist.kl(far, -far)[0] == pytest.approx(1600)
    assert dist.kl(np.zeros((1, 3)), far)[0] == pytest.approx(800 - np.log(3))
    assert np.isfinite(dist.entropy(far)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    rng = np.random.default_rng(0)
    for dist, out in ((Categorical(4), LOGITS_P), (DiagGaussian(1), NORMAL_P)):
        out = out.astype(dtype)
        act = dist.sample(out, rng)
        results = [dist.logp(out, act), dist.score(out, act), dist.kl(out, out + dtype(1)),
                   dist.fisher_product(out, out), dist.entropy(out)]  # fmt: skip
        assert {r.dtype for r in results} == {np.dtype(dtype)}


def test_samples_follow_the_probabilities():
    rng, n = np.random.default_rng(4), 40_000
    out = np.repeat(LOGITS_P[:1], n, axis=0)
    counts = np.bincount(Categorical(4).sample(out, rng), minlength=4)
    assert stats.chisquare(counts, n * Categorical(4).probabilities(LOGITS_P[:1])[0]).pvalue > 1e-3
    draws = DiagGaussian(1).sample(np.repeat(NORMAL_P[:1], n, axis=0), rng)[:, 0]
    mean, log_std = NORMAL_P[0]
    assert stats.kstest(draws, stats.norm(mean, np.exp(log_std)).cdf).pvalue > 1e-3
