"""A student's notebook: made from a set, and read again, whatever has become of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import nbformat
import numpy as np

from course.problem import Numbers, ProblemSet, digest, numbers_for
from course.student import MEMORY

ABOUT = ("set", "student", "salt")
MARKER = re.compile(r"#\s*(answer|given|try):\s*(\w+)")
WORDS = "text"
WRITTEN, UNTOUCHED, GONE = "written", "untouched", "gone"
BOOK = "The Natural Policy Gradient"
RULES = """\
Write into the cells that begin with `# answer:`, and keep that line. {own}A `# try:` cell shows
whether an example comes out right; more is asked when it is graded. Your answers run without the
network, with {memory} GB of memory and some seconds for each question. Hand in this one file under
its name."""
OWN = "What a `# given:` cell sets are\nyour numbers; others have others. "
TEXT = "*Your text for problem {number}, read by a person, who looks for:*\n{lines}\n"
GIVEN = "# given: {} (these are set again when it is graded)\n"
ANSWER = "# answer: {} (keep this line)\n"
TRY = "# try: {} (what stands here is not graded)\n"


def numbers_of(one: ProblemSet, salt: str, student: str) -> dict[str, Numbers]:
    """Return a student's numbers for each problem of a set."""
    return {
        key: numbers_for(problem, salt, f"{one.name}/{key}", student)
        for key, problem in one.problems.items()
    }


def chapters(one: ProblemSet) -> str:
    """Return the chapters that have to be read before, in words."""
    *first, last = map(str, one.chapters)
    return f"chapters {', '.join(first)} and {last}" if first else f"chapter {last}"


def mark_of(salt: str) -> str:
    """Return what a notebook says of the salt that it was made with: whether it is the same one."""
    return digest(salt, "mark").hex()[:16]


def book(address: str) -> str:
    """Return the book's title, with a link where there is an address."""
    return f"[{BOOK}]({address})" if address else f"*{BOOK}*"


def worth(points: float, read: float) -> str:
    """Return points in words: those of checks, and those of a person."""
    return f"{points:g} points" + (f" and {read:g} that a person gives" if read else "")


def titles(one: ProblemSet) -> list[str]:
    """Return how the statements begin, and the notebook."""
    numbered = enumerate(one.problems.values(), start=1)
    return [f"# {one.title}", *(f"## {k}. {problem.title}" for k, problem in numbered)]


def text_of(one: ProblemSet, key: str) -> str:
    """Return what stands in the cell for a problem's text before anything is written."""
    lines = "".join(f"\n- {words} ({points:g})" for points, words in one.problems[key].rubric)
    return TEXT.format(number=[*one.problems].index(key) + 1, lines=lines)


def make(one: ProblemSet, salt: str, student: str, solved: bool = False, address: str = "") -> Any:
    """Return a student's notebook of a set; with the solutions in it for a teacher.

    `address` is that of the book, for a link.
    """
    numbers = numbers_of(one, salt, student)
    own = OWN if any(numbers.values()) else ""
    rules = RULES.format(own=own, memory=MEMORY >> 30)
    minutes = sum(problem.minutes for problem in one.problems.values())
    after = f"about {minutes} minutes, after {chapters(one)} of {book(address)}"
    all_points = worth(one.points, one.to_read)
    head = f"# {one.title}\n\nFor {student}; {after}; {all_points}.\n\n{rules}"
    cells = [_cell("markdown", "head", "", head)]
    for k, (key, problem) in enumerate(one.problems.items(), start=1):
        points = worth(problem.points, problem.to_read)
        title = f"{titles(one)[k]}\n\n*{points}; {problem.minutes} minutes*\n\n"
        rng = np.random.default_rng(int.from_bytes(digest(salt, "try", one.name, key, student)))
        tries = [check.tries(problem, numbers[key], rng) for check in problem.checks]
        cells += [
            _cell("markdown", "statement", key, title + problem.said(numbers[key])),
            _cell("code", "given", key, GIVEN.format(key) + problem.given(numbers[key])),
        ]
        code = problem.solution if solved else problem.starter
        cells.append(_cell("code", "answer", key, ANSWER.format(key) + code.strip()))
        if any(tries):
            cells.append(
                _cell("code", "try", key, TRY.format(key) + "\n".join(filter(None, tries)))
            )
        if problem.rubric:
            cells.append(_cell("markdown", WORDS, key, text_of(one, key)))
    about = {"set": one.name, "student": student, "salt": mark_of(salt)}
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "course": about,
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _cell(kind: str, role: str, key: str, source: str) -> Any:
    maker = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    name = f"{key}-{role}" if key else role
    return maker(source, id=name, metadata={"course": {"problem": key, "role": role}})


