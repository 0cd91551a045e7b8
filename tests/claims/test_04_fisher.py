"""Chapter 4: the Fisher matrix, and how far its ellipse is the KL ball."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import npgkit
from npgkit.objectives import DIRECTIONS
from tests.support import CASES, dense_fisher, sampled_case, slope, softmax_case, two_rooms_case

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
both_directions = pytest.mark.parametrize("direction", DIRECTIONS)

# Central differences with h = 1e-4: h^2/6 times a third derivative of order 1, and rounding / h.
H = 1e-4
DIFFERENCE = 1e-7


def jacobian(f, theta):
    return np.array([f(theta + H * e) - f(theta - H * e) for e in np.eye(len(theta))]) / (2 * H)


def unit(n, seed):
    u = np.random.default_rng(seed).normal(size=n)
    return u / np.linalg.norm(u)


def all_actions(policy, theta, batch):
    """The batch with every action of every row, weighted by its probability."""
    out, A = policy.linearize(theta, batch.obs).out, policy.distribution.n_outputs
    weights = (batch.weights[:, None] * policy.distribution.probabilities(out)).ravel()
    act, obs = np.tile(np.arange(A), len(batch)), np.repeat(batch.obs, A, axis=0)
    return npgkit.Batch(obs, act, np.zeros(len(act)), weights)


# The KL at the old policy


@pytest.mark.evidence("prop-kl-stationary")
@every_case
@both_directions
def test_kl_has_value_and_gradient_zero_at_the_old_policy(case, direction):
    """Value, gradient and least eigenvalue of the Hessian, by differences, both directions."""
    policy, theta, batch = case()
    assert npgkit.mean_kl(policy, theta, theta, batch, direction) == 0.0
    np.testing.assert_array_equal(npgkit.kl_gradient(policy, theta, theta, batch, direction), 0)
    hessian = jacobian(lambda t: npgkit.kl_gradient(policy, t, theta, batch, direction), theta)
    eigenvalues = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    assert eigenvalues[0] > -DIFFERENCE
    assert eigenvalues[-1] > 1e-2


@pytest.mark.evidence("prop-kl-stationary")
def test_a_kl_with_nothing_held_constant_has_no_curvature():
    """KL(theta, theta) as a function of theta is zero everywhere: the bug the chapter warns of."""
    policy, theta, batch = two_rooms_case()
    for t in theta + np.random.default_rng(0).normal(size=(20, 2)):
        assert npgkit.mean_kl(policy, t, t, batch) == 0.0
        assert npgkit.mean_kl(policy, t, theta, batch) > 0.0
    assert npgkit.conjugate_gradient(np.zeros((2, 2)), np.ones(2)).status.startswith("zero curv")


# One matrix, three definitions


@pytest.mark.evidence("thm-fisher-three-ways")
@pytest.mark.parametrize("name", ["two rooms", "softmax tabular", "softmax linear"])
def test_four_definitions_of_fisher_are_one_matrix(name):
    """Four computations of F, exact over the actions, agree to the error of differences."""
    policy, theta, batch = CASES[name]()
    rows = all_actions(policy, theta, batch)
    score = policy.score(theta, rows.obs, rows.act)
    F = score.T @ (rows.weights[:, None] * score)
    np.testing.assert_allclose(rows.weights @ score, 0, atol=1e-14)  # so F is a covariance
    mean_hessian = jacobian(lambda t: rows.weights @ policy.score(t, rows.obs, rows.act), theta)
    np.testing.assert_allclose(-mean_hessian, F, atol=DIFFERENCE)
    for direction in DIRECTIONS:
        gradient = jacobian(
            lambda t, k=direction: npgkit.kl_gradient(policy, t, theta, rows, k), theta
        )
        np.testing.assert_allclose(gradient, F, atol=DIFFERENCE)
    np.testing.assert_allclose(dense_fisher(policy, theta, batch), F, atol=1e-14)


@pytest.mark.evidence("thm-fisher-three-ways")
def test_three_ways_agree_for_a_gaussian_by_quadrature():
    """Gauss-Hermite quadrature, exact for the polynomials met, in place of the sum over actions."""
    policy, theta, rows = gaussian_quadrature_case()
    score = policy.score(theta, rows.obs, rows.act)
    F = score.T @ (rows.weights[:, None] * score)
    mean_hessian = jacobian(lambda t: rows.weights @ policy.score(t, rows.obs, rows.act), theta)
    np.testing.assert_allclose(F, np.diag([np.exp(0.8), 2.0]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(-mean_hessian, F, atol=1e-6)
    for direction in DIRECTIONS:
        kl = jacobian(lambda t, k=direction: npgkit.kl_gradient(policy, t, theta, rows, k), theta)
        np.testing.assert_allclose(kl, F, atol=1e-6)


# How good the ellipse is


@pytest.mark.evidence("thm-kl-expansion")
@pytest.mark.parametrize("name", ["two rooms", "softmax tabular", "softmax linear"])
@both_directions
@pytest.mark.parametrize("seed", [1, 2])
def test_log_linear_kl_has_its_cubic_term_and_then_order_four(name, direction, seed):
    """Slope 3 after the quadratic term, 4 after kappa/3 (new||old) or kappa/6 (old||new)."""
    policy, theta, batch = CASES[name]()
    u, h = unit(len(theta), seed), np.geomspace(3e-3, 5e-2, 8)
    rows = all_actions(policy, theta, batch)
    kappa = rows.weights @ (policy.score(theta, rows.obs, rows.act) @ u) ** 3
    kl = np.array([npgkit.mean_kl(policy, theta + t * u, theta, batch, direction) for t in h])
    rest = kl - h**2 * (u @ dense_fisher(policy, theta, batch) @ u) / 2
    cubic = kappa / (3 if direction == "new||old" else 6)
    # A term of the next order moves a slope by about h c4/c3; the widest h is 0.05.
    assert slope(h, rest) == pytest.approx(3, abs=0.15)
    assert slope(h, rest - cubic * h**3) == pytest.approx(4, abs=0.15)


def gaussian_quadrature_case():
    """A Gaussian's mean at feature 1 and log standard deviation; rows are Gauss-Hermite nodes."""
    policy, theta = npgkit.gaussian_linear(1, 1), np.array([0.3, -0.4])
    z, weights = np.polynomial.hermite_e.hermegauss(8)
    act = theta[0] + np.exp(theta[1]) * z[:, None]
    return policy, theta, npgkit.Batch(np.ones((8, 1)), act, np.zeros(8), weights / weights.sum())


