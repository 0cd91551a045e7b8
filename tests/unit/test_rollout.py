"""Rollouts and advantages: ends kept apart, final observations used, sums as defined."""

import tracemalloc
from itertools import pairwise

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npgkit
from npgkit import EnvironmentFault, Policy, collect, gae, mlp_policy
from npgkit.networks import Linear
from npgkit.practice import memory
from npgkit.practice.contract import LARGEST
from npgkit.practice.environments import make_pool
from npgkit.practice.pools import EnvPool
from npgkit.practice.rollout import ROW, Running, require_rollout
from npgkit.practice.run import Run
from npgkit.practice.settings import Settings


class Counter(gymnasium.Env):
    """Shows (100 episode, steps taken); rewards the step; ends after `length` steps, one way."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,))
    action_space = spaces.Discrete(2)

    def __init__(self, length, way):
        self.length, self.way, self.episode = length, way, -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.t = self.episode + 1, 0
        return self._obs(), {}

    def step(self, action):
        self.t += 1
        end = self.t == self.length
        terminated, truncated = end and "term" in self.way, end and "trunc" in self.way
        return self._obs(), float(self.t), terminated, truncated, {}

    def _obs(self):
        return np.array([100.0 * self.episode, self.t])


def counters():
    return [Counter(3, "term"), Counter(4, "trunc"), Counter(5, "term and trunc"), Counter(99, "")]


def two_actions():
    return npgkit.softmax_linear(2, 2)


def test_rows_chain_except_at_ends():
    """Rows chain but at ends where the final observation stands."""
    roll = collect(counters(), two_actions(), np.zeros(4), 20, np.random.default_rng(0))
    assert roll.obs.shape == roll.final_obs.shape == (20, 4, 2)
    assert roll.act.shape == roll.rew.shape == roll.terminated.shape == (20, 4)
    np.testing.assert_array_equal(roll.ended[:, 3], False)
    for e, length in enumerate([3, 4, 5, 99]):
        episode, step = np.divmod(np.arange(20), length)
        np.testing.assert_array_equal(roll.obs[:, e], np.stack([100 * episode, step], 1))
        np.testing.assert_array_equal(roll.final_obs[:, e], np.stack([100 * episode, step + 1], 1))
        np.testing.assert_array_equal(roll.rew[:, e], step + 1)
        last = step == length - 1
        np.testing.assert_array_equal(roll.terminated[:, e], last & (e in (0, 2)))
        np.testing.assert_array_equal(roll.truncated[:, e], last & (e in (1, 2)))
    assert repr(roll) == f"Rollout(20 steps of 4 environments, {6 + 5 + 4} episodes ended)"
    rows = roll.rows(roll.obs)
    np.testing.assert_array_equal(rows[4 * 7 + 2], roll.obs[7, 2])


@pytest.mark.parametrize("n_steps", [1, 3, 4, 12, 20])
def test_final_observations_are_found_without_a_second_copy(n_steps):
    """Each as the pool gave it, for masks of every kind."""
    pool = EnvPool(counters(), np.random.default_rng(0))
    seen, plain = [], pool.step

    def step(act):
        seen.append(plain(act))
        return seen[-1]

    pool.step = step
    roll = collect(pool, two_actions(), np.zeros(4), n_steps, np.random.default_rng(0))
    final = np.array([s.final_obs for s in seen])
    np.testing.assert_array_equal(roll.final_obs, final)
    np.testing.assert_array_equal(roll.last_obs, final[-1])
    np.testing.assert_array_equal(roll.end_obs, final[roll.ended])
    draw = np.random.default_rng(1)
    masks = [roll.ended, roll.truncated, ~roll.ended, draw.random(roll.rew.shape) < 0.5]
    for where in [*masks, np.ones_like(roll.ended), np.zeros_like(roll.ended)]:
        found = roll.final_obs_at(where)
        assert found.dtype == roll.obs.dtype
        np.testing.assert_array_equal(found, final[where])


class Camera(Counter):
    """Pixels, one value of grey a step."""

    observation_space = spaces.Box(0, 255, (16, 16, 3), np.uint8)

    def _obs(self):
        return np.full((16, 16, 3), self.t, np.uint8)


def test_pixels_are_kept_once_and_in_their_own_dtype():
    """Beside the array itself: what ended, one observation an environment, and small change."""
    pool = EnvPool([Camera(50, "trunc") for _ in range(4)], np.random.default_rng(0))
    assert pool.obs.dtype == np.uint8
    policy = npgkit.softmax_linear(3, 2)
    tracemalloc.start()
    roll = collect(
        pool,
        policy,
        np.zeros(6),
        250,
        np.random.default_rng(0),
        normalise_obs=lambda o: o[:, :3] / 255,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pixels = 250 * 4 * 16 * 16 * 3
    assert roll.obs.dtype == np.uint8
    assert roll.obs.nbytes == pixels
    assert roll.end_obs.shape == (20, 768)
    assert peak < 1.5 * pixels
    np.testing.assert_array_equal(roll.obs[:, 0, 0], np.arange(250) % 50)


def test_a_rollout_that_no_memory_holds_is_refused_before_a_step():
    pool = EnvPool([Camera(50, "trunc")], np.random.default_rng(0))
    pool.step = None
    message = (
        r"n_envs = 1 times n_steps = 1000000000000, 1000000000000 rows, would need 7.*e.05 GiB"
    )
    with pytest.raises(ValueError, match=message + " of memory; there are"):
        collect(pool, two_actions(), np.zeros(4), 10**12, np.random.default_rng(0))


def test_a_number_of_steps_beyond_floats_is_refused():
    with pytest.raises(ValueError, match=r"rows, would need .* GiB"):
        require_rollout(spaces.Box(0, 1, (4,)), 4, 10**400)


def test_a_rollout_is_refused_by_what_there_is(monkeypatch):
    space, row = spaces.Box(0, 1, (4,), np.float32), 4 * 4 + ROW
    monkeypatch.setattr(memory, "limit", lambda: 1000 * row)
    require_rollout(space, 10, 100)
    with pytest.raises(ValueError, match="n_envs = 11 times n_steps = 100, 1100 rows, would need"):
        require_rollout(space, 11, 100)
    monkeypatch.setattr(memory, "limit", lambda: None)  # a system that does not say
    require_rollout(space, 10**9, 10**9)


def test_returns_and_lengths_are_in_the_order_of_the_ends():
    """Returns and lengths are those of the episodes in the order of their ends."""
    roll = collect(counters(), two_actions(), np.zeros(4), 8, np.random.default_rng(0))
    np.testing.assert_array_equal(roll.lengths, [3, 4, 5, 3, 4])
    np.testing.assert_array_equal(roll.returns, [6, 10, 15, 6, 10])


def test_an_episode_begun_in_an_earlier_rollout_is_counted_whole():
    pool = EnvPool(counters(), np.random.default_rng(0))
    running, rng = Running(4), np.random.default_rng(0)
    found = [
        collect(pool, two_actions(), np.zeros(4), n, rng, running=running) for n in (2, 1, 2, 3)
    ]
    assert [list(r.lengths) for r in found] == [[], [3], [4, 5], [3, 4]]
    assert [list(r.returns) for r in found] == [[], [6], [10, 15], [6, 10]]
    np.testing.assert_array_equal(running.lengths, [2, 0, 3, 8])
    np.testing.assert_array_equal(running.returns, [3, 0, 6, 36])


class Watched(Linear):
    """A linear network that notes how many rows it is asked for."""

    def linearize(self, theta, obs):
        ROWS.append(len(obs))
        return super().linearize(theta, obs)


ROWS: list[int] = []


def test_the_policy_acts_once_a_step_for_all_environments():
    ROWS.clear()
    policy = Policy(Watched(2, 2), npgkit.Categorical(2))
    collect(counters(), policy, np.zeros(4), 6, np.random.default_rng(0))
    assert ROWS == [4] * 6


def test_rows_keep_what_was_shown_and_the_policys_actions():
    """Drawn again from the same generator, with and without `normalise_obs`."""
    policy = mlp_policy(spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (1,)), (8,))
    theta = policy.init(np.random.default_rng(1))
    theta[-2:] = 0.5  # wide enough to leave Pendulum's bounds of -2 and 2 at times
    for look in (None, lambda obs: 10 * obs - 3):
        pool = make_pool("Pendulum-v1", 3, np.random.default_rng(2))
        roll = collect(pool, policy, theta, 30, np.random.default_rng(4), normalise_obs=look)
        again = np.random.default_rng(4)
        for obs, act in zip(roll.obs, roll.act, strict=True):
            seen = obs if look is None else look(obs)
            np.testing.assert_array_equal(policy.sample(theta, seen, again), act)
        np.testing.assert_allclose(np.hypot(roll.obs[..., 0], roll.obs[..., 1]), 1, rtol=1e-6)
        assert np.abs(roll.act).max() > 2  # before any clipping


def test_observations_of_several_dimensions_are_rows():
    class Square(Counter):
        observation_space = spaces.Box(-np.inf, np.inf, (2, 3))

        def _obs(self):
            return np.arange(6.0).reshape(2, 3)

    roll = collect([Square(3, "term")], npgkit.softmax_linear(6, 2), np.zeros(12), 5, RNG)
    np.testing.assert_array_equal(roll.obs, np.broadcast_to(np.arange(6.0), (5, 1, 6)))


RNG = np.random.default_rng(0)
BAD = {
    "no steps": ({"n_steps": 0}, "n_steps must be"),
    "a seed for a generator": ({"rng": 0}, "rng must be a numpy.random.Generator"),
    "no environments": ({"envs": []}, "envs is empty"),
    "theta of another length": ({"theta": np.zeros(3)}, "theta must have shape"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_bad_call_names_the_argument(change, message):
    call = {"envs": counters(), "policy": two_actions(), "theta": np.zeros(4), "n_steps": 1}
    with pytest.raises(ValueError, match=message):
        collect(**{**call, "rng": RNG, **change})


NO_ENVS = {
    "one environment": lambda: gymnasium.make("CartPole-v1"),
    "a vector environment": lambda: gymnasium.make_vec("CartPole-v1", 2),
    "a generator": lambda: (env for env in counters()),
    "a name": lambda: "CartPole-v1",
    "a list of names": lambda: ["CartPole-v1"],
    "nothing": lambda: None,
}


@pytest.mark.parametrize("make", NO_ENVS.values(), ids=NO_ENVS)
def test_neither_environments_nor_a_pool_is_refused(make):
    """What is no sequence of environments and no pool is refused."""
    message = "envs must be a sequence of environments or a Pool; got "
    with pytest.raises(TypeError, match=message):
        collect(make(), two_actions(), np.zeros(4), 1, RNG)


class Large(Counter):
    """Rewards and observations of one size, from the second step on."""

    def __init__(self, reward, entry):
        super().__init__(9, "term")
        self.reward, self.entry = reward, entry

    def step(self, action):
        obs, _, *rest = super().step(action)
        if self.t == 2:
            return np.array([0.0, self.entry]), self.reward, *rest
        return obs, 1.0, *rest


TOO_LARGE = {
    "reward": (1e39, 0.0, r"reward of .* 1 \(Large\) at step 1 .* is 1e\+39, too large;"),
    "negative reward": (-1e31, 0.0, r"reward of .* is -1e\+31, too large;"),
    "observation": (
        0.0,
        -1e39,
        r"observation is -1e\+39, entry \[1\], too large, .* 1 .* step 1 of",
    ),
}


@pytest.mark.parametrize(("reward", "entry", "message"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_numbers_beyond_float32_are_the_environments_fault(reward, entry, message):
    """Numbers that float32 would not hold are the environments fault."""
    envs = [Large(0.0, 0.0), Large(reward, entry)]
    with pytest.raises(
        EnvironmentFault, match=message + ".* (at most 1e.30 in size|cannot hold that)"
    ):
        collect(envs, two_actions(), np.zeros(4), 5, RNG)


def test_the_largest_number_is_taken():
    envs = [Large(LARGEST, -LARGEST)]
    policy = npgkit.softmax_linear(2, 2)
    roll = collect(envs, policy, np.zeros(4), 5, RNG)
    assert roll.rew[1, 0] == LARGEST
    assert roll.final_obs[1, 0, 1] == np.float32(-LARGEST)


# Advantages -------------------------------------------------------------------------------------


def random_ends(kind, seed=0, T=23, E=4):
    rng = np.random.default_rng(seed)
    ends = rng.random((2, T, E)) < 0.15
    terminated = ends[0] & (kind in ("terminated", "both kinds"))
    truncated = ends[1] & (kind in ("truncated", "both kinds"))
    return rng.normal(size=(3, T, E)), terminated, truncated


@pytest.mark.parametrize("kind", ["none", "terminated", "truncated", "both kinds"])
@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (0.9, 0.0), (0.9, 1.0), (1, 1), (0, 0.5)])
def test_advantages_are_the_double_sum(kind, gamma, lam):
    """Sums of at most 23 terms of order 1: rounding stays below 1e-13."""
    (rew, values, ahead), terminated, truncated = random_ends(kind)
    T, E = rew.shape
    expected = np.zeros((T, E))
    for e in range(E):
        for t in range(T):
            for k in range(t, T):
                bootstrap = 0.0 if terminated[k, e] else ahead[k, e]
                delta = rew[k, e] + gamma * bootstrap - values[k, e]
                expected[t, e] += (gamma * lam) ** (k - t) * delta
                if terminated[k, e] or truncated[k, e]:
                    break
    adv = gae(rew, values, ahead, terminated, truncated, gamma=gamma, lam=lam)
    np.testing.assert_allclose(adv, expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["none", "terminated", "truncated", "both kinds"])
def test_with_lambda_1_they_are_discounted_returns(kind):
    """With lambda 1 they are the discounted return to the end and the value there."""
    (rew, values, _), terminated, truncated = random_ends(kind, seed=1)
    final = np.random.default_rng(2).normal(size=rew.shape)
    ended = terminated | truncated
    ahead = np.where(ended, final, np.vstack([values[1:], final[-1:]]))
    adv = gae(rew, values, ahead, terminated, truncated, gamma=0.9, lam=1.0)
    for t, e in np.ndindex(rew.shape):
        k = t + int(ended[t:, e].argmax()) if ended[t:, e].any() else len(rew) - 1
        rest = 0.0 if terminated[k, e] else 0.9 ** (k + 1 - t) * ahead[k, e]
        total = 0.9 ** np.arange(k + 1 - t) @ rew[t : k + 1, e] + rest
        assert adv[t, e] + values[t, e] == pytest.approx(total, abs=1e-12)


def test_only_a_truncated_end_takes_the_final_value():
    """A truncated end takes the final value and a terminated one nothing."""
    one = np.ones((1, 1))
    cases = {(False, False): 7.3, (False, True): 7.3, (True, False): 1.0, (True, True): 1.0}
    for (terminated, truncated), expected in cases.items():
        adv = gae(
            one, 0 * one, 7 * one, [[terminated]], [[truncated]], gamma=0.9, lam=0.5
        )  # 1 + .9 * 7 = 7.3
        assert adv[0, 0] == pytest.approx(expected, rel=1e-15)


def test_nothing_after_an_end_is_seen_before_it():
    (rew, values, ahead), terminated, truncated = random_ends("none")
    for flag in (terminated, truncated):
        flag[10] = True
        before = gae(rew, values, ahead, terminated, truncated, gamma=0.99, lam=0.95)
        changed = rew.copy()
        changed[11:] += 1000
        after = gae(changed, values, ahead, terminated, truncated, gamma=0.99, lam=0.95)
        np.testing.assert_array_equal(before[:11], after[:11])
        assert (after[11:] > before[11:]).all()


@pytest.mark.parametrize("dtype", [int, np.uint8, float, np.float32])
def test_ends_may_be_numbers_that_are_0_or_1(dtype):
    (rew, values, ahead), *ends = random_ends("both kinds")
    adv = gae(rew, values, ahead, *ends, gamma=0.9, lam=0.9)
    same = gae(rew, values, ahead, *(e.astype(dtype) for e in ends), gamma=0.9, lam=0.9)
    np.testing.assert_array_equal(adv, same)


OK = {"rew": np.ones((3, 2)), "values": np.ones((3, 2)), "next_values": np.ones((3, 2))}
OK |= {"terminated": np.zeros((3, 2), bool), "truncated": np.zeros((3, 2), bool)}
OK |= {"gamma": 0.9, "lam": 0.9}
BAD_GAE = {
    "values transposed": ({"values": np.ones((2, 3))}, r"values must have shape \(3, 2\)"),
    "next values too short": ({"next_values": np.ones((2, 2))}, "next_values must have shape"),
    "terminated flat": ({"terminated": np.zeros(2, bool)}, r"terminated must have shape \(3, 2\)"),
    "truncated one number": ({"truncated": False}, r"truncated must have shape \(3, 2\)"),
    "terminated half": (
        {"terminated": np.full((3, 2), 0.5)},
        r"terminated\[0, 0\] is 0.5; expected",
    ),
    "terminated NaN": ({"terminated": np.full((3, 2), np.nan)}, r"terminated\[0, 0\] is nan"),
    "truncated two": ({"truncated": np.full((3, 2), 2)}, r"truncated\[0, 0\] is 2; expected"),
    "truncated text": ({"truncated": "False"}, "truncated must hold booleans; got 'False'"),
    "terminated text": (
        {"terminated": np.full((3, 2), "False")},
        r"terminated must hold booleans; got array\(",
    ),
    "too large rewards": (
        {"rew": np.full((3, 2), 1e308)},
        "advantages are not finite; rewards or values are too large",
    ),
    "too large values": (
        {"values": np.full((3, 2), 1e308), "rew": np.full((3, 2), -1e308)},
        "advantages are not finite; rewards or values are too large",
    ),
    "rewards flat": ({"rew": np.ones(3)}, r"rew must have shape \(T, E\)"),
    "NaN": ({"rew": np.full((3, 2), np.nan)}, r"rew\[0, 0\] is nan"),
    "gamma above 1": ({"gamma": 1.01}, "gamma must be a finite number >= 0 and <= 1"),
    "lambda negative": ({"lam": -0.1}, "lam must be"),
}


@pytest.mark.parametrize(("change", "message"), BAD_GAE.values(), ids=BAD_GAE)
def test_bad_arrays_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        gae(**{**OK, **change})


# The constant reward ----------------------------------------------------------------------------


class Constant(gymnasium.Env):
    """Reward 1 for ever and nothing to see; after every 5 steps somebody stops looking."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, terminates):
        self.terminates = terminates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1), {}

    def step(self, action):
        self.t += 1
        end = self.t == 5
        return np.zeros(1), 1.0, end and self.terminates, end and not self.terminates, {}


