"""The files that were handed in: whose each one is, and what cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course.notebook import Unreadable, mark_of, read
from course.tables import text_of

LARGEST = 5 << 20
SUFFIXES = (".ipynb", ".py")
HEADS = ("student", "id", "student id", "username", "user", "login", "e-mail", "email", "name")
IDENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True)
class Submission:
    """One student's file.

    Attributes
    ----------
    student : str
    path : Path
    data : bytes
    problem : str
        Why it cannot be read; empty if it can.
    """

    student: str
    path: Path
    data: bytes = b""
    problem: str = ""


def identity(name: str) -> str:
    """Return a student's id if it can name a file.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not IDENTITY.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a student's id: letters, digits and ._@+- are possible, 64 at most"
        )
    return name


def roster(path: Path) -> list[str]:
    """Return the ids of a class: the first column of a file, one a line.

    Raises
    ------
    ValueError
        If an id cannot name a file, is there twice, or there is none.
    """
    ids = []
    for k, line in enumerate(text_of(path).splitlines(), start=1):
        student = re.split("[,;\t]", line)[0].strip().strip('"')
        if student and not (k == 1 and student.lower() in HEADS):
            try:
                ids.append(identity(student))
            except ValueError as error:
                raise ValueError(f"{path}, line {k}: {error}") from None
    if not ids:
        raise ValueError(f"{path}: no student in it")
    for student, other in _alike(ids):
        said = "is there twice" if student == other else f"and {other} differ in case alone"
        raise ValueError(f"{path}: {student} {said}")
    return ids


def _alike(ids: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of ids that would name one file where case does not count."""
    first: dict[str, str] = {}
    return [
        (first[student.casefold()], student)
        for student in ids
        if first.setdefault(student.casefold(), student) != student or ids.count(student) > 1
    ]


def called(stem: str, students: Iterable[str]) -> list[str]:
    """Return the students of a class whose ids are words of a file's name.

    A system that collects files puts other words before and after: `doe_ada_17_ada (1)`.
    """
    words = f" {stem.casefold()} "
    found = [
        s for s in students if re.search(rf"[^a-z0-9]{re.escape(s.casefold())}[^a-z0-9]", words)
    ]
    return [s for s in found if not any(s.casefold() in t.casefold() and s != t for t in found)]


@dataclass
class Collected:
    """What a folder holds.

    Attributes
    ----------
    submissions : list of Submission
        One a student.
    renamed : list of str
        The files whose names hold more than the id that they were taken for.
    left_out : list of str
        The entries that were taken for nobody.
    """

    submissions: list[Submission] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def collect(folder: Path, name: str = "", students: Sequence[str] = ()) -> Collected:
    """Return the submissions in a folder, read once and for all.

    `ID.ipynb`, `ID.py`, or a folder `ID` with one such file in it, or with one of the set's name.
    Where the class is known an ID may be a word of a longer name. A student with more than one file
    has a submission that cannot be read.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    found = Collected()
    entries: dict[str, list[tuple[bool, Path]]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "_")):
            continue
        stem = entry.stem if entry.suffix in SUFFIXES and not _is_folder(entry) else entry.name
        names = [stem] if stem in students else called(stem, students)
        if not names and _is_folder(entry):
            names = called(" ".join(path.stem for path in _files(entry)), students)
        if not names and IDENTITY.fullmatch(stem):
            names = [stem]
        if len(names) != 1 or not (entry.suffix in SUFFIXES or entry.is_dir()):
            found.left_out.append(entry.name)
            continue
        own = [key for key in entries if key.casefold() == names[0].casefold()] or names
        entries.setdefault(own[0], []).append((stem == names[0], entry))
    for student, claims in entries.items():
        paths = [path for _, path in claims]
        if len(paths) > 1:
            said = f"{len(paths)} were handed in, and one is wanted: "
            said += ", ".join(path.name for path in paths)
            found.submissions.append(Submission(student, folder, problem=said))
            continue
        if not claims[0][0]:
            found.renamed.append(f"{student} from {paths[0].name}")
        found.submissions.append(_submission(student, paths[0], name))
    if not found.submissions:
        raise ValueError(f"{folder} holds no submission: ID.ipynb, ID.py, or a folder ID with one")
    return found


def _submission(student: str, entry: Path, name: str) -> Submission:
    if entry.is_symlink():
        return Submission(student, entry, problem=LINK)
    return in_folder(student, entry, name) if _is_folder(entry) else read_file(student, entry)


LINK = "What was handed in is a symbolic link: hand in the file itself."


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES and p.name[0] not in "._"]


def in_folder(student: str, folder: Path, name: str) -> Submission:
    """Return the one file of a folder, or the one with the name of the set."""
    files = _files(folder)
    named = [p for p in files if name and p.stem == name]
    files = named if len(named) == 1 else files
    if len(files) != 1:
        count = f"{len(files)} notebooks are" if files else "no notebook is"
        return Submission(student, folder, problem=f"In the folder {count}: one is wanted.")
    return read_file(student, files[0])


def read_file(student: str, path: Path) -> Submission:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        said = LINK if path.is_symlink() else f"The file cannot be read: {error.strerror}."
        return Submission(student, path, problem=said)
    with os.fdopen(file, "rb") as opened:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            return Submission(student, path, problem="What was handed in is no file.")
        data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        return Submission(student, path, problem=f"The file has more than {LARGEST >> 20} MB.")
    return Submission(student, path, data)


def says(submissions: Iterable[Submission], what: str) -> Counter[str]:
    """Return how many files say what of themselves: of their `set`, or of their `salt`."""
    said: Counter[str] = Counter()
    for one in submissions:
        try:
            word = "" if one.problem else read(one.data, one.path.suffix).about[what]
        except Unreadable:
            continue
        said[word] += word != ""
    return +said


def set_of(submissions: list[Submission]) -> str:
    """Return the set that most of the files say they are of.

    Raises
    ------
    ValueError
        If none says so, or as many say another.
    """
    said = says(submissions, "set")
    most = [name for name, count in said.items() if count == max(said.values())]
    if len(most) != 1:
        among = f": {', '.join(sorted(most))} are there as often" if most else ""
        raise ValueError(f"the files do not say which set this is{among}: name it with --set")
    return most[0]


def refuse_another_salt(submissions: list[Submission], salt: str, source: str) -> None:
    """Raise if most of the files were made with another salt: with other numbers.

    Raises
    ------
    ValueError
        If they were.
    """
    said = says(submissions, "salt")
    other = said.total() - said[mark_of(salt)]
    if 2 * other > said.total():
        raise ValueError(
            f"{other} of {said.total()} files were made with another salt than {source}: grade them"
            " with the one that they were made with"
        )
