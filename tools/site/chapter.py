"""A built chapter taken apart: the HTML of what has a label, of each cell and of each formula."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
CAPTION = re.compile(r"<figcaption>.*</figcaption>", re.DOTALL)
NUMBER = re.compile(r'class="(eqno|caption-number|section-number)">([^<]*)<')
LINK = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)"')
FONT = re.compile(r'<link rel="preload" as="font"[^>]*>')
# What belongs to a page alone: an element's links to itself and to its tests, and a heading.
MARKS = re.compile(r'\s*<a class="(?:headerlink|npg-tests)".*?</a>|<h[1-3]>.*?</h[1-3]>', re.DOTALL)
CODE = re.compile(
    r'<div class="cell_input.*?(?=<div class="cell_output)|<details.*?</details>', re.DOTALL
)
FOLD = re.compile(r"<details[^>]*>\s*<summary>.*?</summary>|</details>", re.DOTALL)
MOST_LINES = 17  # of a cell and what it prints


class Missing(Exception):
    """An outline asks for what its chapter does not have, or lacks notes."""


def squeezed(tex: str) -> str:
    return " ".join(tex.split())


class Chapter(HTMLParser):
    """A built page: the HTML of each element with an id, of each cell and of each formula.

    The HTML is cut from the page as it stands, since a parser would not keep the case of SVG.
    """

    def __init__(self, name: str, html: str, cells: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.name = name
        self.title = html.partition("<title>")[2].partition(" &#8212;")[0]
        self.sheet = html.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        self.fonts = "\n    ".join(FONT.findall(html))
        self.html = html.partition("<article")[2].partition("</article>")[0]
        self.parts: dict[str, str] = {}
        self.formulas: dict[tuple[str, bool], str] = {}
        self._cells: list[tuple[int, str]] = []
        self._open: list[tuple[str, int, dict[str, str | None]]] = []
        self._lines = [0, *(end.end() for end in re.finditer("\n", self.html))]
        self._tex = ""
        self.feed(self.html)
        self.parts |= zip(cells, (html for _, html in sorted(self._cells)), strict=True)

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "annotation":
            self._tex = ""
        if tag not in VOID:
            self._open.append((tag, self._place(), dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing is within it."""

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "annotation":
            self._tex += data

    def handle_endtag(self, tag: str) -> None:
        end = self.html.index(">", self._place()) + 1
        while tag in (name for name, _, _ in self._open):
            name, start, attrs = self._open.pop()
            if name == tag:
                break
        else:
            return
        html = self.html[start:end]
        if label := attrs.get("id"):
            self.parts[label] = html
        if tag == "math":
            self.formulas[squeezed(self._tex), attrs.get("display") == "block"] = html
        if "cell" in (attrs.get("class") or "").split():
            self._cells.append((start, html))

    def part(self, label: str) -> tuple[str, str]:
        """The place on the page of what has this label, and its HTML."""
        for name in (label, f"equation-{label}"):
            if name in self.parts:
                return name, self.parts[name]
        raise Missing(f"{self.name} has nothing with the label {label}")

    def formula(self, tex: str, display: bool) -> str:
        """The chapter's formula of this TeX, made to stand on a line of its own or in one."""
        if found := self.formulas.get((squeezed(tex), display)):
            return found
        raise Missing(f"{self.name} has no formula {squeezed(tex)}")

    def link(self, label: str) -> str:
        """What the chapter calls it, as Figure 5.1, (5.3) or Section 5.2, and leads to it."""
        place, html = self.part(label)
        found = NUMBER.search(html)
        if not found:
            raise Missing(f"{label} in {self.name} has no number")
        kind, number = found[1], found[2].strip(" .")
        shown = f"Section {number}" if kind == "section-number" else number
        return f'<a href="../book/{self.name}.html#{place}">{shown}</a>'

    def shown(self, label: str) -> str:
        """It, as it is on a slide."""
        html = MARKS.sub("", self.part(label)[1])
        if html.startswith('<div class="cell '):
            unfolded = FOLD.sub("", html)
            prints = '<div class="cell_output' in html
            html = CODE.sub("", html) if prints and unfolded.count("\n") > MOST_LINES else unfolded
        if html.startswith("<figure"):
            source = f"<figcaption>{self.link(label)}</figcaption>"
            html = CAPTION.sub(lambda caption: source, html)
        html = LINK.sub(lambda link: f'{link[1]}{self._from_deck(link[2])}"', html)
        # A section within a slide would be another slide.
        return re.sub(r"<(/?)section\b", r"<\1div", html)

    def _from_deck(self, href: str) -> str:
        if href.startswith("#"):
            return f"../book/{self.name}.html{href}"
        return href if href.startswith("../book/") or "//" in href else f"../book/{href}"
