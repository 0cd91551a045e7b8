"""Formulas as MathML, made when the book is built: browsers set them without a script.

Temml turns TeX into MathML in one Node process that runs while Sphinx writes the pages. The TeX is
kept in each formula's annotation, which is what one copies. A formula that Temml does not
understand is a warning, and a warning fails the build.

A formula and the punctuation beside it stay in one line.
"""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from tools.site import node as node_js

logger = logging.getLogger(__name__)

SERVER = """
const temml = require("temml");
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const {tex, displayMode} = JSON.parse(line);
  let answer;
  try {
    answer = {mathml: temml.renderToString(
      tex, {displayMode, throwOnError: true, annotate: true})};
  } catch (error) { answer = {error: error.message} }
  console.log(JSON.stringify(answer));
});
"""
# What the two browser engines set otherwise than TeX does.
_THIN = '<mspace width="0.1667em"></mspace>'
_MENDED = [
    # A small root's sign hangs low, and its bar lies on the letter: it needs the height of a line.
    ("<msqrt>", '<msqrt><mspace height="0.75em" depth="0.2em"></mspace>'),
    # A dot that stands for an argument is no product.
    (r'(<mo form="prefix" stretchy="false")>⋅<', r'\1 lspace="0em" rspace="0em">⋅<'),
    # Firefox takes the tensor product for a large operator, and Temml's overline for a box.
    ("<mo>⊗</mo>", '<mo largeop="false">⊗</mo>'),
    (r'<menclose notation="top" class="tml-overline">(.*?)</menclose>',
     r'<mover><mrow>\1</mrow><mo stretchy="true">‾</mo></mover>'),
    # The space that TeX sets before a growing bracket, and authors take back, is not there.
    (r'<mrow style="margin-left:-0.1667em;"></mrow>(?=(?:<mrow>)?<mo fence="true")', ""),
    # An exponent stands beside its letter, not above the hat that the letter wears.
    (r"(<msup>|<msubsup>)(<mover><mi>.</mi><mo[^>]*>[ˆ~˙‾]</mo></mover>)",
     r'\1<mpadded height="0.7em">\2</mpadded>'),
    # A thin space parts a function from what stands before it; after it Firefox sets one itself.
    (r"(?<=\)</mo></mrow>|.</mi></msub>)((?:<mrow>)?<mi>\w\w+</mi><mo>\u2061)", rf"{_THIN}\1"),
    (rf"(?<=\u2061</mo>){_THIN}", _THIN.replace(" ", ' class="npg-thin" ')),
]  # fmt: skip
_SIDE = re.compile(r"\\[bB]igg?([lr])(?![A-Za-z])")
_SIZED = re.compile(r'<mo fence="true"(?=(?: stretchy="true")? symmetric="true" minsize)')
_SYMBOL = re.compile(r"<m[ino]\b")
LONG = 16  # symbols in a line that may be wider than a small telephone
_AFTER = re.compile(r"^[.,;:!?)\]’”'\"…–-]+")
_BEFORE = re.compile(r"[(\[‘“'\"]+$")


@cache
def _temml() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*node_js.command("node"), "-e", SERVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        cwd=node_js.PACKAGES.parent,
    )  # fmt: skip


@cache
def mathml(tex: str, display: bool) -> str:
    """`tex` as a ``<math>`` element; raise ValueError with Temml's message if it is no formula."""
    process = _temml()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps({"tex": tex, "displayMode": display}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        raise ValueError(answer["error"])
    return mended(tex, answer["mathml"])


def mended(tex: str, formula: str) -> str:
    for pattern, replacement in _MENDED:
        formula = re.sub(pattern, replacement, formula)
    # Temml does not say which bar opens: \\bigl and \\bigr do, in the same order.
    sides = iter(_SIDE.findall(tex))
    forms = {"l": "prefix", "r": "postfix"}
    return _SIZED.sub(lambda found: f'{found[0]} form="{forms[next(sides)]}"', formula)


def set_formula(node: nodes.Element, display: bool) -> str:
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        logger.warning("formula not understood: %s", error, location=node)
        return ""


def visit_inline(translator: Any, node: nodes.math) -> None:
    formula = set_formula(node, display=False)
    long = " npg-long" if len(_SYMBOL.findall(formula)) > LONG else ""
    translator.body.append(f'<span class="math{long}">{formula}</span>')
    raise nodes.SkipNode


def visit_display(translator: Any, node: nodes.math_block) -> None:
    """The formula in a box that scrolls where it is too wide, its number beside it."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    formula = set_formula(node, display=True)
    translator.body.append(f'<div class="npg-formula">{formula}</div>')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


class KeepPunctuation(SphinxPostTransform):
    """Put an inline formula and the punctuation that touches it into one unbroken piece."""

    default_priority = 400
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for math in list(self.document.findall(nodes.math)):
            parent = math.parent
            at = parent.index(math)
            piece: list[nodes.Node] = [math]
            before = parent[at - 1] if at else None
            after = parent[at + 1] if at + 1 < len(parent) else None
            for text, pattern, place in ((before, _BEFORE, 0), (after, _AFTER, 1)):
                found = pattern.search(text) if isinstance(text, nodes.Text) else None
                if found and isinstance(text, nodes.Text):
                    rest = text[: found.start()] if place == 0 else text[found.end() :]
                    # By its place: of two equal texts `replace` would take the first.
                    parent[at + 2 * place - 1] = nodes.Text(rest)
                    piece.insert(place * len(piece), nodes.Text(found[0]))
            if len(piece) > 1:
                parent.replace(math, nodes.inline("", "", *piece, classes=["npg-unbroken"]))


def end(app: Sphinx, error: Exception | None) -> None:
    if _temml.cache_info().currsize:
        _temml().communicate()
        _temml.cache_clear()


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    app.add_post_transform(KeepPunctuation)
    app.connect("build-finished", end)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
