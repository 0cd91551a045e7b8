"""Slider figures without a widget manager: native range inputs over the notebook's own frames.

`npgkit.lab.explore` shows ipywidgets in a live notebook. Here their saved state is read, and the
figure becomes one or two ``<input type="range">``, or ``<select>`` where the values are names, the
frame it starts from, and the other frames as data that ``sliders.js`` reads when a slider is first
touched. Without the script, in a search engine and on paper there is the first frame.
"""

from __future__ import annotations

import json
import re
from html import escape
from itertools import count
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SCRIPT = Path(__file__).parents[1].joinpath("_assets", "sliders.js").read_text("utf-8")
VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*)</script>')


class Widgets:
    """The saved state of a notebook's widgets."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.models = state["state"]

    def __getitem__(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self.models[reference.removeprefix("IPY_MODEL_")]["state"]
        return found

    def children(self, model: dict[str, Any]) -> list[dict[str, Any]]:
        return [self[child] for child in model["children"]]


def figure(widgets: Widgets, view: dict[str, Any], identity: str) -> str:
    """The HTML of one slider figure."""
    # First comes what names ipywidgets' sliders; these here have their labels.
    _, *dials, picture = widgets.children(widgets[view["model_id"]])
    if not dials or not {dial["_model_name"] for dial in dials} <= {*CONTROLS}:
        raise ExtensionError(f"a widget that is no slider figure: {widgets[view['model_id']]}")
    rows = [picture] if len(dials) == 1 else widgets.children(picture)
    frames = [frame["value"] for row in rows for frame in widgets.children(row)]
    at = 0
    for dial in dials:
        at = at * len(dial["_options_labels"]) + dial["index"]
    readouts = [dial["_options_labels"] for dial in dials]
    data = json.dumps({"readouts": readouts, "frames": frames}, ensure_ascii=False)
    controls = "".join(
        CONTROLS[dial["_model_name"]](dial, f"{identity}-{k}") for k, dial in enumerate(dials)
    )
    if len(dials) > 1:
        controls += '<button type="button" class="npg-restore">Back to the start</button>'
    return (
        f'<div class="npg-explore"><div class="npg-dials">{controls}</div>'
        f'<div class="npg-frame" aria-live="off">{frames[at]}</div>'
        f'<script type="application/json">{data.replace("</", chr(60) + chr(92) + "/")}</script>'
        "</div>"
    )


def slider(dial: dict[str, Any], identity: str) -> str:
    readouts, index = dial["_options_labels"], dial["index"]
    shown = escape(readouts[index])
    return (
        f'<label for="{identity}">{escape(dial["description"])}</label>'
        f'<input id="{identity}" type="range" min="0" max="{len(readouts) - 1}" value="{index}"'
        f' aria-valuetext="{shown}" autocomplete="off">'
        f'<output for="{identity}">{shown}</output>'
    )


def choice(dial: dict[str, Any], identity: str) -> str:
    options = "".join(
        f'<option value="{k}"{" selected" * (k == dial["index"])}>{escape(name)}</option>'
        for k, name in enumerate(dial["_options_labels"])
    )
    return (
        f'<label for="{identity}">{escape(dial["description"])}</label>'
        f'<select id="{identity}" autocomplete="off">{options}</select>'
    )


CONTROLS = {"SelectionSliderModel": slider, "DropdownModel": choice}


def draw_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Put the figures in the place of the widgets, and their state out of the page."""
    docname = app.env.docname
    metadata: dict[str, Any] = getattr(app.env, "nb_metadata", {}).get(docname, {})
    scripts = metadata.get("js_files", {})
    _, state = scripts.pop("ipywidgets_state", (None, None))
    numbers = count(1)
    for node in list(doctree.findall(nodes.raw)):
        found = VIEW.fullmatch(node.astext().strip())
        if found and state:
            name = re.sub(r"\W", "-", docname.rsplit("/", 1)[-1])
            widgets = Widgets(json.loads(state["body"]))
            html = figure(widgets, json.loads(found[1]), f"{name}-slider-{next(numbers)}")
            node.replace_self(nodes.raw("", html, format="html"))


def bring_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    if 'class="npg-explore"' in context.get("body", ""):
        context["sliders_script"] = SCRIPT


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", draw_figures)
    app.connect("html-page-context", bring_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
