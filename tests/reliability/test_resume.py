"""A run that was interrupted and resumed is the run that was not, bit by bit."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import astuple
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from npgkit import CheckpointError, train
from npgkit.__main__ import main
from npgkit.practice import checkpoint, run_record
from npgkit.practice.run import METHODS, Run
from npgkit.practice.settings import settings_for

ROOT = Path(__file__).parents[2]
NETWORKS = {"hidden": (8,), "value_hidden": (8,)}
# Steps of an iteration such that episodes both end within the run and span several checkpoints:
# poles fall, a Pendulum is truncated at 200 steps, an Acrobot at 500.
RUNS = {
    "CartPole-v1": {"n_envs": 3, "n_steps": 25, **NETWORKS},
    "Pendulum-v1": {"n_envs": 2, "n_steps": 60, **NETWORKS},
    "Acrobot-v1": {"n_envs": 2, "n_steps": 110, **NETWORKS},
}
ITERATIONS = 5
every_run = pytest.mark.parametrize("env", RUNS)
every_method = pytest.mark.parametrize("method", METHODS)


def options(env, iterations=ITERATIONS):
    steps = RUNS[env]["n_envs"] * RUNS[env]["n_steps"]
    return {"seed": 7, "total_steps": iterations * steps, **RUNS[env]}


def state(directory):
    """All of a checkpoint, the number in the arrays' file name aside."""
    record, arrays = checkpoint.load(directory)
    del record["spent"]
    return record, {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}


def assert_same_records(one, other):
    assert [r.reason for r in one] == [r.reason for r in other]
    for a, b in zip(one, other, strict=True):
        numbers = [[x for x in astuple(r) if not isinstance(x, str)] for r in (a, b)]
        np.testing.assert_array_equal(*numbers)


@every_run
@every_method
def test_a_run_interrupted_each_iteration_is_the_whole_one(env, method, tmp_path):
    """Parameters, moments, running returns, generators, environments and records, to the bit."""
    whole = list(train(env, method, directory=tmp_path / "whole", **options(env)))
    assert len(whole) == ITERATIONS
    parts = []
    for _ in range(ITERATIONS):
        records = train(env, method, directory=tmp_path / "parts", resume=True, **options(env))
        parts.append(next(records))
        records.close()
    assert_same_records(whole, parts)
    assert state(tmp_path / "parts") == state(tmp_path / "whole")
    assert whole[-1].episodes > 0


@every_run
@pytest.mark.parametrize("at", [1, 3])
def test_where_a_run_is_interrupted_makes_no_difference(env, at, tmp_path):
    """The number of iterations before the interruption makes no difference."""
    whole = list(train(env, directory=tmp_path / "whole", **options(env)))
    first = list(train(env, directory=tmp_path / "parts", **options(env, at)))
    rest = list(train(env, directory=tmp_path / "parts", resume=True, **options(env)))
    assert_same_records(whole, first + rest)
    assert state(tmp_path / "parts") == state(tmp_path / "whole")


@every_run
@pytest.mark.parametrize("after", [1, 20, 24, 25])
def test_an_iteration_broken_off_in_its_middle_is_done_again(env, after, tmp_path, monkeypatch):
    """The checkpoint is of the end of the last iteration, whatever happened since."""
    whole = list(train(env, directory=tmp_path / "whole", **options(env)))
    records = train(env, directory=tmp_path / "parts", **options(env))
    first = [next(records), next(records)]
    pool = records.run.pool
    steps, plain = [], type(pool).step

    def step(pool, act):
        steps.append(1)
        if len(steps) > after:
            raise KeyboardInterrupt
        return plain(pool, act)

    with monkeypatch.context() as patch:
        patch.setattr(type(pool), "step", step)
        with pytest.raises(KeyboardInterrupt):
            list(records)
    rest = list(train(env, directory=tmp_path / "parts", resume=True, **options(env)))
    # n_steps = 25 of the poles: there the interruption is the first step of the iteration after
    at = len(whole) - len(rest)
    assert at == (3 if after >= RUNS[env]["n_steps"] else 2)
    assert_same_records(whole[:2], first)
    assert_same_records(whole[at:], rest)
    assert state(tmp_path / "parts") == state(tmp_path / "whole")


def test_a_finished_run_resumed_does_nothing(tmp_path):
    """A finished run resumed does nothing and a longer one goes on."""
    env = "CartPole-v1"
    list(train(env, directory=tmp_path, **options(env, 2)))
    before = state(tmp_path)
    assert list(train(env, directory=tmp_path, resume=True, **options(env, 2))) == []
    assert state(tmp_path) == before
    more = list(train(env, directory=tmp_path, resume=True, **options(env, 4)))
    assert [r.iteration for r in more] == [3, 4]


def test_resume_without_a_checkpoint_begins(tmp_path):
    env = "CartPole-v1"
    begun = list(train(env, directory=tmp_path / "new", resume=True, **options(env)))
    assert_same_records(begun, list(train(env, **options(env))))


