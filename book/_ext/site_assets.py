"""One style sheet, one script and small fonts in the place of forty files, all from our own host.

Sphinx, the theme and the extensions each bring style sheets and scripts of their own. When the
pages are written, ``bundle.cjs`` makes one of each kind, without the rules that no page uses; the
fonts are cut to the characters that the pages show; and what then nothing refers to is deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, ExtensionError

from tools.site import node
from tools.toc import ROOT

# It tells of every glyph, and Sphinx would print all of that.
logging.getLogger("fontTools").setLevel(logging.WARNING)

ASSETS = ROOT / "book" / "_assets"
BUNDLE = Path(__file__).with_name("bundle.cjs")
THEME = ("styles/theme.css", "styles/pydata-sphinx-theme.css")
# Not Bootstrap's: links stand in the place of its menu, the browser's own tips in that of its tips.
THEME_SCRIPTS = ("scripts/pydata-sphinx-theme.js",)
BUNDLED = ("book.css", "book.js", "search.js")
UNUSED = ("sphinx_highlight.js", "design-tabs.js", "searchtools.js", "language_data.js")

# Family, npm package, style, subsets: a face for each. The Latin ones are fetched ahead. Text and
# formulas whose face is late stay in the reader's own for this visit: nothing moves when it comes.
FACES = [
    ("Source Serif 4", "@fontsource-variable/source-serif-4", "wght-normal", ("latin", "greek")),
    ("Source Sans 3", "@fontsource-variable/source-sans-3", "wght-normal", ("latin", "greek")),
    ("STIX Two Math", "@fontsource/stix-two-math", "400-normal", ("latin",)),
    ("Source Serif 4", "@fontsource-variable/source-serif-4", "wght-italic", ("latin", "greek")),
    ("Source Code Pro", "@fontsource-variable/source-code-pro", "wght-normal", ("latin", "greek")),
]
# Browsers write a single letter of a formula in the alphabet of mathematical italics.
ITALICS = {chr(code) for code in (*range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C), 0x210E)}


@cache
def _listed() -> dict[str, dict[str, None]]:
    """The style sheets and scripts that any page asks for, in their order."""
    return {"css": {}, "js": {}}


def listed_assets() -> list[str]:
    return [name for names in _listed().values() for name in names]


def find_assets(app: Sphinx, config: Config) -> None:
    if not node.PACKAGES.is_dir():
        raise ConfigError(f"{node.PACKAGES} is missing: run `python -m tools.site.vendor` first")
    config["html_static_path"] += [str(ASSETS / "static")]
    config["templates_path"].insert(0, str(ASSETS / "templates"))
    for sheet in sorted((ASSETS / "static").glob("*.css")):
        app.add_css_file(sheet.name, priority=900)
    for script in sorted((ASSETS / "static").glob("*.js")):
        app.add_js_file(script.name, priority=900)


def list_assets(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Note what the page would load, and let it load the bundle."""
    for kind, key in (("css", "css_files"), ("js", "script_files")):
        for asset in sorted(context[key], key=lambda asset: asset.priority):
            name = str(asset.filename or "").removeprefix("_static/")
            if name and name not in UNUSED:
                _listed()[kind][name] = None
        context[key] = []
    context["early_fonts"] = [file_of(*face[1:3], "latin").name for face in FACES]


def file_of(package: str, style: str, part: str) -> Path:
    name = package.rpartition("/")[2]
    return node.PACKAGES / package / "files" / f"{name}-{part}-{style}.woff2"


def even_out(font: Any) -> None:
    """Make the tall forms of a bracket or a root no wider than the plain one.

    Chromium leaves room for the widest form beside each: a gap after every root and big bracket.
    """
    forms, widths = font["MATH"].table.MathVariants, font["hmtx"]
    for plain, tall in zip(
        forms.VertGlyphCoverage.glyphs, forms.VertGlyphConstruction, strict=True
    ):
        parts = tall.GlyphAssembly.PartRecords if tall.GlyphAssembly else []
        glyphs = [v.VariantGlyph for v in tall.MathGlyphVariantRecord] + [p.glyph for p in parts]
        for glyph in glyphs:
            share = widths[plain][0] / widths[glyph][0]
            if share < 1 and tall.GlyphAssembly:
                font["glyf"][glyph].coordinates.scale((share, 1))
                font["glyf"][glyph].recalcBounds(font["glyf"])
                widths[glyph] = (widths[plain][0], round(widths[glyph][1] * share))


