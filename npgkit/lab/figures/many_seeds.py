"""Every run of several arms: strips of seeds, performance profiles, a knob against its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npgkit.lab import plots
from npgkit.lab.figures.learning_curves import ARMS
from npgkit.practice.evaluation import interquartile_mean


def strip(
    ax: Axes, filled: Mapping[str, np.ndarray], hollow: Mapping[str, np.ndarray], level: float
) -> None:
    """Plot a row for each arm: a dot for each seed, and the interquartile mean as a bar.

    `filled` and `hollow` are two measures (seeds,) of each arm, the one above the other; an arm
    without values has an empty row. The thin line is `level`.
    """
    ax.axvline(level, color=plots.INK, linewidth=0.8)
    for row, name in enumerate(filled):
        if len(filled[name]) == 0:
            continue
        for values, shift, face in (
            (filled[name], -0.17, ARMS[name]["color"]), (hollow[name], 0.17, plots.PAPER),
        ):  # fmt: skip
            middle = interquartile_mean(values)
            ax.plot([middle] * 2, [row + shift - 0.15, row + shift + 0.15], color=plots.INK, lw=1.6)
            look = {"marker": "o", "ms": 4.2, "color": ARMS[name]["color"], "linestyle": ""}
            ax.plot(values, np.full(len(values), row + shift), mfc=face, **look)
    ax.set_yticks(range(len(filled)), [ARMS[name]["label"] for name in filled])
    ax.set_ylim(len(filled) - 0.5, -0.5)


def strips(
    panels: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    levels: Mapping[str, float],
    measures: tuple[str, str],
) -> Figure:
    """Return a figure with a panel for each task, two in a row, and in it a row for each arm.

    `panels[task][arm][measure]` are values (seeds,); `levels` is keyed by the tasks, too. An arm
    that some panel has is a row of all.
    """
    rows = -(-len(panels) // 2)
    names = [name for name in ARMS if any(name in arms for arms in panels.values())]
    nothing = {measure: np.empty(0) for measure in measures}
    fig = Figure(figsize=(6.4, 0.3 + 2.3 * rows))
    fig.subplots_adjust(
        left=0.22, right=0.98, bottom=0.35 / fig.get_figheight(),
        top=1 - 0.35 / fig.get_figheight(), wspace=0.08, hspace=0.38,
    )  # fmt: skip
    axes = fig.subplots(rows, 2, squeeze=False)
    for ax, (task, arms) in zip(axes.ravel(), panels.items(), strict=False):
        first, second = ({name: arms.get(name, nothing)[m] for name in names} for m in measures)
        strip(ax, first, second, levels[task])
        ax.set_title(task)
        ax.locator_params(axis="x", nbins=4)
        ax.margins(x=0.04)
    for ax in axes[:, 1]:
        ax.set_yticklabels([])
    for ax in axes.ravel()[len(panels) :]:
        ax.set_visible(False)
    return fig


def profile(ax: Axes, scores: Mapping[str, np.ndarray], thresholds: np.ndarray) -> None:
    """Plot for each arm the share of its runs whose score (tasks, seeds) exceeds a threshold."""
    for name, values in scores.items():
        above = [(values > threshold).mean() for threshold in thresholds]
        every = max(1, len(thresholds) // 8)
        ax.plot(thresholds, above, **{**ARMS[name], "markevery": every})


def knob(ax: Axes, tried: Sequence[Mapping[str, Any]]) -> None:
    """Plot the score of every attempt of a tuning against the length of its updates.

    The length is the square root of the median KL of an update, over the attempt's seeds in the
    geometric mean; each seed is a dot, a line joins the means over seeds.
    """
    for name in dict.fromkeys(row["arm"] for row in tried):
        own = [row for row in tried if row["arm"] == name]
        lengths = [np.exp(np.mean(np.log(row["kls"])) / 2) for row in own]
        look = {**ARMS[name], "ms": 3.5}
        for length, row in zip(lengths, own, strict=True):
            ax.plot([length] * len(row["scores"]), row["scores"], **{**look, "linestyle": ""})
        ax.plot(lengths, [np.mean(row["scores"]) for row in own], **{**look, "marker": ""})
    ax.set_xscale("log")


def differences(
    gaps: Mapping[str, Mapping[str, np.ndarray]],
    p: Mapping[str, Mapping[str, float]],
    labels: Sequence[str],
    level: float = 0.05,
) -> Figure:
    """Return a figure with a panel for each task, three in a row, and in it a row for each arm.

    `gaps[task][arm]` are an arm's results minus those that it is compared with, one for each seed;
    a row is empty where a task lacks the arm. The bar is the mean. The dots are filled where
    `p[task][arm]` is at most `level`. `labels` are the panels' titles.
    """
    arms = list(dict.fromkeys(arm for task in gaps.values() for arm in task))
    fig = Figure(figsize=(6.4, 5.2))
    axes = fig.subplots(-(-len(gaps) // 3), 3, sharey=True, squeeze=False)
    fig.subplots_adjust(left=0.34, right=0.98, top=0.94, bottom=0.06, wspace=0.12, hspace=0.3)
    colour = plots.COLOURS["trust_region"]
    for ax, task, label in zip(axes.ravel(), gaps, labels, strict=False):
        ax.axvline(0, color=plots.QUIET, linewidth=0.8)
        for arm, values in gaps[task].items():
            row, face = arms.index(arm), colour if p[task][arm] <= level else plots.PAPER
            ax.plot(values, np.full(len(values), row), "o", ms=3.6, color=colour, mfc=face)
            ax.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=plots.INK, linewidth=1.6)
        ax.set_title(label)
        ax.set_yticks(range(len(arms)), arms)
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.locator_params(axis="x", nbins=3)
    return fig
