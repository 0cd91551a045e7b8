"""The plans, the outcomes and the instructor's pages say what the book and the sets hold."""

from __future__ import annotations

import contextlib
import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from course import sets
from tools.site.instructor import ANSWER, LABEL, sources
from tools.toc import ROOT

COURSE = ROOT / "course"
CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
PAGES = sorted((COURSE / "instructor").glob("[0-9][0-9]_*.md"))
EXAMS = sorted((COURSE / "instructor" / "exam").glob("*.md"))
PLANS = sorted((COURSE / "plans").glob("*.md"))
RUN = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)
QUESTION = re.compile(r"^\*\*(\d+)\. \((\d+) points\)\*\*(.*?)(?=^\*\*\d+\. |\Z)", re.M | re.S)
NAMED = re.compile(r"\b(?:fig|thm|prop|lem|cor|def|ex|eq)-\w[\w-]*|\b[Cc]hapters?\b|\bthe book\b")
PROBLEM = re.compile(r"`(set\d+|short)/(\w+)`")
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


def exercises(path: Path) -> dict[str, int]:
    """The chapter's exercises, with the minutes that they name."""
    labels = re.findall(r":label: (ex-[\w-]+)\n`+\n+\*([^*]+)\*", text_of(path))
    return {
        label: int(found[1]) if (found := re.search(r"(\d+) minutes", kind)) else 0
        for label, kind in labels
    }


def labels(path: Path) -> set[str]:
    text = text_of(path)
    return {
        *re.findall(r":label: ([\w-]+)", text),
        *re.findall(r"\((eq-[\w-]+)\)", text),
        *figures(path),
    }


def table(path: Path) -> list[list[str]]:
    """The rows of the first table that begin with a number."""
    rows = (line.strip("|").split("|") for line in path.read_text("utf-8").splitlines())
    return [[cell.strip() for cell in row] for row in rows if re.match(r" \d+\b", row[0])]


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


@pytest.mark.parametrize("path", EXAMS, ids=lambda path: path.stem)
def test_what_the_class_sees_names_no_label(path: Path) -> None:
    """A sheet for a room without the book names no label of it, and no chapter."""
    seen = ANSWER.sub("", path.read_text("utf-8"))
    assert seen.count("points)**") >= 3
    assert NAMED.findall(seen) == []


def test_every_exercise_has_an_outcome() -> None:
    """Each chapter's table names the chapter's exercises, all of them, and no other's."""
    parts = re.split(r"^## ", (COURSE / "outcomes.md").read_text("utf-8"), flags=re.M)[1:]
    assert [part.splitlines()[0] for part in parts] == [
        f"{k}. {title(path)}" for k, path in enumerate(CHAPTERS, start=1)
    ]
    for part, chapter in zip(parts, CHAPTERS, strict=True):
        assert set(re.findall(r"`(ex-[\w-]+)`", part)) == set(exercises(chapter))
        rows = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert [row for row in rows if "`" not in row] == []


def test_every_problem_has_an_outcome() -> None:
    """The problems that the outcomes name are those of the sets."""
    named = set(PROBLEM.findall((COURSE / "outcomes.md").read_text("utf-8")))
    known = {
        (name.partition("_")[0], problem)
        for name in sets.names()
        for problem in sets.load(name).problems
    }
    assert named == known


def test_the_readme_lists_the_sets() -> None:
    """Each with its title, chapters, minutes and the points that its checks give."""
    text = (COURSE / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (set\d+|short) \| (.+?) \| ([\d, ]+) \| (\d+) \| (\d+) \|$", text, re.M)
    loaded = [sets.load(name) for name in sets.names()]
    assert rows == [
        (
            one.name.partition("_")[0], one.title, ", ".join(map(str, one.chapters)),
            str(sum(problem.minutes for problem in one.problems.values())), f"{one.points:g}",
        )
        for one in loaded
    ]  # fmt: skip


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_s_minutes_add_up(path: Path) -> None:
    """Reading is the map's, labs the exercises', sets the problems', hours their sum."""
    text = path.read_text("utf-8")
    reading = {row[0].split(".")[0]: int(row[2]) for row in table(COURSE / "README.md")}
    minutes = {label: m for chapter in CHAPTERS for label, m in exercises(chapter).items()}
    weeks = re.split(r"^## ", text, flags=re.M)[1:]
    for row, week in zip(table(path), weeks, strict=True):
        _, what, chapters, read, lecture, lab, named, work, hours = row
        assert week.startswith(f"Week {row[0]}: {what}")
        assert int(read) == sum(reading[k] for k in chapters.split(", "))
        told = re.search(r"^\*Lab\.\*(.*)$", week, re.M)
        assert told is not None
        assert int(lab) == sum(minutes[label] for label in re.findall(r"`(ex-[\w-]+)`", told[1]))
        problems = (p for one in named.split(", ") for p in sets.load(one).problems.values())
        assert int(work) == sum(problem.minutes for problem in problems)
        total = sum(map(int, (read, lecture, lab, work))) / 60
        assert float(hours) == pytest.approx(total, abs=0.06)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_reads_in_an_order_that_works(path: Path) -> None:
    """What a chapter builds on comes before it, or the plan says that it is left out."""
    needs = {row[0].split(".")[0]: row[1].split(", ") for row in table(COURSE / "README.md")}
    intro = path.read_text("utf-8").partition("|")[0]
    out = re.search(r"leaves out\s+chapters? ([\d, and]+)", intro)
    left = re.findall(r"\d+", out[1]) if out else []
    read = [k for row in table(path) for k in row[2].split(", ")]
    assert sorted(map(int, read + left)) == list(range(1, len(CHAPTERS) + 1))
    for place, chapter in enumerate(read):
        assert set(needs[chapter]) - {""} <= {*read[:place], *left}


def test_every_path_of_the_course_s_pages_exists() -> None:
    """Links from page to page lead somewhere."""
    for path in sources():
        for link in re.findall(r"\]\(([^)#:]+\.md)\)", path.read_text("utf-8")):
            assert (path.parent / link).is_file(), f"{path.name}: {link}"
