"""Open a page's notebook in JupyterLite by its link, run it, and read what its cells have shown."""

from __future__ import annotations

from typing import Any

from tests.live.compare import Shown, of_cell
from tools.notebooks.form import Notebook

MOST_SECONDS = 540
# The notebook, once its kernel has been asked for.
OPEN = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
# Where the window has no focus, the notebook that is there is not the current one.
THERE = "() => [...(window.jupyterapp?.shell?.widgets('main') ?? [])].length"
ACTIVATE = """() => {
  const [first] = window.jupyterapp.shell.widgets('main');
  window.jupyterapp.shell.activateById(first.id);
  first.node.dispatchEvent(new FocusEvent('focus')); }"""
RUN_ALL = "() => { window.jupyterapp.commands.execute('runmenu:run-all'); }"
CODE = """const code = window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === "code");"""
FIRST = f"() => {{ {CODE} return code.some((cell) => cell.model.executionCount); }}"
ENDED = f"""() => {{ {CODE}
  const failed = code.some((cell) =>
    cell.model.outputs.toJSON().some((output) => output.output_type === "error"));
  return failed || code.every((cell) => cell.model.executionCount); }}"""
SHOWN = f"""() => {{ {CODE} return code.map((cell) =>
  [cell.model.id, cell.model.executionCount && cell.model.outputs.toJSON()]); }}"""


def open_notebook(page: Any) -> None:
    """Follow the link of a page of the book."""
    page.click("a.npg-lite")
    page.wait_for_function(OPEN, timeout=60_000)


def run_all(page: Any) -> None:
    """Run every cell of the open notebook, as far as there is no error."""
    page.evaluate(RUN_ALL)
    page.wait_for_function(ENDED, timeout=MOST_SECONDS * 1000)


def shown(page: Any, notebook: Notebook) -> list[list[Shown] | None]:
    """What the code cells of the stored notebook have shown in the open one, by their ids."""
    return in_order(page.evaluate(SHOWN), notebook)


def in_order(outputs: list[Any], notebook: Notebook) -> list[list[Shown] | None]:
    """What SHOWN gave, in the order of the stored notebook's code cells."""
    found = dict(outputs)
    return [
        of_cell({"outputs": found[cell["id"]]}) if found.get(cell["id"]) is not None else None
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]
