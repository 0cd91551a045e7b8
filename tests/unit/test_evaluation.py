"""Evaluation: whole episodes, the middle half of the seeds, intervals that do not break."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from scipy import stats

from npgkit import EnvironmentFault, interval
from npgkit.practice import evaluation
from npgkit.practice.evaluation import Interval, interquartile_mean
from npgkit.practice.results import returns_at
from npgkit.practice.run import Run
from npgkit.practice.settings import Settings

BY_HAND = {
    "one": ([3.0], 3.0),
    "two": ([1.0, 5.0], 3.0),
    "three": ([1.0, 2.0, 9.0], 4.0),  # a quarter of three is less than one: nothing is cut
    "four": ([9.0, 1.0, 2.0, 4.0], 3.0),
    "five": ([1.0, 2.0, 3.0, 4.0, 100.0], 3.0),
    "eight, shuffled": ([8, 1, 6, 3, 5, 4, 7, 2], 4.5),
    "two runs that broke off": ([-1e9, -1e9, 1, 2, 3, 4, 5, 6], 2.5),
    "all the same": ([2.0] * 7, 2.0),
}


def test_returns_along_a_curve_weigh_every_step_alike():
    """Linear between the points, constant beyond them, however unevenly episodes ended."""
    curve = [[10, 1.0], [20, 3.0], [60, 3.0]]
    found = returns_at(curve, np.array([0, 10, 15, 20, 40, 60, 80]))
    np.testing.assert_allclose(found, [1, 1, 2, 3, 3, 3, 3], rtol=1e-15)


@pytest.mark.parametrize(("values", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_the_interquartile_mean_is_the_mean_of_the_middle_half(values, expected):
    found = interquartile_mean(np.array(values))
    assert found == pytest.approx(expected, rel=1e-15)
    assert found == stats.trim_mean(values, 0.25)
    assert interval(np.array(values), resamples=50).estimate == found


@pytest.mark.parametrize("n", range(1, 14))
def test_it_agrees_with_sorting_and_cutting(n):
    """It agrees with sorting and cutting for any number of seeds."""
    values = np.random.default_rng(n).normal(size=n)
    cut = n // 4
    middle = np.sort(values)[cut : n - cut]
    assert interquartile_mean(values) == pytest.approx(middle.mean(), rel=1e-12)


def test_the_interval_is_the_percentiles_of_resampled_means():
    """By a bootstrap of its own; quantiles of 20,000 resamples of 12 differ by a few hundredths."""
    values = np.random.default_rng(0).normal(10, 3, size=12)
    found = interval(values, resamples=20_000)
    picks = np.random.default_rng(1).choice(values, size=(20_000, 12))
    means = stats.trim_mean(picks, 0.25, axis=1)
    # a quantile's standard error is sqrt(q (1 - q) / n) / density: under .03 here, four of them
    low, high = np.quantile(means, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.12)
    assert found.high == pytest.approx(high, abs=0.12)
    assert found.low < found.estimate < found.high


def test_a_lower_level_gives_a_narrower_interval():
    """A lower level gives a narrower interval and the same call the same one."""
    values = np.random.default_rng(0).normal(size=10)
    wide, narrow = interval(values), interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide == interval(values)


DEGENERATE = {"equal seeds": [3.0, 3.0, 3.0], "integers": [3, 3]}


@pytest.mark.parametrize("values", DEGENERATE.values(), ids=DEGENERATE)
def test_without_spread_the_interval_is_the_estimate(values):
    assert interval(np.array(values)) == Interval(3.0, 3.0, 3.0)


def test_one_seed_has_no_interval():
    found = interval(np.array([3.0]))
    assert found.estimate == 3.0
    assert np.isnan([found.low, found.high]).all()


BAD = {
    "empty": ([], "values has no entries"),
    "NaN": ([1.0, np.nan], r"values\[1\] is nan"),
    "infinite": ([np.inf, 1.0], r"values\[0\] is inf"),
    "a table": ([[1.0, 2.0]], r"values must have shape \(n,\)"),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_values_that_are_none_are_refused(values, message):
    for measure in (interval, interquartile_mean):
        with pytest.raises(ValueError, match=message):
            measure(np.array(values))


BAD_OPTIONS = {
    "a level of 0": ({"level": 0}, "level must be .* > 0 and < 1; got 0"),
    "a level in per cent": ({"level": 95}, "level must be .* got 95"),
    "a level that is NaN": ({"level": np.nan}, "level must be .* got nan"),
    "no resamples": ({"resamples": 0}, "resamples must be .* >= 2; got 0"),
    "half a resample": ({"resamples": 2.5}, "resamples must be a whole number"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [3.0]])
def test_options_of_an_interval_that_are_none_are_refused(options, message, values):
    with pytest.raises(ValueError, match=message):
        interval(np.array(values), **options)


# Evaluation -------------------------------------------------------------------------------------


class Lengths(gymnasium.Env):
    """Episodes of 1 to 9 steps by their seed, each worth 1, ended either way; notes its actions."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Box(-1, 1, (1,))
    seen: list[tuple[int, float]] = []  # noqa: RUF012

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(1, 10))
        return self.np_random.uniform(-1, 1, 2), {}

    def step(self, action):
        self.left -= 1
        self.seen.append((id(self), float(action[0])))
        end, way = self.left == 0, self.np_random.random() < 0.5
        return self.np_random.uniform(-1, 1, 2), 1.0, end and way, end and not way, {}


