"""A folder of submissions, graded in parallel; what is done is kept and not done again."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import npgkit
from course import feedback, reading, sandbox
from course.grading import Result, Task, grade
from course.problem import ProblemSet, digest
from course.student import SandboxFault
from course.submissions import Submission
from course.tables import lines_of

GRADED, ABSENT, FAILED = "graded", "absent", "not graded"


@dataclass(frozen=True)
class Book:
    """Where grades stand: `grades.csv` and a folder beside it, `grades/`.

    Attributes
    ----------
    table : Path
        The CSV file.
    """

    table: Path

    @property
    def folder(self) -> Path:
        """Where results and feedback stand."""
        return self.table.with_suffix("")

    def result(self, student: str) -> Path:
        """Return where a student's result stands."""
        return self.folder / "results" / f"{student}.json"

    @property
    def reading(self) -> Path:
        """Where points for texts are entered."""
        return self.folder / "reading.csv"

    def results(self) -> list[Result]:
        """Return the results of the students that the table names.

        Raises
        ------
        ValueError
            If there is none, or one of them cannot be read.
        """
        if not self.table.is_file():
            raise ValueError(f"no grades stand in {self.table}: run `grade` first")
        rows = lines_of(self.table)
        if not rows or "student" not in rows[0]:
            raise ValueError(f"{self.table} is no table of grades: it has no column 'student'")
        return [
            _stored(self.result(row["student"]))["result"]
            for row in rows
            if row.get("status") != FAILED
        ]

    def kept(self) -> list[Result]:
        """Return all results that are stored and can be read, in the table or not."""
        found = []
        for path in sorted((self.folder / "results").glob("*.json")):
            try:
                found.append(_stored(path)["result"])
            except ValueError:
                continue  # it is graded again
        return found

    def refuse_another_set(self, name: str) -> None:
        """Raise if what stands here is of another set.

        Raises
        ------
        ValueError
            If it is.
        """
        for of in (result["set"] for result in self.kept()):
            if of != name:
                raise ValueError(f"{self.folder} holds grades of {of}, not of {name}: name another")


