"""Training: records, settings, the order of things, and that it learns."""

import math
from collections.abc import Iterator
from dataclasses import astuple, fields, replace

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from npgkit import Iteration, Settings, gae, train
from npgkit.practice import run as run_module
from npgkit.practice import settings
from npgkit.practice.normaliser import Normaliser
from npgkit.practice.rollout import collect
from npgkit.practice.run import METHODS, Run
from npgkit.practice.settings import settings_for
from npgkit.practice.spaces import KINDS

SMALL = {"n_envs": 2, "n_steps": 60, "hidden": (8,), "value_hidden": (8,)}
every_method = pytest.mark.parametrize("method", METHODS)
every_environment = pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])


def same_records(one, other):
    """Equal entry by entry, NaN to NaN."""
    np.testing.assert_array_equal([astuple(r)[:8] for r in one], [astuple(r)[:8] for r in other])
    assert [r.reason for r in one] == [r.reason for r in other]
    np.testing.assert_array_equal([astuple(r)[9:] for r in one], [astuple(r)[9:] for r in other])


@every_method
@every_environment
def test_the_same_seed_gives_the_same_records(env, method):
    """The same seed gives the same records and another one others."""
    one, again, other = (
        list(train(env, method, seed=seed, total_steps=480, **SMALL)) for seed in (3, 3, 4)
    )
    same_records(one, again)
    with pytest.raises(AssertionError):
        same_records(one, other)


@every_method
@every_environment
def test_records_count_steps_and_episodes(env, method):
    """A Pendulum's episode has 200 steps: four iterations of 60 end the first one in each."""
    records = list(train(env, method, seed=0, total_steps=450, **SMALL))
    assert [r.iteration for r in records] == [1, 2, 3, 4]
    assert [r.env_steps for r in records] == [120, 240, 360, 480]  # the last one is whole
    episodes = [0, *(r.episodes for r in records)]
    for before, r in zip(episodes, records, strict=False):
        assert math.isnan(r.mean_return) == (r.episodes == before)
        assert r.kl >= 0
        assert r.entropy > 0
        if r.reason == "accepted":
            assert r.alpha > 0
        else:
            assert r.alpha == r.surrogate_gain == 0  # kl is what the moments cost
        if method == "trpo":
            assert r.kl <= 0.01
            assert 1 <= r.trials <= 11
        else:
            assert r.trials == 0
    if env == "Pendulum-v1":
        assert episodes == [0, 0, 0, 0, 2]
    else:
        # every episode has a return of its length: none is longer than the steps of its pole
        assert all(8 <= r.mean_return <= 240 for r in records)
        assert records[-1].episodes > 10


@every_method
def test_the_methods_make_different_steps_of_the_same_rollout(method):
    settings = settings_for("CartPole-v1", **SMALL)
    run = Run("CartPole-v1", method, seed=0, settings=settings)
    start, record = run.theta.copy(), run.step()
    length = float(np.linalg.norm(run.theta - start))
    assert record.alpha == pytest.approx(0.05) if method == "vpg" else record.alpha > 0.05
    if method == "npg":  # its radius is that of the quadratic model: near it, on either side
        assert record.kl == pytest.approx(0.01, rel=0.5)
    assert length > 0


def test_train_does_nothing_before_it_is_asked(monkeypatch):
    """Train is an iterator that does nothing before it is asked."""
    calls = []
    plain = Run.step
    monkeypatch.setattr(Run, "step", lambda run: calls.append(1) or plain(run))
    records = train("CartPole-v1", seed=0, total_steps=10**9, **SMALL)
    assert isinstance(records, Iterator)
    assert calls == []
    assert isinstance(next(records), Iteration)
    assert next(records).iteration == 2
    assert len(calls) == 2


def test_the_environments_are_closed_however_a_run_ends(monkeypatch):
    closed = []
    monkeypatch.setattr(Run, "close", lambda run: closed.append(1))
    list(train("CartPole-v1", seed=0, total_steps=10, **SMALL))
    stopped = train("CartPole-v1", seed=0, total_steps=10**9, **SMALL)
    next(stopped)
    stopped.close()
    assert len(closed) == 2


