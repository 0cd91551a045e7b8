"""What holds for every policy, batch and direction: checked on cases hypothesis makes up."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import npgkit
from npgkit import Batch
from npgkit.objectives import DIRECTIONS

settings.register_profile("book", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("book")

FLOATS = st.floats(-3, 3, width=32)
POLICIES = st.sampled_from(
    [
        npgkit.softmax_linear(2, 3),
        npgkit.gaussian_linear(2, 2),
        npgkit.in_coordinates(npgkit.softmax_linear(2, 3), np.tri(6)),
        npgkit.in_coordinates(
            npgkit.gaussian_linear(2, 1),
            lambda phi: phi + 0.1 * phi**3,
            jacobian=lambda phi: np.diag(1 + 0.3 * phi**2),
        ),
    ]
)


@st.composite
def cases(draw):
    """A policy, a theta, and a batch of actions of its own with any weights and advantages."""
    policy = draw(POLICIES)
    n = draw(st.integers(1, 8))
    theta = draw(arrays(np.float64, policy.n_params, elements=st.floats(-1, 1, width=32)))
    obs = draw(arrays(np.float64, (n, 2), elements=FLOATS))
    adv = draw(arrays(np.float64, n, elements=FLOATS))
    weights = draw(arrays(np.float64, n, elements=st.floats(0.0625, 1, width=32)))
    act = policy.sample(theta, obs, np.random.default_rng(draw(st.integers(0, 99))))
    return (
        policy,
        theta,
        Batch(obs, act, adv, weights / weights.sum(), policy.logp(theta, obs, act)),
    )


def vectors(draw, n, count):
    return [draw(arrays(np.float64, n, elements=FLOATS)) for _ in range(count)]


@given(cases(), st.data())
def test_fisher_is_symmetric_and_positive_semidefinite(case, data):
    policy, theta, batch = case
    F = npgkit.FisherOperator(policy, theta, batch)
    u, v = vectors(data.draw, policy.n_params, 2)
    scale = np.linalg.norm(F.dense()) * np.linalg.norm(u) * np.linalg.norm(v)
    assert abs(u @ (F @ v) - v @ (F @ u)) <= 1e-13 * scale + 1e-300
    assert v @ (F @ v) >= -1e-13 * np.linalg.norm(F.dense()) * (v @ v)


@given(cases(), st.data())
def test_jvp_and_vjp_are_adjoint(case, data):
    policy, theta, batch = case
    at = policy.linearize(theta, batch.obs)
    v = data.draw(arrays(np.float64, policy.n_params, elements=FLOATS))
    u = data.draw(arrays(np.float64, at.out.shape, elements=FLOATS))
    left, right = np.sum(at.jvp(v) * u), v @ at.vjp(u)
    scale = np.abs(at.jvp(np.abs(v)) * u).sum() + np.abs(at.jvp(v) * u).sum() + np.abs(v).sum()
    assert abs(left - right) <= 1e-12 * max(scale, 1.0)


@given(cases())
def test_the_expected_score_is_zero(case):
    """Categorical: the sum over all actions. Gaussian: quadrature exact to degree 9."""
    policy, theta, batch = case
    obs, out = batch.obs[:1], policy.linearize(theta, batch.obs[:1]).out
    if isinstance(policy.distribution, npgkit.Categorical):
        k = policy.distribution.n_outputs
        actions, chances = np.arange(k), policy.distribution.probabilities(out)[0]
    else:
        d = policy.distribution.act_dim
        x, w = np.polynomial.hermite_e.hermegauss(5)
        grid = np.stack(np.meshgrid(*[x] * d), axis=-1).reshape(-1, d)
        chances = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * d), axis=-1).reshape(-1, d), axis=1)
        actions = out[:, :d] + np.exp(out[:, d:]) * grid
    scores = policy.score(theta, np.repeat(obs, len(chances), axis=0), actions)
    assert np.abs(chances @ scores).max() <= 1e-12 * max(1.0, np.abs(scores).max())


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_batch_does_not_matter(case, random):
    policy, theta, batch = case
    order = list(range(len(batch)))
    random.shuffle(order)
    shuffled = Batch(*(getattr(batch, f)[order] for f in ("obs", "act", "adv", "weights", "logp")))
    new = theta + 0.1
    for f in (
        lambda b: npgkit.policy_gradient(policy, new, b),
        lambda b: npgkit.FisherOperator(policy, theta, b).dense(),
        lambda b: npgkit.surrogate(policy, new, b),
        lambda b: npgkit.mean_kl(policy, new, theta, b),
    ):
        one, other = f(batch), f(shuffled)
        assert np.allclose(one, other, rtol=1e-9, atol=1e-12 * (1 + np.abs(one).max()))


@given(cases(), st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_the_scale_of_advantages_does_not_change_the_step(case, scale):
    policy, theta, batch = case
    scaled = Batch(batch.obs, batch.act, scale * batch.adv, batch.weights, batch.logp)
    one = npgkit.natural_step(policy, theta, batch, epsilon=1e-3, solver="dense")
    other = npgkit.natural_step(policy, theta, scaled, epsilon=1e-3, solver="dense")
    assert one.accepted == other.accepted
    spread = np.abs(one.theta - theta).max()
    assert np.allclose(one.theta, other.theta, rtol=0, atol=1e-6 * spread + 1e-15)


@given(cases(), st.data())
def test_kl_is_not_negative_and_zero_only_at_equality(case, data):
    policy, theta, batch = case
    (delta,) = vectors(data.draw, policy.n_params, 1)
    new = theta + delta
    moved = np.abs(policy.linearize(new, batch.obs).out - policy.linearize(theta, batch.obs).out)
    if isinstance(policy.distribution, npgkit.Categorical):  # a common shift of logits is no move
        out = policy.linearize(new, batch.obs).out - policy.linearize(theta, batch.obs).out
        moved = np.abs(out - out.mean(axis=1, keepdims=True))
    for direction in DIRECTIONS:
        kl = npgkit.mean_kl(policy, new, theta, batch, direction)
        assert kl >= 0
        assert npgkit.mean_kl(policy, theta, theta, batch, direction) == 0
        if moved.max() > 1e-3:
            assert kl > 0


@given(cases())
def test_every_step_keeps_its_promises(case):
    policy, theta, batch = case
    steps = [
        npgkit.euclidean_step(policy, theta, batch, radius=0.01),
        npgkit.natural_step(policy, theta, batch, epsilon=1e-3),
        npgkit.natural_step(policy, theta, batch, epsilon=1e-3, damping=0.1),
    ]
    for step in steps:
        assert np.isfinite(step.theta).all()
        assert np.isfinite([step.kl, step.alpha, step.predicted_gain, step.surrogate_gain]).all()
        if step.accepted:
            assert step.predicted_gain > 0
        else:
            assert (step.theta == theta).all()
            assert step.reason != "accepted"
