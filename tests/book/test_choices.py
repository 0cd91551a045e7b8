"""What `benchmarks/choices.py` takes away is what its arms say; the stored runs are its own."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks import choices
from npgkit.practice import normaliser
from npgkit.practice import run as run_module
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for

ENV = "Pendulum-v1"
OBS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def made(arm: str, env: str = ENV) -> Run:
    chosen = choices.ARMS[arm]
    settings = settings_for(env, **dict(chosen.settings), n_envs=2, n_steps=16)
    return chosen.kind(env, "trpo", seed=0, settings=settings)


def outputs(run: Run) -> np.ndarray:
    return run.policy.linearize(run.theta, OBS).out


@pytest.mark.parametrize("arm", choices.ARMS)
def test_every_arm_takes_steps(arm):
    patch = choices.ARMS[arm].patch or (run_module, "METHODS", run_module.METHODS)
    with choices.changed(*patch):
        run = made(arm)
        assert math.isfinite(run.step().kl)
        run.close()


def test_the_last_layer_is_a_hundred_times_larger():
    whole, large = outputs(made("whole")), outputs(made("last layer not scaled"))
    assert np.allclose(large[:, 0], 100 * whole[:, 0], rtol=1e-4)
    assert np.array_equal(large[:, 1], whole[:, 1])


def test_deviations_come_from_where_the_arm_says():
    whole = outputs(made("whole"))
    network = outputs(made("deviations from the network"))
    assert np.allclose(network[:, 0], whole[:, 0], atol=1e-6)
    assert np.ptp(whole[:, 1]) == 0 < np.ptp(network[:, 1]) < 0.1
    assert np.array_equal(outputs(made("deviations begin at exp(-1)"))[:, 1], np.full(50, -1.0))


def test_cut_actions_are_in_the_box_and_keep_their_logp():
    run = made("logp of the cut action")
    seen = []
    run._improve = lambda batch, improve=run._improve: seen.append(batch) or improve(batch)
    run.theta[-1] = 2.0  # wide enough to leave the box
    run.step()
    (batch,) = seen
    assert np.abs(batch.act).max() == 2.0
    assert np.allclose(batch.logp, run.policy.distribution.logp(batch.outputs, batch.act))


def test_a_patch_is_undone_and_must_fit():
    with choices.changed(normaliser, "CLIP", np.inf):
        assert np.isinf(normaliser.CLIP)
    assert normaliser.CLIP == 10.0
    with pytest.raises(AttributeError), choices.changed(normaliser, "NO_SUCH", 1):
        pass


@pytest.mark.parametrize(
    "values, carried",
    [
        ([1.0, 2.0], [1, 2]),
        ([math.nan, 2.0, math.nan, 3.0], [2, 2, 2, 3]),
        ([math.nan, math.nan], [math.nan, math.nan]),
    ],
)
def test_the_last_value_is_carried_on(values, carried):
    assert np.array_equal(choices.carried(values), carried, equal_nan=True)


@pytest.mark.skipif(not choices.RESULT.is_file(), reason="the runs are not stored yet")
def test_the_stored_runs_are_those_of_the_program():
    data = json.loads(choices.RESULT.read_text("utf-8"))
    assert data["command"].endswith("benchmarks/choices.py")
    assert data["machine"] and {"python", "numpy", "gymnasium"} <= set(data["versions"])
    assert data["arms"] == list(choices.ARMS) and set(data["steps"]) == set(choices.TASKS)
    wanted = {
        (env, arm, seed)
        for env, seeds in data["seeds"].items()
        for seed in seeds
        for arm, chosen in choices.ARMS.items()
        if chosen.fits(env)
    }
    runs = [(run["env"], run["arm"], run["seed"]) for run in data["runs"]]
    assert len(runs) == len(set(runs)) and set(runs) == wanted
    for env, seeds in data["seeds"].items():
        assert data["steps"][env] == choices.TASKS[env]
        assert seeds == list(range(choices.FIRST_SEED, choices.FIRST_SEED + len(seeds)))
        assert len(seeds) >= 5
