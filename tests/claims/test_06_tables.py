"""Chapter 6: in a table the natural step is multiplication; its regression, and its rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import npgkit
from npgkit import natural_step
from tests.support import two_rooms_case


def softmax_walk(
    mdp: npgkit.MDP, eta: float, T: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Policies, values V_t and log Z_t of T multiplicative steps from the uniform policy."""
    pi = np.full((mdp.n_states, mdp.n_actions), 1 / mdp.n_actions)
    policies, values, log_z = [pi], [npgkit.evaluate(mdp, pi).V], []
    for _ in range(T):
        new = pi * np.exp(eta * npgkit.evaluate(mdp, pi).A / (1 - mdp.gamma))
        log_z.append(np.log(new.sum(axis=1)))
        pi = new / new.sum(axis=1, keepdims=True)
        policies.append(pi)
        values.append(npgkit.evaluate(mdp, pi).V)
    return policies, values, log_z


@pytest.mark.evidence("thm-softmax-npg")
def test_natural_step_of_a_table_multiplies_by_exp_advantage():
    """F A/(1-gamma) = g; F^+ g; the new policy and alpha against the closed forms."""
    rng = np.random.default_rng(3)
    mdp, policy = npgkit.random_mdp(5, 4, 0.8, rng), npgkit.softmax_tabular(5, 4)
    theta = rng.normal(size=20)
    batch = npgkit.exact_batch(mdp, policy, theta)
    pi = npgkit.action_probabilities(policy, theta, 5)
    A = npgkit.evaluate(mdp, pi).A
    x = A / (1 - mdp.gamma)
    F = npgkit.FisherOperator(policy, theta, batch)
    g = npgkit.policy_gradient(policy, theta, batch)
    np.testing.assert_allclose(F @ x.ravel(), g, atol=1e-13)
    step = natural_step(policy, theta, batch, epsilon=0.05, solver="dense")
    least = x - x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(step.direction.reshape(5, 4), least, atol=1e-10)
    rms = np.sqrt(np.sum(batch.weights * A.ravel() ** 2))
    eta = (1 - mdp.gamma) * np.sqrt(2 * 0.05) / rms
    assert step.alpha == pytest.approx(eta, rel=1e-10)
    new = pi * np.exp(eta * x)
    new /= new.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(npgkit.action_probabilities(policy, step.theta, 5), new, rtol=1e-9)


@pytest.mark.evidence("thm-softmax-npg")
def test_endless_natural_step_keeps_only_the_greedy_actions():
    """A table of five states and four actions at eta = 1e5 against the greatest advantages."""
    rng = np.random.default_rng(7)
    mdp, policy = npgkit.random_mdp(5, 4, 0.8, rng), npgkit.softmax_tabular(5, 4)
    theta = rng.normal(size=20)
    batch = npgkit.exact_batch(mdp, policy, theta)
    A = npgkit.evaluate(mdp, npgkit.action_probabilities(policy, theta, 5)).A
    # The two best differ by 1e-3 at least here, so the others have at most exp(-100).
    assert np.diff(np.sort(A, axis=1)[:, -2:]).min() > 1e-3
    x = natural_step(policy, theta, batch, epsilon=1.0, solver="dense").direction
    new = npgkit.action_probabilities(policy, theta + 1e5 * x, 5)
    np.testing.assert_allclose(new, np.eye(4)[A.argmax(axis=1)], atol=1e-9)


@pytest.mark.evidence("prop-mirror")
def test_no_table_gains_more_net_of_its_divergence():
    """Objective at pi' is sum d log Z; at 3,000 other tables it is lower by d . KL(p || pi')."""
    rng = np.random.default_rng(8)
    mdp = npgkit.random_mdp(5, 4, 0.8, rng)
    for eta in (0.05, 1.0):
        pi = rng.dirichlet(np.ones(4), size=5)
        A, d = npgkit.evaluate(mdp, pi).A, npgkit.occupancy(mdp, pi)
        tilted = pi * np.exp(eta * A / 0.2)
        Z = tilted.sum(axis=1, keepdims=True)
        best = tilted / Z

        def objective(p, pi=pi, A=A, d=d, eta=eta):
            gain = eta / 0.2 * np.sum(p * A, axis=-1)
            return (gain - np.sum(p * np.log(p / pi), axis=-1)) @ d

        assert objective(best) == pytest.approx(d @ np.log(Z[:, 0]), abs=1e-12)
        near = best * np.exp(0.05 * rng.normal(size=(2000, 5, 4)))
        trials = np.concatenate([rng.dirichlet(np.ones(4), size=(1000, 5)), near])
        trials /= trials.sum(axis=2, keepdims=True)
        lost = np.sum(trials * np.log(trials / best), axis=2) @ d
        np.testing.assert_allclose(objective(best) - objective(trials), lost, atol=1e-11)
        assert lost.min() > 0


