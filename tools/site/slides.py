"""Make a deck of slides for each chapter, from its built page and an outline of the deck.

    python -m tools.site.slides [SITE]

`course/slides/NN.md` is the outline for chapter NN. What stands before its first heading is the
first slide; each `## Title` begins another. A line `![](#label)` puts there what has this label on
the chapter's page: a formula, a figure with its slider, a theorem, an exercise, a section, or a
cell by its id in the notebook (of a long one what it prints). `[](#label)` is its number. Formulas
within the text, too, are taken from the page, by their TeX. What stands after a line `Note:` only
the speaker sees. A label or a formula that the page does not have stops the build: a deck shows
nothing that its chapter no longer has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from tools.site import node
from tools.site.chapter import Chapter, Missing
from tools.toc import ROOT, documents

OUTLINES = ROOT / "course" / "slides"
SCRIPTS = ROOT / "book" / "_assets" / "slides"

SHOWN = re.compile(r"^!\[\]\(#([\w-]+)\)$", re.MULTILINE)
NUMBERED = re.compile(r"(?<!!)\[\]\(#([\w-]+)\)")
VIEW_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
WIDE = 1.6  # a picture of such proportions has its words above and below it, not beside it
# A slide without pictures that has fewer lines of so many characters is written larger, one that
# has more smaller; a formula on a line of its own needs room for two, and one for each of its rows.
CHARACTERS, FEW, MANY = 100, 8, 12
TAG = re.compile(r"<annotation.*?</annotation>|<[^>]*>", re.DOTALL)
PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <title>{title} &#8212; slides</title>
    <script>
      const mode = localStorage.getItem("mode");
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const theme = ["light", "dark"].includes(mode) ? mode : dark ? "dark" : "light";
      document.documentElement.dataset.theme = theme;
    </script>
    {fonts}
    <link rel="stylesheet" href="{sheet}"/>
    <link rel="stylesheet" href="../_static/slides/deck.css?v={version}"/>
    <link rel="icon" href="../_static/favicon.svg"/>
    <script type="module" src="../_static/slides/deck.js?v={version}"></script>
  </head>
  <body>
    <main class="reveal"><div class="slides">
{slides}
    </div></main>
  </body>
</html>
"""
FIRST = """<p class="npg-keys"><a href="../book/{chapter}.html">The chapter</a>.
Keys: S opens the speaker's window, Esc shows all slides, ? says the rest.</p>

"""
SLIDE = """<section><article class="bd-article {layout}">
{heading}
{body}
</article><aside class="notes">{notes}</aside></section>"""


def is_wide(picture: str) -> bool:
    width, height = map(float, VIEW_BOX.findall(picture)[0])
    return width > WIDE * height


def lines_of(words: str) -> int:
    """About how many lines these words fill."""
    pieces = [len(TAG.sub("", piece).strip()) for piece in words.split("</p>")]
    rows = 2 * words.count("<math display") + words.count("<mtr")
    return sum(-(-length // CHARACTERS) for length in pieces) + rows


class Deck:
    """A chapter's slides, from their outline."""

    def __init__(self, chapter: Chapter, outline: str) -> None:
        self.chapter = chapter
        self.reader = MarkdownIt("commonmark", {"typographer": True}).enable(["smartquotes"])
        self.reader.use(
            dollarmath_plugin,
            renderer=lambda tex, options: chapter.formula(tex, options["display_mode"]),
        )
        opening, *others = re.split(r"^## (.*)$", outline, flags=re.MULTILINE)
        first = FIRST.format(chapter=chapter.name)
        pairs = zip(others[::2], others[1::2], strict=True)
        self.slides = [
            self._slide(f"<h1>{chapter.title}</h1>", first + opening, "npg-first"),
            *(self._slide(f"<h2>{self._inline(title)}</h2>", text) for title, text in pairs),
        ]

    def _linked(self, text: str) -> str:
        return NUMBERED.sub(lambda found: self.chapter.link(found[1]), text)

    def _inline(self, text: str) -> str:
        return str(self.reader.renderInline(self._linked(text)))

    def _block(self, text: str) -> str:
        return str(self.reader.render(self._linked(text)))

    def _slide(self, heading: str, text: str, layout: str = "") -> str:
        body, _, notes = text.partition("\nNote:\n")
        if not notes.strip():
            raise Missing(f"a slide of {self.chapter.name} has no notes: {heading}")
        pieces = [
            self.chapter.shown(piece) if k % 2 else self._block(piece)
            for k, piece in enumerate(SHOWN.split(body))
        ]
        pictures = "".join(piece for piece in pieces if piece.startswith("<figure"))
        words = "".join(piece for piece in pieces if not piece.startswith("<figure"))
        if not pictures:
            lines = lines_of(words)
            size = "large" if lines < FEW else "small" if lines > MANY else "words"
            layout = layout or f"npg-{size}"
        elif not words:
            layout = "npg-stack"
        elif "eqno" in words or is_wide(pictures):
            layout, words = "npg-stack", "".join(pieces)
            pictures = ""
        else:
            layout, words = "npg-beside", f"<div>{words}</div>"
        return SLIDE.format(
            layout=layout, heading=heading, body=pictures + words, notes=self._block(notes)
        )

    def page(self, version: str) -> str:
        """The deck's HTML."""
        return PAGE.format(
            title=self.chapter.title,
            fonts=self.chapter.fonts,
            sheet=self.chapter.sheet,
            version=version,
            slides="\n".join(self.slides),
        )


def decks() -> Iterator[tuple[str, str]]:
    """Each chapter that has an outline, by the name of its deck and of its document."""
    for document in documents():
        number = Path(document).name.partition("_")[0]
        if (OUTLINES / f"{number}.md").is_file():
            yield number, document


def bundle(into: Path) -> str:
    """Write the script and the style sheet of all decks; return a hash of them."""
    subprocess.run(
        [
            *node.command("node"), node.PACKAGES / "esbuild" / "bin" / "esbuild",
            SCRIPTS / "deck.js", SCRIPTS / "deck.css", "--bundle", "--minify", "--format=esm",
            "--log-level=error", f"--outdir={into}",
        ],
        check=True, env={**os.environ, "NODE_PATH": str(node.PACKAGES)},
    )  # fmt: skip
    files = sorted(into.iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def chapter(site: Path, document: str) -> Chapter:
    notebook = json.loads((ROOT / f"{document}.ipynb").read_text("utf-8"))
    cells = [cell["id"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    html = (site / f"{document}.html").read_text("utf-8")
    return Chapter(Path(document).name, html, cells)


def write(site: Path) -> None:
    """Write every deck into the folder `slides` of the site."""
    version = bundle(site / "_static" / "slides")
    (site / "slides").mkdir(exist_ok=True)
    for number, document in decks():
        outline = (OUTLINES / f"{number}.md").read_text("utf-8")
        page = Deck(chapter(site, document), outline).page(version)
        (site / "slides" / f"{number}.html").write_text(page, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, nargs="?", default=ROOT / "_build" / "html")
    try:
        write(parser.parse_args().site)
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
