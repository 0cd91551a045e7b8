"""The claims of chapter 1, each against something that its proof does not use."""

from __future__ import annotations

import numpy as np
import pytest

import npgkit

START = np.log([0.8 / 0.2, 0.1 / 0.9])
STEPS = np.geomspace(1e-1, 1e-3, 7)


def small_mdp(seed: int) -> npgkit.MDP:
    rng = np.random.default_rng(seed)
    return npgkit.random_mdp(4, 3, gamma=(0.0, 0.5, 0.9)[seed % 3], rng=rng)


def random_policy(mdp: npgkit.MDP, rng: np.random.Generator) -> np.ndarray:
    return rng.dirichlet(np.ones(mdp.n_actions), size=mdp.n_states)


def return_at(mdp: npgkit.MDP, policy: npgkit.Policy, theta: np.ndarray) -> float:
    return npgkit.expected_return(mdp, npgkit.action_probabilities(policy, theta, mdp.n_states))


def case(seed: int) -> tuple[npgkit.MDP, npgkit.Policy, np.ndarray, npgkit.Batch]:
    """An MDP and a policy of it: softmax tables, and linear policies with too few parameters."""
    rng = np.random.default_rng(100 + seed)
    mdp = small_mdp(seed)
    policy = npgkit.softmax_tabular(mdp.n_states, mdp.n_actions)
    if seed % 2:
        policy = npgkit.in_coordinates(policy, rng.standard_normal((policy.n_params, 5)))
    theta = 0.5 * rng.standard_normal(policy.n_params)
    return mdp, policy, theta, npgkit.exact_batch(mdp, policy, theta)


def order(errors: list[float]) -> float:
    return float(np.polyfit(np.log(STEPS), np.log(errors), 1)[0])


def walk_distributions(mdp: npgkit.MDP, pi: np.ndarray, steps: int) -> np.ndarray:
    """P(s_t = s) for t < steps, one row a step, by walking forward."""
    rows = [mdp.rho]
    for _ in range(steps - 1):
        rows.append(np.einsum("s,sa,sat->t", rows[-1], pi, mdp.P))
    return np.array(rows)


@pytest.mark.evidence("lem-occupancy")
@pytest.mark.parametrize("seed", range(6))
def test_occupancy_is_the_discounted_sum_over_time(seed: int) -> None:
    """d from the linear system against the sum over 400 time steps; it sums to 1."""
    mdp = small_mdp(seed)
    pi = random_policy(mdp, np.random.default_rng(seed))
    d = npgkit.occupancy(mdp, pi)
    discounts = mdp.gamma ** np.arange(400)
    summed = (1 - mdp.gamma) * discounts @ walk_distributions(mdp, pi, 400)
    assert abs(d.sum() - 1) < 1e-13
    assert (d >= 0).all()
    np.testing.assert_allclose(d, summed, rtol=0, atol=mdp.gamma**400 + 1e-13)


@pytest.mark.evidence("lem-occupancy")
@pytest.mark.parametrize("seed", range(6))
def test_occupancy_turns_time_averages_into_state_averages(seed: int) -> None:
    """The discounted sum of any f(s, a) over time is sum d pi f / (1 - gamma); J has f = R."""
    mdp = small_mdp(seed)
    rng = np.random.default_rng(seed)
    pi, f = random_policy(mdp, rng), rng.standard_normal((mdp.n_states, mdp.n_actions))
    d = npgkit.occupancy(mdp, pi)
    q = walk_distributions(mdp, pi, 400)
    over_time = np.einsum("t,ts,sa,sa->", mdp.gamma ** np.arange(400), q, pi, f)
    over_states = np.einsum("s,sa,sa->", d, pi, f) / (1 - mdp.gamma)
    assert abs(over_time - over_states) < 1e-11
    J = np.einsum("s,sa,sa->", d, pi, mdp.R) / (1 - mdp.gamma)
    assert abs(J - npgkit.expected_return(mdp, pi)) < 1e-11