@pytest.mark.evidence("prop-mirror")
@pytest.mark.parametrize("direction", ["new||old", "old||new"])
def test_mirror_step_leaves_the_natural_one_in_second_order(direction: str):
    """One parameter for 12 logits, the surrogate as L: Delta against eta F^-1 g: order two."""
    rng = np.random.default_rng(10)
    mdp, table = npgkit.random_mdp(4, 3, 0.8, rng), npgkit.softmax_tabular(4, 3)
    policy, w = npgkit.in_coordinates(table, rng.normal(size=(12, 1))), np.array([0.3])
    batch = npgkit.exact_batch(mdp, policy, w)
    x = natural_step(policy, w, batch, epsilon=0.02).direction[0]
    etas, apart = np.geomspace(3e-3, 1e-1, 4), []
    for eta in etas:

        def slope_of(y: float, eta: float = eta, h: float = 1e-5) -> float:
            """The derivative of L - D/eta at Delta = eta y, by a central difference."""
            up, down = w + eta * y + h, w + eta * y - h
            gain = npgkit.surrogate(policy, up, batch) - npgkit.surrogate(policy, down, batch)
            cost = npgkit.mean_kl(policy, up, w, batch, direction) - npgkit.mean_kl(
                policy, down, w, batch, direction
            )
            return (gain - cost / eta) / (2 * h)

        apart.append(eta * abs(brentq(slope_of, 0.5 * x, 2 * x) - x))
    # Differences err by 1e-16/(h eta) and h^2, below 1e-8; the next order is a factor eta x.
    assert np.polyfit(np.log(etas), np.log(apart), 1)[0] == pytest.approx(2.0, abs=0.1)


@pytest.mark.evidence("thm-npg-rate")
def test_rate_from_any_start_has_its_divergence_for_log_A():
    """Three random starts, T <= 30: gap below (K_0/eta + 1/(1-gamma)^2) / T, K_0 for d*."""
    rng, eta = np.random.default_rng(9), 0.02
    mdp = npgkit.random_mdp(8, 4, 0.9, rng)
    star, best = npgkit.optimal(mdp)
    for _ in range(3):
        pi = rng.dirichlet(np.ones(4), size=8)
        K0 = -npgkit.occupancy(mdp, star) @ np.log((star * pi).sum(axis=1))
        for T in range(1, 31):
            pi = pi * np.exp(eta * npgkit.evaluate(mdp, pi).A / 0.1)
            pi /= pi.sum(axis=1, keepdims=True)
            gap = mdp.rho @ (best.V - npgkit.evaluate(mdp, pi).V)
            assert gap <= (K0 / eta + 100) / T


@pytest.mark.evidence("thm-compatible")
@pytest.mark.parametrize("seed", range(3))
def test_natural_gradient_regresses_the_advantage_on_the_scores(seed: int):
    """np.linalg.lstsq on weighted scores against F^+ g; explained variance against g'F^+ g."""
    rng = np.random.default_rng(seed)
    mdp, table = npgkit.random_mdp(6, 3, 0.9, rng), npgkit.softmax_tabular(6, 3)
    policy = npgkit.in_coordinates(table, np.kron(rng.normal(size=(6, 2)), np.eye(3)))
    theta = rng.normal(size=policy.n_params)
    batch = npgkit.exact_batch(mdp, policy, theta)
    root = np.sqrt(batch.weights)
    scores = root[:, None] * policy.score(theta, batch.obs, batch.act)
    w, *_ = np.linalg.lstsq(scores, root * batch.adv, rcond=1e-10)
    direction = natural_step(policy, theta, batch, epsilon=0.02, solver="dense").direction
    np.testing.assert_allclose(direction, w, rtol=1e-7, atol=1e-8 * np.abs(w).max())
    g = npgkit.policy_gradient(policy, theta, batch)
    total = np.sum((root * batch.adv) ** 2)
    error = np.sum((root * batch.adv - scores @ w) ** 2)
    assert total - error == pytest.approx(g @ direction, rel=1e-9)
    assert 0.01 * total < error < 0.99 * total  # a regression with something left to explain


