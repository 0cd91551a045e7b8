"""The instructor's pages say what the book holds, and print what stands on them."""

from __future__ import annotations

import contextlib
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools.site.instructor import LABEL, sources
from tools.toc import ROOT

COURSE = ROOT / "course"
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
PAGES = sorted((COURSE / "instructor").glob("[0-9][0-9]_*.md"))
EXAMS = sorted((COURSE / "instructor" / "exam").glob("*.md"))
RUN = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)
QUESTION = re.compile(r"^\*\*(\d+)\. \((\d+) points\)\*\*(.*?)(?=^\*\*\d+\. |\Z)", re.M | re.S)
NAMES = [path.stem for path in CHAPTERS]


@cache
def cells(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text("utf-8"))["cells"]


def text_of(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path))


def title(path: Path) -> str:
    return text_of(path).splitlines()[0].removeprefix("# ")


def figures(path: Path, only: str = "") -> set[str]:
    found = (
        cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "")
        for cell in cells(path)
        if only in "".join(cell["source"])
    )
    return set(filter(None, found))


def labels(path: Path) -> set[str]:
    text = text_of(path)
    return {
        *re.findall(r":label: ([\w-]+)", text),
        *re.findall(r"\((eq-[\w-]+)\)", text),
        *figures(path),
    }


@pytest.mark.parametrize("folder", ["instructor", "instructor/exam"])
def test_every_chapter_has_its_page_and_its_exam(folder: str) -> None:
    """They are called as the chapters are, and have their titles."""
    found = sorted((COURSE / folder).glob("[0-9][0-9]_*.md"))
    assert [path.stem for path in found] == NAMES
    heads = [path.read_text("utf-8").splitlines()[0] for path in found]
    mark = "# Exam: " if "exam" in folder else "# "
    assert heads == [f"{mark}{k}. {title(path)}" for k, path in enumerate(CHAPTERS, start=1)]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=NAMES)
def test_every_slider_has_its_questions(chapter: Path) -> None:
    """Each figure that moves is named in bold on the chapter's page, and no other is."""
    page = (COURSE / "instructor" / f"{chapter.stem}.md").read_text("utf-8")
    assert set(re.findall(r"^\*\*`(fig-[\w-]+)`\*\*", page, re.M)) == figures(chapter, "explore(")


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_every_label_that_is_named_is_the_book_s(path: Path) -> None:
    """Figures, results, equations and exercises exist under the names that the pages use."""
    known = set().union(*map(labels, CHAPTERS))
    assert set(LABEL.findall(path.read_text("utf-8"))) <= known


@pytest.mark.parametrize("path", PAGES + EXAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_the_pages_print_is_printed(path: Path) -> None:
    """Each page's code, from top to bottom, prints what stands under it."""
    text, names = path.read_text("utf-8"), dict[str, Any]()
    found = RUN.findall(text)
    assert len(found) == text.count("```python")
    for code, printed in found:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, names)
        assert out.getvalue() == printed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_has_its_four_parts(path: Path) -> None:
    """What goes wrong, questions at what moves, two demonstrations that run, misreadings."""
    heads = re.findall(r"^## (.*)$", path.read_text("utf-8"), re.M)
    assert [heads[0], *heads[2:]] == ["What goes wrong", "Two demonstrations", "Read wrongly"]
    assert heads[1].startswith("At the ")
    shown = path.read_text("utf-8").partition("## Two demonstrations")[2]
    assert len(RUN.findall(shown)) == 2


@pytest.mark.parametrize("path", EXAMS, ids=lambda path: path.stem)
def test_an_exam_s_points_are_those_of_its_answers(path: Path) -> None:
    """Three to five questions, numbered; the points in brackets sum to the question's."""
    found = QUESTION.findall(path.read_text("utf-8"))
    assert [int(number) for number, *_ in found] == list(range(1, len(found) + 1))
    assert 3 <= len(found) <= 5
    for _, points, rest in found:
        answer = RUN.sub("", rest).partition("*Answer.*")[2]
        given = sum(map(int, re.findall(r" \[(\d)\]", answer)))
        if more := re.search(r"\[(\d) each, (\d) for a reason\]", answer):
            given = 3 * int(more[1]) + int(more[2])
        assert given == int(points)


def test_every_path_of_the_course_s_pages_exists() -> None:
    """Links from page to page lead somewhere."""
    for path in sources():
        for link in re.findall(r"\]\(([^)#:]+\.md)\)", path.read_text("utf-8")):
            assert (path.parent / link).is_file(), f"{path.name}: {link}"