@every_run
def test_a_resumed_run_is_restored_whole_before_its_first_step(env, tmp_path):
    """Every attribute that a step depends on, compared in memory: nothing is left at its start."""
    settings = settings_for(env, **RUNS[env])
    run, other = (Run(env, "trpo", seed=7, settings=settings) for _ in range(2))
    for _ in range(3):
        run.step()
    run_record.save(run, tmp_path)
    run_record.restore(other, tmp_path)
    for name in ("theta", "value_params"):
        np.testing.assert_array_equal(getattr(other, name), getattr(run, name), strict=True)
    for name in ("normaliser", "seen"):
        found, wanted = getattr(other, name), getattr(run, name)
        assert found.count == wanted.count > 0
        np.testing.assert_array_equal(found.mean, wanted.mean)
        np.testing.assert_array_equal(found.var, wanted.var)
    np.testing.assert_array_equal(other.running.returns, run.running.returns)
    np.testing.assert_array_equal(other.running.lengths, run.running.lengths, strict=True)
    assert other.running.lengths.any()
    np.testing.assert_array_equal(other.pool.obs, run.pool.obs, strict=True)
    assert other.rng.bit_generator.state == run.rng.bit_generator.state
    assert (other.iteration, other.env_steps, other.episodes) == (
        run.iteration, run.env_steps, run.episodes,
    )  # fmt: skip


class Wanton(gymnasium.Env):
    """Random observations that its seed does not decide."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,))
    action_space = spaces.Discrete(2)
    chance = np.random.default_rng(0)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.chance.normal(size=2), {}

    def step(self, action):
        return self.chance.normal(size=2), 1.0, False, False, {}


def test_an_environment_with_a_memory_is_not_resumed(tmp_path):
    """An environment that cannot be played again is named and not resumed wrongly."""
    small = {"n_envs": 2, "n_steps": 10, **NETWORKS}
    list(train(Wanton, seed=0, total_steps=20, directory=tmp_path, **small))
    with pytest.raises(CheckpointError, match="Wanton cannot be resumed: environment 0"):
        train(Wanton, seed=0, total_steps=40, directory=tmp_path, resume=True, **small)


# Killed -----------------------------------------------------------------------------------------

KILLED = {
    "CartPole-v1": ["--set", "n_envs=4", "--set", "n_steps=20"],
    "Pendulum-v1": ["--set", "n_envs=2", "--set", "n_steps=30"],
}


def command(env, out):
    steps = {"CartPole-v1": 80 * 80, "Pendulum-v1": 80 * 60}[env]
    return [
        "train", env, "--seed", "5", "--total-steps", str(steps), "--eval-episodes", "3",
        "--out", str(out), "--set", "hidden=[8]", "--set", "value_hidden=[8]", *KILLED[env],
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
@pytest.mark.parametrize("env", KILLED)
def test_a_run_killed_again_and_again_ends_the_same(env, tmp_path):
    """SIGKILL at random moments after a few rows, so within steps, saves and all between."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(command(env, tmp_path / "whole")) == 0
    rng, parts, done = np.random.default_rng(0), tmp_path / "parts", 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "npgkit", *command(env, parts), "--resume"],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        with process:
            for _ in range(int(rng.integers(3, 10))):
                assert process.stdout.readline()
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        last = checkpoint.load(parts)[0]["iteration"]
        assert done < last < 80
        done = last
    assert not (parts / "result.json").exists()
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*command(env, parts), "--resume"]) == 0
    assert_same_results(tmp_path / "whole", parts)


def assert_same_results(one, other):
    results = [json.loads((place / "result.json").read_text()) for place in (one, other)]
    for result in results:
        assert result.pop("cpu_seconds") > 0
        assert result.pop("wall_seconds") > 0
    assert results[0] == results[1]
    assert len(results[0]["evaluation"]) == 3
    (record, arrays), (others, other_arrays) = state(one), state(other)
    assert arrays == other_arrays
    assert record == others


def test_options_of_the_environment_come_with_the_checkpoint(tmp_path):
    """Left out, they are those of the run; others are another run."""
    short = {"max_episode_steps": 12}
    small = {"seed": 0, "n_envs": 2, "n_steps": 30, **NETWORKS}
    whole = list(train("CartPole-v1", total_steps=180, env_options=short, **small))
    place = {"directory": tmp_path, **small}
    first = list(train("CartPole-v1", total_steps=60, env_options=short, **place))
    with pytest.raises(CheckpointError, match=r"its env_options is .*12.*, not .*13"):
        train("CartPole-v1", total_steps=90, env_options={"max_episode_steps": 13},
              resume=True, **place)  # fmt: skip
    rest = list(train("CartPole-v1", total_steps=180, resume=True, **place))
    assert_same_records(whole, first + rest)
