"""What chapter 2 claims: the gradient step as an exact solution, and what coordinates do to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import npgkit

EPS = np.finfo(float).eps


@pytest.fixture
def rooms() -> tuple[npgkit.MDP, npgkit.Policy, np.ndarray, npgkit.Batch]:
    mdp, policy = npgkit.two_rooms(), npgkit.sigmoid_tabular(2)
    theta = np.log([0.8 / 0.2, 0.1 / 0.9])
    return mdp, policy, theta, npgkit.exact_batch(mdp, policy, theta)


def height(mdp: npgkit.MDP, policy: npgkit.Policy, theta: np.ndarray) -> float:
    return npgkit.expected_return(mdp, npgkit.action_probabilities(policy, theta, mdp.n_states))


def larger_case(seed: int) -> tuple[npgkit.MDP, npgkit.Policy, np.ndarray, npgkit.Batch]:
    rng = np.random.default_rng(seed)
    mdp, policy = npgkit.random_mdp(4, 3, 0.9, rng), npgkit.softmax_tabular(4, 3)
    theta = rng.standard_normal(policy.n_params)
    return mdp, policy, theta, npgkit.exact_batch(mdp, policy, theta)


def gradient_at(mdp: npgkit.MDP, policy: npgkit.Policy, theta: np.ndarray) -> np.ndarray:
    return npgkit.policy_gradient(policy, theta, npgkit.exact_batch(mdp, policy, theta))


def curvature(mdp: npgkit.MDP, policy: npgkit.Policy, theta: np.ndarray, h: float = 1e-5) -> float:
    """Spectral norm of the Hessian of J, from central differences of the exact gradient."""
    hessian = [
        (gradient_at(mdp, policy, theta + h * e) - gradient_at(mdp, policy, theta - h * e)) / 2 / h
        for e in np.eye(policy.n_params)
    ]
    return float(np.linalg.norm(hessian, 2))


# ---- thm-euclidean-step


@pytest.mark.evidence("thm-euclidean-step")
@pytest.mark.parametrize("seed", range(3))
def test_no_feasible_rival_gains_as_much_as_the_step(seed: int) -> None:
    """20,000 random rivals in the ball against alpha g, in twelve dimensions."""
    _, policy, theta, batch = larger_case(seed)
    step = npgkit.euclidean_step(policy, theta, batch, alpha=0.7)
    Delta, g = step.theta - theta, npgkit.policy_gradient(policy, theta, batch)
    rng = np.random.default_rng(100 + seed)
    # Half of them anywhere in the ball, half crowded around the solution.
    away = rng.standard_normal((10_000, len(g)))
    near = Delta + 0.01 * np.linalg.norm(Delta) * rng.standard_normal((10_000, len(g)))
    for rivals in (away, near):
        lengths = np.linalg.norm(rivals, axis=1, keepdims=True)
        rivals = rivals / lengths * np.linalg.norm(Delta)
        assert (rivals @ g).max() < g @ Delta
    assert (near @ g).max() > 0.9 * (g @ Delta)  # the contest was close
    assert g @ Delta == pytest.approx(0.7 * g @ g, rel=64 * EPS)


@pytest.mark.evidence("thm-euclidean-step")
@pytest.mark.parametrize("alpha", [1e-3, 0.3, 5.0])
def test_the_step_meets_the_kkt_conditions(
    alpha: float,
) -> None:
    """Stationarity, the active constraint and the price of radius, by a finite difference."""
    _, policy, theta, batch = larger_case(3)
    g = npgkit.policy_gradient(policy, theta, batch)
    Delta, mu = npgkit.euclidean_step(policy, theta, batch, alpha=alpha).theta - theta, 0.5 / alpha
    # theta + alpha g is rounded at the size of theta.
    rounding = 8 * EPS * np.abs(theta).max() / np.linalg.norm(Delta)
    assert np.allclose(2 * mu * Delta, g, rtol=0, atol=rounding * np.linalg.norm(g) + EPS)
    assert np.linalg.norm(Delta) == pytest.approx(alpha * np.linalg.norm(g), rel=rounding + 8 * EPS)

    def best_gain(radius_squared: float) -> float:
        radius = np.sqrt(radius_squared)
        return npgkit.euclidean_step(policy, theta, batch, radius=radius).predicted_gain

    r2 = (alpha * np.linalg.norm(g)) ** 2
    h = 1e-4 * r2
    price = (best_gain(r2 + h) - best_gain(r2 - h)) / (2 * h)
    # Central difference of a square root: relative error h^2 / 8 of the third derivative.
    assert price == pytest.approx(mu, rel=1e-8 + 1e4 * rounding)


@pytest.mark.evidence("thm-euclidean-step")
def test_a_radius_and_its_alpha_give_one_step(rooms: tuple) -> None:
    """alpha = r / norm(g), for radii over four decades."""
    _, policy, theta, batch = rooms
    g = npgkit.policy_gradient(policy, theta, batch)
    for radius in (1e-2, 1.0, 30.0):
        by_radius = npgkit.euclidean_step(policy, theta, batch, radius=radius)
        by_alpha = npgkit.euclidean_step(policy, theta, batch, alpha=radius / np.linalg.norm(g))
        assert np.allclose(by_radius.theta, by_alpha.theta, rtol=8 * EPS, atol=8 * EPS)
        assert np.linalg.norm(by_radius.theta - theta) == pytest.approx(radius, rel=1e3 * EPS)


@pytest.mark.evidence("thm-euclidean-step")
def test_without_a_gradient_no_step_is_chosen() -> None:
    """Equal rewards: with a radius the problem has every solution, and the step names none."""
    mdp, policy = npgkit.bandit(np.ones(3)), npgkit.softmax_tabular(1, 3)
    theta = np.array([0.3, -0.2, 0.5])
    batch = npgkit.exact_batch(mdp, policy, theta)
    for size in ({"radius": 0.5}, {"alpha": 0.5}):
        step = npgkit.euclidean_step(policy, theta, batch, **size)
        assert not step.accepted
        assert "gradient" in step.reason
        assert np.array_equal(step.theta, theta)


@pytest.mark.evidence("thm-euclidean-step")
def test_the_step_maximises_the_penalised_model() -> None:
    """g.D - |D|^2 / (2 alpha) falls by |D - alpha g|^2 / (2 alpha) away from alpha g."""
    _, policy, theta, batch = larger_case(4)
    alpha, g = 0.4, npgkit.policy_gradient(policy, theta, batch)
    Delta = npgkit.euclidean_step(policy, theta, batch, alpha=alpha).theta - theta
    rivals = Delta + np.random.default_rng(5).standard_normal((500, len(g)))

    def model(D: np.ndarray) -> np.ndarray:
        return D @ g - np.sum(D**2, axis=-1) / (2 * alpha)

    drop = model(Delta) - model(rivals)
    assert np.all(drop > 0)
    assert np.allclose(drop, np.sum((rivals - Delta) ** 2, axis=1) / (2 * alpha), rtol=1e-12)


# ---- prop-linear-model-error, cor-safe-step


@pytest.mark.evidence("prop-linear-model-error")
@pytest.mark.parametrize("seed", range(3))
def test_the_linear_model_errs_in_order_two_within_its_bound(seed: int) -> None:
    """Log-log slope of the error over the step's length, and error <= L |Delta|^2 / 2."""
    mdp, policy, theta, batch = larger_case(seed)
    g, J = npgkit.policy_gradient(policy, theta, batch), height(mdp, policy, theta)
    direction = np.random.default_rng(seed).standard_normal(len(g))
    direction /= np.linalg.norm(direction)
    lengths = np.geomspace(1e-3, 1e-1, 9)
    error = np.array(
        [abs(height(mdp, policy, theta + t * direction) - J - t * g @ direction) for t in lengths]
    )
    slope = np.polyfit(np.log(lengths), np.log(error), 1)[0]
    # A cubic term c t^3 beside t^2 tilts the slope by less than c * max(lengths).
    assert slope == pytest.approx(2.0, abs=0.1)
    # The largest of a grid may miss the maximum; 5 % is far more than it varies between its points.
    segment = np.linspace(0.0, lengths[-1], 11)
    L = 1.05 * max(curvature(mdp, policy, theta + t * direction) for t in segment)
    assert np.all(error <= 0.5 * L * lengths**2)


