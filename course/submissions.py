"""The files that were handed in: whose each one is, and what cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from course.notebook import Unreadable, read

LARGEST = 5 << 20
SUFFIXES = (".ipynb", ".py")
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
    lines = [line.split(",")[0].strip() for line in path.read_text("utf-8-sig").splitlines()]
    ids = [identity(line) for line in lines if line and line.lower() not in ("student", "id")]
    twice = [student for student, count in Counter(ids).items() if count > 1]
    if twice or not ids:
        raise ValueError(f"{path}: {f'{twice[0]} is there twice' if twice else 'no student in it'}")
    return ids


def collect(folder: Path, name: str = "") -> tuple[list[Submission], list[str]]:
    """Return the submissions in a folder, read once and for all, and the entries left out.

    `ID.ipynb`, `ID.py`, or a folder `ID` with one such file in it, or with one of the set's name.

    Raises
    ------
    ValueError
        If there is none, or a student is there twice.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    found: list[Submission] = []
    left_out = []
    for entry in sorted(folder.iterdir()):
        student = entry.stem if entry.suffix in SUFFIXES and not _is_folder(entry) else entry.name
        if entry.name.startswith((".", "_")):
            continue
        is_one = entry.suffix in SUFFIXES or entry.is_dir()
        if not IDENTITY.fullmatch(student) or not is_one:
            left_out.append(entry.name)
        elif entry.is_symlink():
            found.append(Submission(student, entry, problem=LINK))
        elif _is_folder(entry):
            found.append(in_folder(student, entry, name))
        else:
            found.append(read_file(student, entry))
    twice = [student for student, n in Counter(s.student for s in found).items() if n > 1]
    if twice:
        paths = ", ".join(s.path.name for s in found if s.student == twice[0])
        raise ValueError(f"{twice[0]} is there twice: {paths}")
    if not found:
        raise ValueError(f"{folder} holds no submission: ID.ipynb, ID.py, or a folder ID with one")
    return found, left_out


LINK = "What was handed in is a symbolic link: hand in the file itself."


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def in_folder(student: str, folder: Path, name: str) -> Submission:
    """Return the one file of a folder, or the one with the name of the set."""
    files = [p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES and p.name[0] not in "._"]
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


def set_of(submissions: list[Submission]) -> str:
    """Return the set that most of the files say they are of.

    Raises
    ------
    ValueError
        If none says so, or as many say another.
    """
    said: Counter[str] = Counter()
    for one in submissions:
        try:
            said[read(one.data, one.path.suffix).about["set"]] += not one.problem
        except Unreadable:
            continue
    said.pop("", None)
    most = [name for name, count in said.items() if count and count == max(said.values())]
    if len(most) != 1:
        raise ValueError("the files do not say which set this is: name it with --set")
    return most[0]
