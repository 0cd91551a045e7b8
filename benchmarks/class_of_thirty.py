"""Thirty students, from the handout to their grades: what a teacher types and waits for.

    python benchmarks/class_of_thirty.py [--set set2 ...]

Runs the course kit's own commands in a folder of its own: `make` for the class and for the model
solutions, then `grade`, `grade` once more and `report`. In between thirty notebooks are filled in:
right, half of it, known mistakes, nothing, and six that want more than they have earned. Prints
what each kind got and how long each command took, and writes benchmarks/results/class_of_thirty.md.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table  # noqa: E402
from course import sets  # noqa: E402
from course.problem import ProblemSet  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "class_of_thirty.md"
RIGHT, HALF, MISTAKEN, EMPTY = 12, 6, 4, 2
HOSTILE = {
    "never ends": "while True: pass",
    "ends the process": "import os; os._exit(0)",
    "leaves": "raise SystemExit(0)",
    "changes NumPy": "import numpy; numpy.allclose = lambda *a, **k: True",
    "fills the disk": "open('x', 'wb').write(b'0' * 10**10)",
    "reads around": "import os\nfor where, _, names in os.walk('/'):\n"
    "    if 'grades.csv' in names: open(os.path.join(where, 'grades.csv'), 'w')",
}


def class_of(one: ProblemSet) -> dict[str, tuple[str, Callable[[str, str, int], str]]]:
    """Return for each student the kind, and what stands before the model answer of a problem.

    The function takes a problem's key, the model answer and the problem's place, and returns the
    answer that is handed in.
    """
    keys = list(one.problems)

    def half(key: str, model: str, place: int) -> str:
        return model if place < (len(keys) + 1) // 2 else ""

    def mistaken(number: int) -> Callable[[str, str, int], str]:
        def answer(key: str, model: str, place: int) -> str:
            known = one.problems[key].mistakes
            return f"{model}\n\n{known[number % len(known)].code}"

        return answer

    def hostile(code: str) -> Callable[[str, str, int], str]:
        return lambda key, model, place: f"{code}\n\n{model}" if place == 0 else model

    kinds = [("right", lambda key, model, place: model)] * RIGHT + [("half of it", half)] * HALF
    kinds += [("known mistakes", mistaken(k)) for k in range(MISTAKEN)]
    kinds += [("nothing", lambda key, model, place: "")] * EMPTY
    kinds += [(f"hostile: {name}", hostile(code)) for name, code in HOSTILE.items()]
    return {f"student{k:02}": kind for k, kind in enumerate(kinds, start=1)}


def hand_in(handout: Path, solved: Path, folder: Path, one: ProblemSet) -> None:
    """Fill in the handouts, each as its kind does, into the folder."""
    folder.mkdir()
    for student, (_, answer_of) in class_of(one).items():
        made, model = (
            {cell.id: cell for cell in book.cells}
            for book in (
                nbformat.read(path / f"{student}.ipynb", as_version=4) for path in (handout, solved)
            )
        )
        book = nbformat.read(handout / f"{student}.ipynb", as_version=4)
        for place, key in enumerate(one.problems):
            name = f"{key}-answer"
            answer = answer_of(key, model[name].source, place)
            source = answer or made[name].source
            next(cell for cell in book.cells if cell.id == name).source = source
        nbformat.write(book, folder / f"{student}.ipynb")


def timed(times: list[list[str]], words: str, arguments: list[str], folder: Path) -> str:
    start = time.perf_counter()
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "course", *arguments],
        cwd=folder, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COURSE_SALT": "thirty students"},
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    times.append([words, f"{time.perf_counter() - start:.1f}", f"{spent:.1f}"])
    return done.stdout


def whole_class(name: str) -> str:
    """Return a section of the report: times, and points by kind."""
    one = sets.load(name)
    students = class_of(one)
    times: list[list[str]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "class.txt").write_text("\n".join(students) + "\n", "utf-8")
        who = ["--students", "class.txt"]
        timed(times, "`make`, thirty notebooks", ["make", name, *who, "--out", "out"], folder)
        timed(times, "`make --solved`", ["make", name, *who, "--solved", "--out", "solved"], folder)
        hand_in(folder / "out", folder / "solved", folder / "in", one)
        grade = ["grade", "in", *who, "--out", "grades.csv"]
        timed(times, "`grade`", grade, folder)
        timed(times, "`grade`, nothing new", grade, folder)
        timed(times, "`report`", ["report", "grades.csv"], folder)
        with (folder / "grades.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["student"]: row for row in csv.DictReader(file)}
    points: dict[str, list[float]] = {}
    for student, (kind, _) in students.items():
        points.setdefault(kind, []).append(float(rows[student]["points"]))
    worth = sum(problem.points for problem in one.problems.values())
    got = []
    for kind, own in points.items():
        least, most = min(own), max(own)
        span = f"{least:g} to {most:g}" if least < most else f"{least:g}"
        got.append([kind, str(len(own)), span])
    return "\n".join([
        f"## {name}: {one.title}, {worth:g} points",
        "",
        table(["", "s", "s of processor"], times),
        "",
        table(["handed in", "students", "points"], got),
        "",
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="+", default=["set2", "set7"], metavar="SET", dest="names")
    chosen = parser.parse_args()
    sections = [whole_class(name) for name in chosen.names]
    text = "\n".join([
        "# A class of thirty",
        "",
        f"{machine()}; {date.today().isoformat()}. Made by `python benchmarks/class_of_thirty.py`.",
        "",
        *sections,
    ])  # fmt: skip
    print(text)
    RESULT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
