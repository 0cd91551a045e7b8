"""Experiments: the same results whoever runs them, nothing lost, nothing done twice."""

import json
import multiprocessing
import os
import threading
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import asdict, replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from threadpoolctl import threadpool_info, threadpool_limits

from npgkit import CheckpointError, Result, Settings, run_experiment
from npgkit.practice import experiments, results, settings
from npgkit.practice.experiments import run_job
from npgkit.practice.results import DONE, FAILED
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for

SMALL = {
    "total_steps": 200, "eval_episodes": 2, "n_envs": 2, "n_steps": 50,
    "hidden": [4], "value_hidden": [4],
}  # fmt: skip
POLE = {"env": "CartPole-v1", "method": "trpo", **SMALL}
SWING = {"env": "Pendulum-v1", "method": "npg", **SMALL}
CONFIGS = {"pole": POLE, "swing": SWING}


class Fatal(gymnasium.Env):
    """Takes its process with it, as a segmentation fault would."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        os._exit(3)


# Importing this module registers it: gymnasium.make("module:id") does that in a worker.
FATAL = "npgkit-tests/Fatal-v0"
if FATAL not in gymnasium.registry:
    gymnasium.register(FATAL, entry_point=Fatal)


def comparable(results):
    """All of the results but the time they took."""
    rows = [asdict(result) for result in results]
    for row in rows:
        assert row.pop("cpu_seconds") > 0
    return rows


@pytest.fixture(scope="module")
def serial():
    return run_experiment(CONFIGS, [0, 1])


@pytest.fixture
def counted(monkeypatch):
    """The (name, seed) of each job that is run in this process, in order."""
    calls = []
    plain = run_job

    def job(name, config, seed):
        calls.append((name, seed))
        return plain(name, config, seed)

    monkeypatch.setattr(experiments, "run_job", job)
    return calls


def spawned(workers):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


# The same, whoever runs it ----------------------------------------------------------------------


def test_results_come_in_the_order_of_configurations_and_seeds(serial):
    assert [(r.name, r.seed) for r in serial] == [
        ("pole", 0), ("pole", 1), ("swing", 0), ("swing", 1),
    ]  # fmt: skip
    for r in serial:
        assert r.status == DONE
        assert r.error == ""
        assert len(r.kls) == 2
        assert len(r.evaluation) == 2
    assert [len(r.curve) for r in serial] == [2, 2, 0, 0]  # no Pendulum's episode has ended
    assert serial[0].curve != serial[1].curve


def test_a_pool_of_processes_gives_the_same_results(serial, tmp_path):
    with spawned(2) as pool:
        results = run_experiment(CONFIGS, [0, 1], executor=pool, directory=tmp_path)
    assert comparable(results) == comparable(serial)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("processes", [False, True], ids=["two threads", "two processes"])
def test_a_dask_cluster_gives_the_same_results(processes, serial, tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2 if processes else 1,
        threads_per_worker=1 if processes else 2,
        processes=processes,
        dashboard_address=":0",  # a free port, since another test may have the usual one
    )
    with cluster, distributed.Client(cluster) as client:
        results = run_experiment(
            CONFIGS, [0, 1], executor=client.get_executor(), directory=tmp_path
        )
    assert comparable(results) == comparable(serial)
    assert len(list(tmp_path.iterdir())) == 4


def test_results_read_from_disk_are_those_that_were_written(serial, tmp_path):
    first = run_experiment(CONFIGS, [0, 1], directory=tmp_path)
    again = run_experiment(CONFIGS, [0, 1], directory=tmp_path)
    assert again == first
    assert comparable(again) == comparable(serial)


def test_a_job_is_the_same_run_as_train_and_evaluate(serial):
    run = Run(
        "CartPole-v1", "trpo", seed=1,
        settings=settings_for(
            "CartPole-v1", n_envs=2, n_steps=50, hidden=(4,), value_hidden=(4,)
        ),
    )  # fmt: skip
    records = [run.step(), run.step()]
    assert serial[1].kls == [r.kl for r in records]
    assert serial[1].curve == [[r.env_steps, r.mean_return] for r in records]
    assert serial[1].evaluation == run.agent.evaluate(2, 1)
    assert serial[1].sampled == run.agent.evaluate(2, 1, deterministic=False)


def test_a_job_keeps_to_one_thread(monkeypatch):
    """A job keeps to one thread and leaves the others as they were."""

    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    seen, plain = [], Run.step
    monkeypatch.setattr(Run, "step", lambda run: seen.append(threads()) or plain(run))
    with threadpool_limits(2):
        before = threads()
        assert before
        (result,) = run_experiment({"pole": POLE}, [0])
        assert threads() == before
    assert result.status == DONE
    assert {n for step in seen for n in step} == {1}


def test_overlapping_jobs_keep_to_one_thread_each(monkeypatch):
    """The first to begin ends first: it would put back two, and the other one, last, one."""

    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    seen = []
    plain_inner, plain_outer = experiments._run_job, run_job
    runs, is_over = [threading.Event(), threading.Event()], threading.Event()

    def inner(name, config, seed):
        runs[seed].set()
        assert (is_over if seed else runs[1]).wait(30)
        seen.extend(threads())
        return plain_inner(name, config, seed)

    def outer(name, config, seed):
        assert seed == 0 or runs[0].wait(30)
        result = plain_outer(name, config, seed)
        is_over.set()  # the other one waits for it
        return result

    monkeypatch.setattr(experiments, "_run_job", inner)
    monkeypatch.setattr(experiments, "run_job", outer)
    with threadpool_limits(2), ThreadPoolExecutor(2) as pool:
        before = threads()
        assert max(before) == 2
        results = run_experiment({"pole": POLE}, [0, 1], executor=pool)
        assert threads() == before
    assert set(seen) == {1}
    assert [r.status for r in results] == [DONE, DONE]


def test_without_evaluation_episodes_there_is_no_evaluation():
    (result,) = run_experiment({"pole": {**POLE, "eval_episodes": 0}}, [0])
    assert (result.status, result.evaluation) == (DONE, [])


# Nothing twice ----------------------------------------------------------------------------------


def test_a_restart_repeats_nothing_that_is_finished(counted, tmp_path):
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert counted == [("pole", 0)]
    counted.clear()
    results = run_experiment(CONFIGS, [1, 0], directory=tmp_path)
    assert counted == [("pole", 1), ("swing", 1), ("swing", 0)]
    assert [(r.name, r.seed) for r in results] == [
        ("pole", 1), ("pole", 0), ("swing", 1), ("swing", 0),
    ]  # fmt: skip
    assert all(p.stat().st_mtime_ns == at for p, at in written.items())
    counted.clear()
    assert run_experiment(CONFIGS, [1, 0], directory=tmp_path) == results
    assert counted == []


def test_a_result_is_on_disk_before_the_next_job_begins(monkeypatch, tmp_path):
    plain, seen = run_job, []

    def job(*args):
        seen.append(len(list(tmp_path.iterdir())))
        return plain(*args)

    monkeypatch.setattr(experiments, "run_job", job)
    run_experiment(CONFIGS, [0, 1], directory=tmp_path)
    assert seen == [0, 1, 2, 3]


def test_an_interrupted_experiment_keeps_what_is_finished(monkeypatch, counted, tmp_path):
    """An experiment that is interrupted keeps what is finished."""
    plain = experiments.run_job

    def job(name, config, seed):
        if seed == 1:
            raise KeyboardInterrupt
        return plain(name, config, seed)

    with monkeypatch.context() as patch:
        patch.setattr(experiments, "run_job", job)
        with pytest.raises(KeyboardInterrupt):
            run_experiment({"pole": POLE}, [0, 1, 2], directory=tmp_path)
    counted.clear()
    run_experiment({"pole": POLE}, [0, 1, 2], directory=tmp_path)
    assert counted == [("pole", 1), ("pole", 2)]


def test_a_result_of_another_configuration_is_refused_first(counted, tmp_path):
    """A result of another configuration is refused before anything is run."""
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    counted.clear()
    with pytest.raises(ValueError, match="holds 'pole' with other settings"):
        run_experiment({"pole": {**POLE, "epsilon": 0.5}}, [1, 0], directory=tmp_path)
    assert counted == []


def test_stored_results_are_read_where_nothing_can_be_written(monkeypatch, tmp_path):
    """Stored results are read where nothing can be made or written."""
    results = run_experiment(CONFIGS, [0], directory=tmp_path)

    def never(*_, **__):
        raise AssertionError("nothing is to be run")

    monkeypatch.setattr(gymnasium, "make", never)
    monkeypatch.setattr(experiments.checkpoint, "require_writable", never)
    assert run_experiment(CONFIGS, [0], directory=tmp_path) == results


def test_an_unwritable_directory_is_refused_first(counted, tmp_path):
    """A directory that cannot be written is refused before anything is run."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="file cannot be written into"):
        run_experiment({"pole": POLE}, [0], directory=tmp_path / "file")
    assert counted == []