@pytest.mark.evidence("lem-occupancy")
def test_a_walk_stopped_at_random_ends_in_s_with_chance_d() -> None:
    """40,000 stopped walks: frequencies of the last state within four standard errors of d."""
    mdp = small_mdp(2)
    rng = np.random.default_rng(7)
    pi = random_policy(mdp, rng)
    n = 40_000
    state = rng.choice(mdp.n_states, size=n, p=mdp.rho)
    walking = np.arange(n)
    while len(walking := walking[rng.random(len(walking)) < mdp.gamma]):
        P_pi = np.einsum("sa,sat->st", pi, mdp.P)[state[walking]]
        draw = rng.random((len(walking), 1))
        state[walking] = (draw > P_pi.cumsum(axis=1)).sum(axis=1).clip(max=mdp.n_states - 1)
    d = npgkit.occupancy(mdp, pi)
    frequency = np.bincount(state, minlength=mdp.n_states) / n
    assert (np.abs(frequency - d) < 4 * np.sqrt(d * (1 - d) / n)).all()


@pytest.mark.evidence("lem-score-zero")
@pytest.mark.parametrize("seed", range(6))
def test_score_has_mean_zero_in_every_state(seed: int) -> None:
    """The mean score of each state, over the policy's own actions, is zero up to rounding."""
    mdp, policy, theta, batch = case(seed)
    score = policy.score(theta, batch.obs, batch.act)
    weighted = np.exp(batch.logp)[:, None] * score
    mean = weighted.reshape(mdp.n_states, mdp.n_actions, -1).sum(axis=1)
    assert np.abs(mean).max() < 1e-13 * max(1.0, float(np.abs(score).max()))


@pytest.mark.evidence("lem-score-zero", "cor-baseline")
@pytest.mark.parametrize("seed", range(6))
def test_a_baseline_does_not_change_the_gradient(seed: int) -> None:
    """Any b(s) subtracted from Q leaves the exact gradient as it is."""
    mdp, policy, theta, batch = case(seed)
    pi = np.exp(batch.logp).reshape(mdp.n_states, mdp.n_actions)
    Q = npgkit.evaluate(mdp, pi).Q
    for b in (np.zeros(mdp.n_states), 100 * np.random.default_rng(seed).random(mdp.n_states)):
        adv = (Q - b[:, None]).ravel() / (1 - mdp.gamma)
        other = npgkit.Batch(batch.obs, batch.act, adv, batch.weights)
        np.testing.assert_allclose(
            npgkit.policy_gradient(policy, theta, other),
            npgkit.policy_gradient(policy, theta, batch),
            atol=1e-10,
        )


@pytest.mark.evidence("thm-policy-gradient", "prop-weighted-batch")
@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_leaves_a_remainder_of_second_order(seed: int) -> None:
    """Slope of |J(theta + h u) - J(theta) - h c.u| over h: 2 for c = g, 1 if (c - g).u is not 0."""
    mdp, policy, theta, batch = case(seed)
    g = npgkit.policy_gradient(policy, theta, batch)
    u = np.random.default_rng(seed).standard_normal(len(g))
    u /= np.linalg.norm(u)
    J = return_at(mdp, policy, theta)

    def remainders(candidate: np.ndarray) -> list[float]:
        moved = [return_at(mdp, policy, theta + h * u) for h in STEPS]
        return [abs(j - J - h * candidate @ u) for j, h in zip(moved, STEPS, strict=True)]

    assert order(remainders(g)) == pytest.approx(2, abs=0.15)
    assert order(remainders(g + np.linalg.norm(g) * u)) == pytest.approx(1, abs=0.15)


