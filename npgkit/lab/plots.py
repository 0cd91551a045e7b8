"""Figures in the book's one style; importing this module applies it.

`figure` and `two_spaces` make figures, `show` displays one with its description. The drawing of
the running example (`parameter_plane`, `policy_square`, `point`, `step`, `path`, `ball`) lives
in `npgkit.lab.drawing.policy_pictures` and is offered here, so that a chapter needs one import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from npgkit.lab import place
from npgkit.lab.drawing import render, style
from npgkit.lab.drawing.policy_pictures import (
    Ball,
    Disc,
    Landscape,
    Limits,
    Space,
    ball,
    logit,
    parameter_plane,
    path,
    point,
    policy_square,
    probability,
    step,
)
from npgkit.lab.drawing.style import COLOURS, INK, METHODS, PAPER, QUIET

__all__ = [
    "COLOURS",
    "INK",
    "METHODS",
    "PAPER",
    "QUIET",
    "Ball",
    "Disc",
    "Landscape",
    "Space",
    "ball",
    "figure",
    "legend",
    "logit",
    "loglog",
    "parameter_plane",
    "path",
    "point",
    "policy_square",
    "probability",
    "show",
    "slope",
    "step",
    "two_spaces",
]

style.apply()


def show(fig: Figure, alt: str) -> None:
    """Display `fig`; `alt` says in words what it shows.

    The stored text of the cell is the description, the same at every run.

    Raises
    ------
    ValueError
        If `fig` is not a Matplotlib figure or `alt` is empty.
    """
    words = f"Figure: {render.checked_alt(alt)}"
    place.current().picture(render.svg(fig, alt), words)


def figure(width: float = 5.0, height: float = 3.4, columns: int = 1) -> tuple[Figure, Any]:
    """Return a new figure and its axes: one, or an array of `columns` side by side.

    `width` and `height` are inches. Full width is 6.4; at 5 inches or less the text stays
    comfortable on a telephone. The margins are fixed, so that the frames of a slider do not
    shift. The figure is not registered with pyplot and need not be closed.
    """
    fig = Figure(figsize=(width, height))
    left, right, bottom, top, gap = 0.9, 0.15, 0.55, 0.3, 0.8  # inches
    panel = (width - left - right - (columns - 1) * gap) / columns
    fig.subplots_adjust(
        left / width, bottom / height, 1 - right / width, 1 - top / height, gap / panel
    )
    return fig, fig.subplots(1, columns)


def two_spaces(
    landscape: Landscape | None = None,
    *,
    limits: Limits = ((-4.5, 4.5), (-4.5, 4.5)),
) -> tuple[Figure, tuple[Axes, Axes]]:
    """Return a figure with the parameter plane on the left and the policy square on the right.

    Examples
    --------
    >>> fig, both = two_spaces()
    >>> step(both, (1.4, -2.2), (0.4, -1.2), "natural")
    """
    fig = Figure(figsize=(6.4, 3.65))
    # Fixed margins: frames of a slider must not shift, and a layout engine draws twice.
    side = 2.6  # inches
    left, right = (
        fig.add_axes((x / 6.4, 0.5 / 3.65, side / 6.4, side / 3.65)) for x in (0.58, 3.74)
    )
    return fig, (parameter_plane(left, landscape, limits=limits), policy_square(right, landscape))


def legend(fig: Figure, **kwargs: Any) -> None:
    """Put one row of labels above the axes of `fig`, each label once."""
    entries: dict[str, Any] = {}
    for ax in fig.axes:
        handles, labels = ax.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            entries.setdefault(label, handle)
    room = 0.56 if any(ax.get_title() for ax in fig.axes) else 0.36  # inches, for one row
    fig.subplots_adjust(top=min(1.0 - room / fig.get_figheight(), fig.subplotpars.top))
    options: dict[str, Any] = {"loc": "upper center", "ncols": len(entries), "columnspacing": 1.4}
    fig.legend(list(entries.values()), list(entries), **{**options, **kwargs})


def slope(x: ArrayLike, y: ArrayLike) -> float:
    """Return the slope of log y over log x, by least squares: the measured order of an error."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or x.size < 2:
        raise ValueError(f"x and y must be two equally long vectors; got {x.shape} and {y.shape}")
    if not (np.all(x > 0) and np.all(y > 0)):
        raise ValueError("x and y must be positive to have logarithms")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def loglog(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float | None = None,
    method: str = "natural",
    label: str | None = None,
) -> float:
    """Plot an error `y` against its knob `x`, both logarithmic; return the measured slope.

    Parameters
    ----------
    ax : Axes
    x, y : array_like, shape (n,)
        Positive.
    order : float, optional
        The exponent that theory expects: drawn as a thin line of that slope through the last
        point.
    method : str
        Whose colour and marker to use, a key of `METHODS`.
    label : str, optional
        What the error is; the measured slope is added to it.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    measured = slope(x, y)
    look = {**style.look(method), "linestyle": "-"}
    look["label"] = f"{label or look['label']}: slope {measured:.2f}"
    ax.loglog(x, y, **look)
    if order is not None:
        far = int(np.argmax(x))
        guide = y[far] * (x / x[far]) ** order
        ax.plot(x, guide, color=style.INK, linewidth=0.8, linestyle=(0, (1, 2)),
                label=f"expected order {order:g}", zorder=1)  # fmt: skip
    ax.grid(True)
    return measured
