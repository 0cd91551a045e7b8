"""What an environment gives and gets is checked, with a message that says whose fault it is."""

import re
import traceback
from fractions import Fraction

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npgkit
from npgkit import EnvironmentFault, PolicyFault, collect, mlp_policy
from npgkit.__main__ import main
from npgkit.practice.contract import LARGEST, CheckedEnv, is_environments_own, is_usable, usable
from npgkit.practice.environments import make_env, make_pool
from npgkit.practice.pools import EnvPool

ZEROS = np.zeros(2, np.float32)


class Scripted(gymnasium.Env):
    """Returns what it is told to: `reset` is a result or an error, `step` a function of one."""

    observation_space = spaces.Box(-10, 10, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, **script):
        self.script, self.t, self.closed = script, 0, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.play("reset", (ZEROS.copy(), {}))

    def step(self, action):
        self.t += 1
        usual = (ZEROS.copy(), 1.0, False, False, {})
        return self.play("step", usual) if self.t == 3 else usual

    def close(self):
        self.closed += 1
        self.play("close", None)

    def play(self, call, usual):
        told = self.script.get(call, usual)
        if isinstance(told, BaseException):
            raise told
        return told


def two(**script):
    """Two environments, the second of which keeps to the script."""
    return [Scripted(), Scripted(**script)]


def played(envs):
    return collect(envs, npgkit.softmax_linear(2, 2), np.zeros(4), 5, np.random.default_rng(0))


def step(obs=ZEROS, reward=1.0, terminated=False, truncated=False):
    return obs, reward, terminated, truncated, {}


# What comes back --------------------------------------------------------------------------------

REFUSED = {
    "four values": ((ZEROS, 1.0, False, {}), "returned .*tuple of 4.*before 0.26.*shimmy"),
    "three values": ((ZEROS, 1.0, False), r"tuple of 3.*\(obs, reward, terminated, truncated, in"),
    "a list": (list(step()), r"returned .* \(a list of 5\).*\(obs, reward"),
    "an observation alone": (ZEROS, r"returned .*array of shape \(2,\) and dtype float32"),
    "nothing": (None, r"the step returned None \(NoneType\)"),
    "reward of two": (step(reward=np.ones(2)), r"the reward is array.*shape \(2,\).*one real num"),
    "no rewards": (step(reward=np.ones(0)), r"the reward is array.*shape \(0,\)"),
    "reward None": (step(reward=None), r"the reward is None \(NoneType\)"),
    "reward a string": (step(reward="1.0"), r"the reward is '1.0' \(str\)"),
    "reward complex": (step(reward=1j), r"the reward is 1j \(complex\)"),
    "reward ragged": (step(reward=[[1.0], 2.0, []]), r"the reward is .*a list of 3"),
    "flag an array": (step(terminated=np.array([True])), r"terminated is array\(\[ True\]\)"),
    "flag a string": (
        step(truncated="False"),
        r"truncated is 'False' \(str\)",
    ),
    "flag None": (step(terminated=None), "terminated is None .*True or False"),
    "flag a float": (step(truncated=0.0), r"truncated is 0.0 \(float\)"),
    "flag two": (step(truncated=2), r"truncated is 2 \(int\)"),
    "flag info": (step(truncated={}), r"truncated is \{\} \(dict\)"),
    "obs of another shape": (step(obs=np.zeros(3)), r"has shape \(3,\).*its space says \(2,\)"),
    "obs a number": (step(obs=0.0), r"has shape \(\)"),
    "obs None": (step(obs=None), "the observation is None .*an array of numbers"),
    "obs strings": (step(obs=["a", "b"]), r"the observation is \['a', 'b'\]"),
    "obs complex": (step(obs=np.ones(2) * 1j), "the observation is .*complex128"),
    "obs a dict": (step(obs={"a": ZEROS}), "the observation is {'a'"),
    "obs ragged": (step(obs=[[1], [1, 2]]), "the observation is"),
}