@pytest.mark.evidence("thm-policy-gradient")
@pytest.mark.parametrize("seed", range(6))
def test_the_slope_of_the_occupancy_is_carried_by_the_values(seed: int) -> None:
    """sum d grad R_pi + sum grad d R_pi, with grad d by central differences, is (1 - gamma) g."""
    mdp, policy, theta, batch = case(seed)
    pi = np.exp(batch.logp).reshape(mdp.n_states, mdp.n_actions)
    R_pi = (pi * mdp.R).sum(axis=1)
    score = policy.score(theta, batch.obs, batch.act)
    by_habit = (batch.weights * mdp.R.ravel()) @ score

    def d(x: np.ndarray) -> np.ndarray:
        return npgkit.occupancy(mdp, npgkit.action_probabilities(policy, x, mdp.n_states))

    h = 1e-5
    units = h * np.eye(policy.n_params)
    slope_of_d = np.array([(d(theta + e) - d(theta - e)) / (2 * h) for e in units])
    g = npgkit.policy_gradient(policy, theta, batch)
    expected = (1 - mdp.gamma) * g
    # Central differences: truncation of order h^2 and rounding of order eps / h.
    np.testing.assert_allclose(by_habit + slope_of_d @ R_pi, expected, atol=1e-8)
    if mdp.gamma > 0:
        assert np.abs(slope_of_d).max() > 1e-4


@pytest.mark.evidence("prop-weighted-batch")
def test_sampled_gradients_err_as_predicted() -> None:
    """Mean and mean square error of 2,000 sampled gradients against g and tr C / n."""
    _, policy, theta, batch = case(2)
    rng = np.random.default_rng(11)
    g = npgkit.policy_gradient(policy, theta, batch)
    terms = batch.adv[:, None] * policy.score(theta, batch.obs, batch.act)
    trace_C = float(batch.weights @ ((terms - g) ** 2).sum(axis=1))
    n, repeats = 50, 2000
    rows = rng.choice(len(batch), size=(repeats, n), p=batch.weights)
    estimates = np.array(
        [
            npgkit.policy_gradient(
                policy, theta, npgkit.Batch(batch.obs[k], batch.act[k], batch.adv[k])
            )
            for k in rows
        ]
    )
    squares = ((estimates - g) ** 2).sum(axis=1)
    assert abs(squares.mean() - trace_C / n) < 4 * squares.std() / np.sqrt(repeats)
    error = estimates.mean(axis=0) - g
    assert (np.abs(error) < 4 * estimates.std(axis=0) / np.sqrt(repeats) + 1e-12).all()


@pytest.mark.evidence("prop-sigmoid-gradient", "cor-vanishing-gradient")
@pytest.mark.parametrize("seed", range(6))
def test_gradient_of_two_actions_is_a_bounded_product(seed: int) -> None:
    """d p (1 - p) gap against finite differences of J, and below the exponential bound."""
    rng = np.random.default_rng(seed)
    mdp = npgkit.random_mdp(3, 2, 0.8, rng)
    policy = npgkit.sigmoid_tabular(3)
    theta = (1.0, 4.0)[seed % 2] * rng.standard_normal(3)
    pi = npgkit.action_probabilities(policy, theta, 3)
    d, Q = npgkit.occupancy(mdp, pi), npgkit.evaluate(mdp, pi).Q
    product = d * pi[:, 0] * pi[:, 1] * (Q[:, 0] - Q[:, 1]) / (1 - mdp.gamma)
    h = 1e-5
    differences = [
        (return_at(mdp, policy, theta + e) - return_at(mdp, policy, theta - e)) / (2 * h)
        for e in h * np.eye(3)
    ]
    np.testing.assert_allclose(product, differences, atol=1e-8)
    bound = d * np.exp(-np.abs(theta)) * np.ptp(mdp.R) / (1 - mdp.gamma) ** 2
    assert (np.abs(product) <= bound).all()


@pytest.mark.evidence("cor-vanishing-gradient")
def test_the_gradient_vanishes_at_a_corner_that_is_not_optimal() -> None:
    """Towards "stay poor, leave rich" |g| falls as the distance, and an advantage stays 1.1."""
    mdp, policy = npgkit.two_rooms(), npgkit.sigmoid_tabular(2)
    distances, sizes = np.geomspace(1e-3, 1e-6, 4), []
    for x in distances:
        p = np.array([1 - x, x])
        batch = npgkit.exact_batch(mdp, policy, np.log(p) - np.log1p(-p))
        sizes.append(np.linalg.norm(npgkit.policy_gradient(policy, np.log(p / (1 - p)), batch)))
        assert (1 - mdp.gamma) * batch.adv[2] > 1.1
    assert np.polyfit(np.log(distances), np.log(sizes), 1)[0] == pytest.approx(1, abs=0.01)


