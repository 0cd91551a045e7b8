"""The mathematics of set 5 by second routes: matrices, quadrature, dice, the package."""

from __future__ import annotations

import random

import numpy as np
import pytest

import npgkit
from course.problem import Problem
from course.sets.set5_from_samples import gaussian, rows, seam, seeds
from course.trusted import Trusted
from npgkit.practice import comparison


def solved(problem: Problem, seed: int) -> Trusted:
    """Return the model solution with some student's numbers."""
    return Trusted(problem, problem.variant(random.Random(seed)), problem.solution)


@pytest.mark.parametrize("seed", range(5))
def test_the_two_kls_of_a_full_step(seed: int) -> None:
    """By quadrature; and which of them is above the radius, as the statement claims."""
    right = solved(gaussian.PROBLEM, seed)
    sigma, g, epsilon = (right.ask(name) for name in ("sigma0", "slope", "radius"))
    F = np.diag([sigma**-2, 2])
    x = np.linalg.solve(F, g)
    move = np.sqrt(2 * epsilon / (x @ F @ x)) * x
    a = np.linspace(-60, 60, 400_001)

    def log_p(mean: float, s: float) -> np.ndarray:
        return -((a - mean) ** 2) / (2 * np.exp(2 * s)) - s - np.log(2 * np.pi) / 2

    old, new = log_p(0.0, np.log(sigma)), log_p(move[0], np.log(sigma) + move[1])
    for name, p, q, sign in (("kl_new_old", new, old, 1), ("kl_old_new", old, new, -1)):
        found = np.sum(np.exp(p) * (p - q)) * (a[1] - a[0])
        assert right.ask(name) == pytest.approx(found, rel=1e-6)
        assert (found > epsilon) == (sign * move[1] > 0)


def test_a_mended_recording_is_the_whole_one() -> None:
    """GAE of both pieces at once agrees with the mended advantages of the first."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        rew, values, after = rng.normal(size=(3, 12, 1))
        ends = rng.random((12, 1)) < 0.15
        fell = ends & (rng.random((12, 1)) < 0.5)
        columns = (rew, values, after, fell, ends & ~fell)
        whole, first, second = (
            npgkit.gae(*(c[part] for c in columns), gamma=0.9, lam=0.8)[:, 0]
            for part in (slice(None), slice(7), slice(7, None))
        )
        mend = solved(seam.PROBLEM, 0)
        flags = [c[:7, 0] for c in columns[3:]]
        mended = mend.ask("mend", (first, *flags, second[0], 0.9, 0.8))
        assert mended == pytest.approx(whole[:7])


@pytest.mark.parametrize("seed", range(5))
def test_how_far_a_seam_reaches(seed: int) -> None:
    """The last row that counts changes by one per cent of what is ahead, the one before not."""
    right = solved(seam.PROBLEM, seed)
    c, reach = right.ask("discount_seam") * right.ask("lam_seam"), right.ask("reach")
    assert c**reach >= 0.01 > c ** (reach + 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_scale_of_a_bandit(seed: int) -> None:
    """By matrices written out; the best baseline is the least of a grid."""
    right = solved(rows.PROBLEM, seed)
    pi, means, sigma = (right.ask(name) for name in ("probs", "means", "noise"))
    scores = np.eye(3) - pi
    F = scores.T @ np.diag(pi) @ scores
    g = (pi * means) @ scores

    def tau(b: float) -> float:
        squares = pi * ((means - b) ** 2 + sigma**2)
        C = scores.T @ np.diag(squares) @ scores - np.outer(g, g)
        inverse = np.linalg.pinv(F, rcond=1e-12)
        return float(np.trace(inverse @ C) / (g @ inverse @ g))

    J, best = float(pi @ means), float(right.ask("best"))
    assert right.ask("tau", (pi, means, sigma, 0.7)) == pytest.approx(tau(0.7))
    assert all(tau(best) < tau(best + d) for d in (-0.1, -0.01, 0.01, 0.1))
    assert (1 + tau(J) / right.ask("rows90")) ** -0.5 == pytest.approx(0.9)


@pytest.mark.parametrize("seed", range(5))
def test_paired_values_agree_with_the_package(seed: int) -> None:
    """The book's own test and correction give the same numbers."""
    right = solved(seeds.PROBLEM, seed)
    raw = [comparison.paired(right.ask("ours") - row) for row in right.ask("theirs")]
    assert right.ask("raw") == pytest.approx(np.array(raw))
    assert right.ask("adjusted") == pytest.approx(np.array(comparison.holm(raw)))
