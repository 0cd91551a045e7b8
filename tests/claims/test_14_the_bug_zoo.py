"""Chapter 14: what the search hides, other numbers, two tests of advantages, the wrong axis."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from npgkit.lab import zoo
from npgkit.lab.zoo.exhibits import RIGHT, Exhibit
from npgkit.lab.zoo.mutation import PASSES, outcome
from tests.exercises.support import load, quiet

CHAPTER = "14_the_bug_zoo"
NOTEBOOK = Path(__file__).resolve().parents[2] / "book" / f"{CHAPTER}.ipynb"
CELLS = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
NUMBERS = range(1, 13)
SEES = {
    1: {1}, 2: {1, 2, 3}, 3: {1, 3, 5}, 4: {4}, 5: {1, 3, 4, 5}, 6: {6}, 7: {7}, 8: {8}, 9: {9},
    10: {10}, 11: {11}, 12: {12},
}  # fmt: skip
"""The exhibits that each of the chapter's folded tests catches."""


def program(number: int) -> ModuleType:
    """An exhibit, or the right program for 0."""
    return zoo.EXHIBITS[number - 1].program() if number else zoo.right_program()


def batch(policy, n=60, seed=0):
    rng = np.random.default_rng(seed)
    theta = 0.3 * rng.normal(size=policy.size)
    obs = rng.normal(size=(n, policy.n_features))
    act = policy.sample(theta, obs, rng)
    return theta, (obs, act, rng.normal(size=n), policy.logp(theta, obs, act))


def text(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == kind]


def test_the_cells_are_the_right_program():
    """Each function and class of the program stands in the chapter, to the last operation."""
    shown = {}
    for cell in text("code"):
        for node in ast.parse(cell).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                shown.setdefault(node.name, ast.dump(node))
    for node in ast.parse(RIGHT).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert shown[node.name] == ast.dump(node), node.name


def test_the_diffs_are_those_of_the_exhibits():
    """The lines that the chapter marks are the lines in which each exhibit differs."""
    shown = re.findall(r"```diff\n(.*?)\n```", "\n".join(text("markdown")), re.S)
    assert shown == [exhibit.diff for exhibit in zoo.EXHIBITS]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_folded_test_sees_what_is_said(number):
    """It passes the right program, catches its own exhibit, and the others that the table has."""
    load(CHAPTER)
    with quiet():
        names = next(iter(load(CHAPTER).values())).start
        verdict = zoo.check_test(names[f"test_{number}"], catch=[number])
        assert verdict.ok, verdict
        assert set(zoo.caught_by(names[f"test_{number}"])) == SEES[number]


def test_half_a_radius_is_seen_by_one_test_alone():
    """The thirteenth, whose length lacks a 2, fails test_5 and passes the other eleven."""
    half = Exhibit(13, "half a radius", (("np.sqrt(2 * epsilon", "np.sqrt(epsilon"),))
    with quiet():
        names = next(iter(load(CHAPTER).values())).start
        told = {k: outcome(names[f"test_{k}"], half.program(), 10.0) for k in NUMBERS}
    assert [k for k in NUMBERS if told[k] != PASSES] == [5]


def test_a_kl_with_itself_never_moves_the_drone():
    """The plain step is longer than ten trials bring within the radius, in update after update."""
    made, rng = program(4), np.random.default_rng(700)
    world, policy = zoo.Drone(32, rng), made.Gaussian(7, 3)
    theta, w = np.zeros(policy.size), np.zeros(49)
    for _ in range(10):
        theta, w = made.update(world, policy, theta, w, rng)
    assert not theta.any()


@pytest.mark.evidence("prop-zoo-promise")
@pytest.mark.parametrize("number", [0, 4, 6, 7])
@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 10.0])
def test_the_search_keeps_its_promise_whatever_comes_before(number, epsilon):
    """Wrong directions, too, end at theta or in a gain within the radius."""
    made = program(number)
    for policy in (made.Gaussian(3, 2), made.Softmax(3, 4)):
        for seed in range(5):
            theta, rows = batch(policy, seed=seed)
            new = made.step(policy, theta, rows, epsilon=epsilon)
            gain = made.surrogate(policy, new, rows) - rows[2].mean()
            kept = gain > 0 and policy.kl(new, theta, rows[0]) <= epsilon
            assert kept or np.array_equal(new, theta)


@pytest.mark.evidence("prop-zoo-promise")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_good_first_trial_hides_a_broken_search(number):
    """Where the first trial passes, three programs return the right step bit by bit."""
    right, wrong = program(0), program(number)
    theta, rows = batch(right.Gaussian(3, 2))
    first = right.step(right.Gaussian(3, 2), theta, rows, epsilon=1e-3, damping=0.1)
    assert right.Gaussian(3, 2).kl(first, theta, rows[0]) > 0.3e-3  # it was the first
    step = wrong.step(wrong.Gaussian(3, 2), theta, rows, epsilon=1e-3, damping=0.1)
    assert np.array_equal(first, step)


