"""A page of the book's site, whose cells run where it is read: the numbers of everyone, no grade.

What a page can ask is what is in it, so it has the checks that are not hidden, and no more.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from course import notebook
from course.exports import kit
from course.problem import ProblemSet

HEAD = """# {title}

About {minutes} minutes, after {chapters}. The cells of this page run, with the numbers that are in
them: write your answers into those that begin with `# answer:`. A cell `# try:` shows whether an
example comes out right. Nothing is graded here, and nothing is sent: what is said of points and of
a grader holds for a class."""


def write(one: ProblemSet, secret: kit.Secret, out: Path, book: str = "") -> list[str]:
    """Write a notebook that is a page of the book; return what to do with it."""
    if secret.students:
        raise ValueError("a page has one set of numbers: leave --students out")
    made = notebook.make(one, secret.salt, kit.EVERYONE)
    minutes = sum(problem.minutes for problem in one.problems.values())
    for cell in made.cells:
        if cell.id == "head":
            chapters = notebook.chapters(one)
            cell.source = HEAD.format(title=one.title, minutes=minutes, chapters=chapters)
        if cell.cell_type == "code":  # what the first line says of grading is not so here
            cell.source = re.sub(r" \(.*\)$", "", cell.source, count=1, flags=re.MULTILINE)
        elif cell.id.endswith("-statement"):  # the book numbers sections, and nobody gives points
            cell.source = re.sub(r"^## \d+\. (.*)\n\n\*.*; ", r"## \1\n\n*", cell.source)
            for word in ("in", "In"):
                paper = {"in": "on", "In": "On"}[word] + " paper"
                cell.source = re.sub(rf"\b{word}\s+the\s+text\s+cell( below)?", paper, cell.source)
        elif cell.id.endswith(f"-{notebook.WORDS}"):  # a reader's words stay with the reader
            words = one.problems[cell.metadata["course"]["problem"]].rubric
            cell.source = "\n".join(["*A good text has:*", "", *(f"- {what}" for _, what in words)])
        del cell.metadata["course"]
    del made.metadata["course"]
    path = out / f"{one.name}.ipynb"
    nbformat.write(made, path)
    return [f"{path}: put it into book/, name it in _toc.yml, and run `make book`"]
