"""The lists name all that the chapters hold; the map, the index and the sheet are right."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import Visit
from tests.site.pages import View
from tools.notebooks.form import read_notebook
from tools.toc import ROOT, pages

pytestmark = pytest.mark.site

CHAPTERS = [path for path in pages() if path.stem[:2].isdigit()]

# What a reader who skips nothing that is needed has read before: looked at by a person.
BUILDS_ON = {2: "1", 3: "2", 4: "3", 5: "4", 6: "5", 7: "6", 8: "5", 9: "6, 8", 10: "1", 11: "10",
             12: "9, 11", 13: "12", 14: "13"}  # fmt: skip


class Links(HTMLParser):
    """Each link inside the article with its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.inside = False
        self.feed(text.partition("<article")[2].partition("</article>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.inside = True
            self.found.append((dict(attrs).get("href") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1] = (self.found[-1][0], self.found[-1][1] + data)


@cache
def labels(pattern: re.Pattern[str]) -> list[str]:
    """Where the chapters put these labels, as addresses, in the order of the book."""
    found = []
    for path in CHAPTERS:
        for cell in read_notebook(path)["cells"]:
            text = cell["source"] if cell["cell_type"] == "markdown" else ""
            name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "")
            found += [f"{path.stem}.html#{label}" for label in pattern.findall(f"{text}\n{name}")]
    return found


LISTED = {
    "results": ("lists.html", r":label: ((?:thm|prop|lem|cor|def)-[\w-]+)", "", r"\w+ \d+\.\d+"),
    "figures": ("lists.html", r"^(fig-[\w-]+)$", "", r"Figure \d+\.\d+"),
    "exercises": ("lists.html", r":label: (ex-[\w-]+)", "", r"Exercise \d+\.\d+"),
    "equations": ("equations.html", r"\$\$ *\((eq-[\w-]+)\)", "equation-", r"\(\d+\.\d+\)"),
}


@pytest.mark.parametrize("kind", LISTED)
def test_a_list_names_each_of_its_kind_once_in_order(site: Path, kind: str) -> None:
    page, pattern, prefix, name = LISTED[kind]
    wanted = [address.replace("#", f"#{prefix}") for address in labels(re.compile(pattern, re.M))]
    links = Links((site / "book" / page).read_text("utf-8")).found
    listed = [(href, text) for href, text in links if href in set(wanted)]
    assert len(wanted) > 20
    assert [href for href, _ in listed] == wanted
    assert [text for _, text in listed if not re.fullmatch(name, text.strip())] == []


def test_the_list_marks_the_figures_that_move(site: Path) -> None:
    sources = [(cell["source"], cell["metadata"].get("mystnb", {}).get("figure"))
               for path in pages() if path.suffix == ".ipynb"
               for cell in read_notebook(path)["cells"]]  # fmt: skip
    moving = sum("explore(" in source for source, figure in sources if figure)
    assert moving > 10
    assert (site / "book" / "lists.html").read_text("utf-8").count("npg-slider-mark") == moving


def test_what_the_lists_say_of_an_entry_is_a_sentence(site: Path) -> None:
    """A figure has the first sentence of its caption; a title's own mark ends it."""
    page = (site / "book" / "lists.html").read_text("utf-8")
    said = [re.sub(r"<[^>]*>", "", line) for line in re.findall(r"</a>(.*?)</li>", page, re.DOTALL)]
    assert len(said) > 150
    assert [line for line in said if "?." in line or line.strip() in ("Left.", "Right.")] == []


@pytest.mark.parametrize(
    "address", ["book/lists.html", "book/equations.html", "book/glossary.html"]
)
def test_a_page_of_lists_has_no_more_elements_than_a_chapter(site: Path, address: str) -> None:
    assert len(re.findall(r"<[a-z]", (site / address).read_text("utf-8"))) <= 12_000


# The map.


def test_the_map_says_what_builds_on_what_and_how_long_it_takes(site: Path) -> None:
    """One row for each chapter, with its minutes, and the chapters that it builds on."""
    book = (site / "book" / "index.html").read_text("utf-8")
    rows = re.findall(r'npg-facts">read (\d+) min, do (\d+) min(?:; builds on\s([^<]*))?<', book)
    assert len(rows) == len(CHAPTERS)
    for number, (read, done, before) in enumerate(rows, start=1):
        cells = read_notebook(CHAPTERS[number - 1])["cells"]
        heads = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
        minutes = re.findall(r"^\*[^*\n]*?(\d+) minutes", heads, re.MULTILINE)
        assert int(done) == sum(map(int, minutes))
        assert 15 <= int(read) <= 90
        assert before.split(",\N{NO-BREAK SPACE}") == BUILDS_ON.get(number, "").split(", "), number


# The index.


def test_the_index_leads_to_the_glossary_and_to_sections(site: Path) -> None:
    """Each term of the glossary stands there; its places are in the order of the book."""
    page = (site / "genindex.html").read_text("utf-8")
    links = Links(page).found
    terms = re.findall(r"^(\S.*)\n  \S", (ROOT / "book/glossary.md").read_text("utf-8"), re.M)
    entries = {text for href, text in links if "glossary.html#term-" in href}
    assert entries == set(terms)
    places = re.findall(r'href="book/(\d\d)_[^"]*#[^"]*">([^<]*)<', page)
    assert len(places) > 100
    wrong = [text for chapter, text in places if not re.match(rf"{int(chapter)}[ .]", text)]
    assert wrong == []
    for block in re.findall(r"<ul>(.*?)</ul>", page.partition("npg-index")[2], re.DOTALL):
        chapters = re.findall(r'href="book/(\d\d)_', block)
        assert chapters == sorted(chapters)


# The cheat sheet.


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_cheat_sheet_is_two_sides_of_paper(visit: Any, theme: str) -> None:
    with visit(View("book/cheat_sheet.html", theme)) as seen:
        printed = seen.page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2


@pytest.mark.browser
def test_no_formula_of_the_cheat_sheet_is_cut_on_paper(visit: Any) -> None:
    """On the width of an A4 page no formula is wider than its column."""
    with visit(View("book/cheat_sheet.html")) as seen:
        assert cut(seen) == []


def cut(seen: Visit) -> list[str]:
    seen.page.set_viewport_size({"width": 703, "height": 1000})  # 186 mm at 96 pixels an inch
    seen.page.emulate_media(media="print")
    found: list[str] = seen.page.evaluate(
        """() => Array.from(document.querySelectorAll('.npg-cheat dd math'))
          .filter(m => m.getBoundingClientRect().right
            > m.closest('dd').getBoundingClientRect().right + 1)
          .map(m => m.querySelector('annotation').textContent)"""
    )
    return found
