"""Checkpoints: whole or refused, never half; a damaged one is one clear error and changes nothing.

"Changes nothing" is checked on the run that tried to load it: it goes on as one that never did.
"""

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from npgkit import CheckpointError, train
from npgkit.practice import checkpoint, run_record
from npgkit.practice.run import Run
from npgkit.practice.settings import settings_for

SMALL = {"n_envs": 2, "n_steps": 20, "hidden": (4,), "value_hidden": (4,)}
RECORD = {"text": "a", "number": 0.1, "big": 2**100, "nested": {"list": [1, None, True]}}
ARRAYS = {
    "theta": np.linspace(0, 1, 7, dtype=np.float32),
    "counts": np.arange(6).reshape(2, 3),
    "empty": np.empty((0, 2)),
    "flags": np.array([True, False]),
}


def run(env="CartPole-v1", method="trpo", seed=0, **changes):
    return Run(env, method, seed=seed, settings=settings_for(env, **{**SMALL, **changes}))


def saved(directory, **options):
    trained = run(**options)
    trained.step()
    run_record.save(trained, directory)
    return trained


def arrays_file(directory) -> Path:
    (path,) = directory.glob("checkpoint-*.npz")
    return path


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], strict=True)


def assert_untouched(tried, **options):
    """The run does what a new one does."""
    fresh = run(**options)
    assert (tried.iteration, tried.env_steps, tried.episodes) == (0, 0, 0)
    # Not ==, to which a NaN in a dataclass is itself before Python 3.13 and no longer after.
    np.testing.assert_equal(asdict(tried.step()), asdict(fresh.step()))
    np.testing.assert_array_equal(tried.theta, fresh.theta)
    np.testing.assert_array_equal(tried.value_params, fresh.value_params)


# What is written --------------------------------------------------------------------------------


def test_what_was_saved_is_loaded_bit_by_bit(tmp_path):
    checkpoint.save(tmp_path / "deep" / "er", RECORD, ARRAYS)
    record, arrays = checkpoint.load(tmp_path / "deep" / "er")
    assert record == RECORD
    assert_same(arrays, ARRAYS)


def test_a_checkpoint_is_two_files_whatever_was_there_before(tmp_path):
    for n in range(3):
        checkpoint.save(tmp_path, {"n": n}, {"n": np.array(n)})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-3.npz", "checkpoint.json"]
    record, arrays = checkpoint.load(tmp_path)
    assert record["n"] == arrays["n"] == 2


def test_nothing_in_it_is_pickled(tmp_path):
    saved(tmp_path)
    json.loads((tmp_path / "checkpoint.json").read_text("utf-8"))
    with zipfile.ZipFile(arrays_file(tmp_path)) as archive:
        for name in archive.namelist():
            assert name.endswith(".npy")
            with archive.open(name) as file:
                np.lib.format.read_array(file, allow_pickle=False)


def test_objects_cannot_be_loaded_even_with_a_right_checksum(tmp_path):
    """What only pickle could read is refused, and what it would run is not run."""

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    checkpoint.save(tmp_path, {}, {"a": np.array([Bomb()], dtype=object)})
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.load(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_files_beside_it_are_left_alone(tmp_path):
    others = [
        "arrays-1.npz", "checkpoint-old.npz", "checkpoint-07.npz", "checkpoint-\u00b2.npz",
        "notes.txt", "result.json", ".notes.tmp", ".run.json.12.tmp",
    ]  # fmt: skip
    for name in others:
        (tmp_path / name).write_text("mine")
    for _ in range(2):
        checkpoint.save(tmp_path, RECORD, ARRAYS)
    assert all((tmp_path / name).read_text() == "mine" for name in others)


# Interrupted writes -----------------------------------------------------------------------------


class Interrupted(BaseException):
    """Like a kill: no handler of `Exception` sees it."""


def interrupt(*args, **options):
    raise Interrupted


WRITES = {
    "before the arrays": ("npgkit.practice.checkpoint.np.savez", True),
    "before the arrays are on disk": ("npgkit.practice.checkpoint._flush", True),
    "between the two files": ("npgkit.practice.checkpoint.write_json", True),
    "within the JSON": ("npgkit.practice.checkpoint.json.dump", True),
    "before the old arrays are removed": ("npgkit.practice.checkpoint.Path.unlink", False),
}


@pytest.mark.parametrize(("where", "old"), WRITES.values(), ids=WRITES)
def test_after_an_interrupted_save_there_is_a_whole_checkpoint(where, old, tmp_path, monkeypatch):
    checkpoint.save(tmp_path, {"n": "old"}, {"n": np.array(1)})
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupt)
        with pytest.raises(Interrupted):
            checkpoint.save(tmp_path, {"n": "new"}, {"n": np.array(2)})
    record, arrays = checkpoint.load(tmp_path)
    assert (record["n"], arrays["n"]) == (("old", 1) if old else ("new", 2))
    checkpoint.save(tmp_path, {"n": "third"}, {"n": np.array(3)})
    record, arrays = checkpoint.load(tmp_path)
    assert (record["n"], arrays["n"]) == ("third", 3)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("replaced", [0, 1])