@pytest.mark.evidence("prop-linear-model-error")
def test_the_error_over_t_squared_tends_to_half_the_curvature(rooms: tuple) -> None:
    """The limit of error / t^2 along the gradient, against u'Hu / 2."""
    mdp, policy, theta, batch = rooms
    g, J = npgkit.policy_gradient(policy, theta, batch), height(mdp, policy, theta)
    u, h, t = g / np.linalg.norm(g), 1e-5, 1e-3
    uHu = u @ (gradient_at(mdp, policy, theta + h * u) - gradient_at(mdp, policy, theta - h * u))
    error = abs(height(mdp, policy, theta + t * u) - J - t * g @ u)
    # The next term is of relative order t; J is rounded at 7 * EPS, that is 1e-9 of t^2.
    assert error / t**2 == pytest.approx(abs(uHu / (2 * h)) / 2, rel=2e-3)


@pytest.mark.evidence("cor-safe-step")
@pytest.mark.parametrize("seed", range(3))
def test_a_step_below_two_over_L_improves_as_promised(seed: int) -> None:
    """J(theta + alpha g) - J against alpha (1 - alpha L / 2) |g|^2 for alpha up to 2 / L."""
    mdp, policy, theta, batch = larger_case(seed)
    g, J = npgkit.policy_gradient(policy, theta, batch), height(mdp, policy, theta)
    longest = 0.5
    L = 1.05 * max(curvature(mdp, policy, theta + a * g) for a in np.linspace(0.0, longest, 11))
    alphas = np.linspace(0.02, 0.99, 20) * min(longest, 2 / L)
    for alpha in alphas:
        gain = height(mdp, policy, theta + alpha * g) - J
        assert gain >= alpha * (1 - 0.5 * alpha * L) * g @ g
        assert gain > 0


