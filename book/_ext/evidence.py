"""The evidence page: which test backs which claim, and how it last went.

``{evidence}`` inserts one table for each chapter, from the labels of the book as Sphinx has
numbered them, the markers in the tests, and the results of test runs, in ``_build/evidence.json``.
Each test links to its source, which is published with the book.

A claim without a test is a warning, and so is a test of a claim that the book does not make.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contents import (
    add_list,
    boxes_of,
    chapter_title,
    element,
    html_element,
    link,
    number_of,
    paragraph,
    reading_order,
    title_of,
)
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tools import evidence

logger = logging.getLogger(__name__)

MARKS = {"passed": "✓", "failed": "✗", "skipped": "–", evidence.NOT_RUN: "–"}


# Reading the book.


def root_of(app: Sphinx) -> Path:
    """The repository: Jupyter Book's source folder is its root."""
    return Path(app.srcdir)


def claims_of(env: BuildEnvironment, docname: str) -> list[dict[str, Any]]:
    """What sphinx-proof recorded of the claims in one document, in their order there."""
    proofs = getattr(env, "proof_list", {}).values()
    kinds = evidence.CLAIM_PREFIXES
    return [p for p in proofs if p["docname"] == docname and p["realtype"] in kinds]


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of every claim without a test and every test without a claim."""
    stated = []
    for docname in reading_order(env):
        for proof in claims_of(env, docname):
            # sphinx-proof names what has no label after its kind and a serial number.
            named = proof["label"].startswith(tuple(evidence.CLAIM_PREFIXES.values()))
            label = proof["label"] if named else ""
            stated.append(evidence.Claim(label, proof["realtype"], docname))
    tests = evidence.backings(root_of(app))
    for sentence in (*evidence.unbacked(stated, tests), *evidence.unclaimed(stated, tests)):
        logger.warning(sentence, type="evidence")


# Writing the page.


def tables(app: Sphinx, page: str) -> Iterator[nodes.Node]:
    env, root = app.env, root_of(app)
    tests, results = evidence.backings(root), evidence.recorded(root)
    statuses = {test.name: evidence.status(test, results, root) for test in tests}
    chapters = [(name, claims_of(env, name)) for name in reading_order(env)]
    total = sum(len(claims) for _, claims in chapters)
    yield nodes.paragraph("", summary(total, Counter(statuses.values())))
    for chapter, claims in chapters:
        if not claims:
            continue
        boxes = boxes_of(env.get_doctree(chapter))
        titles = {box["label"]: title_of(env, box) for box in boxes}
        rows = []
        for claim in claims:
            backed_by = [test for test in tests if claim["label"] in test.labels]
            target = f"{chapter}#{claim['label']}"
            number = number_of(env, chapter, claim["countertype"], claim["label"])
            name = nodes.Text(f"{claim['realtype'].title()} {number}".strip())
            title = titles[claim["label"]]
            head = element("th", paragraph(link(app, page, target, name)), scope="row")
            if title:
                head += paragraph(*title)
            cell = element("td")
            if backed_by:
                items = [item(app, page, test, statuses[test.name]) for test in backed_by]
                cell += element("ul", *items)
            else:
                cell += paragraph(nodes.Text("no test"), classes=["npg-failed"])
            row = element("tr", head, cell)
            row["ids"] = [f"tests-of-{claim['label']}"]
            rows.append(row)
        caption = link(app, page, chapter, nodes.Text(chapter_title(env, chapter)))
        yield element(
            "table",
            element("caption", paragraph(caption)),
            element(
                "thead",
                element(
                    "tr",
                    element("th", nodes.Text("Claim"), scope="col"),
                    element("th", nodes.Text("Tests and their results"), scope="col"),
                ),
            ),
            element("tbody", *rows),
            classes=["npg-evidence"],
        )


def summary(total: int, statuses: Counter[str]) -> str:
    """One sentence with the number of claims and tests, and of each result."""
    tests = sum(statuses.values())
    parts = [f"{statuses[word]} {word}" for word in MARKS if statuses[word]]
    return f"{total} claims, {tests} tests: {', '.join(parts) or 'none'}."


def item(app: Sphinx, page: str, test: evidence.Backing, status: str) -> html_element:
    """One test: its result, its name with a link to its source, and what it says it measures."""
    name = test.name.split("::")[-1]
    source = f"{source_page(test.path)}#line-{test.line}"
    classes = [f"npg-{status.replace(' ', '-')}"]
    lines = [
        nodes.inline("", f"{MARKS[status]} {status}", classes=["npg-result"]),
        nodes.Text(" "),
        link(app, page, source, element("code", *breakable(name))),
    ]
    entry = element("li", paragraph(*lines), classes=classes)
    if test.summary:
        entry += paragraph(nodes.inline("", test.summary), classes=["npg-summary"])
    return entry


def breakable(name: str) -> Iterator[nodes.Node]:
    """A name in code that may be broken into lines after each underscore."""
    first, *rest = name.split("_")
    yield nodes.Text(first)
    for part in rest:
        yield nodes.Text("_")
        yield nodes.raw("", "<wbr>", format="html")
        yield nodes.Text(part)


# The sources of the tests.


def source_page(path: str) -> str:
    return path.removesuffix(".py")


def publish_sources(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file with evidence tests, its lines numbered as link targets."""
    if not isinstance(app.builder, StandaloneHTMLBuilder):
        return
    root = root_of(app)
    for path in sorted({test.path for test in evidence.backings(root)}):
        source = (root / path).read_text("utf-8")
        listing = app.builder.highlighter.highlight_block(
            source, "python", linespans="line", linenos=False
        )
        heading = path.replace("/", "/<wbr>").replace("_", "_<wbr>")
        body = f'<h1 class="npg-source">{heading}</h1>\n{listing}'
        yield source_page(path), {"title": path, "body": body, "parents": []}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("contents")
    add_list(app, "evidence", tables)
    app.connect("env-check-consistency", check)
    app.connect("html-collect-pages", publish_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
