"""progress.csv: every field, a row an iteration, whole after a crash and a resume."""

import csv
import errno
import math
import os
from dataclasses import fields

import pytest

from npgkit import Iteration, train
from npgkit.practice.logbook import NAME, Logbook

SMALL = {"n_envs": 2, "n_steps": 60, "hidden": (8,), "value_hidden": (8,)}
NAMES = ["iteration", "env_steps", "mean_return"]


def rows(directory):
    with (directory / NAME).open(newline="") as file:
        return list(csv.DictReader(file))


def pole(directory, steps, **more):
    return list(
        train("CartPole-v1", seed=1, total_steps=steps, directory=directory, **SMALL, **more)
    )


def test_each_iteration_is_a_row_with_every_field(tmp_path):
    records = pole(tmp_path, 360)
    found = rows(tmp_path)
    assert list(found[0]) == [field.name for field in fields(Iteration)]
    assert len(found) == len(records) == 3
    for row, record in zip(found, records, strict=True):
        for field in fields(Iteration):
            value = getattr(record, field.name)
            assert row[field.name] == str(value)


def test_a_row_is_on_disk_before_its_record_is_yielded(tmp_path):
    training = train("CartPole-v1", seed=1, total_steps=360, directory=tmp_path, **SMALL)
    for n, _ in enumerate(training, start=1):
        assert len(rows(tmp_path)) == n


def test_no_return_is_written_as_nan(tmp_path):
    list(train("Pendulum-v1", seed=0, total_steps=120, directory=tmp_path, **SMALL))
    assert math.isnan(float(rows(tmp_path)[0]["mean_return"]))


def test_a_resumed_run_writes_the_file_of_the_whole_one(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    pole(whole, 480)
    pole(parts, 240)
    pole(parts, 480, resume=True)
    assert rows(parts) == rows(whole)


LEFT = {
    "a row beyond the checkpoint": "3,360,9.0\n",
    "half a row": "3,36",
    "half a row, to the comma": "2,",
    "bytes of nothing": "\0\0\0\0",
    "a line that is no row": "hello\n",
}


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_what_a_crash_left_is_dropped(left, tmp_path):
    """The checkpoint is of iteration 2; its rows stay, whatever stands behind them."""
    head = ",".join(NAMES) + "\n"
    good = "1,120,20.5\n2,240,21.25\n"
    (tmp_path / NAME).write_text(head + good + left)
    book = Logbook(tmp_path, NAMES, 2)
    book.append({"iteration": 3, "env_steps": 360, "mean_return": 22.0})
    book.close()
    assert (tmp_path / NAME).read_text().replace("\r\n", "\n") == head + good + "3,360,22.0\n"


def test_a_new_run_begins_a_new_file(tmp_path):
    (tmp_path / NAME).write_text("iteration\n1\n")
    Logbook(tmp_path, NAMES, 0).close()
    assert rows(tmp_path) == []


def test_a_file_that_was_removed_begins_at_the_resume(tmp_path):
    pole(tmp_path, 240)
    (tmp_path / NAME).unlink()
    pole(tmp_path, 480, resume=True)
    assert [row["iteration"] for row in rows(tmp_path)] == ["3", "4"]


def test_nothing_of_a_run_without_a_directory_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pole(None, 120)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    book = Logbook(tmp_path, NAMES, 0)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="progress") as refused:
        book.append({"iteration": 1, "env_steps": 1, "mean_return": 0.0})
    assert refused.value.errno == errno.ENOSPC
    book.close()
