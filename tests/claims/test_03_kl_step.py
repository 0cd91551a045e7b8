"""Chapter 3: the KL as a ruler, the problem it constrains, its invariances, and when it fails."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import npgkit
from npgkit import kl_step
from tests.support import sampled_case, softmax_case, two_rooms_case

DIRECTIONS = ("new||old", "old||new")
# A KL is a sum of about ten terms of order 1, each rounded: 1e-14 covers it.
ROUNDING = 1e-14


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) row by row from its definition, with 0 log 0 = 0."""
    return np.sum(p * np.log(np.where(p > 0, p, q) / q), axis=-1)


def tabular(
    seed: int, S: int = 3, A: int = 3
) -> tuple[npgkit.MDP, npgkit.Policy, np.ndarray, npgkit.Batch, np.ndarray, np.ndarray]:
    """A random MDP with a softmax policy: mdp, policy, theta, batch, pi (S, A), occupancy (S,)."""
    mdp = npgkit.random_mdp(S, A, 0.9, np.random.default_rng(seed))
    policy = npgkit.softmax_tabular(S, A)
    theta = np.random.default_rng(seed).normal(size=S * A)
    pi = npgkit.action_probabilities(policy, theta, S)
    batch = npgkit.exact_batch(mdp, policy, theta)
    return mdp, policy, theta, batch, pi, npgkit.occupancy(mdp, pi)


def prices(pi: np.ndarray, d: np.ndarray) -> np.ndarray:
    return d[:, None] * np.log(1 / (1 - pi))


@pytest.mark.evidence("prop-kl-observations")
def test_waiting_time_times_kl_exceeds_log_20_by_a_jump_at_most():
    """4,000 observers: mean waiting time x KL in [log 20, log 20 + X_max], to 4 standard errors."""
    rng = np.random.default_rng(0)
    p, q, c = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4]), np.log(20)
    jump = np.log(p / q)
    evidence = np.cumsum(jump[rng.choice(3, p=p, size=(4000, 1500))], axis=1)
    reached = evidence >= c
    assert reached.any(axis=1).all()
    T = 1 + reached.argmax(axis=1)
    mean, error = kl(p, q) * T.mean(), kl(p, q) * T.std() / len(T) ** 0.5
    assert c <= mean + 4 * error
    assert mean - 4 * error <= c + np.abs(jump).max()
    # Wald's identity is sharper than the bounds: K E[T] = E[evidence when it stopped].
    stopped = evidence[np.arange(len(T)), T - 1]
    assert mean == pytest.approx(stopped.mean(), abs=4 * error)
    assert error < 0.1  # else the bounds were not put to the test


@pytest.mark.evidence("lem-kl-nonnegative")
def test_kl_is_zero_only_between_equal_policies():
    """2,000 random pairs, with vanishing probabilities and near coincidences among them."""
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(0.3 * np.ones(4), size=(2, 2000))
    assert (kl(p, q) > 0).all()
    assert (kl(p, p) == 0).all()
    dropped = np.where(p < 0.1, 0.0, p)
    dropped /= dropped.sum(axis=1, keepdims=True)
    changed = (dropped == 0).any(axis=1)
    assert changed.sum() > 500 and (kl(dropped, p)[changed] > 0).all()
    for size in (1e-2, 1e-5):  # close by, it is still positive: about size^2
        out = rng.normal(size=(500, 4))
        near = npgkit.Categorical(4).kl(out + size * rng.normal(size=out.shape), out)
        assert (near > 0).all() and near.max() < 20 * size**2


@pytest.mark.evidence("lem-kl-rays")
@pytest.mark.parametrize("seed", range(3))
def test_kl_grows_along_rays_up_to_the_price(seed):
    """d/dt D(tu) against t x mean variance; the limit against log 1/pi(M)."""
    _, policy, theta, batch, pi, d = tabular(seed)
    rng = np.random.default_rng(seed + 10)
    u = rng.integers(-2, 3, size=pi.shape).astype(float)  # ties: M of more than one action
    u[0] = [1.0, 1.0, -1.0]
    for t in (0.1, 1.0, 4.0):
        new = theta + t * u.ravel()
        p = npgkit.action_probabilities(policy, new, 3)
        variance = np.sum(p * u**2, axis=1) - np.sum(p * u, axis=1) ** 2
        rate = npgkit.kl_gradient(policy, new, theta, batch) @ u.ravel()
        h = 1e-5
        ahead, behind = (
            npgkit.mean_kl(policy, theta + (t + e) * u.ravel(), theta, batch) for e in (h, -h)
        )
        assert rate == pytest.approx(t * d @ variance, rel=1e-10)
        # Central difference: h^2 |D'''| / 6 ~ 1e-10 and rounding 1e-15 / h = 1e-10.
        assert (ahead - behind) / (2 * h) == pytest.approx(t * d @ variance, abs=2e-9)
    top = u == u.max(axis=1, keepdims=True)
    limit = d @ np.log(1 / np.sum(pi * top, axis=1))
    values = [
        npgkit.mean_kl(policy, theta + t * u.ravel(), theta, batch) for t in (1, 3, 9, 27, 60)
    ]
    assert (np.diff(values) > 0).all() or values[-1] == pytest.approx(limit, rel=1e-12)
    assert values[-1] == pytest.approx(limit, rel=1e-12)
    shift = np.repeat(rng.normal(size=3), 3)
    assert npgkit.mean_kl(policy, theta + shift, theta, batch) < ROUNDING


