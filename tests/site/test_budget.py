"""What a page may cost the reader who opens it for the first time: bytes, requests, elements."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.site.browser import Visit
from tests.site.pages import NOTEBOOK_PAGES, PAGES, PHONE, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

MOST_BYTES, MOST_SCRIPT = 450_000, 60_000  # with gzip, fonts as they are
MOST_REQUESTS, MOST_ELEMENTS = 20, 12_000
MOST_SHIFT = 0.02

SHIFT = """() => new Promise(done => {
  let total = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => { total += e.value }))
    .observe({type: 'layout-shift', buffered: true});
  setTimeout(() => done(total), 200);
})"""
FETCHED = """() => [location.href, ...performance.getEntriesByType('resource').map(e => e.name)]"""


def sizes(site: Path, page: Any) -> dict[str, int]:
    """The bytes of each file that the page fetched, as they travel."""
    found = {}
    for address in page.evaluate(FETCHED):
        path = site / urlsplit(address).path.lstrip("/")
        data = path.read_bytes()
        small = path.suffix in (".woff2", ".png")
        found[str(path)] = len(data) if small else len(gzip.compress(data, mtime=0))
    return found


@pytest.mark.parametrize("seen", views(PAGES), ids=str, indirect=True)
def test_a_page_is_light(seen: Visit, site: Path) -> None:
    found = sizes(site, seen.page)
    assert sum(found.values()) <= MOST_BYTES
    assert sum(size for name, size in found.items() if name.endswith(".js")) <= MOST_SCRIPT
    assert len(found) <= MOST_REQUESTS
    assert seen.page.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS


@pytest.mark.parametrize(
    "seen", views(NOTEBOOK_PAGES) + views(NOTEBOOK_PAGES, width=PHONE), ids=str, indirect=True
)
def test_nothing_moves_while_a_page_loads(seen: Visit) -> None:
    assert seen.page.evaluate(SHIFT) <= MOST_SHIFT


def test_the_search_costs_nothing_until_it_is_used(visit: Any) -> None:
    with visit(views(NOTEBOOK_PAGES)[0]) as seen:
        before = seen.page.evaluate(FETCHED)
        assert not [address for address in before if "search" in address]
        seen.page.keyboard.press("Control+k")
        seen.page.keyboard.type("fisher")
        seen.page.wait_for_selector("#pst-search-dialog .npg-results a")
        assert seen.errors == [] and seen.foreign == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_do_not_wait_for_the_script(chromium: Any, address: str, theme: str) -> None:
    """Else a first visit is drawn without them, and all of it a second time."""
    context = chromium.new_context(color_scheme=theme)
    context.route("**/book.js*", lambda route: route.abort())
    page = context.new_page()
    page.goto(address + NOTEBOOK_PAGES[0])
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    context.close()
