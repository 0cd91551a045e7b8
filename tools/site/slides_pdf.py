"""Print every deck of slides as a PDF, once without the speaker's notes and once with them.

    python -m tools.site.slides_pdf               # fails without Chromium
    python -m tools.site.slides_pdf --optional    # without Chromium says so

The notes to a slide are on the page after it. The page for teachers then lists the PDFs.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser

from tools.site import chromium, pdf, serve, slides

# A file has no page to which they could lead.
UNLINK = "() => document.querySelectorAll('a[href]').forEach(a => a.removeAttribute('href'))"
LIST = "book/for_teachers.html"


def print_deck(browser: Browser, address: str, path: Path, notes: bool) -> None:
    """Print the deck at this address in the layout that reveal.js has for paper."""
    query = "?view=print" + "&showNotes=separate-page" * notes
    page = pdf.opened(browser, address + query)
    page.emulate_media(media="screen")  # the book's rules for paper are for its pages
    page.wait_for_selector("html.reveal-print .pdf-page")
    page.wait_for_selector(".pdf-page section[hidden]", state="detached")
    page.evaluate(UNLINK)
    page.evaluate("() => document.fonts.ready.then(() => true)")
    pdf.describe(pdf.printed(page), page.title(), path)
    page.close()


def offer(html: str, deck: str) -> str:
    """The page for teachers with links to the PDFs of a deck beside the one to the deck."""
    before, link, after = html.partition(f'href="../slides/{deck}.html"')
    name, end, rest = after.partition("</a>")
    pdfs = (
        f', <a href="../slides/{deck}.pdf">PDF</a>'
        f', <a href="../slides/{deck}-notes.pdf">with notes</a>'
    )
    return before + link + name + end + pdfs * (pdfs not in rest) + rest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optional", action="store_true", help="succeed without Chromium")
    optional = parser.parse_args().optional
    start = time.perf_counter()
    page = serve.SITE / LIST
    if not page.is_file():
        print("There is no book in _build/html yet: run `make book` first", file=sys.stderr)
        return 1
    if chromium.program() is None:
        print("No Chromium on this machine: no slides are printed", file=sys.stderr)
        return 0 if optional else 1
    html = page.read_text("utf-8")
    decks = [deck for deck, _ in slides.decks()]
    with pdf.browser(serve.SITE) as (program, address):
        for deck in decks:
            for suffix, notes in (("", False), ("-notes", True)):
                path = serve.SITE / "slides" / f"{deck}{suffix}.pdf"
                print_deck(program, f"{address}slides/{deck}.html", path, notes)
            html = offer(html, deck)
    page.write_text(html, "utf-8")
    print(f"Printed {len(decks)} decks in {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
