"""The Euclidean, KL and natural steps."""

import numpy as np
import pytest
from scipy.optimize import brentq

import npgkit
from npgkit import euclidean_step, kl_step, natural_step
from npgkit.objectives import DIRECTIONS
from tests.support import CASES, softmax_case, two_rooms_case

EPSILON = 0.01


def test_euclidean_step_by_alpha_and_by_radius_are_one():
    policy, theta, batch = softmax_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    by_alpha = euclidean_step(policy, theta, batch, alpha=0.1)
    np.testing.assert_array_equal(by_alpha.theta, theta + 0.1 * g)
    by_radius = euclidean_step(policy, theta, batch, radius=0.1 * np.linalg.norm(g))
    np.testing.assert_allclose(by_radius.theta, by_alpha.theta, rtol=1e-14)


def test_no_feasible_point_beats_the_euclidean_step():
    policy, theta, batch = softmax_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    step = euclidean_step(policy, theta, batch, radius=0.5)
    u = np.random.default_rng(0).normal(size=(2000, len(theta)))
    u *= 0.5 / np.linalg.norm(u, axis=1)[:, None]
    assert (u @ g).max() < step.predicted_gain
    assert step.predicted_gain == pytest.approx(0.5 * np.linalg.norm(g))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_natural_step_spends_the_quadratic_kl_exactly(case):
    policy, theta, batch = case()
    F = npgkit.FisherOperator(policy, theta, batch)
    g = npgkit.policy_gradient(policy, theta, batch)
    for damping, iterations in ((0.0, None), (0.1, None), (0.1, 2)):
        step = natural_step(
            policy, theta, batch, epsilon=EPSILON, damping=damping, cg_iterations=iterations
        )
        delta = step.theta - theta
        assert step.accepted
        assert delta @ (F @ delta) / 2 == pytest.approx(EPSILON, rel=1e-6)
        assert step.predicted_gain == pytest.approx(g @ delta)
        assert step.predicted_gain > 0


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cg_and_the_pseudo_inverse_give_the_same_step(case):
    policy, theta, batch = case()
    by_cg = natural_step(policy, theta, batch, epsilon=EPSILON)
    dense = natural_step(policy, theta, batch, epsilon=EPSILON, solver="dense")
    np.testing.assert_allclose(by_cg.theta, dense.theta, rtol=1e-6, atol=1e-8)


def test_natural_step_is_the_formula_where_F_can_be_inverted():
    policy, theta, batch = two_rooms_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    F_inverse = np.linalg.inv(npgkit.FisherOperator(policy, theta, batch).dense())
    alpha = np.sqrt(2 * EPSILON / (g @ F_inverse @ g))
    step = natural_step(policy, theta, batch, epsilon=EPSILON)
    assert step.alpha == pytest.approx(alpha, rel=1e-9)
    np.testing.assert_allclose(step.theta, theta + alpha * F_inverse @ g, rtol=1e-9)
    assert step.predicted_gain == pytest.approx(np.sqrt(2 * EPSILON * g @ F_inverse @ g))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("epsilon", [1e-10, 1e-4, 1e-2])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_kl_step_meets_its_constraint_and_its_kkt_conditions(case, epsilon, direction):
    policy, theta, batch = case()
    step = kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    assert step.accepted, step.reason
    kl = npgkit.mean_kl(policy, step.theta, theta, batch, direction)
    assert abs(kl - epsilon) <= 1e-8 * epsilon
    assert step.kl == pytest.approx(kl)
    g = npgkit.policy_gradient(policy, theta, batch)
    normal = npgkit.kl_gradient(policy, step.theta, theta, batch, direction)
    assert step.multiplier > 0
    assert step.kkt_residual < 1e-7
    # The residual in theta's own units, where the whitening of the solver plays no part.
    assert np.linalg.norm(g - step.multiplier * normal) <= 1e-5 * np.linalg.norm(g)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("epsilon", [0.001, 0.02, 0.1, 0.18])
