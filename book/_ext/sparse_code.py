"""Highlighted code without a ``<span>`` round plain text and operators: half of the elements."""

from __future__ import annotations

from functools import cache
from typing import Any

from pygments.formatters import HtmlFormatter
from pygments.styles import get_style_by_name
from pygments.token import Token, _TokenType
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge


@cache
def is_plain(token: _TokenType, styles: tuple[str, ...]) -> bool:
    """Whether `token` is an operator, or looks like plain text in every one of the styles."""
    if token is Token.Operator:
        return True
    found = [get_style_by_name(name) for name in styles]
    return all(s.style_for_token(token) == s.style_for_token(Token.Text) for s in found)


def setup(app: Sphinx) -> dict[str, Any]:
    options = app.config.html_theme_options
    styles = (options["pygments_light_style"], options["pygments_dark_style"])

    class Sparse(HtmlFormatter):
        def _get_css_classes(self, ttype: _TokenType) -> str:
            return "" if is_plain(ttype, styles) else str(super()._get_css_classes(ttype))

    PygmentsBridge.html_formatter = Sparse
    return {"parallel_read_safe": True, "parallel_write_safe": True}
