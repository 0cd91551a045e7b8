"""Pictures of the two rooms themselves: the plan, the corners, the gradient's factors.

Chapter 1 shows them. They compute nothing; they only draw the numbers they are given. The poor room
is drawn hollow and the rich room filled, in the colour of the text, because the book's colours
stand for methods.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import ArrayLike, NDArray

from npgkit.lab.drawing import render, style

ROOMS = ("poor", "rich")
_FILL: dict[str, dict[str, Any]] = {
    "poor": {"facecolor": style.QUIET, "alpha": 0.35},
    "rich": {"facecolor": style.INK},
}


def plan(rewards: ArrayLike) -> Figure:
    """Draw the two rooms with their doors; `rewards` is R (2, 2): what staying and crossing pay."""
    rewards = np.asarray(rewards, dtype=float)
    fig = Figure(figsize=(5.6, 1.7))
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_xlim(-2.6, 5.2)
    ax.set_ylim(-1.2, 1.2)
    ax.set_aspect("equal")
    ax.axis("off")
    for centre, side, room, pays in zip((0.0, 2.6), (-1, 1), ROOMS, rewards, strict=True):
        ax.add_patch(Circle((centre, 0.0), 0.6, fill=False, edgecolor=style.INK, linewidth=1.4))
        ax.text(centre, 0.0, f"{room}\nroom", ha="center", va="center")
        door = centre + side * 0.5
        _arrow(ax, (door, 0.38), (door, -0.38), -side * 2.1)
        ax.text(centre + side * 1.36, 0.0, f"stay: {pays[0]:g}",
                ha="right" if side < 0 else "left", va="center")  # fmt: skip
        _arrow(ax, (centre - side * 0.45, -side * 0.48), (2.6 - centre + side * 0.45, -side * 0.48),
               -0.3)  # fmt: skip
        ax.text(1.3, -side * 1.04, f"cross: {pays[1]:g}", ha="center", va="center")
    return fig


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=13,
            color=style.INK, linewidth=1.2, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip


def corners(ax: Axes, J: Callable[[NDArray[np.float64]], float]) -> None:
    """Write J(theta) into the four corners of a policy square."""
    for p_i, p_j in ((0, 0), (1, 0), (0, 1), (1, 1)):
        height = J(60.0 * (2.0 * np.array([p_i, p_j]) - 1.0))
        ax.text(
            0.02 + 0.96 * p_i, 0.015 + 0.97 * p_j, f"{height:.2f}", zorder=7,
            fontsize=style.SMALL, ha="right" if p_i else "left", va="top" if p_j else "bottom",
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip


def factors(parts: Mapping[str, ArrayLike], scales: Sequence[float]) -> Figure:
    """Draw quantities that multiply to a gradient, each with one bar for either room.

    `parts` maps the name of a quantity to its values (2,); the last one is the product, in the
    colour of the plain gradient. `scales` are the values that would be drawn at full height.
    """
    fig = Figure(figsize=(5.4, 2.4))
    ax = fig.add_axes((0.01, 0.01, 0.98, 0.98))
    ax.set_xlim(-1.3, 10.3)
    ax.set_ylim(-0.86, 1.62)
    ax.axis("off")
    still: list[Artist] = [ax.axhline(0.0, color=style.INK, linewidth=0.8)]
    centred: dict[str, Any] = {"ha": "center", "va": "center"}
    for k, (name, values) in enumerate(parts.items()):
        last = k == len(parts) - 1
        still.append(ax.text(3 * k, 1.4, name, fontsize=10, **centred))
        if k > 0:
            still.append(ax.text(3 * k - 1.5, 0.4, "=" if last else "×", fontsize=14, **centred))
        for x, room, value in zip((-0.5, 0.5), ROOMS, np.asarray(values, float), strict=True):
            x, height = 3 * k + x, float(value) / scales[k]
            look = {"facecolor": style.COLOURS["euclidean"]} if last else _FILL[room]
            ax.bar(x, height, width=0.8, linewidth=0.8, edgecolor=style.INK, **look)
            text = f"{value:.1g}" if abs(value) < 5e-4 else f"{value:.3f}"
            ax.text(x, max(height, 0.0) + 0.09, text.replace("-", "−"), fontsize=9.5, **centred)
            still.append(ax.text(x, -0.74, room, fontsize=9.5, **centred))
    render.backdrop(fig, still, tuple(parts))
    return fig


def shade(ax: Axes, height: Callable[[NDArray[np.float64]], float], levels: ArrayLike) -> None:
    """Shade a parameter plane by `height(theta)`, darker where it is lower; levels are labelled."""
    levels = np.asarray(levels, dtype=float)
    x, y = (np.linspace(*limits, 49) for limits in (ax.get_xlim(), ax.get_ylim()))
    z = np.array([[height(np.array([u, v])) for u in x] for v in y])
    for level in levels:
        floor = np.minimum(z.min(), levels.min()) - 1.0
        ax.contourf(x, y, z, [floor, level], colors=[style.INK], alpha=0.13, zorder=0)
    lines = ax.contour(x, y, z, levels, colors=[style.QUIET], linewidths=0.7, linestyles="solid")
    ax.clabel(lines, fmt=lambda level: f"$10^{{{level:g}}}$", fontsize=9.5, colors=[style.INK])
