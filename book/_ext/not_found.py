"""The page ``404.html``, which hosts of static files show for an address that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder


def list_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    if not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    env = app.env
    pages = []
    for name in env.toctree_includes.get(env.config.root_doc, []):
        number = ".".join(map(str, env.toc_secnumbers.get(name, {}).get("", ())))
        title = env.titles[name].astext()
        pages.append((f"{name}.html", f"{number}. {title}" if number else title))
    yield "404", {"title": "No such page", "pages": pages}, "404.html"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-collect-pages", list_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
