"""What is out of view is laid out when the page is there, and where one leads to it, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import settle
from tests.site.pages import NOTEBOOK_PAGES

pytestmark = [pytest.mark.site, pytest.mark.browser]

LONG = max(NOTEBOOK_PAGES, key=lambda name: Path(name.replace(".html", ".ipynb")).stat().st_size)
# A block's first element is skipped with the block's content.
LEFT_OUT = """Array.from(document.querySelectorAll('article section > section > * > :first-child'))
  .filter(e => e.checkVisibility() && !e.checkVisibility({contentVisibilityAuto: true})).length"""

WATCH = f"""window.leftOut = new Promise(done => addEventListener('DOMContentLoaded',
  () => requestAnimationFrame(() => done({LEFT_OUT}))))"""


@pytest.fixture
def page(chromium: Any, address: str) -> Any:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.add_init_script(WATCH)
    yield opened
    context.close()


def test_sections_out_of_view_are_laid_out_later(page: Any, address: str) -> None:
    page.goto(address + LONG)
    settle(page)
    assert page.evaluate("leftOut") > 50
    assert page.evaluate(LEFT_OUT) == 0
    assert page.evaluate("document.documentElement.className").count("npg") == 0


def test_a_link_to_a_place_has_every_section_laid_out(page: Any, address: str) -> None:
    page.goto(address + LONG + "#exercises")
    assert page.evaluate("leftOut") == 0


def test_who_comes_back_has_every_section_laid_out(page: Any, address: str) -> None:
    page.goto(address + LONG)
    page.reload()
    assert page.evaluate("leftOut") == 0


def test_a_jump_at_once_ends_where_it_leads(page: Any, address: str) -> None:
    """Also from the first moment on, with sections above that were not laid out."""
    page.goto(address + LONG, wait_until="commit")
    link = page.locator("nav.page-toc a").last
    link.evaluate("link => link.click()")
    settle(page)
    top = page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
    ended = page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
    assert 0 <= top < (900 if ended else 120)