@pytest.mark.evidence("prop-zoo-other-numbers")
@pytest.mark.parametrize("k", [2, 3, 5])
def test_an_averaged_kl_is_another_radius_and_damping(k):
    """With k entries of an action the step is the right one's for k epsilon and k lambda."""
    right, wrong = program(0), program(5)
    for epsilon in (0.01, 2.0):  # in the second the search shortens
        theta, rows = batch(right.Gaussian(3, k))
        theirs = wrong.step(wrong.Gaussian(3, k), theta, rows, epsilon, 0.05)
        ours = right.step(right.Gaussian(3, k), theta, rows, k * epsilon, k * 0.05)
        assert np.allclose(theirs, ours, rtol=0, atol=1e-10)
        assert not np.allclose(theirs, right.step(right.Gaussian(3, k), theta, rows, epsilon, 0.05))


@pytest.mark.evidence("prop-zoo-other-numbers")
@pytest.mark.parametrize("c", [0.01, 7.0, 1000.0])
def test_the_scale_of_advantages_does_not_matter(c):
    """The step is the same for c times the advantages, and another one for shifted ones."""
    right = program(0)
    for policy in (right.Gaussian(3, 2), right.Softmax(3, 4)):
        theta, (obs, act, adv, logp) = batch(policy)
        steps = [right.step(policy, theta, (obs, act, a, logp)) for a in (adv, c * adv, adv + 1)]
        assert np.allclose(steps[0], steps[1], rtol=0, atol=1e-10)
        assert not np.allclose(steps[0], steps[2], atol=1e-4)


def episodes(seed=0):
    rng = np.random.default_rng(seed)
    rew, values, after = rng.normal(size=(3, 9, 4))
    terminated, truncated = rng.random((2, 9, 4)) < 0.2
    return rew, values, after, terminated, truncated & ~terminated


@pytest.mark.evidence("prop-zoo-other-numbers")
def test_a_limit_taken_for_an_end_is_another_world():
    """Exhibit 9's advantages are the right ones where nothing is to be had after the clock."""
    rew, values, after, terminated, truncated = episodes()
    theirs = program(9).gae(rew, values, after, terminated, truncated)
    nothing = np.where(truncated, 0, after)
    assert np.array_equal(theirs, program(0).gae(rew, values, nothing, terminated, truncated))


@pytest.mark.evidence("prop-zoo-advantages")
def test_the_zero_test_sees_limits_and_not_what_is_carried():
    """Where all is as expected, only exhibit 9's advantages are not zero, as it says."""
    _, values, after, terminated, truncated = episodes()
    rew = values - 0.99 * after * ~terminated
    for number in (0, 10):
        assert np.allclose(program(number).gae(rew, values, after, terminated, truncated), 0)
    wrong = program(9).gae(rew, values, after, terminated, truncated)
    assert np.allclose(wrong[truncated], -0.99 * after[truncated])


@pytest.mark.evidence("prop-zoo-advantages")
@pytest.mark.parametrize("m", [1, 2, 4])
def test_locality_sees_what_is_carried_and_not_limits(m):
    """A reward m rows after a limit moves exhibit 10's advantage by (gamma lambda)^m of it."""
    rew, values, after, terminated, truncated = episodes()
    terminated[:], truncated[:] = False, False
    truncated[3] = True
    later = rew.copy()
    later[3 + m] += 2.0
    for number in (0, 9):
        one, other = (
            program(number).gae(r, values, after, terminated, truncated) for r in (rew, later)
        )
        assert np.array_equal(one[:4], other[:4])
    one, other = (program(10).gae(r, values, after, terminated, truncated) for r in (rew, later))
    assert np.allclose(other[3] - one[3], 2.0 * (0.99 * 0.95) ** m)


@pytest.mark.evidence("prop-zoo-axis")
@pytest.mark.parametrize("shape", [(6, 4), (3, 50), (40, 2)])
def test_rows_of_mean_zero_and_deviation_one_pass_as_whole(shape):
    """The wrong axis gives the whole mean 0 and deviation 1, and is no affine map of it."""
    adv = np.random.default_rng(0).normal(size=shape) + np.arange(shape[0])[:, None]
    right, wrong = (program(number).normalised(adv) for number in (0, 11))
    for ready in (right, wrong):
        assert abs(ready.mean()) < 1e-12 and ready.std() == pytest.approx(1, abs=1e-6)
    assert abs(np.corrcoef(adv.ravel(), right.ravel())[0, 1]) == pytest.approx(1)
    assert np.corrcoef(adv.ravel(), wrong.ravel())[0, 1] < 0.99
