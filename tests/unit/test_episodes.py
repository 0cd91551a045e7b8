"""Episodes can be played again: what is recorded, what is told apart, what an old file held."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from npgkit import CheckpointError, train
from npgkit.practice import checkpoint, episodes, pools
from npgkit.practice.environments import make_pool
from npgkit.practice.episodes import FIRST, ROUNDING, ResumeWarning, reproduces
from npgkit.practice.pools import EnvPool
from npgkit.practice.spaces import action_kind


def rng(seed=0):
    return np.random.default_rng(seed)


class Endless(gymnasium.Env):
    """A sum of random numbers and of actions, for ever; `noise` is added to what it gives."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = spaces.Discrete(3)

    def __init__(self, noise=0.0, shift=0.0, length=None):
        self.noise, self.shift, self.length = noise, shift, length

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.t = self.np_random.normal(size=2) * (1 + self.noise) + self.shift, 0
        return self.x.copy(), {}

    def step(self, action):
        self.t += 1
        self.x = self.x + self.np_random.normal(size=2) + action
        reward = self.x[0] * (1 + self.noise) + self.shift
        return self.x.copy(), float(reward), self.t == self.length, False, {}


def played(maker, n_steps, n=2):
    pool = make_pool(maker, n, rng())
    for act in rng(1).integers(3, size=(n_steps, n)):
        pool.step(act)
    return pool


def through_json(snapshot):
    record, arrays = snapshot
    return json.loads(json.dumps(record)), {name: a.copy() for name, a in arrays.items()}


def size(snapshot):
    record, arrays = snapshot
    return len(json.dumps(record)) + sum(array.nbytes for array in arrays.values())


STORED = {
    "Discrete(2)": (spaces.Discrete(2), np.uint8),
    "Discrete(256)": (spaces.Discrete(256), np.uint8),
    "Discrete(257)": (spaces.Discrete(257), np.uint16),
    "MultiDiscrete": (spaces.MultiDiscrete([2, 300]), np.uint16),
    "Box": (spaces.Box(-1, 1, (2,), np.float32), np.float32),
    "Box of bytes": (spaces.Box(0, 255, (2,), np.uint8), np.uint8),
}


@pytest.mark.parametrize(("space", "dtype"), STORED.values(), ids=STORED)
def test_actions_are_stored_in_the_smallest_dtype(space, dtype):
    assert action_kind(space).stored(space) == dtype
    largest = np.asarray(space.high if isinstance(space, spaces.Box) else np.max(
        space.nvec if isinstance(space, spaces.MultiDiscrete) else space.n) - 1)  # fmt: skip
    np.testing.assert_array_equal(largest.astype(dtype), largest)


# The length of a record -------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """Records of 20 steps at most."""
    monkeypatch.setattr(episodes, "RECORDED", 20)
    monkeypatch.setattr(pools, "RECORDED", 20)


def test_a_record_takes_few_bits_a_choice_and_no_byte_a_reward():
    """Three choices take two bits at most by Huffman's code; 64 bytes are for its table."""
    record, arrays = played(Endless, 4000, n=1).snapshot()
    assert record["episodes"][0][0]["steps"] == 4000
    assert arrays["actions"].nbytes <= 4000 * 2 / 8 + 64
    assert len(record["episodes"][0][0]["rewards"]) == FIRST


def test_what_is_written_does_not_grow_with_an_endless_episode(short):
    sizes = [size(played(Endless, n).snapshot()) for n in (10, 20, 21, 500)]
    assert max(sizes) == sizes[1]
    assert sizes[3] == pytest.approx(sizes[2], abs=16)  # the generator's state, as text


def test_memory_does_not_grow_with_an_endless_episode(short):
    """What is kept in memory does not grow with an endless episode."""
    pool = played(Endless, 500)
    for (episode,) in pool._episodes:
        assert (len(episode.actions), len(episode.rewards)) == (0, 0)
    assert pool.records() == []


def test_an_episode_beyond_the_limit_begins_anew(short):
    """An episode of 20 steps is resumed and one of 21 begins anew."""
    for n, anew in ((20, False), (21, True)):
        pool, other = played(Endless, n), make_pool(Endless, 2, rng(5))
        snapshot = through_json(pool.snapshot())
        if not anew:
            np.testing.assert_array_equal(other.restore(snapshot), [False, False])
            np.testing.assert_array_equal(other.obs, pool.obs)
            continue
        with pytest.warns(ResumeWarning, match="environments 0, 1 of Endless begin .* 20 steps"):
            np.testing.assert_array_equal(other.restore(snapshot), [True, True])
        assert other._checked[0].steps == 0
        # the pool that was not interrupted is not disturbed
        assert pool._checked[0].steps == 21


