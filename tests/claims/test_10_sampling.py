"""Chapter 10: from expectations to a batch, which rows, and what an action was worth."""

from __future__ import annotations

import numpy as np
import pytest

import npgkit
from npgkit.average_reward import average_batch
from tests.support import assert_mean


def world() -> tuple[npgkit.MDP, npgkit.Policy, np.ndarray, np.ndarray]:
    """A random MDP with three states and two actions, a softmax table, theta and pi."""
    rng = np.random.default_rng(3)
    mdp, policy = npgkit.random_mdp(3, 2, 0.8, rng), npgkit.softmax_tabular(3, 2)
    theta = rng.normal(size=6)
    return mdp, policy, theta, npgkit.action_probabilities(policy, theta, 3)


def draw(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One index from each row of probabilities."""
    return (p.cumsum(axis=1)[:, :-1] < rng.random((len(p), 1))).sum(axis=1)


def walks(
    mdp: npgkit.MDP, pi: np.ndarray, first: np.ndarray, T: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """States (T + 1, E) and actions (T, E) from the given first states."""
    s, a = [first], []
    for _ in range(T):
        a.append(draw(pi[s[-1]], rng))
        s.append(draw(mdp.P[s[-1], a[-1]], rng))
    return np.array(s), np.array(a)


@pytest.mark.evidence("prop-sampling-occupancy")
def test_stopped_walks_have_the_discounted_means() -> None:
    """40,000 walks that stop with probability 1 - gamma: lengths, visits and returns."""
    mdp, _, _, pi = world()
    rng = np.random.default_rng(0)
    s, a = walks(mdp, pi, draw(np.tile(mdp.rho, (40_000, 1)), rng), 60, rng)
    alive = rng.geometric(1 - mdp.gamma, 40_000) > np.arange(60)[:, None]  # row t is reached
    late = mdp.gamma**60 / (1 - mdp.gamma)  # what comes after 60 steps
    assert_mean(alive.sum(axis=0), np.array(1 / (1 - mdp.gamma)), late)
    d = npgkit.occupancy(mdp, pi)
    for state in range(3):
        visits = (alive & (s[:-1] == state)).sum(axis=0)
        assert_mean(visits, d[state] / (1 - mdp.gamma), late)
    returns = (alive * mdp.R[s[:-1], a]).sum(axis=0)
    assert_mean(returns, np.array(npgkit.expected_return(mdp, pi)), late)


@pytest.mark.evidence("prop-sampling-occupancy")
def test_only_weighted_rows_have_the_occupancy() -> None:
    """Weights gamma^t: bias at most gamma^H; without: d_H."""
    mdp, _, _, pi = world()
    P_pi = np.einsum("sa,sat->st", pi, mdp.P)
    gamma, d = mdp.gamma, npgkit.occupancy(mdp, pi)
    for H in (1, 5, 20, 200):
        law = np.array([mdp.rho @ np.linalg.matrix_power(P_pi, t) for t in range(H)])
        w = gamma ** np.arange(H)
        assert np.abs((1 - gamma) * w @ law - d).max() <= gamma**H + 1e-14
    rng = np.random.default_rng(1)
    s, _ = walks(mdp, pi, draw(np.tile(mdp.rho, (20_000, 1)), rng), 5, rng)
    shares = np.mean(s[:5, :, None] == np.arange(3), axis=0)
    assert_mean(shares, law[:5].mean(axis=0))
    assert np.abs(law[:5].mean(axis=0) - d).max() > 1e-3  # it is another distribution


@pytest.mark.evidence("prop-dropped-discount")
def test_a_table_answers_alike_under_other_state_weights() -> None:
    """g_mu is the slope of L_mu; F_mu^+ g_mu is F^+ g in a table, and is not without one."""
    mdp, table, theta, pi = world()
    rng, A = np.random.default_rng(4), npgkit.evaluate(mdp, pi).A / (1 - mdp.gamma)
    B = rng.normal(size=(6, 2))
    for policy, at, same in (
        (table, theta, True),
        (npgkit.in_coordinates(table, B, theta), np.zeros(2), False),
    ):
        exact = npgkit.exact_batch(mdp, policy, at)
        mu = rng.dirichlet(np.ones(3))
        w = (mu[:, None] * pi).ravel()
        batch = npgkit.Batch(exact.obs, exact.act, exact.adv, w, exact.logp)
        g_mu = npgkit.policy_gradient(policy, at, batch)

        def L(t: np.ndarray, policy: npgkit.Policy = policy, mu: np.ndarray = mu) -> float:
            return float(mu @ (npgkit.action_probabilities(policy, t, 3) * A).sum(axis=1))

        h = 1e-5
        slope = [(L(at + h * e) - L(at - h * e)) / (2 * h) for e in np.eye(len(at))]
        assert g_mu == pytest.approx(np.array(slope), abs=1e-8)  # h^2 and 1e-16 / h
        natural = [
            np.linalg.pinv(npgkit.FisherOperator(policy, at, rows).dense(), rcond=1e-10)
            @ npgkit.policy_gradient(policy, at, rows)
            for rows in (batch, exact)
        ]
        assert np.allclose(*natural, rtol=1e-9) is same


@pytest.mark.evidence("thm-gae")
@pytest.mark.parametrize("lam", [0.0, 0.3, 0.95, 1.0])
def test_gae_is_the_geometric_mean_of_the_n_step_advantages(lam: float) -> None:
    """Random rewards, values and ends of both kinds: the average over n, written out."""
    rng, gamma, T = np.random.default_rng(5), 0.9, 30
    rew, values, next_values = rng.normal(size=(3, T))
    terminated, truncated = rng.random((2, T)) < 0.1
    truncated &= ~terminated
    ahead = np.where(terminated, 0.0, next_values)
    # Within an episode the two values of one state must agree for sums to telescope.
    ended = terminated | truncated
    ahead[:-1] = np.where(ended[:-1], ahead[:-1], values[1:])
    found = npgkit.gae(
        rew[:, None], values[:, None], ahead[:, None], terminated[:, None], truncated[:, None],
        gamma=gamma, lam=lam,
    )[:, 0]  # fmt: skip
    for t in range(T):
        after = np.flatnonzero(ended[t:])
        m = (after[0] if len(after) else T - 1 - t) + 1
        n_step = [
            gamma ** np.arange(n) @ rew[t : t + n] + gamma**n * ahead[t + n - 1] - values[t]
            for n in range(1, m + 1)
        ]
        weights = np.append((1 - lam) * lam ** np.arange(m - 1), lam ** (m - 1))
        assert weights.sum() == pytest.approx(1)
        assert found[t] == pytest.approx(weights @ n_step, abs=1e-12)


def gae_moments(
    mdp: npgkit.MDP, pi: np.ndarray, V: np.ndarray, lam: float
) -> tuple[np.ndarray, np.ndarray]:
    """m1 and m2 (S, A) of the chapter's linear equations."""
    c, P_pi = mdp.gamma * lam, np.einsum("sa,sat->st", pi, mdp.P)
    delta = mdp.R[:, :, None] + mdp.gamma * V - V[:, None, None]

    def solve(first: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
        bar = np.linalg.solve(np.eye(len(V)) - c * P_pi, (pi * first).sum(axis=1))
        return first + c * mdp.P @ bar, bar

    m1, bar = solve((mdp.P * delta).sum(axis=2), c)
    m2, _ = solve((mdp.P * (delta**2 + 2 * c * delta * bar)).sum(axis=2), c**2)
    return m1, m2


@pytest.mark.evidence("prop-gae-bias")
@pytest.mark.parametrize("lam", [0.0, 0.7, 1.0])
def test_gae_has_the_mean_and_spread_of_the_linear_equations(lam: float) -> None:
    """A wrong critic in a random MDP: both moments of 100,000 advantages, part 1 against part 3."""
    mdp, _, _, pi = world()
    V_pi, gamma = npgkit.evaluate(mdp, pi), mdp.gamma
    e = np.array([0.5, -1.0, 2.0])
    V = V_pi.V + e
    m1, m2 = gae_moments(mdp, pi, V, lam)
    P_pi = np.einsum("sa,sat->st", pi, mdp.P)
    spread = np.linalg.solve(np.eye(3) - gamma * lam * P_pi, e)
    part_1 = V_pi.A - e[:, None] + gamma * (1 - lam) * mdp.P @ spread
    assert m1 == pytest.approx(part_1, abs=1e-12)
    rng, T = np.random.default_rng(6), 60
    s, a = walks(mdp, pi, np.repeat(np.arange(3), 33_000), T, rng)
    no_end = np.zeros(a.shape, bool)
    adv = npgkit.gae(
        mdp.R[s[:-1], a], V[s[:-1]], V[s[1:]], no_end, no_end, gamma=gamma, lam=lam
    )[0]  # fmt: skip
    # What is cut off after 60 steps: at most |A|_max (gamma lam)^60 / (1 - gamma).
    late = 10 * (gamma * lam) ** T / (1 - gamma)
    for state in range(3):
        for action in range(2):
            here = adv[(s[0] == state) & (a[0] == action)]
            assert_mean(here, m1[state, action], late)
            assert_mean(here**2, m2[state, action], 20 * late)


@pytest.mark.evidence("prop-gae-bias")
def test_gradient_is_unbiased_if_the_critic_is_off_by_a_constant() -> None:
    """The exact bias of g for three critics and lam from 0 to 1."""
    mdp, policy, theta, pi = world()
    batch = npgkit.exact_batch(mdp, policy, theta)
    g, score = (
        npgkit.policy_gradient(policy, theta, batch),
        policy.score(theta, batch.obs, batch.act),
    )
    V = npgkit.evaluate(mdp, pi).V
    wrong = V + np.array([0.5, -1.0, 2.0])

    def bias(V: np.ndarray, lam: float) -> float:
        m1 = gae_moments(mdp, pi, V, lam)[0].ravel() / (1 - mdp.gamma)
        return float(np.abs((batch.weights * m1) @ score - g).max())

    for lam in (0.0, 0.5, 0.9, 1.0):
        assert bias(V, lam) < 1e-12
        assert bias(V + 7, lam) < 1e-12
    assert bias(wrong, 1.0) < 1e-12
    assert bias(wrong, 0.9) > 1e-3
    assert bias(wrong, 0.0) > bias(wrong, 0.9)


@pytest.mark.evidence("prop-truncation")
@pytest.mark.parametrize(("gamma", "k"), [(0.9, 10), (0.9, 1), (0.99, 200), (0.5, 3)])
@pytest.mark.parametrize("lam", [0.0, 0.95, 1.0])
def test_a_truncated_walk_keeps_the_endless_value(gamma: float, k: int, lam: float) -> None:
    """Constant reward 1 and a clock of k steps: the fitted value against both formulas."""
    rew, cut = np.ones((k, 1)), np.zeros((k, 1), bool)
    cut[-1] = True

    def mean_advantage(V: float, **ends: np.ndarray) -> float:
        values = np.full((k, 1), V)
        return float(npgkit.gae(rew, values, values, **ends, gamma=gamma, lam=lam).mean())

    def fitted(**ends: np.ndarray) -> float:  # the mean advantage is an affine function of V
        at_0, at_1 = (mean_advantage(V, **ends) for V in (0.0, 1.0))
        return at_0 / (at_0 - at_1)

    assert fitted(terminated=~cut & cut, truncated=cut) == pytest.approx(1 / (1 - gamma))
    wrong = fitted(terminated=cut, truncated=~cut & cut)
    if lam == 0:
        assert wrong == pytest.approx(1 / (1 - gamma * (1 - 1 / k)))
    if lam == 1:
        share = gamma / k * (1 - gamma**k) / (1 - gamma)
        assert wrong == pytest.approx((1 - share) / (1 - gamma))


@pytest.mark.evidence("prop-truncation")
def test_random_cuts_taken_for_ends_shorten_the_discount() -> None:
    """All transitions of an MDP, cut or not: at lam = 0 the value of gamma (1 - 1/k) is fitted."""
    mdp, _, _, pi = world()
    k, S, A = 4, 3, 2
    shorter = npgkit.MDP(mdp.P, mdp.R, mdp.gamma * (1 - 1 / k), mdp.rho)
    V = npgkit.evaluate(shorter, pi).V
    s, a, t, cut = (x.ravel() for x in np.meshgrid(range(S), range(A), range(S), [False, True],
                                                   indexing="ij"))  # fmt: skip
    chance = pi[s, a] * mdp.P[s, a, t] * np.where(cut, 1 / k, 1 - 1 / k)
    row = (x[None] for x in (mdp.R[s, a], V[s], V[t], cut, np.zeros_like(cut)))
    adv = npgkit.gae(*row, gamma=mdp.gamma, lam=0)[0]
    for state in range(S):
        assert chance[s == state] @ adv[s == state] == pytest.approx(0, abs=1e-12)


@pytest.mark.evidence("prop-truncation")
@pytest.mark.parametrize("lam", [0.0, 0.7, 1.0])
def test_random_cuts_shorten_the_discount_whatever_lam(lam: float) -> None:
    """99,000 walks with random cuts: that value, and not V, makes the mean advantage zero."""
    mdp, _, _, pi = world()
    k, T, rng = 4, 40, np.random.default_rng(14)
    shorter = npgkit.MDP(mdp.P, mdp.R, mdp.gamma * (1 - 1 / k), mdp.rho)
    s, a = walks(mdp, pi, np.repeat(np.arange(3), 33_000), T, rng)
    cut = rng.random(a.shape) < 1 / k

    def first(V: np.ndarray) -> np.ndarray:
        rows = mdp.R[s[:-1], a], V[s[:-1]], V[s[1:]]
        return npgkit.gae(*rows, cut, np.zeros_like(cut), gamma=mdp.gamma, lam=lam)[0]

    right, wrong = (first(npgkit.evaluate(m, pi).V) for m in (shorter, mdp))
    for state in range(3):
        assert_mean(right[s[0] == state], np.zeros(()))
    assert abs(wrong.mean()) > 0.1


@pytest.mark.evidence("prop-value-fit")
def test_one_natural_step_of_a_unit_gaussian_is_least_squares() -> None:
    """Linear critic, random features and targets: the step from anywhere ends at lstsq."""
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 1))
    critic = npgkit.gaussian_linear(4, 1)
    phi = np.append(rng.normal(size=4), 0.0)  # log sigma = 0
    batch = npgkit.Batch(X, y, np.ones(50))
    score = critic.score(phi, X, y)[:, :4]
    assert score == pytest.approx((y[:, 0] - X @ phi[:4])[:, None] * X, abs=1e-12)
    fisher = npgkit.FisherOperator(critic, phi, batch).dense()[:4, :4]
    assert fisher == pytest.approx(X.T @ X / 50, abs=1e-12)
    step = np.linalg.solve(fisher, npgkit.policy_gradient(critic, phi, batch)[:4])
    assert phi[:4] + step == pytest.approx(np.linalg.lstsq(X, y, rcond=None)[0][:, 0], abs=1e-10)


