"""Bad numerics are no exceptions: theta comes back unchanged, with a reason."""

import numpy as np
import pytest

import npgkit
from npgkit import (
    Batch,
    euclidean_step,
    kl_step,
    natural_step,
    surrogate_kl_step,
    trust_region_step,
)
from tests.support import sampled_case, softmax_case, two_rooms_case

STEPS = {
    "euclidean alpha": lambda *case: euclidean_step(*case, alpha=0.1),
    "euclidean radius": lambda *case: euclidean_step(*case, radius=0.1),
    "natural": lambda *case: natural_step(*case, epsilon=0.01),
    "natural dense": lambda *case: natural_step(*case, epsilon=0.01, solver="dense"),
    "natural damped": lambda *case: natural_step(
        *case, epsilon=0.01, damping=0.1, cg_iterations=10
    ),
    "trust region": lambda *case: trust_region_step(*case, epsilon=0.01, damping=0.0),
    "trust region damped": lambda *case: trust_region_step(*case, epsilon=0.01, damping=0.1),
    "kl new||old": lambda *case: kl_step(*case, epsilon=0.01),
    "kl old||new": lambda *case: kl_step(*case, epsilon=0.01, direction="old||new"),
    "surrogate new||old": lambda *case: surrogate_kl_step(*case, epsilon=0.01),
    "surrogate old||new": lambda *case: surrogate_kl_step(
        *case, epsilon=0.01, direction="old||new"
    ),
}


def with_advantages(case, adv):
    policy, theta, batch = case
    adv = np.broadcast_to(adv, batch.adv.shape).astype(batch.adv.dtype)
    return policy, theta, Batch(batch.obs, batch.act, adv, batch.weights, batch.logp)


def assert_refused(step, theta, reason):
    assert not step.accepted
    assert reason in step.reason
    np.testing.assert_array_equal(step.theta, theta)
    assert (step.alpha, step.kl, step.predicted_gain, step.surrogate_gain) == (0, 0, 0, 0)
    assert np.isfinite(step.direction).all()


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("make", [two_rooms_case, softmax_case], ids=["two rooms", "softmax"])
@pytest.mark.parametrize("adv", [0.0, 1.0, -3.7e5, 1e-9])
def test_constant_advantages_give_no_direction(step, make, adv):
    """The gradient is E[score] times a constant: zero, or what rounding leaves of it."""
    case = with_advantages(make(), adv)
    assert_refused(step(*case), case[1], "the gradient is zero")


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("make", [two_rooms_case, softmax_case], ids=["two rooms", "softmax"])
@pytest.mark.parametrize(("logp", "adv"), [(-1e4, 1.0), (0.0, 1e308)], ids=["ratio", "advantage"])
def test_a_gradient_that_overflows_is_refused(step, make, logp, adv):
    """Rows of a policy that hardly ever takes these actions; advantages near the largest float."""
    policy, theta, batch = make()
    large = batch.adv / np.abs(batch.adv).max() * adv
    far = Batch(batch.obs, batch.act, large, batch.weights, batch.logp + logp)
    assert_refused(step(policy, theta, far), theta, "the gradient is not finite")


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_an_action_that_is_certain_leaves_nothing_to_gain(step):
    """p = 1 to the last bit: every score is 0, and so is F."""
    policy = npgkit.softmax_tabular(1, 2)
    theta = np.array([800.0, 0.0])
    result = step(policy, theta, Batch([0], [0], [1.0], logp=policy.logp(theta, [0], [0])))
    assert not result.accepted
    np.testing.assert_array_equal(result.theta, theta)


def test_optimal_by_a_float_is_refused_not_divided_by():
    """F underflows before g does: x'Fx is not positive or the system is not solved."""
    policy = npgkit.sigmoid_tabular(2)
    theta = np.array([-700.0, 700.0])
    batch = npgkit.exact_batch(npgkit.two_rooms(), policy, theta)
    for step in STEPS.values():
        result = step(policy, theta, batch)
        assert np.isfinite(result.theta).all()
        assert np.isfinite([result.kl, result.alpha, result.predicted_gain]).all()


