"""A course directory for nbgrader: its settings, the assignment's source, and the grader.

nbgrader runs a submission in one kernel, tests and all. Here its settings put
`course.exports.with_nbgrader.Grade` in the place of that: the submission is graded in the sandbox,
and each test cell gets its points and a sentence as if it had run. Where the settings are not read,
every test fails and says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from course import notebook
from course.exports import kit
from course.problem import ProblemSet, digest

CONFIG = """import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "kit"))
from course.exports.with_nbgrader import configure

c = get_config()
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
# Answers and texts begin as they stand in the source.
c.ClearSolutions.code_stub = {"python": ""}
c.ClearSolutions.text_stub = ""
# Students' code runs in the sandbox, not in nbgrader's kernel.
configure(c)
"""
SOLUTION = "\n### BEGIN SOLUTION\n{}\n### END SOLUTION"
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
HIDDEN = (
    f"\n{BEGIN}\n"
    'raise RuntimeError("not graded: nbgrader has not read the nbgrader_config.py of the export")\n'
    f"{END}"
)
TEST = "# try: {problem}, part {number}: {title} ({of:g} points, given when it is graded)"


def write(one: ProblemSet, secret: kit.Secret, out: Path, book: str = "") -> list[str]:
    """Write the course directory; return what to do with it."""
    kit.copy(out / "kit", secret)
    (out / "nbgrader_config.py").write_text(CONFIG, "utf-8")
    (out / "requirements.txt").write_text(kit.requirements(), "utf-8")
    source = out / "source" / one.name
    source.mkdir(parents=True, exist_ok=True)
    path = source / f"{one.name}.ipynb"
    nbformat.write(version(one, secret, secret.handouts()[0], True, book), path)
    lines = [
        f"`pip install -r {out / 'requirements.txt'}` beside nbgrader: the grader needs it",
        f"in {out}: `nbgrader generate_assignment {one.name}` makes the students' version",
        f"`nbgrader autograde {one.name}` grades what is in submitted/, feedback as always",
    ]
    if secret.students:
        for student in secret.students:
            mine = out / "handout" / student / one.name
            mine.mkdir(parents=True, exist_ok=True)
            nbformat.write(version(one, secret, student, False, book), mine / path.name)
        lines.insert(2, f"hand out {out / 'handout'} in its place: nbgrader releases one for all")
    return lines


def version(
    one: ProblemSet, secret: kit.Secret, student: str, of_teacher: bool = False, book: str = ""
) -> Any:
    """Return a notebook with test cells; the teacher's has solutions and hidden tests."""
    made = notebook.make(one, secret.salt, student, address=book)
    cells = []
    for cell in made.cells:
        key, role = (cell.metadata["course"][name] for name in ("problem", "role"))
        if role == "answer":
            cells.append(_nbgrader(cell, f"{key}-answer", solution=True))
            if of_teacher:
                cell.source += SOLUTION.format(one.problems[key].solution.strip())
            cells += tests(one, secret, student, key, of_teacher)
        elif role == notebook.WORDS:
            read = one.problems[key].to_read
            cells.append(_nbgrader(cell, f"{key}-text", solution=True, points=read))
            if of_teacher:  # with no region to cut, nbgrader would cut the whole text
                cell.source += SOLUTION.format("")
        elif role != "try":
            cells.append(cell)
    made.cells = cells
    return made


def tests(
    one: ProblemSet, secret: kit.Secret, student: str, key: str, of_teacher: bool
) -> list[Any]:
    """Return a problem's test cells, one for each part."""
    problem = one.problems[key]
    numbers = notebook.numbers_of(one, secret.salt, student)[key]
    rng = np.random.default_rng(int.from_bytes(digest(secret.salt, "try", one.name, key, student)))
    tries = iter([check.tries(problem, numbers, rng) for check in problem.checks])
    cells = []
    for part in kit.parts(one):
        if part.problem != key:
            continue
        told = TEST.format(problem=key, number=part.number, title=part.title, of=part.of)
        source = "\n".join(filter(None, [told, next(tries, "")]))
        cell = nbformat.v4.new_code_cell(source + HIDDEN * of_teacher, id=part.name)
        cell.metadata["course"] = {"problem": key, "role": "try"}
        cells.append(_nbgrader(cell, part.name, locked=True, points=part.of))
    return cells


def _nbgrader(
    cell: Any, name: str, points: float | None = None, solution: bool = False, locked: bool = False
) -> Any:
    cell.metadata["nbgrader"] = {
        "schema_version": 3, "grade_id": name, "solution": solution, "locked": locked,
        "grade": points is not None, "task": False, "cell_type": cell.cell_type,
    }  # fmt: skip
    if points is not None:
        cell.metadata["nbgrader"]["points"] = points
    return cell
