"""Sliders that need no kernel: every frame is drawn beforehand and the slider only picks one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from npgkit.lab import place
from npgkit.lab.drawing import render
from npgkit.lab.sliders import Sliders, dial


def explore(
    draw: Callable[..., Figure],
    *,
    alt: str | Callable[..., str],
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    **sliders: Sequence[Any],
) -> None:
    """Display the figures `draw(**values)` under one or two sliders that choose among them.

    In a notebook the sliders and the first frame appear at once; the other frames follow while the
    cell runs. Where the cell is run in a page of the book, frames are drawn when they are asked
    for, and a slider over numbers that rise or fall has every value between them.

    Parameters
    ----------
    draw : callable
        Returns a Matplotlib figure; called once for each value, or pair of values, of the sliders.
    alt : str or callable
        What the figure shows, in words. A callable gets the arguments of `draw` and describes
        each frame; to a string the readouts of the sliders are added.
    labels : mapping, optional
        The text beside each slider, with units: ``{"epsilon": "KL radius ε"}``.
    start : mapping, optional
        The value each slider starts from, as its readout shows it: ``{"epsilon": 0.02}``.
        Otherwise a slider starts at its first value.
    **sliders : sequence
        Name and values of one or two sliders.

    Raises
    ------
    ValueError
        If there is no slider or more than two, if one has no values, if a label or a start names
        no slider, or if a start is not among the slider's values.

    Examples
    --------
    A chapter writes ``explore(draw, alt=describe, epsilon=np.geomspace(1e-3, 0.3, 31))``.
    """
    if not callable(alt):
        render.checked_alt(alt)
    if not 1 <= len(sliders) <= 2:
        raise ValueError(f"explore takes one or two sliders; got {len(sliders)}: {[*sliders]}")
    for argument, given in (("labels", labels), ("start", start)):
        unknown = [name for name in given or {} if name not in sliders]
        if unknown:
            raise ValueError(f"{argument} names {unknown}; the sliders are {[*sliders]}")
    dials = [dial(name, values, labels or {}, start or {}) for name, values in sliders.items()]
    place.current().sliders(Sliders(dials, draw, alt))