def cubic_terms(policy, theta, rows, u):
    """kappa(u) and chi(u), the Hessian of log pi along u by differences of the score."""
    along = [policy.score(theta + t * u, rows.obs, rows.act) @ u for t in (0, H, -H)]
    bend = (along[1] - along[2]) / (2 * H)
    return rows.weights @ along[0] ** 3, rows.weights @ (along[0] * bend) / 2


@pytest.mark.evidence("thm-kl-expansion")
@both_directions
@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("name", ["two rooms in bent coordinates", "gaussian"])
def test_kl_that_is_not_log_linear_has_the_cubic_term_chi(name, seed, direction):
    """Slope 3 without chi, 4 with kappa/3 + chi or kappa/6 + chi, where chi is not zero."""
    if name == "gaussian":
        policy, theta, rows = gaussian_quadrature_case()
    else:
        policy, theta, batch = CASES[name]()
        rows = all_actions(policy, theta, batch)
    u, h = unit(len(theta), seed), np.geomspace(3e-3, 3e-2, 8)
    kappa, chi = cubic_terms(policy, theta, rows, u)
    kl = np.array([npgkit.mean_kl(policy, theta + t * u, theta, rows, direction) for t in h])
    rest = kl - h**2 * (u @ dense_fisher(policy, theta, rows) @ u) / 2
    known = kappa / (3 if direction == "new||old" else 6)
    assert abs(chi) > 0.1 * abs(known)  # else the next line would say nothing
    assert slope(h, rest - known * h**3) == pytest.approx(3, abs=0.15)
    assert slope(h, rest - (known + chi) * h**3) == pytest.approx(4, abs=0.15)


@pytest.mark.evidence("thm-kl-expansion")
@pytest.mark.parametrize("name", ["two rooms", "softmax tabular", "softmax linear"])
def test_chi_is_zero_for_log_linear_policies(name):
    """E[(score.u) u'(Hessian of log pi)u] / 2 is zero to the error of differences."""
    policy, theta, batch = CASES[name]()
    rows = all_actions(policy, theta, batch)
    kappa, chi = cubic_terms(policy, theta, rows, unit(len(theta), 3))
    assert abs(chi) < DIFFERENCE
    assert abs(kappa) > 1e-4


