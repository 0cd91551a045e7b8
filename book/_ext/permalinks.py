"""Behind the title of a theorem or an exercise: "#", its address, and "tests", its evidence.

Headings, equations and figures have their "#" from Sphinx. ``permalinks.js`` copies the address.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import evidence  # noqa: E402

EXERCISES = ("exercise_node", "exercise_enumerable_node")


class LinkTitles(SphinxPostTransform):
    default_priority = 250  # when sphinx-exercise has numbered its titles
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        uri = self.app.builder.get_relative_uri
        for box in self.document.findall(nodes.Element):
            kind = box.get("realtype") or ("exercise" if box.tagname in EXERCISES else "")
            label = box.get("label")
            if not kind or not label or not isinstance(box[0], nodes.title):
                continue
            html = f'<a class="headerlink" href="#{label}" title="Link to this {kind}">#</a>'
            if kind in evidence.CLAIM_PREFIXES:
                row = f"{uri(self.env.docname, 'book/evidence')}#tests-of-{label}"
                html += f' <a class="npg-tests" href="{row}" title="Tests of this {kind}">tests</a>'
            box[0] += nodes.raw("", html, format="html")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(LinkTitles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
