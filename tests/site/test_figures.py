"""Figures on a telephone, and the frames of a slider beside one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import Visit, unfold
from tests.site.pages import NOTEBOOK_PAGES, PHONE, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

LEAST = 9.0  # pixels
LEAST_INDEX = 0.7 * LEAST  # of an index or an exponent, beside its letter

# Every picture, with each frame of a slider in the place of its first: its name, its viewBox and
# its texts, each with its letters, its place, and in pixels its largest and smallest type and by
# how much it leaves the picture.
PICTURES = """() => {
  const read = (svg, name) => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const edge = svg.getBoundingClientRect();
    const size = e => parseFloat(getComputedStyle(e).fontSize) * scale;
    const texts = Array.from(svg.querySelectorAll('text')).filter(t => t.textContent.trim())
      .map(t => {
        const parts = Array.from(t.querySelectorAll('tspan'));
        const sizes = (parts.length ? parts : [t]).map(size);
        const at = ['x', 'y', 'transform'].map(a => t.getAttribute(a)).join(' ');
        const is = t.getBoundingClientRect();
        const beyond = Math.max(edge.left - is.left, is.right - edge.right,
                                edge.top - is.top, is.bottom - edge.bottom);
        return { letters: t.textContent.trim(), at, beyond,
                 largest: Math.max(...sizes), smallest: Math.min(...sizes) };
      });
    return { name, box: svg.getAttribute('viewBox'), texts };
  };
  const name = e => e.closest('figure')?.id || e.closest('[id]')?.id;
  const stills = Array.from(document.querySelectorAll('svg.npg-figure'))
    .filter(svg => !svg.closest('.npg-explore')).map(svg => [read(svg, name(svg))]);
  const sliders = Array.from(document.querySelectorAll('.npg-explore')).map(box => {
    const frame = box.querySelector('.npg-frame');
    return JSON.parse(box.querySelector('script').textContent).frames.map(html => {
      frame.innerHTML = html;
      return read(frame.querySelector('svg'), name(box));
    });
  });
  return { stills, sliders };
}"""

ABOVE_LETTERS = 2.0  # pixels of a line of text that no letter reaches

# Numbers that a slider is there to move, or axes that belong to what it chooses.
MOVING = {
    "fig-discount": "the heights of the contours and corners are the discount's doing",
    "fig-factors": "the values of the bars",
    "fig-two-papers": "the paper of phi is centred on the same policy under every name",
    "fig-practice-curves": "each environment has its own returns",
    "fig-practice-knob": "each environment has its own returns",
    "fig-practice-kl": "each environment has its own number of updates",
}


def pictures(seen: Visit) -> dict[str, list[list[dict[str, Any]]]]:
    unfold(seen.page)
    found: dict[str, list[list[dict[str, Any]]]] = seen.page.evaluate(PICTURES)
    return found


def number(letters: str) -> bool:
    return letters.replace("−", "").replace(".", "").strip("¼½¾").isdecimal() or letters in "¼½¾"


@pytest.mark.parametrize("seen", views(NOTEBOOK_PAGES, width=PHONE), ids=str, indirect=True)
def test_type_in_figures_is_legible_on_a_phone(seen: Visit) -> None:
    """Every text of every figure and frame is 9 px or larger, its indices 0.7 times that."""
    found = pictures(seen)
    small = {
        (picture["name"], text["letters"], round(text["largest"], 2), round(text["smallest"], 2))
        for frames in found["stills"] + found["sliders"]
        for picture in frames
        for text in picture["texts"]
        if text["largest"] < LEAST or text["smallest"] < LEAST_INDEX
    }
    assert small == set()


@pytest.mark.parametrize("seen", views(NOTEBOOK_PAGES), ids=str, indirect=True)
def test_no_word_of_a_figure_is_cut_at_its_edge(seen: Visit) -> None:
    """Every text of every figure and frame lies within its picture."""
    found = pictures(seen)
    cut = {
        (picture["name"], text["letters"], round(text["beyond"], 1))
        for frames in found["stills"] + found["sliders"]
        for picture in frames
        for text in picture["texts"]
        if text["beyond"] > ABOVE_LETTERS
    }
    assert cut == set()


@pytest.mark.parametrize("seen", views(NOTEBOOK_PAGES), ids=str, indirect=True)
def test_axes_stand_still_while_a_slider_moves(seen: Visit) -> None:
    """All frames of a slider have one box, and the same numbers in the same places."""
    for frames in pictures(seen)["sliders"]:
        assert len({picture["box"] for picture in frames}) == 1, frames[0]["name"]
        numbers = [
            {(text["letters"], text["at"]) for text in picture["texts"] if number(text["letters"])}
            for picture in frames
        ]
        if frames[0]["name"] not in MOVING:
            differ = set.union(*numbers) - set.intersection(*numbers)
            assert differ == set(), frames[0]["name"]


def test_every_exception_is_a_slider_of_the_book() -> None:
    """A figure that is excused is one of the book's."""
    notebooks = Path(__file__).resolve().parents[2].glob("book/*.ipynb")
    book = "".join(notebook.read_text("utf-8") for notebook in notebooks)
    assert [name for name in MOVING if f'"name": "{name}"' not in book] == []
