"""A chapter as a notebook that any notebook program shows: Markdown alone, numbers as on its page.

The stored notebooks are written for Sphinx: their statements are directives, their references
roles. JupyterLab with an extension shows most of the first and no reference to another chapter,
and other programs show neither. Here statements get their numbers and titles as text, solutions and
hints fold by themselves, captions follow their figures, and every reference is a link to the book.
The numbers and the words are taken from the built page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

Notebook = dict[str, Any]

ADDRESS = "https://address-of-the-book.invalid/"
"""Stands for the place where the book is served, until that is known."""

FENCE = re.compile(r"(?P<fence>`{3,})\{(?P<name>[\w:-]+)\} *(?P<argument>.*)\n")
OPTION = re.compile(r":(?P<name>[\w-]+): *(?P<value>.*)\n")
ROLE = re.compile(r"\{(?P<name>[a-z:]+)\}`(?:(?P<text>[^`<]+?) *<(?P<of>[^`>]+)>|(?P<only>[^`]+))`")
LABELLED = re.compile(r"\$\$ \((?P<label>[\w-]+)\)")
PLACE = re.compile(r"^\([\w-]+\)=\n", re.M)
PAGE_LINK = re.compile(r"\]\((?P<page>[\w/]+)\.ipynb\)")
LINK = re.compile(r'<a class="reference internal" href="(?P<href>[^"]*)"[^>]*>(?P<text>.*?)</a>')
CITED = re.compile(r'<span[^>]* class="bibtex-citation"[^>]*>(?P<inside>.*?)</span>', re.S)
TAG = re.compile(r"<[^>]+>")
STATEMENTS = ("theorem", "proposition", "lemma", "corollary", "definition", "remark", "example")
BOOK_ONLY = ("mystnb", "long", "quoted", "unchecked")


class NotOnThePage(Exception):
    """A label or a role of the notebook of which the built page knows nothing."""


@dataclass(frozen=True)
class Page:
    """A built page: where it lies in the site, and its HTML."""

    name: str
    text: str

    def address(self, href: str = "") -> str:
        return urljoin(ADDRESS + self.name, html.unescape(href))

    def number(self, label: str) -> str:
        """The number of a statement, an exercise, a figure or an equation, with its kind."""
        for name, pattern in (
            (f"equation-{label}", r'class="eqno">\((.*?)\)<'),
            (label, r'class="caption-number">(.*?) ?</span>'),
        ):
            found = re.search(rf'id="{re.escape(name)}".*?{pattern}', self.text, re.S)
            if found:
                return words(found[1])
        raise NotOnThePage(f"{self.name} has no {label}")

    def link(self, ending: str, text: str | None) -> str:
        """The first link on the page to an address with this ending, in Markdown."""
        for found in LINK.finditer(self.text):
            if html.unescape(found["href"]).endswith(ending):
                return f"[{text or words(found['text'])}]({self.address(found['href'])})"
        raise NotOnThePage(f"{self.name} has no link to {ending}")

    def citations(self) -> Iterator[str]:
        """What the page has for each citation, in order, with links to the list of sources."""
        for found in CITED.finditer(self.text):
            inside = LINK.sub(
                lambda link: f"[{words(link['text'])}]({self.address(link['href'])})",
                found["inside"],
            )
            yield words(inside)


def words(markup: str) -> str:
    return html.unescape(TAG.sub("", markup)).replace("\xa0", " ").strip()


class Chapter:
    """What turns the Markdown of one notebook, cell after cell, into plain Markdown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sources = page.citations()
        self.solving = False

    def cell(self, text: str) -> str:
        """The cell; what of it belongs to a solution that spans several cells is folded."""
        parts: list[str] = []
        open_text = ""
        for piece in pieces(text):
            if isinstance(piece, str):
                open_text += piece
                continue
            if piece.name in ("solution-start", "solution-end"):
                parts.append(self._folded(self.inline(open_text)))
                open_text = ""
                self.solving = piece.name == "solution-start"
            else:
                parts.append(self._folded(self.inline(open_text) + self.directive(piece)))
                open_text = ""
        parts.append(self._folded(self.inline(open_text)))
        return "\n".join(part for part in parts if part.strip()).strip("\n")

    def _folded(self, text: str) -> str:
        return details("Solution", text) if self.solving and text.strip() else text

    def directive(self, one: Fenced) -> str:
        kind = one.name.removeprefix("prf:")
        title = f" ({self.inline(one.argument)})" if one.argument else ""
        label = one.options.get("label", "")
        if kind in STATEMENTS:
            return f"**{self.page.number(label)}**{title}. {self.markdown(one.body).lstrip()}"
        if kind == "exercise-start":
            return f"**{self.page.number(label)}**{title}\n"
        if kind == "exercise-end":
            return ""
        if kind == "proof":
            return f"*Proof.* {self.markdown(one.body).strip()} ∎\n"
        if kind == "solution":
            return details("Solution", self.markdown(one.body))
        if kind == "dropdown":
            return details(one.argument, self.markdown(one.body))
        if kind == "list-table":
            return self.markdown(table(one.body))
        if kind == "chapter-map":
            return f"[The map of the chapters]({self.page.address()})\n"
        raise NotOnThePage(f"{self.page.name}: no plain Markdown is known for {{{one.name}}}")

    def markdown(self, text: str) -> str:
        return "".join(
            self.inline(piece) if isinstance(piece, str) else self.directive(piece)
            for piece in pieces(text)
        )

    def inline(self, text: str) -> str:
        text = PLACE.sub("", text)
        text = LABELLED.sub(lambda found: rf"\tag{{{self.page.number(found['label'])}}}$$", text)
        text = PAGE_LINK.sub(lambda found: f"]({self.page.address(found['page'] + '.html')})", text)
        return ROLE.sub(self._role, text)

    def _role(self, found: re.Match[str]) -> str:
        name, text, target = found["name"], found["text"], found["of"] or found["only"]
        if name.startswith("cite:"):
            source = next(self.sources, None)
            if source is None:
                raise NotOnThePage(f"{self.page.name} cites fewer sources than the notebook")
            return source
        ending = {
            "eq": f"#equation-{target}",
            "term": f"#term-{re.sub(r'[^A-Za-z0-9]+', '-', target)}",
            "doc": f"{target}.html",
        }.get(name, f"#{target}")
        return self.page.link(ending, text or (target if name == "term" else None))


