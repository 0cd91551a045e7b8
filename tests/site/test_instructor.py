"""The instructor's pages are built by themselves, point into the book, and stay out of the site."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.site.pages import html
from tools.site import instructor
from tools.toc import ROOT, documents

ANSWERS = ("*Answer.*", "<em>Answer.</em>")
EXAMS = sorted((ROOT / "course" / "instructor" / "exam").glob("*.md"))


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(scope="module")
def pages(site: Path) -> Path:
    assert instructor.build() == 0
    return instructor.HTML


def test_every_page_is_built(pages: Path) -> None:
    """A page for each Markdown file of the course that is for people."""
    course = ROOT / "course"
    named = {path.relative_to(course).with_suffix(".html") for path in instructor.sources()}
    assert {path for path in named if not (pages / path).is_file()} == set()


def test_the_exams_show_their_answers(pages: Path) -> None:
    """What the published site is searched for stands in these pages."""
    for path in EXAMS:
        text = (pages / "instructor" / "exam" / f"{path.stem}.html").read_text("utf-8")
        assert text.count(ANSWERS[1]) >= 3
        assert path.read_text("utf-8").splitlines()[0].removeprefix("# ") in text


def test_an_exam_is_printed_without_its_answers(pages: Path, chromium: Any) -> None:
    """On paper the questions are there, and neither an answer nor what checks it."""
    page = chromium.new_page()
    for path in EXAMS:
        page.goto((pages / "instructor" / "exam" / f"{path.stem}.html").as_uri())
        on_screen = page.inner_text("body")
        page.emulate_media(media="print")
        on_paper = page.inner_text("body")
        page.emulate_media(media="screen")
        assert on_screen.count("Answer.") == on_screen.count(" points)") >= 3
        assert on_paper.count(" points)") == on_screen.count(" points)")
        assert "Answer." not in on_paper
        assert "print(" not in on_paper
    page.close()


def test_links_into_the_book_arrive(pages: Path) -> None:
    """Each leads to a place that the built book has, and shows its number."""
    seen = 0
    for path in sorted(pages.rglob("*.html")):
        text = path.read_text("utf-8")
        for href in Links(text).found:
            address, _, anchor = href.partition("#")
            if "html/book/" in address:
                target = (path.parent / address).resolve()
                assert f'id="{anchor}"' in target.read_text("utf-8")
                seen += 1
        assert not instructor.LABEL.search(re.sub(r"<[^>]+>", "`", text))
    assert seen > 50


def test_nothing_is_fetched_from_elsewhere(pages: Path) -> None:
    """Scripts, styles and pictures are the pages' own."""
    for path in sorted(pages.rglob("*.html")):
        for address in re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"',
                                  path.read_text("utf-8")):  # fmt: skip
            assert not re.match(r"(?:https?:)?//", address)


def test_a_label_that_is_gone_stops_the_build(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that names a figure which the book does not have is an error."""
    (tmp_path / "README.md").write_text("# A page\n\nSee `fig-nowhere`.\n", "utf-8")
    monkeypatch.setattr(instructor, "SOURCE", tmp_path)
    assert instructor.build(tmp_path / "out" / "html") != 0
    assert not (tmp_path / "out" / "html").exists()


def test_the_published_site_has_no_answers(site: Path) -> None:
    """No file of the site is the instructor's, and none shows an exam or an answer."""
    told = [
        path for path in site.rglob("*")
        if {"instructor", "exam", "plans"} & set(path.relative_to(site).parts)
    ]  # fmt: skip
    assert told == []
    heads = [path.read_text("utf-8").splitlines()[0].removeprefix("# ") for path in EXAMS]
    shown = [site / html(name) for name in documents()]
    shown += [site / "searchindex.js", *(site / "_sources").rglob("*.*")]
    for path in (path for path in shown if path.is_file()):
        text = path.read_text("utf-8", errors="replace")
        assert [mark for mark in (*heads, *ANSWERS) if mark in text] == []


def test_the_course_s_map_is_the_book_s(site: Path) -> None:
    """The README has the front page's chapters, what they build on, and their minutes."""
    text = unescape((site / "book" / "index.html").read_text("utf-8"))
    drawn = re.findall(
        r"read (\d+) min, do (\d+) min(?:; builds on\s([\d,\s]+))?", text[text.index("npg-map") :]
    )
    readme = (ROOT / "course" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \d+\. [^|]+\| ([\d, ]*)\| (\d+) \| (\d+) \|$", readme, re.M)
    assert [(read, do, needs.split()) for read, do, needs in drawn] == [
        (read, do, needs.split()) for needs, read, do in rows
    ]
