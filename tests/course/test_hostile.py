"""Submissions that want more than they have earned, or do harm: what each of them gets.

All lie in one folder with right ones, and are graded together. The problem `bandit` is the hostile
one, `returns` is solved, so that what one problem does to the other is seen, too.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course import grades, sandbox
from course.asking import Asking, Student
from course.grading import Result
from course.problem import Mark
from course.sets.set7_write_trpo.cartpole import LEVELS, PROBLEM, Training
from course.student import Process
from course.submissions import collect
from course.trusted import Trusted
from tests.course.support import SALT, SET, bytes_of, cell, handed

WHOLE, HALF = 5.0, (0.0, 5.0)
WRONG = "\ndef gradient(theta, reward):\n    return 0 * theta\nslope0 = 0.0\n"
SOLUTION = SET.problems["bandit"].solution


@dataclass(frozen=True)
class Hostile:
    """A submission: the code of `bandit`, or a change of the file; its points, its sentence."""

    name: str
    code: str = ""
    sentence: str = ""
    points: tuple[float, float] = HALF
    change: Callable[[Any], bytes] | None = None
    needs_namespaces: bool = False


def after(code: str) -> str:
    """Return code that tries something, whatever comes of it, and then answers wrongly."""
    tried = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return f"try:\n{tried}except Exception:\n    pass\n{WRONG}"


def without_the_cell(made: Any) -> bytes:
    made.cells.remove(cell(made, "bandit"))
    return bytes_of(made)


def with_a_copy(made: Any) -> bytes:
    """The cell twice, ids and metadata and all; the second one is wrong."""
    copy = dict(cell(made, "bandit")) | {"id": "copy"}
    made.cells.append(type(cell(made, "bandit"))(copy | {"source": copy["source"] + WRONG}))
    return bytes_of(made)


def pasted_over(made: Any) -> bytes:
    """The answer of one problem in the place of the other, marker and metadata, too."""
    cell(made, "bandit").update(
        source=cell(made, "returns").source, metadata=cell(made, "returns").metadata
    )
    return bytes_of(made)


def of_another_kernel(made: Any) -> bytes:
    made.metadata["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    return bytes_of(made)


def of_another_set(made: Any) -> bytes:
    made.metadata["course"]["set"] = "an_easy_set"
    return bytes_of(made)


def crooked(made: Any) -> bytes:
    """Metadata of types that nobody expects."""
    whole = json.loads(bytes_of(made))
    whole["metadata"]["course"] = [1, 2]
    for one in whole["cells"]:
        one["metadata"]["course"] = {"problem": ["bandit"], "role": {"answer": 1}}
        one["source"] = one["source"] if one["cell_type"] == "code" else "x"
    return json.dumps(whole).encode()


FORGED = """
import json, os
for fd in range(3, 64):
    try:
        os.write(fd, json.dumps({"value": 1.0}).encode() + b"\\n")
    except OSError:
        pass
"""
READ = """
import os
for folder, _, files in os.walk("/"):
    if "bandit.py" in files:
        text = open(os.path.join(folder, "bandit.py")).read()
        exec(text.split('solution=\"\"\"')[1].split('\"\"\"')[0])
        found = gradient
"""
MEMORY = """
import os
others = [os.getppid()] if os.getppid() else filter(str.isdigit, os.listdir("/proc"))
for pid in set(map(str, others)) - {str(os.getpid())}:
    for name in ("mem", "environ", "fd/0"):
        try:
            open(f"/proc/{pid}/{name}", "rb")
        except OSError:
            continue
        raise SystemExit("a process is open")
"""
FILL = """
for k in range(10**4):
    with open(f"{k}", "wb") as file:
        file.write(b"x" * 10**6)
