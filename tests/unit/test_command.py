"""The command: what it writes, what it prints, how it says no."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from npgkit import Result, train
from npgkit.__main__ import main
from npgkit.command import arguments
from npgkit.command.texts import number
from npgkit.lab.figures import learning_curves
from npgkit.practice import checkpoint, evaluation, experiments
from npgkit.practice.evaluation import interval
from npgkit.practice.results import DONE, FAILED, returns_at
from npgkit.practice.run import METHODS, Run

ROOT = Path(__file__).parents[2]
SETTINGS = {"n_envs": 2, "n_steps": 50, "hidden": [4], "value_hidden": [4]}
SMALL = [x for name, value in SETTINGS.items() for x in ("--set", f"{name}={json.dumps(value)}")]


def command(*arguments):
    return [*map(str, arguments), *SMALL]


def train_pole(out, *more):
    return main(command("train", "CartPole-v1", "--total-steps", 300, "--eval-episodes", 2,
                        "--seed", 4, "--out", out, *more))  # fmt: skip


def compare_poles(out, *more):
    return main(command("compare", "CartPole-v1", "--total-steps", 300, "--seeds", 2,
                        "--eval-episodes", 2, "--out", out, *more))  # fmt: skip


# train ------------------------------------------------------------------------------------------


def test_train_writes_a_result_and_prints_rows(tmp_path, capsys):
    """Train writes a result and a checkpoint and prints a row an iteration."""
    out = tmp_path / "deep" / "run"
    assert train_pole(out, "--method", "npg") == 0
    result = json.loads((out / "result.json").read_text())
    assert list(result) == [
        "env", "method", "seed", "env_steps", "cpu_seconds", "wall_seconds", "evaluation",
        "evaluation_sampled", "curve", "settings",
    ]  # fmt: skip
    assert (result["env"], result["method"], result["seed"]) == ("CartPole-v1", "npg", 4)
    assert result["env_steps"] == 300
    assert result["cpu_seconds"] > 0
    assert result["wall_seconds"] > 0
    assert len(result["evaluation"]) == 2
    assert [steps for steps, _ in result["curve"]] == [100, 200, 300]
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["iteration", "steps", "episodes", "return", "KL", "trials", "entropy"]
    assert [row.split()[:2] for row in rows] == [["1", "100"], ["2", "200"], ["3", "300"]]
    for row, (_, mean) in zip(rows, result["curve"], strict=True):
        assert row.split()[3] == number(mean)
    mode, drawn = (number(sum(result[name]) / 2) for name in ("evaluation", "evaluation_sampled"))
    assert last.startswith(
        f"evaluation over 2 episodes: mean {mode} with the most likely actions, {drawn} with drawn"
    )
    assert len((out / "progress.csv").read_text().splitlines()) == 4
    assert checkpoint.load(out)[0]["env_steps"] == 300


def test_the_command_is_the_run_of_train(tmp_path, capsys):
    assert train_pole(tmp_path) == 0
    changes = {**SETTINGS, "hidden": (4,), "value_hidden": (4,)}
    records = list(train("CartPole-v1", seed=4, total_steps=300, **changes))
    curve = json.loads((tmp_path / "result.json").read_text())["curve"]
    assert curve == [[r.env_steps, r.mean_return] for r in records]


def test_a_rollout_without_an_end_prints_a_dash(tmp_path, capsys):
    """A rollout without an end prints a dash and adds nothing to the curve."""
    arguments = command("train", "Pendulum-v1", "--total-steps", 100, "--eval-episodes", 1)
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[3] == "-"
    assert json.loads((tmp_path / "result.json").read_text())["curve"] == []


def test_resume_goes_on_and_gives_the_result_of_the_whole_run(tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train_pole(whole) == 0
    assert train_pole(parts, "--total-steps", "200") == 0
    capsys.readouterr()
    assert train_pole(parts, "--resume") == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:-1]] == ["3"]
    results = [json.loads((place / "result.json").read_text()) for place in (whole, parts)]
    spent = [checkpoint.load(place)[0]["spent"]["cpu_seconds"] for place in (whole, parts)]
    assert min(spent) > 0
    for result in results:
        del result["cpu_seconds"], result["wall_seconds"]
    assert results[0] == results[1]


def test_the_time_spent_before_an_interruption_is_counted(tmp_path, capsys):
    assert train_pole(tmp_path, "--total-steps", "100") == 0
    record, arrays = checkpoint.load(tmp_path)
    record["spent"] = {"cpu_seconds": 1000.0, "wall_seconds": 2000.0}
    checkpoint.save(tmp_path, record, arrays)
    assert train_pole(tmp_path, "--resume") == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert 1000 < result["cpu_seconds"] < 1100
    assert 2000 < result["wall_seconds"] < 2100


def test_a_checkpoint_is_not_overwritten_unless_resumed(tmp_path, capsys):
    assert train_pole(tmp_path) == 0
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert train_pole(tmp_path) == 1
    assert "holds a checkpoint; add --resume to go on" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


# How it says no ---------------------------------------------------------------------------------

POLE = ("train", "CartPole-v1")
REFUSED = {
    "no such environment": (("train", "NoSuch-v0"), "NoSuch"),
    "no such module": (("train", "no_such_module:Env-v0"), "no_such_module"),
    "an unsupported space": (("train", "FrozenLake-v1"), "wrappers.FlattenObservation"),
    "no steps": ((*POLE, "--total-steps", "0"), "--total-steps must be .* got 0"),
    "no evaluation": ((*POLE, "--eval-episodes", "0"), "--eval-episodes must be .* got 0"),
    "a seed below 0": ((*POLE, "--seed", "-1"), "seed must be .* got -1"),
    "no such setting": ((*POLE, "--set", "radius=1"), "radius is not a setting; there are alpha"),
    "a setting without a value": ((*POLE, "--set", "epsilon"), "--set takes NAME=VALUE"),
    "a setting that is no JSON": ((*POLE, "--set", "epsilon=big"), "got 'epsilon=big'"),
    "a setting out of range": ((*POLE, "--set", "epsilon=-1"), "epsilon must be .* got -1"),
    "a setting of another kind": ((*POLE, "--set", "hidden=8"), "hidden must be a list"),
    "text for a number": ((*POLE, "--set", 'gamma="high"'), "gamma must be .* got 'high'"),
    "compare: no seeds": (("compare", "CartPole-v1", "--seeds", "0"), "--seeds must be .* got 0"),
    "compare: no steps": (("compare", "CartPole-v1", "--total-steps", "0"), "total_steps must be"),
    "an argument for a setting": ((*POLE, "--set", "env=3"), "env is not a setting; there are"),
    "compare: no such environment": (("compare", "NoSuch-v0"), "NoSuch"),
    "compare: an argument for a setting": (
        ("compare", "CartPole-v1", "--set", "total_steps=9"),
        "total_steps is not a setting; there are",
    ),
    "compare: no workers": (("compare", "CartPole-v1", "--workers", "0"), "--workers .* got 0"),
    "compare: no evaluation": (
        ("compare", "CartPole-v1", "--eval-episodes", "0"),
        "--eval-episodes must be .* got 0",
    ),
    "compare: no such setting": (("compare", "CartPole-v1", "--set", "radius=1"), "not a setting"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_is_one_line_and_exit_code_1(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 1
    printed = capsys.readouterr()
    assert re.fullmatch(rf"npgkit: .*{message}.*\n", printed.err)
    assert printed.out == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("run", [train_pole, compare_poles])
@pytest.mark.parametrize("place", ["file", "file/run"])
def test_an_unwritable_place_is_noticed_first(run, place, tmp_path, capsys, monkeypatch):
    """A place that cannot be written is noticed before anything is run."""

    def never(*_):
        raise AssertionError("something is run")

    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(Run, "step", never)
    monkeypatch.setattr(experiments, "run_job", never)
    assert run(tmp_path / place) == 1
    printed = capsys.readouterr()
    assert re.fullmatch(rf"npgkit: {tmp_path / place} cannot be written into: .*\n", printed.err)
    assert printed.out == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [(MemoryError(), "MemoryError"), (MemoryError("Unable to allocate 3 GiB"), "Unable to .* GiB")],
)
def test_too_little_memory_is_one_line_and_exit_code_1(
    error, message, tmp_path, capsys, monkeypatch
):
    def step(run):
        raise error

    monkeypatch.setattr(Run, "step", step)
    assert train_pole(tmp_path) == 1
    assert re.fullmatch(rf"npgkit: {message}\n", capsys.readouterr().err)


def test_a_failed_evaluation_names_where_the_curve_is(tmp_path, capsys, monkeypatch):
    """An evaluation that fails names the checkpoint that holds the curve."""
    monkeypatch.setattr(evaluation, "MAX_STEPS", 1)
    assert train_pole(tmp_path) == 1
    error = capsys.readouterr().err
    assert error.startswith("npgkit: the evaluation failed: an episode of CartPole-v1 has not")
    assert error.endswith(f"Policy and curve are in {tmp_path}\n")
    assert len((tmp_path / "progress.csv").read_text().splitlines()) == 4
    monkeypatch.undo()
    assert train_pole(tmp_path, "--resume") == 0


RESUMED = {
    "another seed": (["--seed", "5"], "of another run: its seed is 4, not 5"),
    "another method": (["--method", "vpg"], "its method is 'trpo', not 'vpg'"),
    "another setting": (["--set", "lam=0.5"], "its lam is 0.95, not 0.5"),
}


@pytest.mark.parametrize(("change", "message"), RESUMED.values(), ids=RESUMED)
def test_resuming_another_run_is_refused_with_what_differs(change, message, tmp_path, capsys):
    assert train_pole(tmp_path) == 0
    assert train_pole(tmp_path, "--resume", *change) == 1
    assert message in capsys.readouterr().err


def test_a_place_where_another_run_is_writing_is_refused(tmp_path, capsys):
    pytest.importorskip("fcntl")
    assert train_pole(tmp_path) == 0
    with checkpoint.held(tmp_path):
        assert train_pole(tmp_path, "--resume") == 1
    assert "another run is writing its checkpoints in" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_refused(tmp_path, capsys):
    assert train_pole(tmp_path) == 0
    next(tmp_path.glob("checkpoint-*.npz")).unlink()
    assert train_pole(tmp_path, "--resume") == 1
    assert "is missing" in capsys.readouterr().err


def test_the_command_goes_on_where_the_function_stopped(tmp_path, capsys):
    changes = {**SETTINGS, "hidden": (4,), "value_hidden": (4,)}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train_pole(whole) == 0
    list(train("CartPole-v1", seed=4, total_steps=100, directory=parts, **changes))
    assert train_pole(parts, "--resume") == 0
    curves = [json.loads((d / "result.json").read_text())["curve"] for d in (whole, parts)]
    assert curves[0] == curves[1]


def test_resume_with_nothing_to_resume_says_so(tmp_path, capsys):
    assert train_pole(tmp_path, "--resume") == 0
    assert capsys.readouterr().err == (
        f"npgkit: nothing to resume in {tmp_path}; a new run begins\n"
    )


def test_resume_of_a_finished_run_says_so_and_evaluates_again(tmp_path, capsys):
    assert train_pole(tmp_path) == 0
    before = json.loads((tmp_path / "result.json").read_text())
    capsys.readouterr()
    assert train_pole(tmp_path, "--resume") == 0
    assert "has 300 steps already; a larger --total-steps goes on" in capsys.readouterr().err
    assert json.loads((tmp_path / "result.json").read_text()) == before


def test_resume_takes_the_settings_of_the_checkpoint(tmp_path, capsys):
    """Whatever the defaults are today: only what is asked for on the command line can differ."""
    assert train_pole(tmp_path, "--total-steps", "100") == 0
    arguments = ["train", "CartPole-v1", "--seed", "4", "--total-steps", "200", "--resume"]
    assert main([*arguments, "--eval-episodes", "1", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["settings"]["n_steps"] == SETTINGS["n_steps"]


def test_a_fault_of_the_environment_is_one_line_and_exit_code_1(tmp_path, capsys, monkeypatch):
    plain, calls = Run.step, []

    def step(run):
        calls.append(1)
        if len(calls) == 3:
            run.pool.env.state[0, 1] = np.nan
        return plain(run)

    monkeypatch.setattr(Run, "step", step)
    assert train_pole(tmp_path) == 1
    printed = capsys.readouterr()
    assert "observation of environment 1 (CartPole-v1)" in printed.err
    assert "Traceback" not in printed.err
    assert checkpoint.load(tmp_path)[0]["iteration"] == 2


# Interrupted ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finished", "message"),
    [
        (2, "the last iteration is in {}; add --resume to go on"),
        (0, "there is no iteration in {} yet"),
    ],
)
def test_ctrl_c_is_one_line_that_says_how_to_go_on(
    finished, message, tmp_path, capsys, monkeypatch
):
    with monkeypatch.context() as patch:
        plain, calls = Run.step, []

        def step(run):
            calls.append(1)
            if len(calls) > finished:
                raise KeyboardInterrupt
            return plain(run)

        patch.setattr(Run, "step", step)
        assert train_pole(tmp_path) == 130
    assert capsys.readouterr().err == f"npgkit: interrupted; {message.format(tmp_path)}\n"
    assert train_pole(tmp_path, "--resume") == 0
    assert checkpoint.load(tmp_path)[0]["env_steps"] == 300


def test_ctrl_c_in_compare_keeps_the_finished_runs(tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        plain = experiments.run_job

        def job(name, config, seed):
            if seed == 1:
                raise KeyboardInterrupt
            return plain(name, config, seed)

        patch.setattr(experiments, "run_job", job)
        assert compare_poles(tmp_path) == 130
    assert capsys.readouterr().err == (
        f"npgkit: interrupted; finished runs are in {tmp_path}, and the same command does the "
        "others\n"
    )
    assert len(list(tmp_path.glob("*-seed0.json"))) == 1
    assert compare_poles(tmp_path) == 0


SLEEPER = """
import os, pathlib, time
import gymnasium

