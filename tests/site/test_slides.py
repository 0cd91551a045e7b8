"""A deck of slides for each chapter, from the chapter's own page: whole, legible, alive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from tests.site.browser import AXE, Visit, unavailable
from tests.site.pages import APPENDICES, NOTEBOOK_PAGES, View, html
from tests.site.test_budget import MOST_BYTES, MOST_ELEMENTS, MOST_REQUESTS, MOST_SCRIPT, sizes
from tests.site.test_sliders import state, state_after
from tools.site import pdf, serve, slides, slides_pdf
from tools.site.chapter import Chapter, Missing
from tools.toc import documents

pytestmark = [pytest.mark.site, pytest.mark.browser]

CHAPTERS = [name for name in documents() if html(name) in NOTEBOOK_PAGES
            and html(name) not in (*APPENDICES, html(documents()[0]))]  # fmt: skip
NUMBERS = [Path(name).name.partition("_")[0] for name in CHAPTERS]
DECKS = [View(f"slides/{number}.html") for number in NUMBERS]
DARK = [View(deck.name, "dark") for deck in DECKS]
FEWEST, MOST = 10, 16
MOST_POINTS = 3
FEWEST_WORDS = 8

PAGE = """<title>7. A chapter &#8212; The book</title>
<link rel="stylesheet" href="../_static/book.css?v=1"/>
<article>
<h1>A chapter</h1>
<p>Let <math><semantics><mi>x</mi><annotation encoding="a">x^2 </annotation></semantics></math>.</p>
<div class="math" id="equation-eq-one"><math display="block"><mi>y</mi></math>
<span class="eqno">(7.1)<a class="headerlink" href="#equation-eq-one">#</a></span></div>
<figure id="fig-one"><svg viewBox="0 0 10 10"><linearGradient id="a"/></svg>
<figcaption><p><span class="caption-number">Figure 7.2 </span>Long.</p></figcaption></figure>
<div class="cell docutils container"><div class="cell_input">code</div></div>
</article>"""
NOTED = "\n\nNote:\n\nSay this.\n"


@pytest.fixture
def chapter() -> Chapter:
    return Chapter("07_name", PAGE, ["c1"])


def test_every_chapter_has_a_deck_of_its_own(site: Path) -> None:
    """Its outline, its page, and a link from the page for teachers."""
    assert [deck for deck, _ in slides.decks()] == NUMBERS
    teachers = (site / "book" / "for_teachers.html").read_text("utf-8")
    assert re.findall(r'href="\.\./slides/(\d+)\.html"', teachers) == NUMBERS
    assert [n for n in NUMBERS if not (site / "slides" / f"{n}.html").is_file()] == []


def test_what_a_slide_shows_is_the_chapters_own(chapter: Chapter) -> None:
    """SVG keeps its case, links lead to the chapter, and a formula is found by its TeX."""
    text = "Why?" + NOTED + "## A title\n\n![](#fig-one)\n\n- See [](#eq-one): $x^2$" + NOTED
    first, second = slides.Deck(chapter, text).slides
    assert "7. A chapter" in first and "Why?" in first and "Say this." in first
    assert "<linearGradient" in second and "Long." not in second
    assert '<a href="../book/07_name.html#equation-eq-one">(7.1)</a>' in second
    assert '<a href="../book/07_name.html#fig-one">Figure 7.2</a>' in second
    assert "<mi>x</mi>" in second
    assert "headerlink" not in chapter.shown("eq-one")
    assert "code" in chapter.shown("c1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("![](#eq-two)" + NOTED, "nothing with the label eq-two"),
        ("See [](#fig-two)." + NOTED, "nothing with the label fig-two"),
        ("$x^3$" + NOTED, "no formula x^3"),
        ("No word for the speaker.", "no notes"),
    ],
)
def test_what_the_chapter_lacks_stops_the_build(chapter: Chapter, words: str, said: str) -> None:
    with pytest.raises(Missing, match=re.escape(said)):
        slides.Deck(chapter, "Why?" + NOTED + "## A title\n\n" + words)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_deck_fills_a_lecture(site: Path, number: str) -> None:
    """Ten to sixteen slides of few own words, each with notes; an exercise and the summary."""
    outline = (slides.OUTLINES / f"{number}.md").read_text("utf-8")
    page = (site / "slides" / f"{number}.html").read_text("utf-8")
    parts = re.split(r"^## .*$", outline, flags=re.MULTILINE)
    assert FEWEST <= len(parts) == page.count("<section>") <= MOST
    assert len(re.findall(r'<aside class="notes">', page)) == len(parts)
    for part in parts:
        shown, _, notes = part.partition("Note:")
        assert len(re.findall(r"^- ", shown, re.MULTILINE)) <= MOST_POINTS
        assert len(notes.split()) >= FEWEST_WORDS
    assert "#ex-" in parts[-2] and "#summary" in parts[-1]


def each_slide(page: Any) -> Iterator[Any]:
    """The slides one after the other, each while it is shown."""
    page.wait_for_selector(".reveal.ready")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    for number in range(page.locator(".slides > section").count()):
        if number:
            page.keyboard.press("PageDown")
        slide = page.locator(f".slides > section:nth-child({number + 1}).present")
        slide.wait_for()
        yield slide


# What sticks out of the slide or out of its own box, and pictures that are left too small.
UNFIT = """slide => {
  const room = slide.getBoundingClientRect(), scale = room.width / 1280, found = [];
  const article = slide.querySelector("article");
  const end = article.getBoundingClientRect().bottom;
  for (const e of article.querySelectorAll("*")) {
    if (e.closest("svg, math *, .visually-hidden") || !e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    const beside = box.right > room.right + 2 || box.left < room.left - 2;
    if (box.width && (beside || box.bottom > end + 2))
      found.push(`${e.tagName} ${e.className} leaves the slide`);
    if (e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).overflowX !== "visible")
      found.push(`${e.tagName} ${e.className} is cut`);
  }
  for (const picture of article.querySelectorAll("svg.npg-figure"))
    if (picture.getBoundingClientRect().height < 240 * scale) found.push("a picture is too small");
  return found;
}"""


@pytest.mark.parametrize("seen", [*DECKS, *DARK], ids=str, indirect=True)
def test_every_slide_holds_what_is_on_it(seen: Visit) -> None:
    found = {
        slide.locator("h1, h2").inner_text(): unfit
        for slide in each_slide(seen.page)
        if (unfit := slide.evaluate(UNFIT))
    }
    assert found == {}
    assert seen.errors == [] and seen.foreign == [] and seen.failed == []


@pytest.mark.parametrize("seen", DECKS, ids=str, indirect=True)
def test_a_deck_is_as_light_as_a_page(seen: Visit, site: Path) -> None:
    found = sizes(site, seen.page)
    assert sum(found.values()) <= MOST_BYTES
    assert sum(size for name, size in found.items() if name.endswith(".js")) <= MOST_SCRIPT
    assert len(found) <= MOST_REQUESTS
    assert seen.page.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS


@pytest.mark.parametrize("seen", DECKS, ids=str, indirect=True)
def test_a_deck_has_a_slider_that_moves(seen: Visit) -> None:
    """By its keys, while the slide stays; a remote control's key still turns the slide."""
    moved = 0
    for slide in each_slide(seen.page):
        dials = slide.locator(".npg-dials :is(input, select)")
        for dial in dials.all():
            before = state(dial)
            dial.press("ArrowDown" if before[0] == dial.evaluate("e => e.max ?? ''") else "ArrowUp")
            if dial.input_value() == before[0]:
                dial.press("ArrowDown")
            after = state_after(dial, before)
            assert after[0] != before[0] and after[1] != before[1]
            assert slide.evaluate("e => e.classList.contains('present')")
            moved += 1
    assert moved > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("number", NUMBERS)
