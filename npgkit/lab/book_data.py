"""The measurements stored in book/data, found wherever a notebook's kernel was started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import npgkit


def read_data(name: str) -> Any:
    """Return the content of a JSON file of the book's folder ``data``.

    The file is looked for in the working directory's own folder ``data``, which lies beside the
    notebook if the kernel was started there; then in ``book/data`` of the working directory and
    of each folder above it; then in ``book/data`` of the checkout that `npgkit` was imported from,
    or among the data that its wheel brought along.

    Parameters
    ----------
    name : str
        The path below ``data``, with forward slashes: ``"practice/policy.json"``.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message lists where it was looked for and what to do.

    Examples
    --------
    A chapter writes ``data = read_data("crossing.json")``.
    """
    tried = []
    for folder in _folders():
        path = folder / name
        if path.is_file():
            return json.loads(path.read_text("utf-8"))
        tried.append(str(folder))
    raise FileNotFoundError(
        f"there is no data file {name!r} in any of {', '.join(tried)}. It belongs to the book:"
        " start the kernel anywhere inside a checkout of the book, or copy the checkout's folder"
        " book/data to the folder that this notebook is in, as data."
    )


def _folders() -> Iterator[Path]:
    here = Path.cwd()
    checkout = Path(npgkit.__file__).resolve().parents[1]
    yield here / "data"
    for folder in dict.fromkeys([here, *here.parents, checkout]):
        yield folder / "book" / "data"
    yield Path(__file__).with_name("data")
