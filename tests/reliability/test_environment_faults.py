"""Environments that misbehave: a message says which, when and where; the last state is on disk."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npgkit
from npgkit import EnvironmentFault, collect, train
from npgkit.practice import checkpoint
from npgkit.practice.run import Run
from npgkit.practice.settings import Settings

NAN, INF = float("nan"), float("inf")
SMALL = {"n_envs": 3, "n_steps": 10, "hidden": (4,), "value_hidden": (4,)}


class Faulty(gymnasium.Env):
    """Random observations of shape (2, 2), episodes of 4 steps; a fault in one copy.

    `bad` is what goes wrong once the copy has taken `at` steps (a reset is no step).
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2, 2))
    action_space = spaces.Discrete(2)
    made, bad, at, copy = 0, None, 0, 1

    def __init__(self):
        self.number, self.steps = Faulty.made, 0
        Faulty.made += 1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._obs("reset"), {}

    def step(self, action):
        self.t += 1
        self.steps += 1
        rew = 1.0
        if self._faulty("reward"):
            rew = Faulty.bad[1]
        return self._obs("obs"), rew, self.t == 4, False, {}

    def _obs(self, kind):
        obs = self.np_random.normal(size=(2, 2))
        if self._faulty(kind):
            obs[1, 0] = Faulty.bad[1]
        return obs

    def _faulty(self, kind):
        return (
            Faulty.bad is not None
            and self.number == Faulty.copy
            and self.steps == Faulty.at
            and Faulty.bad[0] == kind
        )


@pytest.fixture
def fault(monkeypatch):
    """Set what goes wrong and when; forgotten after the test."""
    for name in ("made", "bad", "at", "copy"):
        monkeypatch.setattr(Faulty, name, getattr(Faulty, name))

    def set_fault(bad, at, copy=1):
        Faulty.made, Faulty.bad, Faulty.at, Faulty.copy = 0, bad, at, copy

    return set_fault


FAULTS = {
    # what, after how many steps of the copy, what the message says
    "NaN reward at once": (("reward", NAN), 1, r"reward .* at step 0 .* is nan"),
    "NaN reward later": (("reward", NAN), 7, r"reward .* at step 6 .* is nan"),
    "infinite reward": (("reward", INF), 3, r"reward .* at step 2 .* is inf"),
    "-infinite reward": (("reward", -INF), 4, r"reward .* at step 3 .* is -inf"),
    "NaN observation": (("obs", NAN), 2, r"observation .* at step 1 .* is nan, entry \[1, 0\]"),
    "infinite observation": (
        ("obs", INF),
        3,
        r"observation .* at step 2 .* is inf, entry \[1, 0\]",
    ),
    "NaN at an end": (("obs", NAN), 4, r"observation .* at step 3 .* is nan, entry \[1, 0\]"),
    "NaN after an end": (("reset", NAN), 8, r"observation .* at step 7 .* entry \[1, 0\]"),
    "NaN before the first step": (("reset", NAN), 0, r"observation .* at step 0 .* \[1, 0\]"),
}
each_fault = pytest.mark.parametrize(("bad", "at", "message"), FAULTS.values(), ids=FAULTS)


@each_fault
def test_the_message_names_what_environment_step_and_entry(bad, at, message, fault):
    fault(bad, at)
    envs = [Faulty() for _ in range(3)]
    policy = npgkit.softmax_linear(4, 2)
    with pytest.raises(EnvironmentFault, match=message) as error:
        collect(envs, policy, np.zeros(8), 10, np.random.default_rng(0))
    assert "of environment 1 (Faulty)" in str(error.value)
    assert "must be finite" in str(error.value)


@pytest.mark.parametrize("bad", [("reward", NAN), ("reward", INF), ("obs", NAN), ("obs", -INF)])
@pytest.mark.parametrize("normalise", [True, False])
def test_a_repaired_environment_goes_on_from_the_last_state(bad, normalise, fault, tmp_path):
    """The fault is in the third iteration; what is resumed after two is the whole run."""
    options = {"seed": 0, "total_steps": 120, "normalise": normalise, **SMALL}
    fault(None, 0)
    whole = list(train(Faulty, directory=tmp_path / "whole", **options))
    fault(bad, 25, copy=1)
    records = train(Faulty, directory=tmp_path / "parts", **options)
    first = [next(records), next(records)]
    good = checkpoint.load(tmp_path / "parts")
    with pytest.raises(EnvironmentFault, match=r"of environment 1 .* at step 4 of the rollout"):
        next(records)
    with pytest.raises(StopIteration):
        next(records)
    kept = checkpoint.load(tmp_path / "parts")
    assert kept[0] == good[0]
    assert kept[0]["iteration"] == 2
    np.testing.assert_array_equal(kept[1]["theta"], good[1]["theta"])
    fault(None, 0)
    rest = list(train(Faulty, directory=tmp_path / "parts", resume=True, **options))
    assert first + rest == whole
    (_, arrays), (_, others) = (checkpoint.load(tmp_path / p) for p in ("whole", "parts"))
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert np.isfinite(array).all() or "_space_" in name  # a space may have no bounds
        np.testing.assert_array_equal(array, others[name], strict=True)


def test_a_fault_in_the_first_iteration_leaves_no_checkpoint(fault, tmp_path):
    fault(("reward", NAN), 3)
    with pytest.raises(EnvironmentFault):
        list(train(Faulty, seed=0, total_steps=60, directory=tmp_path / "run", **SMALL))
    assert not checkpoint.exists(tmp_path / "run")


class Broken(Faulty):
    """An environment that raises by itself."""

    def step(self, action):
        if self.steps == 15:
            raise ZeroDivisionError("in the simulator")
        return super().step(action)


def test_an_environments_own_exception_comes_through(tmp_path):
    """An environments own exception comes through and the last state is on disk."""
    records = train(Broken, seed=0, total_steps=120, directory=tmp_path, **SMALL)
    next(records)
    with pytest.raises(ZeroDivisionError, match="in the simulator"):
        next(records)
    assert checkpoint.load(tmp_path)[0]["iteration"] == 1


# Each environment plays one episode of 4 steps.
PLAYED = [name for name, (_, at, _) in FAULTS.items() if at <= 4]


@pytest.mark.parametrize("name", PLAYED)
def test_a_fault_during_evaluation_is_no_return(name, fault):
    """A fault during evaluation is named and does not become a return."""
    bad, at, message = FAULTS[name]
    fault(None, 0)
    run = Run(Faulty, "trpo", seed=0, settings=Settings(**SMALL))
    fault(bad, at)
    with pytest.raises(EnvironmentFault, match=message):
        run.agent.evaluate(3, 0)


class Huge(gymnasium.Env):
    """Finite, and as large as floats go: rewards and observations whose squares are not."""

    observation_space = spaces.Box(-np.inf, np.inf, (1,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.array([1e30]), {}

    def step(self, action):
        self.t += 1
        return np.array([self.np_random.normal() * 1e29]), 1e15, self.t == 5, False, {}


def test_huge_but_finite_numbers_train_to_finite_parameters():
    run = Run(Huge, "trpo", seed=0, settings=Settings(**SMALL))
    for _ in range(4):
        run.step()
    assert np.isfinite(run.theta).all()
    assert np.isfinite(run.value_params).all()