def test_no_serious_finding_on_any_slide(visit: Any, number: str, theme: str) -> None:
    """All slides of a deck stand below one another in the layout for paper."""
    if not AXE.is_file():
        unavailable("axe-core is missing: run `python -m tools.site.vendor`")
    with visit(View(f"slides/{number}.html?view=print", theme)) as seen:
        seen.page.wait_for_selector(".pdf-page")
        seen.page.wait_for_selector(".pdf-page section[hidden]", state="detached")
        seen.page.evaluate(AXE.read_text("utf-8"))
        result = seen.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (found["id"], node["html"][:200])
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
    assert serious == []


def test_the_speakers_window_has_the_notes_and_follows(visit: Any) -> None:
    """What is turned or moved in one of the two windows is turned or moved in the other."""
    with visit(View("slides/05.html")) as seen:
        seen.page.wait_for_selector(".reveal.ready")
        with seen.page.context.expect_page() as opened:
            seen.page.keyboard.press("s")
        speaker = opened.value
        speaker.wait_for_selector(".reveal.ready")
        assert "chapter 3" in speaker.locator(".speaker-notes").inner_text()
        assert not seen.page.locator(".speaker-notes").is_visible()
        slider = ".slides > section.present .npg-dials input"
        while not speaker.locator(slider).count():
            speaker.keyboard.press("PageDown")
        shown = seen.page.locator(slider).first
        shown.wait_for()
        before = state(shown)
        speaker.locator(slider).first.press("ArrowRight")
        assert state_after(shown, before)[1] != before[1]
        speaker.locator(slider).first.press("PageDown")
        shown.wait_for(state="hidden")
        assert seen.errors == []


