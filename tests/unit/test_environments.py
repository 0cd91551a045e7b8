"""Pools of environments: real transitions, seeds of their own, put down and taken up."""

import dataclasses
import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from npgkit import CheckpointError
from npgkit.practice.cartpole import CartPolePool
from npgkit.practice.environments import MOST, make_pool
from npgkit.practice.pools import EnvPool


def rng(seed=0):
    return np.random.default_rng(seed)


def random_actions(pool, n_steps, seed=1):
    """Random actions (n_steps, E) or (n_steps, E, act_dim), a Gaussian's where they are real."""
    space, n, draw = pool.single_action_space, len(pool.obs), rng(seed)
    if isinstance(space, spaces.Discrete):
        return draw.integers(space.n, size=(n_steps, n))
    return draw.normal(size=(n_steps, n, *space.shape))


def same(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


# CartPole's vector environment ------------------------------------------------------------------


def test_the_vector_poles_move_as_the_single_ones():
    """Float32 observations of the same double-precision dynamics, brought together at each start.

    Both compute in float64; sin and cos may differ by a unit in the last place, which 20 steps of
    an unstable pole do not raise to the float32 of the observations.
    """
    n, limit = 4, 20
    pool = CartPolePool(n, rng(), max_episode_steps=limit)
    singles = [gymnasium.make("CartPole-v1", max_episode_steps=limit) for _ in range(n)]

    def begin(e):
        singles[e].reset(seed=0)
        singles[e].unwrapped.state = tuple(pool.env.state[:, e])

    for e in range(n):
        begin(e)
    ends = np.zeros(2, int)
    for act in random_actions(pool, 200):
        step = pool.step(act)
        for e in range(n):
            obs, rew, terminated, truncated, _ = singles[e].step(int(act[e]))
            np.testing.assert_allclose(step.final_obs[e], obs, rtol=1e-5, atol=1e-7)
            assert step.rew[e] == rew == 1.0
            assert (step.terminated[e], step.truncated[e]) == (terminated, truncated)
            if terminated or truncated:
                ends += terminated, truncated
                begin(e)
    assert (ends > 10).all()  # both kinds were compared


def test_a_fallen_pole_is_up_again_at_once():
    """Gymnasium's own vector environment spends a step without reward on the reset."""
    pool = CartPolePool(8, rng())
    ends = 0
    for act in random_actions(pool, 300):
        step = pool.step(act)
        ended = step.terminated | step.truncated
        ends += ended.sum()
        assert (np.abs(pool.obs[ended]) <= 0.05).all()
        fallen = step.final_obs[step.terminated]
        assert ((np.abs(fallen[:, 0]) > 2.4) | (np.abs(fallen[:, 2]) > 0.2094)).all()
        np.testing.assert_array_equal(pool.obs[~ended], step.final_obs[~ended])
        velocity = pool.env.state[1].copy()
        after = pool.step(act)
        assert (after.rew == 1.0).all()
        # a push of 10 N on 1.1 kg for 0.02 s: the cart's velocity moves to the push's side
        assert (np.sign(after.final_obs[:, 1] - velocity) == np.sign(act - 0.5)).all()
    assert ends > 50


def test_poles_start_everywhere_in_the_environments_range():
    """Poles start within the environments own range and everywhere in it."""
    start = CartPolePool(500, rng()).obs
    assert (np.abs(start) <= np.float32(0.05)).all()
    # a uniform variable's standard deviation, known to 5 of its standard errors (kurtosis 9/5)
    std = 0.1 / np.sqrt(12)
    np.testing.assert_allclose(start.std(axis=0), std, atol=5 * std * np.sqrt(0.8 / 4 / 500))


def test_the_default_poles_are_truncated_at_500_steps():
    assert CartPolePool(1, rng()).env.max_episode_steps == 500
    assert gymnasium.spec("CartPole-v1").max_episode_steps == 500


# Single environments ----------------------------------------------------------------------------


class Recorder(gymnasium.Env):
    """Notes the seeds and actions it is given; ends after three steps."""

    observation_space = spaces.Box(-1, 1, (2, 2), np.float32)

    def __init__(self, act):
        self.action_space, self.seeds, self.actions = act, [], []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.t = 0
        return self._obs(), {}

    def step(self, action):
        self.actions.append(action)
        self.t += 1
        return self._obs(), float(self.t), self.t == 3, False, {}

    def _obs(self):
        return np.full((2, 2), self.t / 10, np.float32)


BOX = spaces.Box(np.float32([-1.0, 0.0]), np.float32([1.0, 0.5]))
PLAYED = {
    "within": (BOX, [0.25, 0.5], [0.25, 0.5]),
    "above": (BOX, [7.0, 0.75], [1.0, 0.5]),
    "below": (BOX, [-7.0, -1.0], [-1.0, 0.0]),
    "a matrix": (spaces.Box(-1, 1, (2, 1)), [3.0, 0.5], [[1.0], [0.5]]),
    "without bounds": (spaces.Box(-np.inf, np.inf, (2,)), [1e9, -1e9], [1e9, -1e9]),
}


@pytest.mark.parametrize(("space", "act", "played"), PLAYED.values(), ids=PLAYED)
def test_real_actions_fit_the_box(space, act, played):
    """Real actions are brought within the bounds shape and dtype of the box."""
    env = Recorder(space)
    EnvPool([env], rng()).step(np.array([act]))
    np.testing.assert_array_equal(env.actions[0], np.array(played, np.float32))
    assert space.contains(env.actions[0])


def test_discrete_actions_arrive_as_the_space_samples_them():
    env = Recorder(spaces.Discrete(3))
    EnvPool([env], rng()).step(np.array([2]))
    assert env.actions == [2]
    assert type(env.actions[0]) is type(env.action_space.sample()) is np.int64


def test_an_end_hands_out_the_final_observation():
    """At an end the final observation is handed out and the next episode shown."""
    pool = EnvPool([Recorder(spaces.Discrete(2)) for _ in range(2)], rng())
    for t in (1, 2, 3):
        step = pool.step(np.zeros(2, int))
        np.testing.assert_array_equal(step.final_obs, np.full((2, 2, 2), np.float32(t / 10)))
        np.testing.assert_array_equal(step.rew, t)
        assert step.terminated.all() == (t == 3)
        assert not step.truncated.any()
    np.testing.assert_array_equal(pool.obs, 0.0)
    assert (pool.step(np.zeros(2, int)).rew == 1.0).all()


def test_every_episode_has_a_seed_of_its_own():
    """Every episode has a seed of its own from the pools generator."""

    def seeds(seed):
        envs = [Recorder(spaces.Discrete(2)) for _ in range(3)]
        pool = EnvPool(envs, rng(seed))
        for _ in range(9):
            pool.step(np.zeros(3, int))
        return [env.seeds for env in envs]

    drawn = [s for own in seeds(0) for s in own]
    assert len(drawn) == len(set(drawn)) == 12
    assert None not in drawn
    assert seeds(0) == seeds(0) != seeds(1)


def test_truncation_stays_apart_from_termination():
    pool = EnvPool([gymnasium.make("Pendulum-v1", max_episode_steps=4)], rng())
    flags = [pool.step(np.zeros((1, 1))) for _ in range(8)]
    assert [bool(s.truncated[0]) for s in flags] == [False, False, False, True] * 2
    assert not any(s.terminated[0] for s in flags)


# Putting down and taking up ---------------------------------------------------------------------

POOLS = {
    "CartPole, all in one": lambda seed: make_pool("CartPole-v1", 3, rng(seed)),
    "CartPole, cut short": lambda seed: CartPolePool(3, rng(seed), max_episode_steps=30),
    "CartPole, one by one": lambda seed: make_pool(
        "CartPole-v1", 3, rng(seed), max_episode_steps=30
    ),
    "Pendulum": lambda seed: make_pool("Pendulum-v1", 2, rng(seed), max_episode_steps=30),
    "Acrobot": lambda seed: make_pool("Acrobot-v1", 2, rng(seed), max_episode_steps=30),
    "MountainCar": lambda seed: make_pool("MountainCarContinuous-v0", 2, rng(seed)),
}


@pytest.mark.parametrize("make", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("at", [0, 1, 30, 47])
def test_a_pool_taken_up_elsewhere_goes_on_bit_by_bit(make, at):
    """30 is the first step of new episodes; the snapshot goes through JSON, the pool is another."""
    pool, other = make(0), make(9)
    actions = random_actions(pool, 90)
    for act in random_actions(other, 7, seed=8):
        other.step(act)
    for act in actions[:at]:
        pool.step(act)
    record, arrays = pool.snapshot()
    arrays = {name: array.copy() for name, array in arrays.items()}
    shown = pool.obs.copy()
    ahead = [pool.step(act) for act in actions[at:]]
    other.restore((json.loads(json.dumps(record)), arrays))
    np.testing.assert_array_equal(other.obs, shown)
    again = [other.step(act) for act in actions[at:]]
    assert all(same(a, b) for a, b in zip(ahead, again, strict=True))
    np.testing.assert_array_equal(other.obs, pool.obs)
    ended = [s.terminated | s.truncated for s in ahead]
    assert np.any(ended) == ("Mountain" not in pool.name)


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
def test_a_snapshot_of_another_number_of_environments_is_refused(name):
    snapshot = make_pool(name, 3, rng()).snapshot()
    with pytest.raises(ValueError, match="the snapshot is of 3 environments; got 2"):
        make_pool(name, 2, rng()).restore(snapshot)


class Moody(gymnasium.Wrapper):
    """Pays by what it remembers from before the episode."""

    def __init__(self, env, remembers):
        super().__init__(env)
        self.remembers, self.steps, self.mass, self.chance = remembers, 0, 1.0, rng(5)

    def reset(self, **options):
        self.mass = self.chance.uniform(1, 2) if self.remembers == "a draw at the reset" else 1.0
        return super().reset(**options)

    def step(self, action):
        obs, reward, *ends = super().step(action)
        self.steps += 1
        if self.remembers == "its age":
            reward *= 1 + self.steps
        elif self.remembers == "noise":
            reward += self.chance.normal()
        return obs, float(self.mass * reward), *ends


@pytest.mark.parametrize("remembers", ["its age", "noise", "a draw at the reset"])
@pytest.mark.parametrize("at", [90, 100])
def test_a_reward_that_more_than_the_seed_decides_is_found_out(remembers, at):
    """Also at the first step of an episode, when only the last one has paid anything.

    The first two episodes are all there is to remember, and played again whole.
    """

    def make():
        return Moody(gymnasium.make("Pendulum-v1", max_episode_steps=30), remembers)

    pool = make_pool(make, 2, rng())
    for act in random_actions(pool, at):
        pool.step(act)
    with pytest.raises(CheckpointError, match=r"environment 0, .* pays other rewards"):
        make_pool(make, 2, rng()).restore(pool.snapshot())


def test_a_wrapper_with_running_statistics_is_found_out():
    def make():
        return gymnasium.wrappers.NormalizeReward(gymnasium.make("Pendulum-v1"))

    pool = make_pool(make, 1, rng())
    for act in random_actions(pool, 610):
        pool.step(act)
    with pytest.raises(CheckpointError, match="normalise by running statistics"):
        make_pool(make, 1, rng()).restore(pool.snapshot())


class Greedy(gymnasium.ActionWrapper):
    """Changes the array it is given."""

    def action(self, action):
        action *= 0.5
        return action


def test_an_action_changed_in_place_is_played_again_as_it_was():
    def make():
        return Greedy(gymnasium.make("Pendulum-v1"))

    pool, other = make_pool(make, 2, rng()), make_pool(make, 2, rng())
    for act in random_actions(pool, 10):
        pool.step(act)
    other.restore(pool.snapshot())
    np.testing.assert_array_equal(other.obs, pool.obs)


# Making them ------------------------------------------------------------------------------------


def test_a_pool_is_made_of_an_id_or_of_a_function():
    """A pool is made of an id or of a function and knows its name."""
    assert isinstance(make_pool("CartPole-v1", 2, rng()), CartPolePool)
    assert isinstance(make_pool("CartPole-v1", 2, rng(), render_mode=None), EnvPool)
    assert make_pool("Pendulum-v1", 1, rng(), g=1.0).envs[0].unwrapped.g == 1.0
    pool = make_pool(lambda: Recorder(BOX), 2, rng())
    assert pool.name == "Recorder"
    assert pool.envs[0] is not pool.envs[1]
    assert make_pool(lambda: gymnasium.make("Acrobot-v1"), 1, rng()).name == "Acrobot-v1"


REGISTERED = {
    "as Gymnasium does": ({}, CartPolePool),
    "with fewer steps": ({"max_episode_steps": 50}, EnvPool),
    "without a limit": ({"max_episode_steps": None}, EnvPool),
    "of another class": ({"entry_point": lambda: Recorder(spaces.Discrete(2))}, EnvPool),
    "with another reward": ({"kwargs": {"sutton_barto_reward": True}}, EnvPool),
    "with a wrapper": (
        {"additional_wrappers": (gymnasium.wrappers.NormalizeReward.wrapper_spec(),)}, EnvPool,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "kind"), REGISTERED.values(), ids=REGISTERED)
def test_poles_are_vectorised_only_while_their_id_is_gymnasiums(change, kind, monkeypatch):
    spec = dataclasses.replace(gymnasium.spec("CartPole-v1"))
    for name, value in change.items():
        setattr(spec, name, value)
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", spec)
    with make_pool("CartPole-v1", 2, rng()) as pool:
        assert type(pool) is kind
        assert pool.obs.shape[0] == 2


def test_poles_keep_to_what_is_registered(monkeypatch):
    """Poles that are not gymnasiums keep to what is registered."""
    spec = dataclasses.replace(gymnasium.spec("CartPole-v1"))
    spec.max_episode_steps = 5
    monkeypatch.setitem(gymnasium.registry, "CartPole-v1", spec)
    pool = make_pool("CartPole-v1", 1, rng())
    assert [bool(pool.step(np.array([t % 2])).truncated[0]) for t in range(5)] == [False] * 4 + [
        True
    ]


TOO_MANY = {
    "one too many": (MOST + 1, "n_envs must be at most 65536.*; got 65537"),
    "a million": (10**6, "n_envs must be at most 65536.* got 1000000, which would need 3.81 GiB"),
    "a number beyond floats": (10**400, "n_envs must be at most 65536"),
}


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize(("n", "message"), TOO_MANY.values(), ids=TOO_MANY)
def test_more_environments_than_can_be_are_refused_at_once(env, n, message):
    with pytest.raises(ValueError, match=message):
        make_pool(env, n, rng())


def test_closing_a_pool_closes_every_environment():
    closed = []
    pool = make_pool(lambda: Recorder(BOX), 3, rng())
    for e, env in enumerate(pool.envs):
        env.close = lambda e=e: closed.append(e)
    pool.close()
    assert closed == [0, 1, 2]


class Misshapen(gymnasium.Env):
    observation_space, action_space = spaces.Box(-1, 1, (3,)), spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(1), {}


BAD = {
    "no environments": (lambda: EnvPool([], rng()), "envs is empty"),
    "n 0": (lambda: make_pool("CartPole-v1", 0, rng()), "n_envs must be .* >= 1; got 0"),
    "the same environment twice": (
        lambda: EnvPool([gymnasium.make("CartPole-v1")] * 2, rng()),
        "envs holds the same environment twice",
    ),
    "n not whole": (lambda: make_pool("Pendulum-v1", 1.5, rng()), "n_envs must be a whole number"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_a_bad_call_names_the_argument(make, message):
    with pytest.raises(ValueError, match=message):
        make()
