"""Permalinks, the way back, the section marked, the citation and the page for a wrong address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.site.browser import ROOT, Visit
from tests.site.pages import NOTEBOOK_PAGES, PHONE, View
from tools import evidence

pytestmark = [pytest.mark.site, pytest.mark.browser]

CHAPTER = "book/05_natural_gradient.html"
CHAPTERS = [name for name in NOTEBOOK_PAGES if re.match(r"book/\d", name)]
THEOREM = "article a.internal[href='#thm-natural-step']"


@pytest.fixture
def chapter(visit: Callable[[View], Any]) -> Iterator[Visit]:
    with visit(View(CHAPTER)) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield seen


# Permalinks.

TARGETS = """() => Array.from(document.querySelectorAll(
  'article :is(h1, h2, h3), article figure, article .math[id], article .admonition.exercise,'
  + ' article .admonition:is(.theorem, .proposition, .lemma, .corollary, .definition)'))
  .filter(e => !e.querySelector('.headerlink')).map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_everything_with_an_address_shows_it(visit: Any, name: str) -> None:
    """Headings, boxes, figures and numbered equations each have a "#"."""
    with visit(View(name)) as seen:
        assert seen.page.evaluate(TARGETS) == []


@pytest.mark.parametrize("keyboard", [False, True])
@pytest.mark.parametrize(
    "place", ["thm-natural-step", "equation-eq-share", "fig-natural-question", "nine-steps"]
)
def test_a_permalink_is_copied(chapter: Visit, place: str, keyboard: bool) -> None:
    """By a click or a key; a status says so, and the page stays where it is."""
    link = chapter.page.locator(f"article .headerlink[href='#{place}']")
    link.scroll_into_view_if_needed()
    before = chapter.page.evaluate("scrollY")
    if keyboard:
        link.focus()
        assert link.is_visible()
        chapter.page.keyboard.press("Enter")
    else:
        link.locator("..").hover()
        link.click()
    chapter.page.wait_for_selector("[role=status]:has-text('Copied')")
    copied = chapter.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith(f"/{CHAPTER}#{place}")
    assert chapter.page.url == copied
    assert chapter.page.evaluate("scrollY") == before


def test_each_claim_and_its_tests_lead_to_each_other(site: Path) -> None:
    """A box links to its row on the evidence page, and the row to the box."""
    rows = (site / "book" / "evidence.html").read_text("utf-8")
    found = 0
    for name in CHAPTERS:
        text = (site / name).read_text("utf-8")
        for label in re.findall(r'href="evidence\.html#tests-of-([\w-]+)"', text):
            found += 1
            row = rows.partition(f'id="tests-of-{label}"')[2].partition("</tr>")[0]
            assert f'href="{Path(name).name}#{label}"' in row
    labels = {label for test in evidence.backings(ROOT) for label in test.labels}
    assert found == len(labels)


# Back.


@pytest.mark.parametrize("way", ["button", "browser"])
def test_back_leads_to_where_one_was(chapter: Visit, way: str) -> None:
    """After a reference on the page, place and focus return, by the button or the browser's."""
    page = chapter.page
    link = page.locator(THEOREM).first
    link.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    link.click()
    page.wait_for_selector(".npg-back")
    assert page.evaluate("scrollY") != before
    if way == "button":
        page.locator(".npg-back").click()
    else:
        page.go_back()
    page.wait_for_selector(".npg-back", state="detached")
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") == before
    assert link.evaluate("e => e === document.activeElement")
    assert page.url.endswith(CHAPTER)


@pytest.mark.parametrize("width", [1280, PHONE])
def test_back_covers_nothing_of_the_text(visit: Any, width: int) -> None:
    """The button stands in the bar above the text, beside the other buttons."""
    with visit(View(CHAPTER, width=width)) as seen:
        seen.page.locator(THEOREM).first.click()
        back = seen.page.locator(".bd-header-article .npg-back").bounding_box()
        bar = seen.page.locator(".bd-header-article").bounding_box()
        others = seen.page.locator(".header-article-items__end").bounding_box()
        assert back["y"] + back["height"] <= bar["y"] + bar["height"]
        assert back["x"] + back["width"] <= others["x"]


def test_back_counts_the_references_that_were_followed(chapter: Visit) -> None:
    """Two references take two steps back, and the browser's Forward counts the other way."""
    page = chapter.page
    page.locator(THEOREM).first.click()
    page.locator("article a.internal[href='#equation-eq-natural-problem']").first.click()
    page.wait_for_url("**#equation-eq-natural-problem")
    page.locator(".npg-back").click()
    page.wait_for_url("**#thm-natural-step")
    assert page.locator(".npg-back").is_visible()
    page.locator(".npg-back").click()
    page.wait_for_selector(".npg-back", state="detached")
    page.go_forward()
    page.wait_for_selector(".npg-back")


# On this page.

