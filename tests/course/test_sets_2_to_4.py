"""The model solutions of sets 2 to 4 by a second route, and the checks that compare in their own
way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import minimize
from scipy.special import i0

from course import notebook, sets
from course.sets.set3_fisher.detector import truth
from course.sets.set3_fisher.softness import same_span
from course.sets.set4_tables.stall import RIGHT, WRONG, program
from course.trusted import Trusted

RNG = np.random.default_rng(7)


def solution(one: str, key: str) -> Trusted:
    loaded = sets.load(one)
    problem = loaded.problems[key]
    numbers = notebook.numbers_of(loaded, "salt", "ada")[key]
    return Trusted(problem, numbers, problem.solution)


def sigma(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x)))


def test_the_clock_agrees_with_an_integrated_flow() -> None:
    """Set 2: the closed form is the time of the flow in h, solved numerically."""
    p0, p1, gap, tau = 0.03, 0.9, 0.8, 0.7
    start, end = (tau * np.log(p / (1 - p)) for p in (p0, p1))
    flow = solve_ivp(
        lambda t, h: gap * sigma(h / tau) * sigma(-h / tau) / tau,
        (0, 1000),
        [start],
        events=lambda t, h: h[0] - end,
        rtol=1e-10,
        atol=1e-12,
    )
    found = solution("set2_steps", "clock").ask("flow_time", (p0, p1, gap, tau))
    assert found == pytest.approx(flow.t_events[0][0], rel=1e-6)


@pytest.mark.parametrize("who", ["ada", "ben"])
@pytest.mark.parametrize("slopes", [(0.5, 1.0), (-0.7, -1.2), (1.0, -0.4)])
def test_the_gaussian_step_agrees_with_an_optimiser(who: str, slopes: tuple[float, float]) -> None:
    """Set 2: no optimiser finds a better step than the conditions give, or another one."""
    eps, (a, b) = 0.1, slopes

    def gain(x: Any) -> float:
        return float(a * x[0] + b * (np.log(x[1]) if who == "ben" else x[1] - 1))

    def left(x: Any) -> float:
        return float(eps + np.log(x[1]) - (x @ x - 1) / 2)

    found = minimize(
        lambda x: -gain(x),
        [0.0, 1.0],
        constraints={"type": "ineq", "fun": left},
        bounds=[(None, None), (0.1, None)],
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    ours = solution("set2_steps", "gaussian").ask(who, (a, b, eps))
    assert left(ours) == pytest.approx(0, abs=1e-12)
    assert np.allclose(ours, found.x, atol=1e-5)


def test_the_heading_fisher_agrees_with_quadrature() -> None:
    """Set 3: both matrices are the covariance of the score, integrated over the circle."""
    m, k = 0.4, 2.3
    heading = solution("set3_fisher", "heading")

    def mean(f: Any) -> Any:
        def integrand(x: float, i: int, j: int) -> float:
            density = np.exp(k * np.cos(x - m)) / (2 * np.pi * i0(k))
            return float(density * np.outer(f(x), f(x))[i, j])

        return [[quad(integrand, -np.pi, np.pi, args=(i, j))[0] for j in (0, 1)] for i in (0, 1)]

    A = heading.space["mean"](k)
    centre = A * np.array([np.cos(m), np.sin(m)])
    eta = k * np.array([np.cos(m), np.sin(m)])
    polar = mean(lambda x: [k * np.sin(x - m), np.cos(x - m) - A])
    plane = mean(lambda x: np.array([np.cos(x), np.sin(x)]) - centre)
    assert np.allclose(heading.ask("fisher", (m, k)), polar, atol=1e-9)
    assert np.allclose(heading.ask("fisher_vector", (eta,)), plane, atol=1e-9)


@pytest.mark.parametrize(("s", "order"), [(0.0, 3), (1 / 3, 4), (0.5, 3), (2 / 3, 3)])
def test_the_cubic_term_vanishes_where_it_should(s: float, order: int) -> None:
    """Set 3: the measured order of D - eps is three, and four in the coordinate of one third."""
    ellipse = solution("set3_fisher", "ellipse")
    eps = np.array([1e-6, 1e-4])
    error = [abs(ellipse.ask("spent", (0.1, e, s)) - e) for e in eps]
    slope = np.log(error[1] / error[0]) / np.log(np.sqrt(eps[1] / eps[0]))
    assert slope == pytest.approx(order, abs=0.05)


def test_the_tied_direction_agrees_with_a_matrix() -> None:
    """Set 4: a mean of advantages is what the pseudo-inverse of F gives, built score by score."""
    pi, group = RNG.dirichlet([2.0, 2, 2], 2), np.array([0, 1, 0, 1])
    q, d, gamma = RNG.normal(size=(4, 3)), RNG.dirichlet([1.0, 2, 3, 1]), 0.8
    adv = q - np.sum(pi[group] * q, axis=1, keepdims=True)
    F, g = np.zeros((6, 6)), np.zeros(6)
    for s, a in np.ndindex(4, 3):
        score = np.zeros((2, 3))
        score[group[s]] = np.eye(3)[a] - pi[group[s]]
        weight = d[s] * pi[group[s], a]
        F += weight * np.outer(score, score)
        g += weight * adv[s, a] * score.ravel() / (1 - gamma)
    found = solution("set4_tables", "tied").ask("tied_direction", (pi, group, adv, d, gamma))
    assert np.allclose(found.ravel(), np.linalg.pinv(F, rcond=1e-10) @ g)


def test_the_lock_opens_when_an_integrated_flow_does() -> None:
    """Set 4: the natural flow's time, from an equation for J, is that of all n equations."""
    lock = solution("set4_tables", "lock")
    flow = solve_ivp(
        lambda t, theta: lock.ask("natural", (theta,)),
        (0, 100),
        np.zeros(6),
        events=lambda t, theta: np.prod(sigma(theta)) - 0.5,
        rtol=1e-10,
        atol=1e-12,
    )
    found = lock.ask("natural_time", (6, 0.5))
    assert found == pytest.approx(flow.t_events[0][0], rel=1e-6)


