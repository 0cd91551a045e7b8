"""Learning curves of chapter 14: each seed of the right program and of the wrong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npgkit.lab import plots

RIGHT, WRONG = plots.QUIET, plots.COLOURS["trust_region"]
PARTS = 20  # of a run


def curves_of(data: Mapping[str, Any], world: str) -> list[np.ndarray]:
    """Return the curves (seeds, iterations) of all programs in a world, the right one first."""
    return [
        np.array([r["curve"] for r in data["runs"] if (r["world"], r["program"]) == (world, k)])
        for k in range(len(data["titles"]))
    ]


def drawn(curves: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is drawn: thousands of rows, `steps` an iteration, and means of a twentieth each.

    A return that jumps from one iteration to the next hides ten curves behind one another.
    """
    size = max(1, curves.shape[1] // PARTS)
    parts = curves[:, : curves.shape[1] // size * size].reshape(len(curves), -1, size)
    return np.arange(1, parts.shape[1] + 1) * size * steps / 1000, parts.mean(axis=2)


def seeds(ax: Axes, curves: np.ndarray, steps: int, colour: str) -> None:
    """Plot a thin line for each seed."""
    x, parts = drawn(curves, steps)
    for part in parts:
        ax.plot(x, part, color=colour, linewidth=0.7, alpha=0.8)


def mean(ax: Axes, curves: np.ndarray, steps: int, colour: str, label: str | None = None) -> None:
    """Plot the seeds' mean, a thick line with a rim that sets it off from the thin ones."""
    x, parts = drawn(curves, steps)
    ax.plot(x, parts.mean(axis=0), color=plots.PAPER, linewidth=3)
    ax.plot(x, parts.mean(axis=0), color=colour, linewidth=1.8, label=label)


def unnamed(panels: Sequence[np.ndarray], steps: int) -> Figure:
    """Return a figure with a panel for each program, named by a letter."""
    fig = Figure(figsize=(6.4, 2.4))
    axes = fig.subplots(1, len(panels), sharey=True)
    fig.subplots_adjust(left=0.1, right=0.99, bottom=0.23, top=0.87, wspace=0.1)
    for ax, curves, letter in zip(axes, panels, "ABCD", strict=True):
        seeds(ax, curves, steps, WRONG)
        mean(ax, curves, steps, WRONG)
        ax.set_title(letter)
        ax.locator_params(axis="x", nbins=4)
    axes[0].set_ylabel("return")
    fig.supxlabel("environment steps, thousands", fontsize=axes[0].xaxis.label.get_size(), y=0.02)
    return fig


def against(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: int) -> Figure:
    """Return a figure with a column for each world: a right program's seeds above a wrong one's.

    The means of both are in both panels, on one scale.
    """
    fig = Figure(figsize=(6.4, 4.6))
    axes = fig.subplots(2, len(pairs), sharex="col", sharey="col", squeeze=False)
    fig.subplots_adjust(left=0.13, right=0.98, bottom=0.13, top=0.87, wspace=0.25, hspace=0.12)
    for column, (world, (right, wrong)) in zip(axes.T, pairs.items(), strict=True):
        for ax, own, colour in zip(column, (right, wrong), (RIGHT, WRONG), strict=True):
            seeds(ax, own, steps, colour)
            mean(ax, right, steps, RIGHT, "right")
            mean(ax, wrong, steps, WRONG, "exhibit")
        column[0].set(ylim=(0, 1.05 * right.max()), title=world)  # the same for all frames
    for ax, name in zip(axes[:, 0], ("right", "exhibit"), strict=True):
        ax.set_ylabel(f"return, {name}")
    size = axes[0, 0].yaxis.label.get_size()
    fig.supxlabel("environment steps, thousands", fontsize=size, y=0.02)
    plots.legend(fig)
    return fig


def gaps(
    differences: Mapping[str, Sequence[np.ndarray]], adjusted: Mapping[str, Sequence[float]]
) -> Figure:
    """Return a figure with a panel for each world and a row for each exhibit: a dot for a seed.

    The dots are filled where `adjusted` is at most 0.05; where it is NaN, the runs are the same.
    """
    fig = Figure(figsize=(6.4, 3.8))
    axes = fig.subplots(1, len(differences), sharey=True)
    fig.subplots_adjust(left=0.12, right=0.98, bottom=0.15, top=0.92, wspace=0.08)
    for ax, (world, rows) in zip(axes, differences.items(), strict=True):
        ax.axvline(0, color=plots.QUIET, linewidth=0.8)
        for row, (values, p) in enumerate(zip(rows, adjusted[world], strict=True), start=1):
            if np.isnan(p):
                ax.plot([0], [row], "x", color=plots.QUIET)
                continue
            face = WRONG if p <= 0.05 else plots.PAPER
            ax.plot(values, np.full(len(values), row), "o", ms=3.6, color=WRONG, mfc=face)
            ax.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=plots.INK, linewidth=1.6)
        ax.set(title=world, xlabel="mean return, minus the right one's")
        ax.set_yticks(range(1, len(rows) + 1))
        ax.set_ylim(len(rows) + 0.5, 0.5)
    axes[0].set_ylabel("exhibit")
    return fig
