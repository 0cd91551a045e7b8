"""Press "Run all" on a page of the book, wait for its end, and read what its cells have shown."""

from __future__ import annotations

from typing import Any

from tests.live.compare import OF_PAGE, Shown, of_page
from tools.notebooks.form import Notebook, read_notebook
from tools.toc import ROOT

MOST_SECONDS = 540

# Resolves with what the page says when all is done, or an error, or the time is over.
RUN_ALL = f"""() => new Promise((done, failed) => {{
  const bar = document.querySelector("#npg-live");
  const look = () => {{
    const text = bar.querySelector("[role=status]").textContent;
    if (["ready", "error"].includes(bar.dataset.state)) done(text);
  }};
  new MutationObserver(look).observe(bar, {{attributes: true, attributeFilter: ["data-state"]}});
  setTimeout(() => failed(new Error(bar.textContent)), {MOST_SECONDS * 1000});
  bar.querySelector(".npg-run-all").click();
}})"""


def notebook_of(page: str) -> Notebook:
    """The notebook that a page, "book/index.html", was made from."""
    return read_notebook(ROOT / page.replace(".html", ".ipynb"))


def code_cells(page: str) -> int:
    return sum(cell["cell_type"] == "code" for cell in notebook_of(page)["cells"])


def run_all(page: Any) -> tuple[str, list[list[Shown] | None]]:
    """Run every cell of an open page; return what it says at the end, and what each has shown."""
    said = page.evaluate(RUN_ALL)
    return said, of_page(page.evaluate(OF_PAGE))