"""
LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __le__(self, other): return True
    def __sub__(self, other): return self
    def __abs__(self): return self
    def __bool__(self): return True
def gradient(theta, reward): return Liar()
slope0 = Liar()
"""
SUBCLASS = """
class Zero(np.ndarray):
    def __array_ufunc__(self, *args, **more): return np.zeros(3)
    def __array_function__(self, *args, **more): return True
    def tolist(self): return [0.0]
def gradient(theta, reward): return np.ones(len(theta)).view(Zero)
slope0 = np.ones(()).view(Zero)
"""
TABLE = [
    Hostile("loop", "while True: pass", "no answer came within"),
    Hostile("loop-when-asked", "def gradient(theta, reward):\n    while True: pass",
            "no answer came within"),
    Hostile("loop-that-hides", "import os\ntry: os.setsid()\nfinally:\n  while True: pass",
            "no answer came within"),
    Hostile("fork", "import os\nwhile True: os.fork()", "no process and no thread"),
    Hostile("thread", "import threading\nthreading.Thread(target=print).start()",
            "no process and no thread"),
    Hostile("program", "import subprocess\nsubprocess.run(['sleep', '100'])",
            "no process and no thread"),
    Hostile("memory", "x = np.ones(10**10 // 8)", "MemoryError"),
    Hostile("memory-bit-by-bit", "x = []\nwhile True: x.append(bytearray(10**8))", "MemoryError"),
    Hostile("output", "for _ in range(10**4): print('x' * 10**6)", "File too large"),
    Hostile("output-past-python", "import os\nwhile True: os.write(1, b'x' * 10**6)",
            "File too large"),
    Hostile("disk", FILL, "stopped with OSError", needs_namespaces=True),
    Hostile("exit", "import os\nos._exit(0)", "the program ended by itself, with the code 0"),
    Hostile("exit-when-asked", "import os\ndef gradient(theta, reward): os._exit(0)",
            "the program ended by itself, with the code 0"),
    Hostile("sys-exit", "import sys\nsys.exit()", "stopped with SystemExit"),
    Hostile("sys-exit-when-asked", "import sys\ndef gradient(theta, reward): sys.exit()",
            "it stopped with SystemExit"),
    Hostile("segfault", "import ctypes\nctypes.string_at(0)", "the program ended"),
    Hostile("patched-check", "import npgkit.lab.exercises.check as check\n"
            f"check.array = lambda *a, **k: True\n{WRONG}", "npgkit is not here"),
    Hostile("patched-allclose", f"np.allclose = np.array_equal = lambda *a, **k: True\n{WRONG}",
            "is zero everywhere"),
    Hostile("patched-pickle", f"import pickle\npickle.loads = lambda x: True\n{WRONG}",
            "is zero everywhere"),
    Hostile("patched-json", "import json\njson.dumps = lambda *a, **k: '{\"value\": true}'",
            "what came back is no answer"),
    Hostile("forged", FORGED, "what came back is no answer"),
    Hostile("source", after(READ), "is zero everywhere", needs_namespaces=True),
    Hostile("memory-of-the-grader", after(MEMORY), "is zero everywhere"),
    Hostile("import", "from course.sets.set1_policy_gradient.bandit import PROBLEM\n"
            "exec(PROBLEM.solution)", "the course's own files are not here"),
    Hostile("network", "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)",
            "OSError", needs_namespaces=True),
    Hostile("kill-all", "import os\nos.kill(-1, 9)", "stopped with", needs_namespaces=True),
    Hostile("equal-to-all", LIAR, "a Liar, and numbers are wanted"),
    Hostile("subclass", SUBCLASS, "differs from the right answer"),
    Hostile("nan", "def gradient(theta, reward): return theta * np.nan\nslope0 = float('nan')",
            "is NaN"),
    Hostile("infinite", "def gradient(theta, reward): return theta + np.inf\nslope0 = 1e999",
            "infinite"),
    Hostile("huge-answer", "def gradient(theta, reward): return np.ones(10**6)",
            "an array of 1000000 numbers"),
    Hostile("long-answer", "def gradient(theta, reward): return 'x' * 10**8", "is larger than"),
    Hostile("deep-answer", "x = []\nfor _ in range(10**5): x = [x]\n"
            "def gradient(theta, reward): return x\nslope0 = 10**5000", "gradient"),
    Hostile("changes-what-it-gets",
            "def gradient(theta, reward):\n    theta *= 0\n    reward *= 0\n    return theta",
            "is zero everywhere"),
    Hostile("syntax-error", "def gradient(theta, reward:\n", "SyntaxError"),
    Hostile("not-utf-8", sentence="is not UTF-8", points=(0.0, 0.0),
            change=lambda made: bytes_of(made).replace(b"gradient", b"gradi\xffent")),
    Hostile("no-json", sentence="is no notebook", points=(0.0, 0.0), change=lambda made: b"{"),
    Hostile("empty", sentence="is no notebook", points=(0.0, 0.0), change=lambda made: b""),
    Hostile("deep-json", sentence="is no notebook", points=(0.0, 0.0),
            change=lambda made: b"[" * 10**6),
    Hostile("large", sentence="has more than 5 MB", points=(0.0, 0.0),
            change=lambda made: bytes_of(made) + b" " * (6 << 20)),
    Hostile("wrong-kernel", sentence="kernel is R", points=(0.0, 0.0), change=of_another_kernel),
    Hostile("other-set", sentence="is a notebook of an_easy_set", points=(0.0, 0.0),
            change=of_another_set),
    Hostile("deleted-cell", sentence="The answer cell is gone", change=without_the_cell),
    Hostile("copied-cell", sentence="The answer cell is there 2 times", change=with_a_copy),
    Hostile("pasted-over", sentence="The answer cell is gone", change=pasted_over),
    # The marker alone is enough to find the cells again.
    Hostile("crooked-metadata", sentence="is right", points=(5.0, 5.0), change=crooked),
]  # fmt: skip
RIGHT = ("ada", "bob", "zoe")