def test_a_printed_deck_has_a_page_for_each_slide(chromium: Any, address: str, site: Path,
                                                  tmp_path: Path) -> None:  # fmt: skip
    """With notes two, and each slide among the bookmarks."""
    page = (site / "slides" / "05.html").read_text("utf-8")
    for notes, share in ((False, 1), (True, 2)):
        path = tmp_path / f"{notes}.pdf"
        slides_pdf.print_deck(chromium, f"{address}slides/05.html", path, notes)
        with pikepdf.open(path) as printed, printed.open_outline() as outline:
            assert len(printed.pages) == share * page.count("<section>")
            assert printed.Root.MarkInfo.Marked
            titles = {item.title for top in outline.root for item in (top, *top.children)}
            assert {"5. The natural gradient", "Nine steps", "Summary"} <= titles
            links = [note for sheet in printed.pages for note in sheet.get("/Annots", [])]
            assert links == []


def test_a_folded_cell_that_prints_nothing_shows_its_code() -> None:
    """A folded cell is unfolded on a slide; only a long one that prints shows its output alone."""
    fold = "<details><summary>Show</summary>{}</details>"
    code = '<div class="cell_input"><pre>{}</pre></div>'
    output = '<div class="cell_output"><pre>printed</pre></div>'
    short, long = code.format("x = 1"), code.format("x = 1\n" * 20)
    cells = [fold.format(short), fold.format(short) + output, long, fold.format(long) + output]
    html = "".join(f'<div class="cell docutils">{inside}</div>' for inside in cells)
    page = Chapter("05", f"<article>{html}</article>", ["a", "b", "c", "d"])
    told = [page.shown(name) for name in "abcd"]
    assert ["x = 1" in one for one in told] == [True, True, True, False]
    assert ["printed" in one for one in told] == [False, True, False, True]
    assert not any("<details" in one for one in told)


def test_the_page_for_teachers_gets_the_pdfs_once() -> None:
    html = '<li><a href="../slides/05.html">5. Name</a></li>'
    offered = slides_pdf.offer(html, "05")
    assert offered.index("5. Name") < offered.index("../slides/05.pdf")
    assert slides_pdf.offer(offered, "05") == offered


def test_without_chromium_slides_are_printed_only_if_optional(
    monkeypatch: pytest.MonkeyPatch, site: Path
) -> None:
    monkeypatch.setattr(pdf.chromium, "program", lambda: None)
    assert (serve.SITE / slides_pdf.LIST).is_file()
    for arguments, code in (([], 1), (["--optional"], 0)):
        monkeypatch.setattr("sys.argv", ["slides_pdf", *arguments])
        assert slides_pdf.main() == code
