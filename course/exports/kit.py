"""What all exports share: the parts that give points, the grader's own files, the students' files.

An export carries `course` and `npgkit` in one folder, with `secret.json` beside them: the salt, and
whose numbers everybody has.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat

import npgkit
from course import notebook
from course.grading import Result, Task, grade
from course.notebook import Unreadable, read
from course.problem import Check, ProblemSet
from course.submissions import Submission

EVERYONE = "everyone"
SECRET = "secret.json"
NEEDED = ("numpy", "scipy", "gymnasium", "matplotlib", "nbformat", "jupytext")


@dataclass(frozen=True)
class Part:
    """What gives points by itself: a check, or a part of one: a method of a class that conforms.

    Attributes
    ----------
    problem : str
    number : int
        From 1, within the problem.
    title : str
    of : float
    hidden : bool
        Whether the student had no way to try it.
    """

    problem: str
    number: int
    title: str
    of: float
    hidden: bool

    @property
    def name(self) -> str:
        """A name that no other part of the set has."""
        return f"{self.problem}-{self.number}"


@dataclass(frozen=True)
class Secret:
    """What the grader knows and students must not.

    Attributes
    ----------
    salt : str
    students : tuple of str
        The class; nobody, where all have the same numbers.
    """

    salt: str
    students: tuple[str, ...] = ()

    def handouts(self) -> tuple[str, ...]:
        """Whose notebooks are handed out."""
        return self.students or (EVERYONE,)

    def who(self, called: Sequence[str], says: str) -> str:
        """Return whose numbers a submission is graded with.

        Parameters
        ----------
        called : sequence of str
            What the tool calls who handed in: an address, an id.
        says : str
            Whom the file says that it was made for; it has a choice among these names, and no more.
        """
        if not self.students:
            return EVERYONE
        known = [name for name in called if name in self.students]
        return says if says in known else [*known, *called, "nobody"][0]


def requirements() -> str:
    """Return what the grader needs, in the versions that are here."""
    return "".join(f"{name}=={version(name)}\n" for name in NEEDED)


def parts(one: ProblemSet) -> list[Part]:
    """Return the parts of a set in their order."""
    return [
        Part(key, k, *told)
        for key, problem in one.problems.items()
        for k, told in enumerate((t for check in problem.checks for t in _told(check)), start=1)
    ]


def _told(check: Check) -> list[tuple[str, float, bool]]:
    title = getattr(check, "title", "") or f"`{getattr(check, 'name', '')}`"
    one = [(title, check.points, getattr(check, "hidden", True))]
    return getattr(check, "parts", one)


def scores(one: ProblemSet, result: Result) -> list[tuple[Part, float, str]]:
    """Return each part of a set with the points and the sentence that a submission gets for it."""
    left = {
        key: [(mark["check"], mark["points"], mark["sentence"]) for mark in found["marks"]]
        for key, found in result["problems"].items()
    }
    found = []
    for part in parts(one):
        marks = left[part.problem]
        mark = next((m for m in marks if m[0] == part.title), None)
        if mark:
            marks.remove(mark)
        nothing = " ".join(result["notes"]) or "Not graded."
        found.append((part, mark[1], mark[2]) if mark else (part, 0.0, nothing))
    return found


def notes(result: Result) -> list[str]:
    """Return what a student is told besides: of the file, and of each problem."""
    told = list(result["notes"])
    for key, problem in result["problems"].items():
        told += [f"{key}: {note}" for note in problem["notes"]]
    return told


def grade_file(one: ProblemSet, root: Path, handed: Submission, called: Sequence[str]) -> Result:
    """Return what came of a file; `root` holds the export's copy of this package."""
    secret = read_secret(root)
    suffix = handed.path.suffix
    try:
        says = read(handed.data, suffix).about["student"]
    except Unreadable:
        says = ""
    student = secret.who(called, says)
    result = grade(
        Task(
            one.name, student, secret.salt, handed.data, suffix, unreadable=handed.problem,
            students=secret.students,
        )
    )  # fmt: skip
    if secret.students and student not in secret.students:
        result["flags"].append(f"{student[:64]!r} is not in the class")
    return result


def read_secret(root: Path) -> Secret:
    """Return what `copy` wrote."""
    told = json.loads((root / SECRET).read_text("utf-8"))
    return Secret(told["salt"], tuple(told["students"]))


def copy(root: Path, secret: Secret) -> None:
    """Write the grader's files into a folder.

    Raises
    ------
    ValueError
        If the folder has another secret already: what was handed out from it would be graded wrong.
    """
    if (root / SECRET).exists() and read_secret(root) != secret:
        raise ValueError(f"{root} was made with another salt or class: choose another folder")
    ignore = shutil.ignore_patterns("__pycache__", "data")
    for package in (Path(__file__).parents[1], Path(npgkit.__file__).parent):
        shutil.copytree(package, root / package.name, ignore=ignore, dirs_exist_ok=True)
    write_private(root / SECRET, json.dumps(asdict(secret), indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, "utf-8")


def close(root: Path, *more: Path) -> None:
    """As root: take from other users, one of whom runs students' code, what these must not read."""
    if os.getuid() != 0:
        return
    course = root / "course"
    for path in [root / SECRET, *more, course, *course.rglob("*")]:
        if path.exists():
            path.chmod(0o711 if path.is_dir() else 0o600)
    (course / "child.py").chmod(0o644)


def hand_out(one: ProblemSet, secret: Secret, folder: Path, book: str) -> list[Path]:
    """Write the notebooks for the class, or the one for everyone; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for student in secret.handouts():
        name = one.name if student == EVERYONE else student
        written.append(folder / f"{name}.ipynb")
        made = notebook.make(one, secret.salt, student, address=book)
        nbformat.write(made, written[-1])
    return written


def texts(one: ProblemSet, tool: str) -> list[str]:
    """Return what a teacher has to know of texts where a tool does not ask for them."""
    said = f"{tool} does not ask for the texts ({one.to_read:g} points): read them in the files"
    return [said] if one.to_read else []


def write_script(path: Path, lines: Iterable[str]) -> None:
    """Write a program that can be run."""
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.chmod(0o755)