def test_kl_without_a_solution_says_so():
    case = two_rooms_case()
    result = kl_step(*case, epsilon=0.3)
    assert_refused(result, case[1], "no solution")


@pytest.mark.parametrize("direction", ["new||old", "old||new"])
@pytest.mark.parametrize("step", [kl_step, surrogate_kl_step])
def test_a_search_may_leave_the_domain_of_the_coordinates(step, direction):
    """Odds must be positive: beyond 0 there is no policy, and the KL counts as infinite there."""
    policy = npgkit.in_coordinates(
        npgkit.sigmoid_tabular(2), np.log, jacobian=lambda odds: np.diag(1 / odds)
    )
    odds = np.array([4.0, 1 / 9])
    batch = npgkit.exact_batch(npgkit.two_rooms(), policy, odds)
    for epsilon in (0.01, 0.1, 0.18):
        result = step(policy, odds, batch, epsilon=epsilon, direction=direction)
        assert result.accepted, result.reason
        assert result.kl == pytest.approx(epsilon, rel=1e-8)


def test_a_step_that_overflows_is_refused():
    policy, theta, batch = two_rooms_case()
    big = Batch(batch.obs, batch.act, 1e300 * batch.adv, batch.weights, batch.logp)
    with np.errstate(over="ignore"):
        result = euclidean_step(policy, theta, big, alpha=1e300)
    assert_refused(result, theta, "not finite")


@pytest.mark.parametrize("with_logp", [True, False])
def test_a_step_that_makes_the_actions_impossible_is_refused(with_logp):
    """A deviation of exp(-70): in float32 log p is -inf, the KL finite, each ratio 0."""
    policy, theta = npgkit.gaussian_linear(1, 1), np.zeros(2, np.float32)
    obs, act = np.ones((2, 1), np.float32), np.array([[0.0], [1.0]], np.float32)
    logp = policy.logp(theta, obs, act)
    batch = Batch(obs, act, np.array([1.0, -1.0], np.float32), logp=logp if with_logp else None)
    step = euclidean_step(policy, theta, batch, alpha=140.0)
    assert np.isfinite(npgkit.mean_kl(policy, theta + 140 * step.direction, theta, batch))
    assert_refused(step, theta, "the KL or the surrogate of the step is not finite")


def test_an_unsolved_system_is_refused_unless_cg_was_limited():
    """A gradient outside the range of F: the score of a state with no weight in F's average."""
    policy, theta, batch = sampled_case(npgkit.softmax_linear(3, 4), n=60)
    early = natural_step(policy, theta, batch, epsilon=0.01, cg_iterations=2)
    assert early.accepted
    assert not early.cg.converged
    assert "max_iter" in early.cg.status
    none = natural_step(policy, theta, batch, epsilon=0.01, cg_iterations=0)
    assert_refused(none, theta, "not positive")


def test_a_consistent_gradient_of_few_samples_is_no_fault():
    """Three rows and nine parameters: F is singular, g is in its range all the same."""
    policy, theta, batch = sampled_case(npgkit.softmax_linear(3, 3), n=3)
    step = natural_step(policy, theta, batch, epsilon=0.01)
    assert step.accepted
    dense = natural_step(policy, theta, batch, epsilon=0.01, solver="dense")
    np.testing.assert_allclose(step.theta, dense.theta, atol=1e-7)


def test_a_step_out_of_the_domain_of_the_coordinates_is_refused():
    """Odds of staying must be positive; a plain step of length 1 makes one of them negative."""
    policy = npgkit.in_coordinates(
        npgkit.sigmoid_tabular(2), np.log, jacobian=lambda odds: np.diag(1 / odds)
    )
    odds = np.array([4.0, 0.02])
    batch = npgkit.exact_batch(npgkit.two_rooms(), policy, odds)
    g = npgkit.policy_gradient(policy, odds, batch)
    assert (g > 0).all()
    batch = Batch(batch.obs, batch.act, -batch.adv, batch.weights, batch.logp)
    result = euclidean_step(policy, odds, batch, radius=1.0)
    assert_refused(result, odds, "there is no policy after the step")