@pytest.mark.evidence("prop-kl-kkt")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("case", [two_rooms_case, softmax_case])
def test_at_a_solution_g_is_a_positive_multiple_of_grad_kl(case, direction):
    """g = mu grad D and D = epsilon at kl_step; mu is the gain per nat by finite differences."""
    policy, theta, batch = case()
    g = npgkit.policy_gradient(policy, theta, batch)
    epsilon, h = 0.005, 1e-6
    step = kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    grad_D = npgkit.kl_gradient(policy, step.theta, theta, batch, direction)
    mu = step.multiplier
    assert mu > 0
    assert np.linalg.norm(g - mu * grad_D) <= 1e-7 * np.linalg.norm(g)
    assert abs(step.kl - epsilon) <= 1e-8 * epsilon
    more, less = (
        kl_step(policy, theta, batch, epsilon=epsilon + e, direction=direction).predicted_gain
        for e in (h, -h)
    )
    # gain ~ epsilon^(1/2): the difference quotient errs by (h / epsilon)^2 and by 1e-12 gain / h.
    assert (more - less) / (2 * h) == pytest.approx(mu, rel=1e-5)


@pytest.mark.evidence("prop-kl-kkt")
@pytest.mark.parametrize("epsilon", [0.003, 0.05, 0.15])
def test_no_direction_of_a_fine_grid_beats_the_kl_step(epsilon):
    """Two rooms: 1,440 directions stretched to the boundary by bisection."""
    policy, theta, batch = two_rooms_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    step = kl_step(policy, theta, batch, epsilon=epsilon)
    angles = np.radians(np.arange(-80, 90, 0.125))
    u = np.column_stack([np.cos(angles), np.sin(angles)])
    p = np.array([0.8, 0.1])
    d = npgkit.occupancy(npgkit.two_rooms(), np.column_stack([p, 1 - p]))

    def D(Delta):
        new = 1 / (1 + np.exp(-theta - Delta))
        return kl(np.stack([new, 1 - new], -1), np.stack([p, 1 - p], -1)) @ d

    low, high = np.zeros(len(u)), np.full(len(u), 20.0)
    for _ in range(50):
        middle = (low + high) / 2
        inside = D(middle[:, None] * u) < epsilon
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    closed = high < 19.9
    best = (low * (u @ g))[closed].max()
    assert best <= step.predicted_gain * (1 + 1e-9)
    # A grid of 1/8 degree misses the top by about curvature x (1/16 degree)^2 = 1e-6, x 10.
    assert best >= step.predicted_gain * (1 - 1e-3)
    assert (g @ u.T)[~closed].max(initial=-1.0) <= 0 or epsilon > 0.0193


@pytest.mark.evidence("prop-kl-coordinate-free")
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_mean_kl_is_the_same_number_in_bent_coordinates(direction):
    """phi -> sinh and cubic maps: D in phi against D in theta, and against the definition."""
    mdp, policy, _, _, _, _ = tabular(0)
    rng = np.random.default_rng(2)
    for h, slope in ((np.sinh, np.cosh), (lambda x: x + 0.3 * x**3, lambda x: 1 + 0.9 * x**2)):
        other = npgkit.in_coordinates(policy, h, jacobian=lambda x, f=slope: np.diag(f(x)))
        old, new = rng.normal(size=(2, 9))
        yours = npgkit.mean_kl(other, new, old, npgkit.exact_batch(mdp, other, old), direction)
        mine = npgkit.mean_kl(
            policy, h(new), h(old), npgkit.exact_batch(mdp, policy, h(old)), direction
        )
        p, q = (npgkit.action_probabilities(policy, h(x), 3) for x in (new, old))
        d = npgkit.occupancy(mdp, q)
        assert yours == pytest.approx(mine, abs=ROUNDING)
        pair = (p, q) if direction == "new||old" else (q, p)
        assert yours == pytest.approx(d @ kl(*pair), rel=1e-12)


