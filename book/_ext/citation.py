"""How to cite a chapter: the words and the BibTeX entry under it, from ``CITATION.cff``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

FACTS = Path(__file__).resolve().parents[2] / "CITATION.cff"


def citation(number: str, title: str, name: str) -> dict[str, str]:
    """Chapter `number`, called `title`, as a sentence and as an entry with the key `name`."""
    book = yaml.safe_load(FACTS.read_text("utf-8"))["preferred-citation"]
    authors = " and ".join(author["name"] for author in book["authors"])
    fields = {
        "author": f"{{{authors}}}",
        "title": title,
        "chapter": number,
        "booktitle": book["title"],
        "year": book["year"],
        "note": f"Version {book['version']}",
    }
    entry = ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items())
    return {
        "text": f"{authors}. {title}. Chapter {number} of {book['title']}, "
        f"version {book['version']}, {book['year']}.",
        "bibtex": f"@incollection{{npg-{name},\n{entry}\n}}",
    }


def add_citation(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    number = app.env.toc_secnumbers.get(pagename, {}).get("")
    if number and doctree:
        name = pagename.rpartition("/")[2].lstrip("0123456789_").replace("_", "-")
        shown = ".".join(map(str, number))
        context["citation"] = citation(shown, app.env.titles[pagename].astext(), name)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", add_citation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
