"""The trust-region step: what the line search demands, what it tries, and when it gives up."""

from dataclasses import replace

import numpy as np
import pytest

import npgkit
from npgkit import Batch, Categorical, Policy, mean_kl, surrogate, trust_region_step
from npgkit.networks import Table
from npgkit.objectives import DIRECTIONS
from npgkit.step_result import Reason
from tests.support import (
    CASES,
    NETWORKS,
    gaussian_mlp,
    sampled_case,
    softmax_case,
    two_rooms_case,
)

ALL = {**CASES, **NETWORKS}
every_case = pytest.mark.parametrize("case", ALL.values(), ids=ALL)
every_direction = pytest.mark.parametrize("direction", DIRECTIONS)


@every_case
@every_direction
@pytest.mark.parametrize("epsilon", [1e-4, 0.01, 0.3])
def test_an_accepted_step_keeps_the_true_kl_and_improves(case, direction, epsilon):
    policy, theta, batch = case()
    step = trust_region_step(
        policy, theta, batch, epsilon=epsilon, damping=0.1, direction=direction
    )
    assert step.accepted, step.reason
    kl = mean_kl(policy, step.theta, theta, batch, direction)
    gain = surrogate(policy, step.theta, batch) - surrogate(policy, theta, batch)
    assert kl <= epsilon
    assert gain > 0
    assert step.kl == pytest.approx(kl, rel=1e-12)
    assert step.surrogate_gain == pytest.approx(gain, rel=1e-9, abs=1e-14)
    g = npgkit.policy_gradient(policy, theta, batch)
    assert step.predicted_gain == pytest.approx(g @ (step.theta - theta))


@every_case
@pytest.mark.parametrize("damping, iterations", [(0.0, 10), (0.1, 10), (0.1, 2), (3.0, 1)])
def test_the_full_step_spends_the_quadratic_kl_exactly(case, damping, iterations):
    """Whatever the damping and however early CG stopped: alpha uses F itself."""
    policy, theta, batch = case()
    step = trust_region_step(
        policy, theta, batch, epsilon=0.01, damping=damping, cg_iterations=iterations
    )
    F = npgkit.FisherOperator(policy, theta, batch)
    full = step.trials[0].alpha * step.direction
    assert full @ (F @ full) / 2 == pytest.approx(0.01, rel=1e-6)
    assert step.cg.iterations <= iterations


@every_case
@every_direction
def test_the_trials_shrink_by_the_factor_and_each_says_why(case, direction):
    policy, theta, batch = case()
    step = trust_region_step(
        policy, theta, batch, epsilon=0.2, damping=0.01, backtrack=0.9, direction=direction
    )
    alphas = np.array([trial.alpha for trial in step.trials])
    np.testing.assert_allclose(alphas, alphas[0] * 0.9 ** np.arange(len(alphas)))
    *refused, last = step.trials
    assert last.accepted
    assert last.alpha == step.alpha
    assert (last.kl, last.surrogate_gain) == (step.kl, step.surrogate_gain)
    for trial in refused:
        kl = mean_kl(policy, theta + trial.alpha * step.direction, theta, batch, direction)
        assert trial.kl == pytest.approx(kl, rel=1e-12)
        assert not trial.accepted
        assert trial.reason == (Reason.KL_TOO_LARGE if kl > 0.2 else Reason.NO_IMPROVEMENT)


def test_where_the_full_step_is_accepted_it_is_the_natural_step():
    policy, theta, batch = two_rooms_case()
    step = trust_region_step(policy, theta, batch, epsilon=0.01, damping=0.0)
    natural = npgkit.natural_step(policy, theta, batch, epsilon=0.01)
    assert len(step.trials) == 1
    np.testing.assert_allclose(step.theta, natural.theta, rtol=1e-8)


def test_the_direction_of_the_kl_decides_which_trial_is_taken():
    """A random MDP, epsilon = .3: the full step satisfies one bound and not the other."""
    policy, theta, batch = softmax_case(seed=2)
    options = {"epsilon": 0.3, "damping": 0.0, "cg_iterations": 50}
    forward, backward = (
        trust_region_step(policy, theta, batch, direction=direction, **options)
        for direction in DIRECTIONS
    )
    assert [t.reason for t in forward.trials] == ["accepted"]
    assert [t.reason for t in backward.trials] == [Reason.KL_TOO_LARGE, "accepted"]


def overshooting_case() -> tuple[Policy, np.ndarray, Batch]:
    """Two actions close to the mean: the linear model rises on for ever, the surrogate does not."""
    policy = npgkit.gaussian_linear(1, 1)
    theta, obs = np.zeros(2), np.ones((2, 1))
    act = np.array([[0.1], [-0.1]])
    return policy, theta, Batch(obs, act, [1.0, -1.0], logp=policy.logp(theta, obs, act))


def test_a_trial_that_does_not_improve_is_refused():
    policy, theta, batch = overshooting_case()
    step = trust_region_step(policy, theta, batch, epsilon=60.0, damping=0.0, direction="old||new")
    first = step.trials[0]
    assert first.kl <= 60.0
    assert first.surrogate_gain <= 0
    assert first.reason == Reason.NO_IMPROVEMENT
    assert step.accepted
    assert step.surrogate_gain > 0


def test_if_every_trial_is_refused_theta_stays():
    policy, theta, batch = softmax_case()
    step = trust_region_step(policy, theta, batch, epsilon=0.02, damping=0.0, max_backtracks=0)
    assert not step.accepted
    np.testing.assert_array_equal(step.theta, theta)
    assert (step.alpha, step.kl, step.predicted_gain, step.surrogate_gain) == (0, 0, 0, 0)
    assert step.reason == Reason.ALL_REFUSED.format(n=1, last=Reason.KL_TOO_LARGE)
    assert [trial.reason for trial in step.trials] == [Reason.KL_TOO_LARGE]


