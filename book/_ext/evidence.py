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
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools import evidence

logger = logging.getLogger(__name__)

MARKS = {"passed": "✓", "failed": "✗", "skipped": "–", evidence.NOT_RUN: "–"}


class evidence_table(nodes.General, nodes.Element):
    """A placeholder for the tables until all claims are numbered."""


class html_element(nodes.General, nodes.Element):
    """An HTML element of the name in ``tag``; docutils' own tables cannot have row headers."""


class EvidenceDirective(SphinxDirective):
    """``{evidence}``: the tables of claims and tests."""

    def run(self) -> list[nodes.Node]:
        return [evidence_table()]


def element(tag: str, *children: nodes.Node, **attributes: Any) -> html_element:
    classes = attributes.pop("classes", [])
    node = html_element("", *children, tag=tag, html=attributes, classes=classes)
    return node


def visit_html_element(translator: Any, node: html_element) -> None:
    translator.body.append(translator.starttag(node, node["tag"], "", **node["html"]))


def depart_html_element(translator: Any, node: html_element) -> None:
    translator.body.append(f"</{node['tag']}>")


# Reading the book.


def root_of(app: Sphinx) -> Path:
    """The repository: Jupyter Book's source folder is its root."""
    return Path(app.srcdir)


def reading_order(env: BuildEnvironment, docname: str | None = None) -> Iterator[str]:
    """The documents in the order in which the table of contents leads through them."""
    docname = docname or env.config.root_doc
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from reading_order(env, child)


def claims_of(env: BuildEnvironment, docname: str) -> list[dict[str, Any]]:
    """What sphinx-proof recorded of the claims in one document, in their order there."""
    proofs = getattr(env, "proof_list", {}).values()
    kinds = evidence.CLAIM_PREFIXES
    return [p for p in proofs if p["docname"] == docname and p["realtype"] in kinds]


def number_of(env: BuildEnvironment, claim: dict[str, Any]) -> str:
    """The number that the book prints: 3.2, or nothing for a claim without one."""
    numbers = env.toc_fignumbers.get(claim["docname"], {}).get(claim["countertype"], {})
    return ".".join(map(str, numbers.get(claim["label"], ())))


def titles_in(env: BuildEnvironment, docname: str) -> dict[str, list[nodes.Node]]:
    """The title of each claim in a document, by label, without the format's brackets."""
    before, _, after = env.config.proof_title_format.partition("%t")
    titles = {}
    for node in env.get_doctree(docname).findall(nodes.Element):
        if node.get("realtype") in evidence.CLAIM_PREFIXES and isinstance(node[0], nodes.title):
            parts = [child.deepcopy() for child in node[0].children]
            if parts and isinstance(parts[0], nodes.Text):
                parts[0] = nodes.Text(parts[0].removeprefix(before))
            if parts and isinstance(parts[-1], nodes.Text):
                parts[-1] = nodes.Text(parts[-1].removesuffix(after))
            titles[node["label"]] = parts
    return titles


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


def draw_tables(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the tables in the place of the directive."""
    for place in list(doctree.findall(evidence_table)):
        place.replace_self(list(tables(app, docname)))
        # Sphinx looked for formulas before the titles of the claims came in.
        math = app.env.get_domain("math")
        math.data["has_equations"][docname] = any(doctree.findall(nodes.math))


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
        titles = titles_in(env, chapter)
        rows = []
        for claim in claims:
            backed_by = [test for test in tests if claim["label"] in test.labels]
            target = f"{chapter}#{claim['label']}"
            name = f"{claim['realtype'].title()} {number_of(env, claim)}".strip()
            title = titles.get(claim["label"], [])
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
        number = ".".join(map(str, env.toc_secnumbers.get(chapter, {}).get("", ())))
        heading = f"{number}. " if number else ""
        caption = link(app, page, chapter, heading + env.titles[chapter].astext())
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
        link(app, page, source, name, code=True),
    ]
    entry = element("li", paragraph(*lines), classes=classes)
    if test.summary:
        entry += paragraph(nodes.inline("", test.summary), classes=["npg-summary"])
    return entry


def paragraph(*children: nodes.Node, classes: list[str] | None = None) -> nodes.paragraph:
    return nodes.paragraph("", "", *children, classes=classes or [])


def link(app: Sphinx, page: str, target: str, text: str, *, code: bool = False) -> nodes.reference:
    """A link from `page` to a page of the book, or to a place on it after a ``#``."""
    docname, _, anchor = target.partition("#")
    builder = cast(StandaloneHTMLBuilder, app.builder)
    uri = builder.get_relative_uri(page, docname) + (f"#{anchor}" if anchor else "")
    shown = element("code", *breakable(text)) if code else nodes.inline("", text)
    return nodes.reference("", "", shown, internal=True, refuri=uri)


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
    nothing = (lambda translator, node: None, lambda translator, node: None)
    app.add_node(evidence_table, html=nothing)
    app.add_node(html_element, html=(visit_html_element, depart_html_element))
    app.add_directive("evidence", EvidenceDirective)
    app.connect("env-check-consistency", check)
    app.connect("doctree-resolved", draw_tables)
    app.connect("html-collect-pages", publish_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