def possible(row: Hostile) -> bool:
    """Say whether this system can hold it; `kill-all` would end the tests."""
    return not row.needs_namespaces or sandbox.available().kind == sandbox.NAMESPACES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all was handed in, with the grades."""
    place = tmp_path_factory.mktemp("hostile")
    folder = place / "in"
    folder.mkdir()
    for student in RIGHT:
        (folder / f"{student}.ipynb").write_bytes(bytes_of(handed(student)))
    for row in TABLE:
        if not possible(row):
            continue
        made = handed(row.name, **({"bandit": row.code} if row.code else {}))
        data = row.change(made) if row.change else bytes_of(made)
        (folder / f"{row.name}.ipynb").write_bytes(data)
    # Links to the file of one who is right, and to a folder.
    (folder / "link.ipynb").symlink_to(folder / "ada.ipynb")
    (folder / "links").symlink_to(folder)
    os.mkfifo(folder / "pipe.ipynb")
    # One who tries to write where the others' files are, and one with the numbers of another.
    attack = "\n".join(
        f"try: open({str(folder / f'{student}.ipynb')!r}, 'w').write('{{}}')\n"
        f"except OSError as error: print(error)"
        for student in RIGHT
    )
    (folder / "writer.ipynb").write_bytes(bytes_of(handed("writer", bandit=attack + WRONG)))
    (folder / "borrower.ipynb").write_bytes(bytes_of(handed("bob")))
    number = handed("typist")
    theirs = cell(handed("bob"), "bandit", "given").source.replace("# given", "# numbers")
    cell(number, "bandit").source += "\n" + theirs
    cell(number, "bandit").source += "\nslope0 = np.linalg.norm(gradient(theta0, reward))"
    (folder / "typist.ipynb").write_bytes(bytes_of(number))
    return place


@pytest.fixture(scope="module")
def results(place: Path) -> Iterator[dict[str, Result]]:
    folder = collect(place / "in")
    assert (folder.left_out, folder.renamed) == ([], [])
    found = grades.run(
        SET, folder.submissions, SALT, grades.Book(place / "grades.csv"), jobs=2, patience=0.5
    )
    yield {result["student"]: result for result in found}


def points(result: Result) -> tuple[float, ...]:
    """The points of the two problems that the table is about."""
    return tuple(result["problems"][key]["points"] for key in ("bandit", "returns"))


def sentences(result: Result) -> str:
    said = list(result["notes"])
    for problem in result["problems"].values():
        said += [*problem["notes"], *(mark["sentence"] for mark in problem["marks"])]
    return "\n".join(said)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_hostile_submission_gains_nothing(row: Hostile, results: dict[str, Result]) -> None:
    """It gets the points of what is right in it, and a sentence that says what went wrong."""
    if not possible(row):
        pytest.skip("this system lets no process have namespaces: grading.md says what that means")
    assert points(results[row.name]) == row.points, sentences(results[row.name])
    assert row.sentence in sentences(results[row.name])


@pytest.mark.parametrize("student", RIGHT)
def test_neighbours_are_unharmed(student: str, results: dict[str, Result]) -> None:
    """Who is right has all points, whoever is graded beside them."""
    assert points(results[student]) == (WHOLE, WHOLE)


@pytest.mark.parametrize("student", ["link", "links", "pipe"])
def test_what_is_no_file_is_not_read(student: str, results: dict[str, Result]) -> None:
    """A link would hand in another's file, and a pipe would never end."""
    assert points(results[student]) == (0.0, 0.0)
    assert "symbolic link" in sentences(results[student]) or "no file" in sentences(
        results[student]
    )


