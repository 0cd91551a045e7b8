"""What the search looks through: each section and each numbered box, without code and TeX.

Written as ``_static/search-index.json``, which ``search.js`` fetches when the search is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        elif isinstance(child, pending_xref) and not child.get("refexplicit"):
            continue  # its text is still the name of a label
        elif isinstance(child, nodes.math):
            yield "…"
        elif not isinstance(child, SILENT):
            yield from words_of(child, within_sections=within_sections)


def plain(title: nodes.Node) -> str:
    """A title's words; of a formula, its letters."""
    return " ".join(title.astext().replace("\\", "").replace("$", "").split())


def entries(env: BuildEnvironment, docname: str) -> Iterator[dict[str, str]]:
    doctree = env.get_doctree(docname)
    chapter = plain(env.titles[docname])
    number = ".".join(map(str, env.toc_secnumbers.get(docname, {}).get("", ())))
    place = f"{number}. {chapter}" if number else chapter
    sections = list(doctree.findall(nodes.section))
    for section in sections:
        anchor = "" if section is sections[0] else f"#{section['ids'][0]}"
        title = section.next_node(nodes.title)
        if title is None:
            continue
        yield {
            "title": plain(title),
            "chapter": place,
            "url": f"{docname}.html{anchor}",
            "text": " ".join(" ".join(words_of(section)).split()),
        }
    for box in doctree.findall(nodes.Element):
        if box.get("realtype") or box.tagname in ("exercise_node", "exercise_enumerable_node"):
            title = box.next_node(nodes.title)
            if title is not None and box.get("label"):
                yield {
                    "title": plain(title).removeprefix("Exercise").strip("() "),
                    "chapter": f"{place}, {box.get('realtype', 'exercise')}",
                    "url": f"{docname}.html#{box['label']}",
                    "text": " ".join(" ".join(words_of(box, within_sections=True)).split()),
                }


def write_index(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        found = [e for name in sorted(app.env.found_docs) for e in entries(app.env, name)]
        path = Path(app.outdir, "_static", "search-index.json")
        path.write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", write_index, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
