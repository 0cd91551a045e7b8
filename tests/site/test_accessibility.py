"""axe-core finds nothing serious on any page; focus, reflow and motion are looked at by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.site.browser import AXE, Visit, settle, unavailable, unfold
from tests.site.pages import MADE, PAGES, PHONE, View, views
from tests.site.test_print import contrast

pytestmark = [pytest.mark.site, pytest.mark.browser]

LOOKED_AT = [*PAGES, *MADE]
BOTH_THEMES = views(LOOKED_AT, "light") + views(LOOKED_AT, "dark", PHONE)
NARROWEST = 320  # pixels: 1280 at a zoom of 400 %, what WCAG 1.4.10 asks of a page
CHAPTER = "book/05_natural_gradient.html"
FILM = "book/12_in_practice.html"
ZOO = "book/14_the_bug_zoo.html"


@pytest.mark.parametrize("seen", BOTH_THEMES, ids=str, indirect=True)
def test_no_serious_finding(seen: Visit) -> None:
    if not AXE.is_file():
        unavailable("axe-core is missing: run `python -m tools.site.vendor`")
    unfold(seen.page)
    seen.page.evaluate(AXE.read_text("utf-8"))  # a script tag would break the page's policy
    result = seen.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    assert result["testEngine"]["name"] == "axe-core"
    serious = [
        f"{found['impact']} {found['id']}\n    {node['html'][:300]}\n    {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"][:3]
    ]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("seen", views(LOOKED_AT, width=NARROWEST), ids=str, indirect=True)
def test_a_page_does_not_widen_at_320_pixels(seen: Visit) -> None:
    """Folded parts included, a page is read without scrolling sideways."""
    unfold(seen.page)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= NARROWEST


FOCUSED = """() => {
  const e = document.activeElement, look = getComputedStyle(e);
  return {what: e.outerHTML.slice(0, 120), stop: e !== document.body,
          ring: look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) >= 2};
}"""


@pytest.mark.parametrize("forced", ["none", "active"])
@pytest.mark.parametrize("width", [1280, PHONE])
def test_whatever_has_the_focus_shows_it(visit: Any, width: int, forced: str) -> None:
    """Eighty steps of the Tab key each draw a ring, in forced colours too."""
    with visit(View(CHAPTER, width=width)) as seen:
        seen.page.emulate_media(forced_colors=forced)
        steps = []
        for _ in range(80):
            seen.page.keyboard.press("Tab")
            steps.append(seen.page.evaluate(FOCUSED))
    assert sum(step["stop"] for step in steps) > 60
    assert [step["what"] for step in steps if step["stop"] and not step["ring"]] == []


def test_a_slider_keeps_its_track_in_forced_colours(visit: Any) -> None:
    """The browser draws the whole slider itself, and may use the reader's colours for it."""
    with visit(View(CHAPTER)) as seen:
        seen.page.emulate_media(forced_colors="active")
        dial = seen.page.locator("article input[type=range]").first
        assert dial.evaluate("e => getComputedStyle(e).appearance") == "auto"
        assert dial.evaluate("e => getComputedStyle(e).forcedColorAdjust") == "auto"


RUNNING = """() => document.getAnimations().filter(a =>
  a.effect.target.closest('.npg-drawing') && a.playState === 'running').length"""


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_film_can_be_paused_and_respects_the_reader(visit: Any, motion: str) -> None:
    """What moves by itself has a box that stops it, and does not move for who asked for rest."""
    with visit(View(FILM)) as seen:
        seen.page.emulate_media(reduced_motion=motion)
        settle(seen.page)
        box = seen.page.get_by_role("checkbox", name="Pause")
        if motion == "reduce":
            assert box.count() == 0
            assert seen.page.evaluate(RUNNING) == 0
            return
        assert seen.page.evaluate(RUNNING) > 0
        box.check()
        assert seen.page.evaluate(RUNNING) == 0
        box.uncheck()
        assert seen.page.evaluate(RUNNING) > 0


@pytest.mark.parametrize(
    ("name", "formula"), [(CHAPTER, ".npg-formula"), ("book/cheat_sheet.html", ".npg-cheat .math")]
)
def test_what_scrolls_fades_out_at_its_edge(visit: Any, name: str, formula: str) -> None:
    """A formula that is wider than a telephone shows that it goes on, and its end can be read."""
    with visit(View(name, width=PHONE)) as seen:
        wide = seen.page.locator(f"article {formula}[role=group]")
        assert wide.count() > 0
        assert "gradient" in wide.first.evaluate("e => getComputedStyle(e).maskImage")
        end = """e => { e.scrollLeft = e.scrollWidth;
          return e.getBoundingClientRect().right
            - e.querySelector('math').getBoundingClientRect().right }"""
        assert wide.first.evaluate(end) >= 24


# The lines of all changes that are shown: sign, kind, edge, and the luminances of what is seen.
CHANGED = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => (v /= 255) <= .03928
    ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126*r + .7152*g + .0722*b };
  return Array.from(document.querySelectorAll("article .highlight-diff :is(.gd, .gi)"), e => {
    const look = getComputedStyle(e), around = getComputedStyle(e.closest("pre"));
    return {sign: e.textContent[0], kind: e.className, style: look.borderLeftStyle,
            text: light(look.color), edge: light(look.borderLeftColor),
            ground: light(look.backgroundColor), around: light(around.backgroundColor)} });
}"""


@pytest.mark.parametrize(
    "seen", views([ZOO], "light") + views([ZOO], "dark", PHONE), ids=str, indirect=True
)
def test_a_change_is_told_by_more_than_colour(seen: Visit) -> None:
    """A line that goes and one that comes differ in sign and edge, and both stand out."""
    lines = seen.page.evaluate(CHANGED)
    assert len(lines) > 24
    assert {(line["sign"], line["kind"]) for line in lines} == {("-", "gd"), ("+", "gi")}
    assert len({(line["kind"], line["style"]) for line in lines}) == 2
    assert len({line["style"] for line in lines}) == 2
    for line in lines:
        assert contrast(line["text"], line["ground"]) >= 4.5
        assert min(contrast(line["edge"], line[name]) for name in ("ground", "around")) >= 3