def test_nobody_writes_into_anothers_file(place: Path, results: dict[str, Result]) -> None:
    """The files of others are not there, or not to be written."""
    assert points(results["writer"]) == HALF
    if sandbox.available().kind != sandbox.NAMESPACES and sandbox.available().uid is None:
        pytest.skip("without namespaces a student's code may write what the grader's user may")
    for student in RIGHT:
        assert (place / "in" / f"{student}.ipynb").read_bytes() == bytes_of(handed(student))


def test_a_file_of_another_is_flagged(results: dict[str, Result]) -> None:
    """A copy of bob's notebook is run with one's own numbers, and the teacher is told."""
    assert "made for another student" in sentences(results["borrower"])
    assert "bob" in results["borrower"]["flags"][0]


def test_the_answer_of_another_variant_is_named(results: dict[str, Result]) -> None:
    """A number that is right for bob alone: no point, a sentence, and a flag for the teacher."""
    marks = results["typist"]["problems"]["bandit"]["marks"]
    assert [mark["points"] for mark in marks] == [3, 1, 0]
    assert "numbers of another student" in marks[2]["sentence"]
    assert "the answer of" in marks[2]["flag"] and "bob" in str(results["typist"]["flags"])


def test_no_process_is_left(results: dict[str, Result]) -> None:
    """Nothing of a student's runs without the process that watches it."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if b"course/child.py" in path.read_bytes() and b"unshare" not in path.read_bytes():
                parent = path.with_name("stat").read_text().rpartition(")")[2].split()[1]
                watching = Path(f"/proc/{parent}/cmdline").read_bytes()
                assert b"unshare" in watching or b"multiprocessing" in watching


def test_feedback_of_all_is_there(place: Path, results: dict[str, Result]) -> None:
    """Each has a page in both forms, with the points on it, and no tag of a student's in it."""
    for student, result in results.items():
        page = (place / "grades" / "feedback" / f"{student}.html").read_text()
        assert f"{result['points']:g} of {result['of']:g} from checks" in page
        assert (place / "grades" / "feedback" / f"{student}.md").is_file()


