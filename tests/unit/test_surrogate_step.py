"""The surrogate under a KL bound: closed forms, search, coordinates, and how it may end."""

import numpy as np
import pytest

import npgkit
from npgkit import Batch, surrogate_kl_step
from npgkit.kl_problem import Outcome
from npgkit.objectives import DIRECTIONS
from npgkit.reweighting import reweight
from npgkit.step_result import Reason
from npgkit.surrogate_problem import SurrogateProblem
from tests.support import CASES, sampled_case, softmax_case, two_rooms_case

both_directions = pytest.mark.parametrize("direction", DIRECTIONS)
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def cubic(policy, theta):
    """The policy in coordinates theta = phi + 0.3 phi^3, and phi."""
    root = 0.9**0.5
    phi = 2 / root * np.sinh(np.arcsinh(1.5 * root * theta) / 3)
    bent = npgkit.in_coordinates(
        policy, lambda x: x + 0.3 * x**3, jacobian=lambda x: np.diag(1 + 0.9 * x**2)
    )
    return bent, phi


def surrogate_gradient(policy, theta, batch, h=1e-6):
    """Central differences of `surrogate`, which no step uses."""
    ahead = [npgkit.surrogate(policy, theta + h * e, batch) for e in np.eye(len(theta))]
    behind = [npgkit.surrogate(policy, theta - h * e, batch) for e in np.eye(len(theta))]
    return (np.array(ahead) - np.array(behind)) / (2 * h)


@both_directions
@pytest.mark.parametrize("epsilon", [1e-10, 1e-4, 1e-2, 0.3])
@every_case
def test_the_kl_is_epsilon_and_the_kkt_conditions_hold(case, epsilon, direction):
    policy, theta, batch = case()
    step = surrogate_kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    assert step.accepted, step.reason
    kl = npgkit.mean_kl(policy, step.theta, theta, batch, direction)
    assert abs(kl - epsilon) <= 1e-8 * epsilon
    assert step.kl == kl
    assert step.multiplier > 0
    assert step.kkt_residual < 1e-7
    gain = npgkit.surrogate(policy, step.theta, batch) - npgkit.surrogate(policy, theta, batch)
    assert step.surrogate_gain == pytest.approx(gain, abs=1e-12)
    uphill = npgkit.policy_gradient(policy, step.theta, batch)  # of the surrogate, ratios included
    normal = npgkit.kl_gradient(policy, step.theta, theta, batch, direction)
    missed = np.linalg.norm(uphill - step.multiplier * normal)
    assert missed <= 1e-5 * np.linalg.norm(uphill)
    # h^2 = 1e-12 times a third derivative, and rounding 1e-16 / h.
    by_differences = surrogate_gradient(policy, step.theta, batch)
    np.testing.assert_allclose(uphill, by_differences, atol=1e-8 * (1 + np.abs(batch.adv).max()))


@both_directions
@pytest.mark.parametrize("seed", range(3))
def test_the_multiplier_is_the_gain_of_one_more_nat(seed, direction):
    case, epsilon, h = softmax_case(seed), 0.05, 1e-6
    more, less = (
        surrogate_kl_step(*case, epsilon=epsilon + e, direction=direction).surrogate_gain
        for e in (h, -h)
    )
    tau = surrogate_kl_step(*case, epsilon=epsilon, direction=direction).multiplier
    # The quotient errs by (h / epsilon)^2 and by rounding, 1e-15 gain / h.
    assert (more - less) / (2 * h) == pytest.approx(tau, rel=1e-7)


@both_directions
@pytest.mark.parametrize("seed", range(3))
def test_in_a_table_the_policy_is_its_closed_form(seed, direction):
    """pi exp(A / tau) / Z, and pi tau / (nu - A) with the nu that normalises it, by bisection."""
    policy, theta, batch = softmax_case(seed)
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.2, direction=direction)
    pi, new = (npgkit.action_probabilities(policy, t, 4) for t in (theta, step.theta))
    G, tau = batch.adv.reshape(4, 3), step.multiplier  # A / (1 - gamma)
    if direction == "new||old":
        expected = pi * np.exp(G / tau)
        expected /= expected.sum(axis=1, keepdims=True)
    else:
        low, high = G.max(axis=1), G.max(axis=1) + tau
        for _ in range(100):
            nu = (low + high) / 2
            over = np.sum(pi * tau / (nu[:, None] - G), axis=1) > 1
            low, high = np.where(over, nu, low), np.where(over, high, nu)
        expected = pi * tau / (nu[:, None] - G)
    np.testing.assert_allclose(new, expected, rtol=1e-9)