@pytest.mark.evidence("thm-kl-expansion")
@every_case
def test_the_two_kls_differ_by_a_sixth_of_the_third_moment(case):
    """D - D_bar - kappa/6 falls with order 4, in bent coordinates and for Gaussians too."""
    policy, theta, batch = case()
    u, h = unit(len(theta), 3), np.geomspace(3e-3, 3e-2, 6)
    out = policy.linearize(theta, batch.obs)
    if isinstance(policy.distribution, npgkit.Categorical):
        rows = all_actions(policy, theta, batch)
        kappa = rows.weights @ (policy.score(theta, rows.obs, rows.act) @ u) ** 3
    else:
        # score.u = b z + c (z^2 - 1) an action, independent: third moments add, E = 6 b^2 c + 8 c^3
        k = policy.distribution.act_dim
        Ju = out.jvp(u)
        b, c = Ju[:, :k] * np.exp(-out.out[:, k:]), Ju[:, k:]
        kappa = batch.weights @ (6 * b**2 * c + 8 * c**3).sum(axis=1)
    new_old, old_new = (
        np.array([npgkit.mean_kl(policy, theta + t * u, theta, batch, k) for t in h])
        for k in DIRECTIONS
    )
    assert abs(kappa) > 1e-4  # else the next line would say nothing
    assert slope(h, new_old - old_new) == pytest.approx(3, abs=0.3)
    # Order 4, or more where the fourth-order term happens to be small.
    assert slope(h, new_old - old_new - kappa * h**3 / 6) > 3.7


@pytest.mark.evidence("thm-kl-expansion")
def test_two_rooms_ratio_of_the_cubic_coefficients_is_two():
    """The measured ratio of the figure, along (1, 1); the next order adds 1e-3 at h = 3e-3."""
    policy, theta, batch = two_rooms_case()
    Delta = 3e-3 * np.ones(2) / np.sqrt(2)
    quadratic = Delta @ dense_fisher(policy, theta, batch) @ Delta / 2
    new_old, old_new = (
        npgkit.mean_kl(policy, theta + Delta, theta, batch, k) - quadratic for k in DIRECTIONS
    )
    assert new_old / old_new == pytest.approx(2, rel=1e-3)


# The same ellipse under another name


@pytest.mark.evidence("prop-fisher-covariant")
@pytest.mark.parametrize("name", ["two rooms", "softmax tabular", "gaussian linear"])
@pytest.mark.parametrize("m", [0, -1], ids=["square", "fewer parameters"])
def test_fisher_in_affine_coordinates_is_BFB(name, m):
    """F_phi against B'FB to rounding, B square and B onto a smaller space."""
    policy, theta, batch = CASES[name]()
    rng = np.random.default_rng(7)
    B = rng.normal(size=(len(theta), len(theta) + m))
    phi = rng.normal(size=B.shape[1])
    renamed = npgkit.in_coordinates(policy, B, theta - B @ phi)
    expected = B.T @ dense_fisher(policy, theta, batch) @ B
    got = dense_fisher(renamed, phi, batch)
    np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.evidence("prop-fisher-covariant")
def test_fisher_in_bent_coordinates_is_JFJ():
    """F_phi against J'FJ to rounding, and against the KL's second differences in phi."""
    bent, phi, batch = CASES["two rooms in bent coordinates"]()
    J = np.diag(1 + 0.9 * phi**2)
    F = dense_fisher(npgkit.sigmoid_tabular(2), phi + 0.3 * phi**3, batch)
    np.testing.assert_allclose(dense_fisher(bent, phi, batch), J @ F @ J, atol=1e-14)
    hessian = jacobian(lambda t: npgkit.kl_gradient(bent, t, phi, batch), phi)
    np.testing.assert_allclose(hessian, J @ F @ J, atol=DIFFERENCE)


# Directions that cost nothing