# What tries to have the points of a training without one, in the grader's own environment.
HAND = "np.array([[0, 0.9], [0, 4.5], [0, 9.0], [0, 9.0]])"
LAYERS = f'{{"layers": [({HAND}, np.zeros(2))], "returns": [500.0]}}'
RAW = """
import json, os
def write(line):
    for fd in range(3, 64):
        try:
            os.write(fd, (line if isinstance(line, str) else json.dumps(line)).encode() + b"\\n")
        except OSError:
            pass
"""
FORGED_LAYERS = {
    "value": {"dict": {"layers": {"list": [{"list": [
        {"array": [0, 0.9, 0, 4.5, 0, 9, 0, 9], "shape": [4, 2], "kind": "f"},
        {"array": [0, 0], "shape": [2], "kind": "f"},
    ]}]}}}
}  # fmt: skip
TRAININGS = {
    "by-hand": (f"return {LAYERS}", "steps in the mean"),
    "by-hand-and-walks": (
        f"env.reset()\n    while not env.step(0)[2]: pass\n    return {LAYERS}",
        "steps in the mean",
    ),
    "more-steps": (
        "while True:\n        env.reset()\n        while not env.step(0)[2]: pass",
        "stopped with RuntimeError: all 300 steps are used (line ",
    ),
    "more-steps-caught": (
        "env.reset()\n    for _ in range(400):\n        try:\n"
        "            if env.step(0)[2]: env.reset()\n        except RuntimeError: pass\n"
        f"    return {LAYERS}", "after 300 steps of training",
    ),
    "garbage": (
        "env.reset()\n    write('garbage')\n    env.step(0)", "what came back is no answer",
    ),
    "forged-answer": (
        f"env.reset()\n    write({FORGED_LAYERS!r})\n    while True: pass", "steps in the mean",
    ),
    "forged-reply": (
        "env.reset()\n    write({'value': [0, 1.0, False, True, {}]})\n    env.step(0)",
        "what came back is no answer",
    ),
    "not-offered": ("env.balanced([], 1)", "this object has no 'balanced': it has reset, step"),
    "not-offered-but-asked": ("env.reset.func('balanced', [], 1)", "there is no 'balanced'"),
    "action-2": ("env.reset()\n    env.step(2)", "an action is the number 0 or 1, not 2"),
    "action-nan": ("env.reset()\n    env.step(np.nan)", "an action is the number 0 or 1, not nan"),
    "action-object": ("env.reset()\n    env.step(env)", "an action is the number 0 or 1, not a"),
    "resets-for-ever": ("while True: env.reset()", "no answer came within 2 seconds"),
    "changes-json": (
        "json.dumps = lambda x: '{\"value\": {\"list\": []}}'\n    env.reset()", "returns no dict",
    ),
    "strange-layers": ("return {'layers': [(env, env)]}", "no list of pairs"),
}  # fmt: skip


def marks_of(student: Student, seed: int, **more: int) -> list[Mark]:
    asking = Asking(student, lambda code: student, {}, np.random.default_rng(seed), dict)
    return replace(Training(LEVELS), **more).grade(PROBLEM, asking)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_is_none_gains_nothing(name: str) -> None:
    """A policy written down falls in the grader's coordinates; what is forged is no better."""
    code, sentence = TRAININGS[name]
    source = f"import numpy as np\n{RAW}\ndef train(env, seed, n_steps):\n    {code}"
    with Process([("answer", source)], 2.0) as process:
        marks = marks_of(process, 4, n_steps=300, episodes=10)
    assert [mark.points for mark in marks] == [0.0, 0.0], marks
    assert sentence in marks[0].sentence


def test_a_policy_that_was_lucky_is_flagged() -> None:
    """Written down it balances for some matrices; its points come with a word for the teacher."""
    student = Trusted(PROBLEM, {}, f"def train(env, seed, n_steps):\n    return {LAYERS}")
    marks = [marks_of(student, seed, episodes=5)[0] for seed in range(40)]
    flags = [mark.flag for mark in marks if mark.points]
    assert flags and all("only 0 of 60,000 steps were used" in flag for flag in flags)
