"""A Content-Security-Policy in every page: the browser holds the book to asking no other host.

    python -m tools.site.policy [SITE]

Allowed are the site's own files, the few scripts that stand in the page itself, by their hash,
WebAssembly, and the worker in which the page's Python runs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from tools.toc import ROOT

RULES = {
    # Firefox fetches the next page ahead, which no narrower rule covers.
    "default-src": "'self'",
    "object-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    # Figures and formulas carry their sizes and colours with them.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    # The worker starts from a line that the page makes, and so has this policy, too.
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
}
INLINE = re.compile(r"<script(?![^>]*\b(?:src|type)=)[^>]*>(.*?)</script>", re.S)
EARLIER = re.compile(r'\n  <meta http-equiv="Content-Security-Policy"[^>]*>')
HEAD = re.compile(r"<head>|<head [^>]*>")


def policy(page: str, rules: dict[str, str] = RULES) -> str:
    """The policy for a page's HTML, by these rules and with the scripts that stand in it."""
    digests = [hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page)]
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    rules = {**rules, "script-src": " ".join([rules["script-src"], *dict.fromkeys(hashes)])}
    return "; ".join(f"{name} {allowed}" for name, allowed in rules.items())


def with_policy(page: str, rules: dict[str, str] = RULES) -> str:
    """The page with its policy, in force before anything else is read."""
    page = EARLIER.sub("", page)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(page, rules)}"/>'
    return HEAD.sub(lambda head: f"{head[0]}\n  {meta}", page, count=1)


def pages(site: Path) -> Iterator[Path]:
    """The pages of a built site; JupyterLite's have a policy of their own (tools/live/lite.py)."""
    for path in sorted(site.rglob("*.html")):
        if not {"_static", "lite"}.intersection(path.relative_to(site).parts):
            yield path


def add(site: Path) -> None:
    """Give every page of the site its policy."""
    for path in pages(site):
        path.write_text(with_policy(path.read_text("utf-8")), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, nargs="?", default=ROOT / "_build" / "html")
    add(parser.parse_args().site)


if __name__ == "__main__":
    main()