def closed_case(S=5, A=3, closed=2):
    """A softmax policy where the last `closed` states are never entered."""
    rng = np.random.default_rng(11)
    P = np.zeros((S, A, S))
    P[:, :, : S - closed] = rng.dirichlet(np.ones(S - closed), size=(S, A))
    rho = np.zeros(S)
    rho[0] = 1.0
    policy, theta = npgkit.softmax_tabular(S, A), rng.normal(size=S * A)
    mdp = npgkit.MDP(P, rng.uniform(size=(S, A)), 0.9, rho)
    return policy, theta, npgkit.exact_batch(mdp, policy, theta)


@pytest.mark.evidence("prop-fisher-singular")
@pytest.mark.parametrize(
    "case, S, A, visited", [(softmax_case, 4, 3, 4), (closed_case, 5, 3, 3)], ids=["all", "closed"]
)
def test_null_space_of_a_softmax_table_is_as_proved(case, S, A, visited):
    """Rank S_+ (A - 1); F v = 0 for v constant in visited states, and for no other v."""
    policy, theta, batch = case()
    F = dense_fisher(policy, theta, batch)
    largest = np.linalg.eigvalsh(F)[-1]
    constant = np.kron(np.eye(S), np.ones((A, 1)) / np.sqrt(A))[:, :visited]
    free = np.eye(S * A)[:, visited * A :]
    null = np.hstack([constant, free])
    assert null.shape[1] == S * A - visited * (A - 1)
    np.testing.assert_allclose(F @ null, 0, atol=1e-14 * largest)
    others = np.linalg.svd(null)[0][:, null.shape[1] :]
    assert np.linalg.eigvalsh(others.T @ F @ others)[0] > 1e-6 * largest


@pytest.mark.evidence("lem-gradient-in-range")
@every_case
def test_gradient_has_no_part_in_the_null_space_of_F(case):
    """g is orthogonal to the null space, for the batch's advantages and for arbitrary ones."""
    policy, theta, batch = case()
    rng = np.random.default_rng(2)
    values, axes = np.linalg.eigh(dense_fisher(policy, theta, batch))
    null = axes[:, values < 1e-12 * values[-1]]
    for adv in (batch.adv, rng.normal(size=len(batch))):
        rows = npgkit.Batch(batch.obs, batch.act, adv, batch.weights)
        g = npgkit.policy_gradient(policy, theta, rows)
        # An eigenvector of a null eigenvalue is off by rounding / gap; the gap here is over 1e-3.
        np.testing.assert_allclose(null.T @ g, 0, atol=1e-11 * np.linalg.norm(g))


@pytest.mark.evidence("lem-gradient-in-range")
@pytest.mark.parametrize("case", [softmax_case, closed_case], ids=["all visited", "closed"])
def test_cg_from_zero_finds_the_least_norm_solution(case):
    """CG converges on F x = g and agrees with the pseudo-inverse; a vector off the range fails."""
    policy, theta, batch = case()
    F, g = dense_fisher(policy, theta, batch), npgkit.policy_gradient(policy, theta, batch)
    found = npgkit.conjugate_gradient(F, g)
    assert found.converged
    least = np.linalg.pinv(F, rcond=1e-12) @ g
    np.testing.assert_allclose(found.x, least, atol=1e-7 * np.abs(least).max())
    off = g + np.abs(g).max() * (np.arange(len(g)) < 3)  # constant over the actions of state 0
    assert not npgkit.conjugate_gradient(F, off).converged


@pytest.mark.evidence("lem-gradient-in-range")
def test_gradient_leaves_the_range_when_F_sees_other_states():
    """The assumption violated: F of one state, g of all four."""
    policy, theta, batch = softmax_case()
    first = npgkit.Batch(batch.obs[:3], batch.act[:3], batch.adv[:3])
    F, g = npgkit.FisherOperator(policy, theta, first), npgkit.policy_gradient(policy, theta, batch)
    found = npgkit.conjugate_gradient(F, g)
    assert not found.converged
    assert "range" in found.status


# F times a vector, without F


