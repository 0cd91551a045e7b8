"""Closed forms of the distributions against sums, integrals and samples."""

import numpy as np
import pytest
from scipy import integrate, stats

import npgkit
from npgkit import Categorical, DiagGaussian
from npgkit.distributions import MultiCategorical
from tests.support import sampled_case

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


def test_samples_follow_the_probabilities():
    rng, n = np.random.default_rng(4), 40_000
    out = np.repeat(LOGITS_P[:1], n, axis=0)
    counts = np.bincount(Categorical(4).sample(out, rng), minlength=4)
    assert stats.chisquare(counts, n * Categorical(4).probabilities(LOGITS_P[:1])[0]).pvalue > 1e-3
    draws = DiagGaussian(1).sample(np.repeat(NORMAL_P[:1], n, axis=0), rng)[:, 0]
    mean, log_std = NORMAL_P[0]
    assert stats.kstest(draws, stats.norm(mean, np.exp(log_std)).cdf).pvalue > 1e-3


SIZES = (3, 2, 4)
JOINT_P, JOINT_Q = RNG.normal(size=(5, 9)), RNG.normal(size=(5, 9))
CUTS = (3, 5)


def by_choice(method, *outputs, act=None):
    """A method of `Categorical` for each choice of SIZES on its own columns."""
    columns = [np.split(out, CUTS, axis=1) for out in outputs]
    last = [] if act is None else [list(act.T)]
    return [
        getattr(Categorical(size), method)(*arguments)
        for size, *arguments in zip(SIZES, *columns, *last, strict=True)
    ]


def test_choices_are_independent():
    dist, act = (
        MultiCategorical(SIZES),
        np.array([[0, 1, 3], [2, 0, 0], [1, 1, 2], [0, 0, 1], [2, 1, 3]]),
    )
    sums = {
        "logp": (dist.logp(JOINT_P, act), by_choice("logp", JOINT_P, act=act)),
        "kl": (dist.kl(JOINT_P, JOINT_Q), by_choice("kl", JOINT_P, JOINT_Q)),
        "entropy": (dist.entropy(JOINT_P), by_choice("entropy", JOINT_P)),
    }
    for name, (joint, parts) in sums.items():
        np.testing.assert_allclose(joint, np.sum(parts, axis=0), rtol=1e-14, err_msg=name)
    by_p, by_q = dist.kl_gradients(JOINT_P, JOINT_Q)
    gradients = by_choice("kl_gradients", JOINT_P, JOINT_Q)
    side_by_side = {
        "score": (dist.score(JOINT_P, act), by_choice("score", JOINT_P, act=act)),
        "fisher": (
            dist.fisher_product(JOINT_P, JOINT_Q),
            by_choice("fisher_product", JOINT_P, JOINT_Q),
        ),
        "by_p": (by_p, [g[0] for g in gradients]),
        "by_q": (by_q, [g[1] for g in gradients]),
        "mode": (dist.mode(JOINT_P), [m[:, None] for m in by_choice("mode", JOINT_P)]),
    }
    for name, (joint, parts) in side_by_side.items():
        np.testing.assert_allclose(joint, np.hstack(parts), rtol=1e-13, atol=1e-16, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_narrow_choice_never_draws_what_it_lacks(dtype):
    dist, n = MultiCategorical(SIZES), 20_000
    for scale in (1.0, 300.0):
        out = np.repeat((scale * JOINT_P[:1]).astype(dtype), n, axis=0)
        act = dist.sample(out, np.random.default_rng(0))
        assert (act < SIZES).all()
        assert np.isfinite(dist.logp(out, act)).all()
        assert np.isfinite(dist.kl(out[:1], -out[:1])).all()
        assert np.isfinite(dist.fisher_product(out[:1], out[:1])).all()
        if scale == 1.0:
            for j, part in enumerate(np.split(out[:1], CUTS, axis=1)):
                counts = np.bincount(act[:, j], minlength=SIZES[j])
                expected = n * Categorical(SIZES[j]).probabilities(part)[0].astype(float)
                assert stats.chisquare(counts, expected, sum_check=False).pvalue > 1e-3


BAD_CHOICES = {
    "no sizes": (lambda: MultiCategorical(()), "sizes is empty"),
    "a number": (lambda: MultiCategorical(3), "sizes must be a sequence of positive .* got 3"),
    "a size of 0": (lambda: MultiCategorical((2, 0)), r"sizes\[1\] must be .* got 0"),
    "half a choice": (lambda: MultiCategorical((2.5,)), r"sizes\[0\] must be .* got 2.5"),
    "an action too large": (
        lambda: MultiCategorical((2, 3)).logp(np.zeros((2, 5)), [[0, 2], [2, 0]]),
        r"act\[1, 0\] is 2; expected 0 <= act\[:, 0\] < 2",
    ),
    "a negative action": (
        lambda: MultiCategorical((2, 3)).logp(np.zeros((1, 5)), [[0, -1]]),
        r"act\[0, 1\] is -1",
    ),
    "one choice too few": (
        lambda: MultiCategorical((2, 3)).score(np.zeros((1, 5)), [[0]]),
        r"act must have shape \(1, 2\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD_CHOICES.values(), ids=BAD_CHOICES)
def test_bad_choices_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_sizes_from_a_multidiscrete_space_are_plain_integers():
    dist = MultiCategorical(np.array([3, 2], dtype=np.int64))
    assert dist == MultiCategorical((3, 2))
    assert (dist.sizes, dist.n_outputs) == ((3, 2), 5)
    assert hash(dist) == hash(MultiCategorical([3, 2]))


def test_a_policy_of_several_choices_takes_every_step():
    network = npgkit.MLP(3, (5,), 9)
    policy, theta, batch = sampled_case(npgkit.Policy(network, MultiCategorical(SIZES)), n=300)
    for step in (
        npgkit.trust_region_step(policy, theta, batch, epsilon=0.01, damping=0.1),
        npgkit.natural_step(policy, theta, batch, epsilon=0.01, damping=0.1),
        npgkit.euclidean_step(policy, theta, batch, radius=0.01),
    ):
        assert step.accepted, step.reason
        assert step.surrogate_gain > 0