def test_no_direction_in_the_plane_beats_the_kl_step(epsilon, direction):
    """Every ray from theta, followed to where the KL is epsilon by Brent's method."""
    policy, theta, batch = two_rooms_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    step = kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    best = 0.0
    for angle in np.linspace(-np.pi / 2, np.pi / 2, 121) + np.arctan2(g[1], g[0]):
        u = np.array([np.cos(angle), np.sin(angle)])

        def excess(t, u=u):
            return npgkit.mean_kl(policy, theta + t * u, theta, batch, direction) - epsilon

        best = max(best, g @ u * brentq(excess, 0, 60, xtol=1e-12))
    assert step.predicted_gain >= best * (1 - 1e-9)
    assert step.predicted_gain <= best * 1.01  # the grid of rays comes this near


def least_epsilon_without_solution(mdp, pi):
    """min d(s) log(1 / (1 - pi(a|s))) over the actions with a negative advantage (chapter 3)."""
    cost = -npgkit.occupancy(mdp, pi)[:, None] * np.log1p(-pi)
    return np.where(npgkit.evaluate(mdp, pi).A < 0, cost, np.inf).min()


@pytest.mark.parametrize("seed", range(4))
def test_kl_step_has_a_solution_exactly_where_the_theorem_says(seed):
    rng = np.random.default_rng(seed)
    mdp, policy = npgkit.random_mdp(4, 3, 0.9, rng), npgkit.softmax_tabular(4, 3)
    theta = rng.normal(size=12)
    batch = npgkit.exact_batch(mdp, policy, theta)
    threshold = least_epsilon_without_solution(mdp, npgkit.action_probabilities(policy, theta, 4))
    below = kl_step(policy, theta, batch, epsilon=0.98 * threshold)
    above = kl_step(policy, theta, batch, epsilon=1.02 * threshold)
    assert below.accepted
    assert not above.accepted
    assert "no solution" in above.reason
    np.testing.assert_array_equal(above.theta, theta)
    other_way = kl_step(policy, theta, batch, epsilon=1.02 * threshold, direction="old||new")
    assert other_way.accepted  # that ball is compact


BANDITS = {  # policy and rewards; a climb from the gradient alone ends too low, or nowhere
    "a narrow arm of the ball": ([0.337, 0.494, 0.169], [-0.989, 0.965, -0.849]),
    "two rare actions": ([0.954, 0.012, 0.034], [0.0, -0.5, 0.8]),
    "nearly certain": ([0.9905, 0.009, 0.0005], [0.0053, -0.5487, -0.8551]),
    "a cheap action of advantage zero": ([0.493, 0.493, 0.014], [1.0, 0.0, 0.5]),
}  # fmt: skip


def best_gain_on_a_bandit(pi, g, epsilon):
    """The largest g.Delta over 20,001 directions of the plane in which three logits differ."""
    angle = np.linspace(0, 2 * np.pi, 20_001)
    axes = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    u = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ axes
    near, far = np.zeros(len(u)), np.full(len(u), 400.0)
    dist, old = npgkit.Categorical(3), np.log(pi)[None]
    for _ in range(50):
        middle = (near + far) / 2
        inside = dist.kl(old + middle[:, None] * u, np.repeat(old, len(u), axis=0)) < epsilon
        near, far = np.where(inside, middle, near), np.where(inside, far, middle)
    return (near * (u @ g)).max()


@pytest.mark.parametrize("share", [0.3, 0.95, 0.999])
@pytest.mark.parametrize(("pi", "rewards"), BANDITS.values(), ids=BANDITS)
def test_the_best_of_several_local_maxima_is_found(pi, rewards, share):
    """Near the radius at which new||old loses its solution its ball is far from convex."""
    pi = np.array(pi) / np.sum(pi)
    policy, theta = npgkit.softmax_tabular(1, 3), np.log(pi)
    batch = npgkit.exact_batch(npgkit.bandit(rewards), policy, theta)
    advantage = np.array(rewards) - pi @ rewards
    threshold = (-np.log1p(-pi))[advantage < -1e-9].min()
    step = kl_step(policy, theta, batch, epsilon=share * threshold)
    assert step.accepted, step.reason
    g = npgkit.policy_gradient(policy, theta, batch)
    best = best_gain_on_a_bandit(pi, g, share * threshold)
    assert step.predicted_gain >= best * (1 - 1e-9)
    assert step.predicted_gain == pytest.approx(best, rel=1e-3)  # the grid of rays