BAD = {
    "method": ({"method": "ppo"}, ValueError, "method must be one of 'trpo', 'npg', 'vpg'"),
    "seed": ({"seed": -1}, ValueError, "seed must be"),
    "total_steps": ({"total_steps": 0}, ValueError, "total_steps must be .* >= 1; got 0"),
    "a setting that there is not": ({"radius": 1}, ValueError, "radius is not a setting; .* alpha"),
    "n_envs": ({"n_envs": 0}, ValueError, "n_envs must be .* >= 1"),
    "n_steps": ({"n_steps": 2.5}, ValueError, "n_steps must be a whole number"),
    "gamma": ({"gamma": 1.5}, ValueError, "gamma must be a finite number >= 0 and <= 1"),
    "lam": ({"lam": -0.5}, ValueError, "lam must be"),
    "epsilon": ({"epsilon": 0}, ValueError, "epsilon must be .* > 0"),
    "alpha": ({"alpha": float("nan")}, ValueError, "alpha must be"),
    "damping": ({"damping": -1}, ValueError, "damping must be"),
    "backtrack": ({"backtrack": 1.0}, ValueError, "backtrack must be .* < 1"),
    "hidden": ({"hidden": 64}, ValueError, "hidden must be a list of sizes; got 64"),
    "a layer of nothing": ({"value_hidden": [8, 0]}, ValueError, "value_hidden must be"),
    "normalise": ({"normalise": 1}, ValueError, "normalise must be true or false; got 1"),
    "no such environment": ({"env": "NoSuch-v0"}, gymnasium.error.Error, "NoSuch"),
}


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_a_bad_call_is_refused_when_it_is_made(change, error, message):
    call = {"env": "CartPole-v1", "seed": 0, "total_steps": 10, **change}
    with pytest.raises(error, match=message):
        train(**call)


# Settings ---------------------------------------------------------------------------------------


def test_settings_follow_kind_then_environment_then_call(monkeypatch):
    monkeypatch.setattr(settings, "PER_KIND", {"Discrete": {}, "Box": {"n_envs": 3, "gamma": 0.5}})
    monkeypatch.setattr(settings, "PER_ENVIRONMENT", {"Pendulum-v1": {"gamma": 0.9, "lam": 0.8}})
    box = Settings(n_envs=3, gamma=0.5)
    assert settings_for("CartPole-v1") == Settings()
    assert settings_for("MountainCarContinuous-v0") == box
    assert settings_for("Pendulum-v1") == replace(box, gamma=0.9, lam=0.8)
    assert settings_for("Pendulum-v1", lam=0.7) == replace(box, gamma=0.9, lam=0.7)
    assert settings_for(lambda: gymnasium.make("Pendulum-v1")) == box


def test_every_kind_of_actions_has_settings():
    assert set(settings.PER_KIND) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("env", settings.PER_ENVIRONMENT)
def test_an_environments_own_settings_are_settings(env):
    """Made without the environment: MuJoCo is not among what the tests need."""
    assert Settings(**settings.PER_ENVIRONMENT[env]) != Settings()


def test_what_json_makes_of_settings_is_the_same_settings():
    assert settings_for("CartPole-v1", hidden=[32, 16], n_envs=4.0) == settings_for(
        "CartPole-v1", hidden=(32, 16), n_envs=4
    )


