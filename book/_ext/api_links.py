"""What the API reference links to, and what it leaves as text.

"Implements: eq. (eq-label), chapter N" becomes a link to that equation. If no chapter has the
label, only the chapter is named; a test checks that the label belongs to that chapter.

Types in docstrings, such as "array (n_params,)", are words and not names of classes, so references
that are not resolved stay text. A name of npgkit that is not found is still a warning.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

BOOK = Path(__file__).resolve().parents[1]
_LABELLED = re.compile(r"\$\$\s*\((eq-[\w-]+)\)")
_MENTION = re.compile(r"eq\. \((eq-[\w-]+)\)(,\s*)?")


@cache
def equations() -> dict[str, str]:
    """Every labelled equation of the book, with the name of the file that it is in."""
    found = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        found.update(dict.fromkeys(_LABELLED.findall(text), path.stem))
    return found


def linked(line: str) -> str:
    return _MENTION.sub(
        lambda m: f"eq. :eq:`{m[1]}`{m[2] or ''}" if m[1] in equations() else "",
        line,
    )


def with_plain_bars(line: str) -> str:
    """Keep |x| an absolute value, where reStructuredText would see a substitution."""
    parts = line.split("``")
    parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
    return "``".join(parts)


def link_equations(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    lines[:] = [linked(with_plain_bars(line)) for line in lines]


def leave_words(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.Element | None:
    foreign = not node.get("reftarget", "").startswith("npgkit")
    return contnode if node.get("refdomain") == "py" and foreign else None


def setup(app: Sphinx) -> dict[str, Any]:
    equations.cache_clear()
    app.connect("autodoc-process-docstring", link_equations)
    app.connect("missing-reference", leave_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
