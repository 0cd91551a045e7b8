"""Learning curves of several methods over several seeds, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npgkit.lab import plots
from npgkit.practice.evaluation import interval
from npgkit.practice.results import DONE, Result, returns_at

LOOKS = {"vpg": "euclidean", "npg": "natural", "trpo": "trust_region"}
NAMES = {"vpg": "plain gradient", "npg": "natural gradient", "trpo": "trust region"}
ARMS: dict[str, dict[str, Any]] = {
    **{
        name: {**plots.METHODS[LOOKS[name]], "label": NAMES[name]}
        for name in ("trpo", "npg")
    },
    "one product": {"color": "#56b4e9", "marker": "v", "linestyle": "-", "label": "one product"},
    "vpg": {**plots.METHODS[LOOKS["vpg"]], "label": NAMES["vpg"]},
    "adam": {"color": "#e69f00", "marker": "X", "linestyle": (0, (3, 1)), "label": "Adam"},
    "sb3-contrib": {
        "color": plots.QUIET, "marker": "D", "linestyle": "-", "label": "sb3-contrib"
    },
    "sb3-contrib, matched": {
        "color": plots.QUIET, "marker": "P", "linestyle": ":", "label": "sb3, matched"
    },
}  # fmt: skip
"""Keyword arguments of `Axes.plot`, by the name of a configuration or of another program."""


def drawable(results: Iterable[Result]) -> list[list[list[float]]]:
    """Return the curves that can be drawn: those of finished runs, of two points or more."""
    return [r.curve for r in results if r.status == DONE and len(r.curve) > 1]


def band(ax: Axes, results: Iterable[Result], method: str, points: int = 40) -> None:
    """Plot the interquartile mean of the training return over seeds, with its interval."""
    curves = drawable(results)
    if not curves:
        return
    grid = np.linspace(
        max(curve[0][0] for curve in curves), min(curve[-1][0] for curve in curves), points
    )
    levels = np.array([returns_at(curve, grid) for curve in curves])
    intervals = [interval(column, resamples=500) for column in levels.T]
    look = {**ARMS[method], "markevery": 8}
    ax.plot(grid / 1000, [i.estimate for i in intervals], **look)
    ax.fill_between(
        grid / 1000,
        [i.low for i in intervals],
        [i.high for i in intervals],
        color=look["color"],
        alpha=0.2,
        linewidth=0,
    )


def draw(results: Sequence[Result], title: str) -> Figure:
    """Return a figure with the learning curves of the methods in `results`, by their names."""
    fig, ax = plots.figure(5.0, 3.6)
    fig.subplots_adjust(left=0.18)  # room for returns of four digits and a sign
    for method in ARMS:
        band(ax, [r for r in results if r.name == method], method)
    ax.set(xlabel="environment steps, thousands", ylabel="return of an episode", title=title)
    legend(fig)
    return fig


def legend(fig: Figure) -> None:
    """Put the labels above the axes of `fig`, three in a row."""
    labels = {label for ax in fig.axes for label in ax.get_legend_handles_labels()[1]}
    rows = -(-len(labels) // 3)
    if rows > 1:
        top = 1 - (0.12 + 0.25 * rows) / fig.get_figheight()
        fig.subplots_adjust(top=min(top, fig.subplotpars.top))
    plots.legend(fig, ncols=3 if labels else 1, columnspacing=1.2)


def whiskers(ax: Axes, x: Sequence[float], samples: Sequence[np.ndarray], method: str) -> None:
    """Plot, over a logarithmic `x`, the interquartile mean of each sample with its interval."""
    found = [interval(sample) for sample in samples]
    middle = np.array([i.estimate for i in found])
    arms = np.array([[i.estimate - i.low, i.high - i.estimate] for i in found]).T
    look = {**ARMS[method], "capsize": 3, "elinewidth": 1}
    ax.errorbar(x, middle, yerr=arms, **look)
    ax.set_xscale("log")


def divergences(ax: Axes, results: Iterable[Result], method: str) -> None:
    """Plot the median KL of each update over seeds, and its range, on a logarithmic axis.

    Refused updates, which have no KL, are left out.
    """
    rows = [np.array(r.kls, float) for r in results if r.status == DONE]
    if not rows:
        return
    kls = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, known in zip(kls, rows, strict=True):
        row[: len(known)] = np.where(known > 0, known, np.nan)
    updates = 1 + np.flatnonzero(~np.isnan(kls).all(axis=0))
    kls = kls[:, updates - 1]
    look = {**ARMS[method], "markevery": 8}
    ax.semilogy(updates, np.nanmedian(kls, axis=0), **look)
    ends = np.nanmin(kls, axis=0), np.nanmax(kls, axis=0)
    ax.fill_between(updates, *ends, color=look["color"], alpha=0.2, linewidth=0)
