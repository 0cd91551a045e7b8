"""Correct HTML of other extensions that would mislead a screen reader.

sphinx-proof and sphinx-exercise give every box the same inner id; links lead to the label of the
box itself, so the inner ids are dropped. Proofs get a class of their own, and their first word one
that the style sheet uses. Docutils gives a bibliography the role of a list although its entries are
not list items, so the role is dropped. Folded code is announced by its visible summary. A solution
folds by the browser's own ``<details>``, which opens by itself for a link or a search into it.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

OPENING = "Proof."
REPEATED = (["proof-content"], ["exercise-content"], ["solution-content"])
BODY = {
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    '<summary aria-label="Toggle hidden content">': "<summary>",
}


def set_opening_word_apart(proof: nodes.Element) -> None:
    first = next(iter(proof.findall(nodes.paragraph)), None)
    if first is None or not first.children or not isinstance(first[0], nodes.Text):
        return
    text = str(first[0])
    if text.startswith(OPENING):
        word = nodes.inline(OPENING, OPENING, classes=["npg-proof-word"])
        first.replace(first[0], [word, nodes.Text(text[len(OPENING) :])])


class TidyBoxes(SphinxPostTransform):
    default_priority = 9
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for element in self.document.findall(nodes.Element):
            if element.get("ids") in REPEATED:
                element["ids"] = []
            elif isinstance(element, nodes.admonition) and element["ids"] == ["proof"]:
                element["ids"] = []
                element["classes"].append("npg-proof")
                set_opening_word_apart(element)


class FoldSolutions(SphinxPostTransform):
    default_priority = 9
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        for solution in list(self.document.findall(nodes.Element)):
            if "solution" in solution.get("classes", ()) and "dropdown" in solution["classes"]:
                solution["classes"].remove("dropdown")
                opening = '<details class="npg-solution"><summary>Solution</summary>'
                before = nodes.raw("", opening, format="html")
                after = nodes.raw("", "</details>", format="html")
                parent = solution.parent
                at = parent.index(solution)
                parent[at : at + 1] = [before, solution, after]


def tidy_body(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    if "body" in context:
        for written, meant in BODY.items():
            context["body"] = context["body"].replace(written, meant)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(TidyBoxes)
    app.add_post_transform(FoldSolutions)
    app.connect("html-page-context", tidy_body)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
