"""Pack the built site into one file for a stick: unpack it, double-click, read and run.

    python -m tools.site.archive

`_build/the-natural-policy-gradient.zip` holds the site and a start file for each system, which
serves it to the reader's own computer with what that system has: PowerShell, Python or Perl. The
same site makes the same bytes.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tools.site import serve
from tools.toc import ROOT

NAME = "the-natural-policy-gradient"
ARCHIVE = ROOT / "_build" / f"{NAME}.zip"
STICK = Path(__file__).with_name("stick")
EARLIEST = (1980, 1, 1, 0, 0, 0)
# What does not get smaller.
PACKED = {".png", ".pdf", ".whl", ".woff2", ".zip"}
START = "start-on-linux.sh"


def contents(site: Path) -> Iterator[tuple[str, bytes]]:
    """The archive's files by their names in it, in their order."""
    yield "README.txt", text(STICK / "README.txt", "\r\n")
    yield START, text(STICK / START)
    yield "start-on-macos.command", text(STICK / START)
    yield "start-on-windows.bat", text(STICK / "start-on-windows.bat", "\r\n")
    yield "serve/serve.pl", with_types("serve.pl", "  '{}' => '{}',", "\n")
    yield "serve/serve.ps1", with_types("serve.ps1", "  '{}' = '{}'", "\r\n")
    yield "serve/serve.py", text(Path(serve.__file__))
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site)
        if path.is_file() and not name.parts[0].startswith("."):
            yield f"site/{name.as_posix()}", path.read_bytes()


def text(path: Path, end: str = "\n") -> bytes:
    """A file's text with the line ends that its reader's system is used to."""
    return path.read_text("utf-8").replace("\n", end).encode()


def with_types(name: str, row: str, end: str) -> bytes:
    """A server's text with the types that ours sends."""
    rows = end.join(row.format(*one) for one in serve.TYPES.items())
    return text(STICK / name, end).replace(b"  # TYPES", rows.encode(), 1)


def pack(site: Path, archive: Path) -> None:
    """Write the archive of this site."""
    fresh = archive.with_suffix(".new")
    with zipfile.ZipFile(fresh, "w") as made:
        for name, data in contents(site):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", EARLIEST)
            entry.create_system = 3  # Unix, wherever it is made: who unpacks it may start it
            runs = name.endswith((".sh", ".command"))
            entry.external_attr = (0o100755 if runs else 0o100644) << 16
            stored = Path(name).suffix in PACKED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            made.writestr(entry, data, compresslevel=9)
    fresh.replace(archive)


def main() -> int:
    if not (serve.SITE / "index.html").is_file():
        print("There is no book in _build/html yet: run `make book` first", file=sys.stderr)
        return 1
    if not (serve.SITE / "_static" / "live" / "python").is_dir():
        print("The site has no Python for the browser: its code cannot be run", file=sys.stderr)
    pack(serve.SITE, ARCHIVE)
    print(f"Packed _build/{ARCHIVE.name}, {ARCHIVE.stat().st_size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
