"""What the site ships of others, and the licence texts and notices that come with each.

All of it is read from the packages' own files: the wheels for the browser, the npm packages that
the bundles take something from, the Python packages whose style sheets and scripts the pages have,
and JupyterLite with its own list of what it is made from. What brings no licence text stops the
build.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from tools.live import lite, notebook, packages
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
BUNDLES = ("live/buttons.js", "live/page.js", "live/editor.js", "search.js", "slides/deck.js")
# Packages of npm that bring no text: the same licence in full comes with another.
SAME_LICENCE = {("pyodide", "MPL-2.0"): "axe-core"}
# CPython's licence, as its own package of typing features brings it.
PYTHONS_LICENCE = "typing-extensions"
# Their texts name the licence, their metadata do not.
NAMED = {"ipykernel": "BSD-3-Clause", "matplotlib-inline": "BSD-3-Clause"}
BROWSERS, LITES = "Python in the browser", "Notebooks in the browser (JupyterLite)"
LITE = ("jupyterlite-core", "jupyterlite-pyodide-kernel", "jupyterlab-widgets",
        "jupyterlab-pygments")  # fmt: skip
LISTED = "third-party-licenses.json"
# Packages in JupyterLite's list that bring no text: the package in it whose text is theirs, and
# the line that says whose they are where it differs.
WITHOUT_TEXT = {
    r"@(jupyter(lab|-notebook|-widgets)?|lumino)/.*": ("jupyterlab", None),
    r"@jupyterlite/.*": ("@jupyterlite/server", None),
    r"vega-(lite|util)": ("vega", None),
    r"@microsoft/fast-.*": ("tabbable", "Copyright (c) Microsoft Corporation"),
    r"json-schema-merge-allof": ("tabbable", "Copyright (c) Martin Hansen"),
}
COPYRIGHT = re.compile("^Copyright .*$", re.MULTILINE)


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
        name = f"jupyterlite {self.name}" if self.use == LITES else self.name
        return f"{re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-')}.txt"

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


def of_wheel(path: Path, use: str = BROWSERS) -> Shipped:
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(about).decode())
        texts = {
            name: wheel.read(name).decode(errors="replace")
            for name in names
            if NOTICE.fullmatch(name.rpartition("/")[2]) and not name.endswith(CODE)
        }
    name = str(metadata["Name"])
    licence = named(metadata) or NAMED.get(name, "")
    if re.search("MPL|Mozilla", licence):  # it asks where the source is, of who ships bytecode
        known = " ".join([*metadata.get_all("Project-URL", []), metadata.get("Home-page", "")])
        places = sorted(re.findall(r"https?://[^ ,]+", known), key=lambda one: "//git" not in one)
        if not places:
            raise Missing(f"{name} is under {licence} and does not say where its source is")
        texts = {"source": f"The source is at {places[0]}", **texts}
    return Shipped(use, name, str(metadata["Version"]), licence, texts)


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


def of_distribution(name: str, use: str = "The pages") -> Shipped:
    found = distribution(name)
    texts = {
        str(file): file.read_text("utf-8")
        for file in found.files or ()
        if NOTICE.fullmatch(file.name) and file.suffix not in CODE
    }
    metadata: Any = found.metadata
    return Shipped(use, found.metadata["Name"], found.version, named(metadata), texts)


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
    yield Shipped(BROWSERS, "Python", lock["info"]["python"], own.licence, own.texts)
    yield of_npm("pyodide", BROWSERS)
    yield from wheels


def listed() -> Iterator[dict[str, str]]:
    """What JupyterLite's scripts are made from: JupyterLab's own list, and its extensions'."""
    found = distribution("jupyterlite-core")
    (archive,) = (file for file in found.files or () if file.suffix == ".tgz")
    with tarfile.open(str(archive.locate())) as packed:
        member = packed.extractfile(f"package/build/{LISTED}")
        assert member is not None
        yield from json.load(member)["packages"]
    lab = of_distribution("jupyterlab", LITES)
    text = next(iter(lab.texts.values()))
    yield {"name": lab.name, "versionInfo": lab.version, "licenseId": "BSD-3-Clause",
           "extractedText": text}  # fmt: skip
    for name in lite.EXTENSIONS:
        path = notebook.EXTENSIONS / name / "static" / LISTED
        yield from json.loads(path.read_text("utf-8"))["packages"]


def of_list(found: Iterable[dict[str, str]], version: str) -> Shipped:
    """All packages of a list as one, each licence text once with the names of those it is for."""
    every = sorted(found, key=lambda one: one["name"])
    brought = {one["name"]: one["extractedText"].strip() for one in every if one["extractedText"]}
    texts: dict[str, list[str]] = {}
    for one in every:
        name, text = one["name"], brought.get(one["name"], "")
        for pattern, (other, owner) in WITHOUT_TEXT.items():
            if not text and re.fullmatch(pattern, name):
                text = brought.get(other, "")
                text = text if owner is None else COPYRIGHT.sub(owner, text)
        if not text or not one["licenseId"]:
            raise Missing(f"{name} is in JupyterLite and brings no licence text")
        texts.setdefault(text, []).append(f"{name} {one['versionInfo']} ({one['licenseId']})")
    licence = ", ".join(sorted({one["licenseId"] for one in every}))
    named = {"\n".join(dict.fromkeys(names)): text for text, names in texts.items()}
    return Shipped(LITES, "npm packages in its scripts", version, licence, named)


def jupyterlite() -> Iterator[Shipped]:
    """JupyterLite and the Python of its notebooks, where that could be fetched."""
    if not notebook.current():
        return
    own = [of_distribution(name, LITES) for name in LITE]
    yield from own
    yield of_list(listed(), own[0].version)
    yield from (of_wheel(path, LITES) for path in sorted(notebook.WHEELS.glob("*.whl")))


def shipped(fonts: Iterable[str]) -> list[Shipped]:
    """All that the site ships of others; the fonts are named by those who cut them."""
    pages = [of_distribution(name) for name in PAGES]
    return [
        *pages,
        of_npm(FORMULAS, "The pages"),
        *(of_npm(name, "Editor, search and slides") for name in bundled()),
        *(of_npm(name, "Fonts") for name in dict.fromkeys(fonts)),
        *python(),
        *jupyterlite(),
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
