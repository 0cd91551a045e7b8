"""Print the built book: one PDF of all of it, and one of each page for its download button.

    python -m tools.site.pdf               # fails without Chromium
    python -m tools.site.pdf --optional    # without Chromium says so and leaves the site as it is

The pages are printed by the system's Chromium, with the style sheet and the script with which they
are printed from any browser (print.css, print.js). The front page's button has the whole book.
Chromium does not know on which page a link's target comes to stand, so the whole book is printed
twice: the second time with the numbers that the first had.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import yaml
from playwright.sync_api import Browser, Page, Route, sync_playwright

from tools.site import chromium, serve
from tools.toc import ROOT, documents

BOOK = "the-natural-policy-gradient.pdf"
GATHER = Path(__file__).with_name("whole_book.js").read_text("utf-8")
# A chapter printed alone has no page to which a link into another chapter could go.
UNLINK = """() => document.querySelectorAll("article a[href]").forEach(link => {
  if (link.origin === location.origin && link.pathname !== location.pathname)
    link.removeAttribute("href");
})"""
PRINT_BUTTON = re.compile(r'<button class="btn btn-sm npg-download npg-print[^>]*>(.*?)</button>')
SPACE = "\u2002"
MOST_PRINTINGS = 4  # a number may break a line, and so move what comes after it


def citation() -> dict[str, Any]:
    """What CITATION.cff says of the book."""
    whole = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    return {
        "abstract": whole["abstract"],
        "keywords": whole["keywords"],
        **whole["preferred-citation"],
    }


@contextmanager
def browser(site: Path) -> Iterator[tuple[Browser, str]]:
    """Chromium, and the address under which it finds the site."""
    httpd = serve.server(0, site)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    with sync_playwright() as tools:
        yield (
            tools.chromium.launch(executable_path=chromium.program(), args=chromium.FLAGS),
            f"http://{serve.HOST}:{httpd.server_port}/",
        )
    httpd.shutdown()
    httpd.server_close()


def opened(browser: Browser, address: str) -> Page:
    """The page, with its fonts: on the screen a late one is done without, on paper it is not."""

    def wait_for_fonts(route: Route) -> None:
        response = route.fetch()
        route.fulfill(
            response=response,
            body=response.text().replace("font-display:optional", "font-display:block"),
        )

    page = browser.new_page()
    page.route("**/book.css*", wait_for_fonts)
    page.goto(address, wait_until="load")
    return page


def printed(page: Page) -> pikepdf.Pdf:
    data = page.pdf(tagged=True, outline=True, prefer_css_page_size=True)
    return pikepdf.open(BytesIO(data))


def places(pdf: pikepdf.Pdf) -> dict[str, int]:
    """The page, counted from one, of each target of a link."""
    numbers = {page.objgen: k for k, page in enumerate(pdf.pages, start=1)}
    targets: Any = pdf.Root.get("/Dests", {})
    return {name[1:]: numbers[target[0].objgen] for name, target in targets.items()}


def describe(pdf: pikepdf.Pdf, title: str, path: Path) -> None:
    """Write the PDF with what it is about, and open it with its bookmarks shown."""
    known = citation()
    with pdf.open_metadata() as about:
        about["dc:title"] = title
        about["dc:creator"] = [author["name"] for author in known["authors"]]
        about["dc:description"] = " ".join(known["abstract"].split())
        about["dc:subject"] = set(known["keywords"])
        about["dc:language"] = {"en"}
        about["dc:rights"] = known["license"]
        about["pdf:Keywords"] = ", ".join(known["keywords"])
    pdf.Root.PageMode = pikepdf.Name.UseOutlines
    pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
    pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def print_book(browser: Browser, address: str, path: Path) -> int:
    """Print all documents as one; return the number of pages."""
    known = citation()
    title, _, subtitle = known["title"].partition(": ")
    authors = ", ".join(author["name"] for author in known["authors"])
    lines = [
        title, subtitle.capitalize(), authors, f"Version {known['version']}",
        "Text and figures: CC BY 4.0. Code: BSD 3-Clause.",
        "Most code that is folded away on the pages is left out here; the notebooks have it.",
        "A slider is shown by some of its frames, with the values under each.",
    ]  # fmt: skip
    page = opened(browser, f"{address}{documents()[0]}.html")
    page.evaluate(GATHER, {"documents": documents(), "lines": lines})
    page.evaluate("() => document.fonts.ready.then(() => true)")
    numbers: dict[str, int] = {}
    for _ in range(MOST_PRINTINGS):
        rules = "".join(
            f'.npg-contents a[href="#{name}"]::after {{ content: "{number}" }}'
            f'.npg-to-solution a[href="#{name}"]::after {{ content: ", page {number}" }}'
            f'.npg-listed[href="#{name}"]::after {{ content: " (p. {number})" }}'
            f'.npg-indexed[href="#{name}"]::after {{ content: "{SPACE}{number}" }}'
            for name, number in numbers.items()
        )
        page.evaluate(
            "rules => { document.getElementById('page-numbers').textContent = rules }", rules
        )
        pdf = printed(page)
        before, numbers = numbers, places(pdf)
        if numbers == before:
            break
    else:
        raise RuntimeError("the page numbers move something to another page each time")
    describe(pdf, f"{title}: {subtitle}", path)
    page.close()
    return len(pdf.pages)


def print_page(browser: Browser, address: str, path: Path) -> None:
    page = opened(browser, address)
    page.evaluate(UNLINK)
    describe(printed(page), page.title(), path)
    page.close()


def offer(html: Path, pdf: str) -> None:
    """Let the page's download button fetch the PDF, in place of opening the print dialogue."""
    attributes = f'class="btn btn-sm npg-download" href="{pdf}" title="Download as PDF" download'
    link = rf"<a {attributes}>\1</a>"
    html.write_text(PRINT_BUTTON.sub(link, html.read_text("utf-8")), "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optional", action="store_true", help="succeed without Chromium")
    optional = parser.parse_args().optional
    start = time.perf_counter()
    site = serve.SITE
    if not (site / "index.html").is_file():
        print("There is no book in _build/html yet: run `make book` first", file=sys.stderr)
        return 1
    if chromium.program() is None:
        print("No Chromium on this machine: no PDF is made", file=sys.stderr)
        return 0 if optional else 1
    front, *others = documents()
    with browser(site) as (program, address):
        pages = print_book(program, address, site / BOOK)
        offer(site / f"{front}.html", f"../{BOOK}")
        for name in others:
            print_page(program, f"{address}{name}.html", site / f"{name}.pdf")
            offer(site / f"{name}.html", f"{Path(name).name}.pdf")
    seconds = time.perf_counter() - start
    print(f"Printed the book, {pages} pages, and {len(others)} of its pages in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