FIXED_POINTS = {
    # V = 1 + gamma V
    "truncated": (False, 1 / (1 - 0.9)),
    # V = 1 + gamma V 4/5: one step in five leads nowhere
    "terminated": (True, 1 / (1 - 0.9 * 4 / 5)),
}


@pytest.mark.parametrize(("terminates", "value"), FIXED_POINTS.values(), ids=FIXED_POINTS)
@pytest.mark.parametrize("n_steps", [5, 10, 4])
def test_the_value_of_a_constant_reward_is_its_endless_sum(terminates, value, n_steps):
    """TD(0) contracts by at most .9 an iteration: .9^110 times 10 is below 1e-4.

    Rollouts of 4 steps cut the episodes of 5 at each of their places.
    """
    settings = Settings(n_envs=1, n_steps=n_steps, gamma=0.9, lam=0.0, hidden=(), value_hidden=(4,))
    run = Run(lambda: Constant(terminates), "vpg", seed=0, settings=settings)
    found = []
    for _ in range(110):
        run.step()
        found.append(float(run.baseline.predict(run.value_params, np.zeros((1, 1)))[0]))
    if terminates and n_steps == 4:
        # one rollout in five sees no end: V -> 1 + .9 V once, after 1 + .9 V 3/4 four times
        assert max(found[-20:]) == pytest.approx(3.93, abs=0.01)
    else:
        assert found[-1] == pytest.approx(value, rel=1e-3)
        assert all(a <= b + 1e-3 for a, b in pairwise(found))