@pytest.mark.evidence("thm-affine-invariance")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("epsilon", [0.01, 0.15])
def test_affine_coordinates_do_not_change_the_new_policy(epsilon, direction):
    """Five random B, b each: the largest change of a probability, over cond(B), at rounding."""
    policy, theta, batch = two_rooms_case()
    mine = kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
    assert mine.accepted
    before = npgkit.action_probabilities(policy, mine.theta, 2)
    rng = np.random.default_rng(3)
    for _ in range(5):
        B, b = rng.normal(size=(2, 2)), rng.normal(size=2)
        yours, phi = npgkit.in_coordinates(policy, B, b), np.linalg.solve(B, theta - b)
        step = kl_step(yours, phi, batch, epsilon=epsilon, direction=direction)
        after = npgkit.action_probabilities(yours, step.theta, 2)
        # The search ends at a KKT residual of 1e-10 and converges quadratically.
        assert np.abs(after - before).max() <= 1e-9 * np.linalg.cond(B)
        assert step.predicted_gain == pytest.approx(mine.predicted_gain, rel=1e-10)


@pytest.mark.evidence("thm-affine-invariance")
def test_affine_coordinates_create_no_solution():
    """Two rooms just above the threshold: no solution under any of five maps."""
    policy, theta, batch = two_rooms_case()
    rng = np.random.default_rng(4)
    for _ in range(5):
        B = rng.normal(size=(2, 2))
        yours, phi = npgkit.in_coordinates(policy, B), np.linalg.solve(B, theta)
        assert not kl_step(yours, phi, batch, epsilon=0.19).accepted
    sheared = npgkit.in_coordinates(policy, np.array([[1.0, 3.0], [0.0, 1.0]]))
    phi = np.linalg.solve([[1.0, 3.0], [0.0, 1.0]], theta)
    plain = npgkit.euclidean_step(sheared, phi, batch, radius=0.5).theta
    mine = npgkit.euclidean_step(policy, theta, batch, radius=0.5).theta
    assert np.linalg.norm([[1.0, 3.0], [0.0, 1.0]] @ plain - mine) > 0.1  # a test that can fail


def bent_bandit(c: float) -> tuple[npgkit.Policy, npgkit.Policy, np.ndarray, np.ndarray]:
    """Two free logits of three arms, and the coordinates theta = phi + c phi^3."""
    arms = npgkit.softmax_tabular(1, 3)
    mine = npgkit.in_coordinates(arms, np.eye(3)[:, :2])
    yours = npgkit.in_coordinates(
        mine, lambda x: x + c * x**3, jacobian=lambda x: np.diag(1 + 3 * c * x**2)
    )
    phi = np.array([0.5, 1.0])
    return mine, yours, phi + c * phi**3, phi


@pytest.mark.evidence("thm-nonlinear-invariance")
def test_bent_coordinates_change_the_policy_in_order_epsilon():
    """Three arms, theta = phi + .3 phi^3: slope 1 for the difference, 1/2 for the step."""
    mine, yours, theta, phi = bent_bandit(0.3)
    batch = npgkit.exact_batch(npgkit.bandit([1.0, 0.0, 0.5]), mine, theta)
    epsilons = np.geomspace(1e-3, 1e-6, 7)
    gaps, lengths = [], []
    for epsilon in epsilons:
        a = kl_step(mine, theta, batch, epsilon=epsilon).theta
        b = kl_step(yours, phi, batch, epsilon=epsilon).theta
        gaps.append(np.linalg.norm(a - (b + 0.3 * b**3)))
        lengths.append(np.linalg.norm(a - theta))
    order = np.polyfit(np.log(epsilons), np.log([gaps, lengths]).T, 1)[0]
    # The next term is a factor 1 + O(sqrt(epsilon)): at most 3 % over this range.
    np.testing.assert_allclose(order, [1.0, 0.5], atol=0.03)


