"""The mathematics of set 1 by second routes: a decision process, an optimiser, all batches."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

import npgkit
from course.problem import Problem
from course.sets.set1_policy_gradient import doors, own_mean
from course.trusted import Trusted

CORRIDOR = np.array([0.2, 0.7, 0.45, 0.3])


def solved(problem: Problem, seed: int = 0) -> Trusted:
    """Return the model solution with some student's numbers."""
    return Trusted(problem, problem.variant(random.Random(seed)), problem.solution)


def corridor(n: int, gamma: float) -> npgkit.MDP:
    """Return n doors, the room and the end; the first action goes on, the second rests."""
    P, R = np.zeros((n + 2, 2, n + 2)), np.zeros((n + 2, 2))
    for k in range(n):
        P[k, 0, k + 1] = P[k, 1, k] = 1
    P[n:, :, n + 1], R[n] = 1, 1
    return npgkit.MDP(P, R, gamma, np.eye(n + 2)[0])


def chances(p: np.ndarray) -> np.ndarray:
    return np.append(p, [0.5, 0.5])


def logits(p: np.ndarray) -> np.ndarray:
    return np.log(chances(p) / (1 - chances(p)))


def test_the_corridor_agrees_with_a_linear_system() -> None:
    """Slopes, time and gap are those of the corridor as a decision process."""
    n, mdp, policy = 4, corridor(4, 0.85), npgkit.sigmoid_tabular(6)
    theta, pi = logits(CORRIDOR), np.stack([chances(CORRIDOR), 1 - chances(CORRIDOR)], axis=1)
    g = npgkit.policy_gradient(policy, theta, npgkit.exact_batch(mdp, policy, theta))
    Q = npgkit.evaluate(mdp, pi).Q
    right = solved(doors.PROBLEM)
    assert np.allclose(right.ask("slopes", (CORRIDOR, 0.85)), g[:n])
    time, gap = right.ask("parts", (CORRIDOR, 0.85))
    assert np.allclose(time, npgkit.occupancy(mdp, pi)[:n])
    assert np.allclose(gap, (Q[:, 0] - Q[:, 1])[:n])


def test_a_step_in_differences_is_the_package_s() -> None:
    """The step that is read in theta is a plain step on the paper of the differences."""
    mdp, policy, theta = corridor(4, 0.85), npgkit.sigmoid_tabular(6), logits(CORRIDOR)
    B = np.eye(6)
    B[:4, :4] = np.tril(np.ones((4, 4)))
    theirs, phi = npgkit.in_coordinates(policy, B), np.linalg.solve(B, theta)
    batch = npgkit.exact_batch(mdp, policy, theta)
    new = npgkit.euclidean_step(theirs, phi, batch, alpha=0.7).theta
    found = solved(doors.PROBLEM).ask("stepped", (CORRIDOR, 0.85, 0.7))
    assert np.allclose(found, (B @ new - theta)[:4])


@pytest.mark.parametrize("seed", range(5))
def test_the_longest_gradient_agrees_with_an_optimiser(seed: int) -> None:
    """The discount of the closed form is where a search ends."""
    right = solved(doors.PROBLEM, seed)
    p = np.full(right.ask("doors"), right.ask("p_door"))
    found = minimize_scalar(
        lambda gamma: -np.linalg.norm(right.ask("slopes", (p, gamma))),
        bounds=(0.01, 0.9999),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert right.ask("most") == pytest.approx(found.x, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_neglect_agrees_with_undiscounted_visits(seed: int) -> None:
    """Visits by a linear system without a discount, gaps by one with it."""
    right = solved(doors.PROBLEM, seed)
    n, gamma = right.ask("doors"), right.ask("gamma_door")
    p = np.full(n, right.ask("p_door"))
    pi = np.stack([chances(p), 1 - chances(p)], axis=1)
    mdp = corridor(n, gamma)
    inner = np.einsum("sa,sat->st", pi, mdp.P)[:n, :n]
    visits = np.linalg.solve(np.eye(n) - inner.T, np.eye(n)[0])
    Q = npgkit.evaluate(mdp, pi).Q[:n]
    component = visits * p * (1 - p) * (Q[:, 0] - Q[:, 1])
    assert right.ask("neglect") == pytest.approx(component[-1] / component[0])


THETA, PAYS = np.array([0.4, -0.9]), np.array([[1.0, 0.2], [-0.5, 1.5]])
PI = np.stack([1 / (1 + np.exp(-THETA)), 1 / (1 + np.exp(THETA))], axis=1)


def multiples(code: str, n: int, share: np.ndarray) -> np.ndarray:
    """Go through all batches of n rows: the mean estimate over the exact gradient."""
    estimate = Trusted(own_mean.PROBLEM, {}, code).space["estimate"]
    mean = np.zeros(2)
    for rows in itertools.product(np.ndindex(2, 2), repeat=n):
        obs, act = np.array(rows).T
        weight = np.prod(share[obs] * PI[obs, act])
        mean += weight * estimate(THETA, obs, act, PAYS[obs, act], np.array([3.0, -2.0]))
    return mean / (share * PI.prod(axis=1) * (PAYS[:, 0] - PAYS[:, 1]))


def test_the_colleague_s_table_is_true() -> None:
    """All batches give what the statement reports, and the closed form gives it, too."""
    lines = own_mean.PROBLEM.statement.split("\n")
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
    factor = Trusted(own_mean.PROBLEM, {}, own_mean.PROBLEM.solution.partition("right =")[0])
    for n, d, *told in table:
        share = np.array([float(x) for x in d.split(",")])
        found = multiples(own_mean.WRONG, int(n), share)
        assert [f"{round(x, 3) + 0:.3f}" for x in found] == told
        assert np.allclose(factor.ask("factor", (share, int(n))), found)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_mended_estimate_has_the_right_mean(n: int) -> None:
    """Over all batches its mean is the gradient, with a b0 that is a bad guess."""
    mended = own_mean.PROBLEM.solution.partition("right =")[0]
    assert np.allclose(multiples(mended, n, np.array([0.8, 0.2])), 1)


def test_with_one_state_the_fault_is_a_step_size() -> None:
    """In each batch the mended estimate is n / (n - 1) times the faulty one, as the text says."""
    right, rng = solved(own_mean.PROBLEM), np.random.default_rng(0)
    wrong = Trusted(own_mean.PROBLEM, {}, own_mean.WRONG)
    for _ in range(20):
        call = own_mean.batch(rng, (7,))
        assert np.allclose(right.ask("estimate", call), 7 / 6 * wrong.ask("estimate", call))


@pytest.mark.parametrize("seed", range(5))
def test_the_turn_agrees_with_a_binomial_sum(seed: int) -> None:
    """The mean by the number of rows, term by term; the angle by a cross product."""
    right = solved(own_mean.PROBLEM, seed)
    n, d, p, pays = (right.ask(x) for x in ("n_rows", "share", "p_state", "pays"))
    assert d.sum() == pytest.approx(1)
    own = p * (1 - p) * (pays[:, 0] - pays[:, 1])
    m = np.arange(1, n + 1)
    mean = own * [np.sum(binom.pmf(m, n, x) * (m - 1) / n) for x in d]
    across = np.linalg.norm(np.cross(mean, d * own))
    assert right.ask("turned") == pytest.approx(np.degrees(np.arctan2(across, mean @ (d * own))))
    assert right.ask("turned") > 1
