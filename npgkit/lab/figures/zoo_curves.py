"""Learning curves of chapter 14: each seed of the right program and of the wrong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from npgkit.lab import plots

RIGHT, WRONG = plots.QUIET, plots.COLOURS["trust_region"]


def curves_of(data: Mapping[str, Any], world: str) -> list[np.ndarray]:
    """Return the curves (seeds, iterations) of all programs in a world, the right one first."""
    return [
        np.array([r["curve"] for r in data["runs"] if (r["world"], r["program"]) == (world, k)])
        for k in range(len(data["titles"]))
    ]


def seeds(ax: Axes, curves: np.ndarray, steps: int, colour: str, label: str | None) -> None:
    """Plot a thin line for each seed and their mean; every other iteration, of `steps` rows."""
    x = np.arange(1, curves.shape[1] + 1) * steps / 1000
    for curve in curves:
        ax.plot(x[::2], curve[::2], color=colour, linewidth=0.6, alpha=0.5)
    ax.plot(x[::2], curves.mean(axis=0)[::2], color=colour, linewidth=2, label=label)


def unnamed(panels: Sequence[np.ndarray], steps: int) -> Figure:
    """Return a figure with a panel for each program, named by a letter."""
    fig = Figure(figsize=(6.4, 2.4))
    axes = fig.subplots(1, len(panels), sharey=True)
    fig.subplots_adjust(left=0.1, right=0.99, bottom=0.23, top=0.87, wspace=0.1)
    for ax, curves, letter in zip(axes, panels, "ABCD", strict=True):
        seeds(ax, curves, steps, WRONG, None)
        ax.set_title(letter)
        ax.locator_params(axis="x", nbins=4)
    axes[0].set_ylabel("return")
    fig.supxlabel("environment steps, thousands", fontsize=axes[0].xaxis.label.get_size(), y=0.02)
    return fig


def against(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: int) -> Figure:
    """Return a figure with a panel for each world: a wrong program's seeds over the right one's."""
    fig, axes = plots.figure(6.4, 3.2, columns=len(pairs))
    fig.subplots_adjust(top=0.83)
    for ax, (world, (right, wrong)) in zip(axes, pairs.items(), strict=True):
        seeds(ax, right, steps, RIGHT, "right")
        seeds(ax, wrong, steps, WRONG, "exhibit")
        ax.set(xlabel="environment steps, thousands", ylabel="return")
        ax.set_ylim(0, 1.05 * right.max())  # the same for each frame of a slider
        ax.set_title(world)
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