def lengths_run():
    settings = Settings(n_envs=2, n_steps=10, hidden=(4,), value_hidden=(4,))
    return Run(Lengths, "trpo", seed=0, settings=settings)


def test_short_episodes_do_not_count_more():
    """The mean length is 5; counted by their ends, side by side, short ones would prevail."""
    returns = lengths_run().agent.evaluate(400, 0)
    assert len(returns) == 400
    assert set(returns) == set(map(float, range(1, 10)))
    # uniform on 1..9: standard deviation sqrt(80 / 12), four standard errors
    assert np.mean(returns) == pytest.approx(5.0, abs=4 * np.sqrt(80 / 12 / 400))


def test_evaluation_leaves_the_run_as_it_was():
    """Evaluation is a function of the seed and leaves the run as it was."""
    run, untouched = lengths_run(), lengths_run()
    run.step(), untouched.step()
    one, other = (run.agent.evaluate(20, 3) for _ in range(2))
    assert one == other
    assert one != run.agent.evaluate(20, 4)
    assert run.step() == untouched.step()
    np.testing.assert_array_equal(run.theta, untouched.theta)


def test_evaluation_plays_the_most_likely_actions():
    run = lengths_run()
    run.step()
    agent = replace(run.agent, episodes=())  # nothing to be played again first
    Lengths.seen.clear()
    agent.evaluate(1, 0)
    pool_rng = np.random.default_rng(np.random.SeedSequence([0, 1]))
    env = Lengths()
    obs, _ = env.reset(seed=int(pool_rng.integers(2**31, size=1)[0]))
    played = [action for _, action in Lengths.seen]
    for action in played:
        out = run.policy.linearize(run.theta, run.normaliser(obs[None])).out
        assert action == pytest.approx(np.clip(out[0, 0], -1, 1), rel=1e-6)
        obs, *_ = env.step(np.float32([0]))


def test_no_episodes_are_refused():
    with pytest.raises(ValueError, match="episodes must be"):
        lengths_run().agent.evaluate(0, 0)


class Endless(Lengths):
    def step(self, action):
        obs, reward, *_ = super().step(action)
        return obs, reward, False, False, {}


def test_an_episode_without_an_end_names_the_remedy(monkeypatch):
    """An episode without an end is a fault that names the remedy."""
    monkeypatch.setattr(evaluation, "MAX_STEPS", 50)
    message = "an episode of Endless has not ended after 50 steps; .*gymnasium.wrappers.TimeLimit"
    with pytest.raises(EnvironmentFault, match=message):
        lengths_run().agent.evaluate(2, 0, env=Endless)


def test_an_episode_of_just_as_many_steps_is_counted(monkeypatch):
    monkeypatch.setattr(evaluation, "MAX_STEPS", 9)
    assert max(lengths_run().agent.evaluate(50, 0)) == 9


class OtherActions(Lengths):
    action_space = spaces.Box(-2, 2, (1,))


class OtherObservations(Lengths):
    observation_space = spaces.Box(-2, 2, (2,))


@pytest.mark.parametrize("env", [OtherActions, OtherObservations, "CartPole-v1"])
def test_an_environment_of_other_spaces_is_refused_with_both(env):
    with pytest.raises(ValueError) as refused:
        lengths_run().agent.evaluate(2, 0, env=env)
    other = gymnasium.make(env) if env == "CartPole-v1" else env()
    for of in (Lengths, other):
        assert str((of.observation_space, of.action_space)) in str(refused.value)
