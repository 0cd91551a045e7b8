"""The site from any host: a folder of a plain web server, a stick, and a file that was clicked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from tests.live import lite
from tests.live.compare import differences
from tests.live.running import notebook_of
from tests.site.browser import settle, unavailable
from tests.site.pages import MADE, PAGES
from tools.site import archive, serve

pytestmark = [pytest.mark.site, pytest.mark.browser]

FIRST = "book/01_policy_gradient.html"
LONG = 120_000  # milliseconds, on a machine where others are at work
SERVING = re.compile(r"http://127\.0\.0\.1:\d+/|port (\d+)")


@contextmanager
def served(command: list[str], **options: Any) -> Iterator[str]:
    """The address that a server, started by this command, says that it is at."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "BROWSER": "true", **options.pop("env", {})}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options
    ) as process:
        try:
            assert process.stdout is not None
            said = SERVING.search(process.stdout.readline())
            assert said is not None
            yield f"http://127.0.0.1:{said[1]}/" if said[1] else said[0]
        finally:
            process.terminate()


@contextmanager
def tab(chromium: Any, address: str) -> Iterator[tuple[Any, list[str]]]:
    """An empty tab in which a request anywhere else, a failed one and an error are noted."""
    wrong: list[str] = []
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.on(
        "request", lambda r: r.url.startswith((address, "data:", "blob:")) or wrong.append(r.url)
    )
    page.on("response", lambda r: r.status < 400 or wrong.append(f"{r.status} {r.url}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page, wrong
    finally:
        context.close()


def run_first_cell(page: Any) -> str:
    page.locator(".npg-run").first.click()
    page.wait_for_function(
        "() => ['ready', 'error'].includes(document.querySelector('#npg-live').dataset.state)",
        timeout=LONG,
    )
    return page.evaluate("document.querySelector('#npg-live').dataset.state")


def with_python(site: Path) -> None:
    if not (site / "_static" / "live").is_dir():
        unavailable("the site was built without Python for the browser")


@pytest.fixture(scope="module")
def below(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site as a folder below others on Python's own server, which knows nothing of it."""
    root = tmp_path_factory.mktemp("host")
    (root / "a").mkdir()
    (root / "a" / "b").symlink_to(site, target_is_directory=True)
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(root), "0"]
    with served(command) as host:
        yield f"{host}a/b/"


def test_every_link_leads_somewhere_below_a_folder(site: Path, below: str) -> None:
    """Whatever a page links to or fetches is there, and none of it is above the folder."""
    asked: dict[str, str] = {}
    for name in [*PAGES, "search.html"]:
        text = (site / name).read_text("utf-8")
        for link in re.findall(r'<(?:a|link|script|img)\b[^>]*? (?:href|src)="([^"]+)"', text):
            if not urlsplit(link).scheme:
                asked[urldefrag(urljoin(below + name, link)).url] = name
    assert len(asked) > 100
    dead = {}
    for address, name in asked.items():
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD")).close()
        except urllib.error.HTTPError as error:
            dead[address] = f"{error.code}, from {name}"
        if not address.startswith(below):
            dead[address] = f"above the folder, from {name}"
    assert dead == {}


def test_search_previews_and_code_work_below_a_folder(
    chromium: Any, site: Path, below: str
) -> None:
    with_python(site)
    with tab(chromium, below) as (page, wrong):
        page.goto(below + FIRST)
        settle(page)
        assert run_first_cell(page) == "ready"
        page.keyboard.press("Control+k")
        page.keyboard.type("fisher")
        page.locator("#pst-search-dialog .npg-results a").first.click()
        page.wait_for_url(re.compile(re.escape(below)))
        page.goto(below + "book/03_kl_step.html")
        link = page.locator("article a.internal[href*='#thm-'], article a.internal[href*='#eq-']")
        link.first.scroll_into_view_if_needed()
        link.first.hover()
        page.wait_for_selector(".npg-preview", state="visible")
        assert wrong == []


def test_a_notebook_opens_and_runs_below_a_folder(chromium: Any, site: Path, below: str) -> None:
    """In JupyterLite, from its page's own link, with nothing asked from above the folder."""
    with_python(site)
    with tab(chromium, below) as (page, wrong):
        page.goto(f"{below}book/ledger.html")
        lite.open_notebook(page)
        lite.run_all(page)
        notebook = notebook_of("book/ledger.html")
        assert differences(notebook, lite.shown(page, notebook)) == []
        assert [what for what in wrong if not what.startswith(f"404 {below}")] == []


def test_the_404_page_below_a_folder_leads_back(chromium: Any, below: str) -> None:
    """A host that shows it for any address, however deep, as static hosts do."""
    with tab(chromium, below) as (page, _):
        body = urllib.request.urlopen(f"{below}404.html").read().decode()

        def missing(route: Any) -> None:
            route.fulfill(status=404, body=body, content_type="text/html")

        page.route("**/no/such/**", missing)
        page.goto(f"{below}no/such/page.html")
        page.wait_for_function(
            "base => [...document.querySelectorAll('main a')].every(a => a.href.startsWith(base))",
            arg=below,
        )
        page.locator("main a").nth(1).click()
        page.wait_for_selector("article h1")


def sent(address: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(address, method="HEAD")) as answer:
        return answer.headers.get_content_type()


def test_our_server_states_types_whatever_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows the registry may call a script plain text; a browser would not run it."""
    import mimetypes

    for suffix in serve.TYPES:
        monkeypatch.setitem(mimetypes.types_map, suffix, "text/wrong")
        (tmp_path / f"x{suffix}").touch()
    handler = serve.Handler.__new__(serve.Handler)
    for suffix, kind in serve.TYPES.items():
        assert handler.guess_type(str(tmp_path / f"x{suffix.upper()}")) == kind
    assert handler.guess_type("a.wasm") == "application/wasm"
    assert handler.guess_type("a.mjs").startswith("text/javascript")


def test_every_kind_of_file_in_the_site_has_a_type(site: Path) -> None:
    """But for what no page shows or runs."""
    untyped = {".whl", ".inv", ".js_t", ""}
    suffixes = {path.suffix for path in site.rglob("*") if path.is_file()}
    assert suffixes - untyped <= {*serve.TYPES, ".buildinfo"}


@pytest.fixture(scope="module")
def stick(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked where the path has spaces and letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("stick") / "Schüler stick 数学"
    made = folder / "made.zip"
    folder.mkdir()
    archive.pack(site, made)
    with zipfile.ZipFile(made) as packed:
        packed.extractall(folder)
        for entry in packed.infolist():
            (folder / entry.filename).chmod(entry.external_attr >> 16)
    return folder / archive.NAME


def without_python(folder: Path) -> dict[str, str]:
    """The variables of a machine that has Perl and no Python."""
    folder.mkdir()
    for name in ("dirname", "perl", "uname", "sh", "true"):
        (folder / name).symlink_to(shutil.which(name) or "")
    return {"PATH": str(folder)}


@pytest.mark.parametrize("start", [archive.START, "start-on-macos.command"])
@pytest.mark.parametrize("language", ["python", "perl"])
def test_the_stick_starts_and_its_code_runs(
    chromium: Any,
    stick: Path,
    tmp_path: Path,
    start: str,
    language: str,
) -> None:
    """Pages, the types of their files, the page for what is not there, and a cell."""
    with_python(stick / "site")
    env = without_python(tmp_path / "bin") if language == "perl" else {}
    with served([str(stick / start)], cwd=tmp_path, env=env) as address:
        for name in ("index.html", FIRST, *MADE):
            assert sent(address + name) == "text/html"
        core = f"{address}_static/live/python/pyodide"
        assert sent(f"{core}.asm.wasm") == "application/wasm"
        assert sent(f"{core}.mjs") == "text/javascript"
        for outside in ("no/such.html", "../README.txt", "%2e%2e/README.txt"):
            with pytest.raises(urllib.error.HTTPError, match="404") as missing:
                urllib.request.urlopen(address + outside)
            assert b"There is no such page" in missing.value.read()
        with tab(chromium, address) as (page, wrong):
            page.goto(address + FIRST)
            settle(page)
            assert run_first_cell(page) == "ready"
            assert wrong == []


def test_the_stick_holds_the_site_and_says_what_to_do(site: Path, stick: Path) -> None:
    ours = {p.relative_to(site) for p in site.rglob("*") if p.is_file() and p.name[0] != "."}
    on_stick = {p.relative_to(stick / "site") for p in (stick / "site").rglob("*") if p.is_file()}
    assert ours == on_stick
    told = (stick / "README.txt").read_text("utf-8")
    for start in (archive.START, "start-on-macos.command", "start-on-windows.bat"):
        assert (stick / start).is_file() and start in told
    assert os.access(stick / archive.START, os.X_OK)
    assert subprocess.run(["sh", "-n", str(stick / archive.START)], check=False).returncode == 0


def test_every_server_on_the_stick_sends_the_same_types(stick: Path) -> None:
    """PowerShell's is not run here; its table is ours, and so are its page and its port."""
    rows = re.compile(r"^  '(\.\w+)' =>? '([^']+)',?\r?$", re.MULTILINE)
    for name in ("serve.pl", "serve.ps1"):
        text = (stick / "serve" / name).read_bytes().decode("ascii")
        assert dict(rows.findall(text)) == serve.TYPES
        assert "404.html" in text and "8000" in text
    windows = (stick / "start-on-windows.bat").read_bytes()
    assert b"serve\\serve.ps1" in windows and windows.count(b"\r\n") == windows.count(b"\n")
    # A script for Windows PowerShell is read as ASCII, and its brackets close.
    script = (stick / "serve" / "serve.ps1").read_text("ascii")
    assert [script.count(mark) for mark in "({["] == [script.count(mark) for mark in ")}]"]


def test_the_archive_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    for name in ("index.html", "b.png", ".buildinfo"):
        (tmp_path / "site" / name).write_text(name, "utf-8")
    archive.pack(tmp_path / "site", tmp_path / "one.zip")
    (tmp_path / "site" / "index.html").touch()
    archive.pack(tmp_path / "site", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert f"{archive.NAME}/site/index.html" in names
    assert f"{archive.NAME}/site/.buildinfo" not in names


def test_a_page_that_was_clicked_reads_well_and_says_why_not_run(
    chromium: Any, stick: Path
) -> None:
    """By file://, where browsers load no modules: its text, style and figures are there."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto((stick / "site" / FIRST).as_uri())
    assert page.locator("article h1").is_visible()
    font = page.evaluate("getComputedStyle(document.querySelector('article p')).fontFamily")
    assert "Source Serif" in font
    if page.locator(".npg-run").count():
        page.locator(".npg-run").first.click()
        said = page.locator("#npg-live [role=status]")
        said.filter(has_text="start").wait_for(timeout=5000)
        assert "start" in (said.text_content() or "") and "README" in (said.text_content() or "")
    context.close()