MARKED = "document.querySelector('nav.page-toc [aria-current]')?.hash ?? ''"
# What should be marked: the last section that has begun at the line where a jump puts a heading.
READ = """() => {
  const line = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop);
  return Array.from(document.querySelectorAll('nav.page-toc a')).map(a => a.hash)
    .filter(h => document.getElementById(h.slice(1)).getBoundingClientRect().top <= line + 16)
    .at(-1) ?? '' }"""


def test_a_jump_marks_the_section_that_it_leads_to(chapter: Visit) -> None:
    """Each entry marks itself; a link to a theorem marks the section around it."""
    page = chapter.page
    for hash_ in page.evaluate(
        "Array.from(document.querySelectorAll('nav.page-toc a'), a => a.hash)"
    ):
        page.locator(f"nav.page-toc a[href='{hash_}']").first.click()
        page.wait_for_timeout(120)
        assert page.evaluate(MARKED) == hash_
    page.evaluate("location.hash = '#thm-natural-step'")
    page.wait_for_timeout(120)
    assert page.evaluate(MARKED) == "#the-highest-point-of-an-ellipse"


def test_fast_scrolling_marks_the_section_that_is_read(chapter: Visit) -> None:
    page = chapter.page
    height = page.evaluate("document.documentElement.scrollHeight")
    marked = set()
    for part in (0.9, 0.1, 0.7, 0.35, 0.5, 0.02, 0.8, 0.25):
        page.evaluate("y => scrollTo({top: y, behavior: 'instant'})", part * height)
        page.wait_for_timeout(120)
        assert page.evaluate(MARKED) == page.evaluate(READ)
        marked.add(page.evaluate(MARKED))
    assert len(marked) > 4


# The citation.


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_says_how_to_cite_it(visit: Any, site: Path, name: str) -> None:
    facts = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["preferred-citation"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert str(facts["year"]) == config["copyright"] and facts["version"]
    with visit(View(name)) as seen:
        heading = seen.page.locator("article h1").evaluate("e => e.textContent").rstrip("#")
        number, _, title = heading.partition(". ")
        seen.page.locator("summary:has-text('Cite this chapter')").click()
        words, entry = seen.page.locator(".npg-cite pre").all_inner_texts()
        for text in (words, entry):
            assert all(str(facts[key]) in text for key in ("title", "version", "year"))
            assert title in text and number in text


def test_the_citation_is_copied_by_a_button(chapter: Visit) -> None:
    chapter.page.locator("summary:has-text('Cite this chapter')").click()
    chapter.page.locator(".npg-cite button").last.click()
    chapter.page.wait_for_selector("[role=status]:has-text('Copied')")
    assert chapter.page.evaluate("navigator.clipboard.readText()").startswith("@incollection{npg-")


# A wrong address.


@pytest.mark.parametrize("below", ["none.html", "book/none.html", "a/b/c/none"])
def test_a_wrong_address_leads_on_from_any_depth(chromium: Any, address: str, below: str) -> None:
    """The links and the search of the 404 page work, however deep the address was."""
    context = chromium.new_context()
    page = context.new_page()
    try:
        answer = page.goto(address + below)
        assert answer.status == 404
        page.wait_for_load_state("networkidle")
        links = page.evaluate("Array.from(document.querySelectorAll('nav a'), a => a.href)")
        assert f"{address}{CHAPTER}" in links
        assert all(context.request.get(link).ok for link in links)
        page.get_by_role("searchbox").fill("fisher")
        page.keyboard.press("Enter")
        page.wait_for_selector(".npg-results a")
        assert page.url == f"{address}search.html?q=fisher"
    finally:
        context.close()


def test_a_book_under_a_path_finds_its_own_root(chromium: Any, address: str) -> None:
    """Where the book is a folder of its host, the 404 page finds the folder."""
    context = chromium.new_context()
    page = context.new_page()
    missing = context.request.get(f"{address}404.html").text()

    def host(route: Any) -> None:
        found = route.request.url == f"{address}shelf/npg/search.html"
        route.fulfill(status=200 if found else 404, body=missing, content_type="text/html")

    page.route("**/*", host)
    try:
        page.goto(f"{address}shelf/npg/book/none.html")
        page.wait_for_selector("form[action*='/shelf/npg/search.html']")
        first = page.evaluate("document.querySelector('nav a').href")
        assert first == f"{address}shelf/npg/index.html"
    finally:
        context.close()


@pytest.mark.parametrize("width", [1280, PHONE])
def test_the_downloads_are_links_with_a_name(visit: Any, width: int) -> None:
    """They are on view in the page's head, not in a menu that needs a script."""
    with visit(View(CHAPTER, width=width)) as seen:
        links = seen.page.locator("a.npg-download").all()
        names = ["notebook", ".ipynb", ".pdf"]
        assert [link.inner_text() for link in links] in (names, names[:2])
        for link in links:
            assert link.is_visible()
            assert seen.page.request.get(link.evaluate("e => e.href")).ok
