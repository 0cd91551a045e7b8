"""What the book contains, in reading order and with its numbers, for pages that list it.

A page names what it lists by a directive without argument; `add_list` says who writes it. It is
written when Sphinx has numbered everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

Write = Callable[[Sphinx, str], Iterator[nodes.Node]]


class listed(nodes.General, nodes.Element):
    """The place of a list until all is numbered; ``name`` says of which."""


class html_element(nodes.General, nodes.TextElement):
    """An HTML element of the name in ``tag``; docutils' own tables cannot have row headers."""


def element(tag: str, *children: nodes.Node, **attributes: Any) -> html_element:
    classes = attributes.pop("classes", [])
    return html_element("", "", *children, tag=tag, html=attributes, classes=classes)


def visit_html_element(translator: Any, node: html_element) -> None:
    translator.body.append(translator.starttag(node, node["tag"], "", **node["html"]))


def depart_html_element(translator: Any, node: html_element) -> None:
    translator.body.append(f"</{node['tag']}>")


def paragraph(*children: nodes.Node, classes: list[str] | None = None) -> nodes.paragraph:
    return nodes.paragraph("", "", *children, classes=classes or [])


def link(app: Sphinx, page: str, target: str, *shown: nodes.Node) -> nodes.reference:
    """A link from `page` to a page of the book, or to a place on it after a ``#``."""
    docname, _, anchor = target.partition("#")
    builder = cast(StandaloneHTMLBuilder, app.builder)
    uri = builder.get_relative_uri(page, docname) + (f"#{anchor}" if anchor else "")
    return nodes.reference("", "", nodes.inline("", "", *shown), internal=True, refuri=uri)


# The book in order.


def reading_order(env: BuildEnvironment, docname: str | None = None) -> Iterator[str]:
    """The documents in the order in which the table of contents leads through them."""
    docname = docname or env.config.root_doc
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from reading_order(env, child)


def chapter_number(env: BuildEnvironment, docname: str) -> str:
    """The number of a chapter, and nothing for what is not numbered."""
    return ".".join(map(str, env.toc_secnumbers.get(docname, {}).get("", ())))


def chapter_title(env: BuildEnvironment, docname: str) -> str:
    number = chapter_number(env, docname)
    return f"{number}. {env.titles[docname].astext()}" if number else env.titles[docname].astext()


def number_of(env: BuildEnvironment, docname: str, counter: str, label: str) -> str:
    """The number that the book prints: 3.2, or nothing for what has none."""
    return ".".join(map(str, env.toc_fignumbers.get(docname, {}).get(counter, {}).get(label, ())))


def boxes_of(doctree: nodes.document) -> Iterator[nodes.Element]:
    """The numbered boxes of a document: results, definitions, remarks and exercises."""
    for node in doctree.findall(nodes.Element):
        if node.get("realtype") or (node.tagname.startswith("exercise_") and "label" in node):
            yield node


def title_of(env: BuildEnvironment, box: nodes.Element) -> list[nodes.Node]:
    """The title of a box without the format's brackets; of an exercise without its kind."""
    title = box[0]
    if not isinstance(title, nodes.title):
        return []
    if subtitle := title.next_node(nodes.subtitle):
        return [child.deepcopy() for child in subtitle.children]
    before, _, after = env.config.proof_title_format.partition("%t")
    parts = [child.deepcopy() for child in title.children] if box.get("realtype") else []
    if parts and isinstance(parts[0], nodes.Text):
        parts[0] = nodes.Text(parts[0].removeprefix(before))
    if parts and isinstance(parts[-1], nodes.Text):
        parts[-1] = nodes.Text(parts[-1].removesuffix(after))
    return parts


# The lists.


def add_list(app: Sphinx, name: str, write: Write) -> None:
    """Let the directive ``{name}`` stand for what `write` makes for the page that has it."""

    class Listed(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            return [listed(name=name)]

    def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
        for place in list(doctree.findall(listed)):
            if place["name"] == name:
                place.replace_self(list(write(app, docname)))
                # Sphinx looked for formulas before the list came in.
                math = app.env.get_domain("math")
                math.data["has_equations"][docname] = any(doctree.findall(nodes.math))

    app.add_directive(name, Listed)
    app.connect("doctree-resolved", fill)


def setup(app: Sphinx) -> dict[str, Any]:
    nothing = (lambda translator, node: None, lambda translator, node: None)
    app.add_node(listed, html=nothing)
    app.add_node(html_element, html=(visit_html_element, depart_html_element))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
