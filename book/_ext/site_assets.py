"""Serve everything that a page loads from the book's own host.

MathJax, the widget manager and the fonts are copied out of npm packages into ``_build/vendor`` by
``tools/site/vendor.py``. This extension publishes that folder, the book's style sheet and the
widget scripts, and makes Sphinx and myst-nb load them instead of files from content delivery
networks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "_build" / "vendor" / "site"
ASSETS = ROOT / "book" / "_assets"
WIDGETS = ROOT / "book" / "_widgets"

MATHJAX = "mathjax/tex-chtml.js"
WIDGET_MANAGER = "html-manager/embed.js"


def _widget_files(suffix: str) -> list[str]:
    return sorted(path.name for path in WIDGETS.glob(f"*{suffix}"))


def point_at_own_copies(app: Sphinx, config: Config) -> None:
    """Set the paths of our copies before Sphinx and myst-nb read them."""
    for name in (MATHJAX, WIDGET_MANAGER):
        if not (VENDOR / name).is_file():
            raise ConfigError(
                f"{VENDOR / name} is missing: run `python -m tools.site.vendor` first"
            )
    published = [VENDOR, ASSETS / "static", *([WIDGETS] if WIDGETS.is_dir() else [])]
    config["html_static_path"] += [str(folder) for folder in published]
    config["templates_path"].insert(0, str(ASSETS / "templates"))
    config.mathjax_path = MATHJAX
    # In this order: the manager draws as soon as it is loaded, and our script, which makes its
    # widgets accessible, has to be there before.
    scripts = ["widget-manager-path.js", *_widget_files(".js"), WIDGET_MANAGER]
    config.nb_ipywidgets_js = {script: {"defer": "defer"} for script in scripts}


def add_to_pages(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """The book's style and script for every page; the widgets' style where there are any."""
    app.add_css_file("fonts/fonts.css")
    app.add_css_file("npgbook.css", priority=900)
    app.add_js_file("scrollers.js", defer="defer")
    metadata: dict[str, dict[str, Any]] = getattr(app.env, "nb_metadata", {})
    on_page = metadata.get(pagename, {}).get("js_files", {})
    if "ipywidgets_state" in on_page:
        for name in _widget_files(".css"):
            app.add_css_file(name, priority=910)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", point_at_own_copies)
    app.connect("html-page-context", add_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
