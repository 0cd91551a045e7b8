"""Chapter 8: products with F, conjugate gradients, their rate, what stopping and damping cost."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

import npgkit
from benchmarks import crossing
from npgkit import conjugate_gradient, natural_step
from npgkit.lab import read_data
from npgkit.objectives import DIRECTIONS
from tests.support import CASES, slope, two_rooms_case

EPS = np.finfo(float).eps


@cache
def tanh_case(
    hidden: tuple[int, ...] = (8, 8), n: int = 200
) -> tuple[npgkit.Policy, np.ndarray, npgkit.Batch]:
    """A Gaussian policy on a tanh network, with sampled actions."""
    rng = np.random.default_rng(6)
    network = npgkit.WithFreeOutputs(npgkit.MLP(4, hidden, 2), 2)
    policy = npgkit.Policy(network, npgkit.DiagGaussian(2))
    theta = 0.5 * rng.normal(size=policy.n_params)
    obs = rng.normal(size=(n, 4))
    act = policy.sample(theta, obs, rng)
    adv = -np.sum((act - np.sin(obs[:, :2])) ** 2, axis=1)
    return policy, theta, npgkit.Batch(obs, act, adv - adv.mean())


def softmax_network_case() -> tuple[npgkit.Policy, np.ndarray, npgkit.Batch]:
    """A softmax policy on a tanh network."""
    rng = np.random.default_rng(3)
    policy = npgkit.Policy(npgkit.MLP(3, (5,), 4), npgkit.Categorical(4))
    theta, obs = 0.7 * rng.normal(size=policy.n_params), rng.normal(size=(30, 3))
    act = policy.sample(theta, obs, rng)
    return policy, theta, npgkit.Batch(obs, act, rng.normal(size=30))


NETWORKS = {"gaussian network": tanh_case, "softmax network": softmax_network_case}


def recurrence(F: Any, g: Any, k: int, M: Any = None) -> list[tuple[Any, Any, Any]]:
    """(x_j, r_j, p_j) for j = 0 ... k of the loop, in the arithmetic of F and g; stops at 0."""
    x, r = 0 * g, g
    z = r if M is None else M @ r
    p, rz = z, r @ z
    states = [(x, r, p)]
    while len(states) <= k and rz != 0:
        Fp = F @ p
        alpha = rz / (p @ Fp)
        x, r = x + alpha * p, r - alpha * Fp
        z = r if M is None else M @ r
        rz_last, rz = rz, r @ z
        p = z + rz / rz_last * p
        states.append((x, r, p))
    return states


def iterates(F: np.ndarray, g: np.ndarray, k: int, M: np.ndarray | None = None) -> np.ndarray:
    return np.array([x for x, _, _ in recurrence(F, g, k, M)])


def semidefinite(rank: int, n: int, seed: int, decades: float = 2.0) -> tuple[Any, Any]:
    """A matrix with `rank` positive eigenvalues over so many decades, and a g in its range."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0][:, :rank]
    F = Q @ np.diag(np.logspace(0, decades, rank)) @ Q.T
    return (F + F.T) / 2, Q @ rng.normal(size=rank)


def krylov(F: np.ndarray, g: np.ndarray, k: int) -> np.ndarray:
    """An orthonormal basis (n, k) of span{g, Fg, ..., F^(k-1) g}."""
    basis: list[np.ndarray] = []
    for _ in range(k):
        v = F @ basis[-1] if basis else g
        for _ in range(2):  # twice is enough to make rounding harmless
            v = v - sum(((b @ v) * b for b in basis), np.zeros_like(v))
        basis.append(v / np.linalg.norm(v))
    return np.transpose(basis)


