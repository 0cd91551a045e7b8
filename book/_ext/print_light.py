"""A page is printed in the light theme, whichever theme the screen shows.

The theme, the code highlighting and the book's own style sheet all tell the themes apart by the
attribute ``data-theme`` of the root element. Once a site is built, every style sheet in it is
rewritten: rules of the dark theme apply to all media but print, and in print a dark page follows
the rules of the light theme. So whatever has a colour on the screen is covered, without a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

_RULE = re.compile(r"(?P<selectors>[^{};]*data-theme[^{};]*)\{(?P<body>[^{}]*)\}")
_COMMENT = re.compile(r"/\*(?!!).*?\*/", re.DOTALL)
_LICENCE = re.compile(r"(/\*!.*?\*/)", re.DOTALL)
_DARK = re.compile(r"""\[data-theme=["']?dark["']?\]""")
_LIGHT = re.compile(r"""\[data-theme=["']?light["']?\]""")


def printed_light(css: str) -> str:
    """Return the style sheet `css`, changed so that a dark page is printed as a light one."""
    parts = _LICENCE.split(_COMMENT.sub("", css))
    parts[::2] = [_RULE.sub(_for_both_media, part) for part in parts[::2]]
    return "".join(parts)


def _for_both_media(rule: re.Match[str]) -> str:
    body, selectors = rule["body"], [*_split(rule["selectors"])]
    dark = [s for s in selectors if _DARK.search(s) and not _LIGHT.search(s)]
    always = [s for s in selectors if s not in dark]
    printed = [_LIGHT.sub("[data-theme=dark]", s) for s in always if _LIGHT.search(s)]
    parts = [("{}", always), ("@media not print{{{}}}", dark), ("@media print{{{}}}", printed)]
    return "".join(form.format(f"{','.join(some)}{{{body}}}") for form, some in parts if some)


def _split(selectors: str) -> Iterator[str]:
    """The selectors of a list; a comma in parentheses, as in ``:not(a, b)``, separates none."""
    yield from (part.strip() for part in re.split(r",(?![^()]*\))", selectors))


def rewrite_style_sheets(app: Sphinx, error: Exception | None) -> None:
    """Rewrite the style sheets of a finished site."""
    if error is None and app.builder.format == "html":
        for path in sorted(Path(app.outdir, "_static").rglob("*.css")):
            css = path.read_text("utf-8")
            if "data-theme" in css:
                path.write_text(printed_light(css), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    # After the theme, which writes the colours of code when the build has finished.
    app.connect("build-finished", rewrite_style_sheets, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
