"""What the system can do to a run's files: no locks, full disks, links to nothing, long names."""

import errno
import os
from pathlib import Path

import pytest

from npgkit import CheckpointError, load, train
from npgkit.practice import checkpoint

SMALL = {"n_envs": 2, "n_steps": 20, "hidden": (4,), "value_hidden": (4,)}


def pole(directory, steps=40, **more):
    return list(
        train("CartPole-v1", seed=0, total_steps=steps, directory=directory, **SMALL, **more)
    )


@pytest.mark.parametrize("code", checkpoint.NO_LOCKS, ids=lambda code: errno.errorcode[code])
def test_without_locks_a_run_is_trained_all_the_same(code, tmp_path, monkeypatch):
    """As on Windows: some network file systems have none."""
    fcntl = pytest.importorskip("fcntl")

    def refused(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    assert len(pole(tmp_path)) == 1


def test_another_error_of_a_lock_is_not_swallowed(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refused(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        pole(tmp_path)


def test_a_tilde_is_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    pole("~/runs/pole")
    assert (tmp_path / "home" / "runs" / "pole" / "checkpoint.json").exists()
    assert not (tmp_path / "~").exists()
    assert load("~/runs/pole").settings.n_envs == 2


def test_a_link_to_nothing_is_called_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(
        OSError, match=r"link cannot be written into: it is a link to .*gone, which"
    ):
        pole(tmp_path / "link")


def test_a_checkpoint_that_is_a_link_to_nothing_is_not_replaced(tmp_path):
    """Its disk may come back."""
    (tmp_path / "checkpoint.json").symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match="holds a checkpoint"):
        pole(tmp_path)
    with pytest.raises(CheckpointError, match=r"it is a link to .*gone, which is not there"):
        pole(tmp_path, resume=True)


@pytest.mark.parametrize("full_at", ["_flush", "np.savez"])
def test_a_full_disk_names_the_file_and_keeps_the_last_state(full_at, tmp_path, monkeypatch):
    pole(tmp_path)
    before = checkpoint.load(tmp_path)[0]["iteration"]

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"npgkit.practice.checkpoint.{full_at}", full)
        with pytest.raises(OSError, match=r"No space left on device: .*checkpoint-2") as refused:
            pole(tmp_path, 80, resume=True)
    assert refused.value.errno == errno.ENOSPC
    assert checkpoint.load(tmp_path)[0]["iteration"] == before
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]
    assert len(pole(tmp_path, 80, resume=True)) == 1


def test_the_longest_name_of_a_file_can_be_written(tmp_path):
    path = tmp_path / ("x" * 250 + ".json")
    checkpoint.write_json(path, {"a": 1})
    assert checkpoint.read_json(path) == {"a": 1}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the names of open files")
def test_a_rename_is_flushed_to_the_disk(tmp_path, monkeypatch):
    flushed, plain = [], os.fsync

    def fsync(handle):
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
        plain(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    checkpoint.write_json(tmp_path / "a.json", [])
    assert flushed[-1] == tmp_path
    assert flushed[0].parent == tmp_path


@pytest.mark.parametrize("value", [3, object(), b"runs"])
def test_what_is_not_a_path_is_refused_by_name(value):
    with pytest.raises(ValueError, match="directory must be the path of a directory"):
        load(value)
