"""Make of each page's notebook what a reader can run elsewhere: plain Markdown, and `npgkit`.

    python -m tools.site.downloads [SITE]

A downloaded notebook begins with a cell that installs the package where it is missing, from the
site's own address. A notebook has to name it in full. Where `html: baseurl` of `_config.yml` says
where the book is published, that is written; else the page's script writes the address from which
the notebook was fetched (book/_assets/static/downloads.js).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from tools.live import wheel
from tools.site.plain import ADDRESS, page_of, plain
from tools.toc import ROOT

WHAT = """\
*[{title}]({page}) is a page of [The Natural Policy Gradient]({home}). Its code needs the package
`npgkit`; the next cell gets it where it is missing.*"""
HOW = """\
try:
    import npgkit
except ImportError:
    %pip install -q "npgkit[lab,train] @ {home}_static/live/{wheel}\""""


def published() -> str:
    """Where the book is published, with a slash at its end, or what stands for it."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    address = config["html"].get("baseurl") or ADDRESS
    return address.rstrip("/") + "/"


def first_cells(title: str, page: str) -> list[dict[str, Any]]:
    """What a downloaded notebook begins with."""
    told = {"title": title, "page": ADDRESS + page, "home": ADDRESS, "wheel": wheel.name()}
    return [
        {
            "cell_type": "markdown", "id": "what-it-needs", "metadata": {},
            "source": WHAT.format(**told),
        },
        {
            "cell_type": "code", "id": "get-npgkit", "metadata": {},
            "source": HOW.format(**told), "outputs": [], "execution_count": None,
        },
    ]  # fmt: skip


def title(notebook: dict[str, Any]) -> str:
    """The heading of the first cell."""
    return "".join(notebook["cells"][0]["source"]).splitlines()[0].removeprefix("# ")


def notebooks(site: Path) -> dict[str, dict[str, Any]]:
    """Every page's notebook in plain Markdown, by the name of the page's document."""
    found = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        name = f"book/{path.stem}"
        if (site / f"{name}.html").is_file():
            found[name] = plain(json.loads(path.read_text("utf-8")), page_of(site, name))
    return found


def dump(notebook: dict[str, Any]) -> str:
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def write(site: Path, address: str) -> None:
    """Put them where the pages' download buttons find them, for a book at this address."""
    for name, notebook in notebooks(site).items():
        cells = [*first_cells(title(notebook), f"{name}.html"), *notebook["cells"]]
        text = dump({**notebook, "cells": cells}).replace(ADDRESS, address)
        (site / "_sources" / f"{name}.ipynb").write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "_build" / "html"
    parser.add_argument("site", type=Path, nargs="?", default=default)
    write(parser.parse_args().site, published())


if __name__ == "__main__":
    main()
