"""`python -m course make|grade|report`: problem sets for a class, graded."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

import nbformat

from course import exports, notebook, reading, sandbox, sets
from course.grades import ABSENT, GRADED, Book, run
from course.report import report
from course.student import SandboxFault
from course.submissions import collect, identity, refuse_another_salt, roster, set_of
from course.tables import text_of

DONE, LOOK, COULD_NOT = 0, 1, 2
OPEN_SALT = "public"
NOTE = (
    "NOTE: no salt is set, so anybody with this repository can compute every student's numbers. "
    "Name a file of yours with --salt-file, or set COURSE_SALT."
)


def main(argv: list[str] | None = None) -> int:
    """Run a command; return 0 if all is done, 1 if something wants a look, 2 if it cannot."""
    chosen = _parser().parse_args(argv)
    try:
        code: int = chosen.run(chosen)
    except (ValueError, OSError, SandboxFault) as error:
        print(f"course: {error}", file=sys.stderr)
        return COULD_NOT
    except KeyboardInterrupt:
        print("course: stopped; what is done is kept: run it again", file=sys.stderr)
        return COULD_NOT
    except BrokenExecutor:
        print("course: a grader was killed; what is done is kept: run it again", file=sys.stderr)
        return COULD_NOT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("make", help="make the notebooks of a set, one a student")
    make.add_argument("set", metavar="SET", help=f"one of {', '.join(sets.names())}")
    who = make.add_mutually_exclusive_group(required=True)
    who.add_argument("--student", metavar="ID", help="for one student")
    who.add_argument("--students", type=Path, metavar="FILE", help="for a class: an ID a line")
    make.add_argument("--out", type=Path, required=True, metavar="DIR")
    make.add_argument("--solved", action="store_true", help="with the model solutions, for you")
    make.set_defaults(run=_make)
    grade = commands.add_parser("grade", help="grade a folder of submissions")
    grade.add_argument("folder", type=Path, help="holds ID.ipynb, ID.py or folders ID with one")
    grade.add_argument("--out", type=Path, required=True, metavar="grades.csv")
    grade.add_argument("--set", metavar="SET", help="what most files say they are, when left out")
    grade.add_argument("--students", type=Path, metavar="FILE", help="the class: an ID a line")
    grade.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    grade.add_argument(
        "--patience", type=float, default=1.0, help="multiplies all time limits, on a slow machine"
    )
    grade.add_argument("--again", action="store_true", help="grade what is graded already, too")
    grade.set_defaults(run=_grade)
    export = commands.add_parser("export", help="write a set for another grader")
    export.add_argument("target", choices=exports.TARGETS)
    export.add_argument("set", metavar="SET")
    export.add_argument("--students", type=Path, metavar="FILE", help="numbers for each of a class")
    export.add_argument("--out", type=Path, required=True, metavar="DIR")
    export.set_defaults(run=_export)
    for one in (make, export):
        one.add_argument("--book", default="", metavar="URL", help="where your students read it")
    told = commands.add_parser("report", help="a class at a glance, in Markdown")
    told.add_argument("table", type=Path, metavar="grades.csv")
    told.set_defaults(run=_report)
    for one in (make, grade, export):
        one.add_argument(
            "--salt-file", type=Path, metavar="FILE", help="or COURSE_SALT: your secret"
        )
    return parser


def _source(chosen: argparse.Namespace) -> str:
    """Return where the salt comes from."""
    if chosen.salt_file:
        return f"that of {chosen.salt_file}"
    return "COURSE_SALT" if os.environ.get("COURSE_SALT", "").strip() else "none, as none is set"


def _salt(chosen: argparse.Namespace) -> str:
    source = chosen.salt_file or "COURSE_SALT"
    if chosen.salt_file:
        salt = text_of(chosen.salt_file).strip()
    else:
        salt = os.environ.get("COURSE_SALT", "").strip()
        if not salt:
            print(f"course: {NOTE}", file=sys.stderr)
            return OPEN_SALT
    if len(salt) < 8:
        raise ValueError(f"{source} holds {len(salt)} characters: make it 8 or more")
    return str(salt)


def _make(chosen: argparse.Namespace) -> int:
    one = sets.load(chosen.set)
    students = [identity(chosen.student)] if chosen.student else roster(chosen.students)
    salt = _salt(chosen)
    made = {
        chosen.out / f"{student}.ipynb": nbformat.writes(
            notebook.make(one, salt, student, chosen.solved, chosen.book)
        )
        + "\n"
        for student in students
    }
    # What is there may be a student's work.
    others = [p.name for p, text in made.items() if p.exists() and p.read_text("utf-8") != text]
    if others:
        names = f"{others[0]} and {len(others) - 1} more" if others[1:] else others[0]
        raise ValueError(f"{chosen.out} has another {names}: name an empty folder")
    chosen.out.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        path.write_text(text, "utf-8")
    print(f"{one.name} for {len(students)}: {chosen.out}")
    return DONE


def _export(chosen: argparse.Namespace) -> int:
    one = sets.load(chosen.set)
    students = tuple(roster(chosen.students)) if chosen.students else ()
    salt = _salt(chosen)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for line in exports.write(chosen.target, one, salt, students, chosen.out, chosen.book):
        print(line)
    return DONE


def _grade(chosen: argparse.Namespace) -> int:
    if chosen.jobs < 1 or not chosen.patience > 0:
        raise ValueError("--jobs and --patience are more than 0")
    name = sets.load(chosen.set).name if chosen.set else ""
    if chosen.folder.resolve() in (chosen.out.resolve(), *chosen.out.resolve().parents):
        raise ValueError(f"{chosen.out} is in {chosen.folder}, among the submissions: name another")
    if chosen.out.is_dir():
        raise ValueError(
            f"{chosen.out} is a folder: name a file in it, such as {chosen.out}/grades.csv"
        )
    students = roster(chosen.students) if chosen.students else []
    found = collect(chosen.folder, name, students)
    one = sets.load(name or set_of(found.submissions))
    salt = _salt(chosen)
    refuse_another_salt(found.submissions, salt, _source(chosen))
    sandbox.close_memory()
    if note := sandbox.available().note:
        print(f"course: NOTE: {note}", file=sys.stderr)
    unknown = [s.student for s in found.submissions if students and s.student not in students]
    for said, names in (
        ("taken by a word of their names", found.renamed),
        ("left out, as taken for nobody", found.left_out),
        (f"not in {chosen.students}", unknown),
    ):
        if names:
            print(f"course: {said}: {', '.join(names)}", file=sys.stderr)
    book = Book(chosen.out)
    results = run(
        one, found.submissions, salt, book, students=students, jobs=chosen.jobs,
        patience=chosen.patience, again=chosen.again, say=lambda line: print(line, flush=True),
    )  # fmt: skip
    print(f"{one.name}: {len(results)} rows in {chosen.out}, feedback in {book.folder}/feedback")
    rows, nobodys = reading.table(one, results, reading.entered(book.reading))
    if waiting := reading.to_read(row for row in rows if row.given is None):
        print(f"{waiting:g} points wait for a reader: enter them in {book.reading}, grade again")
    if again := reading.to_read(row for row in rows if row.given is not None):
        print(f"{again:g} points are for texts that have changed since: read them again in")
        print(f"{book.reading}, and empty the cell `text` of what you have read")
    wants_a_look = any(r["status"] not in (GRADED, ABSENT) or r["flags"] for r in results)
    return LOOK if wants_a_look or found.left_out or unknown or nobodys else DONE


def _report(chosen: argparse.Namespace) -> int:
    book = Book(chosen.table)
    results = book.results()
    rows = [*reading.entered(book.reading).values()]
    print(report(sets.load(results[0]["set"]), results, rows))
    return DONE
