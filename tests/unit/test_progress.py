"""Progress: a bar that counts what is done, on stderr, and changes nothing else."""

import io
import re
import sys

import pytest

from npgkit import run_experiment, train
from npgkit.__main__ import main
from npgkit.practice.progress import bar

SMALL = {"n_envs": 2, "n_steps": 50, "hidden": [4], "value_hidden": [4]}
COMMAND = (
    "train", "CartPole-v1", "--total-steps", "300", "--eval-episodes", "1",
    *(part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")),
)  # fmt: skip


def last_shown(text: str) -> str:
    """What a terminal shows in the end: the bar is drawn over itself."""
    return re.split(r"[\r\n]", text.strip())[-1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_train_shows_steps_and_the_return_of_late(capsys):
    records = list(train("CartPole-v1", seed=0, total_steps=300, progress=True, **SMALL))
    out, err = capsys.readouterr()
    assert out == ""
    assert "300/300" in last_shown(err)
    assert f"return {records[-1].mean_return:.4g}" in last_shown(err)


def test_a_bar_changes_no_record(capsys):
    runs = [
        list(train("CartPole-v1", seed=0, total_steps=300, progress=progress, **SMALL))
        for progress in (True, False)
    ]
    assert runs[0] == runs[1]


def test_a_resumed_run_begins_where_it_stopped(tmp_path, capsys):
    kept = {"seed": 0, "directory": tmp_path, **SMALL}
    list(train("CartPole-v1", total_steps=200, **kept))
    list(train("CartPole-v1", total_steps=400, resume=True, progress=True, **kept))
    shown = re.findall(r"(\d+)/400", capsys.readouterr().err)
    assert (shown[0], shown[-1]) == ("200", "400")


def test_an_experiment_counts_runs_found_on_disk_as_done(tmp_path, capsys):
    """An experiment counts runs and those found on disk are done."""
    config = {"env": "CartPole-v1", "method": "vpg", "total_steps": 100, "eval_episodes": 1}
    configs = {"one": {**config, **SMALL}}
    run_experiment(configs, [0], directory=tmp_path)
    run_experiment(configs, range(3), directory=tmp_path, progress=True)
    shown = re.findall(r"(\d+)/3", capsys.readouterr().err)
    assert (shown[0], shown[-1]) == ("1", "3")


@pytest.mark.parametrize("call", ["train", "experiment", "command"])
def test_nothing_is_drawn_unasked(call, tmp_path, capsys):
    """Not by the functions, and not by the command where stderr is no terminal."""
    if call == "train":
        list(train("CartPole-v1", seed=0, total_steps=100, **SMALL))
    elif call == "experiment":
        config = {"env": "CartPole-v1", "method": "vpg", "total_steps": 100, "eval_episodes": 1}
        run_experiment({"one": {**config, **SMALL}}, [0])
    else:
        assert main([*COMMAND, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_the_command_draws_a_bar_below_its_rows_on_a_terminal(tmp_path, capsys, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main([*COMMAND, "--out", str(tmp_path)]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "iteration"
    assert [row.split()[1] for row in rows] == ["100", "200", "300"]
    assert last.startswith("evaluation over 1 episodes")
    assert "300/300" in last_shown(terminal.getvalue())


def test_a_large_total_is_written_short(capsys):
    with bar(100_000, unit="step", show=True) as shown:
        shown.update(50_000)
    assert "50.0k/100k" in last_shown(capsys.readouterr().err)
