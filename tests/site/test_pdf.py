"""The book as a PDF, and one of each page: what a printed copy and a reader's program need."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pikepdf
import pytest

from tests.site.browser import unavailable
from tests.site.pages import APPENDICES, NOTEBOOK_PAGES, PAGES, html
from tools.site import pdf as tool
from tools.toc import documents

pytestmark = [pytest.mark.site, pytest.mark.browser]

WIDTH, HEIGHT = 595.0, 842.0  # points
MARGIN = 28.0  # 10 mm
XHTML = "{http://www.w3.org/1999/xhtml}"
Word = tuple[float, float, float, float, str]


def made(site: Path, name: str) -> Path:
    path = site / name
    if not path.is_file():
        unavailable(f"there is no {name}: run `make pdf`")
    return path


@pytest.fixture(scope="module")
def path(site: Path) -> Path:
    return made(site, tool.BOOK)


@pytest.fixture(scope="module")
def book(path: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(path) as opened:
        yield opened


def words(path: Path) -> list[list[Word]]:
    """The words of each page, with their boxes in points from the upper left corner."""
    if shutil.which("pdftotext") is None:
        unavailable("no pdftotext on this machine: install poppler-utils")
    command = ["pdftotext", "-bbox", str(path), "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    root = ElementTree.fromstring(re.sub(r"[\x00-\x08\x0b-\x1f]", "", found))
    sides = ("xMin", "yMin", "xMax", "yMax")
    return [
        [(*(float(word.attrib[side]) for side in sides), word.text or "")  # type: ignore[misc]
         for word in page.iter(f"{XHTML}word")]
        for page in root.iter(f"{XHTML}page")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def text(path: Path) -> list[list[Word]]:
    return words(path)


def plain(page: list[Word]) -> str:
    return "".join(word[4] for word in page)


def squeezed(text: str) -> str:
    return "".join(text.split())


def headings(site: Path, name: str, level: int) -> list[str]:
    """The headings of a built page, with their numbers."""
    written = (site / f"{name}.html").read_text("utf-8").partition("<article")[2]
    found = re.findall(rf"<h{level}>(.*?)(?:<a class=\"headerlink\"|</h{level}>)", written)
    return [re.sub(r"<math.*?</math>|<[^>]*>", "", heading) for heading in found]


def bookmarks(items: Any, level: int = 1) -> Iterator[tuple[int, Any]]:
    for item in items:
        yield level, item
        yield from bookmarks(item.children, level + 1)


def test_the_pdf_says_what_it_is(book: pikepdf.Pdf) -> None:
    assert book.Root.MarkInfo.Marked and "/StructTreeRoot" in book.Root
    assert str(book.Root.Lang).startswith("en")
    about = book.docinfo
    assert str(about.Title).startswith("The Natural Policy Gradient")
    assert about.Author and about.Subject and about.Keywords
    with book.open_metadata() as record:
        assert "CC-BY" in record["dc:rights"]


def test_bookmarks_have_every_chapter_and_section(book: pikepdf.Pdf, site: Path) -> None:
    with book.open_outline() as outline:
        found = [(level, squeezed(item.title)) for level, item in bookmarks(outline.root)]
    titles = {title for _, title in found}
    top = min(level for level, _ in found)
    chapters = [heading for name in documents()[1:] for heading in headings(site, name, 1)]
    assert len(chapters) == len(documents()) - 1
    first = [title for level, title in found if level == top]
    assert [t for t in first if t in map(squeezed, chapters)] == [squeezed(c) for c in chapters]
    assert "Solutions" in first
    sections = [heading for name in documents() for heading in headings(site, name, 2)]
    assert len(sections) > 100
    assert [heading for heading in sections if squeezed(heading) not in titles] == []


def test_every_font_is_in_the_pdf(book: pikepdf.Pdf) -> None:
    """Chromium writes a variable font as drawings of its letters, another one as a file."""
    fonts = [thing for thing in book.objects if isinstance(thing, pikepdf.Dictionary)
             and thing.get("/Type") == "/Font"]  # fmt: skip
    names = set()
    for font in fonts:
        if font.Subtype == "/Type0":
            continue  # it names another that stands in the list, too
        described = font.get("/FontDescriptor", {})
        names.add(str(described.get("/FontName", font.get("/Name", ""))))
        files = ("/FontFile", "/FontFile2", "/FontFile3")
        assert "/CharProcs" in font or any(file in described for file in files), font.get(
            "/BaseFont"
        )
    for family in ("SourceSerif4", "SourceSans3", "SourceCodePro", "STIXTwoMath"):
        assert any(family in name for name in names), family


def test_the_contents_name_the_right_pages(text: list[list[Word]], book: pikepdf.Pdf) -> None:
    """What a line of the contents calls is on the page that it names."""
    targets = tool.places(book)
    lines = 0
    for page in book.pages[1:12]:
        for link in page.get("/Annots", []):
            name = str(link.get("/Dest", "")).removeprefix("/")
            if not name:
                continue
            left, low, right, high = (float(side) for side in link.Rect)
            box = [word for word in text[page.index]
                   if low - 2 < HEIGHT - (word[1] + word[3]) / 2 < high + 2]  # fmt: skip
            if not box or not box[-1][4].isdigit() or right - left < 400:
                continue
            assert int(box[-1][4]) == targets[name]
            title = squeezed("".join(word[4] for word in box[:-1]))
            assert len(title) > 1, "a letter of the index"
            assert title in squeezed(plain(text[targets[name] - 1])), title
            lines += 1
    assert lines > 100


def test_links_lead_into_the_pdf_or_to_the_web(book: pikepdf.Pdf) -> None:
    targets = tool.places(book)
    inside = 0
    for page in book.pages:
        for link in page.get("/Annots", []):
            address = str(link.get("/A", {}).get("/URI", ""))
            if address:
                assert address.startswith("http") and "127.0.0.1" not in address, address
            else:
                assert str(link.Dest).removeprefix("/") in targets
                inside += 1
    assert inside > 1000


def test_no_text_leaves_the_page(text: list[list[Word]]) -> None:
    """Strips of frames, too, leave 10 mm at each side (test_print.py looks at the rest)."""
    outside = [(number, word[4]) for number, page in enumerate(text, start=1) for word in page
               if word[0] < MARGIN or word[2] > WIDTH - MARGIN]  # fmt: skip
    assert outside == []


def test_no_heading_is_the_last_of_its_page(text: list[list[Word]], book: pikepdf.Pdf) -> None:
    numbers = {page.objgen: k for k, page in enumerate(book.pages)}
    with book.open_outline() as outline:
        for _, item in bookmarks(outline.root):
            target = item.destination
            place, top = numbers[target[0].objgen], HEIGHT - float(target[3])
            below = [word for word in text[place] if word[1] > top + 8 and word[3] < HEIGHT - 62]
            rest = squeezed("".join(word[4] for word in below)).removeprefix(squeezed(item.title))
            assert len(rest) > 20, f"{item.title} on page {place + 1}"


def test_a_listed_formula_stands_by_its_number(text: list[list[Word]], book: pikepdf.Pdf) -> None:
    """No page of the numbered equations ends with a number and its section's name."""
    start = tool.places(book)["equations"] - 1
    pages = [page for page in text[start : start + 20] if "Numberedequations" in plain(page[:9])]
    assert len(pages) > 5
    for page in pages:
        above = [word for word in page if word[3] < HEIGHT - 62]
        lowest = max(word[3] for word in above)
        line = [word[4] for word in above if word[3] > lowest - 6]
        assert not re.match(r"\(\d+\.\d+\)", line[0]), line


