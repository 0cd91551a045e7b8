"""Every page loads without complaint from its own host, and its figures say what they show."""

from __future__ import annotations

import pytest

from tests.site.browser import Visit
from tests.site.pages import MADE, NOTEBOOK_PAGES, PAGES, PHONE, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

LIGHT = views([*PAGES, *MADE])
ZOOMED = 640  # what 1280 pixels hold at 200 %
CHAPTERS = LIGHT[: len(NOTEBOOK_PAGES)] + views(NOTEBOOK_PAGES, "dark")


@pytest.mark.parametrize("seen", LIGHT, ids=str, indirect=True)
def test_a_page_loads_without_error_or_foreign_request(seen: Visit) -> None:
    assert seen.errors == []
    assert seen.foreign == []
    assert seen.failed == []
    broken = "Array.from(document.images).filter(i => !i.naturalWidth).map(i => i.src)"
    assert seen.page.evaluate(broken) == []


@pytest.mark.parametrize("seen", LIGHT[: len(PAGES)], ids=str, indirect=True)
def test_every_formula_is_set(seen: Visit) -> None:
    found = seen.page.evaluate(
        """() => ({
          bare: Array.from(document.querySelectorAll('article .math'))
            .filter(m => !m.querySelector('math')).map(m => m.textContent),
          wrong: Array.from(document.querySelectorAll('merror, .temml-error'))
            .map(m => m.textContent),
          empty: Array.from(document.querySelectorAll('article math'))
            .filter(m => m.checkVisibility() && !m.getBoundingClientRect().width)
            .map(m => m.textContent),
          silent: Array.from(document.querySelectorAll('article math'))
            .filter(m => !m.querySelector('annotation')?.textContent.trim()).length,
        })"""
    )
    assert found == {"bare": [], "wrong": [], "empty": [], "silent": 0}


@pytest.mark.parametrize("seen", LIGHT[: len(PAGES)], ids=str, indirect=True)
def test_every_figure_has_a_caption_and_a_text_alternative(seen: Visit) -> None:
    figures = seen.page.evaluate(
        """() => Array.from(document.querySelectorAll('article figure')).map(f => ({
          id: f.id,
          caption: f.querySelector('figcaption')?.innerText.trim() ?? '',
          pictures: Array.from(f.querySelectorAll('svg[role=img], .npg-drawing svg, img'))
            .map(p => (p.getAttribute('aria-label') ?? p.getAttribute('alt') ?? '').trim()),
        }))"""
    )
    for figure in figures:
        assert figure["caption"], f"{figure['id']} has no caption"
        assert figure["pictures"], f"{figure['id']} shows nothing"
        assert all(figure["pictures"]), f"{figure['id']} has a picture without alternative"
    stray = "document.querySelectorAll('article .npg-drawing, article .cell_output img')"
    outside = f"Array.from({stray}).filter(p => !p.closest('figure')).length"
    assert seen.page.evaluate(outside) == 0, "a picture stands outside a captioned figure"


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_a_figures_words_can_be_read_in_both_themes(seen: Visit) -> None:
    """Each word in a figure stands out from the page by 3:1, what WCAG asks of graphics."""
    faint = seen.page.evaluate(
        """() => {
          const rgb = c => { const m = c.match(/[\\d.]+/g).map(Number);
                             return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3) };
          const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928
            ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126*r + .7152*g + .0722*b };
          const page = light(rgb(getComputedStyle(document.body).backgroundColor));
          return Array.from(document.querySelectorAll('article figure svg text'))
            .filter(t => t.checkVisibility() && t.textContent.trim())
            .map(t => [t.textContent.trim(), rgb(getComputedStyle(t).fill)])
            .map(([word, ink]) => { const a = ink ? light(ink) : page;
              return [word, (Math.max(a, page) + .05) / (Math.min(a, page) + .05)] })
            .filter(([word, contrast]) => contrast < 3);
        }"""
    )
    assert faint == []


@pytest.mark.parametrize(
    "seen",
    views([*PAGES, *MADE], width=PHONE) + views(NOTEBOOK_PAGES, width=ZOOMED),
    ids=str,
    indirect=True,
)
def test_a_page_fits_a_phone_and_a_zoomed_screen(seen: Visit) -> None:
    """Nothing sticks out, on a phone and zoomed, except inside a box that scrolls by itself."""
    found = seen.page.evaluate(
        """() => {
          const inScroller = e => { for (e = e.parentElement; e && e !== document.body;
            e = e.parentElement) { if (['auto', 'scroll'].includes(
              getComputedStyle(e).overflowX)) return true } return false };
          const out = Array.from(document.querySelectorAll('article *')).filter(e =>
            e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1
            && !e.closest('svg, math, .visually-hidden') && !inScroller(e));
          return { page: document.documentElement.scrollWidth, window: innerWidth,
                   out: out.slice(0, 5).map(e => e.outerHTML.slice(0, 160)) };
        }"""
    )
    assert found["out"] == []
    assert found["page"] <= found["window"]
