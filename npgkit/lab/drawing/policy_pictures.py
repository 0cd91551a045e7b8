r"""The two pictures of the two rooms: parameter space and policy space.

A policy of the running example is two numbers. As logits of staying, theta = (theta_i, theta_j),
it is a point of the plane; as probabilities of staying, p = 1 / (1 + exp(-theta)), a point of the
unit square. `parameter_plane` and `policy_square` set up axes for the one and the other. Whatever
is drawn on them is *given in theta*: each axes has its own map, so that one call draws the same
step in both pictures. `use_space` makes such a picture with another map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import contourpy
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from npgkit.lab.drawing import render, style
from npgkit.lab.drawing.regions import Array, Ball, Disc, logit, probability

Limits = tuple[tuple[float, float], tuple[float, float]]
_QUARTERS = {0.0: "0", 0.25: "¼", 0.5: "½", 0.75: "¾", 1.0: "1"}
_GRID = 45  # points a side: the contours are smooth, and J is computed in a fraction of a second


@dataclass(frozen=True)
class Space:
    """What a picture shows: its window, and the maps from theta to it and back.

    A closed space has no points outside its window, so marks on its edge are not cut off.
    """

    limits: Limits
    show: Callable[[ArrayLike], Array]
    back: Callable[[ArrayLike], Array]
    closed: bool = False

    def grid(self) -> tuple[Array, Array]:
        """Return the x and y, each of shape (n,), of a grid in the window, away from its edge."""
        inset = 2e-3
        (a, b), (c, d) = self.limits
        x = np.linspace(a + inset * (b - a), b - inset * (b - a), _GRID)
        y = np.linspace(c + inset * (d - c), d - inset * (d - c), _GRID)
        return x, y


_SPACES: WeakKeyDictionary[Axes, Space] = WeakKeyDictionary()


class Landscape:
    """The contours of a function of theta, computed once for each space and then only drawn.

    Parameters
    ----------
    J : callable
        ``J(theta) -> float`` for theta of shape (2,).
    levels : int or sequence of float
        The heights of the contours, or about how many, at round values.
    named : bool
        Whether every second contour carries its height.

    Examples
    --------
    >>> hill = Landscape(lambda theta: float(np.tanh(theta).sum()))
    """

    def __init__(
        self,
        J: Callable[[Array], float],
        levels: int | Iterable[float] = 9,
        *,
        named: bool = True,
    ) -> None:
        self.J = J
        self.named = named
        self._count = levels if isinstance(levels, int) else 0
        self._given = [] if isinstance(levels, int) else [float(level) for level in levels]
        self._step: float | None = None
        self._lines: dict[Limits, list[tuple[float, Array]]] = {}

    def _levels(self, low: float, high: float) -> list[float]:
        """Return the heights between `low` and `high`, in the steps of the first space drawn."""
        if self._given:
            return self._given
        if self._step is None:
            self._step = float(np.diff(MaxNLocator(self._count + 1).tick_values(low, high))[0])
        ticks = np.arange(np.ceil(low / self._step), np.floor(high / self._step) + 1)
        # Where a function has no bound in the second space, its walls would turn grey.
        ticks = ticks[np.abs(ticks - np.median(ticks)) <= 1.25 * self._count]
        return [float(f"{self._step * tick:.12g}") for tick in ticks]

    def names(self, level: float) -> bool:
        """Return whether the contour at `level` is labelled with its height, in every space."""
        if self._step is not None:
            return self.named and round(level / self._step) % 2 == 0
        return self.named and sorted(self._given).index(level) % 2 == 1

    def lines(self, space: Space) -> list[tuple[float, Array]]:
        """Return height and points, shape (n, 2), of each contour, as seen in `space`."""
        if space.limits not in self._lines:
            x, y = space.grid()
            z = np.array([[float(self.J(space.back(np.array([u, v])))) for u in x] for v in y])
            contours = contourpy.contour_generator(x, y, z)
            self._lines[space.limits] = [
                (level, np.asarray(line, dtype=float))
                for level in self._levels(float(z.min()), float(z.max()))
                for line in contours.lines(level)
            ]
        return self._lines[space.limits]


def parameter_plane(
    ax: Axes,
    landscape: Landscape | None = None,
    *,
    limits: Limits = ((-4.5, 4.5), (-4.5, 4.5)),
) -> Axes:
    """Make `ax` the plane of the logits of staying, with the contours of `landscape`."""
    ax.set_title("parameters: logit of staying", y=1.0)
    ax.set_xlabel(r"in the poor room, $\theta_i$")
    ax.set_ylabel(r"in the rich room, $\theta_j$", labelpad=1)
    ax.locator_params(nbins=5, integer=True)
    return use_space(ax, Space(limits, np.asarray, np.asarray), landscape)


def policy_square(ax: Axes, landscape: Landscape | None = None) -> Axes:
    """Make `ax` the square of the probabilities of staying, with the contours of `landscape`."""
    ax.set_title("policy: chance of staying", y=1.0)
    ax.set_xlabel(r"in the poor room, $p_i$")
    ax.set_ylabel(r"in the rich room, $p_j$", labelpad=1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator(list(_QUARTERS)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: _QUARTERS.get(value, "")))
    for spine in ("top", "right"):  # the square has four walls, the plane has none
        ax.spines[spine].set_visible(True)
    square = Space(((0.0, 1.0), (0.0, 1.0)), probability, logit, closed=True)
    return use_space(ax, square, landscape)


def use_space(ax: Axes, space: Space, landscape: Landscape | None = None) -> Axes:
    """Make `ax` a picture of `space`, with the contours of `landscape` behind what is drawn on it.

    Titles and labels are set before: they become part of the backdrop that frames share.
    """
    _SPACES[ax] = space
    (a, b), (c, d) = space.limits
    ax.set_xlim(a, b)
    ax.set_ylim(c, d)
    ax.set_box_aspect(1)
    lines: list[Artist] = []
    if landscape is not None:
        contours = landscape.lines(space)
        gap = np.full((1, 2), np.nan)
        x, y = np.vstack([part for _, line in contours for part in (line, gap)]).T
        lines += ax.plot(x, y, color=style.QUIET, linewidth=0.7, zorder=1)
        longest = dict(sorted(contours, key=lambda contour: len(contour[1])))
        for level, line in longest.items():
            if landscape.names(level):
                lines += _height(ax, space, level, line)
    still: list[Artist] = [
        ax.xaxis,
        ax.yaxis,
        ax.xaxis.label,
        ax.yaxis.label,
        ax.title,
        *ax.spines.values(),
    ]
    figure = ax.figure
    if isinstance(figure, Figure):
        words = (ax.get_title(), ax.get_xlabel(), ax.get_ylabel())
        # The axes are the same where a slider moves the contours.
        render.backdrop(figure, lines, (space.limits, landscape))
        render.backdrop(figure, still, (space.limits, words), layer=1)
    return ax


def _height(ax: Axes, space: Space, level: float, line: Array) -> list[Artist]:
    """Write the height of a contour on it, a third of the way along, off frame and corners."""
    (a, b), (c, d) = space.limits
    off = np.abs((line - [(a + b) / 2, (c + d) / 2]) / [b - a, d - c])
    away = (off.max(axis=1) < 0.44) & (off.min(axis=1) < 0.3)
    if not away.any():
        return []
    x, y = line[away][away.sum() // 3]
    card = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.8}
    words = f"{level:g}".replace("-", "−")
    look: dict[str, Any] = {"fontsize": style.SMALL, "ha": "center", "va": "center", "zorder": 1.5}
    return [ax.text(float(x), float(y), words, bbox=card, **look)]


def space_of(ax: Axes) -> Space:
    """Return the space that `ax` is a picture of.

    Raises
    ------
    ValueError
        If it is not one of the pictures that this module sets up.
    """
    if ax not in _SPACES:
        raise ValueError("axes must come from parameter_plane, policy_square or two_spaces")
    return _SPACES[ax]


def _panels(axes: Axes | Iterable[Axes]) -> list[tuple[Axes, Space]]:
    found = [axes] if isinstance(axes, Axes) else list(axes)
    return [(ax, space_of(ax)) for ax in found]


def point(axes: Axes | Iterable[Axes], theta: ArrayLike) -> None:
    """Mark `theta`, shape (2,), as the place where a step starts."""
    look: dict[str, Any] = {"color": style.INK, "marker": "o", "markersize": 6.0, "zorder": 6}
    for ax, space in _panels(axes):
        ax.plot(*space.show(theta), linestyle="", clip_on=not space.closed, **look)


def step(
    axes: Axes | Iterable[Axes],
    start: ArrayLike,
    end: ArrayLike,
    method: str,
    label: str | None = None,
) -> None:
    """Draw one step from `start` to `end`, both theta of shape (2,), in the look of `method`.

    The marker of the method stands at the end; `label` replaces the method's name in a legend.
    """
    ends = np.array([start, end], dtype=float)
    path(axes, ends, method, label, markevery=[1], markersize=6.0, linewidth=2.2)


def path(
    axes: Axes | Iterable[Axes],
    thetas: ArrayLike,
    method: str,
    label: str | None = None,
    **kwargs: Any,
) -> None:
    """Draw the iterates `thetas`, shape (n, 2), joined and marked in the look of `method`.

    `label` replaces the method's name in a legend; `kwargs` go to `Axes.plot`.
    """
    edge = {"markeredgecolor": style.PAPER, "markeredgewidth": 0.6}
    look = {**style.look(method), **edge, "markersize": 4.0, "zorder": 4, **kwargs}
    if label is not None:
        look["label"] = label
    for ax, space in _panels(axes):
        x, y = space.show(np.asarray(thetas, dtype=float)).T
        ax.plot(x, y, clip_on=not space.closed, **look)


def ball(
    axes: Axes | Iterable[Axes],
    distance: Ball | Disc,
    radius: float,
    method: str,
    label: str | None = None,
) -> None:
    """Draw where `distance` is at most `radius`, in the look of `method`."""
    look = style.look(method)
    boundary = distance.boundary(radius)
    for ax, space in _panels(axes):
        x, y = space.show(boundary).T
        clip: dict[str, Any] = {"clip_on": not space.closed}
        ax.fill(x, y, facecolor=look["color"], alpha=0.13, linewidth=0, zorder=2, **clip)
        ax.plot(x, y, color=look["color"], linewidth=1.1, label=label, zorder=3, **clip)