def walled(bad: float) -> tuple[Policy, np.ndarray, Batch]:
    """The two rooms in coordinates that end half-way to where the full step would go."""
    policy, theta, batch = two_rooms_case()
    full = npgkit.natural_step(policy, theta, batch, epsilon=0.01).theta
    wall = np.linalg.norm(full - theta) / 2

    def chart(phi):
        return phi if np.linalg.norm(phi - theta) < wall else np.full(2, bad)

    inside = npgkit.in_coordinates(policy, chart, jacobian=lambda phi: np.eye(2))
    return inside, theta, batch


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_trial_without_a_policy_is_refused_and_skipped(bad):
    policy, theta, batch = walled(bad)
    step = trust_region_step(policy, theta, batch, epsilon=0.01, damping=0.0)
    assert step.accepted
    assert len(step.trials) > 3
    assert "there is no policy after the step" in step.trials[0].reason
    assert np.isnan([step.trials[0].kl, step.trials[0].surrogate_gain]).all()


def test_if_no_trial_has_a_policy_theta_stays():
    policy, theta, batch = walled(np.nan)
    step = trust_region_step(policy, theta, batch, epsilon=0.01, damping=0.0, max_backtracks=1)
    assert not step.accepted
    np.testing.assert_array_equal(step.theta, theta)
    assert "all 2 trials were refused" in step.reason


class Bent(Categorical):
    """A distribution whose Fisher product is wrong by a factor: negative, zero or NaN."""

    factor = -1.0

    def fisher_product(self, out, u):
        return self.factor * super().fisher_product(out, u)


@pytest.mark.parametrize(
    "factor, reason",
    [(-1.0, "negative curvature"), (0.0, "curvature"), (np.nan, "not finite")],
)
def test_without_positive_curvature_theta_stays(factor, reason, monkeypatch):
    _, theta, batch = softmax_case()
    monkeypatch.setattr(Bent, "factor", factor)
    step = trust_region_step(Policy(Table(4, 3), Bent(3)), theta, batch, epsilon=0.01, damping=0.0)
    assert not step.accepted
    assert reason in step.reason
    np.testing.assert_array_equal(step.theta, theta)
    assert step.trials == ()


def test_float32_stays_float32_and_finds_the_same_step():
    """Three iterations: in more, CG's own loss of conjugacy would be compared."""
    wide = sampled_case(gaussian_mlp(), n=400)
    narrow = sampled_case(gaussian_mlp(), n=400, dtype=np.float32)
    policy, theta, batch = narrow
    # the same rows, rounded
    rows = (getattr(wide[2], name) for name in ("obs", "act", "adv", "weights"))
    obs, act, adv, weights = (a.astype(np.float32) for a in rows)
    batch = Batch(obs, act, adv, weights, policy.logp(theta, obs, act))
    options = {"epsilon": 0.01, "damping": 0.1, "cg_iterations": 3}
    step32 = trust_region_step(policy, theta, batch, **options)
    step64 = trust_region_step(*wide, **options)
    assert step32.theta.dtype == step32.direction.dtype == np.float32
    assert step32.accepted
    length = np.linalg.norm(step64.theta - wide[1])
    assert np.linalg.norm(step32.theta - step64.theta) < 1e-4 * length


def test_theta_and_batch_are_not_written_to():
    policy, theta, batch = softmax_case()
    before = theta.copy(), replace(batch, adv=batch.adv.copy())
    trust_region_step(policy, theta, batch, epsilon=0.1, damping=0.1)
    np.testing.assert_array_equal(theta, before[0])
    np.testing.assert_array_equal(batch.adv, before[1].adv)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_step_is_measured_from_the_policy_that_acted(direction):
    """KL, gain and a refusal's KL are those from `batch.outputs`; theta's own change nothing."""
    policy, theta, batch = sampled_case(npgkit.gaussian_linear(3, 2))
    acted = policy.linearize(theta + 0.02, batch.obs).out
    logp = policy.distribution.logp(acted, batch.act)
    options = {"epsilon": 0.02, "damping": 0.1, "direction": direction}

    own = replace(batch, outputs=policy.linearize(theta, batch.obs).out)
    plain, same = (trust_region_step(policy, theta, b, **options) for b in (batch, own))
    np.testing.assert_array_equal(same.theta, plain.theta)
    assert (same.kl, same.surrogate_gain) == (plain.kl, plain.surrogate_gain)

    moved = replace(batch, outputs=acted, logp=logp)
    step = trust_region_step(policy, theta, moved, **options)
    assert step.accepted
    kl = mean_kl(policy, step.theta, theta + 0.02, batch, direction)
    assert step.kl == pytest.approx(kl, rel=1e-12)
    assert abs(step.kl - plain.kl) > 1e-4
    assert step.kl <= 0.02
    gain = surrogate(policy, step.theta, moved) - moved.weights @ moved.adv
    assert step.surrogate_gain == pytest.approx(gain, rel=1e-9)

    worst = replace(moved, adv=0 * batch.adv)
    stays = trust_region_step(policy, theta, worst, **options)
    assert not stays.accepted
    np.testing.assert_array_equal(stays.theta, theta)
    kl = mean_kl(policy, theta, theta + 0.02, batch, direction)
    assert kl > 1e-4
    assert stays.kl == pytest.approx(kl, rel=1e-12)