@pytest.mark.evidence("prop-fisher-product")
@every_case
def test_fisher_product_is_the_mean_of_JMJ(case):
    """F v by two passes against sum_i w_i J_i' M_i J_i v with every matrix written out."""
    policy, theta, batch = case()
    v = unit(len(theta), 5)
    out = policy.linearize(theta, batch.obs).out
    k = out.shape[1]
    at = policy.linearize(theta, batch.obs)
    J = np.stack([at.per_row(np.tile(e, (len(out), 1))) for e in np.eye(k)], axis=1)  # (n, k, m)
    if isinstance(policy.distribution, npgkit.Categorical):
        p = policy.distribution.probabilities(out)
        M = np.einsum("ia,ab->iab", p, np.eye(k)) - np.einsum("ia,ib->iab", p, p)
    else:
        diagonal = np.hstack([np.exp(-2 * out[:, k // 2 :]), np.full((len(out), k // 2), 2.0)])
        M = np.einsum("ia,ab->iab", diagonal, np.eye(k))
    expected = np.einsum("i,ian,iab,ibm,m->n", batch.weights, J, M, J, v)
    got = npgkit.FisherOperator(policy, theta, batch) @ v
    np.testing.assert_allclose(got, expected, atol=1e-13 * max(1.0, np.abs(expected).max()))


@pytest.mark.evidence("prop-fisher-product")
@pytest.mark.parametrize("seed", [0, 1])
def test_M_is_the_covariance_of_the_score_in_the_outputs(seed):
    """diag(p) - pp' by summing over actions; diag(1/sigma^2, 2) by quadrature."""
    rng = np.random.default_rng(seed)
    categorical, logits = npgkit.Categorical(5), rng.normal(size=(1, 5))
    p = categorical.probabilities(logits)[0]
    score = categorical.score(np.repeat(logits, 5, axis=0), np.arange(5))
    M = np.array([categorical.fisher_product(logits, e[None])[0] for e in np.eye(5)])
    np.testing.assert_allclose(M, np.diag(p) - np.outer(p, p), atol=1e-15)
    np.testing.assert_allclose((score.T * p) @ score, M, atol=1e-15)

    gaussian, (mean, log_std) = npgkit.DiagGaussian(1), rng.normal(size=2)
    z, weights = np.polynomial.hermite_e.hermegauss(6)
    out = np.tile([mean, log_std], (6, 1))
    score = gaussian.score(out, mean + np.exp(log_std) * z[:, None])
    M = np.array([gaussian.fisher_product(out[:1], e[None])[0] for e in np.eye(2)])
    np.testing.assert_allclose(M, np.diag([np.exp(-2 * log_std), 2.0]), rtol=1e-14)
    covariance = (score.T * weights / weights.sum()) @ score
    np.testing.assert_allclose(covariance, M, atol=1e-12 * M.max())


# Three matrices of one name


def sampled_fisher(policy, theta, batch, n, rng):
    counts = rng.multinomial(n, batch.weights)
    drawn = npgkit.Batch(batch.obs, batch.act, batch.adv, counts / n)
    return npgkit.empirical_fisher(policy, theta, drawn)


@pytest.mark.evidence("prop-empirical-fisher")
@pytest.mark.parametrize("case", [two_rooms_case, softmax_case], ids=["two rooms", "softmax"])
def test_sampled_fisher_is_unbiased_with_the_stated_error(case):
    """Mean and mean squared error of 400 sampled matrices, within five standard errors."""
    policy, theta, batch = case()
    rng = np.random.default_rng(0)
    F, score = dense_fisher(policy, theta, batch), policy.score(theta, batch.obs, batch.act)
    fourth = batch.weights @ np.sum(score**2, axis=1) ** 2
    for n in (50, 5000):
        drawn = np.array([sampled_fisher(policy, theta, batch, n, rng) for _ in range(400)])
        standard_error = drawn.std(axis=0) / np.sqrt(len(drawn))
        assert np.all(np.abs(drawn.mean(axis=0) - F) <= 5 * standard_error + 1e-15)
        square = np.sum((drawn - F) ** 2, axis=(1, 2))
        predicted = (fourth - np.sum(F**2)) / n
        assert abs(square.mean() - predicted) <= 5 * square.std() / np.sqrt(len(drawn))


@pytest.mark.evidence("prop-empirical-fisher")
def test_a_matrix_of_squared_advantages_depends_on_the_currency():
    """G grows with the square of the rewards and dies with the advantages; F does neither."""
    policy, theta, batch = two_rooms_case()
    mdp, score = npgkit.two_rooms(), policy.score(theta, batch.obs, batch.act)

    def matrices(R):
        rows = npgkit.exact_batch(npgkit.MDP(mdp.P, R, mdp.gamma, mdp.rho), policy, theta)
        G = score.T @ ((rows.weights * rows.adv**2)[:, None] * score)
        return G, dense_fisher(policy, theta, rows)

    G, F = matrices(mdp.R)
    G_cents, F_cents = matrices(100 * mdp.R)
    np.testing.assert_allclose(G_cents, 1e4 * G, rtol=1e-10, atol=1e-8)
    np.testing.assert_array_equal(F_cents, F)
    G_flat, F_flat = matrices(np.ones_like(mdp.R))
    np.testing.assert_allclose(G_flat, 0, atol=1e-20)
    np.testing.assert_array_equal(F_flat, F)
    ratio = np.diag(G) / np.diag(F)
    assert ratio[1] / ratio[0] > 1.4  # not even a multiple of F


@pytest.mark.evidence("prop-empirical-fisher")
def test_sampled_and_true_fisher_of_one_batch_differ():
    """One action a row against all actions of the row: the same states, two matrices."""
    policy, theta, batch = sampled_case(npgkit.softmax_linear(3, 4), n=40)
    F, F_hat = dense_fisher(policy, theta, batch), npgkit.empirical_fisher(policy, theta, batch)
    assert np.linalg.norm(F_hat - F) > 0.05 * np.linalg.norm(F)


@pytest.mark.evidence("prop-fisher-product")
@pytest.mark.parametrize("name", ["gaussian linear", "softmax linear"])
@both_directions
def test_fisher_product_is_the_hessian_of_the_kl_times_v(name, direction):
    """F v by two passes against second differences of the KL, which know nothing of M."""
    policy, theta, batch = CASES[name]()
    hessian = jacobian(lambda t: npgkit.kl_gradient(policy, t, theta, batch, direction), theta)
    v = unit(len(theta), 6)
    got = npgkit.FisherOperator(policy, theta, batch) @ v
    np.testing.assert_allclose(got, hessian @ v, atol=1e-6)


# Where it breaks


@pytest.mark.evidence("thm-kl-expansion")
def test_near_determinism_the_ellipse_outgrows_the_ball():
    """The ellipse's lower end costs 1.2, 28.9 and 891.6 epsilon from p_i = .8, .999, .9999."""
    policy, costs = npgkit.sigmoid_tabular(2), []
    for p_i in (0.8, 0.999, 0.9999):
        theta = np.log([p_i / (1 - p_i), 0.1 / 0.9])
        batch = npgkit.exact_batch(npgkit.two_rooms(), policy, theta)
        F = dense_fisher(policy, theta, batch)
        end = theta - [np.sqrt(0.02 / F[0, 0]), 0]
        costs.append(npgkit.mean_kl(policy, end, theta, batch) / 0.01)
    assert np.round(costs, 1).tolist() == [1.2, 28.9, 891.6]


# Why this matrix and no other


def split(x, shares):
    """Each entry of x divided among new outcomes in the given shares, in their order."""
    return np.concatenate([value * q for value, q in zip(x, shares, strict=True)])


def simplex_case(seed, n=4):
    """A distribution, a direction that sums to 0, and the shares of a splitting."""
    rng = np.random.default_rng(seed)
    v = rng.normal(size=n)
    shares = [rng.dirichlet(np.ones(k)) for k in rng.integers(1, 5, size=n)]
    return rng.dirichlet(np.ones(n)), v - v.mean(), shares


@pytest.mark.evidence("thm-chentsov")
@pytest.mark.parametrize("seed", range(6))
def test_splitting_keeps_fishers_length_and_no_other_power(seed):
    """sum v^2 / p^k over random splittings: unchanged for k = 1, and changed for other powers."""
    p, v, shares = simplex_case(seed)
    order = np.random.default_rng(seed).permutation(sum(map(len, shares)))
    P, V = split(p, shares)[order], split(v, shares)[order]
    for power in (0.0, 0.5, 0.9, 1.0, 1.1, 2.0):
        before, after = np.sum(v**2 / p**power), np.sum(V**2 / P**power)
        if power == 1.0:
            assert after == pytest.approx(before, rel=1e-12)
        else:
            assert abs(after / before - 1) > 1e-6


@pytest.mark.evidence("thm-chentsov")
def test_symmetric_forms_on_differences_are_multiples_of_one():
    """Any form averaged over all reorderings is c sum v^2 on directions that sum to 0."""
    rng, n = np.random.default_rng(0), 4
    A = rng.normal(size=(n, n))
    A = A @ A.T
    orders = np.array(list(itertools.permutations(range(n))))
    mean = np.mean([A[np.ix_(o, o)] for o in orders], axis=0)
    v = rng.normal(size=(50, n))
    v -= v.mean(axis=1, keepdims=True)
    lengths = np.einsum("ki,ij,kj->k", v, mean, v) / np.sum(v**2, axis=1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-12)


@pytest.mark.evidence("thm-chentsov")
def test_rational_distributions_become_uniform_by_splitting():
    """p = k / N, each outcome split into k_i equal parts: N sum v^2 there is sum v^2 / p here."""
    counts, v = np.array([1, 4, 2, 5]), np.array([0.3, -0.1, -0.4, 0.2])
    N = counts.sum()
    shares = [np.full(k, 1 / k) for k in counts]
    np.testing.assert_allclose(split(counts / N, shares), 1 / N, rtol=1e-14)
    uniform = N * np.sum(split(v, shares) ** 2)
    assert uniform == pytest.approx(np.sum(v**2 / (counts / N)), rel=1e-13)


@pytest.mark.evidence("thm-chentsov")
def test_the_form_on_pairs_of_state_and_action_is_F():
    """A step moves d pi by v = d pi score.Delta, and sum v^2 / (d pi) is Delta'F Delta."""
    policy, theta, batch = softmax_case()
    Delta = unit(len(theta), 3)
    p = batch.weights  # d(s) pi(a|s), all pairs
    v = p * (policy.score(theta, batch.obs, batch.act) @ Delta)
    assert v.sum() == pytest.approx(0, abs=1e-15)
    F = dense_fisher(policy, theta, batch)
    assert np.sum(v**2 / p) == pytest.approx(Delta @ F @ Delta, rel=1e-12)


def fisher_distance(p, q):
    return 2 * np.arccos(np.minimum(np.sum(np.sqrt(p * q), axis=-1), 1))


@pytest.mark.evidence("prop-fisher-sphere")
@pytest.mark.parametrize("seed", range(5))
def test_great_circles_have_the_distance_and_no_path_is_shorter(seed):
    """The arc's length in Fisher's metric is the formula; 200 bent paths are longer."""
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(4), size=2)
    t = np.linspace(0, 1, 2001)[:, None]
    angle = fisher_distance(p, q) / 2
    x = (np.sin((1 - t) * angle) * np.sqrt(p) + np.sin(t * angle) * np.sqrt(q)) / np.sin(angle)
    arc = x**2
    np.testing.assert_allclose(arc.sum(axis=1), 1, rtol=1e-12)

    def length(path):  # by the metric itself, at the middle of each hop
        hop, middle = np.diff(path, axis=0), (path[1:] + path[:-1]) / 2
        return np.sqrt(np.sum(hop**2 / middle, axis=1)).sum()

    # A hop of 1/2000 of the path errs by its square.
    assert length(arc) == pytest.approx(fisher_distance(p, q), rel=1e-6)
    for _ in range(200):
        bent = arc * np.exp(np.sin(np.pi * t) * 0.3 * rng.normal(size=4))
        assert length(bent / bent.sum(axis=1, keepdims=True)) > length(arc)


@pytest.mark.evidence("prop-fisher-sphere")
def test_half_the_squared_distance_is_the_kl_to_third_order():
    """KL - dist^2 / 2 falls with slope 3 in either direction; corners are no farther than pi."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4))
    v = p * rng.normal(size=4)
    v -= p * v.sum()
    h = np.geomspace(1e-3, 3e-2, 8)
    q = p + h[:, None] * v
    half = fisher_distance(p, q) ** 2 / 2
    for kl in (np.sum(q * np.log(q / p), axis=1), np.sum(p * np.log(p / q), axis=1)):
        # The next term is of relative order h |v / p|, at most 0.06.
        assert slope(h, kl - half) == pytest.approx(3, abs=0.1)
    far = fisher_distance(rng.dirichlet(0.1 * np.ones(4), size=500), np.eye(4)[0])
    assert far.max() <= np.pi
