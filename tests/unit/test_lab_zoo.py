"""The bug zoo: its worlds, its exhibits, what it says of a test, its figures and its data."""

import numpy as np
import pytest

from benchmarks import zoo as benchmark
from npgkit.lab import read_data, zoo
from npgkit.lab.figures import zoo_curves
from npgkit.lab.zoo.exhibits import Exhibit

DATA = read_data("zoo.json")


def test_the_pole_is_gymnasiums():
    """From the same states the same actions lead to the same states, rewards and ends."""
    gymnasium = pytest.importorskip("gymnasium")
    env = gymnasium.make("CartPole-v1").unwrapped
    pole, act = zoo.Pole(1, np.random.default_rng(0)), np.random.default_rng(1)
    env.reset(seed=0)
    ends = 0
    for _ in range(300):
        env.state, env.steps_beyond_terminated = pole.state[0].copy(), None
        pole.clock[:] = 0
        action = act.integers(2, size=1)
        obs, rew, over, _, _ = env.step(int(action[0]))
        got, terminated, truncated, after = pole.step(action)
        assert (got[0], terminated[0], truncated[0]) == (rew, over, False)
        assert np.allclose(after[0, :4], obs, rtol=1e-6, atol=1e-6)
        ends += over
    assert ends > 5


def test_a_worlds_clock_truncates_and_its_end_terminates():
    """At the limit a copy is truncated and starts anew; what has ended is not truncated."""
    drone = zoo.Drone(3, np.random.default_rng(0))
    drone.clock[:] = [99, 99, 0]
    drone.state[1, :3] = [3.0, 0, 0]
    drone.state[1, 3] = 1.0
    rew, terminated, truncated, after = drone.step(np.zeros((3, 3)))
    assert terminated.tolist() == [False, True, False]
    assert truncated.tolist() == [True, False, False]
    assert np.linalg.norm(after[1, :3]) > 3 > np.linalg.norm(drone.obs[1, :3])
    assert drone.clock.tolist() == [0, 0, 1] and (rew <= 1).all()


def test_only_whole_episodes_have_a_return():
    """The first episode of a copy began before it was watched; the second one counts."""
    drone = zoo.Drone(2, np.random.default_rng(0))
    for _ in range(drone.limit):
        drone.step(np.zeros((2, 3)))
    assert drone.returns == []
    for _ in range(drone.limit):
        drone.step(np.zeros((2, 3)))
    assert len(drone.returns) == 2 and all(0 < told < 100 for told in drone.returns)


def test_an_exhibit_alters_what_stands_there_once():
    """An edit of a text that the program lacks, or has twice, is refused."""
    for old in ("no such line", "return theta"):
        with pytest.raises(ValueError, match="exhibit 99: not there once"):
            Exhibit(99, "none", ((old, ""),)).program()


def test_the_twelve_differ_from_the_right_one_and_run():
    """Each is another text, and an update of each gives finite parameters."""
    assert len({exhibit.source for exhibit in zoo.EXHIBITS}) == 12
    for exhibit in zoo.EXHIBITS:
        program, rng = exhibit.program(), np.random.default_rng(0)
        policy = program.Gaussian(7, 3)
        theta, w = program.update(
            zoo.Drone(4, rng), policy, np.zeros(policy.size), np.zeros(49), rng, 16
        )
        assert np.isfinite(theta).all() and np.isfinite(w).all()


def test_a_test_is_told_what_it_misses_by_name():
    """Up to three exhibits are named; what a test need not catch is not asked for."""

    def reads(program):
        assert "normalised" in vars(program)

    def scale(program):
        adv = program.normalised(np.arange(6.0).reshape(2, 3))
        return bool(np.ptp(adv) > 2.5)

    assert "catches none of the twelve" in zoo.check_test(reads).message
    told = zoo.check_test(scale, catch=[11, 12])
    assert not told and "catches exhibit 11, and misses exhibit 12 (the next" in told.message
    assert zoo.check_test(scale, catch=[11])
    assert not zoo.check_test(...).answered and not zoo.check_test(lambda p: ...).answered


