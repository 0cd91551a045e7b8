"""Press "Run all" on a page of the book, wait for its end, and read what its cells have shown."""

from __future__ import annotations

from typing import Any

from tests.live.compare import OF_PAGE, Shown, of_page
from tools.notebooks.form import Notebook, read_notebook
from tools.toc import ROOT

MOST_SECONDS = 540


def settled(button: str) -> str:
    """A script that presses a button and resolves with what the page says when all is done."""
    return f"""() => new Promise((done, failed) => {{
      const bar = document.querySelector("#npg-live");
      const look = () => {{
        const text = bar.querySelector("[role=status]").textContent;
        if (["ready", "error"].includes(bar.dataset.state)) done(text);
      }};
      const watch = {{attributes: true, attributeFilter: ["data-state"]}};
      new MutationObserver(look).observe(bar, watch);
      setTimeout(() => failed(new Error(bar.textContent)), {MOST_SECONDS * 1000});
      document.querySelector("{button}").click();
    }})"""


RUN_ALL = settled("#npg-live .npg-run-all")


def notebook_of(page: str) -> Notebook:
    """The notebook that a page, "book/index.html", was made from."""
    return read_notebook(ROOT / page.replace(".html", ".ipynb"))


def code_cells(page: str) -> int:
    return sum(cell["cell_type"] == "code" for cell in notebook_of(page)["cells"])


def run_all(page: Any) -> tuple[str, list[list[Shown] | None]]:
    """Run every cell of an open page; return what it says at the end, and what each has shown."""
    said = page.evaluate(RUN_ALL)
    return said, of_page(page.evaluate(OF_PAGE))


def start_python(page: Any) -> None:
    """Run the page's first cell, so that its Python is there."""
    page.evaluate(settled("button.npg-run"))


def edit(page: Any, line: str) -> None:
    """Put a line of code in the place of the page's first cell."""
    if not page.locator(".cm-content").count():
        page.locator(".npg-edit").first.click()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(line)


def run_code(page: Any, line: str) -> str:
    """Run a line of code in the place of the page's first cell; return what it shows."""
    edit(page, line)
    page.evaluate(settled("button.npg-run"))
    text: str = page.locator(".npg-output").first.inner_text()
    return text.strip()