@pytest.mark.evidence("thm-nonlinear-invariance")
def test_the_gap_of_bent_coordinates_is_within_the_theorems():
    """gap <= 4 l M epsilon / m^2 with m, M, l measured on a ball; and the ball holds the region."""
    c = 0.3
    mine, yours, theta, phi = bent_bandit(c)
    batch = npgkit.exact_batch(npgkit.bandit([1.0, 0.0, 0.5]), mine, theta)
    radius, rng, h = 0.4, np.random.default_rng(5), 1e-5
    y = rng.normal(size=(150, 2))
    y *= radius * np.sqrt(rng.random((150, 1))) / np.linalg.norm(y, axis=1, keepdims=True)
    eigenvalues = []
    for point in y:
        columns = [
            npgkit.kl_gradient(mine, theta + point + h * e, theta, batch)
            - npgkit.kl_gradient(mine, theta + point - h * e, theta, batch)
            for e in np.eye(2)
        ]
        eigenvalues.append(np.linalg.eigvalsh(np.array(columns) / (2 * h)))
    m, M = np.min(eigenvalues), np.max(eigenvalues)
    assert m > 0
    # B (h^-1)' is diagonal: h'(phi_0) / h'(x) at x = h^-1(theta + y); l bounds its derivative.
    slope, bend = (lambda x: 1 + 3 * c * x**2), (lambda x: 6 * c * x)
    x = np.linspace(phi - radius, phi + radius, 401)  # h' >= 1: holds all h^-1(theta + y)
    ell = np.abs(slope(phi) * bend(x) / slope(x) ** 3).max()
    for epsilon in (2e-4, 2e-3):
        assert epsilon < 0.5 * m * radius**2
        a = kl_step(mine, theta, batch, epsilon=epsilon).theta
        b = kl_step(yours, phi, batch, epsilon=epsilon).theta
        gap = np.linalg.norm(a - (b + c * b**3))
        assert 0 < gap <= 4 * ell * M / m**2 * epsilon
        assert np.sqrt(2 * epsilon / M) <= np.linalg.norm(a - theta) <= np.sqrt(2 * epsilon / m)


@pytest.mark.evidence("thm-kl-existence")
@pytest.mark.parametrize("seed", range(6))
def test_a_solution_exists_below_the_threshold_and_not_above(seed):
    """Random MDPs: kl_step at 0.99 and 1.01 times the threshold."""
    mdp, policy, theta, batch, pi, d = tabular(seed)
    A = npgkit.evaluate(mdp, pi).A
    limit = prices(pi, d)[A < 0].min()
    below = kl_step(policy, theta, batch, epsilon=0.99 * limit)
    above = kl_step(policy, theta, batch, epsilon=1.01 * limit)
    assert below.accepted
    assert abs(below.kl - 0.99 * limit) <= 1e-8 * limit
    assert not above.accepted and above.reason.startswith("no solution")
    np.testing.assert_array_equal(above.theta, theta)


@pytest.mark.evidence("thm-kl-existence")
@pytest.mark.parametrize("seed", range(4))
def test_giving_up_an_action_costs_its_price_and_no_more(seed):
    """The ray -e(s, a): D rises to c(s, a) and never beyond; g gains -g(s, a) a unit of logit."""
    mdp, policy, theta, batch, pi, d = tabular(seed)
    A, price = npgkit.evaluate(mdp, pi).A, prices(pi, d)
    g = npgkit.policy_gradient(policy, theta, batch).reshape(pi.shape)
    np.testing.assert_allclose(g, d[:, None] * pi * A / (1 - mdp.gamma), rtol=1e-10, atol=1e-13)
    for s, a in product(range(3), range(3)):
        u = np.zeros(pi.shape)
        u[s, a] = -1.0
        values = [
            npgkit.mean_kl(policy, theta + t * u.ravel(), theta, batch) for t in (2, 6, 12, 300)
        ]
        assert values[0] < values[1] < values[2] < price[s, a]
        assert values[-1] == pytest.approx(price[s, a], rel=1e-12)
        assert (np.sum(g * u) > 0) == (A[s, a] < 0)


@pytest.mark.evidence("thm-kl-existence")
@pytest.mark.parametrize("seed", range(4))
def test_below_the_smallest_price_every_ray_meets_the_boundary(seed):
    """Sixty random rays and one a price: none ends below the smallest price, one just there."""
    _, policy, theta, batch, pi, d = tabular(seed)
    smallest = prices(pi, d).min()
    rng = np.random.default_rng(seed)
    rays = [-np.eye(9)[k] for k in range(9)] + list(rng.integers(-1, 2, size=(60, 9)).astype(float))
    far = [npgkit.mean_kl(policy, theta + 200 * u, theta, batch) for u in rays]
    moving = [value for value in far if value > 1e-9]  # constants move nothing
    assert len(moving) > 60
    assert min(moving) >= smallest * (1 - 1e-9)
    assert min(moving) <= smallest * (1 + 1e-9)  # some ray just reaches it


