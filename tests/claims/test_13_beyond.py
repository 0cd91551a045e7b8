"""Chapter 13: the clip, a layer's factors, entropy, the critic of scores, a library's units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import npgkit
from npgkit import Batch, Policy
from tests.support import CASES, NETWORKS, dense_fisher, sampled_case, two_rooms_case

ALL = {**CASES, **NETWORKS}
CLIPS = (0.1, 0.2, 0.5)


def ratios(policy: Policy, new: np.ndarray, batch: Batch) -> np.ndarray:
    return np.exp(policy.logp(new, batch.obs, batch.act) - batch.logp)


def clipped(policy: Policy, new: np.ndarray, batch: Batch, c: float) -> float:
    """The clipped surrogate, as the chapter defines it."""
    r = ratios(policy, new, batch)
    return float(batch.weights @ np.minimum(r * batch.adv, np.clip(r, 1 - c, 1 + c) * batch.adv))


def with_logp(case: str) -> tuple[Policy, np.ndarray, Batch]:
    policy, theta, batch = ALL[case]()
    return policy, theta, replace(batch, logp=policy.logp(theta, batch.obs, batch.act))


@pytest.mark.evidence("prop-clip")
@pytest.mark.parametrize("c", CLIPS)
@pytest.mark.parametrize("case", ALL)
def test_the_clipped_surrogate_is_below_and_begins_alike(case, c):
    """It is at most the surrogate, equal at theta, and has the gradient g there."""
    policy, theta, batch = with_logp(case)
    rng = np.random.default_rng(0)
    old = npgkit.surrogate(policy, theta, batch)
    assert clipped(policy, theta, batch, c) == pytest.approx(old, abs=1e-12)
    for size in (1e-3, 0.1, 1.0):
        new = theta + size * rng.normal(size=len(theta))
        full = npgkit.surrogate(policy, new, batch)
        assert clipped(policy, new, batch, c) <= full + 1e-12 * (1 + abs(full))
    g, v, h = npgkit.policy_gradient(policy, theta, batch), rng.normal(size=len(theta)), 1e-5
    ahead, behind = (clipped(policy, theta + s * h * v, batch, c) for s in (1, -1))
    assert (ahead - behind) / (2 * h) == pytest.approx(g @ v, rel=1e-4, abs=1e-7)


def bandit_terms(q: np.ndarray, p: float, c: float, adv: tuple[float, float]) -> np.ndarray:
    """The two terms of a state with two actions, for chances q of the first, summed."""
    parts = (
        weight * np.minimum(r * a, np.clip(r, 1 - c, 1 + c) * a)
        for weight, r, a in ((p, q / p, adv[0]), (1 - p, (1 - q) / (1 - p), adv[1]))
    )
    return sum(parts)


@pytest.mark.evidence("prop-clip")
@pytest.mark.parametrize("c", CLIPS)
@pytest.mark.parametrize("p", [0.05, 0.3, 0.6, 0.9])
def test_the_plateau_begins_where_it_is_said_and_has_no_end(p, c):
    """Maximal exactly from p + c max(p, 1-p) on; KL grows along it; without it terms rise on."""
    q = np.linspace(1e-3, 1 - 1e-6, 20001)
    terms = bandit_terms(q, p, c, (1.0, -2.0))
    begins = p + c * max(p, 1 - p)
    if p >= 1 / (1 + c):
        assert (np.diff(terms) > 0).all()
        return
    best = terms.max()
    assert np.allclose(terms[q >= begins], best, rtol=0, atol=1e-12)
    assert (terms[q < begins - 1e-4] < best - 1e-6).all()

    def old_new(q: float) -> float:
        return p * np.log(p / q) + (1 - p) * (np.log1p(-p) - np.log1p(-q))

    kls = [old_new(1 - 10.0**-k) for k in range(1, 14) if 1 - 10.0**-k > begins]
    assert (np.diff(kls) > 0).all() and np.diff(kls)[-1] > 0.9 * (1 - p) * np.log(10)
    far = 1 - 1e-9
    new_old = far * np.log(far / p) + (1 - far) * np.log((1 - far) / (1 - p))
    assert new_old == pytest.approx(np.log(1 / p), abs=1e-6)


@pytest.mark.evidence("prop-clip")
@pytest.mark.parametrize("bound", [1.0, 10.0, 100.0])
def test_the_objective_rises_while_the_kl_passes_any_bound(bound):
    """A knob that turns one room fast enough: L^c rises all the way, the mean KL passes K."""
    policy, theta, batch = two_rooms_case()
    d = batch.weights.reshape(2, 2).sum(axis=1)[1]
    M = 2 * (bound / d + 10)
    knob = npgkit.in_coordinates(policy, np.array([[1.0], [M]]), theta)
    along = np.linspace(0, 1.7, 2000)  # ratio of staying in the poor room: up to 1.195
    values = np.array([clipped(knob, np.array([phi]), batch, 0.2) for phi in along])
    assert ratios(knob, along[-1:], batch)[0] < 1.2
    assert (np.diff(values) > 0).all()
    assert npgkit.mean_kl(knob, along[-1:], np.zeros(1), batch, "old||new") > bound


def layers(
    policy: Policy, theta: np.ndarray, obs: np.ndarray, act: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each layer of a perceptron reads, with a one, and the score of what it computes."""
    network = policy.network
    h, reads, weights = obs, [], network.unpack(theta)
    for W, b in weights:
        reads.append(np.hstack([h, np.ones((len(h), 1))]))
        h = np.tanh(h @ W + b)
    pulled = [policy.distribution.score(policy.linearize(theta, obs).out, act)]
    for (W, _), x in zip(weights[:0:-1], reads[:0:-1], strict=True):
        pulled.append((pulled[-1] @ W.T) * (1 - x[:, :-1] ** 2))
    return list(zip(reads, pulled[::-1], strict=True))


