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
from course import feedback, sandbox
from course.grading import Result, Task, grade
from course.problem import ProblemSet, digest
from course.student import SandboxFault
from course.submissions import Submission

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

    def results(self) -> list[Result]:
        """Return all results that are stored.

        Raises
        ------
        ValueError
            If there is none.
        """
        found = [
            json.loads(path.read_text("utf-8"))["result"]
            for path in sorted((self.folder / "results").glob("*.json"))
        ]
        if not found:
            raise ValueError(f"no grades stand beside {self.table}: run `grade` first")
        return found


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
    """Grade what is not graded yet, store results and feedback one by one, and write the table.

    `students` is the whole class: who handed in nothing is in the table with nothing.
    """
    here = {s.student for s in submissions}
    everyone = tuple(sorted(here | {*students}))
    handed = [
        *submissions,
        *(Submission(s, Path(), problem=NOTHING) for s in everyone if s not in here),
    ]
    for name in ("results", "feedback"):
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
            _store(one, book, task, keys[task.student], result)
            points = f"{result['points']:g} of {result['of']:g}"
            say(f"{k}/{len(futures)} {task.student}: {points} {_aside(result)}".rstrip())
    ordered = [results[student] for student in everyone]
    table(one, ordered, book.table)
    return ordered


NOTHING = "Nothing was handed in."


def _aside(result: Result) -> str:
    notes = [*result["notes"], *result["flags"]]
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
        stored = json.loads(book.result(task.student).read_text("utf-8"))
        result: Result = stored["result"]
        if stored["key"] == key and stored["seal"] == _seal(task.salt, key, result):
            return result
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _store(one: ProblemSet, book: Book, task: Task, key: str, result: Result) -> None:
    for suffix, text in (
        ("md", feedback.markdown(one, result)),
        ("html", feedback.html(one, result)),
    ):
        _write(book.folder / "feedback" / f"{task.student}.{suffix}", text)
    stored: dict[str, Any] = {"key": key, "seal": _seal(task.salt, key, result), "result": result}
    _write(book.result(task.student), json.dumps(stored, indent=1))


def _write(path: Path, text: str) -> None:
    """Write a whole file or none."""
    half = path.with_name(path.name + ".half")
    half.write_text(text, "utf-8")
    half.replace(path)


def table(one: ProblemSet, results: list[Result], path: Path) -> None:
    """Write a row a student: points of each problem, what is to be read, what to look at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".half")
    with half.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["student", "set", "points", "of", *one.problems, "to read", "status", "look at"]
        )
        for result in results:
            problems = result["problems"].values()
            text = sum(problem["to_read"] for problem in problems)
            look = "; ".join([*result["flags"], *result["notes"]])
            rows.writerow(
                [result["student"], one.name, f"{result['points']:g}", f"{result['of']:g}"]
                + [f"{problem['points']:g}" for problem in problems]
                + [f"{text:g}" if result["status"] == GRADED else "0", result["status"], look]
            )
    half.replace(path)
