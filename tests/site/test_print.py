"""A page on paper: dark on light from any theme, sliders as strips, solutions after the text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.site.browser import Visit
from tests.site.pages import APPENDICES, NOTEBOOK_PAGES, PAGES, html, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

DARK = views(PAGES, "dark")
FRONT = html("book/index")
CHAPTERS = views([name for name in NOTEBOOK_PAGES if name not in (*APPENDICES, FRONT)])
SHEETS = views(PAGES, width=703)  # A4 less 12 mm at each side
PAPER = 1.0  # the luminance of white

# Text that a page can hold, and where it stands.
KINDS = {
    "paragraph": "article p",
    "heading": "article h2",
    "code": "article div.cell_input pre span",
    "what code printed": "article div.cell_output pre",
    "code in a line": "article code.literal",
    "figure": "article svg.npg-figure text",
    "caption": "article figcaption",
    "slider": "article .npg-dials label",
    "table": "article table td",
    "theorem": "article div.theorem",
    "proof": "article div.npg-proof",
    "note": "article div.note, article div.admonition",
    "exercise": "article div.exercise",
    "solution": "article div.solution",
    "link": "article a.reference",
    "formula": "article math",
    "evidence": "article table.npg-evidence th",
}

# Each element with text of its own: what it says, its colour's luminance, and the luminance of
# the grounds that lie under it.
TEXTS = """() => {
  const rgba = c => { const m = c.match(/[\\d.]+/g).map(Number);
                      return [...m.slice(0, 3), m.length > 3 ? m[3] : 1] };
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928
    ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126*r + .7152*g + .0722*b };
  const grounds = e => { const found = [];
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] > 0) found.push(light(c)) } return found };
  const own = e => Array.from(e.childNodes).some(n => n.nodeType === 3 && n.data.trim());
  const formula = 'math mi, math mo, math mn', drawn = 'svg text, svg tspan';
  return Array.from(document.querySelectorAll('article *'))
    .filter(e => !e.closest('script, style, annotation, .visually-hidden')
      && (own(e) || e.matches(formula)) && e.checkVisibility())
    .map(e => { const s = getComputedStyle(e), c = rgba(e.matches(drawn) ? s.fill : s.color);
      return { text: (e.textContent.trim() || e.tagName).slice(0, 40), of: e.outerHTML.slice(0, 99),
               colour: c[3] > 0 ? light(c) : null, drawn: e.matches(drawn),
               grounds: grounds(e) } });
}"""


def contrast(a: float, b: float) -> float:
    bright, dim = max(a, b), min(a, b)
    return (bright + 0.05) / (dim + 0.05)


@contextmanager
def on_paper(page: Any) -> Iterator[None]:
    """What the browser does before and after it prints the page."""
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    yield
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")


@pytest.mark.parametrize("seen", DARK, ids=str, indirect=True)
def test_a_dark_page_is_printed_dark_on_light(seen: Visit) -> None:
    """All text stands out from white paper by 4.5:1, in figures by 3:1, and no ground is dark."""
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    with on_paper(seen.page):
        texts = seen.page.evaluate(TEXTS)
    assert texts
    faint = [t for t in texts if t["colour"] is not None
             and contrast(t["colour"], PAPER) < (3.0 if t["drawn"] else 4.5)]  # fmt: skip
    assert faint == []
    assert [t for t in texts if min(t["grounds"], default=PAPER) < 0.7] == []


def test_every_kind_of_text_is_among_what_was_looked_at(visit: Any) -> None:
    missing = set(KINDS)
    for view in DARK:
        with visit(view) as seen:
            missing -= {kind for kind in missing if seen.page.locator(KINDS[kind]).count()}
        if not missing:
            break
    assert missing == set()


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_a_page_is_after_printing_as_it_was(seen: Visit) -> None:
    # The theme gives code that is folded away a tabindex of -1 when the window's size has changed,
    # some time after; it means nothing to a reader.
    whole = """() => document.documentElement.dataset.theme + document.head.outerHTML
      + document.querySelector("article").outerHTML.replaceAll(' tabindex="-1"', "")"""
    before = seen.page.evaluate(whole)
    with on_paper(seen.page):
        assert seen.page.evaluate(whole) != before
    assert seen.page.evaluate(whole) == before


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_a_slider_is_a_strip_on_paper(seen: Visit) -> None:
    """Three or four frames (two, if there are no more), each with its values, and a caption."""
    with on_paper(seen.page):
        for box in seen.page.locator("article .npg-explore").all():
            items = box.locator(".npg-strip > div").all()
            assert 2 <= len(items) <= 4
            words = [item.evaluate("e => e.lastChild.textContent") for item in items]
            assert len(set(words)) == len(words) and all(words)
            assert all(item.locator("svg").first.is_visible() for item in items)
            assert not box.locator(".npg-dials, .npg-frame").filter(visible=True).count()
            assert box.locator("xpath=ancestor::figure//figcaption").count() == 1


# The clip paths that a strip's drawings name, and whether each is in the strip: one that is found
# first in a frame that paper does not show clips nothing.
CLIPS = """() => Array.from(document.querySelectorAll(".npg-strip [clip-path]")).map(e => {
  const name = e.getAttribute("clip-path").match(/#([^)]*)/)[1];
  return Boolean(document.getElementById(name)?.closest(".npg-strip"));
})"""

# The least size of the text in each figure, in points on paper.
LETTERS = """() => Array.from(document.querySelectorAll("figure svg"))
  .filter(svg => svg.checkVisibility() && svg.querySelector("text"))
  .map(svg => svg.getScreenCTM().a * 0.75 * Math.min(...Array.from(svg.querySelectorAll("text"),
    text => parseFloat(getComputedStyle(text).fontSize))))
"""


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_drawings_end_at_their_axes_on_paper(seen: Visit) -> None:
    with on_paper(seen.page):
        clips = seen.page.evaluate(CLIPS)
    assert clips or not seen.page.locator(".npg-explore").count()
    assert all(clips)


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_text_in_figures_has_six_points_on_paper(seen: Visit) -> None:
    seen.page.set_viewport_size({"width": 703, "height": 900})
    with on_paper(seen.page):
        sizes = seen.page.evaluate(LETTERS)
    assert sizes and min(sizes) >= 6


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_paper_does_not_say_what_is_not_answered(seen: Visit) -> None:
    said = seen.page.locator("article pre", has_text="not answered yet")
    assert said.count()
    with on_paper(seen.page):
        assert not said.filter(visible=True).count()


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_solutions_stand_after_the_text(seen: Visit) -> None:
    """Each exercise links to its solution, which links back; none stands in the text."""
    page = seen.page
    folded = page.locator("details.npg-solution").count()
    assert folded
    with on_paper(page):
        found = page.evaluate(
            """() => Array.from(document.querySelectorAll("article > .npg-solutions > .solution"))
              .map(solution => {
                const exercise = document.querySelector(
                  solution.querySelector(".admonition-title a").getAttribute("href"));
                const link = exercise.querySelector(".npg-to-solution a");
                return solution.checkVisibility() && link.checkVisibility()
                  && decodeURIComponent(link.hash.slice(1)) === solution.id;
              })"""
        )
        assert found == [True] * folded
        assert page.locator("article > :last-child.npg-solutions").count() == 1


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_paper_has_no_title_of_nothing(seen: Visit) -> None:
    """No list of the page, no button and no summary of folded code; one title of the chapter."""
    with on_paper(seen.page):
        for gone in ("#jb-print-docs-body", ".bd-sidebar-secondary", "summary p", ".copybtn"):
            assert not seen.page.locator(gone).filter(visible=True).count(), gone
        assert seen.page.locator("h1").filter(visible=True).count() == 1
        hidden = seen.page.locator(".solution div.cell_input").all()
        assert all(cell.is_visible() for cell in hidden)


BEYOND = """() => {
  const article = document.querySelector("article");
  const edge = article.getBoundingClientRect().right
    - parseFloat(getComputedStyle(article).paddingRight);
  return Array.from(article.querySelectorAll("*"))
    .filter(e => !e.closest("svg, .npg-strip, annotation, script") && e.checkVisibility()
      && e.getBoundingClientRect().right > edge + 1.5)
    .map(e => e.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("seen", SHEETS, ids=str, indirect=True)
def test_code_and_formulas_fit_on_the_sheet(seen: Visit) -> None:
    """At the width of A4 less its margins lines of code break and nothing is cut."""
    with on_paper(seen.page):
        assert seen.page.evaluate(BEYOND) == []
