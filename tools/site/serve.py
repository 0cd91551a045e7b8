"""Serve _build/html on this machine alone.

python -m tools.site.serve [--port 8000]
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
HOST = "127.0.0.1"


class Handler(SimpleHTTPRequestHandler):
    """Serves files, or the book's 404 page; the browser is not to cache them; nothing is logged."""

    protocol_version = "HTTP/1.1"

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


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve _build/html on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    if not (SITE / "index.html").is_file():
        print("There is no book in _build/html yet: run `make book` first", file=sys.stderr)
        return 1
    try:
        httpd = server(port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"Port {port} is taken on this machine. Try another: make serve PORT={port + 1}",
            file=sys.stderr,
        )
        return 1
    print(f"Serving the book on http://{HOST}:{httpd.server_port}/  (Ctrl+C stops it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        httpd.serve_forever()
    httpd.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