@dataclass(frozen=True)
class Fenced:
    """A directive as it is written."""

    name: str
    argument: str
    options: dict[str, str]
    body: str


def pieces(text: str) -> Iterator[str | Fenced]:
    """The text and its directives, in order; a directive's own are left in its body."""
    text = text if text.endswith("\n") else text + "\n"
    at = 0
    for found in re.finditer(rf"^{FENCE.pattern}", text, re.M):
        if found.start() < at:
            continue
        yield text[at : found.start()]
        closing = re.compile(rf"^{found['fence']} *\n", re.M).search(text, found.end())
        if closing is None:
            raise NotOnThePage(f"{{{found['name']}}} is not closed")
        start, options = found.end(), {}
        while option := OPTION.match(text, start):
            options[option["name"]] = option["value"].strip()
            start = option.end()
        body = text[start : closing.start()]
        yield Fenced(found["name"], found["argument"].strip(), options, body)
        at = closing.end()
    yield text[at:]


def details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body.strip()}\n\n</details>\n"


def table(body: str) -> str:
    """The rows of a ``{list-table}``, each an item of items, as a table of Markdown."""
    rows = [
        [" ".join(cell.split()) for cell in re.split(r"^  - ", row, flags=re.M)]
        for row in re.split(r"^\* - ", body, flags=re.M)[1:]
    ]
    rows.insert(1, ["---"] * len(rows[0]))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def plain(notebook: Notebook, page: Page) -> Notebook:
    """Return the notebook in plain Markdown, with references to the page at `ADDRESS`."""
    chapter, cells = Chapter(page), []
    for cell in deepcopy(notebook["cells"]):
        cell["source"] = "".join(cell["source"])
        figure = cell["metadata"].get("mystnb", {}).get("figure")
        for key in BOOK_ONLY:
            cell["metadata"].pop(key, None)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = "".join(output["text"])
        if cell["cell_type"] == "markdown":
            cell["metadata"].pop("jupyter", None)  # what it folds is folded as `details`
            cell["source"] = chapter.cell(cell["source"])
        cells.append(cell)
        if figure:
            number = page.number(figure["name"])
            cells.append({
                "cell_type": "markdown", "id": f"{cell['id']}-caption"[-64:], "metadata": {},
                "source": f"**{number}.** {chapter.inline(figure['caption'])}",
            })  # fmt: skip
    if next(chapter.sources, None) is not None:
        raise NotOnThePage(f"{page.name} cites more sources than the notebook")
    return {**notebook, "cells": cells}


def page_of(site: Path, name: str) -> Page:
    """The built page of a document, as `book/03_kl_step`."""
    path = f"{name}.html"
    return Page(path, (site / path).read_text("utf-8"))