FOREIGN = {
    "cut": ('{"config": ', "damaged: it is not JSON"),
    "a list": ("[]", "is not a result of an experiment"),
    "another program's": ('{"loss": 3}', "is not a result of an experiment"),
}


@pytest.mark.parametrize(("content", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_is_no_result_is_a_clear_error(content, message, tmp_path):
    (tmp_path / "pole-seed0.json").write_text(content)
    with pytest.raises(CheckpointError, match=message):
        run_experiment({"pole": POLE}, [0], directory=tmp_path)


DAMAGED = {
    "empty": {},
    "a number": 3,
    "with one entry more": {"note": "mine"},
    "a curve of text": {"curve": "x"},
    "a curve of numbers": {"curve": [1, 2]},
    "a curve of single numbers": {"curve": [[1], [2]]},
    "KLs of text": {"kls": ["a", "b"]},
    "no evaluation": {"evaluation": None},
    "no such status": {"status": "x"},
    "a failure without an error": {"status": FAILED},
    "an error that is none": {"error": None},
    "a seed of text": {"seed": "0"},
    "a name that is none": {"name": None},
    "no time": {"cpu_seconds": None},
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_result_with_a_wrong_inside_is_a_clear_error(change, counted, tmp_path):
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    counted.clear()
    path = tmp_path / "pole-seed0.json"
    content = json.loads(path.read_text())
    content["result"] = {**content["result"], **change} if change and change != 3 else change
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"pole-seed0.json is not a result of an experiment"):
        run_experiment({"pole": POLE}, [1, 0], directory=tmp_path)
    assert counted == []


ANOTHERS = {
    "another seed": ("pole", 1, "is the result of 'pole' with seed 0, not of 'pole' with seed 1"),
    "another name": ("mast", 0, "is the result of 'pole' with seed 0, not of 'mast' with seed 0"),
}


@pytest.mark.parametrize(("name", "seed", "message"), ANOTHERS.values(), ids=ANOTHERS)
def test_the_result_of_another_job_is_not_taken_for_this_one(name, seed, message, tmp_path):
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    (tmp_path / "pole-seed0.json").rename(tmp_path / f"{name}-seed{seed}.json")
    with pytest.raises(CheckpointError, match=message):
        run_experiment({name: POLE}, [seed], directory=tmp_path)


# Failures ---------------------------------------------------------------------------------------


def test_a_failed_seed_is_recorded_and_the_others_survive(monkeypatch, counted, tmp_path):
    """A failed seed is recorded with its traceback and the others survive."""
    plain = Run.step

    def unlucky(run):
        if run.seed == 1 and run.iteration == 1:
            raise ArithmeticError("bad luck")
        return plain(run)

    monkeypatch.setattr(Run, "step", unlucky)
    results = run_experiment({"pole": POLE}, [0, 1, 2], directory=tmp_path)
    assert [r.status for r in results] == [DONE, FAILED, DONE]
    failed = results[1]
    assert failed.error.startswith("Traceback")
    assert failed.error.rstrip().endswith("ArithmeticError: bad luck")
    assert len(failed.curve) == len(failed.kls) == 1  # what there was until then
    assert failed.evaluation == []
    stored = json.loads((tmp_path / "pole-seed1.json").read_text())
    assert stored["result"]["status"] == FAILED
    counted.clear()
    assert run_experiment({"pole": POLE}, [0, 1, 2], directory=tmp_path) == results
    assert counted == []


def test_a_failure_is_run_again_when_that_is_asked_for(monkeypatch, counted, tmp_path):
    with monkeypatch.context() as patch:
        plain, seeds = Run.step, []

        def step(run):
            seeds.append(run.seed)
            if run.seed == 1:
                raise ArithmeticError("bad luck")
            return plain(run)

        patch.setattr(Run, "step", step)
        failed = run_experiment({"pole": POLE}, [0, 1], directory=tmp_path)
    counted.clear()
    results = run_experiment({"pole": POLE}, [0, 1], directory=tmp_path, retry_failed=True)
    assert counted == [("pole", 1)]
    assert [r.status for r in failed] == [DONE, FAILED]
    assert [r.status for r in results] == [DONE, DONE]
    assert run_experiment({"pole": POLE}, [0, 1], directory=tmp_path) == results
    assert counted == [("pole", 1)]


class Unwilling(Fatal):
    def reset(self, *, seed=None, options=None):
        raise RuntimeError("not today")


def test_an_environment_that_breaks_down_fails_alone():
    results = run_experiment({"bad": {**POLE, "env": Unwilling}, "pole": POLE}, [0])
    assert [r.status for r in results] == [FAILED, DONE]
    assert results[0].error.startswith("Traceback")


def test_a_broken_pool_leaves_the_finished_results_and_raises(tmp_path):
    """One worker, three jobs: the first is done, the second kills it, the third never begins."""
    fatal = {**POLE, "env": f"{__name__}:{FATAL}"}
    configs = {"first": POLE, "fatal": fatal, "last": POLE}
    with spawned(1) as pool, pytest.raises(BrokenExecutor):
        run_experiment(configs, [0], executor=pool, directory=tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.name == "first-seed0.json"
    written = kept.stat().st_mtime_ns
    del configs["fatal"]
    results = run_experiment(configs, [0], directory=tmp_path)
    assert kept.stat().st_mtime_ns == written
    assert [r.status for r in results] == [DONE, DONE]


class Inline(Executor):
    """Runs jobs as they come; what `faults` has for the n-th is raised in its place."""

    def __init__(self, at_submission=(), in_job=(), cancelled=()):
        self.at_submission, self.in_job = dict(at_submission), dict(in_job)
        self.cancelled, self.n = cancelled, -1

    def submit(self, fn, /, *args, **kwargs):
        self.n += 1
        if self.n in self.at_submission:
            raise self.at_submission[self.n]
        future = Future()
        if self.n in self.cancelled:
            future.cancel()
            future.set_running_or_notify_cancel()
        elif self.n in self.in_job:
            future.set_exception(self.in_job[self.n])
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class KilledWorker(Exception):
    """What a cluster raises in place of BrokenExecutor."""


EXECUTORS = {
    # the executor, the error, and the seeds that are finished
    "a worker lost": (lambda: Inline(in_job={1: BrokenExecutor()}), BrokenExecutor, [0, 2]),
    "a cluster's worker lost": (lambda: Inline(in_job={0: KilledWorker()}), KilledWorker, [1, 2]),
    "lost while jobs are handed in": (
        lambda: Inline(at_submission={2: BrokenExecutor()}),
        BrokenExecutor,
        [0, 1],
    ),
    "broken from the start": (lambda: Inline({0: BrokenExecutor()}), BrokenExecutor, []),
    "cancelled": (lambda: Inline(cancelled=[1]), BaseException, [0, 2]),
}


@pytest.mark.parametrize(("make", "error", "finished"), EXECUTORS.values(), ids=EXECUTORS)
def test_whatever_an_executor_does_finished_results_are_kept(make, error, finished, tmp_path):
    with pytest.raises(error):
        run_experiment({"pole": POLE}, [0, 1, 2], executor=make(), directory=tmp_path)
    files = [tmp_path / f"pole-seed{seed}.json" for seed in finished]
    assert sorted(tmp_path.glob("*")) == files
    for path in files:
        assert json.loads(path.read_text())["result"]["status"] == DONE


# Bad calls --------------------------------------------------------------------------------------

BAD = {
    "no environment": ({"pole": {"method": "trpo", "total_steps": 1}}, [0], "has no env"),
    "no method": ({"pole": {"env": "CartPole-v1", "total_steps": 1}}, [0], "has no method"),
    "no length": ({"pole": {"env": "CartPole-v1", "method": "npg"}}, [0], "has no total_steps"),
    "no steps": ({"pole": {**POLE, "total_steps": 0}}, [0], "total_steps must be .* >= 1"),
    "no such method": ({"pole": {**POLE, "method": "ppo"}}, [0], "method must be one of"),
    "no such setting": (
        {"pole": {**POLE, "radius": 1}},
        [0],
        r"configs\['pole'\]: radius is not a setting",
    ),
    "evaluations": ({"pole": {**POLE, "eval_episodes": -1}}, [0], "eval_episodes must be"),
    "a length that is text": ({"pole": {**POLE, "total_steps": "9"}}, [0], "total_steps .* '9'"),
    "a setting out of range": ({"pole": {**POLE, "epsilon": -1}}, [0], "'pole'.: epsilon must be"),
    "an infinite radius": ({"pole": {**POLE, "epsilon": np.inf}}, [0], "epsilon must be .* inf"),
    "no configuration": ({"pole": None}, [0], r"configs\['pole'\] must be a mapping; got None"),
    "a name that is a number": ({3: POLE}, [0], "configs must be named by strings; got 3"),
    "one seed": ({"pole": POLE}, 3, r"seeds must be several, such as .* got 3"),
    "no such environment": ({"pole": {**POLE, "env": "NoSuch-v0"}}, [0], "'pole'.* `NoSuch`"),
    "no such module": ({"pole": {**POLE, "env": "no_such:A-v0"}}, [0], "'pole'.* 'no_such'"),
    "a space of no use": ({"pole": {**POLE, "env": "FrozenLake-v1"}}, [0], "must be a Box"),
    "an environment that is none": ({"pole": {**POLE, "env": 3}}, [0], "'pole'.* cannot be run"),
    "a seed below 0": ({"pole": POLE}, [0, -1], "seeds must be"),
    "a function for an environment": (
        {"pole": {**POLE, "env": lambda: gymnasium.make("CartPole-v1")}},
        [0],
        "cannot be stored: .* name the environment by its id",
    ),
    "two names of one file": ({"a b": POLE, "a/b": POLE}, [0], "'a b' and 'a/b' would share"),
}


@pytest.mark.parametrize(("configs", "seeds", "message"), BAD.values(), ids=BAD)
def test_a_bad_call_is_refused_before_anything_is_run(configs, seeds, message, counted, tmp_path):
    with pytest.raises(ValueError, match=message):
        run_experiment({"good": POLE, **configs}, seeds, directory=tmp_path)
    assert counted == []
    assert list(tmp_path.iterdir()) == []


def test_configurations_without_names_are_refused():
    with pytest.raises(ValueError, match="configs must map names to configurations"):
        run_experiment([POLE], [0])


class Switches(Fatal):
    action_space = spaces.MultiBinary(2)


def broken():
    raise OSError("no licence")


@pytest.mark.parametrize(
    ("env", "message"),
    [(Switches, "must be Discrete, MultiDiscrete or Box"), (broken, "no licence")],
)
def test_a_function_that_makes_no_environment_of_use_is_refused(env, message, counted):
    with pytest.raises(ValueError, match=rf"configs\['bad'\] cannot be run: .*{message}"):
        run_experiment({"pole": POLE, "bad": {**POLE, "env": env}}, [0])
    assert counted == []


def test_each_environment_is_tried_once(monkeypatch):
    def job(name, config, seed):
        return Result(name, seed, DONE, [], [], [], "", 0.0)

    tried, plain = [], results.kind_of
    monkeypatch.setattr(results, "kind_of", lambda env: tried.append(env) or plain(env))
    monkeypatch.setattr(experiments, "run_job", job)
    run_experiment({**CONFIGS, "mast": POLE}, [0, 1])
    assert tried == ["CartPole-v1", "Pendulum-v1"]


def test_numpys_numbers_are_stored_as_numbers(counted, tmp_path):
    """Numbers of numpy are stored as the numbers that they are."""
    other = {**POLE, "total_steps": np.int64(200), "n_envs": np.int64(2), "lam": np.float64(0.95)}
    first = run_experiment({"pole": other}, [0], directory=tmp_path)
    plain = {**POLE, "lam": 0.95}
    assert run_experiment({"pole": plain}, [0], directory=tmp_path) == first
    assert counted == [("pole", 0)]


def test_a_function_will_do_where_nothing_is_stored():
    """A function for an environment is welcome where nothing is stored."""
    config = {**POLE, "env": lambda: gymnasium.make("CartPole-v1")}
    (result,) = run_experiment({"pole": config}, [0])
    assert result.status == DONE
    assert np.isfinite(result.evaluation).all()


def test_no_configurations_or_no_seeds_give_no_results(tmp_path):
    assert run_experiment({}, [0], directory=tmp_path) == []
    assert run_experiment(CONFIGS, [], directory=tmp_path) == []


def test_any_name_is_stored_within_the_directory(tmp_path):
    """A name that is no file name is stored within the directory."""
    (result,) = run_experiment({"../epsilon = .1": POLE}, [0], directory=tmp_path / "here")
    assert result.name == "../epsilon = .1"
    assert [p.parent for p in tmp_path.rglob("*.json")] == [tmp_path / "here"]
    assert isinstance(result, Result)
    assert Path(tmp_path / "here").is_dir()


def test_a_result_under_other_defaults_is_another(tmp_path, monkeypatch):
    """Those of its own kind of actions: what changed for another kind does not concern it."""
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    monkeypatch.setitem(settings.PER_KIND, "Box", {"gamma": 0.5})
    run_experiment({"pole": POLE}, [0], directory=tmp_path)
    monkeypatch.setitem(settings.PER_KIND, "Discrete", {"gamma": 0.5})
    with pytest.raises(ValueError, match=r"with other settings: gamma is 0\.99, not 0\.5"):
        run_experiment({"pole": POLE}, [0], directory=tmp_path)


def test_a_result_that_lacks_a_new_setting_has_its_default(tmp_path, counted):
    """Written before the setting existed: the default is what the program did then."""
    (first,) = run_experiment({"pole": POLE}, [0], directory=tmp_path)
    path = tmp_path / "pole-seed0.json"
    content = json.loads(path.read_text())
    del content["settings"]["normalise"]
    path.write_text(json.dumps(content))
    counted.clear()
    assert run_experiment({"pole": POLE}, [0], directory=tmp_path) == [first]
    assert counted == []


def test_a_result_of_the_first_edition_is_read(tmp_path, counted):
    """It held the defaults of both kinds and the environment's own, and no drawn episodes."""
    (first,) = run_experiment({"pole": POLE}, [0], directory=tmp_path)
    path = tmp_path / "pole-seed0.json"
    content = json.loads(path.read_text())
    del content["settings"], content["kind"], content["result"]["sampled"]
    changed = {**settings.PER_KIND["Discrete"]}
    content["defaults"] = {"Discrete": {**vars(Settings()), **changed}, "Box": vars(Settings())}
    content["environment"] = settings.PER_ENVIRONMENT["CartPole-v1"]
    path.write_text(json.dumps(content))
    counted.clear()
    assert run_experiment({"pole": POLE}, [0], directory=tmp_path) == [replace(first, sampled=[])]
    assert counted == []


LONG = "learning rate = " + "1" * 240


@pytest.mark.parametrize("name", [LONG, "\N{GREEK SMALL LETTER EPSILON}" * 100])
def test_a_name_too_long_for_a_file_is_stored(name, tmp_path, counted):
    other = name[:-1] + "2"
    results = run_experiment({name: POLE, other: POLE}, [0], directory=tmp_path)
    assert [r.name for r in results] == [name, other]
    assert len(list(tmp_path.glob("*.json"))) == 2
    counted.clear()
    assert run_experiment({name: POLE, other: POLE}, [0], directory=tmp_path) == results
    assert counted == []


def test_names_equal_but_for_case_are_refused(tmp_path, counted):
    """On a file system that does not tell them apart, one would replace the other."""
    with pytest.raises(ValueError, match="configs 'pole' and 'Pole' would share a file"):
        run_experiment({"pole": POLE, "Pole": POLE}, [0], directory=tmp_path)
    assert counted == []