CHANGES = {
    "n_envs": 3, "n_steps": 61, "gamma": 0.9, "lam": 0.5, "epsilon": 0.05, "alpha": 0.5,
    "damping": 0.01, "cg_iterations": 1, "backtrack": 0.5, "max_backtracks": 0, "hidden": (9,),
    "value_hidden": (9,), "value_damping": 0.5, "value_rounds": 3, "normalise": False,
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_makes_a_difference(name):
    """To the parameters after three iterations, of a method that uses it."""
    method = "vpg" if name == "alpha" else "trpo"
    steep = {"epsilon": 5.0} if name in ("backtrack", "max_backtracks") else {}

    def after(**changes):
        settings = settings_for("CartPole-v1", **{**SMALL, **steep, **changes})
        run = Run("CartPole-v1", method, seed=0, settings=settings)
        for _ in range(3):
            run.step()
        return np.concatenate([run.theta, run.value_params])

    assert not np.array_equal(after(), after(**{name: CHANGES[name]}))


# Inside an iteration ----------------------------------------------------------------------------


class Ends(gymnasium.Env):
    """Random observations; ends after 4 steps, terminated or truncated in turn."""

    observation_space = spaces.Box(-1, 1, (2,))
    action_space = spaces.Discrete(2)
    episode = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.episode = 0, self.episode + 1
        return self.np_random.uniform(-1, 1, 2), {}

    def step(self, action):
        self.t += 1
        end, odd = self.t == 4, self.episode % 2 == 1
        return self.np_random.uniform(-1, 1, 2), 1.0, end and odd, end and not odd, {}


def test_advantages_look_ahead_to_the_final_observations():
    """Every next value but after a termination, where nobody asks, is V of `final_obs`."""
    run = Run(Ends, "trpo", seed=0, settings=Settings(n_envs=2, n_steps=10, value_hidden=(4,)))
    run.value_params = run.value_params + 0.3
    roll = collect(run.pool, run.policy, run.theta, 10, run.rng)
    run.normaliser = Normaliser(5, np.full(2, 0.2), np.full(2, 0.3))
    values, adv = run._advantages(roll, run.normaliser(roll.rows(roll.obs)))
    final = run.normaliser(roll.rows(roll.final_obs))
    ahead = run.baseline.predict(run.value_params, final).reshape(10, 2).astype(np.float64)
    assert roll.terminated.any()
    assert roll.truncated.any()
    assert not roll.ended[-1].any()  # the rollout cuts an episode
    expected = gae(
        roll.rew, values, ahead, roll.terminated, roll.truncated,
        gamma=run.settings.gamma, lam=run.settings.lam,
    )  # fmt: skip
    np.testing.assert_allclose(adv, expected, rtol=1e-5, atol=1e-6)
    assert values.dtype == adv.dtype == np.float64


def test_the_step_reads_standardised_advantages_and_own_logp(monkeypatch):
    run = Run(Ends, "vpg", seed=0, settings=Settings(n_envs=2, n_steps=10, hidden=(4,)))
    batches = []
    improve = Run._improve

    def spy(run, batch):
        batches.append(batch)
        return improve(run, batch)

    monkeypatch.setattr(Run, "_improve", spy)
    for _ in range(2):
        run.step()
    for batch in batches:
        assert len(batch) == 20
        assert batch.adv.dtype == batch.obs.dtype == np.float32
        assert batch.adv.mean() == pytest.approx(0, abs=1e-6)
        assert batch.adv.std() == pytest.approx(1, abs=1e-6)
        logp = run.policy.distribution.logp(batch.outputs, batch.act)
        np.testing.assert_array_equal(batch.logp, logp)


def test_moments_follow_before_the_step_and_the_fit_is_last(monkeypatch):
    """What acts next is what the step was measured with; the baseline learns from it afterwards."""
    run = Run("Pendulum-v1", "trpo", seed=0, settings=settings_for("Pendulum-v1", **SMALL))
    events = []
    for name, owner in (
        ("_follow", Run), ("_advantages", Run), ("_improve", Run), ("fit", type(run.baseline)),
    ):  # fmt: skip
        plain = getattr(owner, name)

        def spy(*args, name=name, plain=plain):
            events.append(name)
            return plain(*args)

        monkeypatch.setattr(owner, name, spy)
    for _ in range(2):
        events.clear()
        run.step()
        assert events == ["_follow", "_advantages", "_improve", "fit"]


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"])
def test_no_update_takes_what_acts_beyond_epsilon(env, normalise, monkeypatch):
    """The mean KL, on the iteration's rows, between what acted and what acts next is record.kl."""
    changes = {"hidden": (8,), "value_hidden": (8,), "normalise": normalise}
    run = Run(env, "trpo", seed=1, settings=settings_for(env, **changes))
    seen = []
    follow = Run._follow

    def spy(run, rows, acted):
        seen.append((rows, acted))
        follow(run, rows, acted)

    monkeypatch.setattr(Run, "_follow", spy)
    shares = []
    for _ in range(6):
        before = run.agent
        record = run.step()
        rows, acted = seen.pop()
        after = run.agent
        old, new = (
            agent.policy.linearize(
                agent.theta,
                agent.normaliser(rows) if agent.normaliser else rows.astype(np.float32),
            ).out
            for agent in (before, after)
        )
        np.testing.assert_array_equal(old, acted)
        kl = run.policy.distribution.kl(new, old).mean()
        assert record.kl == pytest.approx(kl, rel=1e-5)
        shares.append(record.kl / run.settings.epsilon)
    assert max(shares) <= 1
    assert max(shares) > 0.5  # the region is used


def test_moments_that_would_cost_too_much_are_held_back():
    """After the first rollout the moments in use lie on the way to those of all observations."""
    run = Run("Pendulum-v1", "trpo", seed=0, settings=settings_for("Pendulum-v1", epsilon=1e-4))
    first = run.normaliser
    run.step()
    way, went = run.seen.mean - first.mean, run.normaliser.mean - first.mean
    share = (went @ way) / (way @ way)
    assert math.log2(share) == pytest.approx(round(math.log2(share)), abs=1e-9)
    assert share < 1
    np.testing.assert_allclose(went, share * way, atol=1e-12)


def test_observations_are_read_in_float32():
    obs = np.array([[0.5, -0.5, 3.0]])
    for normalise in (True, False):
        settings = settings_for("Pendulum-v1", **SMALL, normalise=normalise)
        run = Run("Pendulum-v1", "trpo", seed=0, settings=settings)
        run.step()
        read = run.normalise_obs(obs)
        assert read.dtype == np.float32
        assert np.array_equal(read, obs.astype(np.float32)) != normalise


def test_equal_advantages_stay_finite_and_move_nothing():
    """No variance to divide by: the gradient is zero and the step says so."""
    np.testing.assert_array_equal(run_module._standardised(np.full(7, 3.0)), 0.0)


@pytest.mark.parametrize("value", [0.1, 0.3, -1e-8, 1e8])
def test_advantages_that_differ_by_rounding_are_equal(value):
    """The mean of sixty times .1 is not .1, and what is left over is no advantage."""
    np.testing.assert_array_equal(run_module._standardised(np.full(60, value)), 0.0)
    np.testing.assert_array_equal(run_module._standardised(value * (1 + 1e-9 * np.arange(60))), 0.0)


def test_standardised_advantages_have_mean_0_and_deviation_1():
    adv = np.random.default_rng(0).normal(size=500) * 1e-6 + 3e-6
    normalised = run_module._standardised(adv).astype(np.float64)
    assert normalised.mean() == pytest.approx(0, abs=1e-6)
    assert normalised.std() == pytest.approx(1, abs=1e-6)


def test_rollouts_without_an_end_have_no_return():
    (record,) = train("Pendulum-v1", seed=0, total_steps=100, **SMALL)
    assert math.isnan(record.mean_return)
    assert record.episodes == 0


def test_the_share_explained_rises_as_the_baseline_learns():
    """CartPole's returns are foreseen from the state: V = 0 explains nothing, the fit a third.

    A run is chaotic, and rounding picks its last digits: the mean of ten exceeds a third by five
    standard errors.
    """
    size = {"n_envs": 8, "n_steps": 100, "hidden": (32,), "value_hidden": (32,)}
    explained = np.array([
        [record.explained for record in train("CartPole-v1", seed=seed, total_steps=6400, **size)]
        for seed in range(10)
    ])  # fmt: skip
    np.testing.assert_allclose(explained[:, 0], 0, atol=1e-6)  # a mean of 800 float32s
    assert explained.max() <= 1
    late = explained[:, 4:].mean(axis=1)
    assert late.mean() - 5 * late.std(ddof=1) / np.sqrt(10) > 1 / 3


@pytest.mark.parametrize(("method", "least"), [("trpo", 60), ("npg", 60)])
def test_cart_poles_stay_up_longer_after_training(method, least):
    """A random policy's episodes last 22 steps on average; three times as many is no accident."""
    size = {"n_envs": 8, "n_steps": 128, "hidden": (32,), "value_hidden": (32,)}
    records = list(train("CartPole-v1", method, seed=1, total_steps=16 * 1024, **size))
    returns = [r.mean_return for r in records if not math.isnan(r.mean_return)]  # where one ended
    assert returns[0] < 30
    assert returns[-1] > least


def test_a_new_run_does_not_replace_a_checkpoint(tmp_path):
    """A new run does not replace a checkpoint that it was not told to resume."""
    next(train("CartPole-v1", seed=0, total_steps=120, directory=tmp_path, **SMALL))
    before = (tmp_path / "checkpoint.json").read_bytes()
    with pytest.raises(ValueError, match="holds a checkpoint"):
        train("CartPole-v1", seed=1, total_steps=120, directory=tmp_path, **SMALL)
    assert (tmp_path / "checkpoint.json").read_bytes() == before