def test_beginning_anew_leaves_the_others_where_they_were(short):
    """An environment that begins anew leaves the others where they were."""
    lengths = iter([None, 15, None, 15])

    def maker():
        return Endless(length=next(lengths))

    pool, other = played(maker, 33), make_pool(maker, 2, rng(5))
    with pytest.warns(ResumeWarning, match="environments 0 of Endless"):
        np.testing.assert_array_equal(other.restore(pool.snapshot()), [True, False])
    np.testing.assert_array_equal(other.obs[1], pool.obs[1])
    assert [env.steps for env in other._checked] == [0, 3]
    step = pool.step(np.array([1, 2])), other.step(np.array([1, 2]))
    np.testing.assert_array_equal(step[0].final_obs[1], step[1].final_obs[1])


def test_a_long_episode_before_a_short_one_is_left_out(short):
    lengths = iter([25, 25])

    def maker():
        return Endless(length=next(lengths))

    pool, other = played(maker, 30, n=1), make_pool(maker, 1, rng(5))
    assert [len(record.actions) for record in pool.records()] == [5]
    np.testing.assert_array_equal(other.restore(pool.snapshot()), [False])
    np.testing.assert_array_equal(other.obs, pool.obs)


def test_an_episode_begun_anew_is_counted_from_its_beginning(short, tmp_path):
    """A training counts an episode that begins anew from its beginning."""
    options = {"seed": 0, "n_envs": 2, "n_steps": 30, "hidden": (4,), "value_hidden": (4,)}
    list(train(Endless, total_steps=60, directory=tmp_path, **options))
    with pytest.warns(ResumeWarning):
        records = train(Endless, total_steps=120, directory=tmp_path, resume=True, **options)
    list(records)
    np.testing.assert_array_equal(checkpoint.load(tmp_path)[1]["running_lengths"], 30)


# An older layout --------------------------------------------------------------------------------


def older(pool, all_actions, all_rewards):
    """The snapshot as npgkit wrote it at first: int64 actions, all rewards, float64 shown."""
    record, arrays = pool.snapshot()
    seeds = [[episode["seed"] for episode in own] for own in record["episodes"]]
    old = {"shown": arrays["shown"].astype(np.float64)}
    for e, own in enumerate(record["episodes"]):
        begin = len(all_actions) - sum(episode["steps"] for episode in own)
        for k, episode in enumerate(own):
            at = slice(begin, begin + episode["steps"])
            old[f"actions_{e}_{k}"] = all_actions[at, e]
            old[f"rewards_{e}_{k}"] = all_rewards[at, e]
            begin += episode["steps"]
    return {"seeds": seeds, "rng": record["rng"]}, old


@pytest.mark.parametrize("name", ["Pendulum-v1", "Acrobot-v1"])
@pytest.mark.parametrize("n_steps", [1, 17, 30, 71])
def test_a_snapshot_of_the_older_layout_is_restored(name, n_steps, monkeypatch):
    """Also where its episodes are longer than what is recorded of one today."""
    pool, other = (make_pool(name, 2, rng(k), max_episode_steps=30) for k in (0, 5))
    space = pool.single_action_space
    space.seed(0)
    acts = np.array([[space.sample() for _ in range(2)] for _ in range(n_steps)])
    rewards = np.array([pool.step(act).rew for act in acts])
    snapshot = older(pool, acts, rewards)
    monkeypatch.setattr(episodes, "RECORDED", 10)
    other.restore(through_json(snapshot))
    np.testing.assert_array_equal(other.obs, pool.obs)
    np.testing.assert_array_equal(other.step(acts[0]).rew, pool.step(acts[0]).rew)
    snapshot[1]["rewards_1_0"] += 1
    with pytest.raises(CheckpointError, match=r"environment 1, .* pays other rewards"):
        other.restore(snapshot)


# Rounding, or a memory --------------------------------------------------------------------------

TINY = 4 * np.finfo(np.float64).eps


@pytest.fixture
def other_numpy(monkeypatch):
    """Snapshots are taken under one version of NumPy and restored under another."""
    now = episodes.versions()
    calls = iter([{**now, "numpy": "0.9.8"}])
    monkeypatch.setattr(pools, "versions", lambda: next(calls, now))


