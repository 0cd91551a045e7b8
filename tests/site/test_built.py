"""What the built files show without a browser: links lead somewhere, nothing points abroad."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.site.pages import NOTEBOOK_PAGES, PAGES

pytestmark = pytest.mark.site


class Links(HTMLParser):
    """Ids, links between pages, and whatever a browser would fetch by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.handlers += [key for key in values if key.startswith("on")]
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a" and "href" in values:
            self.anchors.append(values["href"])
        if tag in ("script", "img", "iframe", "source", "video", "audio") and "src" in values:
            self.fetched.append(values["src"])
        if tag == "link" and values.get("rel") in (
            "stylesheet",
            "icon",
            "preload",
            "modulepreload",
        ):
            self.fetched.append(values["href"])


@pytest.fixture(scope="session")
def parsed(site: Path) -> dict[Path, Links]:
    return {path: Links(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_document_of_the_table_of_contents_is_built(site: Path) -> None:
    assert [name for name in PAGES if not (site / name).is_file()] == []


def test_no_script_stands_in_an_attribute(parsed: dict[Path, Links]) -> None:
    """A security policy allows scripts by their file or their hash; a handler has neither."""
    assert {str(path): page.handlers for path, page in parsed.items() if page.handlers} == {}


def test_links_within_the_book_lead_somewhere(site: Path, parsed: dict[Path, Links]) -> None:
    dead = []
    for path, page in parsed.items():
        for link in page.anchors:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            file, anchor = urldefrag(link)
            folder = site if file.startswith("/") else path.parent
            place = unquote(urlsplit(file).path).lstrip("/")
            target = (folder / place).resolve() if file else path
            if target.is_dir():
                target = target / "index.html"
            known = parsed.get(target)
            if not target.is_file():
                dead.append(f"{path.relative_to(site)} -> {link}")
            elif anchor and known is not None and unquote(anchor) not in known.ids:
                dead.append(f"{path.relative_to(site)} -> {link} (no such place on the page)")
    assert dead == []


def test_nothing_is_fetched_from_another_host(site: Path, parsed: dict[Path, Links]) -> None:
    abroad = [
        f"{path.relative_to(site)}: {source}"
        for path, page in parsed.items()
        for source in page.fetched
        if urlsplit(source).netloc
    ]
    for sheet in site.rglob("*.css"):
        text = sheet.read_text("utf-8")
        found = re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", text)
        abroad += [f"{sheet.relative_to(site)}: {source}" for source in found]
    assert abroad == []


def test_no_id_is_used_twice_on_a_page(site: Path, parsed: dict[Path, Links]) -> None:
    twice = {
        str(path.relative_to(site)): sorted({i for i in page.ids if page.ids.count(i) > 1})
        for path, page in parsed.items()
        if len(page.ids) != len(set(page.ids))
    }
    assert twice == {}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leaves_no_marker_unresolved(site: Path, name: str) -> None:
    article = (site / name).read_text("utf-8").partition("<article")[2].partition("</article>")[0]
    prose = re.sub(r"<(pre|svg|script|code)\b.*?</\1>", " ", article, flags=re.S)
    prose = re.sub(r'<(?:span|div) class="math.*?</(?:span|div)>', " ", prose, flags=re.S)
    words = re.sub(r"<[^>]+>", " ", prose)
    assert (
        re.findall(r"\{(?:eq|ref|numref|cite|prf|doc|glue)[:}][^}]*\}?|\?\?\?|```|\$\$", words)
        == []
    )
    assert re.findall(r"(?:thm|prop|lem|cor|def|fig|eq|ex)-[a-z0-9]+[a-z0-9-]*", words) == []


FRAMES = re.compile(
    r'<div class="npg-frame"[^>]*>(.*?)</div><script type="application/json">(.*?)</script>', re.S
)


@pytest.mark.parametrize("name", NOTEBOOK_PAGES)
def test_the_frames_of_a_slider_share_a_box_and_differ(site: Path, name: str) -> None:
    """The picture that stands in the page is a frame; all have one size; each step is seen."""
    for first, data in FRAMES.findall((site / name).read_text("utf-8")):
        told = json.loads(data)
        frames, sizes = told["frames"], [len(readouts) for readouts in told["readouts"]]
        assert len(frames) == math.prod(sizes)
        assert len({re.search(r'viewBox="([^"]+)"', frame)[1] for frame in frames}) == 1
        assert first in frames
        drawn = [re.sub(r'aria-label="[^"]*"', "", frame) for frame in frames]
        inner = sizes[-1]
        for k in range(len(frames) - 1):
            if (k + 1) % inner:
                assert drawn[k] != drawn[k + 1], f"frames {k} and {k + 1} look alike"


WRITES_A_FORMULA_OR_DRAWS_A_WIDGET = ("mjx-container", "MathJax", "jupyter-widgets", "fontawesome")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_brings_what_the_build_has_done(site: Path, name: str) -> None:
    text = (site / name).read_text("utf-8")
    assert [word for word in WRITES_A_FORMULA_OR_DRAWS_A_WIDGET if word in text] == []


@pytest.mark.parametrize("name", NOTEBOOK_PAGES)
def test_no_cell_of_a_page_printed_an_error(site: Path, name: str) -> None:
    text = (site / name).read_text("utf-8")
    assert 'class="output traceback' not in text
    assert "output stderr" not in text