@pytest.mark.evidence("thm-kl-existence")
def test_giving_up_a_neutral_action_keeps_the_solution():
    """Three arms with A = (+, -, 0): solved between the price of the third and the threshold."""
    policy, pi = npgkit.softmax_tabular(1, 3), np.array([0.45, 0.45, 0.1])
    mdp, theta = npgkit.bandit([1.0, 0.0, 0.5]), np.log(pi)
    batch = npgkit.exact_batch(mdp, policy, theta)
    assert abs(batch.adv[2]) < ROUNDING
    free, limit = np.log(1 / 0.9), np.log(1 / 0.55)
    for epsilon in (2 * free, 0.5 * (free + limit), 0.99 * limit):
        assert free < epsilon < limit
        step = kl_step(policy, theta, batch, epsilon=epsilon)
        assert step.accepted
        move = step.theta - theta
        assert move.min() == move[1]  # the third logit was not driven down: it only costs
    assert not kl_step(policy, theta, batch, epsilon=1.01 * limit).accepted


@pytest.mark.evidence("thm-kl-existence")
@pytest.mark.parametrize("epsilon", [0.2, 0.5, 0.63])
def test_kl_step_in_an_endless_region_agrees_with_brute_force(epsilon):
    """20,000 directions in the plane of two free logits, stretched by bisection; A = (+, -, 0)."""
    policy, mdp = npgkit.softmax_tabular(1, 3), npgkit.bandit([1.0, 0.0, 0.5])
    theta = np.array([0.2, 0.2, -2.0])
    batch = npgkit.exact_batch(mdp, policy, theta)
    pi = npgkit.action_probabilities(policy, theta, 1)[0]
    g = npgkit.policy_gradient(policy, theta, batch)
    assert np.log(1 / (1 - pi[2])) < epsilon < np.log(1 / (1 - pi[1]))
    gone = theta - [0.0, 0.0, 1000.0]
    assert npgkit.mean_kl(policy, gone, theta, batch) < epsilon  # the region is unbounded

    angles = np.arange(20_000) * 2 * np.pi / 20_000
    u = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(20_000)])

    def D(Delta):
        new = pi * np.exp(Delta - Delta.max(axis=1, keepdims=True))
        new = np.maximum(new / new.sum(axis=1, keepdims=True), 1e-300)
        return np.sum(new * np.log(new / pi), axis=1)

    low, high = np.zeros(len(u)), np.full(len(u), 300.0)
    for _ in range(60):
        middle = (low + high) / 2
        inside = D(middle[:, None] * u) < epsilon
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    best = (low * (u @ g)).max()
    step = kl_step(policy, theta, batch, epsilon=epsilon)
    assert step.accepted
    assert best <= step.predicted_gain * (1 + 1e-9)
    # Half a grid step, 1.6e-4, squared, times a curvature of at most 100.
    assert best >= step.predicted_gain * (1 - 2.5e-6)


@pytest.mark.evidence("prop-kl-compact")
@pytest.mark.parametrize("epsilon", [0.1, 2.0])
def test_old_new_balls_keep_every_probability_above_the_floor(epsilon):
    """Boundary points on 40 rays: pi_new >= exp(-C / (d pi)), convex midpoints, a solution."""
    _, policy, theta, batch, pi, d = tabular(1)
    C = epsilon + d @ -np.sum(pi * np.log(pi), axis=1)
    floor = np.exp(-C / (d[:, None] * pi))
    rng, ends = np.random.default_rng(6), []
    for _ in range(40):
        u = rng.normal(size=9)
        low, high = 0.0, 1e4
        assert npgkit.mean_kl(policy, theta + high * u, theta, batch, "old||new") > epsilon
        for _ in range(50):
            t = (low + high) / 2
            inside = npgkit.mean_kl(policy, theta + t * u, theta, batch, "old||new") <= epsilon
            low, high = (t, high) if inside else (low, t)
        ends.append(theta + low * u)
        assert (npgkit.action_probabilities(policy, ends[-1], 3) >= floor).all()
    for a, b in zip(ends[::2], ends[1::2], strict=True):
        middle = npgkit.mean_kl(policy, (a + b) / 2, theta, batch, "old||new")
        assert middle <= epsilon * (1 + 1e-9)
    step = kl_step(policy, theta, batch, epsilon=epsilon, direction="old||new")
    assert step.accepted
    best = max(npgkit.policy_gradient(policy, theta, batch) @ (end - theta) for end in ends)
    assert best <= step.predicted_gain