class Sleeper(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        pathlib.Path(f"asleep-{os.getpid()}").touch()
        time.sleep(3600)

gymnasium.register("Sleeper-v0", entry_point=Sleeper)
"""


@pytest.mark.skipif(os.name != "posix", reason="a terminal's signal goes to a group of processes")
def test_ctrl_c_ends_the_workers_at_once_and_without_a_word(tmp_path):
    """It comes, as from a terminal, to all processes, here once both workers have a job."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, "-m", "npgkit", "compare", "sleeper:Sleeper-v0", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}, start_new_session=True,
        # A shell that runs the tests in the background has told them to ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        latest = time.monotonic() + 60
        while len(list(tmp_path.glob("asleep-*"))) < 2 and time.monotonic() < latest:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        printed, error = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert re.fullmatch(r"npgkit: interrupted; finished runs are in .*\n", error)
    assert printed == ""


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["compare", "--help"]])
def test_help_names_every_option_and_shows_an_example(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 0
    text = capsys.readouterr().out
    if argv == ["--help"]:
        assert "python -m npgkit train CartPole-v1" in text
        assert "python -m npgkit compare CartPole-v1" in text
    else:
        assert "--total-steps" in text
        assert "(default: " in text


VALUES = {
    "a number": ("gamma=0.9", 0.9),
    "without a leading zero": ("gamma=.9", 0.9),
    "with an exponent": ("n_steps=1e2", 100.0),
    "with an underscore": ("n_steps=1_000", 1000),
    "JSON's false": ("normalise=false", False),
    "Python's False": ("normalise=False", False),
    "a list": ("hidden=[8, 8]", [8, 8]),
    "a tuple": ("hidden=(8, 8)", (8, 8)),
    "a tuple of one": ("hidden=(8,)", (8,)),
}


@pytest.mark.parametrize(("pair", "value"), VALUES.values(), ids=VALUES)
def test_set_takes_what_json_and_python_write(pair, value):
    (found,) = arguments.settings([pair]).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("text", "steps"), [("1e5", 100_000), ("2_000", 2000), ("300", 300)])