def test_products_are_the_eigenvalues_that_g_meets() -> None:
    """Set 4: the count is that of distinct eigenvalues in whose eigenspaces g has a part."""
    softmax = solution("set4_tables", "softmax")
    for weights in ([4, 4, 1, 1, 1, 2, 3], [1, 2, 3, 4], [1, 1, 1]):
        p = np.array(weights) / sum(weights)
        F, r = np.diag(p) - np.outer(p, p), RNG.normal(size=len(p))
        g = p * (r - p @ r)
        values, vectors = np.linalg.eigh(F)
        parts = (vectors.T @ g) ** 2
        met = {value for value, part in zip(values.round(9), parts, strict=True) if part > 1e-16}
        assert softmax.ask("products", (p,)) == len(met)
        dense = np.linalg.solve(F + 0.1 * np.eye(len(p)), g)
        assert np.allclose(softmax.ask("solve", (p, g, 0.1)), dense)
        assert np.allclose(softmax.ask("solve", (p, g, 0.0)), np.linalg.pinv(F, rcond=1e-9) @ g)


def test_products_agree_with_kronecker_sums() -> None:
    """Set 4: the product and the diagonal are those of the matrix, where it can be built."""
    X, pi, w = RNG.normal(size=(5, 3)), RNG.dirichlet([1.0, 2, 1, 3], 5), RNG.dirichlet(np.ones(5))
    F = sum(
        weight * np.kron(np.outer(x, x), np.diag(p) - np.outer(p, p))
        for x, p, weight in zip(X, pi, w, strict=True)
    )
    V, units = RNG.normal(size=(3, 4)), solution("set4_tables", "units")
    assert np.allclose(units.ask("product", (X, pi, w, V)).ravel(), F @ V.ravel())
    assert np.allclose(units.ask("diagonal", (X, pi, w)).ravel(), np.diag(F))


def rows(one: str, key: str) -> list[list[str]]:
    """Return the rows of the table in a statement."""
    lines = sets.load(one).problems[key].statement.split("\n")
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return table[2:]


def test_the_table_of_the_stalling_solver_is_true() -> None:
    """Set 4: what the user reports is what the two programs do."""
    spaces: list[dict[str, Any]] = [{"np": np}, {"np": np}]
    for space, parts in zip(spaces, (WRONG, RIGHT), strict=True):
        exec(program(*parts), space)
    for n, c, k, *told in rows("set4_tables", "stall"):
        F, g = np.diag(np.arange(1.0, int(n) + 1)), float(c) * np.ones(int(n))
        for space, residual in zip(spaces, told, strict=True):
            left = g - F @ space["solver"](F.__matmul__, g, int(k))
            assert f"{np.linalg.norm(left) / np.linalg.norm(g):.4f}" == residual


def test_the_table_of_the_ray_step_is_true() -> None:
    """Set 2: the faulty program spends what its statement says was measured."""
    space: dict[str, Any] = {"np": np}
    exec(sets.load("set2_steps").problems["ray"].starter, space)
    for _, *columns, eps, measured in rows("set2_steps", "ray"):
        p, g, d = (np.array([float(x) for x in column.split(",")]) for column in columns)
        t = space["ray_step"](p, g, d, float(eps))
        new = sigma(np.log(p / (1 - p)) + t * g)
        kl = d @ (new * np.log(new / p) + (1 - new) * np.log((1 - new) / (1 - p)))
        assert f"{kl:.4f}" == measured


BASIS = np.array([[1, 0.3], [1, -0.4], [0, 0.7]])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (BASIS @ [[1, 2], [3, 1]], "is right"),
        (BASIS.T, "shape"),
        (BASIS[:, [0, 0]], "not independent"),
        (np.eye(3)[:, :2], "policy changes"),
        (np.full((3, 2), np.nan), "no finite"),
    ],
)
def test_a_null_space_has_many_bases(answer: Any, said: str) -> None:
    """Set 3: any basis counts, and what is wrong with another answer is said."""
    verdict = same_span(answer, BASIS, name="costless", rtol=1e-6, atol=1e-9)
    assert said in verdict.message and verdict.ok == (said == "is right")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(True, "is right"), (1, "is right"), (0, "and it does"), ("yes", "True or False")],
)
def test_yes_or_no_is_compared_as_such(answer: Any, said: str) -> None:
    """Set 3: a verdict on a rule may be a bool or a 1, and no word."""
    assert said in truth(answer, True, name="sees_names", rtol=0, atol=0).message
