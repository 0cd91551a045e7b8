"""A server and browsers for the tests of the built site.

The browsers are the system's Chromium and Firefox. Where one is missing, a reader's tests skip and
say so; under CI they fail. The same holds for a site that has not been built.
"""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import SITE, Visit, settle, unavailable
from tests.site.firefox import Firefox
from tests.site.pages import View
from tools.site import serve
from tools.site.chromium import FLAGS, program

# Notes of libraries that say nothing about the page.
HARMLESS = ("strict mode: use allowUnionTypes",)


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        unavailable("there is no built site in _build/html: run `make book`")
    return SITE


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    httpd = serve.server(0, site)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://{serve.HOST}:{httpd.server_port}/"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@cache
def playwright() -> Any:
    """One for the process: a thread holds no second, and two folders of tests ask for it."""
    tools = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    atexit.register(tools.stop)
    return tools


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = program()
    if path is None:
        unavailable("no Chromium on this machine: install it, or name it in CHROMIUM")
    browser = playwright().chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    names = ("firefox", "firefox-esr")
    path = os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        unavailable("no Firefox on this machine: install it, or name it in FIREFOX")
    browser = Firefox(path, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def visit(chromium: Any, address: str) -> Callable[..., Any]:
    """Open a page of the site; no other host is reached, and the attempt is recorded.

    What else is given is a setting of the browser: `has_touch=True`, `forced_colors="active"`.
    """

    @contextmanager
    def open_page(view: View, **settings: Any) -> Iterator[Visit]:
        context = chromium.new_context(
            viewport={"width": view.width, "height": 900},
            color_scheme=view.theme,
            **{"reduced_motion": "reduce", **settings},
        )
        page = context.new_page()
        seen = Visit(page)

        def gate(route: Any) -> None:
            if route.request.url.startswith(address):
                route.continue_()
            else:
                seen.foreign.append(route.request.url)
                route.abort()

        def note(kind: str, text: str) -> None:
            if kind in ("error", "warning") and not any(word in text for word in HARMLESS):
                seen.errors.append(f"{kind}: {text}")

        context.route("**/*", gate)
        page.on("console", lambda message: note(message.type, message.text))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("requestfailed", lambda request: seen.failed.append(request.url))
        page.on("response", lambda r: seen.failed.append(r.url) if r.status >= 400 else None)
        try:
            page.goto(address + view.name, wait_until="load")
            settle(page)
            yield seen
        finally:
            context.close()

    return open_page


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, visit: Callable[..., Any]) -> Iterator[Visit]:
    """The page named by the test's parameter; tests of one module that ask for it share it."""
    with visit(request.param) as opened:
        yield opened