def paths(mdp: npgkit.MDP, p: np.ndarray, H: int) -> dict[tuple[int, ...], float]:
    """The probability of each path s_0, a_0, ..., s_{H-1}, a_{H-1} under p."""
    S, A = p.shape
    found = {(s, a): mdp.rho[s] * p[s, a] for s in range(S) for a in range(A)}
    for _ in range(H - 1):
        found = {
            (*path, s, a): weight * mdp.P[path[-2], path[-1], s] * p[s, a]
            for path, weight in found.items()
            for s in range(S)
            for a in range(A)
        }
    return found


@pytest.mark.evidence("prop-trajectory-kl")
@pytest.mark.parametrize("H", [1, 2, 4])
def test_path_kl_is_H_times_the_mean_over_the_first_policy(H):
    """All paths of a stochastic MDP enumerated, against the chain rule."""
    mdp, _, _, _, p, _ = tabular(0, S=2, A=3)
    q = npgkit.action_probabilities(
        npgkit.softmax_tabular(2, 3), np.random.default_rng(9).normal(size=6), 2
    )
    P, Q = (np.array(list(paths(mdp, r, H).values())) for r in (p, q))
    assert P.sum() == pytest.approx(1, abs=1e-12)
    at, visits = mdp.rho, np.zeros(2)
    for _ in range(H):
        visits, at = visits + at / H, np.einsum("s,sa,sat->t", at, p, mdp.P)
    assert kl(P, Q) == pytest.approx(H * visits @ kl(p, q), rel=1e-11)


@pytest.mark.evidence("prop-trajectory-kl")
def test_discounted_path_kl_is_mean_kl_over_one_minus_gamma():
    """Paths that stop with probability 1 - gamma after each step, summed over all lengths."""
    mdp, policy, _, _, p, d = tabular(0, S=2, A=2)
    mdp = npgkit.MDP(mdp.P, mdp.R, 0.3, mdp.rho)  # short paths: 0.3^11 / 0.7 < 3e-6 is cut off
    q = npgkit.action_probabilities(policy, np.random.default_rng(9).normal(size=4), 2)
    d = npgkit.occupancy(mdp, p)
    total, H = 0.0, 7
    for length in range(1, H + 1):
        P, Q = (np.array(list(paths(mdp, r, length).values())) for r in (p, q))
        total += 0.3 ** (length - 1) * 0.7 * kl(P, Q)
    # A path longer than H adds at most its length times the largest KL of a step.
    tail = sum(0.3 ** (n - 1) * 0.7 * n for n in range(H + 1, 80)) * kl(p, q).max()
    assert total <= d @ kl(p, q) / 0.7 <= total + tail
    assert tail < 0.02 * total


@pytest.mark.evidence("prop-trajectory-kl")
def test_new_old_path_kl_is_over_the_new_policys_states():
    """Two rooms: epsilon / (1 - gamma) is not the path KL; the gap shrinks faster than epsilon."""
    policy, theta, batch = two_rooms_case()
    mdp, pi = npgkit.two_rooms(), npgkit.action_probabilities(policy, theta, 2)
    excess = []
    for epsilon in (1e-4, 1e-6):
        new = npgkit.action_probabilities(
            policy, kl_step(policy, theta, batch, epsilon=epsilon).theta, 2
        )
        assert npgkit.occupancy(mdp, pi) @ kl(new, pi) == pytest.approx(epsilon, rel=1e-7)
        excess.append(npgkit.occupancy(mdp, new) @ kl(new, pi) / epsilon - 1)
    assert excess[0] > 1e-3
    # The occupancy moves by the order of the step, sqrt(epsilon): a tenth for a hundredth, and
    # the next order is 10 sqrt(epsilon) of it at the larger radius, a tenth.
    assert excess[1] / excess[0] == pytest.approx(0.1, rel=0.12)


