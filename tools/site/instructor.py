"""Build the instructor's pages, with the exams' answers, into _build/instructor/html.

    python -m tools.site.instructor

They are no part of the site: nothing of _build/html leads here, and nothing publishes this folder.
The pages are the Markdown of `course/`. A label of the book that stands there as code, `fig-alpha`,
becomes a link to its place, with the number that it has. One that the book does not have stops the
build. So the book is built first. On paper an exam's answers are left out: a sheet for the class.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from functools import partial
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import docutils_namespace, patch_docutils

from tools.site.plain import NotOnThePage, Page
from tools.toc import ROOT

SITE = ROOT / "_build" / "html"
HTML = ROOT / "_build" / "instructor" / "html"
SOURCE = ROOT / "course"
PAGES = (
    "README.md", "plans/two_weeks.md", "plans/four_weeks.md", "plans/six_weeks.md",
    "outcomes.md", "grading.md",
    "instructor/README.md", "instructor/[0-9]*.md", "instructor/exam/*.md",
)  # fmt: skip
ANSWER = re.compile(r"^\*Answer\.\*.*?(?=^\*\*\d+\. |\Z)", re.M | re.S)
LABEL = re.compile(r"`((?:fig|thm|prop|lem|cor|def|ex|eq)-[\w-]+)`")
CONFIG = {
    "project": "The Natural Policy Gradient: to teach it",
    "root_doc": "README",
    "include_patterns": list(PAGES),
    "extensions": ["myst_parser", "mathml"],
    "myst_enable_extensions": ["colon_fence", "dollarmath"],
    "myst_heading_anchors": 3,
    "html_math_renderer": "mathml",
    "html_theme": "alabaster",
    "html_theme_options": {"page_width": "72rem", "sidebar_width": "15rem", "font_size": "1rem"},
    "html_copy_source": False,
    "html_use_index": False,
    "html_show_sphinx": False,
    "language": "en",
}
# The theme links this sheet. Formulas have the book's font, wide tables move by themselves, and an
# exam is printed without what the class is not to see.
STYLE = """\
@font-face {
  font-family: "STIX Two Math";
  src: url("../../../html/_static/fonts/stix-two-math-latin-400-normal.woff2");
}
.npg-unbroken { white-space: nowrap }
math { font-family: "STIX Two Math", math; font-size: 1.05em }
div.sphinxsidebar h1.logo { font-size: 1.3rem }
div.sphinxsidebar ul li { margin-bottom: 0.2rem }
table.docutils { display: block; overflow-x: auto; border: 0; box-shadow: none; margin: 1rem 0 }
@page { margin: 2cm }
@media print { .answer, div.sphinxsidebar, div.footer { display: none } }
"""

logger = logging.getLogger(__name__)


def sources() -> list[Path]:
    """The pages in the order in which they are listed."""
    return [path for pattern in PAGES for path in sorted(SOURCE.glob(pattern))]


class Book:
    """Where the built book has a label, and which number."""

    def __init__(self, site: Path = SITE) -> None:
        self.pages = [
            Page(path.relative_to(site).as_posix(), path.read_text("utf-8"))
            for path in sorted((site / "book").glob("*.html"))
        ]

    def find(self, label: str) -> tuple[str, str]:
        """The address of a label in the site, and what the book calls it: Figure 2.2, (2.4)."""
        for page in self.pages:
            anchor = next((a for a in (label, f"equation-{label}") if f'id="{a}"' in page.text), "")
            if anchor:
                number = page.number(label)
                return f"{page.name}#{anchor}", f"({number})" if anchor != label else number
        raise NotOnThePage(f"the built book has no {label}")


def link_to_the_book(book: Book, app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace labels by links, mark the answers, and list the pages under the first one."""
    up = "../" * (docname.count("/") + 2)

    def link(found: re.Match[str]) -> str:
        try:
            address, number = book.find(found[1])
        except NotOnThePage as error:
            logger.warning("%s: %s", docname, error)
            return found[0]
        return f"<a href='{up}html/{address}'>{number}</a>"

    linked = LABEL.sub(link, source[0])
    source[0] = ANSWER.sub(lambda found: f":::{{container}} answer\n{found[0]}:::\n\n", linked)
    if docname == app.config.root_doc:
        names = (path.relative_to(SOURCE).with_suffix("").as_posix() for path in sources())
        listed = "\n".join(name for name in names if name != docname)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"


def build(html: Path = HTML, site: Path = SITE) -> int:
    """Build the pages; return the exit code."""
    if not (site / "index.html").is_file():
        print("The instructor's pages point into the book: run `make book` first", file=sys.stderr)
        return 1
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    shutil.rmtree(html, ignore_errors=True)
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            srcdir=SOURCE, confdir=None, outdir=html, doctreedir=html.parent / "doctrees",
            buildername="html", confoverrides=CONFIG, status=None, freshenv=True,
            warningiserror=True, keep_going=True,
        )  # fmt: skip
        app.connect("source-read", partial(link_to_the_book, Book(site)))
        app.build()
    if app.statuscode:
        shutil.rmtree(html, ignore_errors=True)
        print("The instructor's pages were not built: see the warnings above", file=sys.stderr)
        return app.statuscode
    (html / "_static" / "custom.css").write_text(STYLE, "utf-8")
    shutil.copyfile(html / "README.html", html / "index.html")
    print(f"Built the instructor's pages in {html}, which nothing publishes", flush=True)
    return 0


def main() -> int:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    return build()


if __name__ == "__main__":
    sys.exit(main())
