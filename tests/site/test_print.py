"""What is printed is dark on light, also from a screen that shows the dark theme."""

from __future__ import annotations

from typing import Any

import print_light
import pytest

from tests.site.browser import Visit, unfold
from tests.site.pages import PAGES, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

DARK = views(PAGES, "dark")
PAPER = 1.0  # the luminance of white

# Text that a page can hold, and where it stands.
KINDS = {
    "paragraph": "article p",
    "heading": "article h2",
    "code": "article div.cell_input pre span",
    "what code printed": "article div.cell_output pre",
    "code in a line": "article code.literal",
    "figure": "article svg.npg-figure text",
    "caption": "article figcaption",
    "slider": "article .npg-dials label",
    "table": "article table td",
    "theorem": "article div.theorem",
    "proof": "article div.npg-proof",
    "note": "article div.note, article div.admonition",
    "exercise": "article div.exercise",
    "solution": "article div.solution",
    "link": "article a.reference",
    "formula": "article math",
    "evidence": "article table.npg-evidence th",
}

# Each element with text of its own: what it says, its colour's luminance, and the luminance of
# the grounds that lie under it.
TEXTS = """() => {
  const rgba = c => { const m = c.match(/[\\d.]+/g).map(Number);
                      return [...m.slice(0, 3), m.length > 3 ? m[3] : 1] };
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928
    ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126*r + .7152*g + .0722*b };
  const grounds = e => { const found = [];
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
      if (c[3] > 0) found.push(light(c)) } return found };
  const own = e => Array.from(e.childNodes).some(n => n.nodeType === 3 && n.data.trim());
  const formula = 'math mi, math mo, math mn', drawn = 'svg text, svg tspan';
  return Array.from(document.querySelectorAll('article *'))
    .filter(e => !e.closest('script, style, annotation, .visually-hidden')
      && (own(e) || e.matches(formula)) && e.checkVisibility())
    .map(e => { const s = getComputedStyle(e), c = rgba(e.matches(drawn) ? s.fill : s.color);
      return { text: (e.textContent.trim() || e.tagName).slice(0, 40), of: e.outerHTML.slice(0, 99),
               colour: c[3] > 0 ? light(c) : null, drawn: e.matches(drawn),
               grounds: grounds(e) } });
}"""


def contrast(a: float, b: float) -> float:
    bright, dim = max(a, b), min(a, b)
    return (bright + 0.05) / (dim + 0.05)


def printed(seen: Visit) -> list[dict[str, Any]]:
    unfold(seen.page)
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    found: list[dict[str, Any]] = seen.page.evaluate(TEXTS)
    return found


@pytest.mark.parametrize("seen", DARK, ids=str, indirect=True)
def test_a_dark_page_is_printed_dark_on_light(seen: Visit) -> None:
    """All text stands out from white paper by 4.5:1, in figures by 3:1, and no ground is dark."""
    texts = printed(seen)
    assert texts
    faint = [t for t in texts if t["colour"] is not None
             and contrast(t["colour"], PAPER) < (3.0 if t["drawn"] else 4.5)]  # fmt: skip
    assert faint == []
    assert [t for t in texts if min(t["grounds"], default=PAPER) < 0.7] == []


def test_every_kind_of_text_is_among_what_was_looked_at(visit: Any) -> None:
    missing = set(KINDS)
    for view in DARK:
        with visit(view) as seen:
            missing -= {kind for kind in missing if seen.page.locator(KINDS[kind]).count()}
        if not missing:
            break
    assert missing == set()


DARK_RULE, LIGHT_RULE = "html[data-theme=dark] p{a:1}", 'html[data-theme="light"] p{a:2}'


@pytest.mark.parametrize(
    "css, expected",
    [
        ("p{a:1}", "p{a:1}"),
        (DARK_RULE, "@media not print{html[data-theme=dark] p{a:1}}"),
        (LIGHT_RULE, LIGHT_RULE + "@media print{html[data-theme=dark] p{a:2}}"),
        (
            "q, html[data-theme=dark] img:not(.a, .b) {a:1}",
            "q{a:1}@media not print{html[data-theme=dark] img:not(.a, .b){a:1}}",
        ),
        (
            "html[data-theme='dark'], html[data-theme=light] {a:1}",
            "html[data-theme=light]{a:1}@media not print{html[data-theme='dark']{a:1}}"
            "@media print{html[data-theme=dark]{a:1}}",
        ),
        (
            "@media (max-width: 9px) {" + DARK_RULE + "}",
            "@media (max-width: 9px) {@media not print{html[data-theme=dark] p{a:1}}}",
        ),
        ("/*! BSD; {} */" + LIGHT_RULE, "/*! BSD; {} */" + LIGHT_RULE
            + "@media print{html[data-theme=dark] p{a:2}}"),
        ("/* a { */" + DARK_RULE, "@media not print{html[data-theme=dark] p{a:1}}"),
    ],
)  # fmt: skip
def test_rules_of_the_dark_theme_do_not_reach_paper(css: str, expected: str) -> None:
    assert print_light.printed_light(css) == expected