@both_directions
def test_no_policy_within_epsilon_has_a_larger_surrogate(direction):
    """20,000 random tables, mixed with the old one until their KL is epsilon."""
    policy, theta, batch = softmax_case(1, S=2, A=3)
    epsilon, rng = 0.1, np.random.default_rng(0)
    step = surrogate_kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    pi = npgkit.action_probabilities(policy, theta, 2)
    d = batch.weights.reshape(2, 3).sum(axis=1)
    other, G = rng.dirichlet(0.5 * np.ones(3), size=(20_000, 2)), batch.adv.reshape(2, 3)
    low, high = np.zeros(len(other)), np.ones(len(other))
    for _ in range(60):
        share = ((low + high) / 2)[:, None, None]
        new = np.maximum(pi + share * (other - pi), 1e-300)
        p, q = (new, pi) if direction == "new||old" else (pi, new)
        inside = np.sum(p * np.log(p / q), axis=2) @ d <= epsilon
        low = np.where(inside, share[:, 0, 0], low)
        high = np.where(inside, high, share[:, 0, 0])
    gains = np.sum((pi + low[:, None, None] * (other - pi) - pi) * G, axis=2) @ d
    assert gains.max() <= step.surrogate_gain
    assert gains.max() > 0.97 * step.surrogate_gain  # the sample comes this near


