"""Policies made from spaces: their layouts, and what is refused with which wrapper."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation, TransformAction

from npgkit import Categorical, DiagGaussian, collect, mlp_policy, train
from npgkit.distributions import MultiCategorical
from npgkit.practice.spaces import (
    KINDS,
    ActionRangeWarning,
    action_kind,
    as_actions,
    check_spaces,
    observation_size,
    warn_of_range,
)

LINE = spaces.Box(-1, 1, (3,))
LAYOUTS = {
    # weights and biases, layer by layer; a log standard deviation an action of a Box
    "Discrete": (spaces.Box(-1, 1, (4,)), spaces.Discrete(2), (64, 64), 320 + 4160 + 130),
    "Box": (LINE, spaces.Box(-2, 2, (1,)), (8,), 32 + 9 + 1),
    "Box of two dimensions": (LINE, spaces.Box(-1, 1, (2, 3)), (8,), 32 + 54 + 6),
    "Box without dimensions": (LINE, spaces.Box(-1, 1, ()), (8,), 32 + 9 + 1),
    "observed as an image": (spaces.Box(0, 255, (2, 5), np.uint8), spaces.Discrete(3), (4,), 59),
    "MultiDiscrete": (LINE, spaces.MultiDiscrete([2, 3]), (8,), 32 + 45),
    "MultiDiscrete, a matrix": (LINE, spaces.MultiDiscrete([[2, 3], [4, 1]]), (), 40),
    "no hidden layer": (LINE, spaces.Discrete(5), (), 20),
    "three hidden layers": (LINE, spaces.Discrete(2), (2, 3, 4), 8 + 9 + 16 + 10),
}


@pytest.mark.parametrize(("obs", "act", "hidden", "n"), LAYOUTS.values(), ids=LAYOUTS)
def test_theta_holds_each_layer_and_the_free_log_stds(obs, act, hidden, n):
    policy = mlp_policy(obs, act, hidden)
    assert policy.n_params == n
    kinds = {"Discrete": Categorical, "MultiDiscrete": MultiCategorical, "Box": DiagGaussian}
    assert isinstance(policy.distribution, kinds[action_kind(act).name])


def test_the_default_has_two_layers_of_64():
    act = spaces.Discrete(2)
    assert mlp_policy(LINE, act).n_params == mlp_policy(LINE, act, (64, 64)).n_params


def test_a_policy_over_a_box_begins_with_unit_deviations():
    """A policy over a box begins with unit standard deviations."""
    policy = mlp_policy(LINE, spaces.Box(-1, 1, (2,)), (4,))
    theta = policy.init(np.random.default_rng(0))
    np.testing.assert_array_equal(theta[-2:], 0.0)
    out = policy.linearize(theta, np.ones((5, 3))).out
    np.testing.assert_array_equal(out[:, 2:], 0.0)


PARTS = spaces.Dict(a=LINE, b=spaces.Discrete(2))
ENDLESS = spaces.Sequence(LINE)
NODES = spaces.Graph(LINE, LINE)
EITHER = spaces.OneOf((LINE, spaces.Discrete(2)))
FLAT_OBS = "must be a Box; got {}: wrap the environment in gymnasium.wrappers.FlattenObservation"
OBSERVATIONS = {
    "Dict": PARTS,
    "Tuple": spaces.Tuple((LINE, LINE)),
    "MultiBinary": spaces.MultiBinary(4),
    "MultiDiscrete": spaces.MultiDiscrete([2, 3]),
    "Discrete": spaces.Discrete(16),
    "OneOf": EITHER,
    "Text": spaces.Text(3),
}


@pytest.mark.parametrize("kind", OBSERVATIONS)
def test_observations_of_no_box_are_refused_with_the_wrapper(kind):
    """An observation space that is no box is refused with its wrapper."""
    with pytest.raises(TypeError, match=FLAT_OBS.format(kind)):
        observation_size(OBSERVATIONS[kind])
    with pytest.raises(TypeError, match=FLAT_OBS.format(kind)):
        mlp_policy(OBSERVATIONS[kind], spaces.Discrete(2))


FLATTEN = r"TransformAction, with gymnasium\.spaces\.unflatten"
COUNT = r"TransformAction, with a function .* gymnasium\.spaces\.Discrete\(n\)"
SHIFT = r"TransformAction, with a function that adds env\.action_space\.start"
ACTIONS = {
    "Dict of Boxes": (spaces.Dict(a=LINE, b=LINE), "got Dict: .*" + FLATTEN),
    "Tuple of Boxes": (spaces.Tuple((LINE, LINE)), "got Tuple: .*" + FLATTEN),
    "MultiBinary": (spaces.MultiBinary(3), "got MultiBinary: .*" + FLATTEN),
    "MultiDiscrete from 1": (spaces.MultiDiscrete([2, 3], start=[0, 1]), "from 0.*" + SHIFT),
    "Dict with a Discrete": (PARTS, "got Dict: .*" + COUNT),
    "Tuple in a Tuple": (
        spaces.Tuple((LINE, spaces.Tuple((spaces.Discrete(2),)))),
        "got Tuple: .*" + COUNT,
    ),
    "Discrete from 1": (spaces.Discrete(3, start=1), "counted from 0.*" + COUNT),
    "OneOf": (EITHER, "got OneOf: .*" + COUNT),
    "Text": (spaces.Text(3), "got Text: .*" + COUNT),
}


@pytest.mark.parametrize(("space", "message"), ACTIONS.values(), ids=ACTIONS)
def test_an_unsupported_action_space_names_the_wrapper(space, message):
    """An action space that is neither is refused with its wrapper."""
    with pytest.raises(TypeError, match=message):
        mlp_policy(LINE, space)


NO_VECTOR = {
    "Sequence": ENDLESS,
    "Graph": NODES,
    "Dict": spaces.Dict(a=LINE, b=ENDLESS),
    "Tuple": spaces.Tuple((spaces.Discrete(2), NODES)),
}


@pytest.mark.parametrize("kind", NO_VECTOR)
def test_a_space_that_does_not_flatten_has_no_wrapper(kind):
    """A space that does not flatten is refused without a wrapper."""
    message = f"got {kind}: its elements differ in size, and no wrapper makes a vector of them$"
    with pytest.raises(TypeError, match="the observation space .* " + message):
        mlp_policy(NO_VECTOR[kind], spaces.Discrete(2))
    with pytest.raises(TypeError, match="the action space .* " + message):
        mlp_policy(LINE, NO_VECTOR[kind])


def test_a_box_without_entries_is_refused_by_name():
    empty = spaces.Box(-1, 1, (2, 0))
    with pytest.raises(TypeError, match=r"the observation space has no entries; got Box.*\(2, 0\)"):
        mlp_policy(empty, spaces.Discrete(2))
    with pytest.raises(TypeError, match=r"the action space has no entries; got Box.*\(2, 0\)"):
        mlp_policy(LINE, empty)


SIZES = {
    "a number": (64, "hidden must be a list of sizes; got 64"),
    "text": ("64", "hidden must be a list of sizes; got '64'"),
    "half a unit": ((2.5,), "the size of each layer must be a whole number; got 2.5"),
    "no unit": ((4, 0), "the size of each layer must be .* got 0"),
    "true": ((True,), "the size of each layer must be .* got True"),
}


@pytest.mark.parametrize(("hidden", "message"), SIZES.values(), ids=SIZES)
def test_hidden_layers_that_are_none_are_refused(hidden, message):
    with pytest.raises(ValueError, match=message):
        mlp_policy(LINE, spaces.Discrete(2), hidden)


def test_one_action_alone_is_no_choice():
    with pytest.raises(ValueError, match=r"act_space\.n must be .* >= 2; got 1"):
        mlp_policy(LINE, spaces.Discrete(1))
    with pytest.raises(ValueError, match=r"act_space\.nvec must hold a number >= 2; got \[1 1\]"):
        mlp_policy(LINE, spaces.MultiDiscrete([1, 1]))


# Another library's spaces ----------------------------------------------------------------------


class Box:
    """What the spaces of the older library gym look like: the same name, of another module."""

    is_np_flattenable, shape, dtype = True, (3,), np.dtype("float32")


class Discrete:
    n, start = 2, 0


def test_another_librarys_space_is_told_by_its_module():
    for box, kind in ((Box(), "Box"), (None, "NoneType")):
        message = rf"the observation space is a .*{kind}, which is not a gymnasium\.spaces\.Space; "
        with pytest.raises(
            TypeError, match=message + r"it must be a gymnasium\.spaces\.Box: .*shimmy"
        ):
            observation_size(box)
    message = r"the action space is a .*test_spaces\.Discrete, which .* gymnasium\.spaces\.Discrete"
    with pytest.raises(TypeError, match=message):
        mlp_policy(LINE, Discrete())
    with pytest.raises(TypeError, match=r"test_spaces\.Discrete, which is not"):
        as_actions(Discrete(), np.zeros(2, int))


# Actions as the environment takes them ----------------------------------------------------------

AS_ACTIONS = {
    "Discrete": (spaces.Discrete(3), [2, 0], [2, 0]),
    "MultiDiscrete": (spaces.MultiDiscrete([2, 3]), [[1, 2], [0, 0]], [[1, 2], [0, 0]]),
    "MultiDiscrete, a matrix": (
        spaces.MultiDiscrete([[2, 3], [4, 5]]),
        [[1, 2, 3, 4], [0, 0, 0, 1]],
        [[[1, 2], [3, 4]], [[0, 0], [0, 1]]],
    ),
    "MultiDiscrete, narrow": (spaces.MultiDiscrete([2, 3], np.int8), [[1, 2]], [[1, 2]]),
    "Box": (spaces.Box(-1, 1, (2,)), [[0.5, 7], [-7, 0]], [[0.5, 1], [-1, 0]]),
    "Box, wide": (spaces.Box(-1, 1, (2,), np.float64), [[0.1, 2], [0, 0]], [[0.1, 1], [0, 0]]),
    "Box, a matrix": (spaces.Box(-1, 1, (2, 1)), [[3, 0.5], [0, 0]], [[[1], [0.5]], [[0], [0]]]),
    "Box, a number": (spaces.Box(-1, 1, ()), [[3], [0.5]], [1, 0.5]),
    "Box, integers": (spaces.Box(-3, 3, (2,), int), [[0.9, -9], [9, -1.4]], [[1, -3], [3, -1]]),
    "Box of bytes": (spaces.Box(0, 255, (1,), np.uint8), [[-5.0], [254.6]], [[0], [255]]),
    "Box, half open": (spaces.Box(0, np.inf, (1,)), [[-5.0], [1e9]], [[0], [1e9]]),
}  # fmt: skip


@pytest.mark.parametrize(("space", "act", "played"), AS_ACTIONS.values(), ids=AS_ACTIONS)
def test_actions_are_what_the_space_itself_would_sample(space, act, played):
    actions = as_actions(space, np.array(act))
    assert len(actions) == len(act)
    space.seed(0)
    for action, expected in zip(actions, played, strict=True):
        assert type(action) is type(space.sample())
        assert action.dtype == space.dtype
        assert space.contains(action)
        np.testing.assert_array_equal(action, np.array(expected, space.dtype))


def test_actions_are_copies_that_an_environment_may_change():
    for space, act in (
        (spaces.Box(-np.inf, np.inf, (2,)), np.zeros((3, 2), np.float32)),
        (spaces.Box(-9, 9, (2,), np.int64), np.zeros((3, 2), np.int64)),
        (spaces.MultiDiscrete([9, 9]), np.zeros((3, 2), np.int64)),
    ):
        as_actions(space, act)[1][:] = 5
        np.testing.assert_array_equal(act, 0)


def test_numbers_that_are_no_integers_are_no_choices():
    for space, shape in ((spaces.Discrete(2), (3,)), (spaces.MultiDiscrete([2, 2]), (3, 2))):
        message = f"act must hold integers for a {type(space).__name__}; got dtype float64"
        with pytest.raises(ValueError, match=message):
            as_actions(space, np.zeros(shape))


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.MultiBinary(3), PARTS])
def test_actions_for_an_unknown_space_are_refused(space):
    with pytest.raises(TypeError, match=f"the action space must be .*; got {type(space).__name__}"):
        as_actions(space, np.zeros(2, int))


def test_a_kind_is_found_by_the_space_or_what_is_derived_from_it():
    class Mine(spaces.Discrete):
        pass

    assert action_kind(Mine(3)).name == "Discrete"
    assert {kind.name for kind in KINDS} == {action_kind(kind_of).name for kind_of in EACH}


EACH = [spaces.Discrete(2), spaces.MultiDiscrete([2, 3]), spaces.Box(-1, 1, (2,))]

# Ranges far from the policy's -------------------------------------------------------------------

RANGES = {
    # bounds, and whether a policy that begins at N(0, 1) is told so
    "unit": (-1, 1, False), "Pendulum": (-2, 2, False), "InvertedPendulum": (-3, 3, False),
    "Humanoid": (-0.4, 0.4, False), "one-sided": (0, 1, False), "ten": (-10, 10, False),
    "unbounded": (-np.inf, np.inf, False), "half bounded": (0, np.inf, False),
    "bounded by the largest float": (-3.4e38, 3.4e38, False),
    "percent": (0, 100, True), "wide": (-2000, 2000, True), "far": (1000, 2000, True),
    "far below": (-2000, -1000, True), "beyond three deviations": (4, 5, True),
    "narrow": (-0.01, 0.01, True), "one millionth": (0, 1e-6, True),
}  # fmt: skip


@pytest.mark.parametrize(("low", "high", "told"), RANGES.values(), ids=RANGES)
def test_a_range_far_from_the_first_policy_is_told_and_no_other(low, high, told):
    space = spaces.Box(np.array([-1, low], np.float32), np.array([1, high], np.float32))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_of_range("Aim-v0", space)
    assert [w.category for w in seen] == [ActionRangeWarning] * told
    for warning in seen:
        text = str(warning.message)
        assert f"the actions of Aim-v0 range from {low:g} to {high:g} (entry 1 of 2)" in text
        assert "begin near 0 with deviation 1 and are clipped" in text
        assert "gymnasium.wrappers.RescaleAction(env, -1, 1)" in text


def test_choices_have_no_range():
    warn_of_range("CartPole-v1", spaces.Discrete(1000))


class Valve(gymnasium.Env):
    """Opened from 0 to 100."""

    observation_space, action_space = LINE, spaces.Box(0, 100, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(3, np.float32), 1.0, False, False, {}


def test_a_run_warns_once_and_not_when_rescaled():
    small = {"seed": 0, "total_steps": 40, "n_envs": 2, "n_steps": 10}
    with pytest.warns(ActionRangeWarning) as seen:
        list(train(Valve, **small))
    assert len(seen) == 1
    list(train(lambda: gymnasium.wrappers.RescaleAction(Valve(), -1, 1), **small))


class Obliging(gymnasium.Env):
    """Any spaces, random observations; checks that each action is of its space."""

    def __init__(self, obs, act):
        self.observation_space, self.action_space = obs, act

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.t += 1
        return self.observation_space.sample(), 1.0, self.t == 7, False, {}


def flattened(env):
    act = env.action_space
    return TransformAction(
        env, lambda a: spaces.unflatten(act, a), gymnasium.spaces.flatten_space(act)
    )


def counted(env):
    act = env.action_space
    if isinstance(act, spaces.Discrete):
        return TransformAction(env, lambda a: a + act.start, spaces.Discrete(act.n))
    if isinstance(act, spaces.OneOf):
        chosen = [(0, -np.ones(3, np.float32)), (0, np.ones(3, np.float32)), (1, 0), (1, 1)]
        return TransformAction(env, lambda a: chosen[a], spaces.Discrete(4))
    if isinstance(act, spaces.Text):
        return TransformAction(env, lambda a: "abc"[: a + 1], spaces.Discrete(3))
    raise AssertionError(act)


def shifted(env):
    act = env.action_space
    return TransformAction(env, lambda a: a + act.start, spaces.MultiDiscrete(act.nvec))


WRAPPED = {
    **{
        f"observing {kind}": (space, spaces.Discrete(2), FlattenObservation)
        for kind, space in OBSERVATIONS.items()
    },
    "acting Dict of Boxes": (LINE, ACTIONS["Dict of Boxes"][0], flattened),
    "acting Tuple of Boxes": (LINE, ACTIONS["Tuple of Boxes"][0], flattened),
    "acting MultiBinary": (LINE, spaces.MultiBinary(3), flattened),
    "acting MultiDiscrete from 1": (LINE, spaces.MultiDiscrete([2, 3], start=[0, 1]), shifted),
    "acting Discrete from 1": (LINE, spaces.Discrete(3, start=1), counted),
    "acting OneOf": (LINE, EITHER, counted),
    "acting Text": (LINE, spaces.Text(3), counted),
}


@pytest.mark.parametrize(("obs", "act", "wrapper"), WRAPPED.values(), ids=WRAPPED)
def test_wrapped_as_the_message_says_the_environment_trains(obs, act, wrapper):
    with pytest.raises(TypeError):
        check_spaces(Obliging(obs, act))
    records = train(
        lambda: wrapper(Obliging(obs, act)), seed=0, total_steps=40, n_envs=2, n_steps=20,
        hidden=(4,), value_hidden=(4,),
    )  # fmt: skip
    (record,) = records
    assert record.episodes == 4
    assert record.mean_return == 7.0


class Locks(Obliging):
    """Three dials, each of which pays where it stands on its last number."""

    def __init__(self):
        super().__init__(spaces.Box(-1, 1, (3,)), spaces.MultiDiscrete([2, 3, 4]))  # its own draws

    def step(self, action):
        obs, _, *ends = super().step(action)
        return obs, float((action == self.action_space.nvec - 1).mean()), *ends


def test_a_policy_over_several_choices_learns_each_of_them():
    """By chance the dials pay 2.53 of 7; two that are learnt and one by chance, 5.8 at most."""
    records = list(train(Locks, seed=0, total_steps=20_000, n_envs=8, n_steps=64))
    assert records[0].mean_return == pytest.approx(7 * (1 / 2 + 1 / 3 + 1 / 4) / 3, abs=0.3)
    assert records[-1].mean_return > 6


def test_several_choices_are_resumed_bit_by_bit(tmp_path):
    options = {"seed": 0, "n_envs": 2, "n_steps": 30, "hidden": (4,), "value_hidden": (4,)}
    whole = list(train(Locks, total_steps=180, **options))
    first = list(train(Locks, total_steps=120, directory=tmp_path, **options))
    rest = list(train(Locks, total_steps=180, directory=tmp_path, resume=True, **options))
    assert first + rest == whole


def test_several_choices_are_rows_of_indices():
    policy = mlp_policy(LINE, spaces.MultiDiscrete([2, 3]), (4,))
    theta = policy.init(np.random.default_rng(0))
    envs = [Obliging(LINE, spaces.MultiDiscrete([2, 3])) for _ in range(3)]
    roll = collect(envs, policy, theta, 5, np.random.default_rng(0))
    assert roll.act.shape == (5, 3, 2)
    assert roll.act.dtype.kind == "i"


def test_train_refuses_the_spaces_before_it_yields():
    with pytest.raises(TypeError, match="FlattenObservation"):
        train("FrozenLake-v1", seed=0, total_steps=10)