def test_counts_are_written_as_people_write_them(text, steps):
    assert arguments.count(text) == steps


@pytest.mark.parametrize("command", ["train", "play", "compare", "settings"])
def test_the_help_shows_defaults_that_say_something(command, capsys):
    """A number or a method that is used unless told is shown; None, False and [] are not."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert ("(default:" in shown) == (command != "settings")
    for nothing in ("None", "False", "[]"):
        assert f"(default: {nothing})" not in " ".join(shown.split())


@pytest.mark.parametrize("text", ["1.5", "1e-1", "many", "", "inf", "nan"])
def test_a_count_that_is_none_shows_the_usage(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "CartPole-v1", "--out", "x", "--total-steps", text])
    assert ended.value.code == 2
    assert "--total-steps" in capsys.readouterr().err


NUMBERS = {
    0.004123: "0.004123", -1.2345e-5: "-1.234e-05", 0.0: "0.0", 23.456: "23.46", 499.96: "500.0",
    2345.678: "2345.7", -101.26: "-101.3", 1e9: "1e+09", math.nan: "-", math.inf: "inf",
}  # fmt: skip


@pytest.mark.parametrize(("value", "text"), NUMBERS.items(), ids=NUMBERS.values())
def test_returns_are_shown_with_digits_that_say_something(value, text):
    """Returns of any size are shown with digits that say something."""
    assert number(value) == text
    assert len(text) <= 10


@pytest.mark.parametrize("arguments", [[], ["walk"], ["train"], ["train", "CartPole-v1"]])
def test_a_command_that_is_none_shows_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m npgkit" in capsys.readouterr().err


def as_module(arguments):
    return subprocess.run(
        [sys.executable, "-m", "npgkit", *arguments],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def test_it_runs_as_a_module_and_its_exit_code_is_the_processs(tmp_path):
    pole = command("train", "CartPole-v1", "--total-steps", 100, "--out", tmp_path)
    done, refused = as_module(pole), as_module(pole)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "result.json").exists()
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1


# compare ----------------------------------------------------------------------------------------


def evaluations(out, method):
    files = sorted(out.glob(f"{method}-seed*.json"))
    return np.array([np.mean(json.loads(p.read_text())["result"]["evaluation"]) for p in files])


def test_compare_prints_a_line_a_method_and_draws_their_curves(tmp_path, capsys):
    assert compare_poles(tmp_path) == 0
    head, *lines, last = capsys.readouterr().out.splitlines()
    assert head.startswith("method  seeds  evaluation: interquartile mean")
    assert sorted(line.split()[0] for line in lines) == sorted(METHODS)
    for line in lines:
        method, seeds, *rest = line.split()
        found = evaluations(tmp_path, method)
        at = interval(found)
        assert int(seeds) == len(found) == 2
        assert " ".join(rest) == f"{number(at.estimate)} [{number(at.low)}, {number(at.high)}]"
    assert last == f"drawn in {tmp_path / 'compare.svg'}"
    picture = ElementTree.parse(tmp_path / "compare.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_second_compare_repeats_nothing_and_says_the_same(tmp_path, capsys, monkeypatch):
    assert compare_poles(tmp_path) == 0
    first = capsys.readouterr().out

    def never(*job):
        raise AssertionError(f"{job} is run again")

    monkeypatch.setattr(experiments, "run_job", never)
    assert compare_poles(tmp_path) == 0
    assert capsys.readouterr().out == first


def test_two_workers_give_the_results_of_one(tmp_path, capsys):
    """Two as a module: its workers are spawned and cannot import a package's `__main__`."""
    assert compare_poles(tmp_path / "1") == 0
    arguments = command("compare", "CartPole-v1", "--total-steps", 300, "--seeds", 2,
                        "--eval-episodes", 2, "--out", tmp_path / "2", "--workers", 2)  # fmt: skip
    done = as_module(arguments)
    assert (done.returncode, done.stderr) == (0, "")
    one, two = (
        {p.name: json.loads(p.read_text()) for p in (tmp_path / str(n)).glob("*.json")}
        for n in (1, 2)
    )
    assert len(one) == 2 * len(METHODS)
    for content in (*one.values(), *two.values()):
        del content["result"]["cpu_seconds"]
    assert one == two