# ---- thm-coordinate-dependence and its corollary


def random_maps(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(8)
    return [rng.standard_normal((n, n)) for _ in range(3)]


@pytest.mark.evidence("thm-coordinate-dependence")
@pytest.mark.parametrize("which", range(3))
def test_in_other_coordinates_the_step_is_alpha_B_Bt_g(which: int) -> None:
    """Random affine maps in twelve dimensions; the origin b leaves no trace."""
    mdp, policy, theta, batch = larger_case(which)
    B, b = random_maps(12)[which], np.random.default_rng(9).standard_normal(12)
    yours, phi = npgkit.in_coordinates(policy, B, b), np.linalg.solve(B, theta - b)
    g = npgkit.policy_gradient(policy, theta, batch)
    rows = npgkit.exact_batch(mdp, yours, phi)
    rounding = 64 * EPS * np.linalg.cond(B) * np.linalg.norm(B) ** 2
    assert np.allclose(npgkit.policy_gradient(yours, phi, rows), B.T @ g, rtol=0, atol=rounding)
    step = npgkit.euclidean_step(yours, phi, rows, alpha=0.3)
    assert np.allclose(B @ (step.theta - phi), 0.3 * B @ B.T @ g, rtol=0, atol=rounding)


@pytest.mark.evidence("thm-coordinate-dependence")
def test_steps_agree_under_turns_and_only_under_turns() -> None:
    """For all gradients: an orthogonal B agrees, a shear, a stretch and a rescaling do not."""
    _, policy, theta, batch = larger_case(0)
    q = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 12)))[0]
    shear = np.eye(12) + 0.3 * np.eye(12, k=-1)
    g = npgkit.policy_gradient(policy, theta, batch)
    mine = npgkit.euclidean_step(policy, theta, batch, alpha=0.3).theta

    def apart(B: np.ndarray, alpha: float) -> float:
        yours, phi = npgkit.in_coordinates(policy, B), np.linalg.solve(B, theta)
        step = npgkit.euclidean_step(yours, phi, batch, alpha=alpha)
        return float(np.linalg.norm(B @ step.theta - mine))

    rounding, length = 1e3 * EPS * np.linalg.norm(theta), 0.3 * np.linalg.norm(g)
    assert apart(q, 0.3) < rounding
    assert apart(2 * q, 0.3) == pytest.approx(3 * length, rel=1e-9)
    assert apart(2 * q, 0.3 / 4) < rounding  # claim 4: a common factor is cured by alpha / c
    for B in (shear, np.diag([5.0] + 11 * [1.0])):
        # The best single number leaves the part of B B' g that is not along g.
        pulled = B @ B.T @ g
        across = pulled - (pulled @ g) / (g @ g) * g
        best = min(apart(B, alpha) for alpha in np.geomspace(1e-3, 1.0, 61))
        shortest = length * np.linalg.norm(across) / np.linalg.norm(pulled)
        assert best >= shortest - rounding
        assert shortest > 1e6 * rounding


@pytest.mark.evidence("thm-coordinate-dependence")
def test_only_turns_leave_every_step_unchanged() -> None:
    """Basis vectors as gradients: a bandit with one rewarding arm for each."""
    policy = npgkit.softmax_tabular(1, 3)
    B = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0] @ np.diag([1, 1, 1.5])
    theta = np.zeros(3)
    yours = npgkit.in_coordinates(policy, B)
    gaps = []
    for reward in np.eye(3):
        batch = npgkit.exact_batch(npgkit.bandit(reward), policy, theta)
        mine = npgkit.euclidean_step(policy, theta, batch, alpha=1.0).theta
        gaps.append(np.linalg.norm(B @ npgkit.euclidean_step(yours, theta, batch, alpha=1.0).theta
                                   - mine))  # fmt: skip
    assert max(gaps) > 0.1