def errors(F: np.ndarray, g: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """rho_0, rho_1, ...: the error in the norm of F, relative to the solution's."""
    solution = np.linalg.pinv(F, rcond=1e-12) @ g
    off = xs - solution
    return np.sqrt(np.einsum("ki,ij,kj->k", off, F, off) / (solution @ F @ solution))


def hard(kappa: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues at the zeros of Chebyshev's polynomial on [1, kappa]; g meets all of them."""
    nodes = np.cos((2 * np.arange(n) + 1) * np.pi / (2 * n))
    return np.diag((kappa + 1) / 2 + (kappa - 1) / 2 * nodes), np.ones(n)


def sigma(kappa: float) -> float:
    return (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)


@pytest.mark.parametrize("n", [2, 5, 40])
def test_steepest_descent_shrinks_by_kantorovichs_factor(n: int):
    """Random steps keep below (kappa - 1) / (kappa + 1); equal extreme components attain it."""
    rng = np.random.default_rng(n)

    def ratio(f: np.ndarray, r: np.ndarray) -> float:
        e = r / f
        after = e - (r @ r) / (r @ (f * r)) * r
        return float(np.sqrt((after @ (f * after)) / (e @ (f * e))))

    for _ in range(100):
        f = np.exp(rng.normal(size=n))
        most = (f.max() - f.min()) / (f.max() + f.min())
        assert ratio(f, rng.normal(size=n)) <= most + 1e-12
        worst = np.isin(f, [f.min(), f.max()]).astype(float)
        assert ratio(f, worst) == pytest.approx(most, abs=1e-12)


# The product


@pytest.mark.evidence("prop-product-derivative")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("case", NETWORKS)
def test_product_is_the_derivative_of_the_kl_gradient(case: str, direction: str):
    """Two networks, both KLs: (grad D(hv))/h leaves Fv in order 1, the central one in order 2."""
    policy, theta, batch = NETWORKS[case]()
    v = np.random.default_rng(0).normal(size=len(theta))
    v /= np.linalg.norm(v)
    Fv = npgkit.FisherOperator(policy, theta, batch) @ v

    def gradient(h: float) -> np.ndarray:
        return npgkit.kl_gradient(policy, theta + h * v, theta, batch, direction)

    steps = np.array([4e-3, 2e-3, 1e-3])
    one = [np.linalg.norm(gradient(h) / h - Fv) for h in steps]
    two = [np.linalg.norm((gradient(h) - gradient(-h)) / (2 * h) - Fv) for h in steps]
    assert slope(steps, one) == pytest.approx(1.0, abs=0.05)  # the next order is h = 4e-3 smaller
    assert slope(steps, two) == pytest.approx(2.0, abs=0.05)


@pytest.mark.evidence("prop-product-derivative")
@pytest.mark.parametrize("case", NETWORKS)
def test_network_curvature_drops_out_at_the_old_policy_only(case: str):
    """Hessian of the KL v, by differences, against both sums of the formula at 0 and away."""
    policy, theta, batch = NETWORKS[case]()
    rng = np.random.default_rng(1)
    v, away = rng.normal(size=(2, len(theta)))
    old = policy.linearize(theta, batch.obs).out

    def pull(out: np.ndarray) -> np.ndarray:  # w_i dk_i/do_i
        return batch.weights[:, None] * policy.distribution.kl_gradients(out, old)[0]

    h, shares = 1e-5, []
    for at in (theta, theta + 0.3 * away):
        net = policy.linearize(at, batch.obs)
        hessian = _difference(lambda t: npgkit.kl_gradient(policy, t, theta, batch), at, v, h)
        # First sum: J' (Hessian of k) J v, the middle by differences in the outputs.
        first = net.vjp(_difference(pull, net.out, net.jvp(v), h))
        # Second sum: the derivative of J(theta)' u along v, with u held.
        held = pull(net.out)
        second = _difference(lambda t, u=held: policy.linearize(t, batch.obs).vjp(u), at, v, h)
        # Central differences err by h^2 times a third derivative, and by eps / h.
        assert np.abs(hessian - first - second).max() < 1e-7 * np.abs(hessian).max()
        shares.append(np.linalg.norm(second) / np.linalg.norm(hessian))
    assert shares[0] < 1e-9
    assert shares[1] > 0.01


def _difference(f: Callable[..., Any], at: np.ndarray, v: np.ndarray, h: float) -> np.ndarray:
    return np.asarray((f(at + h * v) - f(at - h * v)) / (2 * h))


# Conjugate directions, conjugate gradients


@pytest.mark.evidence("lem-conjugate-directions")
@pytest.mark.parametrize("rank", [6, 10])
def test_conjugate_directions_minimise_over_their_span(rank: int):
    """Random conjugate directions of a singular and a regular F: x_k against least squares."""
    F, g = semidefinite(rank, 10, seed=rank)
    rng = np.random.default_rng(0)
    P: list[np.ndarray] = []
    for _ in range(rank):
        p = F @ rng.normal(size=10)
        for _ in range(2):
            p = p - sum(((q @ F @ p) / (q @ F @ q) * q for q in P), np.zeros(10))
        P.append(p / np.sqrt(p @ F @ p))
    x = np.zeros(10)
    for k, p in enumerate(P, start=1):
        assert (g - F @ x) @ p == pytest.approx(g @ p, abs=1e-9)
        x = x + ((g - F @ x) @ p) / (p @ F @ p) * p
        span = np.transpose(P[:k])
        best = span @ np.linalg.solve(span.T @ F @ span, span.T @ g)
        # The condition of F on its range is 100, and so is that of the small systems at most.
        assert np.linalg.norm(x - best) < 1e4 * EPS * 100 * np.linalg.norm(best)
        assert np.abs((g - F @ x) @ span).max() < 1e-9 * np.linalg.norm(g)


def _laplacian(edges: list[tuple[int, int]], n: int) -> np.ndarray:
    L = np.full((n, n), Fraction(0))
    for i, j in edges:
        L[i, i], L[j, j] = L[i, i] + 1, L[j, j] + 1
        L[i, j], L[j, i] = L[i, j] - 1, L[j, i] - 1
    return L


def _exact(values: Any) -> np.ndarray:
    return np.array([Fraction(v) for v in values])


CUBE = [(i, i ^ bit) for i in range(8) for bit in (1, 2, 4) if i < i ^ bit]
STAR = [(0, i) for i in range(1, 7)]
COMPLETE = [(i, j) for i in range(6) for j in range(i)]
HILBERT = np.array([[Fraction(1, i + j + 1) for j in range(7)] for i in range(7)])
# F, g and m: the eigenvalues of the cube are 0, 2, 4, 6, of the star 0, 1, 7, of the complete
# graph 0, 6; a Laplacian's range is the vectors that sum to 0.
EXACT = {
    "hilbert 7": (HILBERT, _exact([1] * 7), 7),
    "cube, all eigenvalues met": (_laplacian(CUBE, 8), _exact([7] + [-1] * 7), 3),
    "cube, one eigenvalue met": (_laplacian(CUBE, 8), _exact([1, -1, 1, -1, 1, -1, 1, -1]), 1),
    "star": (_laplacian(STAR, 7), _exact([3, 1, 2, -1, -5, 0, 0]), 2),
    "complete graph": (_laplacian(COMPLETE, 6), _exact([5, -1, 2, 1, -7, 0]), 1),
    "identity": (_exact([1] * 5) * np.eye(5, dtype=int), _exact([1, 2, 3, 4, 5]), 1),
}


@pytest.mark.evidence("thm-cg")
@pytest.mark.parametrize("name", EXACT)
def test_exact_cg_takes_a_product_for_each_eigenvalue(name: str):
    """Six rational systems: r_k = 0 at k = m and not before; r orthogonal, p conjugate, x in R."""
    F, g, m = EXACT[name]
    states = recurrence(F, g, len(g))
    assert len(states) == m + 1
    x, r, _ = states[-1]
    assert not r.any()
    assert (F @ x == g).all()
    R, P = [s[1] for s in states[:m]], [s[2] for s in states[:m]]
    for i in range(m):
        assert P[i] @ F @ P[i] > 0
        assert R[i] @ R[i] > 0
        for j in range(i):
            assert R[i] @ R[j] == 0
            assert P[i] @ F @ P[j] == 0
    null = 0 * g + 1  # of every Laplacian, and of nothing else here
    if not (F @ null).any():
        assert x @ null == 0  # the least norm


@pytest.mark.evidence("thm-cg")
@pytest.mark.parametrize("rank", [12, 20])
def test_iterates_minimise_over_the_krylov_space(rank: int):
    """x_k against the minimum over span{g, ..., F^(k-1) g}; the package's x against F^+ g."""
    F, g = semidefinite(rank, 20, seed=rank, decades=1.0)
    xs = iterates(F, g, 6)
    for k in range(1, 7):
        K = krylov(F, g, k)
        best = K @ np.linalg.solve(K.T @ F @ K, K.T @ g)
        assert np.linalg.norm(xs[k] - best) < 1e-10 * np.linalg.norm(best)
    solved = conjugate_gradient(F, g, rtol=1e-12)
    assert solved.converged
    least = np.linalg.pinv(F, rcond=1e-10) @ g
    assert np.linalg.norm(solved.x - least) < 1e-10 * np.linalg.norm(least)


@pytest.mark.evidence("thm-cg")
@pytest.mark.parametrize("preconditioned", [False, True])
def test_the_package_runs_the_recurrence_of_the_chapter(preconditioned: bool):
    """Eight iterates of `conjugate_gradient` against the loop written out, with and without M."""
    F, g = semidefinite(20, 20, seed=1)
    M = np.diag(1 / np.diag(F)) if preconditioned else None
    theirs: list[np.ndarray] = []
    conjugate_gradient(F, g, M=M, max_iter=8, callback=theirs.append)
    mine = iterates(F, g, 8, M)[1:]
    assert np.abs(mine - theirs).max() < 1e-10 * np.abs(mine).max()


# The rate

SPECTRA = {
    "even": np.linspace(1, 60, 40),
    "logarithmic": np.geomspace(1e-3, 1, 40),
    "hard": np.diag(hard(80, 60)[0]),
    "two clusters": np.r_[np.linspace(1, 1.1, 20), np.linspace(9, 10, 20)],
    "damped, low rank": np.r_[np.full(30, 0.1), np.geomspace(0.2, 3, 10)],
}


@pytest.mark.evidence("thm-cg-rate")
@pytest.mark.parametrize("name", SPECTRA)
def test_error_stays_below_polynomials_and_chebyshevs_bound(name: str):
    """Five spectra: rho_k against random P, against 2 sigma^k, and the number of products."""
    f, rng = SPECTRA[name], np.random.default_rng(2)
    F, kappa = np.diag(f), f.max() / f.min()
    k = np.arange(21)
    for seed in range(5):
        g = np.random.default_rng(seed).normal(size=len(f))
        rho = errors(F, g, iterates(F, g, 20))
        k = np.arange(len(rho))
        assert (rho <= 2 * sigma(kappa) ** k + 1e-12).all()
        for degree in range(1, 7):
            roots = rng.uniform(f.min(), f.max(), size=degree)
            P = np.prod(1 - f[:, None] / roots, axis=1)  # P(0) = 1
            assert rho[degree] <= np.abs(P).max() + 1e-12
        for delta in (0.3, 1e-2):
            enough = int(np.ceil(0.5 * np.sqrt(kappa) * np.log(2 / delta)))
            if enough < len(rho):
                assert rho[enough] <= delta


def outlier_system(outliers: int) -> tuple[np.ndarray, np.ndarray]:
    """Twenty eigenvalues in [1, 4] and some a thousand times larger, as fractions; g of ones."""
    f = [1 + Fraction(3 * j, 19) for j in range(20)] + [
        Fraction(4000 * (1 + 2 * j)) for j in range(outliers)
    ]
    F = np.full((len(f), len(f)), Fraction(0))
    F[np.diag_indices(len(f))] = f
    return F, _exact([1] * len(f))


@pytest.mark.evidence("thm-cg-rate")
@pytest.mark.parametrize("outliers", [1, 3, 5])
def test_an_outlier_costs_one_product_only_in_exact_arithmetic(
    outliers: int,
):
    """Fractions: 2 sigma^(k - l) with kappa = 4 holds to k = 14; floats exceed it threefold."""
    F, g = outlier_system(outliers)
    k = np.arange(outliers, 15)
    bound = 2 * (1 / 3) ** (k - float(outliers))
    exact = iterates(F, g, 14).astype(float)
    F, g = F.astype(float), g.astype(float)
    assert (errors(F, g, exact)[k] <= bound).all()
    assert (errors(F, g, iterates(F, g, 14))[k] / bound).max() > (1.5 if outliers == 1 else 3)


@pytest.mark.evidence("thm-cg-rate")
def test_products_grow_as_the_root_of_the_condition_number():
    """Hard spectra, kappa = 30 ... 1000, four digits: orders 1/2 and 1."""
    kappas, needed = [30, 100, 300, 1000], {"cg": [], "steepest": []}
    for kappa in kappas:
        F, g = hard(kappa)
        f = np.diag(F)
        needed["cg"].append(int(np.argmax(errors(F, g, iterates(F, g, 200)) < 1e-4)))
        r, start, steps = g, g @ (g / f), 0
        while r @ (r / f) > 1e-8 * start:  # the square of the error in the norm of F
            r, steps = r - (r @ r) / (r @ (f * r)) * f * r, steps + 1
        needed["steepest"].append(steps)
    # Counts are whole numbers: one off in 26 moves the order by log(27/26)/log(1000/30) = 0.01.
    assert slope(kappas, needed["cg"]) == pytest.approx(0.5, abs=0.02)
    assert slope(kappas, needed["steepest"]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.evidence("thm-cg-rate", "prop-cg-step")
def test_ledger_cg_stopped_at_k_loses_sigma_a_product():
    """kappa of the network: log error falls by log sigma a product, log lost gain by twice that."""
    policy, theta, batch = tanh_case(n=500)
    F = npgkit.FisherOperator(policy, theta, batch, 0.1).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    kappa = np.linalg.cond(F)
    k = np.arange(6, 26)
    rho = errors(*hard(kappa), iterates(*hard(kappa), 25))[k]
    lost = 1 - np.sqrt(1 - rho**2)
    measured = [np.polyfit(k, np.log(y), 1)[0] for y in (rho, lost)]
    # 400 eigenvalues stand for a whole interval: the rate is met to about 1 / k^2.
    assert measured[0] == pytest.approx(np.log(sigma(kappa)), rel=0.01)
    assert measured[1] == pytest.approx(2 * np.log(sigma(kappa)), rel=0.01)
    on_network = errors(F, g, iterates(F, g, 25))
    assert (on_network <= 2 * sigma(kappa) ** np.arange(26)).all()


# What a stopped iteration is worth


@pytest.mark.evidence("prop-cg-step")
@pytest.mark.parametrize("case", [*CASES, "gaussian network"])
def test_the_stopped_step_is_the_best_of_its_krylov_space(case: str):
    """Seven policies, k = 1 ... 5: g'x = x'Fx, the share, and 500 random rivals of each k."""
    policy, theta, batch = {**CASES, **NETWORKS}[case]()
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    xs, rng = iterates(F, g, 5), np.random.default_rng(0)
    natural = g @ np.linalg.pinv(F, rcond=1e-10) @ g
    gains = [0.0]
    for k in range(1, len(xs)):
        x = xs[k]
        assert g @ x == pytest.approx(x @ F @ x, rel=1e-9)
        if np.linalg.norm(g - F @ x) > 1e-6 * np.linalg.norm(g):  # while K_k still grows
            rivals = rng.normal(size=(500, k)) @ krylov(F, g, k).T
            cost = np.einsum("ki,ij,kj->k", rivals, F, rivals)
            assert (rivals @ g / np.sqrt(cost)).max() <= np.sqrt(g @ x) * (1 + 1e-9)
        rho = errors(F, g, x[None])[0] if case != "gaussian network" else None
        if rho is not None:
            assert np.sqrt(g @ x / natural) == pytest.approx(np.sqrt(1 - rho**2), abs=1e-6)
        gains.append(np.sqrt(g @ x))
        step = natural_step(policy, theta, batch, epsilon=0.02, cg_iterations=k)
        delta = step.theta - theta
        assert 0.5 * delta @ F @ delta == pytest.approx(0.02, rel=1e-6)
        assert step.predicted_gain == pytest.approx(np.sqrt(0.04 * (g @ x)), rel=1e-6)
    assert (np.diff(gains) > -1e-9 * gains[-1]).all()
    assert np.linalg.norm(xs[1] * (g @ g) - g * (g @ xs[1])) < 1e-9 * np.linalg.norm(xs[1]) * (
        g @ g
    )


@pytest.mark.evidence("prop-cg-step")
def test_g_x_is_x_F_x_only_when_started_from_zero():
    """Five iterations from 0 and from 1: g'x / x'Fx is 1 and is not; `xAx` is right in both."""
    F, g = semidefinite(20, 20, seed=2)
    for start, same in ((np.zeros(20), True), (np.ones(20), False)):
        found = conjugate_gradient(F, g, x0=start, max_iter=5)
        assert found.xAx == pytest.approx(found.x @ F @ found.x, rel=1e-9)
        assert (abs(g @ found.x / found.xAx - 1) < 1e-9) == same


@pytest.mark.evidence("prop-cg-step")
@pytest.mark.parametrize("lam", [1e-3, 0.1])
def test_no_damping_gives_k_products_more_gain_than_none(lam: float):
    """Gaussian network: same K_k with and without lambda, undamped share the greater at each k."""
    policy, theta, batch = tanh_case(n=500)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    damped = F + lam * np.eye(len(g))
    plain, other = iterates(F, g, 10)[1:], iterates(damped, g, 10)[1:]
    gains = [xs @ g / np.sqrt(np.einsum("ki,ij,kj->k", xs, F, xs)) for xs in (plain, other)]
    assert (gains[1] <= gains[0] * (1 + 1e-9)).all()
    K = krylov(F, g, 5)
    for x in other[:5]:  # rounding: the basis is orthonormal, and five products are few
        assert np.linalg.norm(x - K @ (K.T @ x)) < 1e-9 * np.linalg.norm(x)
    if lam == 0.1:
        assert gains[1][-1] < 0.96 * gains[0][-1]


@pytest.mark.evidence("prop-preconditioner")
@pytest.mark.parametrize("seed", range(4))
def test_cg_in_other_coordinates_is_cg_preconditioned_by_them(seed: int):
    """Random B: eight iterates of (B'FB, B'g), times B, against the recurrence with M = BB'."""
    F, g = semidefinite(15, 15, seed, decades=1.0)
    B = np.random.default_rng(seed + 10).normal(size=(15, 15)) + 3 * np.eye(15)
    yours = iterates(B.T @ F @ B, B.T @ g, 8) @ B.T
    preconditioned = iterates(F, g, 8, M=B @ B.T)
    assert np.abs(yours - preconditioned).max() < 1e-8 * np.abs(yours).max()
    kappa = np.linalg.cond(B.T @ F @ B)
    assert (errors(F, g, yours) <= 2 * sigma(kappa) ** np.arange(9) + 1e-9).all()
    solved = conjugate_gradient(F, g, M=np.linalg.inv(F))
    assert solved.iterations == 1


@pytest.mark.evidence("prop-preconditioner")
def test_only_a_common_unit_leaves_the_first_direction_alone():
    """BB' = cI: every k the same; a stretch: the first direction turns."""
    F, g = semidefinite(6, 6, seed=4, decades=1.0)
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    mine = iterates(F, g, 6)
    turned = iterates(9 * Q.T @ F @ Q, 3 * Q.T @ g, 6) @ (3 * Q).T
    assert np.abs(turned - mine).max() < 1e-8 * np.abs(mine).max()
    B = np.diag([5.0, 1, 1, 1, 1, 1])
    yours = iterates(B @ F @ B, B @ g, 6) @ B
    cosine = yours[1] @ mine[1] / np.linalg.norm(yours[1]) / np.linalg.norm(mine[1])
    assert cosine < 0.99


@pytest.mark.evidence("prop-preconditioner")
def test_preconditioning_by_the_diagonal_survives_new_units():
    """Gaussian network in random units: ten products with M = 1/diag F agree, with M = I not."""
    policy, theta, batch = tanh_case()
    F = npgkit.FisherOperator(policy, theta, batch, 0.0).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    B = np.exp(np.random.default_rng(0).normal(size=len(g)))
    F_yours, g_yours = B[:, None] * F * B, B * g
    gap = {}
    for name in ("identity", "diagonal"):
        M = [None if name == "identity" else np.diag(1 / np.diag(A)) for A in (F, F_yours)]
        mine = conjugate_gradient(F, g, max_iter=10, M=M[0]).x
        your = B * conjugate_gradient(F_yours, g_yours, max_iter=10, M=M[1]).x
        gap[name] = np.linalg.norm(your - mine) / np.linalg.norm(mine)
    assert gap["diagonal"] < 1e-8
    assert gap["identity"] > 0.1


# Damping


@pytest.mark.evidence("prop-damping-step")
@pytest.mark.parametrize("case", ["two rooms", "softmax tabular", "gaussian linear"])
@pytest.mark.parametrize("lam", [1e-3, 0.1, 10.0])
def test_damped_step_spends_and_gains_the_weighted_means(case: str, lam: float):
    """Three policies: KL and gain of either alpha against E[tau] and E[tau^2]."""
    policy, theta, batch = CASES[case]()
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    f, axes = np.linalg.eigh(F)
    met = f > 1e-10 * f[-1]
    f, g_i = f[met], (axes.T @ g)[met]
    G = np.sum(g_i**2 / f)
    weights, tau = g_i**2 / f / G, f / (f + lam)
    mean, square = weights @ tau, weights @ tau**2
    x = np.linalg.solve(F + lam * np.eye(len(g)), g)
    assert np.linalg.norm(x) <= np.linalg.norm(g) / lam
    alphas = {"damped": np.sqrt(0.04 / (g @ x)), "own": np.sqrt(0.04 / (x @ F @ x))}
    kl = {name: 0.5 * a**2 * (x @ F @ x) for name, a in alphas.items()}
    gain = {name: a * (g @ x) / np.sqrt(0.04 * G) for name, a in alphas.items()}
    assert kl["damped"] == pytest.approx(0.02 * square / mean, rel=1e-8)
    assert kl["damped"] < 0.02
    assert kl["own"] == pytest.approx(0.02, rel=1e-9)
    assert gain["damped"] == pytest.approx(np.sqrt(mean), rel=1e-8)
    assert gain["own"] == pytest.approx(mean / np.sqrt(square), rel=1e-8)
    step = natural_step(policy, theta, batch, epsilon=0.02, damping=lam)
    assert step.alpha == pytest.approx(alphas["own"], rel=1e-6)


@pytest.mark.evidence("prop-damping-step")
def test_ledger_damping_turns_in_order_one_and_costs_in_two():
    """Two rooms, lambda = 1e-6 ... 1e-4: orders 1, 1, 1 and 2, with the proposition's constants."""
    policy, theta, batch = two_rooms_case()
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    natural = np.linalg.solve(F, g)
    G, f = g @ natural, np.diag(F)
    weights = g**2 / f / G
    mean = weights @ (1 / f)
    spread = weights @ (1 / f - mean) ** 2
    lams = np.geomspace(1e-6, 1e-4, 7)
    xs = np.array([np.linalg.solve(F + lam * np.eye(2), g) for lam in lams])
    gx, xFx = xs @ g, np.einsum("ki,ij,kj->k", xs, F, xs)
    turned = np.linalg.norm(xs - natural, axis=1)
    constant = np.linalg.norm(np.linalg.solve(F, natural))
    misses = {
        "direction": (turned, 1, constant),
        "KL with the damped alpha": (1 - xFx / gx, 1, mean),
        "gain with the damped alpha": (1 - np.sqrt(gx / G), 1, mean / 2),
        "gain with alpha from F": (1 - gx / np.sqrt(xFx * G), 2, spread / 2),
    }
    # The next order is lambda / f smaller, at most 1e-4 / 0.0165 = 0.006, times a constant.
    for name, (miss, order, factor) in misses.items():
        assert slope(lams, miss) == pytest.approx(order, abs=0.02), name
        assert miss[0] == pytest.approx(factor * lams[0] ** order, rel=1e-3), name


@pytest.mark.evidence("prop-damping-step")
def test_with_much_damping_turning_may_cost_the_most():
    """Gaussian network, lambda = 0.1 far above f_min: the two shares, and who costs more."""
    policy, theta, batch = tanh_case(n=500)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    G = g @ np.linalg.solve(F, g)
    x = np.linalg.solve(F + 0.1 * np.eye(len(g)), g)
    own, damped = g @ x / np.sqrt((x @ F @ x) * G), np.sqrt(g @ x / G)
    assert np.linalg.eigvalsh(F)[0] < 1e-3
    assert 1 - own > own - damped > 0


@pytest.mark.evidence("prop-damping-step")
@pytest.mark.parametrize("hidden", [(2,), (8, 8), (24, 24)])
@pytest.mark.parametrize("lam", [0.1, 1e-2])
def test_damping_bounds_the_products_for_any_n(hidden, lam: float):
    """Networks of 18 to 778 parameters: products to 1e-4 within the root of 1 + f_max / lambda."""
    policy, theta, batch = tanh_case(hidden)
    F = npgkit.FisherOperator(policy, theta, batch, lam).dense()
    g = npgkit.policy_gradient(policy, theta, batch)
    f_max = np.linalg.eigvalsh(F)[-1] - lam
    bound = int(np.ceil(0.5 * np.sqrt(1 + f_max / lam) * np.log(2 / 1e-4)))
    rho = errors(F, g, iterates(F, g, bound))
    assert rho[-1] <= 1e-4
    assert rho[1] > 1e-4  # there was something to do
    kappa = 1 + f_max / lam
    enough = int(np.ceil(0.5 * np.sqrt(kappa) * np.log(2 * np.sqrt(kappa) / 1e-4)))
    xs = iterates(F, g, enough)
    residual = np.linalg.norm(g - xs @ F, axis=1) / np.linalg.norm(g)
    assert residual[-1] <= 1e-4
    assert (residual[:bound] <= np.sqrt(kappa) * rho[:bound] + 1e-12).all()


# Where it breaks, and the measurement


def test_rounding_takes_the_end_after_n_products_away():
    """Hilbert 8 in floats: solved exactly in fractions after 8, in floats not to 1e-6; guarded."""
    H = np.array([[Fraction(1, i + j + 1) for j in range(8)] for i in range(8)])
    assert not recurrence(H, _exact([1] * 8), 8)[-1][1].any()
    x = iterates(H.astype(float), np.ones(8), 8)[-1]
    assert np.linalg.norm(np.ones(8) - H.astype(float) @ x) > 1e-6
    policy, theta, batch = tanh_case(n=500)
    F = npgkit.FisherOperator(policy, theta, batch)
    g = npgkit.policy_gradient(policy, theta, batch)
    found = conjugate_gradient(F, g)
    assert found.converged
    assert found.iterations > 7 * len(g)


def test_a_fisher_of_few_rows_overspends_on_all_rows():
    """F from 10 of 500 rows, g from all: quadratic KL on all rows grows as damping shrinks."""
    policy, theta, batch = tanh_case(n=500)
    g = npgkit.policy_gradient(policy, theta, batch)
    few = npgkit.Batch(batch.obs[:10], batch.act[:10], batch.adv[:10])
    F, F_few = (npgkit.FisherOperator(policy, theta, rows) for rows in (batch, few))
    assert conjugate_gradient(F_few, g).status.startswith("zero curvature")
    spent = []
    for lam in (0.1, 0.01, 0.001):
        x = conjugate_gradient(npgkit.FisherOperator(policy, theta, few, lam), g).x
        spent.append((x @ (F @ x)) / (x @ (F_few @ x)))
    assert spent[0] > 3
    assert spent[1] > 10 * spent[0]
    assert spent[2] > 10 * spent[1]


@pytest.mark.parametrize("hidden", [(2,), (6, 6)])
def test_the_measured_directions_are_those_of_the_stored_file(hidden: tuple[int, ...]):
    """The small end of the crossing again: CG to 1e-8 and CG-10 against the dense route."""
    policy, theta, batch = crossing.problem(hidden)
    stored = {tuple(run["hidden"]): run for run in read_data("crossing.json")["runs"]}
    F = npgkit.FisherOperator(policy, theta, batch, crossing.DAMPING)
    g = npgkit.policy_gradient(policy, theta, batch)
    exact = np.linalg.solve(F.dense(), g)
    solved = conjugate_gradient(F, g, rtol=crossing.TOLERANCE)
    # A residual of 1e-8 is an error of at most the root of the condition times that, in F's norm.
    assert crossing.relative_error(F, solved.x, exact) < 10 * crossing.TOLERANCE
    few = conjugate_gradient(F, g, max_iter=crossing.FEW).x
    run = stored[hidden]
    assert run["n"] == policy.n_params
    assert crossing.relative_error(F, few, exact) == pytest.approx(run["error_few"], rel=1e-4)
    assert crossing.gain_share(F, g, few, exact) == pytest.approx(run["gain_few"], rel=1e-6)
    assert abs(solved.iterations - run["iterations"]) <= 1
    undamped = npgkit.FisherOperator(policy, theta, batch).dense()
    assert np.linalg.eigvalsh(undamped)[-1] == pytest.approx(run["f_max"], rel=1e-3)


def test_the_stored_measurement_says_what_the_chapter_says():
    """crossing.json: forming dominates, products win past n = 1000, iterations keep their bound."""
    data = read_data("crossing.json")
    dense = [run for run in data["runs"] if "form" in run]
    large = [run for run in dense if run["n"] > 1000]
    assert max(run["n"] for run in data["runs"]) > 9e4
    assert all(run["form"] > run["solve"] for run in dense)
    assert all(run["error_solved"] < 1e-6 for run in dense)
    assert slope([r["n"] for r in large], [r["form"] for r in large]) > 1.6
    for name in ("cg_few", "cg_solved", "cg_light"):
        assert all(run[name] < run["form"] + run["solve"] for run in large)
    for name, lam in (
        ("iterations", crossing.DAMPING),
        ("iterations_light", crossing.LIGHT_DAMPING),
    ):
        root = np.sqrt(1 + np.array([run["f_max"] for run in data["runs"]]) / lam)
        bound = np.ceil(root / 2 * np.log(2 * root / crossing.TOLERANCE))
        assert (np.array([run[name] for run in data["runs"]]) <= bound).all()
    first, last = data["runs"][0], data["runs"][-1]
    assert last["iterations"] < 4 * first["iterations"]
    # The two smallest systems end because n is small; from n = 138 on, n grows 723-fold.
    beyond = next(run for run in data["runs"] if run["n"] == 138)
    assert last["iterations_light"] < 3 * beyond["iterations_light"]
    assert data["machine"]["blas_threads"] == 1