class Unreadable(ValueError):
    """A file that is no notebook of a set: a sentence for the student."""


@dataclass
class Handed:
    """What a student handed in.

    Attributes
    ----------
    code : list of (label, role, problem, source)
        The code cells; role and problem are empty for cells of the student's own.
    words : dict of str: list of str
        The text for each problem that is read by a person: its cell, more than one if it was split.
    more_words : dict of str: list of str
        Other cells of text, by the problem that they stand in.
    about : dict
        The set and the student that the file was made for, and the mark of the salt that it was
        made with, as it says itself.
    """

    code: list[tuple[str, str, str, str]] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)
    more_words: dict[str, list[str]] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)

    def program(
        self, one: ProblemSet, key: str, numbers: dict[str, Numbers]
    ) -> list[tuple[str, str]]:
        """Return the cells that are run for a problem, with the numbers that are the student's."""
        wanted = [*one.problems[key].needs, key]
        cells = [("given", one.problems[k].given(numbers[k])) for k in wanted]
        cells += [
            (label, source)
            for label, role, problem, source in self.code
            if not role or (role == "answer" and problem in wanted)
        ]
        return cells

    def notes(self, key: str) -> list[str]:
        """Return what has become of a problem's answer cell."""
        count = sum(role == "answer" and problem == key for _, role, problem, _ in self.code)
        if count == 0:
            return ["The answer cell is gone: what other cells define was asked for all the same."]
        if count > 1:
            return [f"The answer cell is there {count} times: the last one counts."]
        return []

    def text(self, one: ProblemSet, key: str) -> tuple[str, str]:
        """Return whether a problem's text is WRITTEN, UNTOUCHED or GONE, and the text.

        Some programs save cells without their marks: statements and text cells are then known by
        how they begin.
        """
        given = text_of(one, key)
        begins = given.partition("\n")[0]
        own = [
            words
            for words in self.more_words.get(key, [])
            if not any(words.startswith(title) for title in titles(one))
        ]
        cells = self.words.get(key, []) + [words for words in own if words.startswith(begins)]
        written = [words for words in cells if words.split() != given.split()]
        written += [words for words in own if not words.startswith(begins)]
        if written:
            return WRITTEN, "\n\n".join(written)
        return (UNTOUCHED if cells else GONE), ""


def read(data: bytes, suffix: str) -> Handed:
    """Return what a file holds.

    Raises
    ------
    Unreadable
        If it holds no notebook for Python.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"The file is not UTF-8 text (byte {error.start}): save it again."
        ) from None
    try:
        if suffix == ".py":
            import jupytext

            found = jupytext.reads(text, fmt="py:percent")
        else:
            found = nbformat.reads(text, as_version=4)
        cells = [
            (str(cell["cell_type"]), str(cell["source"]), dict(cell.get("metadata", {})))
            for cell in found["cells"]
        ]
        metadata = dict(found.get("metadata", {}))
    except Exception as error:
        raise Unreadable(f"The file is no notebook: {type(error).__name__}.") from None
    language = _text(_within(metadata, "kernelspec", "language")) or _text(
        _within(metadata, "language_info", "name")
    )
    if language and language.lower() not in ("python", "ipython"):
        raise Unreadable(
            f"The notebook's kernel is {language[:20]}: choose Python 3, and save it again."
        )
    handed = Handed(about={k: _text(_within(metadata, "course", k)) for k in ABOUT})
    standing = ""
    for k, (kind, source, more) in enumerate(cells, start=1):
        role, key = (_text(_within(more, "course", name)) for name in ("role", "problem"))
        if kind == "code" and (marked := MARKER.match(source.lstrip())):
            role, key = marked[1], marked[2]
        standing = key or standing
        if role == WORDS:
            handed.words.setdefault(key, []).append(source)
        elif kind == "code":
            label = f"the {role} cell of {key}" if role else f"cell {k}"
            handed.code.append((label, role, key, source))
        elif not role and source.strip():
            handed.more_words.setdefault(standing, []).append(source.strip())
    return handed


def _within(x: Any, *keys: str) -> Any:
    for key in keys:
        x = x.get(key) if isinstance(x, dict) else None
    return x


def _text(x: Any) -> str:
    return x[:200] if isinstance(x, str) else ""