@pytest.mark.evidence("prop-value-fit")
def test_fisher_of_a_gaussian_network_is_gauss_newtons_matrix() -> None:
    """A tanh network with unit variance: F is J'J/n, with J from differences of V."""
    rng = np.random.default_rng(8)
    net = npgkit.MLP(3, (5,), 1)
    critic = npgkit.Policy(npgkit.WithFreeOutputs(net, 1), npgkit.DiagGaussian(1))
    phi = np.append(rng.normal(size=net.n_params), 0.0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    h, n = 1e-5, net.n_params

    def V(phi: np.ndarray) -> np.ndarray:
        return net.linearize(phi, X).out[:, 0]

    J = np.array([(V(phi[:n] + h * e) - V(phi[:n] - h * e)) / (2 * h) for e in np.eye(n)]).T
    F = npgkit.FisherOperator(critic, phi, npgkit.Batch(X, y, np.ones(40))).dense()
    assert F[:n, :n] == pytest.approx(J.T @ J / 40, abs=1e-8)  # h^2 and 1e-16 / h
    score = critic.score(phi, X, y)[:, :n]
    assert score == pytest.approx((y[:, 0] - V(phi[:n]))[:, None] * J, abs=1e-8)


@pytest.mark.evidence("prop-critic-first")
@pytest.mark.parametrize("p", [1, 2, 4, 6])
def test_a_critic_that_saw_the_rows_takes_its_leverage(p: int) -> None:
    """Six rows, all 64 ways to act: the mean gradient has 1 - H_ii, to the last digit."""
    rng, (mdp, policy, theta, pi) = np.random.default_rng(16), world()
    s, values = np.array([0, 0, 1, 1, 2, 2]), npgkit.evaluate(mdp, pi)
    Phi = rng.normal(size=(6, p))  # a function of the row's place, and so of the states only
    H = Phi @ np.linalg.pinv(Phi)
    assert np.trace(H) == pytest.approx(p)
    a = np.array(np.meshgrid(*[[0, 1]] * 6, indexing="ij")).reshape(6, -1).T  # (64, 6)
    chance = pi[s, a].prod(axis=1)
    psi = np.array([policy.score(theta, s, row) for row in a])
    y = values.Q[s, a]
    found = np.einsum("k,ki,kij->j", chance, y - y @ H, psi) / 6
    both = np.array([policy.score(theta, s, np.full(6, k)) for k in (0, 1)])
    exact = np.einsum("ia,ia,aij->ij", pi[s], values.A[s], both)
    assert found == pytest.approx((1 - np.diag(H)) @ exact / 6, abs=1e-12)
    if p == 6:
        assert found == pytest.approx(np.zeros(6), abs=1e-12)


@pytest.mark.evidence("prop-critic-first")
def test_a_critic_from_other_rows_leaves_the_gradient() -> None:
    """Fitted to 50,000 other batches of returns: no share of the gradient is explained away."""
    rng, (mdp, policy, theta, pi) = np.random.default_rng(17), world()
    s, values, M = np.array([0, 0, 1, 1, 2, 2]), npgkit.evaluate(mdp, pi), 50_000
    Phi = rng.normal(size=(6, 4))
    a, other = (draw(np.tile(pi[s], (M, 1)), rng).reshape(M, 6) for _ in range(2))
    H = Phi @ np.linalg.pinv(Phi)
    score = np.array([policy.score(theta, s, np.full(6, k)) for k in (0, 1)])
    psi = score[a, np.arange(6)]  # (M, 6, n)
    both = np.einsum("ia,ia,aij->j", pi[s], values.A[s], score) / 6
    adv = values.Q[s, a] - values.Q[s, other] @ H
    assert_mean(np.einsum("ki,kij->kj", adv, psi) / 6, both)
    seen = values.Q[s, a] - values.Q[s, a] @ H
    assert np.linalg.norm(np.einsum("ki,kij->j", seen, psi) / 6 / M - both) > 0.1 * np.linalg.norm(
        both
    )


@pytest.mark.evidence("prop-dropped-discount")
def test_the_dropped_field_turns_into_the_average_reward() -> None:
    """Cited, and measured: (1 - gamma) g_mu is off by O(1 - gamma), mu the share of time."""
    mdp, policy, theta, pi = world()
    exact = average_batch(mdp, policy, theta)
    slope = npgkit.policy_gradient(policy, theta, exact)
    off = []
    for short in (1e-2, 1e-3, 1e-4):
        A = npgkit.evaluate(npgkit.MDP(mdp.P, mdp.R, 1 - short, mdp.rho), pi).A
        rows = npgkit.Batch(exact.obs, exact.act, A[exact.obs, exact.act], exact.weights)
        off.append(np.linalg.norm(npgkit.policy_gradient(policy, theta, rows) - slope))
    assert np.log10(np.array(off[:-1]) / off[1:]) == pytest.approx([1, 1], abs=0.05)