def all_actions(seed: int = 3) -> tuple[Policy, np.ndarray, Batch]:
    """A perceptron over seven observations, each with all of its actions and their weights."""
    rng = np.random.default_rng(seed)
    policy = Policy(npgkit.MLP(3, (4, 5), 3), npgkit.Categorical(3))
    theta, states = rng.normal(size=policy.n_params), rng.normal(size=(7, 3))
    obs, act = np.repeat(states, 3, axis=0), np.tile(np.arange(3), 7)
    weights = rng.dirichlet(np.ones(7)).repeat(3) * np.exp(policy.logp(theta, obs, act))
    return policy, theta, Batch(obs, act, rng.normal(size=21), weights)


@pytest.mark.evidence("prop-kronecker")
def test_a_layers_block_is_a_mean_of_kronecker_products():
    """F_W and its distance from X (x) U are the means stated, layer by layer."""
    policy, theta, batch = all_actions()
    F, w, at = dense_fisher(policy, theta, batch), batch.weights, 0
    for x, u in layers(policy, theta, batch.obs, batch.act):
        own = slice(at, at + x.shape[1] * u.shape[1])
        at = own.stop
        xx, uu = np.einsum("ni,nj->nij", x, x), np.einsum("ni,nj->nij", u, u)
        X, U = np.tensordot(w, xx, 1), np.tensordot(w, uu, 1)
        whole = sum(wi * np.kron(a, b) for wi, a, b in zip(w, xx, uu, strict=True))
        missed = sum(wi * np.kron(a - X, b - U) for wi, a, b in zip(w, xx, uu, strict=True))
        assert np.allclose(F[own, own], whole, rtol=0, atol=1e-12)
        assert np.allclose(F[own, own] - np.kron(X, U), missed, rtol=0, atol=1e-12)
        assert np.abs(missed).max() > 1e-3  # here inputs and scores are related
    assert at == policy.n_params


@pytest.mark.evidence("prop-kronecker")
def test_the_factors_are_exact_for_a_linear_gaussian():
    """Where E[uu'|s] is the same in all states, F_W = X (x) U."""
    policy, theta, batch = sampled_case(npgkit.gaussian_linear(3, 2), n=50)
    F, size = dense_fisher(policy, theta, batch), 6
    X = batch.obs.T @ (batch.weights[:, None] * batch.obs)
    U = np.diag(np.exp(-2 * theta[size:]))
    assert np.allclose(F[:size, :size], np.kron(X, U), rtol=1e-12, atol=1e-12)


def definite(n: int, rng: np.random.Generator) -> np.ndarray:
    A = rng.normal(size=(n, n))
    return A @ A.T + np.eye(n)


