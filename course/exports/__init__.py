"""The problem sets for other graders: `python -m course export`; grading.md says what each loses.

`nbgrader`, `otter`, `gradescope` and `page` write what is handed to the tool. `with_nbgrader`,
`with_otter` and `on_gradescope` run inside the tool: they let `course.grading` grade the file that
was handed in, and tell the tool its points. So everywhere a student's code runs in the sandbox of
this package, and its marks are those of `python -m course grade`.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from course.problem import ProblemSet

TARGETS = ("nbgrader", "otter", "gradescope", "page")


def write(
    target: str, one: ProblemSet, salt: str, students: tuple[str, ...], out: Path, book: str = ""
) -> list[str]:
    """Write a set for a target into a folder; return what to do next, a sentence a line.

    `book` is the address of the book, for a link.
    """
    from course.exports.kit import Secret

    module = importlib.import_module(f"course.exports.{target}")
    lines: list[str] = module.write(one, Secret(salt, students), out, book)
    return lines
