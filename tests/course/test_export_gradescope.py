"""The export to Gradescope: its two programs, in a folder laid out as there.

Gradescope itself cannot be had.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from course import exports, sandbox
from course.exports import kit
from tests.course.exported import (
    BORROWER,
    CLASS,
    ROWS,
    Row,
    borrowed,
    handed_out,
    of_all,
    submission,
)
from tests.course.graders import run
from tests.course.support import SALT, SET

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def gradescope() -> Iterator[Path]:
    """The folder of /autograder once `setup.sh` has run; any user can go through it, as there."""
    with tempfile.TemporaryDirectory(prefix="gradescope-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        set_up(Path(folder))
        yield Path(folder)


def set_up(place: Path) -> None:
    exports.write("gradescope", SET, SALT, CLASS, place)
    base = place / "autograder"
    for name in ("source", "submission", "results"):
        (base / name).mkdir(parents=True)
    with zipfile.ZipFile(next(place.glob("*.zip"))) as packed:
        packed.extractall(base / "source")
    said = run(None, place, "bash", base / "source" / "setup.sh", AUTOGRADER=str(base))
    assert (base / "python" / "bin" / "python").exists(), said


def autograde(place: Path, student: str, data: bytes, name: str = "", **more: str) -> Any:
    """Return results.json for a file that a student has uploaded under some name."""
    base = place / "autograder"
    for folder in ("submission", "results"):
        shutil.rmtree(base / folder)
        (base / folder).mkdir()
    (base / "submission" / (name or "my homework (1).ipynb")).write_bytes(data)
    users = [{"email": f"{student}@example.edu", "id": 7, "name": "A. Student"}]
    about = json.dumps({"id": 1, "users": users, "submission_method": "upload"})
    (base / "submission_metadata.json").write_text(about, "utf-8")
    said = run(
        None, place, "bash", base / "source" / "run_autograder", AUTOGRADER=str(base), **more
    )
    assert (base / "results" / "results.json").is_file(), said
    return json.loads((base / "results" / "results.json").read_text("utf-8"))


def of_problems(results: Any) -> tuple[float, ...]:
    scores = [0.0] * len(SET.problems)
    for test in results["tests"]:
        if "number" in test:
            scores[int(test["number"].partition(".")[0]) - 1] += test["score"]
    return tuple(scores)


@pytest.mark.parametrize("student", ROWS)
def test_gradescope_gives_what_the_grader_gives(gradescope: Path, student: str) -> None:
    """With the numbers of the one who has uploaded it, under whatever name."""
    row = ROWS[student]
    results = autograde(gradescope, student, submission(row, handed_out(gradescope, student)))
    assert of_problems(results) == of_all(row.points, row.solved)
    assert row.sentence in results["output"] + "".join(t["output"] for t in results["tests"])


def test_gradescope_is_told_of_a_file_that_cannot_be_read(gradescope: Path) -> None:
    """All its tests are there, without a point."""
    results = autograde(gradescope, "right", b"{")
    assert of_problems(results) == of_all((0, 0), False) and "is no notebook" in results["output"]


def test_gradescope_grades_a_file_of_another_with_own_numbers(gradescope: Path) -> None:
    """Who uploaded it is what Gradescope says; whose it is, the teacher alone is told."""
    results = autograde(gradescope, BORROWER, borrowed(handed_out(gradescope, "right")))
    told = results["tests"][-1]
    assert (
        of_problems(results) == of_all((4, 5)) and "made for another student" in results["output"]
    )
    assert told["visibility"] == "hidden" and "the answer of right" in told["output"]


def test_a_python_below_tmp_has_the_whole_sandbox(gradescope: Path) -> None:
    """What a submission gets for its own /tmp does not stand in the way of one that is there."""
    if sandbox.available().kind != sandbox.NAMESPACES:
        pytest.skip("this system lets no process have namespaces: grading.md says what that means")
    source, python = (gradescope / "autograder" / name for name in ("source", "python/bin/python"))
    asked = "from course import sandbox; print(sandbox.available().kind)"
    said = run(None, gradescope, python, "-c", asked, PYTHONPATH=str(source))
    assert said.strip() == sandbox.NAMESPACES


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give students' code another user")
def test_in_a_container_the_answers_cannot_be_read(gradescope: Path, tmp_path: Path) -> None:
    """As there: root, without namespaces. The salt, the sets and other users' data are closed."""
    for name in ("bash", "setpriv", "env"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    base = gradescope / "autograder"
    wanted = [base / "source" / kit.SECRET, base / "submission_metadata.json"]
    wanted += [base / "source" / "course" / "sets" / SET.name / "bandit.py"]
    code = "found = ''\n" + "".join(
        f"try: found += open({str(path)!r}).read()\n"
        "except OSError as error: found += type(error).__name__\n"
        for path in wanted
    )
    code += "def gradient(theta, reward): raise ValueError(found)"
    made = submission(Row(code), handed_out(gradescope, "spy"))
    results = autograde(gradescope, "spy", made, PATH=str(tmp_path))
    said = "".join(test["output"] for test in results["tests"])
    assert "ValueError: " + "PermissionError" * len(wanted) in said