def test_lists_and_index_name_the_pages(text: list[list[Word]], book: pikepdf.Pdf) -> None:
    """On paper nobody can follow a link: what is listed has the page where it stands."""
    places = tool.places(book)
    pages = [plain(page) for page in text]
    lists = "".join(pages[places["lists"] - 1 : places["equations"] - 1])
    found = re.findall(
        r"((?:Theorem|Lemma|Proposition|Figure|Exercise)\d+\.\d+)\(p\.(\d+)\)", lists
    )
    assert len(found) > 150
    assert [(name, at) for name, at in found if name not in pages[int(at) - 1]] == []
    index = pages[places["genindex"] - 1]
    assert f"acceptancetest{places['glossary--term-acceptance-test']}" in index


def test_the_solutions_stand_at_the_end(text: list[list[Word]], book: pikepdf.Pdf) -> None:
    start = tool.places(book)["all-solutions"] - 1
    pages = [plain(page) for page in text]
    before, after = "".join(pages[:start]), "".join(pages[start:])
    solved = re.findall(r"SolutiontoExercise(\d+\.\d+)", after)
    assert len(solved) == len(re.findall(r"Solution,page\d+", before)) > 40
    assert [number for number in solved if f"Exercise{number}" not in before] == []
    assert "SolutiontoExercise" not in before


@pytest.mark.parametrize("name", [name for name in PAGES if name != "genindex.html"])
def test_the_download_button_has_a_pdf(name: str, site: Path, path: Path) -> None:
    """The theme gives the index, which has no source, no buttons."""
    written = (site / name).read_text("utf-8")
    assert "npg-print" not in written
    (link,) = re.findall(r'<a [^>]*href="([^"]*\.pdf)"[^>]* download>', written)
    with pikepdf.open((site / name).parent / link) as pdf:
        assert pdf.Root.MarkInfo.Marked and pdf.docinfo.Title
        if name not in (html(documents()[0]), *APPENDICES) and name in NOTEBOOK_PAGES:
            with pdf.open_outline() as outline:
                titles = [item.title for _, item in bookmarks(outline.root)]
            assert "Solutions" in titles


def test_without_chromium_only_optional_succeeds(
    monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    monkeypatch.setattr(tool.chromium, "program", lambda: None)
    for arguments, code in (([], 1), (["--optional"], 0)):
        monkeypatch.setattr("sys.argv", ["pdf", *arguments])
        assert tool.main() == code
