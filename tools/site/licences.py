"""What the site ships of others, and the licence texts and notices that come with each.

All of it is read from the packages' own files: the wheels for the browser, the npm packages that
the bundles take something from, and the Python packages whose style sheets and scripts the pages
have. What brings no licence text stops the build.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tools.live import packages
from tools.site import node
from tools.toc import ROOT

NOTICE = re.compile(r"(.*[._-])?(LICEN[CS]E|COPYING|NOTICE|AUTHORS)([._-].*)?", re.IGNORECASE)
CODE = (".py", ".pyc", ".pyi")
# Python packages whose style sheets and scripts the pages' bundle is made from.
PAGES = (
    "Sphinx", "pydata-sphinx-theme", "sphinx-book-theme", "sphinx-design", "sphinx-copybutton",
    "sphinx-proof", "sphinx-exercise", "myst-nb", "Pygments", "accessible-pygments",
)  # fmt: skip
# What Sphinx writes for the book; the colours of code come from the last two.
WRITTEN = ("pygments.css", "documentation_options.js", "fonts.css")
FORMULAS = "temml"  # its style sheet
BUNDLES = ("live/buttons.js", "live/page.js", "live/editor.js", "search.js")
# Packages of npm that bring no text: the same licence in full comes with another.
SAME_LICENCE = {("pyodide", "MPL-2.0"): "axe-core"}
# CPython's licence, as its own package of typing features brings it.
PYTHONS_LICENCE = "typing-extensions"


class Missing(Exception):
    """Something is shipped whose licence is not known."""


@dataclass(frozen=True)
class Shipped:
    """A package of which the site ships something, and its texts by their files' names."""

    use: str
    name: str
    version: str
    licence: str
    texts: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.licence or not any(text.strip() for text in self.texts.values()):
            raise Missing(f"{self.name} {self.version} is shipped and brings no licence text")

    @property
    def file(self) -> str:
        """The name of the one file with all its texts."""
        return f"{re.sub(r'[^a-z0-9.]+', '-', self.name.lower()).strip('-')}.txt"

    @property
    def text(self) -> str:
        head = f"{self.name} {self.version}\nLicence: {self.licence}\n"
        parts = (f"{'-' * 72}\n{name}\n\n{text.rstrip()}\n" for name, text in self.texts.items())
        return "\n".join([head, *parts])


def named(metadata: Message) -> str:
    """A licence's name, from a Python package's metadata."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classified = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License :: ")
    ]
    stated = str(metadata.get("License", "")).strip()
    return ", ".join(classified) or stated.partition("\n")[0]


def of_wheel(path: Path) -> Shipped:
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(about).decode())
        texts = {
            name: wheel.read(name).decode(errors="replace")
            for name in names
            if NOTICE.fullmatch(name.rpartition("/")[2]) and not name.endswith(CODE)
        }
    use = "Python in the browser"
    return Shipped(use, str(metadata["Name"]), str(metadata["Version"]), named(metadata), texts)


def of_npm(name: str, use: str) -> Shipped:
    folder = node.PACKAGES / name
    about = json.loads((folder / "package.json").read_text("utf-8"))
    texts = {
        path.name: path.read_text("utf-8")
        for path in sorted(folder.iterdir())
        if NOTICE.fullmatch(path.name)
    }
    other = SAME_LICENCE.get((name, about.get("license", "")))
    if not texts and other:
        source = about["repository"]
        where = source["url"] if isinstance(source, dict) else source
        full = (node.PACKAGES / other / "LICENSE").read_text("utf-8")
        texts = {"source": f"The source is at {where}", about["license"]: full}
    return Shipped(use, name, about["version"], about.get("license", ""), texts)


def of_distribution(name: str) -> Shipped:
    found = distribution(name)
    texts = {
        str(file): file.read_text("utf-8")
        for file in found.files or ()
        if NOTICE.fullmatch(file.name) and file.suffix not in CODE
    }
    metadata: Any = found.metadata
    return Shipped("The pages", found.metadata["Name"], found.version, named(metadata), texts)


def bundled() -> list[str]:
    """The npm packages that the scripts' bundles take something from."""
    assets = ROOT / "book" / "_assets"
    with tempfile.TemporaryDirectory() as scratch:
        listing = Path(scratch, "meta.json")
        options = ["--bundle", "--format=esm", "--splitting", "--log-level=error"]
        subprocess.run(
            [
                *node.command("node"), node.PACKAGES / "esbuild" / "bin" / "esbuild",
                *(str(assets / name) for name in BUNDLES), *options,
                f"--outdir={scratch}", f"--metafile={listing}",
            ],
            check=True, cwd=ROOT, env={**os.environ, "NODE_PATH": str(node.PACKAGES)},
        )  # fmt: skip
        inputs = json.loads(listing.read_text("utf-8"))["inputs"]
    found = (re.search(r".*node_modules/((?:@[^/]+/)?[^/]+)/", name) for name in inputs)
    return sorted({match[1] for match in found if match})


def python() -> Iterator[Shipped]:
    """Python for the browser and its packages, where they could be fetched."""
    if not packages.current():
        return
    wheels = [of_wheel(path) for path in sorted(packages.PYTHON.glob("*.whl"))]
    lock = json.loads((packages.PYTHON / "pyodide-lock.json").read_text("utf-8"))
    (own,) = (one for one in wheels if one.name.replace("_", "-") == PYTHONS_LICENCE)
    use = "Python in the browser"
    yield Shipped(use, "Python", lock["info"]["python"], own.licence, own.texts)
    yield of_npm("pyodide", use)
    yield from wheels


def shipped(fonts: Iterable[str]) -> list[Shipped]:
    """All that the site ships of others; the fonts are named by those who cut them."""
    pages = [of_distribution(name) for name in PAGES]
    return [
        *pages,
        of_npm(FORMULAS, "The pages"),
        *(of_npm(name, "Editor and search") for name in bundled()),
        *(of_npm(name, "Fonts") for name in dict.fromkeys(fonts)),
        *python(),
    ]


def unknown(assets: Iterable[str], own: Path) -> list[str]:
    """The style sheets and scripts that are neither ours nor of a package in `PAGES`."""
    theirs = {plain(file.name) for name in PAGES for file in distribution(name).files or ()}
    ours = {*WRITTEN, *(path.name for path in own.iterdir())}
    return [name for name in assets if plain(name.rpartition("/")[2]) not in theirs | ours]


def plain(name: str) -> str:
    """A file's name without the hash of a copy and the mark of a template."""
    return re.sub(r"(\.[0-9a-f]{16,})?(\.css|\.js)(_t|\.jinja)?$", r"\2", name)


def write(folder: Path, packages: Iterable[Shipped]) -> None:
    """Write one text file for each package."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in packages:
        (folder / one.file).write_text(one.text, "utf-8")