@both_directions
@pytest.mark.parametrize("epsilon", [1e-3, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_the_search_in_bent_coordinates_finds_the_closed_form(seed, epsilon, direction):
    policy, theta, batch = softmax_case(seed)
    here = surrogate_kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    bent, phi = cubic(policy, theta)
    there = surrogate_kl_step(bent, phi, batch, epsilon=epsilon, direction=direction)
    pi = [npgkit.action_probabilities(*at, 4) for at in ((policy, here.theta), (bent, there.theta))]
    # A KKT residual of 1e-10 at the least, times the condition of the problem.
    np.testing.assert_allclose(pi[1], pi[0], atol=1e-7)
    assert there.multiplier == pytest.approx(here.multiplier, rel=1e-6)


@both_directions
def test_affine_coordinates_and_features_are_tables_too(direction):
    """A skewed table and a linear softmax on unit vectors give the table's policy, to rounding."""
    policy, theta, batch = softmax_case()
    here = surrogate_kl_step(policy, theta, batch, epsilon=0.1, direction=direction)
    pi = npgkit.action_probabilities(policy, here.theta, 4)
    B = np.eye(12) + 0.3 * np.random.default_rng(0).normal(size=(12, 12))
    skewed = npgkit.in_coordinates(policy, B)
    there = surrogate_kl_step(
        skewed, np.linalg.solve(B, theta), batch, epsilon=0.1, direction=direction
    )
    np.testing.assert_allclose(npgkit.action_probabilities(skewed, there.theta, 4), pi, rtol=1e-10)
    linear = npgkit.softmax_linear(4, 3)
    rows = Batch(np.eye(4)[batch.obs], batch.act, batch.adv, batch.weights, batch.logp)
    by_features = surrogate_kl_step(linear, theta, rows, epsilon=0.1, direction=direction)
    np.testing.assert_allclose(by_features.theta, here.theta, atol=1e-10)


def test_the_step_is_the_least_of_those_with_its_policy():
    policy, theta, batch = softmax_case()
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.1)
    np.testing.assert_allclose((step.theta - theta).reshape(4, 3).sum(axis=1), 0, atol=1e-14)


@both_directions
@pytest.mark.parametrize("epsilon", [0.05, 0.5, 2.0])
def test_a_gaussian_step_is_the_best_of_a_fine_grid(epsilon, direction):
    """Mean and log deviation, 500 by 500 points; old||new at 2 has a lower maximum as well."""
    rng = np.random.default_rng(4)
    policy, theta = npgkit.gaussian_linear(1, 1), np.array([0.3, -0.2])
    obs = np.ones((30, 1))
    act = policy.sample(theta, obs, rng)
    adv = -((act[:, 0] - 1) ** 2) + 0.1 * rng.normal(size=30)
    batch = Batch(obs, act, adv - adv.mean(), logp=policy.logp(theta, obs, act))
    step = surrogate_kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    assert step.accepted, step.reason
    mean, log_std = np.meshgrid(np.linspace(-1, 3, 500), np.linspace(-4, 1.5, 500))
    far, narrow = mean - theta[0], log_std - theta[1]
    if direction == "new||old":
        kl = 0.5 * (np.exp(2 * narrow) - 1 - 2 * narrow + far**2 * np.exp(-2 * theta[1]))
    else:
        kl = 0.5 * (np.exp(-2 * narrow) - 1 + 2 * narrow + far**2 * np.exp(-2 * log_std))
    gain = np.zeros_like(mean)
    for a, A, logp in zip(act[:, 0], batch.adv, batch.logp, strict=True):
        z = (a - mean) * np.exp(-log_std)
        gain += A / 30 * np.exp(-0.5 * z**2 - log_std - 0.5 * np.log(2 * np.pi) - logp)
    best = np.where(kl <= epsilon, gain, -np.inf).max()  # the surrogate at theta is 0
    assert best <= step.surrogate_gain
    assert best >= 0.96 * step.surrogate_gain  # the grid comes this near


def test_a_maximum_within_the_ball_has_no_multiplier():
    """A linear softmax on forty rows: with three nats to spend, 1.3 are enough."""
    policy, theta, batch = CASES["softmax linear"]()
    step = surrogate_kl_step(policy, theta, batch, epsilon=3.0)
    assert step.accepted
    assert step.multiplier == 0
    assert step.kl < 2
    assert step.kkt_residual < 1e-7
    g = npgkit.policy_gradient(policy, theta, batch)
    at_the_end = npgkit.policy_gradient(policy, step.theta, batch)
    assert np.linalg.norm(at_the_end) < 1e-6 * np.linalg.norm(g)
    roomier = surrogate_kl_step(policy, theta, batch, epsilon=4.0)
    np.testing.assert_allclose(roomier.theta, step.theta, atol=1e-5)


def greedy_radius(policy, theta, batch, S, A):
    """sum_s d(s) log(1 / pi(best actions | s)): the KL of the greedy policy (chapter 3)."""
    pi = npgkit.action_probabilities(policy, theta, S)
    weights, adv = batch.weights.reshape(S, A), batch.adv.reshape(S, A)
    best = adv > adv.max(axis=1, keepdims=True) - 1e-9
    return weights.sum(axis=1) @ -np.log(np.sum(pi * best, axis=1))


@pytest.mark.parametrize("coordinates", ["logits", "bent"])
@pytest.mark.parametrize("seed", range(3))
def test_new_old_has_no_solution_from_the_greedy_policy_on(seed, coordinates):
    policy, theta, batch = softmax_case(seed)
    limit = greedy_radius(policy, theta, batch, 4, 3)
    if coordinates == "bent":  # the last logit of each state held at 0
        policy = npgkit.in_coordinates(policy, np.kron(np.eye(4), np.eye(3)[:, :2]))
        policy, theta = cubic(policy, (theta.reshape(4, 3)[:, :2] - theta[2::3, None]).ravel())
    below = surrogate_kl_step(policy, theta, batch, epsilon=0.98 * limit)
    above = surrogate_kl_step(policy, theta, batch, epsilon=1.02 * limit)
    assert below.accepted, below.reason
    assert above.reason is Outcome.UNATTAINED
    np.testing.assert_array_equal(above.theta, theta)
    other = surrogate_kl_step(policy, theta, batch, epsilon=1.02 * limit, direction="old||new")
    assert other.accepted


def sampled_table():
    """Fifty rows of a table with five states: the last never seen, pairs repeated or missing."""
    policy, rng = npgkit.softmax_tabular(5, 4), np.random.default_rng(0)
    theta = rng.normal(size=20)
    obs = rng.integers(0, 4, 50)
    obs[obs == 3] = np.where(np.arange(np.sum(obs == 3)) < 1, 3, 0)  # state 3 is seen once
    act = policy.sample(theta, obs, rng)
    return policy, theta, Batch(obs, act, rng.normal(size=50), logp=policy.logp(theta, obs, act))


@both_directions
def test_rows_of_a_state_add_up_and_absences_count_as_zero(direction):
    policy, theta, batch = sampled_table()
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.05, direction=direction)
    assert step.accepted
    order = np.random.default_rng(1).permutation(50)
    twice = np.concatenate([order, order])
    again = Batch(batch.obs[twice], batch.act[twice], batch.adv[twice], logp=batch.logp[twice])
    same = surrogate_kl_step(policy, theta, again, epsilon=0.05, direction=direction)
    np.testing.assert_allclose(same.theta, step.theta, atol=1e-12)
    moved = (step.theta - theta).reshape(5, 4)
    np.testing.assert_array_equal(moved[4], 0)  # no row holds state 4
    pi, new = (npgkit.action_probabilities(policy, t, 5) for t in (theta, step.theta))
    (row,) = np.flatnonzero(batch.obs == 3)  # the others share what this action takes or leaves
    others = np.delete(new[3] / pi[3], batch.act[row])
    np.testing.assert_allclose(others, others[0], rtol=1e-12)
    assert (new[3] > pi[3])[batch.act[row]] == (batch.adv[row] > 0)


