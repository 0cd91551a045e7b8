"""No other host is asked: the page's own policy refuses it, in the page, the worker and Python.

The other host is a server of this test that answers everybody, and nothing of the test stands
between: without the policy it would be reached, which a test shows, too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.live.running import run_code, start_python

pytestmark = [pytest.mark.site, pytest.mark.browser]

PAGE = "book/index.html"
# Each resolves when the browser has answered, whatever it has answered.
WAYS = {
    "fetch": "url => fetch(url).then(() => 'came', () => 'refused')",
    "an older request": """url => new Promise(done => {
      const request = new XMLHttpRequest();
      request.onload = () => done('came');
      request.onerror = () => done('refused');
      request.open('GET', url);
      request.send();
    })""",
    "a module": "url => import(url).then(() => 'came', () => 'refused')",
    "a stream of events": """url => new Promise(done => {
      const stream = new EventSource(url);
      stream.onopen = () => done('came');
      stream.onerror = () => { stream.close(); done('refused'); };
    })""",
}
IN_A_PAGE = {
    **WAYS,
    "a picture": """url => new Promise(done => {
      const picture = new Image();
      picture.onload = () => done('came');
      picture.onerror = () => done('refused');
      picture.src = url;
    })""",
    "a frame": """url => new Promise(done => {
      const frame = document.createElement('iframe');
      addEventListener('securitypolicyviolation', () => done('refused'));
      frame.onload = () => setTimeout(() => done('loaded'), 500);
      frame.src = url;
      document.body.append(frame);
    })""",
}
XHR = (
    "import js; r = js.XMLHttpRequest.new(); r.open('GET', '{url}', False); r.send(); "
    "print('came', r.status)"
)
FETCH = (
    "import js; from pyodide.ffi import create_proxy as keep; told = []; "
    "js.fetch('{url}').then(keep(lambda r: told.append('came')), "
    "keep(lambda e: told.append('refused')))"
)


class Other(BaseHTTPRequestHandler):
    """Answers everything, to whoever asks, and notes it."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        body = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
        kind = {"module": "text/javascript", "stream": "text/event-stream"}
        name = self.path.strip("/")
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Type", kind.get(name, "image/svg+xml"))
        self.end_headers()
        self.wfile.write(b"" if name in kind else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def url_of(server: Any, way: str = "") -> str:
    last = {"a module": "module", "a stream of events": "stream"}.get(way, "")
    return f"http://localhost:{server.server_port}/{last}"


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:
    """A page of the book in a browser that refuses nothing by itself."""
    context = chromium.new_context()
    opened = context.new_page()
    opened.goto(address + PAGE)
    yield opened
    context.close()


@pytest.mark.parametrize("way", IN_A_PAGE)
def test_a_page_asks_no_other_host(page: Any, other: Any, way: str) -> None:
    assert page.evaluate(IN_A_PAGE[way], url_of(other, way)) == "refused"
    assert other.asked == []


@pytest.mark.parametrize("way", IN_A_PAGE)
def test_without_its_policy_a_page_would(chromium: Any, address: str, other: Any, way: str) -> None:
    """So that the refusals are the policy's, and not this test's or the browser's."""
    context = chromium.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(address + PAGE)
    assert page.evaluate(IN_A_PAGE[way], url_of(other, way)) in ("came", "loaded")
    assert len(other.asked) == 1
    context.close()


def test_no_python_starts_without_the_policy(page: Any) -> None:
    """A worker has the policy of the page that makes its line; one from a file would have none."""
    start = """() => new Promise(done => {
      const worker = new Worker('../_static/live/worker.js', {type: 'module'});
      worker.onmessage = () => done('started');
      worker.onerror = () => done('refused');
      worker.postMessage({ask: 'nothing'});
    })"""
    assert page.evaluate(start) == "refused"


def test_neither_the_worker_nor_its_python_asks_another(page: Any, other: Any) -> None:
    """In the worker by each of the ways, and from a reader's cell through Python's bridge."""
    start_python(page)
    (worker,) = page.workers
    told = {way: worker.evaluate(code, url_of(other, way)) for way, code in WAYS.items()}
    assert told == dict.fromkeys(WAYS, "refused")
    assert "NetworkError" in run_code(page, XHR.format(url=url_of(other)))
    run_code(page, FETCH.format(url=url_of(other)))
    for _ in range(50):
        if "refused" in (text := run_code(page, "told")):
            break
    assert text == "['refused']"
    assert other.asked == []