@pytest.mark.evidence("thm-nonlinear-invariance", "thm-affine-invariance")
def test_redundant_bent_logits_promise_without_end():
    """Without m > 0: a curve of one policy along which the linear objective has no bound."""
    policy = npgkit.softmax_tabular(1, 3)
    mdp, phi = npgkit.bandit([1.0, 0.0, 0.5]), np.array([0.5, 1.0, 0.0])
    bent = npgkit.in_coordinates(
        policy, lambda x: x + 0.3 * x**3, jacobian=lambda x: np.diag(1 + 0.9 * x**2)
    )
    batch = npgkit.exact_batch(mdp, bent, phi)
    g = npgkit.policy_gradient(bent, phi, batch)
    root = 0.9**0.5
    promises = []
    for shift in (-1e2, -1e4, -1e6):
        y = phi + 0.3 * phi**3 + shift
        other = 2 / root * np.sinh(np.arcsinh(1.5 * root * y) / 3)
        # Rounding of a logit of size |shift| is about 1e-15 |shift|; the KL is its square.
        assert npgkit.mean_kl(bent, other, phi, batch) < 1e-12
        promises.append(g @ (other - phi))
    assert promises[0] > 0 and np.all(np.diff(promises) > 2 * promises[0])
    theta = phi + 0.3 * phi**3
    flat = npgkit.policy_gradient(policy, theta, npgkit.exact_batch(mdp, policy, theta))
    assert abs(flat.sum()) < ROUNDING  # in affine coordinates the constants promise nothing


@pytest.mark.evidence("prop-kl-coordinate-free")
def test_weighted_batch_and_occupancy_give_one_mean_kl():
    """Rows (s, a) weighted d(s) pi(a|s) against sum_s d(s) KL(s); sampled rows against a loop."""
    _, policy, theta, batch, pi, d = tabular(5)
    new = theta + np.random.default_rng(7).normal(size=9)
    p = npgkit.action_probabilities(policy, new, 3)
    assert npgkit.mean_kl(policy, new, theta, batch) == pytest.approx(d @ kl(p, pi), rel=1e-12)
    linear, theta, rows = sampled_case(npgkit.softmax_linear(3, 4))
    logits = [rows.obs @ t.reshape(3, 4) for t in (theta + 0.1, theta * 1.3)]
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in logits)
    mean = npgkit.mean_kl(linear, theta + 0.1, theta * 1.3, rows)
    assert mean == pytest.approx(rows.weights @ kl(p, q), rel=1e-9)


def test_ledger_the_kl_step_misses_its_promise_in_order_one():
    """The linearised return: promise of order 1/2 in epsilon, what is missing of order 1."""
    mdp = npgkit.two_rooms()
    policy, theta, batch = two_rooms_case()
    before = npgkit.expected_return(mdp, npgkit.action_probabilities(policy, theta, 2))
    radii = np.geomspace(1e-6, 1e-4, 5)
    steps = [kl_step(policy, theta, batch, epsilon=epsilon) for epsilon in radii]
    promised = np.array([step.predicted_gain for step in steps])
    after = [npgkit.action_probabilities(policy, step.theta, 2) for step in steps]
    missing = promised - (np.array([npgkit.expected_return(mdp, pi) for pi in after]) - before)

    def order(y):
        return np.polyfit(np.log(radii), np.log(np.abs(y)), 1)[0]

    # the next term of either expansion is smaller by sqrt(epsilon), at most 1e-2
    assert order(promised) == pytest.approx(0.5, abs=0.01)
    assert order(missing) == pytest.approx(1.0, abs=0.01)


def written_otherwise(
    policy: npgkit.Policy, theta: np.ndarray
) -> dict[str, tuple[npgkit.Policy, np.ndarray]]:
    """The family in cubic coordinates, and in exponentials of theta: odds, for two actions."""
    root = 0.9**0.5
    phi = 2 / root * np.sinh(np.arcsinh(1.5 * root * theta) / 3)
    cubic = npgkit.in_coordinates(
        policy, lambda x: x + 0.3 * x**3, jacobian=lambda x: np.diag(1 + 0.9 * x**2)
    )
    odds = npgkit.in_coordinates(policy, np.log, jacobian=lambda x: np.diag(1 / x))
    return {"cubic": (cubic, phi), "odds": (odds, np.exp(theta))}


@pytest.mark.evidence("thm-surrogate-invariance")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.18, 0.5])
def test_surrogate_step_is_one_policy_where_the_linear_is_not(epsilon, direction):
    """Two rooms in logits, cubic coordinates and odds: one policy; the linear step's are three."""
    policy, theta, batch = two_rooms_case()
    families = {"logits": (policy, theta), **written_otherwise(policy, theta)}

    def after(method, name):
        step = method(*families[name], batch, epsilon=epsilon, direction=direction)
        return npgkit.action_probabilities(families[name][0], step.theta, 2)

    surrogate = {name: after(npgkit.surrogate_kl_step, name) for name in families}
    for name in ("cubic", "odds"):
        # A KKT residual of 1e-10 at the least, times the condition of the problem.
        np.testing.assert_allclose(surrogate[name], surrogate["logits"], atol=1e-8)
    if direction == "old||new" or epsilon < 0.1822:  # else the linear problem has no solution
        for name in ("cubic", "odds"):
            assert np.abs(after(kl_step, name) - after(kl_step, "logits")).max() > 1e-3