def test_rows_of_an_older_policy_are_weighed_by_their_ratio():
    policy, old, batch = sampled_table()
    theta = old + 0.1 * np.random.default_rng(2).normal(size=20)
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.02)
    assert step.kl == pytest.approx(0.02, rel=1e-9)
    bent, phi = cubic(policy, theta)
    searched = surrogate_kl_step(bent, phi, batch, epsilon=0.02)
    assert searched.surrogate_gain == pytest.approx(step.surrogate_gain, rel=1e-9)


def test_float32_is_taken_and_solved_in_float64():
    policy, theta, batch = softmax_case()
    exact = surrogate_kl_step(policy, theta, batch, epsilon=0.1)
    step = surrogate_kl_step(policy, theta.astype(np.float32), batch, epsilon=0.1)
    assert step.theta.dtype == np.float64
    assert step.kl == pytest.approx(0.1, rel=1e-10)
    np.testing.assert_allclose(step.theta, exact.theta, atol=1e-6)


def test_a_value_that_overflows_is_reported():
    """Ratios of 1 for an action whose probability is 0 in floating point: nothing to divide by."""
    policy, theta = npgkit.softmax_tabular(1, 2), np.array([0.0, 800.0])
    obs, act = np.zeros(2, int), np.array([0, 1])
    batch = Batch(obs, act, [1.0, -1.0], logp=policy.logp(theta, obs, act))
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.1)
    assert step.reason is Reason.GRADIENT_NOT_FINITE
    np.testing.assert_array_equal(step.theta, theta)


def test_a_kl_beyond_all_floats_is_reported_as_not_solved():
    """old||new has no ceiling; a million nats would need a probability of exp(-10^7)."""
    policy, theta, batch = two_rooms_case()
    step = surrogate_kl_step(policy, theta, batch, epsilon=1e6, direction="old||new")
    assert step.reason is Outcome.NOT_SOLVED
    far = reweight(np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.ones(1), 1e6, "old||new")
    assert far.status is Outcome.NOT_SOLVED


def test_a_search_that_cannot_climb_says_so():
    """A divergence that is infinite but for a point: no boundary, no climb."""
    problem = SurrogateProblem(
        gain=lambda z: float(z[0]),
        gain_gradient=lambda z: np.array([1.0, 0.0]),
        divergence=lambda z: 0.0 if not z.any() else np.inf,
        gradient=lambda z: np.full(2, np.nan),
        epsilon=0.1,
        n=2,
    )
    assert problem.solve().status is Outcome.NOT_SOLVED


def test_rows_without_weight_change_nothing():
    policy, theta, batch = softmax_case()
    rows = Batch(
        np.append(batch.obs, 0),
        np.append(batch.act, 1),
        np.append(batch.adv, 1e6),
        np.append(batch.weights, 0.0),
        np.append(batch.logp, batch.logp[1]),
    )
    plain = surrogate_kl_step(policy, theta, batch, epsilon=0.1)
    np.testing.assert_allclose(
        surrogate_kl_step(policy, theta, rows, epsilon=0.1).theta, plain.theta, rtol=1e-12
    )


def test_a_small_surrogate_step_is_the_kl_step_to_first_order():
    policy, theta, batch = softmax_case()
    epsilon = np.array([1e-2, 1e-4, 1e-6])
    gap = [
        np.linalg.norm(
            surrogate_kl_step(policy, theta, batch, epsilon=e).theta
            - npgkit.kl_step(policy, theta, batch, epsilon=e).theta
        )
        for e in epsilon
    ]
    slope = np.polyfit(np.log(epsilon), np.log(gap), 1)[0]
    assert slope == pytest.approx(1, abs=0.1)


def test_other_distributions_are_searched_for():
    """Two choices at once: a product of softmaxes is no free table."""
    policy = npgkit.Policy(npgkit.Table(2, 5), npgkit.MultiCategorical((2, 3)))
    rng = np.random.default_rng(0)
    theta, obs = rng.normal(size=10), rng.integers(0, 2, 40)
    act = policy.sample(theta, obs, rng)
    batch = Batch(obs, act, rng.normal(size=40), logp=policy.logp(theta, obs, act))
    step = surrogate_kl_step(policy, theta, batch, epsilon=0.05)
    assert step.accepted
    assert step.kkt_residual < 1e-7
    sampled = sampled_case(npgkit.softmax_linear(3, 4))
    assert surrogate_kl_step(*sampled, epsilon=0.05).accepted
