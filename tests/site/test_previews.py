"""A reference shows what it refers to while it is pointed at or in the focus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import AXE, Visit, unavailable
from tests.site.pages import View

pytestmark = [pytest.mark.site, pytest.mark.browser]

CHAPTER = "book/05_natural_gradient.html"
THEOREM = "article a.internal[href='#thm-natural-step']"
PREVIEW = ".npg-preview:popover-open"
AWAY = (3, 3)

# Page, link, and words of what it leads to.
REFERENCES = [
    ("book/05_natural_gradient.html", "a[href='#thm-natural-step']", "Theorem 5.1"),
    ("book/05_natural_gradient.html", "a[href='#equation-eq-natural-problem']", "(5.1)"),
    ("book/05_natural_gradient.html", "a.internal[href^='#fig-']", "Figure 5."),
    ("book/05_natural_gradient.html", "a.internal[href^='#ex-']", "Exercise 5."),
    ("book/05_natural_gradient.html", "a[href^='references.html#']", "Boyd"),
    ("book/05_natural_gradient.html", "a[href^='02_euclidean_step.html#prop']", "Proposition 2."),
    ("book/05_natural_gradient.html", "a[href^='04_fisher.html#equation']", "(4."),
    ("book/05_natural_gradient.html", "a[href='notation.html#symbol-epsilon']", "The bound on"),
    ("book/03_kl_step.html", "a[href='#sec-existence-proof']", "existence theorem proved"),
    ("book/api.html", "a.internal[href='#npgkit.MDP']", "finite discounted"),
    ("book/evidence.html", "a[href$='#thm-policy-gradient']", "Theorem 1.3"),
]


@pytest.fixture
def chapter(visit: Callable[[View], Any]) -> Iterator[Visit]:
    with visit(View(CHAPTER)) as seen:
        yield seen


def pointed(page: Any, selector: str) -> Any:
    """The first such link, under the pointer."""
    link = page.locator(selector).first
    link.scroll_into_view_if_needed()
    link.hover()
    return link


@pytest.mark.parametrize("name, link, words", REFERENCES)
def test_a_reference_shows_what_it_refers_to(visit: Any, name: str, link: str, words: str) -> None:
    """The preview has the words of the target, fits the window and brings no id twice."""
    with visit(View(name)) as seen:
        pointed(seen.page, f"article {link}:not(.headerlink)")
        seen.page.wait_for_selector(PREVIEW)
        assert words in seen.page.locator(PREVIEW).inner_text()
        box = seen.page.locator(PREVIEW).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
        ids = seen.page.evaluate("Array.from(document.querySelectorAll('[id]'), e => e.id)")
        assert len(ids) == len(set(ids))
        assert seen.errors == [] and seen.foreign == [] and seen.failed == []


def test_a_preview_stays_under_the_pointer_and_goes_after(chapter: Visit) -> None:
    """WCAG 1.4.13: the pointer can move into the preview, and away from it."""
    page = chapter.page
    pointed(page, THEOREM)
    box = page.wait_for_selector(PREVIEW).bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 30, steps=5)
    page.wait_for_timeout(600)
    assert page.locator(PREVIEW).count() == 1
    page.mouse.move(*AWAY)
    page.wait_for_selector(PREVIEW, state="detached")


def test_a_letter_of_two_meanings_is_not_explained(site: Path) -> None:
    """Damping is not what lambda means in chapter 10; each symbol is explained once a chapter."""
    for number, explained in (("05_natural_gradient", True), ("10_sampling", False)):
        text = (site / "book" / f"{number}.html").read_text("utf-8")
        links = re.findall(r'href="notation\.html#(symbol-[\w-]*)"', text)
        assert len(links) == len(set(links)) >= 5
        assert ("symbol-lambda" in links) is explained


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("08_conjugate_gradient", "a"),
        ("08_conjugate_gradient", r"\rho"),
        ("11_noise", "a"),
    ],
)
def test_a_letter_with_a_meaning_of_its_chapter_is_no_link(
    site: Path, name: str, letter: str
) -> None:
    """What the chapter means by it is not what the notation says of it elsewhere."""
    text = (site / "book" / f"{name}.html").read_text("utf-8")
    links = re.findall(r'class="npg-symbol[^"]*".*?<annotation[^>]*>([^<]*)<', text)
    assert len(links) >= 5
    assert letter not in links


def test_proofs_and_exercises_keep_their_own_letters(chapter: Visit) -> None:
    """No letter of a proof, an exercise or a solution is explained by the notation."""
    assert chapter.page.locator("article .npg-symbol").count() > 0
    boxes = "article :is(.proof, .exercise, .solution) .npg-symbol"
    assert chapter.page.locator(boxes).count() == 0


@contextmanager
def focused(page: Any) -> Iterator[Any]:
    """The link to the theorem, reached with the tab key."""
    link = page.locator(THEOREM).first
    link.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.wait_for_selector(PREVIEW)
    yield link


def test_the_focus_opens_a_preview_and_escape_closes_it(chapter: Visit) -> None:
    """The preview describes the link while it is open; the focus stays where it is."""
    with focused(chapter.page) as link:
        assert link.get_attribute("aria-describedby") == "npg-preview"
        assert chapter.page.locator(PREVIEW).get_attribute("role") == "tooltip"
        chapter.page.keyboard.press("Escape")
        assert chapter.page.locator(PREVIEW).count() == 0
        assert link.get_attribute("aria-describedby") is None
        assert link.evaluate("e => e === document.activeElement")


def test_a_preview_goes_with_the_focus(chapter: Visit) -> None:
    with focused(chapter.page):
        chapter.page.keyboard.press("Tab")
        chapter.page.wait_for_timeout(100)
        described = chapter.page.locator("[aria-describedby=npg-preview]")
        assert described.count() == 0


def test_an_open_preview_has_no_serious_finding(chapter: Visit) -> None:
    if not AXE.is_file():
        unavailable("axe-core is missing: run `python -m tools.site.vendor`")
    with focused(chapter.page):
        chapter.page.evaluate(AXE.read_text("utf-8"))
        found = chapter.page.evaluate("axe.run('article', {resultTypes: ['violations']})")
        assert [
            v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")
        ] == []


def test_a_finger_opens_no_preview(chapter: Visit) -> None:
    touch = "new PointerEvent('pointerover', {pointerType: 'touch', bubbles: true})"
    chapter.page.locator(THEOREM).first.evaluate(f"e => e.dispatchEvent({touch})")
    chapter.page.wait_for_timeout(600)
    assert chapter.page.locator(PREVIEW).count() == 0


def test_a_page_is_fetched_once_and_not_before_it_is_wanted(chapter: Visit) -> None:
    """Pages that references lead to cost nothing until a reference is pointed at."""
    asked: list[str] = []
    chapter.page.on("request", lambda request: asked.append(request.url))
    for _ in range(2):
        pointed(chapter.page, "article a[href^='references.html#']")
        chapter.page.wait_for_selector(PREVIEW)
        chapter.page.mouse.move(*AWAY)
        chapter.page.wait_for_selector(PREVIEW, state="detached")
    assert [address.rpartition("/")[2] for address in asked] == ["references.html"]
    resources = "performance.getEntriesByType('resource').map(e => e.name)"
    assert sum(name.endswith(".html") for name in chapter.page.evaluate(resources)) == 1


def test_from_a_file_the_page_previews_what_is_on_it(chromium: Any, site: Path) -> None:
    """Without a server other pages cannot be read: references to them show nothing."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    try:
        page.goto((site / CHAPTER).as_uri())
        pointed(page, "article a[href^='references.html#']")
        page.wait_for_timeout(600)
        assert page.locator(PREVIEW).count() == 0
        pointed(page, THEOREM)
        page.wait_for_selector(PREVIEW)
        assert broken == []
    finally:
        context.close()