@pytest.mark.parametrize(("came", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_step_must_not_return_is_said_with_env_and_step(came, message):
    with pytest.raises(EnvironmentFault, match=message) as fault:
        played(two(step=came))
    assert "environment 1 (Scripted), at step 2 of the episode with seed" in str(fault.value)
    assert not is_environments_own(fault.value)


RESETS = {
    "an observation alone": ZEROS,
    "a list of two": [ZEROS, {}],
    "no dict": (ZEROS, None),
    "three values": (ZEROS, {}, 1),
    "nothing": None,
}


@pytest.mark.parametrize("came", RESETS.values(), ids=RESETS)
def test_a_reset_that_returns_no_pair_is_said_with_its_seed(came):
    message = (
        r"reset returned .*environment 1 \(Scripted\), at the reset .* seed \d+; .*\(obs, dict"
    )
    with pytest.raises(EnvironmentFault, match=message):
        played(two(reset=came))


REWARDS = {
    "int": 2,
    "bool": True,
    "float64": np.float64(2),
    "float32": np.float32(0.1),
    "int8": np.int8(3),
    "bool_": np.bool_(True),
    "0-d": np.array(2.5),
    "one": np.array([2.5]),
    "1 x 1": np.ones((1, 1)),
    "list of one": [4.0],
    "fraction": Fraction(1, 4),
}


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
def test_one_real_number_is_a_reward_in_whatever_form(reward):
    expected = float(np.asarray(reward, np.float64).item())
    assert played(two(step=step(reward=reward))).rew[2, 1] == expected


@pytest.mark.parametrize("reward", [10**400, -(10**400), Fraction(10**400)])
def test_a_reward_beyond_all_floats_is_too_large(reward):
    with pytest.raises(EnvironmentFault, match=r"reward of environment 1 .* is -?inf"):
        played(two(step=step(reward=reward)))


@pytest.mark.parametrize("kind", [bool, np.bool_, int, np.uint8, np.int64, np.array])
@pytest.mark.parametrize("value", [False, True])
def test_a_bool_and_an_integer_0_or_1_are_flags(kind, value):
    roll = played(two(step=step(truncated=kind(value))))
    assert roll.truncated[2, 1] == value
    assert not roll.terminated.any()


OBSERVED = {
    # the space's dtype, what comes, what is seen
    "float64 for float32": (np.float32, np.array([0.1, -3.0]), np.float32([0.1, -3.0])),
    "a list": (np.float32, [1, 2], [1.0, 2.0]),
    "bools": (np.float64, np.array([True, False]), [1.0, 0.0]),
    "int64 for uint8": (np.uint8, np.array([0, 9]), [0, 9]),
    "whole floats for int64": (np.int64, np.array([3.0, -4.0]), [3, -4]),
    "big-endian": (np.float32, np.array([1.5, 2.5], ">f4"), [1.5, 2.5]),
}


def observing(dtype, obs):
    env = Scripted(step=step(obs=obs))
    env.observation_space = spaces.Box(0 if dtype == np.uint8 else -10, 10, (2,), dtype)
    env.script["reset"] = np.zeros(2, dtype), {}
    usual = env.step
    env.step = lambda a: (lambda r: r if env.t == 3 else (np.zeros(2, dtype), *r[1:]))(usual(a))
    return env


@pytest.mark.parametrize(("dtype", "came", "seen"), OBSERVED.values(), ids=OBSERVED)
def test_observations_are_kept_in_the_dtype_of_their_space(dtype, came, seen):
    roll = played([observing(dtype, came)])
    assert roll.obs.dtype == dtype
    np.testing.assert_array_equal(roll.obs[3, 0], seen)


LOST = {
    "beyond uint8": (np.uint8, np.array([0, 300]), r"is 300, entry \[1\].*uint8, cannot hold"),
    "half for uint8": (np.uint8, np.array([0.5, 0]), r"is 0.5, entry \[0\].*uint8, cannot hold"),
    "NaN for int64": (np.int64, np.array([0, np.nan]), r"is nan, entry \[1\].*int64"),
    "beyond float32": (np.float32, np.array([1e39, 0]), r"is 1e\+39, entry \[0\], too large"),
}


@pytest.mark.parametrize(("dtype", "came", "message"), LOST.values(), ids=LOST)
def test_an_observation_its_dtype_cannot_hold_is_not_changed(dtype, came, message):
    with pytest.raises(EnvironmentFault, match=message):
        played([observing(dtype, came)])


SIZES = [0.0, 1.0, -LARGEST, LARGEST, 1.1e30, -1e38, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", SIZES)
def test_the_quick_look_at_sizes_says_what_the_close_one_does(dtype, value):
    array = np.full((2, 3), 1e20, dtype)
    array[1, 2] = value
    assert is_usable(array) == usable(array).all() == (abs(value) <= LARGEST)


# The environment's own exceptions ---------------------------------------------------------------

OWN = [ValueError("no such joint"), OSError("the port is closed"), KeyError("x"), TypeError("y")]
CALLS = {
    "reset": r"reset of environment 1 \(Scripted\), at the reset of the episode with seed \d+",
    "step": r"step of environment 1 \(Scripted\), at step 2 of the episode with seed \d+",
    "close": r"close of environment 1 \(Scripted\)",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", OWN, ids=repr)
def test_an_environments_own_exception_passes_with_a_note(call, error):
    error = type(error)(*error.args)
    with pytest.raises(type(error)) as raised, EnvPool(two(**{call: error}), rng()) as pool:
        for _ in range(5):
            pool.step(np.zeros(2, int))
    assert raised.value is error
    assert is_environments_own(error)
    told = "".join(traceback.format_exception(error))
    assert "in play" in told  # the line of the environment that raised it
    (note,) = error.__notes__
    assert re.match("Raised by the environment itself: " + CALLS[call], note)


def rng(seed=0):
    return np.random.default_rng(seed)


class Old(Scripted):
    """Its reset is the one of gym before 0.26."""

    def reset(self):
        return ZEROS


def test_a_reset_without_a_seed_is_told_what_gymnasium_asks_for():
    with pytest.raises(TypeError, match="unexpected keyword argument 'seed'") as raised:
        EnvPool([Old()], rng())
    assert is_environments_own(raised.value)
    assert "reset takes seed= and options=; for an environment of gym" in raised.value.__notes__[1]


def test_what_a_maker_raises_passes_with_a_note():
    """What a maker raises passes with a note and a typing error without."""

    def broken():
        raise OSError("no licence")

    with pytest.raises(OSError, match="no licence") as raised:
        make_env(broken)
    assert is_environments_own(raised.value)
    assert "the maker of <function" in raised.value.__notes__[0]
    for unknown in ("CartPoole-v1", "CartPole-v99", "no_such_module:Env-v0", "not an id"):
        with pytest.raises((gymnasium.error.Error, ModuleNotFoundError)) as raised:
            make_env(unknown)
        assert not is_environments_own(raised.value)


def test_the_command_prints_an_environments_traceback(tmp_path, capsys):
    """The command prints the traceback of an environments error."""
    gymnasium.register("Scripted-v0", lambda: Scripted(step=ValueError("no such joint")))
    try:
        args = ["train", "Scripted-v0", "--total-steps", "64", "--out", str(tmp_path)]
        assert main(args) == 1
    finally:
        del gymnasium.registry["Scripted-v0"]
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "in play" in told
    assert "ValueError: no such joint\nRaised by the environment itself: step of env" in told


def test_the_command_says_an_unknown_id_in_one_line(tmp_path, capsys):
    assert main(["train", "CartPoole-v1", "--out", str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


# What goes in -----------------------------------------------------------------------------------


class Reacher(Scripted):
    """Real actions, and a count of the steps it saw."""

    action_space = spaces.Box(-1, 1, (2,), np.float32)


BAD_ACTIONS = {
    "NaN": (spaces.Box(-1, 1, (2,)), [0.0, np.nan]),
    "infinite, bounded": (spaces.Box(-1, 1, (2,)), [np.inf, 0.0]),
    "infinite, unbounded": (spaces.Box(-np.inf, np.inf, (2,)), [-np.inf, 0.0]),
    "NaN for integers": (spaces.Box(0, 9, (2,), np.int64), [np.nan, 0.0]),
    "beyond float32": (spaces.Box(-np.inf, np.inf, (2,)), [1e39, 0.0]),
}


@pytest.mark.parametrize(("space", "act"), BAD_ACTIONS.values(), ids=BAD_ACTIONS)
def test_an_action_not_finite_is_the_policys_fault(space, act):
    """An action not finite is the policys fault and not played."""
    envs = [Reacher(), Reacher()]
    for env in envs:
        env.action_space = space
    pool = EnvPool(envs, rng())
    message = (
        r"policy's action for environment 1 .*not finite.*deviation has overflowed; Reacher ha"
    )
    with pytest.raises(PolicyFault, match=message):
        pool.step(np.array([[0.5, 0.5], act]))
    assert [env.t for env in envs] == [0, 0]


def test_an_overflowed_deviation_is_the_policys_fault():
    """A deviation that overflowed does not blame the environment."""
    policy = mlp_policy(Reacher.observation_space, Reacher.action_space, (4,))
    theta = policy.init(rng())
    theta[-2:] = 1e3
    with np.errstate(all="ignore"), pytest.raises(PolicyFault, match="action for environment 0"):
        collect([Reacher()], policy, theta, 5, rng())


def test_large_finite_actions_are_cut_at_the_bounds_or_passed():
    seen = []
    for space in (spaces.Box(-1, 1, (2,)), spaces.Box(-np.inf, np.inf, (2,))):
        env = Reacher()
        env.action_space = space
        env.step = lambda a: seen.append(a) or step()
        EnvPool([env], rng()).step(np.array([[3e38, -3e38]], np.float32))
    np.testing.assert_array_equal(seen, np.float32([[1, -1], [3e38, -3e38]]))


@pytest.mark.parametrize("rows", [1, 3])
def test_actions_for_another_number_of_environments_are_refused(rows):
    with pytest.raises(ValueError, match=f"act must have 2 rows, one each; got {rows}"):
        EnvPool(two(), rng()).step(np.zeros(rows, int))


# Closed on every path ---------------------------------------------------------------------------


class Counted(Scripted):
    """Knows how many of it are open."""

    open = made = 0

    def __init__(self, **script):
        super().__init__(**script)
        Counted.open += 1
        Counted.made += 1

    def close(self):
        Counted.open -= 1
        super().close()


@pytest.fixture(autouse=True)
def nothing_open(monkeypatch):
    monkeypatch.setattr(Counted, "open", 0)
    monkeypatch.setattr(Counted, "made", 0)


class Refused(Counted):
    action_space = spaces.Text(3)


def third(**script):
    """A maker whose third environment keeps to the script."""
    return lambda: Counted(**script) if Counted.made == 2 else Counted()


def raising():
    if Counted.made == 2:
        raise OSError("no more seats")
    return Counted()


def other_spaces():
    env = Counted()
    if Counted.made == 3:
        env.observation_space = spaces.Box(-1, 1, (3,), np.float32)
    return env


ONE = []


def the_same():
    ONE.extend([] if ONE else [Counted()])
    return ONE[0]


def vector():
    return gymnasium.vector.SyncVectorEnv([Counted, Counted])


FAILING = {
    "the maker fails": (raising, OSError, "no more seats"),
    "a reset fails": (third(reset=ValueError("no joint")), ValueError, "no joint"),
    "a reset breaks the contract": (third(reset=ZEROS), EnvironmentFault, "obs, dict"),
    "a reset and a close fail": (
        third(reset=ValueError("no joint"), close=OSError("stuck")), ValueError, "no joint",
    ),
    "refused spaces": (Refused, TypeError, "the action space must be"),
    "other spaces": (other_spaces, ValueError, "envs must have the same spaces; .*environment 2 h"),
    "a vector environment": (vector, TypeError, "made is a vector environment, gymnasium.vector"),
    "interrupted": (third(reset=KeyboardInterrupt("stop")), KeyboardInterrupt, "stop"),
}  # fmt: skip


@pytest.mark.parametrize(("maker", "kind", "message"), FAILING.values(), ids=FAILING)
def test_a_pool_that_cannot_be_made_leaves_nothing_open(maker, kind, message):
    with pytest.raises(kind, match=message):
        make_pool(maker, 4, rng())
    assert Counted.made > 0
    assert Counted.open == 0


def test_the_same_environment_twice_is_named_and_closed():
    ONE.clear()
    with pytest.raises(ValueError, match="env must make a new environment at each call"):
        make_pool(the_same, 3, rng())
    assert ONE[0].closed > 0


def test_one_environment_alone_may_be_the_same_each_time():
    ONE.clear()
    first = make_env(the_same)
    with make_pool(the_same, 1, rng(), first=first) as pool:
        pool.step(np.zeros(1, int))
    assert first.closed == 1


def test_the_first_environment_made_is_used():
    """The first environment is used and no other is made for it."""
    first = make_env(Counted)
    with make_pool(Counted, 3, rng(), first=first) as pool:
        assert Counted.made == 3
        assert pool.envs[0] is first
    assert Counted.open == 0


def test_the_first_environment_is_closed_without_a_pool():
    """A first environment is closed where the pool cannot be made."""
    first = make_env(Counted)
    with pytest.raises(ValueError, match="n_envs must be at most"):
        make_pool(Counted, 10**6, rng(), first=first)
    assert Counted.open == 0


def test_a_first_pole_is_closed_where_its_vector_form_is_used():
    first = make_env("CartPole-v1")
    closed = []
    first.unwrapped.close = lambda: closed.append(1)
    make_pool("CartPole-v1", 2, rng(), first=first)
    assert closed == [1]


def test_a_close_that_fails_does_not_keep_others_open():
    envs = [Counted(close=OSError("a")), Counted(), Counted(close=ValueError("b"))]
    pool = EnvPool(envs, rng())
    with pytest.raises(OSError, match="a") as raised:
        pool.close()
    assert Counted.open == 0
    assert any("ValueError('b')" in note for note in raised.value.__notes__)
    pool.close()
    assert [env.closed for env in envs] == [1, 1, 1]


def test_an_error_is_not_hidden_by_one_of_closing():
    """An error in a with block is not hidden by one of closing."""
    with pytest.raises(ZeroDivisionError) as raised, EnvPool(two(close=OSError("a")), rng()):
        raise ZeroDivisionError
    assert any("OSError('a')" in note for note in raised.value.__notes__)


def test_a_pool_handed_over_is_left_open_by_a_rollout():
    envs = [Counted(step=ValueError("x")), Counted()]
    with pytest.raises(ValueError, match="x"):
        played(envs)
    assert Counted.open == 2


# What is no maker of environments ---------------------------------------------------------------

WANTED = "env must be an id or a function that makes one single environment"
NO_MAKERS = {
    "an environment": (lambda: Scripted(), r"got an environment, .*Scripted, .* function"),
    "a vector environment": (
        lambda: gymnasium.make_vec("CartPole-v1", 2), "got a vector environment, gymnasium",
    ),
    "None": (lambda: None, "got None"),
    "a number": (lambda: 3, "got 3"),
    "a specification": (lambda: gymnasium.spec("CartPole-v1"), "EnvSpec"),
    "a maker of None": (lambda: lambda: None, "what it made is None, of type builtins.NoneType"),
    "a maker of an id": (lambda: lambda: "CartPole-v1", "what it made is 'CartPole-v1'"),
    "a maker of a list": (lambda: lambda: [Scripted()], "what it made is"),
    "a maker of a stranger": (lambda: lambda: Stranger(), "what it made is .*Stranger"),
}  # fmt: skip


class Stranger:
    """Looks like an environment, and is none of Gymnasium's."""

    observation_space, action_space = Scripted.observation_space, Scripted.action_space
    spec, unwrapped = None, property(lambda self: self)


@pytest.mark.parametrize(("make", "message"), NO_MAKERS.values(), ids=NO_MAKERS)
def test_what_is_no_maker_of_one_environment_is_refused(make, message):
    with pytest.raises(TypeError, match=WANTED + ".*" + message):
        make_env(make())


class Bare(gymnasium.Env):
    """Has forgotten its spaces."""


def test_an_environment_without_a_space_is_refused_by_name():
    with pytest.raises(TypeError, match="Bare has no observation_space"):
        make_env(Bare)


def test_options_for_a_function_are_refused():
    with pytest.raises(TypeError, match=r"options go to gymnasium.make .*\['g'\]"):
        make_env(Scripted, g=1.0)


def test_checked_calls_count_the_steps_of_each_episode():
    env = CheckedEnv(Scripted(), 7)
    env.reset(5)
    env.step(0)
    env.reset(6)
    for expected in (0, 1, 2):
        assert env.steps == expected
        env.step(0)
