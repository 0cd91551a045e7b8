"""The figures over many runs: sensitivity with its intervals, and the KL of each update."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from npgkit import Result, interval
from npgkit.lab.figures import learning_curves


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