@pytest.mark.evidence("prop-surrogate-gradient")
@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_the_surrogate_touches_the_return_to_first_order(seed: int) -> None:
    """L(theta) = 0, and |J(theta + h u) - J(theta) - L(theta + h u)| has slope 2 in h."""
    mdp, policy, theta, batch = case(seed)
    assert mdp.gamma > 0  # without a future the surrogate is exact: the next test
    assert abs(npgkit.surrogate(policy, theta, batch)) < 1e-12
    u = np.random.default_rng(seed).standard_normal(policy.n_params)
    u /= np.linalg.norm(u)
    J = return_at(mdp, policy, theta)
    errors = [
        abs(
            return_at(mdp, policy, theta + h * u)
            - J
            - npgkit.surrogate(policy, theta + h * u, batch)
        )
        for h in STEPS
    ]
    assert order(errors) == pytest.approx(2, abs=0.15)


@pytest.mark.evidence("prop-surrogate-gradient")
@pytest.mark.parametrize("seed", range(0, 6, 3))
def test_the_surrogate_is_exact_where_there_is_no_future(seed: int) -> None:
    """With gamma = 0 the gain of the surrogate is the gain of J, however long the step."""
    mdp, policy, theta, batch = case(seed)
    assert mdp.gamma == 0
    far = theta + np.random.default_rng(seed).standard_normal(policy.n_params)
    gain = return_at(mdp, policy, far) - return_at(mdp, policy, theta)
    assert npgkit.surrogate(policy, far, batch) == pytest.approx(gain, abs=1e-12)


@pytest.mark.evidence("prop-optimal-advantage")
@pytest.mark.parametrize("seed", range(6))
def test_no_advantage_is_positive_exactly_at_optimal_policies(seed: int) -> None:
    """Of all 81 deterministic policies the best are those without a positive advantage."""
    mdp = small_mdp(seed)
    tables = np.indices((mdp.n_actions,) * mdp.n_states).reshape(mdp.n_states, -1).T
    values = [npgkit.evaluate(mdp, np.eye(mdp.n_actions)[actions]) for actions in tables]
    best = np.max([v.V for v in values], axis=0)
    verdicts = [(np.allclose(v.V, best, atol=1e-10), v.A.max() < 1e-10) for v in values]
    assert {a == b for a, b in verdicts} == {True}
    assert 0 < sum(a for a, _ in verdicts) < len(verdicts)


@pytest.mark.evidence("prop-optimal-advantage")
@pytest.mark.parametrize("seed", range(3))
def test_an_action_gains_at_least_its_advantage(seed: int) -> None:
    """Doing an action of advantage A > 0 in one state raises V there by A or more; no V falls."""
    mdp = small_mdp(seed)
    pi = random_policy(mdp, np.random.default_rng(seed))
    old = npgkit.evaluate(mdp, pi)
    for s, a in np.argwhere(old.A > 0):
        switched = pi.copy()
        switched[s] = np.eye(mdp.n_actions)[a]
        gain = npgkit.evaluate(mdp, switched).V - old.V
        assert gain[s] >= old.A[s, a] - 1e-12
        assert (gain >= -1e-12).all()


def test_the_running_example_has_the_numbers_of_the_chapter() -> None:
    """Two rooms from (.8, .1): return, occupancy and gradient to four digits."""
    mdp, policy = npgkit.two_rooms(), npgkit.sigmoid_tabular(2)
    pi = npgkit.action_probabilities(policy, START, 2)
    g = npgkit.policy_gradient(policy, START, npgkit.exact_batch(mdp, policy, START))
    assert 0.1 * npgkit.expected_return(mdp, pi) == pytest.approx(0.6899, abs=5e-5)
    np.testing.assert_allclose(npgkit.occupancy(mdp, pi), [0.8165, 0.1835], atol=5e-5)
    np.testing.assert_allclose(0.1 * g, [0.1954, 0.0248], atol=5e-5)
