"""The chapters in JupyterLab: named sliders, figures in the theme's colours, solutions folded."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import AXE, ROOT, unavailable
from tools.notebooks import form

pytestmark = [pytest.mark.site, pytest.mark.browser]

CELLS: list[tuple[str, str, dict[str, Any]]] = [
    ("markdown", "# A chapter in small", {}),
    ("code", "from npgkit.lab import plots\nfrom npgkit.lab.explore import explore", {}),
    (
        "code",
        "fig, ax = plots.figure(5.0, 3.4)\nax.plot([0, 1])\nplots.show(fig, 'A line.')",
        {"mystnb": {"figure": {"caption": "A line to $(1, 1)$.", "name": "fig-line"}}},
    ),
    (
        "code",
        "def draw(height, width):\n    fig, ax = plots.figure(5.0, 3.4)\n"
        "    ax.plot([0, width], [0, height])\n    return fig\n\n"
        "explore(draw, alt='A slope.', labels={'height': 'height h', 'width': 'width w'},\n"
        "        height=[0.25, 0.5], width=[1, 2])",
        {"tags": ["hide-input"]},
    ),
    ("markdown", "```{solution-start} ex-x\n:class: dropdown\n```\nThink.", {}),
    ("code", "print('the answer')", {}),
    ("markdown", "```{solution-end}\n```", {}),
]
READY = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
RUN = "() => window.jupyterapp.commands.execute('runmenu:run-all')"
DARK = """() => window.jupyterapp.commands.execute(
  'apputils:change-theme', {theme: 'JupyterLab Dark'})"""
LIGHTNESS = """e => getComputedStyle(e).%s.match(/[\\d.]+/g).slice(0, 3)
  .reduce((sum, part) => sum + Number(part), 0) / 765"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cells as the book stores them, in a folder of their own."""
    cells = []
    for kind, source, metadata in CELLS:
        cell = {"cell_type": kind, "source": source, "metadata": metadata}
        cells.append(cell | ({"outputs": []} if kind == "code" else {}))
    path = tmp_path_factory.mktemp("lab") / "small.ipynb"
    stored = form.normal_form({"cells": cells, "metadata": {}})
    path.write_text(form.dump_notebook(stored), "utf-8")
    return path


@pytest.fixture(scope="module")
def lab(notebook: Path) -> Iterator[str]:
    """The address of the notebook in a JupyterLab of this environment, with nobody's settings."""
    pytest.importorskip("jupyterlab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        f"JUPYTER_{name}_DIR": str(notebook.parent / name) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--LabApp.news_url=None",
        "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={notebook.parent}",
    ]  # fmt: skip
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": path}
    log = (notebook.parent / "log").open("w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(address + "api", server)
        yield f"{address}lab/tree/{notebook.name}"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 40
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab has not started within 40 s; exit code {server.poll()}")


@pytest.fixture(scope="module")
def page(chromium: Any, lab: str) -> Iterator[Any]:
    """The notebook in the dark theme, run from top to bottom."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    here = re.match(r"http://[^/]+/", lab)
    assert here
    context.route(
        "**/*", lambda r: r.continue_() if r.request.url.startswith(here[0]) else r.abort()
    )
    opened = context.new_page()
    opened.goto(lab)
    opened.wait_for_function(READY, timeout=60_000)
    opened.evaluate(DARK)
    opened.evaluate(RUN)
    opened.wait_for_selector(".npg-explore .noUi-handle[aria-label]", timeout=60_000)
    yield opened
    context.close()


def test_a_slider_in_a_notebook_says_its_name_and_value(page: Any) -> None:
    """A screen reader hears the label and the readout, and no pointer meets a tooltip "null"."""
    handles = page.locator(".npg-explore .noUi-handle")
    said = [(h.get_attribute("aria-label"), h.get_attribute("aria-valuetext"))
            for h in handles.all()]  # fmt: skip
    assert said == [("height h", "0.25"), ("width w", "1")]
    handles.first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".noUi-handle[aria-valuetext='0.5']", timeout=10_000)
    labels = page.locator(".widget-slider .widget-label").all()
    assert [label.get_attribute("title") for label in labels] == ["", ""]


def test_figures_of_a_notebook_have_no_serious_finding(page: Any) -> None:
    if not AXE.is_file():
        unavailable("axe-core is missing: run `python -m tools.site.vendor`")
    page.add_script_tag(content=AXE.read_text("utf-8"))
    places = json.dumps([[".npg-explore"], [".npg-drawing"]])
    result = page.evaluate(f"() => axe.run({{include: {places}}}, {{resultTypes: ['violations']}})")
    found = [v["id"] for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert found == []


def test_a_figure_in_a_dark_notebook_is_light_on_dark(page: Any) -> None:
    """Neither a still nor a frame brings a white ground; both are as wide as on a page."""
    for figure in page.locator("svg.npg-figure:visible").all():
        assert figure.evaluate(LIGHTNESS % "color") > 0.7
        assert figure.bounding_box()["width"] == pytest.approx(504, abs=1)
    paper = page.locator(".jp-Notebook").evaluate(LIGHTNESS % "backgroundColor")
    assert paper < 0.3
    assert page.locator(".jp-OutputArea img").count() == 0
    assert page.locator("svg.npg-figure:visible").count() == 2


def test_a_notebook_shows_no_solution_unasked(page: Any) -> None:
    """Neither the code of a solution nor that of a cell tagged hide-input is open."""
    closed = page.locator(".jp-CodeCell .jp-InputPlaceholder")
    assert closed.count() == 2
    opened = page.locator(".jp-CodeCell .jp-Editor:visible").all_inner_texts()
    assert opened and not any("answer" in text or "explore(" in text for text in opened)


def test_a_caption_stands_under_its_figure_in_a_notebook(page: Any) -> None:
    """With its formula set, and nowhere else."""
    captions = page.locator(".jp-OutputArea-output .jp-RenderedMarkdown, .jp-OutputArea .myst")
    page.wait_for_function("document.querySelector('.jp-OutputArea')")
    texts = [text for text in captions.all_inner_texts() if "A line to" in text]
    assert len(texts) == 1 and "$" not in texts[0]