@pytest.mark.evidence("lem-npg-improvement")
@pytest.mark.parametrize("eta", [1e-3, 0.1, 10.0])
def test_a_multiplicative_step_gains_at_least_its_bound(eta: float):
    """Five random MDPs, ten steps, each state as start: V_t+1 - V_t >= (1-gamma)/eta log Z_t."""
    # Values up to 1/(1-gamma), from a system of condition below 20; log Z inherits eta/(1-gamma).
    eps = float(np.finfo(float).eps)
    in_values = 20 * eps / 0.1
    in_log_z = eta / 0.1 * in_values + 4 * eps
    for seed in range(5):
        mdp = npgkit.random_mdp(6, 3, 0.9, np.random.default_rng(seed))
        _, values, log_z = softmax_walk(mdp, eta, 10)
        for V, V_new, log in zip(values, values[1:], log_z, strict=False):
            assert (log >= -in_log_z).all()
            assert (V_new - V >= 0.1 / eta * log - 0.1 / eta * in_log_z - 2 * in_values).all()


@pytest.mark.evidence("thm-npg-rate")
@pytest.mark.parametrize("eta", [0.1**2 * np.log(5) / 4, 0.1**2 * np.log(5), 0.1])
def test_gap_of_softmax_npg_stays_below_its_bound(eta: float):
    """Twenty random MDPs, S = 10, A = 5, gamma = .9, T <= 40: gap / bound below 1 for each T."""
    rng, worst = np.random.default_rng(0), 0.0
    t = np.arange(1, 41)
    bound = np.log(5) / (eta * t) + 1 / (0.1**2 * t)
    for _ in range(20):
        mdp = npgkit.random_mdp(10, 5, 0.9, rng)
        _, values, _ = softmax_walk(mdp, eta, 40)
        best = npgkit.optimal(mdp)[1].V
        gaps = np.array([mdp.rho @ (best - V) for V in values[1:]])
        worst = max(worst, float((gaps / bound).max()))
    assert worst <= 1.0
    assert worst > 0.02  # a bound of another order would prove nothing


@pytest.mark.evidence("thm-npg-rate")
def test_telescoping_sum_behind_the_rate_holds_term_by_term():
    """Sum of gaps against (K_0 - K_T)/eta + (V_T - V_0)(d*)/(1-gamma), the proof's inequality."""
    eta, T = 0.02, 30
    for seed in range(5):
        mdp = npgkit.random_mdp(8, 4, 0.9, np.random.default_rng(seed))
        policies, values, log_z = softmax_walk(mdp, eta, T)
        star, best = npgkit.optimal(mdp)
        d_star = npgkit.occupancy(mdp, star)
        K = [-d_star @ np.sum(star * np.log(pi), axis=1) for pi in (policies[0], policies[-1])]
        gaps = sum(mdp.rho @ (best.V - V) for V in values[:T])
        identity = (K[0] - K[1]) / eta + sum(d_star @ log for log in log_z) / eta
        assert gaps == pytest.approx(identity, rel=1e-9)
        assert K[0] == pytest.approx(np.log(4))
        ceiling = (K[0] - K[1]) / eta + d_star @ (values[T] - values[0]) / (1 - mdp.gamma)
        assert gaps <= ceiling + 1e-9


def test_a_natural_step_lowers_the_return_only_blindfolded():
    """Two rooms from p = (.8, .1) at radii up to 5; one shared logit at p = .9, radius .2."""
    mdp, policy = npgkit.two_rooms(), npgkit.sigmoid_tabular(2)
    _, theta, batch = two_rooms_case()

    def J(named: npgkit.Policy, x: np.ndarray) -> float:
        return npgkit.expected_return(mdp, npgkit.action_probabilities(named, x, 2))

    for epsilon in np.geomspace(1e-3, 5, 12):
        assert J(policy, natural_step(policy, theta, batch, epsilon=epsilon).theta) > J(
            policy, theta
        )
    blind = npgkit.in_coordinates(policy, np.ones((2, 1)))
    phi = np.log([9.0])
    rows = npgkit.exact_batch(mdp, blind, phi)
    step = natural_step(blind, phi, rows, epsilon=0.2)
    assert step.predicted_gain > 0
    assert J(blind, step.theta) < J(blind, phi)