def cut_fonts(static: Path, pages: dict[Path, str]) -> None:
    """Write each face with the characters in use, and the style sheet that declares them."""
    shown = {character for text in pages.values() for character in unescape(text)} | ITALICS
    (static / "fonts").mkdir(exist_ok=True)
    rules = []
    for family, package, style, parts in FACES:
        slant, weight = ("italic" if "italic" in style else "normal"), "200 900"
        for part in parts:
            source = file_of(package, style, part)
            options = subset.Options(flavor="woff2", layout_features=["*"], hinting=False)
            font = subset.load_font(str(source), options)
            known = shown & {chr(code) for code in font.getBestCmap()}
            if not known:
                continue
            cutter = subset.Subsetter(options)
            cutter.populate(unicodes=map(ord, known))
            cutter.subset(font)
            if "MATH" in font:
                even_out(font)
            subset.save_font(font, str(static / "fonts" / source.name), options)
            ranges = ",".join(f"U+{ord(c):X}" for c in sorted(known))
            extent = f"unicode-range:{ranges};" if len(parts) > 1 else ""
            rules.append(
                f"@font-face{{font-family:'{family}';font-style:{slant};font-weight:"
                f"{weight if 'wght' in style else 400};font-display:optional;{extent}"
                f"src:url(fonts/{source.name}) format('woff2')}}"
            )
    (static / "fonts.css").write_text("\n".join(rules), "utf-8")


def make_bundle(static: Path, pages: dict[Path, str]) -> None:
    own = {path.name for path in (ASSETS / "static").iterdir()}
    sheets = [*THEME, *_listed()["css"]]
    job = {
        "theirCss": [str(static / name) for name in sheets if name not in own],
        "ownCss": [str(static / name) for name in ("fonts.css", *sheets) if name in own
                   or name == "fonts.css"],
        "js": [str(static / name) for name in (*_listed()["js"], *THEME_SCRIPTS)],
        "pages": [str(path) for path in pages],
        "css": str(static / "book.css"),
        "script": str(static / "book.js"),
        "search": str(ASSETS / "search.js"),
        "searchOut": str(static / "search.js"),
    }  # fmt: skip
    made = subprocess.run(
        [*node.command("node"), str(BUNDLE)],
        input=json.dumps(job), text=True, encoding="utf-8", capture_output=True, check=False,
        env={**os.environ, "NODE_PATH": str(node.PACKAGES)},
    )  # fmt: skip
    if made.returncode != 0:
        raise ExtensionError(f"the bundle was not made:\n{made.stderr}")


def name_versions(static: Path, pages: dict[Path, str]) -> None:
    """Add a hash to the bundle's address, so that no browser shows a page with an old one."""
    for name in ("book.css", "book.js"):
        version = hashlib.sha256((static / name).read_bytes()).hexdigest()[:8]
        for path in pages:
            pages[path] = pages[path].replace(f"_static/{name}", f"_static/{name}?v={version}")
    for path, text in pages.items():
        path.write_text(text, "utf-8")


def delete_unreferenced(static: Path, pages: dict[Path, str]) -> None:
    texts = [
        *pages.values(),
        *(path.read_text("utf-8") for path in (static / name for name in BUNDLED)),
    ]
    named = set(re.findall(r"[\w.-]+\.[a-z0-9]+", "\n".join(texts)))
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name not in named:
            path.unlink()


def finish(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    pages = {path: path.read_text("utf-8") for path in sorted(Path(app.outdir).rglob("*.html"))
             if "_static" not in path.parts}  # fmt: skip
    cut_fonts(static, pages)
    make_bundle(static, pages)
    name_versions(static, pages)
    delete_unreferenced(static, pages)


def setup(app: Sphinx) -> dict[str, Any]:
    _listed.cache_clear()
    app.connect("config-inited", find_assets)
    app.connect("html-page-context", list_assets, priority=990)
    # After the theme, which writes the colours of code when the build has finished.
    app.connect("build-finished", finish, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