@pytest.mark.evidence("prop-kronecker")
@pytest.mark.parametrize("m, n", [(2, 3), (4, 4), (5, 2)])
def test_the_step_of_the_factors_and_its_other_names(m, n):
    """X^-1 G U^-1 solves the system; B and C carry it to the step of the renamed factors."""
    rng = np.random.default_rng(m)
    X, U, G = definite(m, rng), definite(n, rng), rng.normal(size=(m, n))
    V = np.linalg.solve(X, G) @ np.linalg.inv(U)
    assert np.allclose(np.kron(X, U) @ V.ravel(), G.ravel())
    assert (np.linalg.eigvalsh(np.kron(X, U)) > 0).all()
    B, C = rng.normal(size=(m, m)) + 2 * np.eye(m), rng.normal(size=(n, n)) + 2 * np.eye(n)
    back = np.linalg.inv(C)
    renamed = np.linalg.solve(B @ X @ B.T, B @ G @ back) @ np.linalg.inv(back.T @ U @ back)
    assert np.allclose(renamed, np.linalg.inv(B).T @ V @ C.T)


def soft_values(mdp: npgkit.MDP, log_pi: np.ndarray, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """V_tau and Q_tau of a policy."""
    pi = np.exp(log_pi)
    move = np.einsum("sa,sab->sb", pi, mdp.P)
    reward = (pi * (mdp.R - tau * log_pi)).sum(axis=1)
    V = np.linalg.solve(np.eye(len(move)) - mdp.gamma * move, reward)
    return V, mdp.R + mdp.gamma * mdp.P @ V


def lse(W: np.ndarray, tau: float) -> np.ndarray:
    top = W.max(axis=1)
    return top + tau * np.log(np.exp((W - top[:, None]) / tau).sum(axis=1))


def soft_step(log_pi: np.ndarray, Q: np.ndarray, tau: float, omega: float) -> np.ndarray:
    """log pi' for pi' ~ pi^(1-omega) exp(eta Q/(1-gamma)), as eta/(1-gamma) = omega/tau."""
    new = (1 - omega) * log_pi + omega * Q / tau
    return new - lse(new, 1.0)[:, None]


def best_soft(mdp: npgkit.MDP, tau: float) -> np.ndarray:
    Q = np.zeros(mdp.R.shape)
    for _ in range(600):
        Q = mdp.R + mdp.gamma * mdp.P @ lse(Q, tau)
    return Q


SOFT = [(seed, tau, omega) for seed in range(4) for tau in (0.05, 0.5) for omega in (0.1, 0.5, 1)]


@pytest.mark.evidence("lem-soft-improvement")
@pytest.mark.parametrize("seed, tau, omega", SOFT)
def test_a_regularised_step_makes_no_state_worse(seed, tau, omega):
    """V_tau rises in every state, and the step solves the problem of mirror ascent."""
    rng = np.random.default_rng(seed)
    mdp = npgkit.random_mdp(6, 4, 0.9, rng)
    log_pi = np.log(rng.dirichlet(np.ones(4), size=6))
    for _ in range(5):
        V, Q = soft_values(mdp, log_pi, tau)
        new = soft_step(log_pi, Q, tau, omega)

        def worth(log_p: np.ndarray, Q=Q, old=log_pi) -> np.ndarray:  # of eq. (eq-mirror)
            p = np.exp(log_p)
            kl = (p * (log_p - old)).sum(axis=1)
            return omega * (p * (Q - tau * log_p)).sum(axis=1) - (1 - omega) * tau * kl

        for _ in range(5):
            other = np.log(rng.dirichlet(np.ones(4), size=6))
            near = new + 0.01 * rng.normal(size=new.shape)
            for rival in (other, near - lse(near, 1.0)[:, None]):
                assert (worth(new) >= worth(rival) - 1e-12).all()
        log_pi = new
        assert (soft_values(mdp, log_pi, tau)[0] >= V - 1e-10).all()


@pytest.mark.evidence("thm-entropy-rate")
@pytest.mark.parametrize("seed, tau, omega", SOFT)
def test_entropy_makes_the_error_fall_geometrically(seed, tau, omega):
    """0 <= Q* - Q_t <= gamma (1 - eta tau)^t max(Q* - W_0), for every t and from any start."""
    rng = np.random.default_rng(seed)
    mdp = npgkit.random_mdp(6, 4, 0.9, rng)
    log_pi = np.log(rng.dirichlet(np.ones(4), size=6))
    best, (_, Q) = best_soft(mdp, tau), soft_values(mdp, log_pi, tau)
    start = tau * log_pi
    W = start + (Q - start).min(axis=1, keepdims=True)
    first, rate = (best - W).max(), 1 - omega * (1 - mdp.gamma)
    for t in range(80):
        Q = soft_values(mdp, log_pi, tau)[1]
        assert (best - Q >= -1e-9).all() and (W <= Q + 1e-9).all()
        assert (mdp.R + mdp.gamma * mdp.P @ lse(W, tau) <= Q + 1e-9).all()
        assert (best - Q).max() <= mdp.gamma * rate**t * first + 1e-9
        W = (1 - omega) * W + omega * Q
        log_pi = soft_step(log_pi, Q, tau, omega)
        assert np.allclose(log_pi, W / tau - lse(W / tau, 1.0)[:, None], atol=1e-9)


@pytest.mark.evidence("prop-compatible-critic")
@pytest.mark.parametrize("k", [0, 1, 3])
def test_a_critic_of_scores_and_states_holds_the_step(k):
    """Whatever the features of the state, w solves F w = g and v fits the values."""
    rng = np.random.default_rng(k)
    mdp = npgkit.random_mdp(5, 3, 0.9, rng)
    table = npgkit.softmax_tabular(5, 3)
    policy = npgkit.in_coordinates(table, rng.normal(size=(15, 4)))
    theta = rng.normal(size=4)
    batch = npgkit.exact_batch(mdp, policy, theta)
    values = npgkit.evaluate(mdp, npgkit.action_probabilities(policy, theta, 5))
    y = (values.A + values.V[:, None]).ravel() / (1 - mdp.gamma)
    score, phi = policy.score(theta, batch.obs, batch.act), rng.normal(size=(5, k))[batch.obs]
    root = np.sqrt(batch.weights)[:, None]
    w_v = np.linalg.lstsq(root * np.hstack([score, phi]), root[:, 0] * y, rcond=None)[0]
    g = npgkit.policy_gradient(policy, theta, batch)
    assert np.allclose(dense_fisher(policy, theta, batch) @ w_v[:4], g, atol=1e-9)
    V = values.V[batch.obs] / (1 - mdp.gamma)
    v = np.linalg.lstsq(root * phi, root[:, 0] * V, rcond=None)[0]
    assert np.allclose(w_v[4:], v, atol=1e-8)


@pytest.mark.evidence("prop-compatible-critic")
def test_the_noise_of_the_critic_is_that_of_its_residual():
    """N times the covariance of w over 20,000 batches is F^-1 E[rr'] F^-1, to 5 per cent."""
    policy, theta, batch = two_rooms_case()
    values = npgkit.evaluate(npgkit.two_rooms(), npgkit.action_probabilities(policy, theta, 2))
    rng, n, trials = np.random.default_rng(0), 40_000, 20_000
    y = (values.A + values.V[:, None]).ravel() / 0.1
    seen = np.hstack([policy.score(theta, batch.obs, batch.act), np.ones((4, 1))])
    w = batch.weights
    counts = rng.multinomial(n, w, size=trials) / n
    moments = np.einsum("kr,ri,rj->kij", counts, seen, seen)
    fits = np.linalg.solve(moments, ((counts * y) @ seen)[..., None])[..., 0]
    exact = np.linalg.solve(seen.T @ (w[:, None] * seen), seen.T @ (w * y))
    r = seen[:, :2] * (seen @ exact - y)[:, None]
    inverse = np.linalg.inv(dense_fisher(policy, theta, batch))
    predicted = inverse @ (r.T @ (w[:, None] * r)) @ inverse
    measured = n * np.cov(fits[:, :2].T)
    assert np.allclose(measured, predicted, rtol=0, atol=0.05 * np.abs(predicted).max())


@pytest.mark.evidence("prop-library-units")
@pytest.mark.parametrize("k", [1, 2, 3, 17])
def test_a_mean_over_actions_divides_radius_and_damping(k):
    """Direction, radius and full step of a KL divided by k are those of the three formulas."""
    policy, theta, batch = sampled_case(npgkit.gaussian_linear(3, 2), n=60)
    F, g = dense_fisher(policy, theta, batch), npgkit.policy_gradient(policy, theta, batch)
    lam, delta, eye = 0.1, 0.01, np.eye(len(F))
    theirs = F / k + lam * eye
    x = np.linalg.solve(theirs, g)
    step = np.sqrt(2 * delta / (x @ theirs @ x)) * x
    assert np.allclose(x, k * np.linalg.solve(F + k * lam * eye, g))
    spent = step @ F @ step / 2
    assert spent == pytest.approx(k * delta * (x @ F @ x) / (x @ F @ x + k * lam * (x @ x)))
    assert spent < k * delta
