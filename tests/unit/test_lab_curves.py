"""The figures over many runs: sensitivity, the KL of each update, every seed, profiles."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from npgkit import Result, interval
from npgkit.lab.figures import learning_curves, many_seeds
from npgkit.practice.training import METHODS


def result(kls, status="done", seed=0):
    return Result("trpo", seed, status, [], list(kls), [], "", 0.0)


def test_whiskers_span_the_interval_of_the_interquartile_mean():
    """The line runs through the interquartile means; the bars reach the ends of the intervals."""
    ax, rng = Figure().subplots(), np.random.default_rng(0)
    samples = [rng.normal(size=5) + k for k in range(3)]
    learning_curves.whiskers(ax, [0.01, 0.1, 1.0], samples, "npg")
    found = [interval(sample) for sample in samples]
    (bars,) = ax.containers
    line, _, (arms,) = bars.lines
    np.testing.assert_allclose(line.get_ydata(), [i.estimate for i in found])
    ends = np.array([segment[:, 1] for segment in arms.get_segments()])
    np.testing.assert_allclose(ends, [[i.low, i.high] for i in found], atol=1e-12)
    assert ax.get_xscale() == "log"


def test_the_kl_of_an_update_is_its_median_and_range_over_seeds():
    """Refused updates (KL 0), failed runs and updates that nobody made do not count."""
    ax = Figure().subplots()
    runs = [result([1.0, 0.0, 4.0]), result([2.0, 0.0, 5.0, 7.0]), result([3.0, 0.0, 0.0])]
    learning_curves.divergences(ax, [*runs, result([1e9] * 9, "failed")], "trpo")
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 3, 4])
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 4.5, 7.0])
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.0, 7.0)
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize("runs", [[], [result([1.0], "failed")]])
def test_no_runs_draw_nothing(runs):
    ax = Figure().subplots()
    learning_curves.divergences(ax, runs, "trpo")
    assert not ax.get_lines()


def test_every_arm_has_a_look_of_its_own():
    """Methods keep their colours, and no two arms share colour and marker."""
    looks = learning_curves.ARMS
    assert set(METHODS) < set(looks)
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == len(looks)


def test_more_than_three_labels_get_two_rows():
    """The axes make room: their top lies lower than under one row."""
    tops = []
    for names in (["trpo"], ["trpo", "npg", "vpg", "adam"]):
        fig, ax = learning_curves.plots.figure()
        for name in names:
            ax.plot([0, 1], [0, 1], **learning_curves.ARMS[name])
        learning_curves.legend(fig)
        tops.append(fig.subplotpars.top)
    assert tops[1] < tops[0]


def test_strips_show_every_seed_of_every_arm():
    """Two dots a seed, a bar for each interquartile mean; a missing arm is an empty row."""
    rng = np.random.default_rng(0)

    def arm():
        return {"a": rng.normal(size=10), "b": rng.normal(size=10)}

    panels = {"one": {"trpo": arm(), "vpg": arm()}, "two": {"trpo": arm()}, "three": {"vpg": arm()}}
    fig = many_seeds.strips(panels, dict.fromkeys(panels, 0.5), ("a", "b"))
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == list(panels)
    for ax, arms in zip(shown, panels.values(), strict=True):
        dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
        found = sorted(np.concatenate([line.get_xdata() for line in dots]))
        wanted = np.concatenate([values for each in arms.values() for values in each.values()])
        np.testing.assert_allclose(found, sorted(wanted))
        assert ax.get_ylim() == (1.5, -0.5)


def test_a_profile_is_the_share_of_runs_above_each_score():
    ax = Figure().subplots()
    many_seeds.profile(ax, {"trpo": np.array([[0.1, 0.9], [0.5, 1.1]])}, np.array([0.0, 0.5, 1.0]))
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [1.0, 0.5, 0.25])


def test_a_knob_is_drawn_at_the_length_of_its_updates():
    """The root of the KL, in the geometric mean over seeds; a dot a seed, a line of means."""
    tried = [
        {"arm": "trpo", "scores": [1.0, 3.0], "kls": [0.01, 0.04]},
        {"arm": "trpo", "scores": [5.0, 6.0], "kls": [0.16, 0.16]},
    ]
    ax = Figure().subplots()
    many_seeds.knob(ax, tried)
    *dots, line = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [np.sqrt(0.02), 0.4])
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 5.5])
    assert [list(d.get_ydata()) for d in dots] == [[1.0, 3.0], [5.0, 6.0]]
    assert ax.get_xscale() == "log"
