"""Pictures in a notebook, with IPython and ipywidgets.

The sliders are ordinary ipywidgets: a `SelectionSlider` (for names a `Dropdown`) linked in the
browser (`jslink`) to a `Stack` of frames, or two sliders to a stack of stacks. So the same cell
works in a notebook and on a static page, with the mouse, by touch and with the arrow keys.

ipywidgets gives the handle of a slider no name and reads out the position instead of the value. A
few lines of JavaScript beside the sliders mend that in the notebook; a page has native sliders.

A figure's caption stands in its cell's metadata, where the site finds it. JupyterLab sends these
along with the cell, so it is shown there, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython
from IPython.display import Markdown, display

from npgkit.lab.drawing import render
from npgkit.lab.sliders import Sliders

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


class Picture:
    """A finished picture; a notebook stores its description."""

    def __init__(self, html: str, words: str) -> None:
        self.html, self.words = html, words

    def __repr__(self) -> str:
        return self.words

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return render.bundle(self.html, repr(self))


class Explorer(widgets.VBox):
    """Sliders above a figure; a notebook stores its `repr`, which is the same at every run."""

    def __init__(self, children: Sequence[widgets.Widget], summary: str) -> None:
        super().__init__(children, layout=widgets.Layout(width="100%"))
        self.add_class("npg-explore")
        self.summary = summary

    def __repr__(self) -> str:
        return self.summary


class Notebook:
    """The place where pictures go in a notebook."""

    def picture(self, html: str, words: str) -> None:
        display(Picture(html, words))
        _show_caption()

    def sliders(self, figure: Sliders) -> None:
        """Show the sliders and the first frame at once; fill in the other frames afterwards."""
        positions = list(product(*(range(len(dial.values)) for dial in figure.dials)))
        first = figure.start
        frames = {first: widgets.HTML(_PENDING, layout=widgets.Layout(width="100%", margin="0"))}
        # One layout and one style for all frames: the saved state of a page stays small.
        look = {"layout": frames[first].layout, "style": frames[first].style}
        frames.update({k: widgets.HTML(_PENDING, **look) for k in positions if k != first})
        frames[first].value = figure.frame(first)
        display(_assemble(figure, frames))
        _show_caption()
        for position in positions:
            if position != first:
                frames[position].value = figure.frame(position)


def _show_caption() -> None:
    request: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)()
    caption = request.get("metadata", {}).get("mystnb", {}).get("figure", {}).get("caption")
    if caption:
        display(Markdown(caption))


def _assemble(figure: Sliders, frames: dict[tuple[int, ...], widgets.HTML]) -> Explorer:
    """Put sliders and frames together and link them, in the browser, without a kernel."""
    dials = figure.dials
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
    script = {"output_type": "display_data", "data": {"application/javascript": _NAMES}}
    names = widgets.Output(
        outputs=({**script, "metadata": {}},), layout=widgets.Layout(display="none")
    )
    return Explorer([names, *controls, picture], figure.summary)