def test_a_kill_at_either_replacement_leaves_the_old_or_the_new(replaced, tmp_path, monkeypatch):
    """Nothing is cleaned up, as after SIGKILL: temporary files stay until the next save."""
    checkpoint.save(tmp_path, {"n": "old"}, {"n": np.array(1)})
    calls, plain = [], Path.replace

    def replace(path, target):
        calls.append(target)
        if len(calls) > replaced:
            raise Interrupted
        return plain(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        patch.setattr(Path, "unlink", interrupt)
        patch.setattr(os, "getpid", lambda: 12345)  # of the process that was killed
        with pytest.raises(Interrupted):
            checkpoint.save(tmp_path, {"n": "new"}, {"n": np.array(2)})
    assert list(tmp_path.glob(".*.tmp"))
    assert checkpoint.load(tmp_path)[0]["n"] == "old"
    checkpoint.save(tmp_path, {"n": "third"}, {"n": np.array(3)})
    assert checkpoint.load(tmp_path)[1]["n"] == 3
    assert len(list(tmp_path.iterdir())) == 2


def test_a_first_save_that_is_interrupted_leaves_no_checkpoint(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json", interrupt)
        with pytest.raises(Interrupted):
            checkpoint.save(tmp_path, RECORD, ARRAYS)
    assert not checkpoint.exists(tmp_path)
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        checkpoint.load(tmp_path)


def test_a_record_that_is_no_json_leaves_the_old_checkpoint(tmp_path):
    checkpoint.save(tmp_path, RECORD, ARRAYS)
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path, {"a": object()}, ARRAYS)
    assert checkpoint.load(tmp_path)[0] == RECORD


# Damage -----------------------------------------------------------------------------------------


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def rewritten(**changes):
    def damage(directory):
        path = directory / "checkpoint.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def with_record(**changes):
    """Changes the record and leaves the checksum."""

    def damage(directory):
        path = directory / "checkpoint.json"
        body = json.loads(path.read_text())
        body["record"] |= changes
        path.write_text(json.dumps(body))

    return damage


def write(name, content):
    return lambda directory: (directory / name).write_bytes(content)


def swap_arrays(directory):
    path = arrays_file(directory)
    np.savez(path, theta=np.zeros(3))


JSON = "checkpoint.json"
DAMAGES = {
    "JSON missing": (lambda d: (d / JSON).unlink(), "there is no checkpoint in"),
    "arrays missing": (lambda d: arrays_file(d).unlink(), "checkpoint-1.npz is missing"),
    "JSON empty": (write(JSON, b""), "damaged: it is not JSON"),
    "JSON cut in half": (lambda d: cut(d / JSON, 0.5), "damaged: it is not JSON"),
    "JSON not UTF-8": (write(JSON, b"\xff\xfe{}"), "damaged: it is not JSON"),
    "JSON of another kind": (write(JSON, b"[1, 2]"), "not a checkpoint of schema .* 'list'"),
    "JSON of another program": (write(JSON, b'{"version": 3}'), "not a checkpoint of schema"),
    "a later schema": (rewritten(schema="npgkit-checkpoint/3"), "says 'npgkit-checkpoint/3'"),
    "no checksum": (rewritten(checksum=None), "damaged: its checksum"),
    "an edited record": (with_record(seed=1), "damaged: its checksum"),
    "another arrays file named": (rewritten(arrays="checkpoint-7.npz"), "damaged: its checksum"),
    "arrays empty": (lambda d: cut(arrays_file(d), 0), "checkpoint-1.npz is damaged"),
    "arrays cut in half": (lambda d: cut(arrays_file(d), 0.5), "checkpoint-1.npz is damaged"),
    "arrays cut by a byte": (lambda d: cut(arrays_file(d), 0.9999), "checkpoint-1.npz is damaged"),
    "arrays of another": (swap_arrays, "checkpoint-1.npz is damaged"),
    "a directory for the JSON": (
        lambda d: ((d / JSON).unlink(), (d / JSON).mkdir()),
        "damaged: it is not JSON",
    ),
}


POSITIONS = [0, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, -1]


@pytest.mark.parametrize("bit", [0, 3, 7])
@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize("which", ["JSON", "arrays"])
def test_a_flipped_bit_anywhere_is_found(which, at, bit, tmp_path):
    """In the JSON a flip that reads as the same content is no damage: 1e-05 and 1E-05."""
    checkpoint.save(tmp_path, RECORD, ARRAYS)
    path = tmp_path / JSON if which == "JSON" else arrays_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[at if at == -1 else int(at * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged|schema"):
        checkpoint.load(tmp_path)


def test_no_flip_of_any_bit_of_the_json_changes_what_is_loaded(tmp_path):
    checkpoint.save(tmp_path, {"seed": 17, "x": 1.5e-7}, {"a": np.arange(3)})
    path = tmp_path / JSON
    content, loaded = path.read_bytes(), 0
    for at in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            path.write_bytes(flipped)
            try:
                record, arrays = checkpoint.load(tmp_path)
            except CheckpointError:
                continue
            loaded += 1
            assert record == {"seed": 17, "x": 1.5e-7}
            np.testing.assert_array_equal(arrays["a"], np.arange(3))
    assert loaded < 5


# Whole, and wrong -------------------------------------------------------------------------------


def resealed(change):
    """Changes the record and the arrays and gives them right checksums, as a program would."""

    def damage(directory):
        record, arrays = checkpoint.load(directory)
        change(record, arrays)
        checkpoint.save(directory, record, arrays)

    return damage


def resealed_body(**changes):
    def damage(directory):
        path = directory / JSON
        body = {**json.loads(path.read_text()), **changes}
        body.pop("checksum")
        body = {name: value for name, value in body.items() if value is not None}
        path.write_text(json.dumps({**body, "checksum": checkpoint._checksum(body)}))

    return damage


def put(**values):
    return resealed(lambda record, arrays: arrays.update(values))


def note(**values):
    return resealed(lambda record, arrays: record.update(values))


FIT, NOT_ONE = "does not fit this program", "is not a checkpoint"
WRONG = {
    "no record": (resealed_body(record=None), NOT_ONE),
    "a record that is a list": (resealed_body(record=[1]), NOT_ONE),
    "no arrays named": (resealed_body(arrays=None), NOT_ONE),
    "arrays elsewhere": (resealed_body(arrays="../elsewhere.npz"), NOT_ONE),
    "no checksum of the arrays": (resealed_body(sha256=None), "damaged"),
    "settings that are none": (note(settings=None), FIT),
    "settings that are a list": (note(settings=[1]), FIT),
    "no generator": (resealed(lambda record, arrays: record.pop("rng")), FIT),
    "a generator of another kind": (note(rng={"bit_generator": "MT19937"}), FIT),
    "no count": (resealed(lambda record, arrays: record.pop("iteration")), FIT),
    "a count that is a word": (note(iteration="x"), FIT),
    "a negative count": (note(env_steps=-1), FIT),
    "no theta": (resealed(lambda record, arrays: arrays.pop("theta")), FIT),
    "theta of another length": (put(theta=np.zeros(3, np.float32)), FIT),
    "theta in double precision": (
        resealed(lambda r, a: a.update(theta=a["theta"].astype(np.float64))),
        FIT,
    ),
    "phi that is not finite": (resealed(lambda r, a: a["phi"].fill(np.nan)), FIT),
    "moments that are words": (put(moments_mean=np.array(["a"] * 4)), FIT),
    "returns that are not finite": (resealed(lambda r, a: a["running_returns"].fill(np.inf)), FIT),
    "environments of another kind": (note(pool="EnvPool"), "another run: its pool is 'EnvPool'"),
    "no environments": (note(envs={}), FIT),
    "JSON too deep": (write(JSON, b"[" * 100_000), "damaged: it is not JSON"),
}


REFUSED = {**DAMAGES, **WRONG}


@pytest.mark.parametrize(("damage", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_damaged_or_wrong_is_one_clear_error(damage, message, tmp_path):
    """What is damaged or wrong is one clear error and the run goes on untouched."""
    saved(tmp_path)
    damage(tmp_path)
    tried = run()
    with pytest.raises(CheckpointError, match=message):
        run_record.restore(tried, tmp_path)
    assert_untouched(tried)


def test_poles_of_an_id_are_not_resumed_by_a_function(tmp_path):
    """One is a vector environment, the other single ones: they do not stand alike."""
    settings = vars(settings_for("CartPole-v1", **SMALL))
    list(train("CartPole-v1", seed=0, total_steps=40, directory=tmp_path, **settings))
    with pytest.raises(CheckpointError, match="its pool is 'CartPolePool', not 'EnvPool'"):
        train(
            lambda: gymnasium.make("CartPole-v1"),
            seed=0, total_steps=80, directory=tmp_path, resume=True, **settings,
        )  # fmt: skip


# Where it goes ----------------------------------------------------------------------------------


def test_two_runs_cannot_write_into_one_directory(tmp_path):
    pytest.importorskip("fcntl")
    one = train("CartPole-v1", seed=0, total_steps=80, directory=tmp_path, **SMALL)
    next(one)
    with pytest.raises(CheckpointError, match="another run is writing"):
        train("CartPole-v1", seed=0, total_steps=80, directory=tmp_path, resume=True, **SMALL)
    assert next(one).iteration == 2
    one.close()
    again = train("CartPole-v1", seed=0, total_steps=120, directory=tmp_path, resume=True, **SMALL)
    assert next(again).iteration == 3


def test_an_unwritable_place_is_found_before_anything_runs(tmp_path, monkeypatch):
    """A place that cannot be written into is found before anything runs."""
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(Run, "__init__", interrupt)
    with pytest.raises(OSError, match="file cannot be written into: it is a file"):
        train("CartPole-v1", seed=0, total_steps=40, directory=tmp_path / "file", **SMALL)
    assert (tmp_path / "file").read_text() == "mine"


def test_asking_for_write_access_leaves_nothing_behind(tmp_path):
    """Looking whether a place can be written into leaves nothing there."""
    checkpoint.require_writable(tmp_path / "new" / "place")
    assert list((tmp_path / "new" / "place").iterdir()) == []


# Of another run ---------------------------------------------------------------------------------

OTHERS = {
    "seed": ({"seed": 1}, "its seed is 0, not 1"),
    "method": ({"method": "npg"}, "its method is 'trpo', not 'npg'"),
    "environment": ({"env": "Acrobot-v1"}, "its env is 'CartPole-v1', not 'Acrobot-v1'"),
    "a setting": ({"epsilon": 0.02}, "its epsilon is 0.01, not 0.02"),
    "more environments": ({"n_envs": 3}, "its n_envs is 2, not 3"),
    "another network": ({"hidden": (5,)}, r"its hidden is \(4,\), not \(5,\)"),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_the_checkpoint_of_another_run_says_what_differs(change, message, tmp_path):
    """The checkpoint of another run is refused with what differs."""
    saved(tmp_path)
    tried = run(**change)
    with pytest.raises(CheckpointError, match=f"of another run: {message}"):
        run_record.restore(tried, tmp_path)
    assert_untouched(tried, **change)


def test_a_checkpoint_without_a_run_in_it_is_refused(tmp_path):
    checkpoint.save(tmp_path, {"epochs": 3}, ARRAYS)
    with pytest.raises(CheckpointError, match="of another run: its env is None"):
        run_record.restore(run(), tmp_path)


def test_train_leaves_what_is_damaged_for_the_user(tmp_path):
    """Train refuses to resume what is damaged and leaves it for the user."""
    list(train("CartPole-v1", seed=0, total_steps=40, directory=tmp_path, **SMALL))
    cut(arrays_file(tmp_path), 0.5)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match="damaged"):
        train("CartPole-v1", seed=0, total_steps=80, directory=tmp_path, resume=True, **SMALL)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