def test_more_seeds_add_to_those_that_are_there(tmp_path, capsys, monkeypatch):
    calls, plain = [], experiments.run_job
    monkeypatch.setattr(experiments, "run_job", lambda *job: calls.append(job) or plain(*job))
    assert compare_poles(tmp_path, "--seeds", "1") == 0
    assert compare_poles(tmp_path, "--seeds", "2") == 0
    assert sorted((name, seed) for name, _, seed in calls) == [
        (method, seed) for method in sorted(METHODS) for seed in (0, 1)
    ]


def test_compare_of_other_settings_in_the_same_place_is_refused(tmp_path, capsys):
    assert compare_poles(tmp_path, "--seeds", "1") == 0
    assert compare_poles(tmp_path, "--seeds", "1", "--set", "lam=0.5") == 1
    told = capsys.readouterr().err
    assert "with other settings: lam is 0.95, not 0.5" in told
    assert "another directory" in told and "configs[" not in told


def test_a_failed_run_is_named_and_the_others_are_shown(tmp_path, capsys, monkeypatch):
    """A failed run is named with its error and the others are shown."""
    plain = Run.step

    def step(run):
        if (run.method, run.seed) == ("vpg", 1):
            raise ArithmeticError("bad luck")
        return plain(run)

    monkeypatch.setattr(Run, "step", step)
    assert compare_poles(tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.err == "vpg, seed 1: failed, ArithmeticError: bad luck\n"
    seeds = {line.split()[0]: line.split()[1] for line in printed.out.splitlines()[1:-1]}
    assert seeds == {"vpg": "1", "npg": "2", "trpo": "2"}
    monkeypatch.undo()
    assert compare_poles(tmp_path) == 1
    assert capsys.readouterr() == printed
    assert compare_poles(tmp_path, "--retry-failed") == 0
    assert capsys.readouterr().err == ""


def test_where_all_runs_failed_there_is_no_picture(tmp_path, capsys, monkeypatch):
    """Where all runs failed there is no picture and the exit code is 1."""

    def step(run):
        raise ArithmeticError("bad luck")

    monkeypatch.setattr(Run, "step", step)
    assert compare_poles(tmp_path, "--seeds", "1") == 1
    *failed, last = capsys.readouterr().err.splitlines()
    assert len(failed) == len(METHODS)
    assert last == "no picture: no finished run has a curve of two points"
    assert not (tmp_path / "compare.svg").exists()


def test_without_matplotlib_a_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "npgkit.lab.figures.learning_curves")
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    assert compare_poles(tmp_path, "--seeds", "1") == 0
    assert capsys.readouterr().err == (
        "no picture: matplotlib.axes is not installed; pip install matplotlib ipython, or the "
        "extra `book`\n"
    )