def resumed(**changed):
    """Play 50 steps, and restore them in environments that give something else."""
    pool = played(Endless, 50)
    other = make_pool(lambda: Endless(**changed), 2, rng(5))
    return pool, other, other.restore(through_json(pool.snapshot()))


def test_last_bits_under_another_numpy_give_a_warning(other_numpy):
    """Last bits that differ under another numpy go on with a warning."""
    message = r"other last bits than it did, with numpy .* for 0\.9\.8: the resumed run goes on"
    with pytest.warns(ResumeWarning, match=message):
        pool, other, anew = resumed(noise=TINY)
    assert not anew.any()
    first, again = (p.records()[0].first_obs for p in (pool, other))
    assert not np.array_equal(first, again)
    np.testing.assert_allclose(other.obs, pool.obs, rtol=1e-12)
    assert [env.steps for env in other._checked] == [50, 50]


def test_an_equal_replay_under_another_numpy_needs_no_warning(other_numpy):
    pool, other, _ = resumed()
    np.testing.assert_array_equal(other.obs, pool.obs)


MEMORIES = {
    "in observation and reward": ({"shift": 0.01}, "begins with another observation"),
    "beyond rounding": ({"noise": 1e-4}, "begins with another observation"),
    "at once at an end": ({"length": 5}, "ends at another step"),
}


@pytest.mark.parametrize(("changed", "message"), MEMORIES.values(), ids=MEMORIES)
def test_a_memory_is_refused_under_another_numpy_too(changed, message, other_numpy):
    message = f"environment 0, .* {message}.* running statistics do .and there is now numpy"
    with pytest.raises(CheckpointError, match=message):
        resumed(**changed)


def test_a_wrapper_with_a_memory_is_refused_under_another_numpy(other_numpy):
    def make():
        return gymnasium.wrappers.NormalizeReward(gymnasium.make("Pendulum-v1"))

    pool = make_pool(make, 1, rng())
    for act in rng(1).normal(size=(610, 1, 1)):
        pool.step(act)
    with pytest.raises(CheckpointError, match="pays other rewards"):
        make_pool(make, 1, rng()).restore(pool.snapshot())


def test_last_bits_under_the_same_versions_are_refused():
    """Last bits that differ under the same versions are refused."""
    with pytest.raises(CheckpointError, match="does not come back to where it was"):
        resumed(noise=TINY)


def test_a_replay_that_ends_early_by_rounding_begins_anew(other_numpy):
    """After the first rewards the two may part: the episode is then over, and another begins."""
    with pytest.warns(ResumeWarning) as told:
        _, other, anew = resumed(length=30)
    assert anew.all()
    assert [env.steps for env in other._checked] == [0, 0]
    assert len(told) == 2
    assert "ends elsewhere now" in str(told[1].message)


def test_versions_name_what_arithmetic_depends_on(monkeypatch):
    """Versions name what an environments arithmetic depends on."""
    assert episodes.versions()["numpy"] == np.__version__
    assert episodes.versions()["gymnasium"] == gymnasium.__version__
    monkeypatch.setitem(episodes.sys.modules, "mujoco", type("m", (), {"__version__": "3.9"}))
    assert episodes.versions()["mujoco"] == "3.9"


# A fresh environment ----------------------------------------------------------------------------


def test_a_fresh_environment_plays_the_records_again():
    pool = played(lambda: Endless(length=15), 20)
    records = pool.records()
    assert [len(r.actions) for r in records] == [15, 5]
    assert [r.ended for r in records] == [True, False]
    assert reproduces(Endless(length=15), records) == ""
    assert reproduces(Endless(length=12), records) == ROUNDING
    assert "observation" in reproduces(Endless(length=15, shift=1.0), records)


def test_a_fresh_environment_shows_the_memory_of_a_wrapper():
    def make():
        return gymnasium.wrappers.NormalizeReward(gymnasium.make("CartPole-v1"))

    pool = EnvPool([make(), make()], rng())
    for act in rng(1).integers(2, size=(500, 2)):
        pool.step(act)
    assert reproduces(make(), pool.records(1)) == "pays other rewards than it did"
    assert reproduces(gymnasium.make("CartPole-v1"), played_poles().records()) == ""


def played_poles():
    pool = EnvPool([gymnasium.make("CartPole-v1")], rng())
    for act in rng(1).integers(2, size=(500, 1)):
        pool.step(act)
    return pool
