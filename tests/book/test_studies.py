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


def results(name: str, arguments: dict[str, Any]) -> list[Any]:
    (run,) = (
        run for run in stored(name)["runs"] if {key: run[key] for key in arguments} == arguments
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
    study = STUDIES[name]
    seeds = range(*stored(name)["seeds"])
    assert seeds == study.seeds
    assert len(stored(name)["runs"]) == len(study.arguments)
    for arguments in study.arguments:
        assert len(results(name, arguments)) == len(seeds)
        assert np.isfinite(results(name, arguments)).all()


@pytest.mark.parametrize("arguments", CALM, ids=str)
def test_a_run_of_large_batches_is_the_stored_one(arguments):
    for seed in range(3):
        again = STUDIES["budget"].run(arguments, seed)
        assert again == pytest.approx(results("budget", arguments)[seed], rel=DIGITS)


@pytest.mark.parametrize("n", [50, 100])
def test_runs_of_small_batches_scatter_about_the_stored_mean(n):
    """Five other seeds: the two means differ by less than five standard errors."""
    arguments = {"epsilon": 0.08, "n": n}
    kept = np.array(results("budget", arguments))
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
