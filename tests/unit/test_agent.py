"""The agent: what was trained acts, alone or in batches, from a run or from its checkpoint."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npgkit
from npgkit import CheckpointError, load, train
from npgkit.practice import checkpoint

SMALL = {"n_envs": 2, "n_steps": 60, "hidden": (8,), "value_hidden": (8,)}


class Switches(gymnasium.Env):
    """Two switches, one of them with three positions; the reward is for the right setting."""

    observation_space = spaces.Box(-1, 1, (2, 2), np.float64)
    action_space = spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.np_random.uniform(-1, 1, (2, 2)), {}

    def step(self, action):
        self.t += 1
        return self.np_random.uniform(-1, 1, (2, 2)), float(action[1]), self.t == 7, False, {}


gymnasium.register("NpgkitSwitches-v0", entry_point=lambda: Switches())
ENVIRONMENTS = ("CartPole-v1", "Pendulum-v1", "NpgkitSwitches-v0")
every_environment = pytest.mark.parametrize("env", ENVIRONMENTS)


def trained(env, directory=None, **changes):
    with train(
        env, seed=3, total_steps=240, directory=directory, **{**SMALL, **changes}
    ) as training:
        list(training)
    return training


@every_environment
def test_an_action_is_one_that_the_environment_takes(env):
    agent = trained(env).agent
    made = gymnasium.make(env)
    obs, _ = made.reset(seed=0)
    rng = np.random.default_rng(0)
    for deterministic in (True, False):
        action = agent.act(obs, deterministic=deterministic, rng=rng)
        assert made.action_space.contains(action)
        made.step(action)


@every_environment
def test_a_batch_of_observations_gives_the_actions_of_each(env):
    agent = trained(env).agent
    space = agent.observation_space
    some = np.random.default_rng(1).normal(size=(5, *space.shape)).astype(space.dtype)
    actions = agent.act(some)
    assert isinstance(actions, np.ndarray)
    assert len(actions) == 5
    for obs, action in zip(some, actions, strict=True):
        np.testing.assert_allclose(agent.act(obs), action, rtol=1e-5)


@every_environment
@pytest.mark.parametrize("normalise", [True, False])
def test_a_loaded_agent_acts_as_the_one_that_was_trained(env, normalise, tmp_path):
    agent = trained(env, tmp_path, normalise=normalise).agent
    loaded = load(str(tmp_path))
    space = agent.observation_space
    some = np.random.default_rng(1).normal(size=(20, *space.shape)).astype(space.dtype)
    np.testing.assert_array_equal(loaded.act(some), agent.act(some))
    for one, other in ((loaded, agent),):
        draws = [
            a.act(some, deterministic=False, rng=np.random.default_rng(4)) for a in (one, other)
        ]
        np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(loaded.theta, agent.theta)
    assert loaded.settings == agent.settings
    assert loaded.observation_space == space
    assert loaded.action_space == agent.action_space
    assert loaded.evaluate(3, seed=5) == agent.evaluate(3, seed=5)


def test_an_agent_of_a_function_is_loaded_without_it(tmp_path):
    """Acting needs nothing but the checkpoint; playing needs the function again."""
    agent = trained(Switches, tmp_path).agent
    loaded = load(tmp_path)
    obs = np.zeros((2, 2))
    np.testing.assert_array_equal(loaded.act(obs), agent.act(obs))
    assert loaded.evaluate(2, seed=0, env=Switches) == agent.evaluate(2, seed=0)


def test_drawn_actions_follow_the_policys_probabilities():
    agent = trained("CartPole-v1").agent
    obs = np.array([0.1, -0.2, 0.05, 0.3], np.float32)
    out = agent.policy.linearize(agent.theta, agent.normaliser(obs[None])).out
    p = agent.policy.distribution.probabilities(out)[0, 1]
    drawn = agent.act(np.tile(obs, (4000, 1)), deterministic=False, rng=np.random.default_rng(0))
    assert abs(drawn.mean() - p) < 4 * np.sqrt(p * (1 - p) / 4000)


def test_the_agent_of_a_training_is_the_policy_of_now():
    training = train("CartPole-v1", seed=0, total_steps=360, **SMALL)
    thetas = []
    for _ in training:
        thetas.append(training.agent.theta)
    assert not np.array_equal(thetas[0], thetas[1])
    np.testing.assert_array_equal(thetas[-1], training.agent.theta)  # the end does not take it away


BAD = {
    "too few entries": (
        {"obs": np.zeros(3)},
        r"obs must have shape \(4,\), or \(n, ...\).* \(3,\)",
    ),
    "two axes too many": ({"obs": np.zeros((2, 2, 4))}, r"obs must have shape .*got \(2, 2, 4\)"),
    "not finite": ({"obs": np.array([0, np.nan, 0, 0])}, r"obs\[1\] is nan"),
    "text": ({"obs": "left"}, "obs must be an array of real numbers; got 'left'"),
    "no generator": ({"obs": np.zeros(4), "deterministic": False}, "rng must be a numpy.random"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_a_bad_observation_is_refused_by_name(call, message):
    agent = trained("CartPole-v1").agent
    with pytest.raises(ValueError, match=message):
        agent.act(**call)


def test_drawn_and_most_likely_actions_are_evaluated_apart():
    agent = trained("Pendulum-v1").agent
    assert agent.evaluate(2, 0) == agent.evaluate(2, 0)
    assert agent.evaluate(2, 0) != agent.evaluate(2, 0, deterministic=False)
    assert agent.evaluate(2, 0, deterministic=False) == agent.evaluate(2, 0, deterministic=False)


def test_no_more_environments_are_open_than_in_training():
    live, most = [0], [0]

    class Seat(Switches):
        def __init__(self):
            live[0] += 1
            most[0] = max(most[0], live[0])

        def close(self):
            live[0] -= 1

    agent = trained(Seat, n_envs=3).agent
    assert (live, most) == ([0], [3])
    assert len(agent.evaluate(10, 0)) == 10
    assert (live, most) == ([0], [3])


def test_episodes_start_the_same_however_many_are_played_at_once():
    one, three = (trained("Pendulum-v1", n_envs=n).agent for n in (1, 3))
    fixed = npgkit.Agent(**{**vars(three), "theta": one.theta, "normaliser": one.normaliser})
    np.testing.assert_allclose(fixed.evaluate(5, 7), one.evaluate(5, 7), rtol=1e-4)


class Drifts(Switches):
    """Pays by how often it has been reset: a wrapper with running statistics does such a thing."""

    resets = 0

    def reset(self, *, seed=None, options=None):
        self.resets += 1
        return super().reset(seed=seed)

    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, reward + self.resets, *rest


def test_an_environment_with_a_memory_is_not_evaluated():
    agent = trained(Drifts).agent
    with pytest.raises(CheckpointError, match="remembers more than an episode's seed"):
        agent.evaluate(2, 0)


def test_other_spaces_are_refused():
    agent = trained("CartPole-v1").agent
    with pytest.raises(ValueError, match="the agent was trained on the spaces"):
        agent.evaluate(1, 0, env="Pendulum-v1")


def test_a_directory_without_a_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        load(tmp_path / "nothing")


SPOILT = {
    "no settings": lambda r, a: r.pop("settings"),
    "a setting of the future": lambda r, a: r["settings"].update(entropy_weight=1.0),
    "theta too short": lambda r, a: a.update(theta=a["theta"][:-1]),
    "no moments": lambda r, a: a.pop("moments_mean"),
    "another space": lambda r, a: r.update(action_space={"kind": "Text", "dtype": "int64"}),
    "a space without its kind": lambda r, a: r.update(action_space={"dtype": "int64"}),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_checkpoint_that_does_not_fit_is_refused(spoil, tmp_path):
    trained("CartPole-v1", tmp_path)
    record, arrays = checkpoint.load(tmp_path)
    spoil(record, arrays)
    checkpoint.save(tmp_path, record, arrays)
    with pytest.raises(CheckpointError, match="does not fit this program"):
        load(tmp_path)