def _stored(path: Path) -> dict[str, Any]:
    """Return a stored result with its key and its seal."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if isinstance(stored["result"]["set"], str):
            return stored
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(f"{path} is missing or no result: run `grade` again, or take it away")


@cache
def version() -> str:
    """Return a digest of all code that decides about a mark."""
    whole = hashlib.sha256()
    for root in (Path(__file__).parent, Path(npgkit.__file__).parent):
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".json")):
            whole.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def run(
    one: ProblemSet, submissions: list[Submission], salt: str, book: Book, *,
    students: Iterable[str] = (), jobs: int = 1, patience: float = 1.0, again: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> list[Result]:  # fmt: skip
    """Grade what is not graded yet, store results one by one; write feedback and the tables.

    `students` is the whole class: who handed in nothing is in the table with nothing. Points that
    a person has entered are counted.

    Raises
    ------
    ValueError
        If the folder holds another set's grades, or entered points cannot be counted.
    """
    book.refuse_another_set(one.name)
    if book.reading.exists():
        reading.refuse_a_part(book.reading, book.kept())
    before = reading.entered(book.reading)
    here = {s.student for s in submissions}
    everyone = tuple(sorted(here | {*students}))
    handed = [
        *submissions,
        *(Submission(s, Path(), problem=NOTHING) for s in everyone if s not in here),
    ]
    for name in ("results", "feedback", "texts"):
        (book.folder / name).mkdir(parents=True, exist_ok=True)
    results: dict[str, Result] = {}
    waiting: dict[str, Task] = {}
    keys: dict[str, str] = {}
    for s in handed:
        task = Task(one.name, s.student, salt, s.data, s.path.suffix, s.problem, everyone, patience)
        keys[s.student] = _key(task)
        kept = None if again else _kept(book, task, keys[s.student])
        if kept is None:
            waiting[s.student] = task
        else:
            results[s.student] = kept
    if results:
        say(f"{len(results)} were graded before, and nothing about them has changed")
    # A process each for a submission's grader: the suite and the marks share nothing.
    with ProcessPoolExecutor(
        max_workers=max(1, min(jobs, len(waiting))),
        mp_context=get_context("spawn"),
        initializer=sandbox.close_memory,
    ) as pool:
        futures = {pool.submit(grade, task): task for task in waiting.values()}
        for k, future in enumerate(as_completed(futures), start=1):
            task = futures[future]
            try:
                result = future.result()
            except (BrokenExecutor, SandboxFault):
                raise
            except Exception as error:  # of ours; the others are graded all the same
                result = grade(replace(task, unreadable=f"The grader stopped: {error!r:.200}"))
                results[task.student] = result | {"status": FAILED}
                say(f"{k}/{len(futures)} {task.student}: not graded: {error!r:.200}")
                continue
            if task.unreadable == NOTHING:
                result["status"] = ABSENT
            results[task.student] = result
            _store(book, task, keys[task.student], result)
            points = f"{result['points']:g} of {result['of']:g}"
            say(f"{k}/{len(futures)} {task.student}: {points} {_aside(result)}".rstrip())
    ordered = [results[student] for student in everyone]
    # What was entered while the submissions were graded is not lost.
    rows, others = reading.table(one, ordered, before | reading.entered(book.reading))
    reading.write([*rows, *others], book.reading)
    if others:
        whose = ", ".join(dict.fromkeys(f"{row.student} ({row.problem})" for row in others))
        say(f"NOTE: {len(others)} rows of {book.reading} belong to nobody here: {whose}")
    for key, problem in one.problems.items():
        if problem.rubric:
            _write(book.folder / "texts" / f"{key}.md", reading.texts(one, key, ordered))
    for result in ordered:
        own = reading.of(rows, result["student"])
        path = book.folder / "feedback" / f"{result['student']}.md"
        _write(path, feedback.markdown(one, result, own))
        _write(path.with_suffix(".html"), feedback.html(one, result, own))
    table(one, ordered, rows, book.table)
    return ordered


NOTHING = "Nothing was handed in."


def _aside(result: Result) -> str:
    notes = _to_look_at(result)
    return f"({'; '.join(notes)})" if notes else ""


def _key(task: Task) -> str:
    """Return what a result depends on: submission, set, salt, class, grader."""
    words = (version(), task.set, task.student, task.suffix, task.unreadable, *task.students)
    words += (f"{task.patience:g}", hashlib.sha256(task.data).hexdigest())
    return digest(task.salt, "result", *words).hex()


def _seal(salt: str, key: str, result: Result) -> str:
    return digest(salt, "seal", key, json.dumps(result, sort_keys=True)).hex()


def _kept(book: Book, task: Task, key: str) -> Result | None:
    """Return a stored result if it is of the same submission and nobody has changed it."""
    try:
        stored = _stored(book.result(task.student))
        result: Result = stored["result"]
        if stored["key"] == key and stored["seal"] == _seal(task.salt, key, result):
            return result
    except (ValueError, KeyError):
        pass
    return None


def _store(book: Book, task: Task, key: str, result: Result) -> None:
    stored: dict[str, Any] = {"key": key, "seal": _seal(task.salt, key, result), "result": result}
    _write(book.result(task.student), json.dumps(stored, indent=1))


def _write(path: Path, text: str) -> None:
    """Write a whole file or none."""
    half = path.with_name(path.name + ".half")
    half.write_text(text, "utf-8")
    half.replace(path)


def table(one: ProblemSet, results: list[Result], rows: list[reading.Row], path: Path) -> None:
    """Write a row a student: points of each problem, what is to be read, what to look at.

    A problem's points are those of its checks and those that a person has entered.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".half")
    with half.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(
            ["student", "set", "points", "of", *one.problems]
            + ["by checks", "by reading", "to read", "status", "look at"]
        )
        for result in results:
            own = reading.of(rows, result["student"])
            told = reading.given(own)
            each = [
                result["problems"][key]["points"] + reading.given(reading.of(own, problem=key))
                for key in one.problems
            ]
            numbers = [result["points"] + told, one.points + one.to_read, *each]
            numbers += [result["points"], told, reading.to_read(own)]
            lines.writerow(
                [result["student"], one.name, *(f"{x:g}" for x in numbers)]
                + [result["status"], "; ".join(_to_look_at(result))]
            )
    half.replace(path)


def _to_look_at(result: Result) -> list[str]:
    """Return what a teacher is told of a submission; a flag says it where there is one."""
    return list(result["flags"] or result["notes"])
