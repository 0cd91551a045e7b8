"""Every page opens as a notebook in JupyterLite, and its cells show what is stored.

`make test` opens the pages in `SOME`, `make test-live` all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.live import lite
from tests.live.compare import differences
from tests.live.running import notebook_of
from tests.site.firefox import Firefox
from tests.site.pages import NOTEBOOK_PAGES, View

pytestmark = [pytest.mark.site, pytest.mark.browser]

# Chapter 10 draws, has sliders and loads Gymnasium and SciPy on the way.
SOME = ("book/02_euclidean_step.html", "book/10_sampling.html")
# JupyterLite looks for files that a static site need not have, and says what a page cannot do.
HARMLESS = re.compile(r"404|terminals plugin|NOT be synced")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in SOME else pytest.mark.live) for n in NOTEBOOK_PAGES],
)
def test_every_cell_shows_in_jupyterlite_what_is_stored(
    visit: Callable[..., Any], name: str
) -> None:
    """From the page's own link, with no other host asked and nothing held back by the policy."""
    with visit(View(name)) as seen:
        lite.open_notebook(seen.page)
        lite.run_all(seen.page)
        notebook = notebook_of(name)
        assert differences(notebook, lite.shown(seen.page, notebook)) == []
        pictures = seen.page.locator(".jp-OutputArea svg.npg-figure").count()
        dials = seen.page.locator(".npg-explore :is(.widget-readout, select)").count()
        stored = [text for cell in notebook["cells"] for text in texts(cell)]
        assert pictures >= sum(text.startswith(("Figure", "Slider")) for text in stored)
        assert dials >= sum(text.startswith("Slider") for text in stored)
        assert seen.foreign == []
        assert [error for error in seen.errors if not HARMLESS.search(error)] == []


@pytest.mark.live
def test_a_chapter_runs_in_jupyterlite_in_firefox(firefox: Firefox, address: str) -> None:
    """The same of one chapter, in Firefox's own WebAssembly and worker."""
    firefox.open(address + SOME[0])
    firefox.open(firefox.evaluate("document.querySelector('a.npg-lite').href"))
    firefox.evaluate(until(lite.THERE))
    firefox.evaluate(f"({lite.ACTIVATE})()")
    firefox.evaluate(until(lite.OPEN))
    firefox.evaluate(f"({lite.RUN_ALL})()")
    firefox.evaluate(until(lite.ENDED))
    notebook = notebook_of(SOME[0])
    assert (
        differences(notebook, lite.in_order(firefox.evaluate(f"({lite.SHOWN})()"), notebook)) == []
    )


@pytest.mark.live
def test_a_notebook_runs_at_the_width_of_a_phone(visit: Callable[..., Any]) -> None:
    """At 390 px the cells can be read and run; JupyterLab's own bars take what they take."""
    with visit(View("book/ledger.html", width=390), has_touch=True) as seen:
        lite.open_notebook(seen.page)
        lite.run_all(seen.page)
        notebook = notebook_of("book/ledger.html")
        assert differences(notebook, lite.shown(seen.page, notebook)) == []


def until(condition: str) -> str:
    """A promise that is kept once the condition holds."""
    return f"""new Promise((done, fail) => {{
      const timer = setInterval(() => ({condition})() && (clearInterval(timer), done(true)), 200);
      setTimeout(() => fail(new Error("not in time")), {lite.MOST_SECONDS * 1000});
    }})"""


def texts(cell: dict[str, Any]) -> list[str]:
    """The descriptions of what a cell has drawn."""
    outputs = [output for output in cell.get("outputs", []) if "data" in output]
    return ["".join(output["data"]["text/plain"]) for output in outputs]


def test_a_saved_copy_gives_way_to_the_published_version(visit: Callable[..., Any]) -> None:
    """What was saved is there at the next visit, until the notebook's own link is followed."""
    with visit(View("book/ledger.html")) as seen:
        own = seen.page.get_attribute("a.npg-lite", "href")
        lite.open_notebook(seen.page)
        seen.page.evaluate(
            """() => { const widget = window.jupyterapp.shell.currentWidget;
            widget.content.model.sharedModel.getCell(2).setSource("mine");
            return widget.context.save(); }"""
        )
        seen.page.goto(seen.page.url.partition("/lite/")[0] + "/book/" + own)
        seen.page.wait_for_function(lite.OPEN, timeout=60_000)
        assert seen.page.evaluate(SOURCE) == "mine"
        with seen.page.context.expect_page() as opened:
            seen.page.click(".jp-RenderedMarkdown >> text=the published version")
        opened.value.wait_for_function(lite.OPEN, timeout=60_000)
        assert opened.value.evaluate(SOURCE).startswith("import numpy")


def test_python_in_jupyterlite_can_ask_no_other_host(visit: Callable[..., Any]) -> None:
    """The policy of JupyterLite's page holds for the worker that its Python runs in."""
    with visit(View("book/ledger.html")) as seen:
        lite.open_notebook(seen.page)
        said = seen.page.evaluate(ASK)
        assert said["status"] == "error" and "NetworkError" in said["evalue"]
        assert seen.foreign == []


def test_a_notebooks_python_starts_from_bytecode(visit: Callable[..., Any]) -> None:
    """Compiling IPython and what it imports was a fifth of the wait for the first output."""
    with visit(View("book/ledger.html")) as seen:
        lite.open_notebook(seen.page)
        said = seen.page.evaluate(COMPILED)
        assert said["status"] == "ok", said["evalue"]


SOURCE = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel
  .getCell(2).getSource()"""
ASK = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const code = `from js import XMLHttpRequest
request = XMLHttpRequest.new()
request.open("GET", "https://example.org/", False)
request.send()`;
  return (await kernel.requestExecute({ code }).done).content;
}"""
COMPILED = """async () => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const code = `import sys
packages = [m for n, m in sys.modules.items() if n.split(".")[0] != "npgkit"
            and "/site-packages/" in (getattr(m, "__file__", None) or "")]
assert len(packages) > 100 and "IPython" in sys.modules, len(packages)
from_source = sorted(m.__name__ for m in packages if m.__file__.endswith(".py"))
assert not from_source, from_source`;
  return (await kernel.requestExecute({ code }).done).content;
}"""
