"""Serve _build/html on this machine alone.

    python -m tools.site.serve [--port 8000]

It is a file of the stick's archive, too, and so needs nothing but Python (tools/site/archive.py).
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import sys
import webbrowser
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
HOST = "127.0.0.1"
PORTS = range(8000, 8020)  # where the first that is free will do
# Stated here, because on Windows the registry may say otherwise, and a browser runs no script that
# comes as plain text.
TYPES = {
    ".bib": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".ipynb": "application/json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}


class Handler(SimpleHTTPRequestHandler):
    """Serves files, or the book's 404 page; the browser is not to cache them; nothing is logged."""

    protocol_version = "HTTP/1.1"

    def guess_type(self, path: str | PathLike[str]) -> str:
        return TYPES.get(Path(path).suffix.lower(), "application/octet-stream")

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html")
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            return super().send_error(code, message, explain)
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True


def server(port: int, site: Path = SITE) -> Server:
    """A server on 127.0.0.1, ready to `serve_forever`; port 0 picks a free one."""
    return Server((HOST, port), partial(Handler, directory=str(site)))


def first_free(site: Path) -> Server:
    for port in PORTS[:-1]:
        with contextlib.suppress(OSError):
            return server(port, site)
    return server(PORTS[-1], site)


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve a built site on 127.0.0.1.")
    parser.add_argument("--port", type=int, help=f"default: the first free from {PORTS[0]} on")
    parser.add_argument("--site", type=Path, default=SITE, help="its folder")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    asked = parser.parse_args()
    if not (asked.site / "index.html").is_file():
        print("There is no book in _build/html yet: run `make book` first", file=sys.stderr)
        return 1
    try:
        httpd = first_free(asked.site) if asked.port is None else server(asked.port, asked.site)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        another = (asked.port or PORTS[-1]) + 1
        print(
            f"Port {another - 1} is taken on this machine. Try another: make serve PORT={another}",
            file=sys.stderr,
        )
        return 1
    address = f"http://{HOST}:{httpd.server_port}/"
    print(f"Serving the book on {address}  (Ctrl+C stops it)", flush=True)
    if asked.open:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        httpd.serve_forever()
    httpd.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
