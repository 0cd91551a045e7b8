"""The mathematics of set 6 by second routes: dice, and a program that is mended line by line."""

from __future__ import annotations

import random

import numpy as np
import pytest

from course.problem import Problem
from course.sets.set6_in_practice import curves, mend, ratios
from course.trusted import Trusted


def solved(problem: Problem, seed: int, code: str = "") -> Trusted:
    """Return the model solution, or other code, with some student's numbers."""
    return Trusted(problem, problem.variant(random.Random(seed)), code or problem.solution)


@pytest.mark.parametrize("d", [1, 3, 17])
def test_ratios_outside_a_clip_by_dice(d: int) -> None:
    """Drawn actions leave the interval as often as computed, whatever their dimension."""
    rng, kl, c = np.random.default_rng(d), 0.03, 0.2
    move = rng.normal(size=d)
    move *= np.sqrt(2 * kl) / np.linalg.norm(move)
    z = rng.normal(size=(100_000, d))
    ratio = np.exp(0.5 * np.sum(z**2 - (z - move) ** 2, axis=1))
    share = np.mean((ratio < 1 - c) | (ratio > 1 + c))
    assert solved(ratios.PROBLEM, 0).ask("outside", (kl, c)) == pytest.approx(share, abs=0.006)


def test_the_best_point_favours_the_restless_arm() -> None:
    """In the mean of many variants: the last points agree, the best points do not."""
    told = [solved(curves.PROBLEM, seed) for seed in range(60)]
    last, best = (np.mean([t.ask(name) for t in told]) for name in ("last", "best_point"))
    assert abs(last) < 15 and best > 50


def test_the_tests_in_the_solution_find_each_line() -> None:
    """What the model solution says it tried fails in what students get, and passes in it."""
    right, wrong = (solved(mend.PROBLEM, 0, c) for c in ("", mend.PROBLEM.starter))
    x, zero, far = np.array([[0.5, -1.0]]), np.zeros(2), np.array([[1.0, 101.0], [3.0, 103.0]])

    def found(program: Trusted) -> list[bool]:
        both = program.ask("log_prob", (x, zero, x + 1))
        ones = [program.ask("log_prob", (x[:, [k]], zero[:1], x[:, [k]] + 1)) for k in (0, 1)]
        apart = program.ask("normalised", (far,))
        fit = program.ask("value_loss", (np.array([[1.0], [2.0]]), np.array([1.0, 2.0])))
        return [both != pytest.approx(sum(ones)), apart[0, 0] == apart[0, 1], fit != 0]

    assert (found(right), found(wrong)) == ([False] * 3, [True] * 3)
