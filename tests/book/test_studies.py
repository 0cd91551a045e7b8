"""The means that chapters 11 and 12 read: of the functions that stand there, and repeatable."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks import studies
from benchmarks.studies import STUDIES

DIGITS = 6e-4  # relative: four significant digits are off by at most 5e-4
CALM = [  # few and large batches: no run is chaotic
    {"epsilon": epsilon, "n": n} for epsilon in (0.005, 0.02, 0.08) for n in (800, 1600, 3200)
]


@cache
def stored(name: str) -> dict[str, Any]:
    return json.loads((studies.PLACE / f"{name}.json").read_text("utf-8"))


def results(name: str, arguments: dict[str, Any], part: str = "runs") -> list[Any]:
    (run,) = (
        run for run in stored(name)[part] if {key: run[key] for key in arguments} == arguments
    )
    return run["results"]


@pytest.mark.parametrize("name", STUDIES)
def test_a_stored_study_says_where_it_comes_from(name):
    data = stored(name)
    assert data["command"].endswith(f"benchmarks/studies.py --only {name}")
    assert data["machine"]
    assert {"python", "numpy", "gymnasium"} <= set(data["versions"])


@pytest.mark.parametrize("name", STUDIES)
def test_a_stored_study_is_the_one_that_the_program_runs(name):
    """Same arguments and seeds; what is tuned is the best of the tuning's, on other seeds."""
    study, data = STUDIES[name], stored(name)
    arguments = study.arguments
    if study.tuning:
        assert range(*data["tuning_seeds"]) == study.tuning.seeds
        assert not set(study.tuning.seeds) & set(study.seeds)
        assert len(data["tuning"]) == len(arguments)
        for each in arguments:
            kept = results(name, each, "tuning")
            assert len(kept) == len(study.tuning.seeds) and np.isfinite(kept).all()
        arguments = studies.chosen(study.tuning, data["tuning"])
    seeds = range(*data["seeds"])
    assert seeds == study.seeds
    assert len(data["runs"]) == len(arguments)
    for each in arguments:
        assert len(results(name, each)) == len(seeds)
        assert np.isfinite(results(name, each)).all()


def test_the_least_mean_is_chosen_for_each_other_argument():
    rows = [
        {"epsilon": epsilon, "n": n, "results": [gap, gap + 2]}
        for epsilon, n, gap in [(1, 50, 3.0), (2, 50, 1.0), (1, 100, 0.0), (2, 100, 4.0)]
    ]
    picked = studies.chosen(studies.Tuning("epsilon", range(2)), rows)
    assert picked == ({"epsilon": 2, "n": 50}, {"epsilon": 1, "n": 100})


def test_no_radius_is_chosen_at_the_end_of_its_range():
    """The best radius of each size has a smaller and a larger one beside it."""
    tried = sorted({run["epsilon"] for run in stored("budget")["tuning"]})
    assert {run["epsilon"] for run in stored("budget")["runs"]} <= set(tried[1:-1])


@pytest.mark.parametrize("arguments", CALM, ids=str)
def test_a_run_of_large_batches_is_the_stored_one(arguments):
    for k, seed in enumerate(range(*stored("budget")["tuning_seeds"])[:3]):
        again = STUDIES["budget"].run(arguments, seed)
        assert again == pytest.approx(results("budget", arguments, "tuning")[k], rel=DIGITS)


@pytest.mark.parametrize("run", stored("budget")["runs"][:2], ids=lambda run: f"n={run['n']}")
def test_runs_of_small_batches_scatter_about_the_stored_mean(run):
    """Five other seeds: the two means differ by less than five standard errors."""
    arguments, kept = {"epsilon": run["epsilon"], "n": run["n"]}, np.array(run["results"])
    others = [STUDIES["budget"].run(arguments, seed) for seed in range(500, 505)]
    error = kept.std(ddof=1) * np.sqrt(1 / 5 + 1 / len(kept))
    assert abs(np.mean(others) - kept.mean()) < 5 * error


def test_the_first_update_on_fresh_rows_is_the_stored_one():
    """Same seed, same batches: the same KL up to the digits stored and a float32's rounding."""
    epsilon = 0.01
    for seed in range(2):
        own, fresh = STUDIES["fresh_rows"].run({"epsilon": epsilon, "steps": 1}, seed)
        kept = np.array(results("fresh_rows", {"epsilon": epsilon})[seed])[:, 0]
        # A KL is a sum that cancels in float32: 1e-7 of a log-probability of size one.
        np.testing.assert_allclose([own[0], fresh[0]], kept, rtol=2e-3, atol=2e-7 / epsilon)


def test_no_stored_update_left_its_region_on_its_own_rows():
    own, fresh = np.swapaxes(results("fresh_rows", {"epsilon": 0.01}), 0, 1)
    assert own.max() <= 1 < fresh.max()
    assert min(own.min(), fresh.min()) >= 0


def test_only_without_a_search_the_page_leaves_its_radius():
    """With it no stored update does, at either radius; without it every seed has one that does."""
    for run in stored("train_here")["runs"]:
        _, kls = np.swapaxes(run["results"], 0, 1)
        assert (kls.max(axis=1) > 1).all() if not run["line_search"] else kls.max() <= 1


def test_a_narrow_radius_holds_the_pole_and_a_wide_one_does_not():
    """0.02 brings every seed to 475; over the last ten iterations no run of 0.5 averages it."""
    last = {}
    for run in stored("train_here")["runs"]:
        returns, _ = np.swapaxes(run["results"], 0, 1)
        last[run["epsilon"], run["line_search"]] = returns[:, -10:].mean()
        stay = returns[:, -10:].mean(axis=1) >= 475
        assert (returns.max(axis=1) >= 475).all() if run["epsilon"] == 0.02 else not stay.any()
    for line_search in (True, False):
        assert last[0.02, line_search] > last[0.5, line_search] + 100


def test_the_first_update_of_the_page_is_the_stored_one():
    for run in stored("train_here")["runs"]:
        arguments = {name: run[name] for name in ("epsilon", "line_search")}
        returns, kls = STUDIES["train_here"].run({**arguments, "steps": 1}, 0)
        np.testing.assert_allclose(returns[0], run["results"][0][0][0], rtol=DIGITS)
        np.testing.assert_allclose(kls[0], run["results"][0][1][0], rtol=2e-3)
