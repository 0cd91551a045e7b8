"""What the search looks through: each section and each numbered box, without code and TeX.

Written as ``_static/search-index.json``, which ``search.js`` fetches when the search is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contents import boxes_of, chapter_title, title_of
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

SILENT = (nodes.math, nodes.math_block, nodes.literal_block, nodes.raw, nodes.title,
          nodes.comment, nodes.image, nodes.system_message)  # fmt: skip


def words_of(node: nodes.Node, *, within_sections: bool = False) -> Iterator[str]:
    """The text of a node, without what is silent and without the sections inside it."""
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield str(child)
        elif isinstance(child, nodes.section) and not within_sections:
            continue
        elif isinstance(child, pending_xref) and not _has_words(child):
            continue  # its text is still the name of a label
        elif isinstance(child, nodes.math):
            yield "…"
        elif not isinstance(child, SILENT):
            yield from words_of(child, within_sections=within_sections)


def _has_words(reference: pending_xref) -> bool:
    return reference["reftype"] == "term" or bool(reference.get("refexplicit"))


def plain(title: str) -> str:
    """A title's words; of a formula, its letters."""
    return " ".join(title.replace("\\", "").replace("$", "").split())


def entry(title: str, place: str, address: str, words: Iterator[str]) -> dict[str, str]:
    text = re.sub(r"\s+([,.;:!?)]|$)", r"\1", " ".join(" ".join(words).split()))
    return {"title": title, "chapter": place, "url": address, "text": text}


def entries(env: BuildEnvironment, docname: str) -> Iterator[dict[str, str]]:
    doctree = env.get_doctree(docname)
    place, page = plain(chapter_title(env, docname)), f"{docname}.html"
    for number, section in enumerate(doctree.findall(nodes.section)):
        if title := section.next_node(nodes.title):
            address = f"{page}#{section['ids'][0]}" if number else page
            yield entry(plain(title.astext()), place, address, words_of(section))
    for box in boxes_of(doctree):
        if name := "".join(part.astext() for part in title_of(env, box)):
            kind = f"{place}, {box.get('realtype', 'exercise')}"
            words = words_of(box, within_sections=True)
            yield entry(plain(name), kind, f"{page}#{box['label']}", words)


def write_index(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        found = [e for name in sorted(app.env.found_docs) for e in entries(app.env, name)]
        path = Path(app.outdir, "_static", "search-index.json")
        path.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", write_index, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
