"""The page of licences: what the site ships of others, each with a link to its licence's text.

``{licences}`` stands for the tables. The texts go into ``_static/licences``, one file a package. A
package without a text, or a style sheet or script that is of no known package, stops the build.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from contents import add_list, element, paragraph
from docutils import nodes
from site_assets import ASSETS, FACES, THEME, THEME_SCRIPTS, listed_assets
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from tools.site import licences

FOLDER = "_static/licences"


@cache
def shipped() -> list[licences.Shipped]:
    try:
        return licences.shipped(package for _, package, _, _ in FACES)
    except licences.Missing as error:
        raise ExtensionError(str(error)) from error


def tables(app: Sphinx, page: str) -> Iterator[nodes.Node]:
    up = "../" * page.count("/")
    headings = [element("th", nodes.Text(name), scope="col") for name in
                ("Package", "Version", "Licence")]  # fmt: skip
    for use in dict.fromkeys(one.use for one in shipped()):
        rows = []
        for one in (one for one in shipped() if one.use == use):
            text = nodes.reference("", one.licence, refuri=f"{up}{FOLDER}/{one.file}")
            cells = element("td", nodes.Text(one.version)), element("td", paragraph(text))
            rows.append(element("tr", element("th", nodes.Text(one.name), scope="row"), *cells))
        yield element(
            "table",
            element("caption", paragraph(nodes.Text(use))),
            element("thead", element("tr", *(heading.deepcopy() for heading in headings))),
            element("tbody", *rows),
            classes=["npg-evidence"],
        )


def write(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    strange = licences.unknown((*listed_assets(), *THEME, *THEME_SCRIPTS), ASSETS / "static")
    if strange:
        raise ExtensionError(f"shipped under a licence that is not known: {', '.join(strange)}")
    licences.write(Path(app.outdir, FOLDER), shipped())


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("contents")
    add_list(app, "licences", tables)
    # When site_assets has deleted what no page refers to.
    app.connect("build-finished", write, priority=960)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
