"""Chapter 10: from expectations to a batch, what it costs in noise and bias, and what it buys."""

from __future__ import annotations

import numpy as np
import pytest

import npgkit

STANDARD_ERRORS = 5  # one honest test in two million fails


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


def assert_mean(samples: np.ndarray, expected: np.ndarray, slack: float = 0.0) -> None:
    """The mean over the first axis is `expected` up to STANDARD_ERRORS and `slack`."""
    error = samples.std(axis=0) / np.sqrt(len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - expected) <= STANDARD_ERRORS * error + slack)


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
    """Weights gamma^t: bias at most gamma^H, (1+gamma)/(1-gamma) rows' worth; without: d_H."""
    mdp, _, _, pi = world()
    P_pi = np.einsum("sa,sat->st", pi, mdp.P)
    gamma, d = mdp.gamma, npgkit.occupancy(mdp, pi)
    for H in (1, 5, 20, 200):
        law = np.array([mdp.rho @ np.linalg.matrix_power(P_pi, t) for t in range(H)])
        w = gamma ** np.arange(H)
        assert np.abs((1 - gamma) * w @ law - d).max() <= gamma**H + 1e-14
        worth = w.sum() ** 2 / (w @ w)
        assert worth == pytest.approx((1 + gamma) / (1 - gamma) * (1 - gamma**H) / (1 + gamma**H))
    rng = np.random.default_rng(1)
    s, _ = walks(mdp, pi, draw(np.tile(mdp.rho, (20_000, 1)), rng), 5, rng)
    shares = np.mean(s[:5, :, None] == np.arange(3), axis=0)
    assert_mean(shares, law[:5].mean(axis=0))
    assert np.abs(law[:5].mean(axis=0) - d).max() > 1e-3  # it is another distribution


@pytest.mark.evidence("prop-dropped-discount")
def test_a_table_answers_alike_under_other_state_weights() -> None:
    """g_mu is the slope of L_mu; in a table F_mu^+ g_mu is F^+ g; without, a regression."""
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
        root = np.sqrt(w)[:, None]
        psi = policy.score(at, batch.obs, batch.act)
        fit = np.linalg.lstsq(root * psi, root[:, 0] * batch.adv, rcond=1e-10)[0]
        assert natural[0] == pytest.approx(fit, rel=1e-8)


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
    c = gamma * lam
    G = sum(c**j for j in range(k))
    S = sum(c**i for j in range(1, k + 1) for i in range(j))
    assert wrong == pytest.approx(S / ((1 - gamma) * S + gamma * G))
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


