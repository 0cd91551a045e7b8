"""Put the notebooks' SVG figures into the page itself.

An SVG shown by ``<img>`` is a document of its own: ``currentColor`` is black there whatever the
page's theme, and screen readers cannot read its text. Inlined, the figure takes the page's colours.
Ids inside each figure are made unique, because a page holds many figures.

A figure without a text alternative is a warning, and a warning fails the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(\s*(['\"]?)#([^)'\"]+)\1\s*\)")


def text_alternative(root: ElementTree.Element) -> str:
    """The text alternative inside the SVG: its aria-label, else its <title>."""
    label = root.get("aria-label", "")
    title = root.findtext(f"{{{SVG}}}title") or ""
    return (label or title).strip()


def inline(source: str, alt: str, prefix: str) -> tuple[str, str]:
    """Return the SVG as an HTML fragment with ids under `prefix`, and its text alternative.

    `alt` takes precedence over the text alternative inside the SVG.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(source.encode())
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    alt = " ".join((alt or text_alternative(root)).split())

    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", prefix + element.attrib["id"])
        for name, value in element.attrib.items():
            if name in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
                element.set(name, "#" + prefix + value[1:])
            elif "url(" in value:
                element.set(name, _REFERENCE.sub(rf"url(#{prefix}\2)", value))
        if element.tag == f"{{{SVG}}}style" and element.text:
            element.text = _REFERENCE.sub(rf"url(#{prefix}\2)", element.text)

    root.set("role", "img")
    root.set("aria-label", alt)
    # Browsers scale an SVG by its viewBox; its natural width becomes the widest it is drawn.
    width = re.fullmatch(r"([\d.]+)(pt|px)?", root.get("width", ""))
    if width and "viewBox" in root.attrib:
        del root.attrib["width"]
        root.attrib.pop("height", None)
        pixels = float(width[1]) * (4 / 3 if width[2] == "pt" else 1)
        root.set("style", f"max-width: {pixels:.0f}px")
    return ElementTree.tostring(root, encoding="unicode"), alt


class InlineSvg(SphinxPostTransform):
    """Replace images of ``.svg`` files that a notebook made by the drawing itself."""

    # After myst-nb has chosen which form of an output is shown, before images are collected.
    default_priority = 8
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        docname = re.sub(r"\W", "-", self.env.docname.rsplit("/", 1)[-1])
        pictures = [n for n in self.document.findall(nodes.image) if n["uri"].endswith(".svg")]
        for number, node in enumerate(pictures, start=1):
            path = Path(self.env.srcdir, node["uri"].lstrip("/"))
            source = path.read_text(encoding="utf-8")
            drawing, alt = inline(source, node.get("alt", ""), f"{docname}-{number}-")
            if not alt:
                logger.warning("figure without a text alternative", location=node)
            fragment = nodes.raw("", f'<div class="npg-drawing">{drawing}</div>', format="html")
            node.replace_self(fragment)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(InlineSvg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
