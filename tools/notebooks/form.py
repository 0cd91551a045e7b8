"""The one form in which the book's notebooks are stored.

A stored notebook is a clean run without pictures and without anything that depends on the machine:
source, text output and execution counts stay. A diff then shows what was changed and nothing else,
and a strict re-run is compared with the stored text.

Normalising twice changes nothing: cell ids are kept when they are valid and are otherwise
computed from the cell's content, never drawn at random.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from tools.notebooks.prose import directives

Cell = dict[str, Any]
Notebook = dict[str, Any]

NOTEBOOK_METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Metadata that the build or the checks read; editors add others.
KEPT_NOTEBOOK_KEYS = ("mystnb", "myst", "html_meta")
KNOWN_CELL_KEYS = ("tags", "mystnb", "quoted", "long", "unchecked", "tolerance", "jupyter")
EDITOR_CELL_KEYS = (
    "ExecuteTime", "collapsed", "colab", "deletable", "editable", "execution", "jupyter",
    "jp-MarkdownHeadingCollapsed", "language_info", "pycharm", "scrolled", "slideshow", "trusted",
    "vscode",
)  # fmt: skip
# What is stored of a rich output. Pictures, HTML and widget views are made again by each build.
KEPT_MIME_TYPES = ("text/plain", "text/latex", "text/markdown")
# More threads would change the order of sums, and so the last digits printed.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
TIMEOUT = 600  # seconds a cell may take
MYST = "md:myst"  # what jupytext calls the format
CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


class NotebookError(Exception):
    """A notebook that cannot be read or run; the message says which and where."""


def read_notebook(path: Path) -> Notebook:
    """Read a version 4 notebook, with sources and texts joined to single strings.

    Raises
    ------
    NotebookError
        If the file is not JSON, or not a notebook of format 4.
    """
    try:
        notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise NotebookError(f"{path}: not JSON: {error}") from error
    if notebook.get("nbformat") != 4:
        raise NotebookError(f"{path}: notebook format {notebook.get('nbformat')}, expected 4")
    for cell in notebook["cells"]:
        cell["source"] = _joined(cell.get("source", ""))
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = _joined(output["text"])
            data = output.get("data", {})
            for mime in data:
                if mime.startswith("text/"):
                    data[mime] = _joined(data[mime])
    return notebook


def dump_notebook(notebook: Notebook) -> str:
    """The notebook as the text of its file: sorted keys, indent 1, one final newline."""
    stored = json.loads(json.dumps(notebook))
    for cell in stored["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = output["text"].splitlines(keepends=True)
            for mime, value in output.get("data", {}).items():
                if isinstance(value, str):
                    output["data"][mime] = value.splitlines(keepends=True)
    return json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def normal_form(notebook: Notebook) -> Notebook:
    """A copy of `notebook` with everything removed that is not stored.

    Nothing is executed and execution counts are kept, so that a notebook run out of order can be
    recognised as such.
    """
    own = notebook.get("metadata", {})
    metadata = {key: own[key] for key in KEPT_NOTEBOOK_KEYS if key in own}
    cells = [_stored_cell(cell) for cell in notebook["cells"]]
    fold(cells)
    for cell, cell_id in zip(cells, cell_ids(cells), strict=True):
        cell["id"] = cell_id
    return {
        "cells": cells,
        "metadata": metadata | NOTEBOOK_METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def fold(cells: list[Cell]) -> None:
    """Fold in JupyterLab what a page folds: cells tagged hide-input, and the inside of solutions.

    A cell that holds the end of a solution stays open, because the next exercise begins in it.
    """
    solving = False
    for cell in cells:
        named = directives(cell["source"]) if cell["cell_type"] == "markdown" else []
        gates = [one.name for one in named if one.name in ("solution-start", "solution-end")]
        hidden = {}
        if (solving and not gates) or "hide-input" in cell["metadata"].get("tags", []):
            hidden["source_hidden"] = True
        if solving and cell["cell_type"] == "code":
            hidden["outputs_hidden"] = True
        if hidden:
            cell["metadata"]["jupyter"] = hidden
        if gates:
            solving = gates[-1] == "solution-start"


def cell_ids(cells: list[Cell]) -> Iterator[str]:
    """A valid, unique id for each cell: its own where it has one, else one from its content."""
    own = {cell.get("id") for cell in cells}
    used: set[str] = set()
    for cell in cells:
        cell_id = cell.get("id")
        if not isinstance(cell_id, str) or not CELL_ID.match(cell_id) or cell_id in used:
            content = f"{cell['cell_type']}\n{cell['source']}"
            stem = cell_id = hashlib.sha256(content.encode()).hexdigest()[:8]
            copies = 1
            while cell_id in used or cell_id in own:
                copies += 1
                cell_id = f"{stem}-{copies}"
        used.add(cell_id)
        yield cell_id


def keep_ids(cells: list[Cell], previous: list[Cell]) -> None:
    """Give `cells`, written anew, the ids of the `previous` cells that they continue."""

    def keys(some: list[Cell]) -> list[tuple[str, str]]:
        return [(cell["cell_type"], cell["source"]) for cell in some]

    for cell in cells:
        cell.pop("id", None)
    matcher = SequenceMatcher(a=keys(previous), b=keys(cells), autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag in ("equal", "replace"):
            for old, new in zip(previous[a0:a1], cells[b0:b1], strict=False):
                if old["cell_type"] == new["cell_type"] and "id" in old:
                    new["id"] = old["id"]


def execute(notebook: Notebook, folder: Path) -> Notebook:
    """Run every cell in a fresh kernel of this Python, started in `folder`.

    Raises
    ------
    NotebookError
        If a cell fails that is not tagged ``raises-exception``, or takes longer than `TIMEOUT`
        seconds.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(
        nbformat.from_dict(notebook),
        kernel_name="python3",
        timeout=TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        # Each kernel would else warn that it talks over TCP without encryption.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        node = client.execute(env={**os.environ, **ONE_THREAD})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise NotebookError(str(error)) from error
    executed: Notebook = json.loads(json.dumps(node))
    return executed


def normalise(path: Path, *, run: bool = True) -> bool:
    """Bring the file at `path` into the stored form; true if that changed it."""
    return write_notebook(path, read_notebook(path), run=run)


def write_notebook(path: Path, notebook: Notebook, *, run: bool) -> bool:
    """Store `notebook` at `path` in its normal form; true if the file changed.

    A notebook that fails while it runs is not written.
    """
    notebook = normal_form(notebook)
    if run:
        try:
            notebook = normal_form(execute(notebook, path.parent))
        except NotebookError as error:
            raise NotebookError(f"{path}: {error}") from error
    text = dump_notebook(notebook)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def from_myst(text: str, previous: Notebook | None = None) -> Notebook:
    """A notebook from MyST Markdown with ``{code-cell}`` fences; ids continue `previous`."""
    import jupytext

    notebook: Notebook = json.loads(json.dumps(jupytext.reads(text, fmt=MYST)))
    notebook["metadata"] = {}
    keep_ids(notebook["cells"], previous["cells"] if previous else [])
    return notebook


def to_myst(notebook: Notebook) -> str:
    """The notebook's cells as MyST Markdown, which `from_myst` reads back."""
    import jupytext
    import nbformat

    for cell in notebook["cells"]:
        cell["metadata"].pop("jupyter", None)  # `fold` makes it again
    return str(jupytext.writes(nbformat.from_dict(notebook), fmt=MYST))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _stored_cell(cell: Cell) -> Cell:
    metadata = {k: v for k, v in cell.get("metadata", {}).items() if k not in EDITOR_CELL_KEYS}
    stored: Cell = {
        "cell_type": cell["cell_type"],
        "metadata": metadata,
        "source": cell["source"].rstrip("\n"),
    }
    if "id" in cell:
        stored["id"] = cell["id"]
    if cell["cell_type"] == "code":
        stored["execution_count"] = cell.get("execution_count")
        stored["outputs"] = list(_stored_outputs(cell))
    return stored


def _stored_outputs(cell: Cell) -> Iterator[Cell]:
    stream: Cell | None = None
    for output in cell.get("outputs", []):
        kind = output["output_type"]
        if kind == "stream":
            # How many pieces a stream arrives in depends on timing.
            if stream is not None and stream["name"] == output["name"]:
                stream["text"] += output["text"]
                continue
            if stream is not None:
                yield stream
            stream = {"output_type": "stream", "name": output["name"], "text": output["text"]}
            continue
        if stream is not None:
            yield stream
            stream = None
        if kind == "error":
            # A traceback contains paths of the machine.
            line = f"{output['ename']}: {output['evalue']}"
            yield {
                "output_type": "error",
                "ename": output["ename"],
                "evalue": output["evalue"],
                "traceback": [line],
            }
            continue
        data = {mime: text for mime, text in output["data"].items() if mime in KEPT_MIME_TYPES}
        if data:
            kept: Cell = {"output_type": kind, "data": data, "metadata": {}}
            if kind == "execute_result":
                kept["execution_count"] = cell.get("execution_count")
            yield kept
    if stream is not None:
        yield stream