# The curves -------------------------------------------------------------------------------------


def result(name, seed, curve, status=DONE):
    return Result(name, seed, status, curve, [], [1.0], "", 1.0)


def test_the_band_is_the_interquartile_mean_and_interval():
    """The band is the interquartile mean and its interval where all curves are."""
    runs = [
        result("trpo", seed, [[1000 * (seed + 1), float(seed)], [9000 + seed, 10.0 * seed]])
        for seed in range(5)
    ]
    failed = result("trpo", 9, [[0, 1e9], [10**6, 1e9]], FAILED)
    ax = Figure().subplots()
    learning_curves.band(ax, [*runs, failed], "trpo", points=7)
    (line,) = ax.get_lines()
    x, y = line.get_data()
    assert (x[0], x[-1], len(x)) == (5.0, 9.0, 7)  # in thousands; from the last start to the end
    grid = np.array([returns_at(r.curve, 1000 * np.asarray(x)) for r in runs])
    np.testing.assert_allclose(y, [interval(column).estimate for column in grid.T], rtol=1e-12)
    (fill,) = ax.collections
    lows_and_highs = fill.get_paths()[0].vertices[:, 1]
    assert lows_and_highs.min() == pytest.approx(
        min(interval(column, resamples=500).low for column in grid.T), rel=1e-12
    )


def test_every_method_has_a_look_and_a_name():
    assert set(learning_curves.LOOKS) == set(learning_curves.NAMES) == set(METHODS)


def test_runs_without_curves_draw_an_empty_figure():
    for runs in ([], [result("trpo", 0, [])], [result("npg", 0, [[1, 2.0]])]):
        figure = learning_curves.draw(runs, "nothing")
        assert figure.axes[0].get_lines() == []