def test_what_is_no_test_is_told_the_name_that_is_asked_for():
    for nothing in (3, None):
        told = zoo.check_test(nothing, name="my_ends")
        assert told.answered and told.message == (
            "my_ends is no function; write def my_ends(program)."
        )


def test_a_change_inside_a_class_is_a_change_of_the_program():
    """A test that replaces a method, or takes a function away, is told so."""

    def patched(program):
        program.Gaussian.kl = lambda *_: 0.0

    def shorter(program):
        del program.gae

    assert "changes Gaussian.kl of the program" in zoo.check_test(patched).message
    assert "changes gae of the program" in zoo.check_test(shorter).message


def test_an_accident_on_an_exhibit_is_no_catch():
    """An exception other than an assertion names the exhibit, and the test is not accepted."""

    def stumbles(program):
        adv = program.normalised(np.ones((3, 1)) * np.arange(3.0)[:, None])
        return {True: None}[bool(adv.any())]

    told = zoo.check_test(stumbles, catch=[11])
    assert not told and "stops with KeyError: False" in told.message
    assert "(exhibit 11)" in told.message


def test_the_stored_curves_are_of_all_programs_and_seeds():
    """Thirteen programs, two worlds, ten seeds each, with the lengths and titles that it says."""
    assert DATA["titles"] == ["right", *(exhibit.title for exhibit in zoo.EXHIBITS)]
    assert DATA["seeds"] == list(benchmark.SEEDS) and len(DATA["seeds"]) == 10
    for world, iterations in benchmark.ITERATIONS.items():
        for curves in zoo_curves.curves_of(DATA, world):
            assert curves.shape == (10, iterations) and np.isfinite(curves).all()


def test_a_run_is_repeated_from_its_seed():
    """The first iterations of a stored run come out again, before rounding decides."""
    for world in benchmark.WORLDS:
        (stored,) = (
            run["curve"]
            for run in DATA["runs"]
            if (run["program"], run["world"], run["seed"]) == (8, world, 703)
        )
        again = benchmark.train(8, world, 703, iterations=2)
        assert np.allclose(again, stored[:2], rtol=2e-3)


def test_curves_of_seeds_are_all_drawn():
    """A thin line for each seed of a row's program, and both means with their rims."""
    ten, three = np.ones((10, 8)), np.zeros((3, 8))
    fig = zoo_curves.against({"a": (ten, three), "b": (ten, ten)}, 64)
    assert [len(ax.get_lines()) for ax in fig.axes] == [14, 14, 7, 14]
    assert all(ax.get_ylim() == fig.axes[k % 2].get_ylim() for k, ax in enumerate(fig.axes))
    assert [len(ax.get_lines()) for ax in zoo_curves.unnamed([ten] * 4, 64).axes] == [12] * 4


def test_gaps_are_filled_where_called_and_crossed_where_the_same():
    """A dot for each seed, filled up to 0.05; NaN is a cross."""
    values = np.arange(10.0)
    fig = zoo_curves.gaps(
        dict.fromkeys("ab", [values] * 3), {key: [0.05, 0.06, np.nan] for key in "ab"}
    )
    _, called, _, uncalled, _, same = fig.axes[0].get_lines()
    assert called.get_markerfacecolor() == zoo_curves.WRONG != uncalled.get_markerfacecolor()
    assert np.array_equal(called.get_xdata(), values) and same.get_marker() == "x"


def test_a_loop_of_one_line_is_stopped() -> None:
    """Python tells of no new line in it."""

    def for_ever(program: object) -> None:
        while True: pass  # fmt: skip # noqa: E701

    assert "does not end within" in zoo.check_test(for_ever, seconds=0.5).message


def test_a_test_that_leaves_is_told_so() -> None:
    """Nothing of it ends the notebook."""

    def leaves(program: object) -> None:
        raise SystemExit(0)

    assert "stops with SystemExit" in zoo.check_test(leaves).message
