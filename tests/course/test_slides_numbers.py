"""Every number of a deck's slides and notes is its chapter's, in its prose or its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.book.test_prose_numbers import notebook
from tools.notebooks import numbers
from tools.notebooks.form import Notebook, read_notebook
from tools.site.slides import OUTLINES
from tools.toc import ROOT

DECKS = sorted(OUTLINES.glob("[0-9][0-9].md"))
OWN = {"12": {"512": "the proposition on the slide, with ten seeds: 2 to the power of 9"}}
"""The numbers that a chapter does not have, with the reason why its deck has them."""


def chapter(deck: Path) -> Notebook:
    (path,) = (ROOT / "book").glob(f"{deck.stem}_*.ipynb")
    return read_notebook(path)


@pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.stem)
def test_a_deck_s_numbers_are_its_chapter_s(deck: Path) -> None:
    """None is unknown but those that are listed, and none is listed that is known."""
    found = numbers.unsaid(deck.read_text("utf-8"), chapter(deck))
    assert set(found) == set(OWN.get(deck.stem, {}))


@pytest.mark.parametrize(
    ("number", "wrong"), [("141", "143"), ("0.956", "0.965"), ("31%", "37%"), ("1702", "1720")]
)
def test_a_wrong_number_in_a_deck_is_found(number: str, wrong: str) -> None:
    """A real deck with one number changed."""
    deck = OUTLINES / "05.md"
    text = deck.read_text("utf-8")
    assert text.count(number) == 1
    assert wrong in numbers.unsaid(text.replace(number, wrong), chapter(deck))


@pytest.mark.parametrize(
    ("text", "prose", "code", "printed", "found"),
    [
        ("It takes 25 of 30 steps.", "", "", "25 of 30", []),
        ("It takes 25 of 30 steps.", "Of 30 steps it takes 25.", "", "", []),
        ("It takes 25 of 30 steps.", "", "range(30)", "26", ["25", "30"]),
        ("It takes 1,702 steps.", "It takes $1{,}702$ steps.", "", "", []),
        ("It takes 1702 steps.", "", "", "1701.6", []),
        ("It takes 1702 steps.", "", "", "1701.4", ["1702"]),
        ("It earns 0.31, or 31%.", "It earns 31%.", "", "", []),
        ("It earns 0.32, or 33%.", "It earns 31%.", "", "", ["0.32", "33%"]),
        ("Two, 3 or $4:1$ of them, as in chapters 10, 11 and 12.", "", "", "", []),
        ("![](#a1b2c3d4), [](#eq-12)\n\nNote:\n\n12 at $10^{-9}$", "", "", "", ["10^{-9}", "12"]),
    ],
)  # fmt: skip
def test_what_a_chapter_has_and_has_not(
    text: str, prose: str, code: str, printed: str, found: list[str]
) -> None:
    """In its prose and its outputs, not its code; whole numbers from ten on, and no labels."""
    made_up: dict[str, Any] = notebook(prose, code, printed)
    assert numbers.unsaid(text, made_up) == found