def quotient_case(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (F_i, g_i) and their weights: three parameters, four states, three actions."""
    rng = np.random.default_rng(9)
    mdp, table = npgkit.random_mdp(4, 3, 0.9, rng), npgkit.softmax_tabular(4, 3)
    policy = npgkit.in_coordinates(table, rng.normal(size=(12, 3)))
    theta = 0.3 * rng.normal(size=3)
    batch = npgkit.exact_batch(mdp, policy, theta)
    psi, w = policy.score(theta, batch.obs, batch.act), batch.weights
    F_i = psi[:, :, None] * psi[:, None, :]
    if kind == "all actions":
        mean = [
            np.average(F_i[batch.obs == s], axis=0, weights=w[batch.obs == s]) for s in range(4)
        ]
        F_i = np.array(mean)[batch.obs]
    return F_i, batch.adv[:, None] * psi, w


@pytest.mark.evidence("thm-natural-noise")
@pytest.mark.parametrize("kind", ["all actions", "sampled action"])
def test_noise_and_bias_of_the_quotient_are_the_predicted_ones(kind: str) -> None:
    """Batches of 200 to 800 rows: covariance S/N, bias b/N of slope -1; extrapolated to b."""
    F_i, g_i, w = quotient_case(kind)
    F, g = np.einsum("k,kij->ij", w, F_i), w @ g_i
    inv = np.linalg.inv(F)
    r = F_i @ (inv @ g) - g_i
    b = inv @ np.einsum("k,kij,jl,kl->i", w, F_i, inv, r)
    S = inv @ (r.T @ (w[:, None] * r)) @ inv
    rng, M = np.random.default_rng(10), 40_000

    def quotients(N: int) -> tuple[np.ndarray, np.ndarray]:
        share = rng.multinomial(N, w, size=M) / N
        F_hat = np.einsum("mk,kij->mij", share, F_i)
        x_hat = np.linalg.solve(F_hat, (share @ g_i)[..., None])[..., 0]
        linear = -(share @ r) @ inv  # has mean zero: without it the bias is seen with less noise
        return x_hat - inv @ g, x_hat - inv @ g - linear

    tests = {N: quotients(N) for N in (200, 400, 800)}
    # 2 * (2N var_2N) - N var_N has lost the 1/N term; a variance from M samples has a relative
    # error of sqrt(2 / M).
    for u in np.linalg.eigh(S)[1].T:
        found = 2 * 800 * np.var(tests[800][0] @ u) - 400 * np.var(tests[400][0] @ u)
        assert found == pytest.approx(u @ S @ u, rel=STANDARD_ERRORS * np.sqrt(5 * 2 / M))
    bias = {N: N * rest.mean(axis=0) for N, (_, rest) in tests.items()}
    spread = {N: N * rest.std(axis=0) / np.sqrt(M) for N, (_, rest) in tests.items()}
    found, doubt = 2 * bias[800] - bias[400], np.hypot(2 * spread[800], spread[400])
    assert np.all(np.abs(found - b) <= STANDARD_ERRORS * doubt + np.abs(bias[400] - bias[200]) / 2)
    size = [np.linalg.norm(bias[N]) / N for N in tests]
    assert np.polyfit(np.log([*tests]), np.log(size), 1)[0] == pytest.approx(-1, abs=0.15)


@pytest.mark.evidence("thm-natural-noise")
def test_without_a_residual_every_batch_has_the_exact_direction() -> None:
    """Table, exact advantages: sampled-action F from 12 rows is exact, F of all actions is not."""
    mdp, policy = npgkit.two_rooms(), npgkit.sigmoid_tabular(2)
    theta = np.log([4.0, 1 / 9])
    batch = npgkit.exact_batch(mdp, policy, theta)
    g, F = npgkit.policy_gradient(policy, theta, batch), npgkit.FisherOperator(policy, theta, batch)
    x = np.linalg.solve(F.dense(), g)
    rng, off = np.random.default_rng(11), []
    for _ in range(50):
        rows = np.append([0, 3], rng.choice(4, size=10, p=batch.weights))  # both rooms
        few = npgkit.Batch(batch.obs[rows], batch.act[rows], batch.adv[rows])
        g_hat = npgkit.policy_gradient(policy, theta, few)
        F_hat = npgkit.empirical_fisher(policy, theta, few)
        assert np.linalg.solve(F_hat, g_hat) == pytest.approx(x, rel=1e-12)
        of_all = npgkit.FisherOperator(policy, theta, few).dense()
        off.append(np.abs(np.linalg.solve(of_all, g_hat) - x).max())
    assert np.median(off) > 1


@pytest.mark.evidence("prop-noise-scale")
@pytest.mark.parametrize("N", [5, 50, 500])
def test_a_batch_promises_more_by_root_of_one_plus_tau_over_N(N: int) -> None:
    """Softmax table, singular F: mean gain and mean promise of 100,000 steps."""
    mdp, policy, theta, _ = world()
    batch = npgkit.exact_batch(mdp, policy, theta)
    g = npgkit.policy_gradient(policy, theta, batch)
    inv = np.linalg.pinv(npgkit.FisherOperator(policy, theta, batch).dense(), rcond=1e-10)
    terms = batch.adv[:, None] * policy.score(theta, batch.obs, batch.act)
    C = terms.T @ (batch.weights[:, None] * terms) - np.outer(g, g)
    gain = g @ inv @ g
    tau, epsilon = np.trace(inv @ C) / gain, 0.02
    g_hat = np.random.default_rng(12).multinomial(N, batch.weights, size=100_000) / N @ terms
    squares = np.einsum("mi,ij,mj->m", g_hat, inv, g_hat)
    assert_mean(squares, gain * (1 + tau / N))
    alpha = np.sqrt(2 * epsilon / (gain * (1 + tau / N)))
    best = np.sqrt(2 * epsilon * gain)
    assert_mean(alpha * g_hat @ inv @ g, best / np.sqrt(1 + tau / N))
    assert_mean(alpha * squares, best * np.sqrt(1 + tau / N))


@pytest.mark.evidence("prop-noise-scale")
def test_noise_in_the_advantages_costs_rows_for_each_parameter() -> None:
    """Advantages A + xi: tr(F^+ C) grows by sigma^2 times the rank of F, exactly."""
    mdp, policy, theta, _ = world()
    batch = npgkit.exact_batch(mdp, policy, theta)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    psi = policy.score(theta, batch.obs, batch.act)

    def trace(sigma: float) -> float:
        moment = sum(
            0.5 * psi.T @ ((batch.weights * (batch.adv + sign * sigma) ** 2)[:, None] * psi)
            for sign in (-1, 1)
        )
        g = (batch.weights * batch.adv) @ psi
        return float(np.trace(np.linalg.pinv(F, rcond=1e-10) @ (moment - np.outer(g, g))))

    assert np.linalg.matrix_rank(F) == 3
    assert trace(2.0) - trace(0.0) == pytest.approx(4 * 3, rel=1e-9)


@pytest.mark.evidence("prop-noise-scale")
def test_the_gain_on_own_rows_is_not_that_on_fresh_rows() -> None:
    """Sampled trust-region steps of a table: own rows promise 1 + tau/N, fresh rows the truth."""
    rng = np.random.default_rng(13)
    mdp, policy = npgkit.random_mdp(10, 4, 0.9, rng), npgkit.softmax_tabular(10, 4)
    theta = np.zeros(40)
    exact = npgkit.exact_batch(mdp, policy, theta)
    g, F = npgkit.policy_gradient(policy, theta, exact), npgkit.FisherOperator(policy, theta, exact)
    terms = exact.adv[:, None] * policy.score(theta, exact.obs, exact.act)
    C = terms.T @ (exact.weights[:, None] * terms) - np.outer(g, g)
    inv = np.linalg.pinv(F.dense(), rcond=1e-10)
    N = 200
    tau = np.trace(inv @ C) / (g @ inv @ g)

    def rows() -> npgkit.Batch:
        i = rng.choice(len(exact), size=N, p=exact.weights)
        return npgkit.Batch(exact.obs[i], exact.act[i], exact.adv[i], logp=exact.logp[i])

    own, fresh, truth, kl = [], [], [], []
    for _ in range(200):
        step = npgkit.trust_region_step(policy, theta, rows(), epsilon=0.01, damping=0.0)
        again = rows()
        own.append(step.surrogate_gain)
        fresh.append(npgkit.surrogate(policy, step.theta, again) - again.adv.mean())
        truth.append(npgkit.surrogate(policy, step.theta, exact))
        kl.append(npgkit.mean_kl(policy, step.theta, theta, exact) / step.kl)
    assert_mean(np.subtract(fresh, truth), np.zeros(()))
    # The ratio is a first-order prediction with F known; F is sampled and the step finite here.
    assert np.mean(own) / np.mean(truth) == pytest.approx(1 + tau / N, rel=0.2)
    assert np.mean(kl) == pytest.approx(1, abs=0.2)


@pytest.mark.evidence("prop-noise-scale")
def test_the_batch_kl_is_too_small_on_few_rows() -> None:
    """40 shared features: the true KL of 20-row steps is more than 1.3 times the batch's."""
    rng = np.random.default_rng(15)
    mdp, table = npgkit.random_mdp(20, 4, 0.9, rng), npgkit.softmax_tabular(20, 4)
    policy, theta = npgkit.in_coordinates(table, rng.normal(size=(80, 40))), np.zeros(40)
    exact = npgkit.exact_batch(mdp, policy, theta)

    def ratio(N: int) -> float:
        found = []
        for _ in range(40):
            i = rng.choice(len(exact), size=N, p=exact.weights)
            rows = npgkit.Batch(exact.obs[i], exact.act[i], exact.adv[i], logp=exact.logp[i])
            step = npgkit.trust_region_step(policy, theta, rows, epsilon=0.02, damping=0.0)
            found.append(npgkit.mean_kl(policy, step.theta, theta, exact) / step.kl)
        return float(np.mean(found))

    assert ratio(20) > 1.3
    assert ratio(2000) == pytest.approx(1, abs=0.1)