@pytest.mark.evidence("prop-surrogate-table")
@pytest.mark.parametrize("epsilon", [0.003, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_the_tilted_policy_has_the_kl_and_beats_all_others(seed, epsilon):
    """pi exp(A / tau) / Z against 5,000 policies of the ball, and the identity of the proof."""
    mdp, policy, theta, batch, pi, d = tabular(seed)
    gain = npgkit.evaluate(mdp, pi).A / (1 - mdp.gamma)
    step = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=epsilon)
    tau = step.multiplier
    new = pi * np.exp(gain / tau)
    Z = new.sum(axis=1, keepdims=True)
    new /= Z
    np.testing.assert_allclose(npgkit.action_probabilities(policy, step.theta, 3), new, rtol=1e-9)
    assert d @ kl(new, pi) == pytest.approx(epsilon, rel=1e-9)
    L = lambda p: np.sum(p * gain, axis=-1) @ d  # noqa: E731
    rng = np.random.default_rng(seed)
    for p in rng.dirichlet(np.ones(3), size=(20, 3)):
        identity = tau * d @ np.log(Z[:, 0]) - tau * d @ kl(p, new)
        assert L(p) - tau * d @ kl(p, pi) == pytest.approx(identity, rel=1e-9, abs=1e-9)
    far = rng.dirichlet(0.5 * np.ones(3), size=(5000, 3))
    share = rng.random((5000, 1, 1))
    others = pi + share * (far - pi)
    inside = kl(others, pi) @ d <= epsilon
    assert inside.sum() > 20
    assert L(others[inside]).max() < L(new)


@pytest.mark.evidence("prop-surrogate-table")
@pytest.mark.parametrize("seed", range(6))
def test_the_surrogate_has_a_solution_up_to_the_greedy_price(seed):
    """kl_step's threshold lies below; at 0.99 and 1.01 of the greedy price; old||new goes on."""
    mdp, policy, theta, batch, pi, d = tabular(seed)
    A = npgkit.evaluate(mdp, pi).A
    best = A.max(axis=1, keepdims=True) == A
    greedy = d @ np.log(1 / np.sum(pi * best, axis=1))
    assert prices(pi, d)[A < 0].min() <= greedy
    below = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=0.99 * greedy)
    above = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=1.01 * greedy)
    assert below.accepted
    assert not above.accepted and above.reason.startswith("no solution")
    top = d @ A.max(axis=1) / (1 - mdp.gamma)
    assert below.surrogate_gain < top
    far = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=(1 - 1e-6) * greedy)
    assert far.surrogate_gain == pytest.approx(top, rel=1e-3)
    assert npgkit.surrogate_kl_step(
        policy, theta, batch, epsilon=2 * greedy, direction="old||new"
    ).accepted


@pytest.mark.evidence("prop-surrogate-table")
@pytest.mark.parametrize("epsilon", [0.01, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_old_new_solution_is_a_quotient_and_beats_all_others(seed, epsilon):
    """pi / pi_new is linear in A, with one tau for all states; 5,000 policies are no better."""
    mdp, policy, theta, batch, pi, d = tabular(seed)
    gain = npgkit.evaluate(mdp, pi).A / (1 - mdp.gamma)
    step = npgkit.surrogate_kl_step(policy, theta, batch, epsilon=epsilon, direction="old||new")
    new = npgkit.action_probabilities(policy, step.theta, 3)
    nu = step.multiplier * pi / new + gain
    np.testing.assert_allclose(nu, np.repeat(nu[:, :1], 3, axis=1), rtol=1e-8)
    assert (nu > gain.max(axis=1, keepdims=True)).all()
    assert d @ kl(pi, new) == pytest.approx(epsilon, rel=1e-9)
    rng = np.random.default_rng(seed)
    others = pi + rng.random((5000, 1, 1)) * (rng.dirichlet(0.5 * np.ones(3), size=(5000, 3)) - pi)
    inside = np.sum(pi * np.log(pi / others), axis=-1) @ d <= epsilon
    assert inside.sum() > 20
    assert (np.sum(others[inside] * gain, axis=-1) @ d).max() < np.sum(new * gain, axis=-1) @ d