def test_a_small_kl_step_is_the_natural_step():
    policy, theta, batch = softmax_case()
    epsilon = np.array([1e-2, 1e-4, 1e-6])
    gap = [
        np.linalg.norm(
            kl_step(policy, theta, batch, epsilon=e).theta
            - natural_step(policy, theta, batch, epsilon=e).theta
        )
        for e in epsilon
    ]
    slope = np.polyfit(np.log(epsilon), np.log(gap), 1)[0]
    assert slope == pytest.approx(1, abs=0.1)


STEPS = {
    "kl new||old": lambda *case: kl_step(*case, epsilon=EPSILON),
    "kl old||new": lambda *case: kl_step(*case, epsilon=EPSILON, direction="old||new"),
    "natural": lambda *case: natural_step(*case, epsilon=EPSILON),
    "natural dense": lambda *case: natural_step(*case, epsilon=EPSILON, solver="dense"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("seed", range(3))
def test_behaviour_does_not_depend_on_affine_coordinates(step, seed):
    policy, theta, batch = softmax_case(seed)
    rng = np.random.default_rng(seed)
    B, b = np.eye(12) + 0.3 * rng.normal(size=(12, 12)), rng.normal(size=12)
    other = npgkit.in_coordinates(policy, B, b)
    phi = np.linalg.solve(B, theta - b)
    here = step(policy, theta, batch).theta
    there = B @ step(other, phi, batch).theta + b
    states = np.arange(4)
    pi = [policy.distribution.probabilities(policy.linearize(t, states).out) for t in (here, there)]
    # rounding 1e-16, through F (condition up to 1e3) in coordinates of condition up to 1e3 squared
    tolerance = 1e-14 * np.linalg.cond(B) ** 2 if "natural" not in step.__name__ else 1e-8
    np.testing.assert_allclose(pi[0], pi[1], atol=max(tolerance, 1e-10))


def test_the_euclidean_step_does_depend_on_them():
    policy, theta, batch = two_rooms_case()
    B = np.diag([10.0, 1.0])
    other = npgkit.in_coordinates(policy, B)
    here = euclidean_step(policy, theta, batch, alpha=0.1).theta
    there = B @ euclidean_step(other, np.linalg.solve(B, theta), batch, alpha=0.1).theta
    g = npgkit.policy_gradient(policy, theta, batch)
    np.testing.assert_allclose(there - theta, 0.1 * B @ B.T @ g)
    assert np.abs(there - here).max() > 1


def test_damping_breaks_the_invariance():
    policy, theta, batch = two_rooms_case()
    B = np.diag([10.0, 1.0])
    other = npgkit.in_coordinates(policy, B)
    here = natural_step(policy, theta, batch, epsilon=EPSILON, damping=0.1).theta
    phi = natural_step(other, np.linalg.solve(B, theta), batch, epsilon=EPSILON, damping=0.1).theta
    assert np.abs(B @ phi - here).max() > 0.01


def test_float32_goes_through():
    policy, theta, batch = softmax_case()
    theta32 = theta.astype(np.float32)
    step = natural_step(policy, theta32, batch, epsilon=EPSILON, damping=1e-3, cg_iterations=10)
    assert step.accepted
    assert step.theta.dtype == np.float32
    exact = natural_step(policy, theta, batch, epsilon=EPSILON, damping=1e-3, cg_iterations=10)
    np.testing.assert_allclose(step.theta, exact.theta, atol=1e-3)
