"""Formulas are mathematics to a screen reader and TeX to a clipboard, and are spaced as in TeX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mathml
import pytest
from docutils import nodes
from docutils.utils import new_document
from fontTools.ttLib import TTFont

from tests.site.browser import Visit, unfold
from tests.site.pages import NOTEBOOK_PAGES, PHONE, View, views

pytestmark = [pytest.mark.site]
browser = pytest.mark.browser

GAPS = """() => Array.from(document.querySelectorAll('article msqrt'))
  .filter(root => root.checkVisibility())
  .map(root => [root.getBoundingClientRect().right
                  - root.lastElementChild.getBoundingClientRect().right,
                parseFloat(getComputedStyle(root).fontSize)])
  .filter(([gap, size]) => gap > .1 * size).length"""


@pytest.fixture(scope="module")
def formula() -> Iterator[Any]:
    yield mathml.mathml
    mathml.end(None, None)


@browser
@pytest.mark.parametrize("seen", views(NOTEBOOK_PAGES), ids=str, indirect=True)
def test_a_screen_reader_is_told_of_every_formula(seen: Visit) -> None:
    """The accessibility tree has each of them as mathematics."""
    unfold(seen.page)
    tree = seen.page.context.new_cdp_session(seen.page).send("Accessibility.getFullAXTree")
    roles = [node["role"]["value"] for node in tree["nodes"] if not node["ignored"]]
    shown = "Array.from(document.querySelectorAll('math')).filter(m => m.checkVisibility()).length"
    assert roles.count("MathMLMath") == seen.page.evaluate(shown) > 0


@browser
@pytest.mark.parametrize("seen", views(NOTEBOOK_PAGES), ids=str, indirect=True)
def test_no_root_leaves_a_gap_after_it(seen: Visit) -> None:
    assert seen.page.evaluate(GAPS) == 0


# How far the signs of roots over a single letter or number hang below it, in their font's size.
HANG = """() => Array.from(document.querySelectorAll('article msqrt'))
  .filter(root => root.checkVisibility() && root.lastElementChild.matches('mi, mn'))
  .map(root => (root.getBoundingClientRect().bottom
                - root.lastElementChild.getBoundingClientRect().bottom)
               / parseFloat(getComputedStyle(root).fontSize))"""


@browser
@pytest.mark.parametrize("seen", [View("book/05_natural_gradient.html")], ids=str, indirect=True)
def test_the_sign_of_a_small_root_stands_in_its_line(seen: Visit) -> None:
    """As in TeX: neither far below the letter, nor with its bar on it."""
    hang = seen.page.evaluate(HANG)
    assert len(hang) > 3 and max(hang) < 0.4


# The lines of the text that begin with a mark that belongs to the formula before it.
ALONE = """() => {
  const lines = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const found = [];
  for (let text; (text = lines.nextNode());) {
    const line = text.parentElement.closest('p, li, td, dd');
    const formula = text.previousSibling?.matches?.('.math');
    if (!line || !formula || !/^[.,;:!?)\\]]/.test(text.data)) continue;
    range.setStart(text, 0);
    range.setEnd(text, 1);
    const [mark] = range.getClientRects();
    const inside = parseFloat(getComputedStyle(line).paddingLeft);
    if (mark && mark.left - line.getBoundingClientRect().left - inside < 3) {
      found.push(line.textContent.trim().slice(0, 60));
    }
  }
  return found;
}"""


@browser
@pytest.mark.parametrize(
    "seen", views(NOTEBOOK_PAGES) + views(NOTEBOOK_PAGES, width=PHONE), ids=str, indirect=True
)
def test_no_line_begins_with_the_mark_after_a_formula(seen: Visit) -> None:
    """A full stop stays with its formula, also where a long one scrolls on a telephone."""
    unfold(seen.page)
    assert seen.page.evaluate(ALONE) == []


SELECT = """([from, to]) => {
  const p = Array.from(document.querySelectorAll('article p'))
    .find(p => p.querySelectorAll('math').length > 2);
  const [first, second] = p.querySelectorAll('math');
  const range = document.createRange();
  range.setStart(from === 'text' ? p.firstChild : first.querySelector('mi'), 0);
  range.setEndAfter(to === 'text' ? p.lastChild : second.querySelector('mi'));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  const tex = m => '$' + m.querySelector('annotation').textContent.trim() + '$';
  return [tex(first), tex(second)];
}"""


@browser
@pytest.mark.parametrize("ends", [("text", "text"), ("formula", "formula")], ids="-".join)
def test_a_copied_formula_is_its_tex(visit: Any, ends: tuple[str, str]) -> None:
    """Within a sentence, and whole though its ends were not selected."""
    with visit(View(NOTEBOOK_PAGES[4])) as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        first, second = seen.page.evaluate(SELECT, list(ends))
        seen.page.keyboard.press("Control+c")
        copied = seen.page.evaluate("navigator.clipboard.readText()")
        assert first in copied and second in copied
        assert "\n" not in copied.strip()
        if ends[0] == "formula":
            assert copied.startswith(first) and copied.endswith(second)


THIN = '<mspace width="0.1667em"></mspace>'


@pytest.mark.parametrize(
    ("tex", "has"),
    [
        (r"\bigl| J \bigr|", ['symmetric="true" minsize="1.2em" maxsize="1.2em">|</mo><mi>J']),
        (r"\bigl| J \bigr|", ['form="prefix"', 'form="postfix"']),
        (r"\Bigl\lVert x \Bigr\rVert", ['form="prefix"', 'form="postfix"']),
        (r"p(\cdot|s)", ['lspace="0em" rspace="0em">⋅<']),
        (r"A \otimes B", ['<mo largeop="false">⊗<']),
        (r"\overline{\mathrm{KL}}", ["<mover>", '<mo stretchy="true">‾</mo>']),
        (r"(1-u) \log x", [f"{THIN}<mrow><mi>log</mi>"]),
        (r"\nabla_\theta \log \pi", [f"{THIN}<mrow><mi>log</mi>"]),
        (r"\mathrm{KL}\!\left(p\right)", ['KL</mi></mpadded><mrow><mo fence="true"']),
        (r"\hat F^{-1}", ['<msup><mpadded height="0.7em"><mover><mi>F<']),
        (r"\hat A_t^{(n)}", ['<msubsup><mpadded height="0.7em"><mover><mi>A<']),
    ],
)
def test_what_browsers_set_otherwise_is_mended(formula: Any, tex: str, has: list[str]) -> None:
    made = formula(tex, True)
    assert [part for part in has if part not in made] == []


def test_a_formula_takes_the_punctuation_that_is_its_own() -> None:
    """Of several equal pieces of text between formulas, each formula takes that after itself."""
    paragraph = nodes.paragraph("", "Text", nodes.reference("", "R"), nodes.Text(", "))
    for letter in "ab":
        paragraph += [nodes.math("", letter), nodes.Text(", ")]
    document = new_document("page")
    document += paragraph
    mathml.KeepPunctuation(document).run()
    assert paragraph.astext() == "TextR, a, b, "
    assert [piece.astext() for piece in paragraph.findall(nodes.inline)] == ["a,", "b,"]


def test_brackets_grow_no_wider_than_they_were_drawn(site: Path) -> None:
    """Chromium leaves room for the widest form of a bracket beside each of them."""
    [path] = (site / "_static" / "fonts").glob("stix-two-math-*.woff2")
    font = TTFont(path)
    forms = font["MATH"].table.MathVariants
    growing = zip(forms.VertGlyphCoverage.glyphs, forms.VertGlyphConstruction, strict=True)
    wider = [
        (plain, variant.VariantGlyph)
        for plain, tall in growing
        if tall.GlyphAssembly
        for variant in tall.MathGlyphVariantRecord
        if font["hmtx"][variant.VariantGlyph][0] > font["hmtx"][plain][0]
    ]
    assert wider == []
