"""Chapter 5: the best point of the Fisher ellipse, its limits, and its invariance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import npgkit
from npgkit import natural_step
from tests.support import CASES, dense_fisher, slope, softmax_case, two_rooms_case

# CG solves F x = g to a relative residual of 1e-10; the step inherits it times the condition of F
# on its range, which is below 1e3 in all cases here.
SOLVED = 1e-7


@pytest.mark.evidence("thm-natural-step")
@pytest.mark.parametrize("solver", ["cg", "dense"])
@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_no_feasible_step_gains_more_than_the_natural_step(case: str, solver: str):
    """Six policies, F regular and singular: 2,000 random points of the ellipse against the step."""
    policy, theta, batch = CASES[case]()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    step = natural_step(policy, theta, batch, epsilon=0.03, solver=solver)
    delta = step.theta - theta
    assert 0.5 * delta @ F @ delta == pytest.approx(0.03, rel=SOLVED)
    # Random points of the boundary, half of them near the step, where a better one would be.
    rng = np.random.default_rng(0)
    far, near = rng.normal(size=(1000, len(g))), rng.normal(size=(1000, len(g)))
    trials = np.vstack([far, delta + 0.1 * np.linalg.norm(delta) * near])
    trials *= np.sqrt(0.06 / np.einsum("ti,ij,tj->t", trials, F, trials))[:, None]
    gains = trials @ g
    assert gains.max() <= g @ delta * (1 + SOLVED)
    assert gains.max() > 0.9 * (g @ delta)  # the trials came close enough to have noticed


@pytest.mark.evidence("thm-natural-step")
@pytest.mark.parametrize("solver", ["cg", "dense"])
def test_step_is_the_shortest_solution_where_F_is_singular(solver: str):
    """Softmax logits: the step is orthogonal to the null space of F, solves Fx ~ g, KKT holds."""
    policy, theta, batch = softmax_case()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    delta = natural_step(policy, theta, batch, epsilon=0.02, solver=solver).theta - theta
    null = np.kron(np.eye(4), np.ones((3, 1)))
    assert np.abs(F @ null).max() < 1e-14  # these directions do nothing
    assert np.abs(null.T @ delta).max() < SOLVED * np.linalg.norm(delta)
    multiplier = np.sqrt(g @ np.linalg.pinv(F, rcond=1e-12) @ g / 0.04)
    assert np.abs(g - multiplier * F @ delta).max() < SOLVED * np.abs(g).max()
    moved = natural_step(policy, theta, batch, epsilon=0.02, solver=solver).theta + null[:, 0]
    assert npgkit.mean_kl(policy, moved, theta + delta, batch) < 1e-14  # one policy


@pytest.mark.evidence("thm-natural-step")
def test_no_step_without_gradient_nor_outside_the_range():
    """g = 0 leaves theta alone; a g outside range(F) gains without end at no divergence."""
    policy, theta, batch = softmax_case()
    flat = npgkit.Batch(batch.obs, batch.act, np.zeros(len(batch)), batch.weights, batch.logp)
    step = natural_step(policy, theta, flat, epsilon=0.02)
    assert not step.accepted
    assert np.array_equal(step.theta, theta)
    F, n = dense_fisher(policy, theta, batch), np.kron([1.0, 0, 0, 0], np.ones(3))
    g = npgkit.policy_gradient(policy, theta, batch) + n
    assert 1e6 * g @ n > 1e6
    assert 0.5 * (1e6 * n) @ F @ (1e6 * n) < 1e-3  # rounding, 1e-16 times 1e12


@pytest.mark.evidence("prop-predicted-gain")
@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_predicted_gain_is_the_root_of_two_epsilon_g_F_g(case: str):
    """Six policies: gain against the formula, its derivative in epsilon against 1/alpha."""
    policy, theta, batch = CASES[case]()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    natural_norm = g @ np.linalg.pinv(F, rcond=1e-10) @ g
    h = 1e-4

    def gain(epsilon: float) -> float:
        return natural_step(policy, theta, batch, epsilon=epsilon, solver="dense").predicted_gain

    alpha = natural_step(policy, theta, batch, epsilon=0.03, solver="dense").alpha
    assert gain(0.03) == pytest.approx(np.sqrt(2 * 0.03 * natural_norm), rel=1e-9)
    # The central difference of sqrt errs by (h/epsilon)^2 / 8 of the derivative.
    price = (gain(0.03 + h) - gain(0.03 - h)) / (2 * h)
    assert price == pytest.approx(1 / alpha, rel=(h / 0.03) ** 2)
    # The share of the plain direction, scaled to the same quadratic divergence.
    plain = np.sqrt(2 * 0.03 / (g @ F @ g)) * g
    share = g @ g / np.sqrt(g @ F @ g * natural_norm)
    assert g @ plain / gain(0.03) == pytest.approx(share, rel=1e-9)
    assert share <= 1 + 1e-9


@pytest.mark.evidence("prop-steepest")
@pytest.mark.parametrize("ruler", ["Fisher", "Euclid", "another"])
def test_best_step_of_length_r_turns_to_the_metrics_gradient(ruler: str):
    """Two rooms, the true return: angle in G to G^-1 g and slope, r = 1e-3 ... 1e-1: order one."""
    policy, theta, batch = two_rooms_case()
    mdp = npgkit.two_rooms()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    G = {"Fisher": F, "Euclid": np.eye(2), "another": np.array([[2.0, -1.0], [-1.0, 3.0]])}[ruler]
    u = np.linalg.solve(G, g)
    steepest = np.sqrt(g @ u)
    u /= steepest
    R = np.linalg.cholesky(np.linalg.inv(G))
    towards = np.arctan2(*np.linalg.solve(R, u)[::-1])

    def J(x: np.ndarray) -> float:
        return npgkit.expected_return(mdp, npgkit.action_probabilities(policy, x, 2))

    def drop(angle: float, r: float) -> float:
        edge = R @ [np.cos(towards + angle), np.sin(towards + angle)]
        return -J(theta + r * edge) / r

    radii, angles, missing = np.geomspace(1e-3, 3e-2, 4), [], []
    for r in radii:
        found = minimize_scalar(
            drop, args=(r,), bounds=(-1, 1), method="bounded", options={"xatol": 1e-9}
        )
        angles.append(abs(found.x))
        missing.append(abs(-found.fun - J(theta) / r - steepest))
    # The optimum is flat: its angle is known to the root of 1e-16 J / (r slope), 1e-5 at r = 1e-3.
    assert slope(radii, np.array(angles)) == pytest.approx(1.0, abs=0.1)
    assert slope(radii, np.array(missing)) == pytest.approx(1.0, abs=0.1)
    assert angles[0] < 0.02


@pytest.mark.evidence("prop-kl-step-limit")
@pytest.mark.parametrize("direction", ["new||old", "old||new"])
@pytest.mark.parametrize("case", [two_rooms_case, CASES["two rooms in bent coordinates"]])
def test_exact_kl_step_and_natural_step_differ_in_order_epsilon(case, direction: str):
    """Distance of the two steps for epsilon = 1e-7 ... 1e-4: slope 1, either KL direction."""
    policy, theta, batch = case()
    radii = np.geomspace(1e-7, 1e-4, 4)
    apart, length = [], []
    for epsilon in radii:
        exact = npgkit.kl_step(policy, theta, batch, epsilon=epsilon, direction=direction)
        natural = natural_step(policy, theta, batch, epsilon=epsilon)
        apart.append(np.linalg.norm(exact.theta - natural.theta))
        length.append(np.linalg.norm(natural.theta - theta))
    # The next term is sqrt(epsilon) smaller; at 1e-4 a relative 1e-2 times a constant.
    assert slope(radii, np.array(apart)) == pytest.approx(1.0, abs=0.05)
    assert slope(radii, np.array(length)) == pytest.approx(0.5, abs=1e-6)
    assert apart[0] < 1e-2 * length[0]


@pytest.mark.evidence("prop-natural-invariance")
@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 2.0])
@pytest.mark.parametrize("case", ["two rooms", "gaussian linear"])
def test_affine_names_do_not_change_the_natural_step(case: str, epsilon: float):
    """A random affine map, radii up to 2 nats: the same outputs, alpha and predicted gain."""
    policy, theta, batch = CASES[case]()
    rng = np.random.default_rng(1)
    B, b = rng.normal(size=(len(theta), len(theta))), rng.normal(size=len(theta))
    yours = npgkit.in_coordinates(policy, B, b)
    mine = natural_step(policy, theta, batch, epsilon=epsilon, solver="dense")
    your = natural_step(
        yours, np.linalg.solve(B, theta - b), batch, epsilon=epsilon, solver="dense"
    )
    # Rounding is amplified by the condition of F_phi, at most that of F times cond(B)^2.
    F = dense_fisher(policy, theta, batch)
    tolerance = 100 * np.finfo(float).eps * np.linalg.cond(F) * np.linalg.cond(B) ** 2
    assert tolerance < 1e-8
    gap = np.abs(B @ your.theta + b - mine.theta).max() / np.abs(mine.theta - theta).max()
    assert gap < tolerance
    assert your.alpha == pytest.approx(mine.alpha, rel=tolerance)
    assert your.predicted_gain == pytest.approx(mine.predicted_gain, rel=tolerance)


@pytest.mark.evidence("prop-natural-invariance")
def test_affine_names_keep_the_policy_where_F_is_singular():
    """Redundant logits under a random map: parameters may differ, the policies do not."""
    policy, theta, batch = softmax_case()
    B = np.random.default_rng(2).normal(size=(len(theta), len(theta)))
    mine = natural_step(policy, theta, batch, epsilon=0.1, solver="dense").theta
    yours = npgkit.in_coordinates(policy, B)
    your = (
        B @ natural_step(yours, np.linalg.solve(B, theta), batch, epsilon=0.1, solver="dense").theta
    )
    assert np.abs(your - mine).max() > 1e-3  # the least norm is not covariant
    probabilities = [npgkit.action_probabilities(policy, t, 4) for t in (mine, your)]
    assert np.abs(probabilities[0] - probabilities[1]).max() < 1e-9


@pytest.mark.evidence("prop-natural-invariance")
def test_nonlinear_names_change_the_step_and_not_the_flow():
    """Logits against probabilities: slope 1 in epsilon; after a fixed time of flow, slope -> 0."""
    policy, theta, batch = two_rooms_case()
    mdp, p = npgkit.two_rooms(), np.array([0.8, 0.1])
    bent = npgkit.in_coordinates(
        policy, lambda p: np.log(p / (1 - p)), jacobian=lambda p: np.diag(1 / (p * (1 - p)))
    )

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    radii = np.geomspace(1e-6, 1e-3, 7)
    apart = [
        np.abs(
            sigmoid(natural_step(policy, theta, batch, epsilon=e).theta)
            - natural_step(bent, p, batch, epsilon=e).theta
        ).max()
        for e in radii
    ]
    assert slope(radii, np.array(apart)) == pytest.approx(1.0, abs=0.05)

    def flow(named: npgkit.Policy, x: np.ndarray, n: int) -> np.ndarray:
        for _ in range(n):  # Euler for a time of 0.05
            rows = npgkit.exact_batch(mdp, named, x)
            x = x + 0.05 / n * natural_step(named, x, rows, epsilon=1e-6).direction
        return x

    gaps = [np.abs(sigmoid(flow(policy, theta, n)) - flow(bent, p, n)).max() for n in (20, 40, 80)]
    assert gaps[0] / gaps[2] == pytest.approx(
        4.0, rel=0.1
    )  # Euler errs in order 1/n: 0 in the limit


@pytest.mark.evidence("prop-natural-invariance")
@pytest.mark.parametrize("null_order", [0.5, 0.0])
def test_bent_names_agree_if_the_null_component_shrinks(null_order: float):
    """Redundant logits, theta_0 = phi_0 + phi_0^2: null component sqrt(epsilon) or constant."""
    policy, phi = npgkit.softmax_tabular(2, 2), np.array([0.5, 0.1, -0.3, 0.2])
    first = np.array([1.0, 0.0, 0.0, 0.0])
    B = np.diag(1 + 2 * phi[0] * first)
    theta = phi + phi[0] ** 2 * first
    bent = npgkit.in_coordinates(
        policy, lambda x: x + x[0] ** 2 * first, jacobian=lambda x: np.diag(1 + 2 * x[0] * first)
    )
    batch = npgkit.exact_batch(npgkit.two_rooms(), policy, theta)
    null = np.linalg.solve(B, [1.0, 1.0, 0.0, 0.0])
    assert np.abs(dense_fisher(bent, phi, batch) @ null).max() < 1e-14
    radii, apart = np.geomspace(1e-8, 1e-5, 4), []
    for epsilon in radii:
        least = natural_step(bent, phi, batch, epsilon=epsilon, solver="dense").theta - phi
        delta = least + epsilon**null_order * null  # costs nothing: a natural step as well
        new = phi + delta
        curved = npgkit.action_probabilities(policy, new + new[0] ** 2 * first, 2)
        straight = npgkit.action_probabilities(policy, theta + B @ delta, 2)
        apart.append(np.abs(curved - straight).max())
    # The next terms are sqrt(epsilon) < 4e-3 smaller, times constants of a few units.
    assert slope(radii, np.array(apart)) == pytest.approx(2 * null_order, abs=0.02)


@pytest.mark.evidence("prop-damping")
def test_damping_makes_the_direction_depend_on_the_name():
    """The damped direction against (F + lambda (BB')^-1)^-1 g; rotations keep it, shears do not."""
    policy, theta, batch = two_rooms_case()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    shear = np.array([[1.0, 2.0], [0.0, 1.0]])
    mine = natural_step(policy, theta, batch, epsilon=0.02, damping=0.05).direction
    for B, same in ((turn, True), (shear, False)):
        yours = npgkit.in_coordinates(policy, B)
        your = natural_step(yours, np.linalg.solve(B, theta), batch, epsilon=0.02, damping=0.05)
        read = B @ your.direction
        expected = np.linalg.solve(F + 0.05 * np.linalg.inv(B @ B.T), g)
        np.testing.assert_allclose(read, expected, rtol=SOLVED)
        assert np.allclose(read, mine, rtol=SOLVED) is same


@pytest.mark.evidence("prop-damping")
@pytest.mark.parametrize("case", ["two rooms", "softmax tabular", "gaussian linear"])
@pytest.mark.parametrize("damping", [1e-3, 1e-1, 10.0])
def test_only_the_damped_alpha_falls_short_of_epsilon(case: str, damping: float):
    """Quadratic KL with alpha from x'(F + lambda)x and from x'Fx; g'x = x'Fx + lambda x'x."""
    policy, theta, batch = CASES[case]()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    step = natural_step(policy, theta, batch, epsilon=0.02, damping=damping)
    x, delta = step.direction, step.theta - theta
    xFx, xx = x @ F @ x, x @ x
    assert 0.5 * delta @ F @ delta == pytest.approx(0.02, rel=SOLVED)
    assert g @ x == pytest.approx(xFx + damping * xx, rel=SOLVED)
    assert g @ x > xFx * (1 + 1e-4)
    short = np.sqrt(2 * 0.02 / (g @ x)) * x
    assert 0.5 * short @ F @ short == pytest.approx(0.02 * xFx / (xFx + damping * xx), rel=SOLVED)
    assert 0.5 * short @ F @ short < 0.02


@pytest.mark.evidence("prop-damping")
@pytest.mark.parametrize("case", ["two rooms", "softmax tabular"])
def test_damping_leads_from_the_natural_to_the_plain_direction(case: str):
    """Direction for lambda = 1e-8 against F^+ g, lambda times direction for 1e6 against g."""
    policy, theta, batch = CASES[case]()
    g, F = npgkit.policy_gradient(policy, theta, batch), dense_fisher(policy, theta, batch)
    exact = np.linalg.pinv(F, rcond=1e-10) @ g
    kept = np.linalg.eigvalsh(F)
    least = kept[kept > 1e-10].min()
    small = natural_step(policy, theta, batch, epsilon=0.02, damping=1e-8).direction
    assert np.linalg.norm(small - exact) < 2 * 1e-8 / least * np.linalg.norm(exact)
    large = natural_step(policy, theta, batch, epsilon=0.02, damping=1e6).direction
    assert np.linalg.norm(1e6 * large - g) < 2 * kept.max() / 1e6 * np.linalg.norm(g)


def test_natural_walk_takes_nine_steps_under_every_unit():
    """Two rooms, epsilon = .02, the first logit in units of .1, 1 and 10: nine steps each."""
    mdp, theta = npgkit.two_rooms(), np.log([4.0, 1 / 9])
    for unit in (0.1, 1.0, 10.0):
        named = npgkit.in_coordinates(npgkit.sigmoid_tabular(2), np.diag([unit, 1.0]))
        phi, steps, rich = theta / [unit, 1.0], 0, 0.0
        while rich < 0.8 and steps < 20:
            rows = npgkit.exact_batch(mdp, named, phi)
            phi, steps = natural_step(named, phi, rows, epsilon=0.02).theta, steps + 1
            rich = npgkit.occupancy(mdp, npgkit.action_probabilities(named, phi, 2))[1]
        assert steps == 9
