"""A symbol's first use in a chapter links to its row on the page of notation.

Only where the notation gives it one meaning there: a letter that also means something else within
the chapter stays text, and so do those of proofs and exercises, which have letters of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

NOTATION = "book/notation"
RUNNING_TEXT = (
    nodes.document, nodes.section, nodes.paragraph, nodes.inline, nodes.emphasis, nodes.strong,
    nodes.bullet_list, nodes.enumerated_list, nodes.list_item,
)  # fmt: skip
_CHAPTERS = re.compile(r"(\d+)(?:-(\d+))?")


def spellings(formula: str) -> set[str]:
    """A formula of the table, and the symbol before its argument or its definition."""
    return {formula.strip(), re.split(r"\(|=", formula)[0].strip()}


def rows(notation: nodes.Node) -> Iterator[tuple[nodes.row, set[str], set[int] | None, bool]]:
    """Each row, its symbols, its chapters (None for all), and whether it holds in all of them."""
    for table in notation.findall(nodes.table):
        head, body = next(table.findall(nodes.thead)), next(table.findall(nodes.tbody))
        names = [entry.astext() for entry in head.findall(nodes.entry)]
        column = next((k for k, name in enumerate(names) if name.startswith("Chapter")), None)
        if column is None or (len(names) == 3 and names[column] != "Chapter"):
            continue  # indices and the signs that every text has
        for row in body.findall(nodes.row):
            told = row[column].astext()
            spans = [(int(a), int(b or a)) for a, b in _CHAPTERS.findall(told)]
            chapters = {n for first, last in spans for n in range(first, last + 1)}
            symbols = set().union(*(spellings(m.astext()) for m in row[0].findall(nodes.math)))
            yield row, symbols, None if told == "all" else chapters, names[column] != "Chapter"


def identity(row: nodes.row) -> str:
    formula = next(row.findall(nodes.math)).astext()
    return "symbol-" + re.sub(r"[^A-Za-z]+", "-", formula).strip("-")


def meanings(env: BuildEnvironment, chapter: int) -> dict[str, str]:
    """The place of each symbol that has one meaning in a chapter."""
    found: dict[str, str] = {}
    other: set[str] = set()
    for row, symbols, chapters, holds in rows(env.get_doctree(NOTATION)):
        if chapters is not None and chapter not in chapters:
            continue
        other |= symbols if not holds else symbols & found.keys()
        if holds:
            found |= dict.fromkeys(symbols, identity(row))
    return {symbol: place for symbol, place in found.items() if symbol not in other}


def in_running_text(node: nodes.Node) -> bool:
    above = node.parent
    return above is None or (isinstance(above, RUNNING_TEXT) and in_running_text(above))


class LinkSymbols(SphinxPostTransform):
    default_priority = 900  # when formulas and their punctuation are together
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        if self.env.docname == NOTATION:
            for row, _, _, holds in rows(self.document):
                if holds:
                    row["ids"].append(identity(row))
        number = self.env.toc_secnumbers.get(self.env.docname, {}).get("", ())
        if not number:
            return
        left = meanings(self.env, number[0])
        page = self.app.builder.get_relative_uri(self.env.docname, NOTATION)
        for formula in list(self.document.findall(nodes.math)):
            place = left.get(formula.astext().strip())
            if place is None or not in_running_text(formula):
                continue
            left = {symbol: other for symbol, other in left.items() if other != place}
            uri = f"{page}#{place}"
            link = nodes.reference("", "", internal=True, refuri=uri, classes=["npg-symbol"])
            formula.replace_self(link)
            # Not every reader of the page takes the words of a link from a formula.
            said = nodes.inline("", " in the notation", classes=["visually-hidden"])
            link += [formula, said]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(LinkSymbols)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