@pytest.mark.evidence("thm-coordinate-dependence")
def test_your_ball_is_my_ellipsoid() -> None:
    """The quadratic form on the image of a sphere under B."""
    B, r = random_maps(3)[0], 0.7
    sphere = np.random.default_rng(3).standard_normal((4000, 3))
    sphere *= r / np.linalg.norm(sphere, axis=1, keepdims=True)
    mine = sphere @ B.T
    quadratic = np.einsum("ni,ij,nj->n", mine, np.linalg.inv(B @ B.T), mine)
    assert np.allclose(quadratic, r**2, rtol=1e3 * EPS * np.linalg.cond(B) ** 2)


@pytest.mark.evidence("cor-every-direction")
def test_uphill_directions_are_the_gradients_of_some_coordinates(rooms: tuple) -> None:
    """B from the corollary's matrix, for directions up to 89.9 degrees from g."""
    mdp, policy, theta, batch = rooms
    g = npgkit.policy_gradient(policy, theta, batch)
    along = g / np.linalg.norm(g)
    across = np.array([-along[1], along[0]])
    for degrees in (-89.9, -60.0, 10.0, 45.0, 89.9):
        angle = np.radians(degrees)
        v = np.cos(angle) * along + np.sin(angle) * across
        M = np.outer(v, v) / (g @ v) + np.eye(2) - np.outer(g, g) / (g @ g)
        B = np.linalg.cholesky(M)  # raises unless positive definite
        yours, phi = npgkit.in_coordinates(policy, B), np.linalg.solve(B, theta)
        step = npgkit.euclidean_step(yours, phi, npgkit.exact_batch(mdp, yours, phi), alpha=1.0)
        assert np.allclose(B @ step.direction, v, rtol=0, atol=1e3 * EPS * np.linalg.cond(M))
    for B in random_maps(2):
        assert g @ B @ B.T @ g > 0


@pytest.mark.evidence("prop-nonlinear-step")
@pytest.mark.parametrize(
    ("T", "D", "back"),
    [
        (np.log, lambda w: np.diag(1 / w), np.exp),
        (np.sinh, lambda x: np.diag(np.cosh(x)), np.arcsinh),
    ],
    ids=["odds", "sinh"],
)
def test_a_nonlinear_step_is_alpha_D_Dt_g_up_to_order_two(
    rooms: tuple, T: Callable, D: Callable, back: Callable
) -> None:
    """Log-log slope of what alpha D D' g leaves over, under two nonlinear maps."""
    _, policy, theta, batch = rooms
    yours, phi = npgkit.in_coordinates(policy, T, jacobian=D), back(theta)
    g = npgkit.policy_gradient(policy, theta, batch)
    assert np.allclose(npgkit.policy_gradient(yours, phi, batch), D(phi).T @ g, rtol=1e-12)
    alphas = np.geomspace(1e-5, 1e-3, 7)
    rest = [
        np.linalg.norm(
            T(npgkit.euclidean_step(yours, phi, batch, alpha=alpha).theta)
            - theta
            - alpha * D(phi) @ D(phi).T @ g
        )
        for alpha in alphas
    ]
    # A cubic term tilts the slope by at most its size relative to the square: a few alpha.
    assert np.polyfit(np.log(alphas), np.log(rest), 1)[0] == pytest.approx(2.0, abs=0.03)
    assert rest[-1] > 1e3 * EPS  # there was something to measure


# ---- the index's figure


def test_the_hero_figure_moves_only_the_plain_step() -> None:
    """The ends of both steps over all stretches of the figure: blue agrees, orange does not."""
    from npgkit.lab.figures import hero

    for epsilon in hero.EPSILONS[::6]:
        ends = {
            step: np.array([step(epsilon, s).theta * (s, 1.0) for s in hero.STRETCHES])
            for step in (hero.kl_step, hero.plain_step)
        }
        # kl_step meets its radius to 1e-8 epsilon; KL grows as the square of a step under 1 long.
        assert np.ptp(ends[hero.kl_step], axis=0).max() < 1e-8
        assert np.ptp(ends[hero.plain_step], axis=0).max() > 0.1
        assert hero.plain_step(epsilon, 1.0).kl == pytest.approx(epsilon, rel=1e-9)


def test_the_hero_figures_fast_distance_is_the_mean_kl() -> None:
    """The closed form that draws the blue region against npgkit.mean_kl at random places."""
    from npgkit.lab.figures import hero

    for theta in np.random.default_rng(0).normal(scale=3.0, size=(50, 2)):
        slow = npgkit.mean_kl(hero.POLICY, theta, hero.THETA, hero.BATCH)
        assert hero.distance(theta) == pytest.approx(slow, rel=1e-10, abs=1e-14)
        pi = npgkit.action_probabilities(hero.POLICY, theta, 2)
        assert hero.height(theta) == pytest.approx(npgkit.expected_return(hero.MDP, pi), rel=1e-12)
