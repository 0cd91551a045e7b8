"""Lists of results, figures, exercises and equations, the map of the chapters, and the index.

``{list-of-results}``, ``{list-of-figures}``, ``{list-of-exercises}``, ``{list-of-equations}``,
``{list-of-decks}`` and ``{chapter-map}`` are written when the book is built, from what the chapters
contain.

The index lists the terms of the glossary. Under each stand the sections that link to it by
``{term}`` or have it in their title, and the results that have it in theirs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from contents import (
    add_list,
    boxes_of,
    chapter_number,
    chapter_title,
    element,
    link,
    number_of,
    reading_order,
    title_of,
)
from docutils import nodes
from search_index import words_of
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from tools.site import slides

WORDS_A_MINUTE = 100
MINUTES = re.compile(r"(\d+) minutes")
REFERENCES_THAT_COUNT = 2  # fewer are a remark in passing

Row = tuple[str, list[nodes.Node], list[nodes.Node]]  # where it is, its name, what is said of it


# Lists, chapter by chapter.


def by_chapter(
    app: Sphinx,
    page: str,
    rows_of: Callable[[BuildEnvironment, str, nodes.document], Iterator[Row]],
) -> Iterator[nodes.Node]:
    env = app.env
    for chapter in reading_order(env):
        rows = list(rows_of(env, chapter, env.get_doctree(chapter)))
        if rows:
            title = nodes.Text(chapter_title(env, chapter))
            yield element("h3", link(app, page, chapter, title))
            yield element("ul", *(
                element("li", link(app, page, f"{chapter}#{anchor}", *name), *said)
                for anchor, name, said in rows
            ), classes=["npg-list"])  # fmt: skip


def named(kind: str, number: str) -> list[nodes.Node]:
    return [nodes.Text(f"{kind} {number}".strip())]


def results(env: BuildEnvironment, chapter: str, doctree: nodes.document) -> Iterator[Row]:
    for box in boxes_of(doctree):
        if kind := box.get("realtype"):
            number = number_of(env, chapter, box["countertype"], box["label"])
            yield box["label"], named(kind.title(), number), [nodes.Text(" "), *title_of(env, box)]


def figures(env: BuildEnvironment, chapter: str, doctree: nodes.document) -> Iterator[Row]:
    for figure in doctree.findall(nodes.figure):
        caption = figure.next_node(nodes.caption)
        if caption is not None and figure["ids"]:
            number = number_of(env, chapter, "figure", figure["ids"][0])
            name = named("Figure", number)
            slider = "npg-explore" in figure.astext()
            mark = [nodes.inline("", "slider", classes=["npg-slider-mark"])] if slider else []
            said = [nodes.Text(" "), *first_sentence(caption), nodes.Text(" "), *mark]
            yield figure["ids"][0], name, said


def first_sentence(node: nodes.Element) -> Iterator[nodes.Node]:
    for child in node.children:
        end = re.search(r"[.?!](?=\s|$)", child) if isinstance(child, nodes.Text) else None
        if end:
            yield nodes.Text(child[: end.end()])
            return
        yield child.deepcopy()


def exercises(env: BuildEnvironment, chapter: str, doctree: nodes.document) -> Iterator[Row]:
    for box in boxes_of(doctree):
        if not box.get("realtype"):
            name = named("Exercise", number_of(env, chapter, "exercise", box["label"]))
            title, kind = title_of(env, box), nodes.Text(kind_of(box))
            stop = nodes.Text(" " if title[-1].astext().endswith("?") else ". ")
            yield box["label"], name, [nodes.Text(" "), *title, stop, kind]


def kind_of(exercise: nodes.Element) -> str:
    """What an exercise says of itself before anything else: its kind, and its minutes."""
    emphasis = exercise.next_node(nodes.emphasis)
    return emphasis.astext() if emphasis is not None else ""


def equations(env: BuildEnvironment, chapter: str, doctree: nodes.document) -> Iterator[Row]:
    for formula in doctree.findall(nodes.math_block):
        if label := formula.get("label"):
            number = number_of(env, chapter, "displaymath", f"equation-{label}")
            place = nodes.Text(f" {section_of(formula)[0].astext()}")
            shown = nodes.math_block("", formula.astext(), nowrap=False, number=None, label=None)
            yield f"equation-{label}", [nodes.Text(f"({number})")], [place, shown]


def section_of(node: nodes.Node) -> nodes.section:
    while not (isinstance(node, nodes.section) and isinstance(node[0], nodes.title)):
        node = node.parent
    return node


def section_title(env: BuildEnvironment, chapter: str, node: nodes.Node) -> str:
    """The number and title of the section in which a node stands."""
    section = section_of(node)
    numbers = env.toc_secnumbers.get(chapter, {})
    number = numbers.get(f"#{section['ids'][0]}") or numbers.get("", ())
    return f"{'.'.join(map(str, number))} {section[0].astext()}".strip()


def list_of_decks(app: Sphinx, page: str) -> Iterator[nodes.Node]:
    """A link to the slides of each chapter that has some; `make slides` adds those to the PDFs."""
    up = "../" * page.count("/")
    yield element("ul", *(
        element("li", nodes.reference(
            "", chapter_title(app.env, chapter), internal=True, refuri=f"{up}slides/{deck}.html",
        ))
        for deck, chapter in slides.decks()
    ), classes=["npg-list"])  # fmt: skip


# The map of the chapters.


def builds_on(env: BuildEnvironment) -> dict[str, list[str]]:
    """For each chapter the earlier ones that it refers to more than in passing.

    References are those to results, equations, figures and sections, and the words "chapter N".
    What another of them builds on already is left out.
    """
    chapters = [name for name in reading_order(env) if chapter_number(env, name)]
    homes = {p["label"]: p["docname"] for p in env.proof_list.values()}  # type: ignore[attr-defined]
    homes |= {label: docname for label, (docname, _) in env.domaindata["math"]["objects"].items()}
    homes |= {label: place[0] for label, place in env.domaindata["std"]["anonlabels"].items()}
    numbers = {chapter_number(env, name): name for name in chapters}
    direct: dict[str, list[str]] = {}
    passed_on: dict[str, set[str]] = {}
    for k, name in enumerate(chapters):
        doctree = env.get_doctree(name)
        targets = (homes.get(ref["reftarget"]) for ref in doctree.findall(pending_xref))
        named = (numbers.get(n) for n in re.findall(r"[Cc]hapter (\d+)", doctree.astext()))
        counted = Counter(chain(targets, named))
        wanted = [c for c in chapters[:k] if counted[c] >= REFERENCES_THAT_COUNT]
        inherited = {far for near in wanted for far in passed_on[near]}
        passed_on[name] = inherited | set(wanted)
        direct[name] = [c for c in wanted if c not in inherited]
    return direct


def minutes_to_read(doctree: nodes.document) -> int:
    """At a hundred words a minute, in fives; code is not counted, a formula is one word."""
    words = len(" ".join(words_of(doctree, within_sections=True)).split())
    return 5 * round(words / WORDS_A_MINUTE / 5)


def minutes_of_exercises(doctree: nodes.document) -> int:
    kinds = (kind_of(box) for box in boxes_of(doctree) if not box.get("realtype"))
    return sum(int(found[1]) for kind in kinds if (found := MINUTES.search(kind)))


def chapter_map(app: Sphinx, page: str) -> Iterator[nodes.Node]:
    """A list of the chapters, and beside it arcs from each to those that build on it."""
    env = app.env
    needs = builds_on(env)
    rows, arcs = list(needs), []
    items = []
    for k, name in enumerate(rows):
        doctree = env.get_doctree(name)
        facts = f"read {minutes_to_read(doctree)} min, do {minutes_of_exercises(doctree)} min"
        if needs[name]:
            before = ",\N{NO-BREAK SPACE}".join(chapter_number(env, n) for n in needs[name])
            facts += f"; builds on\N{NO-BREAK SPACE}{before}"
        title = link(app, page, name, nodes.Text(chapter_title(env, name)))
        items.append(element("li", title, nodes.inline("", facts, classes=["npg-facts"])))
        for needed in needs[name]:
            start, reach = rows.index(needed), k - rows.index(needed)
            out = 10 - 9 * (1 - 0.6**reach) if reach > 1 else 10
            arcs.append(
                f"M10 {start + 0.5}C{out:.2f} {start + 0.5} {out:.2f} {k + 0.5} 10 {k + 0.5}"
            )
    drawing = (
        f'<svg viewBox="0 0 10 {len(rows)}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path d="{"".join(arcs)}"/></svg>'
    )
    yield element(
        "div", nodes.raw("", drawing, format="html"), element("ol", *items),
        classes=["npg-map"],
    )  # fmt: skip


# The index.


def fill_index(app: Sphinx, env: BuildEnvironment) -> None:
    """Add to the terms of the glossary the places that are about them; API names stay out."""
    entries: dict[str, list[Any]] = env.domaindata["index"]["entries"]
    terms = {
        name.lower(): name for kind, name in env.domaindata["std"]["objects"] if kind == "term"
    }
    for docname in reading_order(env):
        doctree = env.get_doctree(docname)
        places = list(places_of_terms(env, docname, doctree, terms))
        own = [e for e in entries.get(docname, []) if e[1].lower() in terms]
        entries[docname] = own + list(dict.fromkeys(places))


def places_of_terms(
    env: BuildEnvironment, docname: str, doctree: nodes.document, terms: dict[str, str]
) -> Iterator[tuple[str, str, str, str, None]]:
    if not chapter_number(env, docname):
        return
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, sorted(terms, key=len)[::-1]))})\b", re.I)

    def entry(term: str, place: str, anchor: str) -> tuple[str, str, str, str, None]:
        return "single", f"{terms[term.lower()]}; {place.replace(';', ',')}", anchor, "", None

    for section in doctree.findall(nodes.section):
        if isinstance(section[0], nodes.title):
            for found in pattern.findall(section[0].astext()) if terms else ():
                yield entry(found, section_title(env, docname, section), section["ids"][0])
    for reference in doctree.findall(pending_xref):
        if reference["reftype"] == "term" and reference["reftarget"].lower() in terms:
            section = section_of(reference)
            place = section_title(env, docname, section)
            yield entry(reference["reftarget"], place, section["ids"][0])
    for box in boxes_of(doctree):
        title = "".join(part.astext() for part in title_of(env, box)).replace("\\", "")
        if kind := box.get("realtype"):
            number = number_of(env, docname, box["countertype"], box["label"])
            for found in pattern.findall(title) if terms else ():
                yield entry(found, f"{number} {kind.title()}: {title}", box["label"])


def order_index(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """The places of a term in the order of the book, which is not that of the letters."""
    for _, entries in context.get("genindexentries", ()):
        for _, (_, places, _) in entries:
            places.sort(key=lambda place: [int(n) for n in re.findall(r"\d+", place[0])[:2]])


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("contents")
    for rows in (results, figures, exercises, equations):
        add_list(app, f"list-of-{rows.__name__}", partial(by_chapter, rows_of=rows))
    add_list(app, "list-of-decks", list_of_decks)
    add_list(app, "chapter-map", chapter_map)
    app.connect("env-check-consistency", fill_index)
    app.connect("html-page-context", order_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
