"""Sliders that need no kernel: every frame is drawn beforehand and the slider only picks one.

The parts are ordinary ipywidgets: a `SelectionSlider` (for names a `Dropdown`) linked in the
browser (`jslink`) to a `Stack` of frames, or two sliders to a stack of stacks. So the same cell
works in a notebook and on a static page, with the mouse, by touch and with the arrow keys.

ipywidgets gives the handle of a slider no name and reads out the position instead of the value. A
few lines of JavaScript beside the sliders mend that in the notebook; a page has native sliders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Real
from typing import Any

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from npgkit.lab.drawing import render

_PENDING = "<p>drawing …</p>"
_NAMES = """
const speak = () => document.querySelectorAll(".npg-explore .widget-slider").forEach(dial => {
  const [handle, label, readout] = [".noUi-handle", ".widget-label", ".widget-readout"]
    .map(part => dial.querySelector(part));
  const say = (name, words) =>
    handle.getAttribute(name) === words || handle.setAttribute(name, words);
  if (handle) { say("aria-label", label.textContent); say("aria-valuetext", readout.textContent); }
});
if (!window.npgSpeak) {
  window.npgSpeak = new MutationObserver(speak);
  window.npgSpeak.observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["aria-valuetext"] });
}
speak();
"""
"""What names the handle of every slider after its label, and its value after its readout."""


class Explorer(widgets.VBox):
    """Sliders above a figure; a notebook stores its `repr`, which is the same at every run."""

    def __init__(self, children: Sequence[widgets.Widget], summary: str) -> None:
        super().__init__(children, layout=widgets.Layout(width="100%"))
        self.add_class("npg-explore")
        self.summary = summary

    def __repr__(self) -> str:
        return self.summary


def explore(
    draw: Callable[..., Figure],
    *,
    alt: str | Callable[..., str],
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    **sliders: Sequence[Any],
) -> None:
    """Display the figures `draw(**values)` under one or two sliders that choose among them.

    The sliders and the first frame appear at once; the other frames follow while the cell runs.

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
        Name and values of one or two sliders. Where the values are names there is a list to
        choose from, since names stand in no order.

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
    dials = [_dial(name, values, labels or {}, start or {}) for name, values in sliders.items()]

    first = tuple(dial.index for dial in dials)
    others = [k for k in product(*(range(len(dial.values)) for dial in dials)) if k != first]
    frames = {first: widgets.HTML(_PENDING, layout=widgets.Layout(width="100%", margin="0"))}
    # One layout and one style for all frames: the saved state of a page stays small.
    look = {"layout": frames[first].layout, "style": frames[first].style}
    frames.update({k: widgets.HTML(_PENDING, **look) for k in others})

    def fill(position: tuple[int, ...]) -> None:
        chosen = list(zip(dials, position, strict=True))
        values = {dial.name: dial.values[k] for dial, k in chosen}
        if callable(alt):
            words = alt(**values)
        else:
            words = (
                f"{alt} ({', '.join(f'{dial.label}: {dial.readouts[k]}' for dial, k in chosen)})"
            )
        frames[position].value = render.svg(draw(**values), words)

    fill(first)
    display(_assemble(dials, frames))
    for position in others:
        fill(position)


@dataclass(frozen=True)
class _Dial:
    """One slider before it is a widget."""

    name: str
    label: str
    values: list[Any]
    readouts: list[str]
    index: int

    @property
    def is_choice(self) -> bool:
        """Whether the values are names, which stand in no order."""
        return all(isinstance(value, str) for value in self.values)


def _dial(
    name: str, values: Sequence[Any], labels: Mapping[str, str], start: Mapping[str, Any]
) -> _Dial:
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(f"{name} must be a sequence of values; got {values!r}")
    if len(values) == 0:
        raise ValueError(f"{name} must hold at least one value; got none")
    values = list(values)
    readouts = _readouts(values)
    index = 0
    if name in start:
        wanted = _readouts([start[name]])[0]
        rough = [_readouts([value])[0] for value in values]
        if wanted not in rough:
            raise ValueError(f"start has {name} = {wanted}; its values are {', '.join(rough)}")
        index = rough.index(wanted)
    return _Dial(name, labels.get(name, name), values, readouts, index)


def _readouts(values: Sequence[Any]) -> list[str]:
    """Write numbers with three significant digits, or as many more as it takes to differ."""
    for digits in range(3, 9):
        texts = [_readout(value, digits) for value in values]
        if len(set(texts)) == len(values):
            return texts
    return texts


def _readout(value: Any, digits: int) -> str:
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    x = float(value)
    if x.is_integer() and abs(x) < 1e6:
        return f"{x:.0f}".replace("-", "−")
    mantissa, _, exponent = f"{x:.{digits}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return text.replace("-", "−")


def _assemble(dials: list[_Dial], frames: dict[tuple[int, ...], widgets.HTML]) -> Explorer:
    """Put sliders and frames together and link them, in the browser, without a kernel."""
    # Two sliders stand under one another, so their labels take the same room.
    room = f"{max(len(dial.label) for dial in dials)}ch"
    controls = [
        (widgets.Dropdown if dial.is_choice else widgets.SelectionSlider)(
            options=dial.readouts,
            value=dial.readouts[dial.index],
            description=dial.label,
            tooltip="",  # else the label shows "null"
            style={"description_width": room},
            layout=widgets.Layout(width="100%", max_width="36em"),
        )
        for dial in dials
    ]
    inner = {
        head: widgets.Stack(
            [frames[(*head, k)] for k in range(len(dials[-1].values))],
            selected_index=dials[-1].index,
            layout=widgets.Layout(width="100%"),
        )
        for head in product(*(range(len(dial.values)) for dial in dials[:-1]))
    }
    for stack in inner.values():
        widgets.jslink((controls[-1], "index"), (stack, "selected_index"))
    picture = next(iter(inner.values()))
    if len(dials) == 2:
        picture = widgets.Stack(
            list(inner.values()),
            selected_index=dials[0].index,
            layout=widgets.Layout(width="100%"),
        )
        widgets.jslink((controls[0], "index"), (picture, "selected_index"))
    ranges = "; ".join(
        f"{dial.label}, {len(dial.values)} values from {dial.readouts[0]} to {dial.readouts[-1]}"
        if not dial.is_choice
        else f"{dial.label}: {', '.join(dial.readouts)}"
        for dial in dials
    )
    script = {"output_type": "display_data", "data": {"application/javascript": _NAMES}}
    names = widgets.Output(
        outputs=({**script, "metadata": {}},), layout=widgets.Layout(display="none")
    )
    return Explorer([names, *controls, picture], f"Slider figure: {ranges}")
