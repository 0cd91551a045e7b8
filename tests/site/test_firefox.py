"""The chapters in Firefox: its own engine sets their formulas and moves their sliders."""

from __future__ import annotations

import pytest

from tests.site.firefox import Firefox
from tests.site.pages import NOTEBOOK_PAGES, WITH_SLIDERS

pytestmark = [pytest.mark.site, pytest.mark.browser]

ARROW_LEFT, ARROW_RIGHT = "\ue012", "\ue014"

FORMULAS = """Array.from(document.querySelectorAll('article math'))
  .filter(m => m.checkVisibility()).map(m => [m.textContent, m.getBoundingClientRect()])
  .map(([tex, box]) => [tex, box.width, box.height])"""
LAY_OUT_AGAIN = """['none', ''].map(shown => {
  document.body.style.display = shown;
  return document.body.offsetHeight;
})"""
LOSE_AN_EXPONENT = "document.querySelector('article msub, article msup').lastElementChild.remove()"
FONT = """document.fonts.ready.then(() => Array.from(document.fonts)
  .some(f => f.family.includes('STIX') && f.status === 'loaded'))"""
DIAL = "document.querySelector('article input[type=range]')"
STATE = f"""[{DIAL}.value, {DIAL}.getAttribute('aria-valuetext'),
  {DIAL}.closest('.npg-explore').querySelector('.npg-frame').innerHTML]"""


def complaints(firefox: Firefox) -> list[str]:
    """What Firefox says of the whole page.

    It may lay out a page of which half has come, and complain of a formula that is cut there. So
    what it says of markup counts when all is laid out again.
    """
    before = [text for text in firefox.errors if "Invalid markup" not in text]
    firefox.errors.clear()
    firefox.evaluate(LAY_OUT_AGAIN)
    return before + firefox.errors


@pytest.mark.parametrize("name", NOTEBOOK_PAGES)
def test_firefox_sets_every_formula(firefox: Firefox, address: str, name: str) -> None:
    """No complaint, the book's own face, and no formula without width or height."""
    firefox.open(address + name)
    assert firefox.evaluate(FONT)
    found = firefox.evaluate(FORMULAS)
    assert found and [f for f in found if min(f[1:]) <= 0] == []
    assert complaints(firefox) == []


def test_firefox_complains_of_half_a_formula(firefox: Firefox, address: str) -> None:
    """So that the silence of the test above says something."""
    firefox.open(address + NOTEBOOK_PAGES[1])
    firefox.evaluate(LOSE_AN_EXPONENT)
    assert any("Invalid markup" in text for text in complaints(firefox))


@pytest.mark.parametrize("name", WITH_SLIDERS)
def test_a_slider_moves_in_firefox(firefox: Firefox, address: str, name: str) -> None:
    """By the keyboard: its value, what it says and its picture change."""
    firefox.open(address + name)
    firefox.evaluate(f"{DIAL}.focus()")
    before = firefox.evaluate(STATE)
    at_the_end = firefox.evaluate(f"{DIAL}.value === {DIAL}.max")
    firefox.press(ARROW_LEFT if at_the_end else ARROW_RIGHT)
    assert all(a != b for a, b in zip(before, firefox.evaluate(STATE), strict=True))
