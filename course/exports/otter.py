"""An assignment for Otter-Grader: tests, settings, and `make.py`, which makes the autograder's zip.

Otter starts a plugin, `course.exports.with_otter`, before it runs a submission. The plugin has the
submission graded in the sandbox and gives Otter a notebook with the marks in its place, so no code
of a student's runs in Otter's process. The tests read the marks.
"""

from __future__ import annotations

import json
from pathlib import Path

from course.exports import kit
from course.problem import ProblemSet

PLUGIN = "course.exports.with_otter.Grade"
MARKS = "course_marks"
TEST = """OK_FORMAT = False

from otter.test_files import test_case

name = {problem!r}
points = None
"""
CASE = """

@test_case(points={of!r}, hidden={hidden!r}, name={title!r})
def part_{number}(env):
    mark = (env.get({marks!r}) or {{}}).get({name!r})
    assert mark, "the course kit's plugin has not run: see otter_config.json"
    assert mark["points"] == {of!r}, mark["sentence"]
"""
MAKE = '''#!/usr/bin/env python3
"""Make autograder.zip: `python make.py`, where otter-grader is installed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

here = Path(__file__).resolve().parent
kit = here / "kit"
# Otter looks for the plugin when it makes the zip, and beside run_otter.py when it grades.
command = [sys.executable, "-m", "otter", "generate", "-t", "tests", "-c", "otter_config.json",
           "-r", "requirements.txt", "-o", "autograder.zip"]
subprocess.run(command, cwd=here, env={**os.environ, "PYTHONPATH": str(kit)}, check=True)
with zipfile.ZipFile(here / "autograder.zip", "a", zipfile.ZIP_DEFLATED) as packed:
    for path in sorted(kit.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            packed.write(path, path.relative_to(kit))
(here / "autograder.zip").chmod(0o600)
'''


def write(one: ProblemSet, secret: kit.Secret, out: Path, book: str = "") -> list[str]:
    """Write the assignment and what is handed out; return what to do with them."""
    handed = kit.hand_out(one, secret, out / "handout", book)
    kit.copy(out / "kit", secret)
    tests = out / "tests"
    tests.mkdir(exist_ok=True)
    for key in one.problems:
        mine = [part for part in kit.parts(one) if part.problem == key]
        cases = [
            CASE.format(
                of=part.of, hidden=part.hidden, title=part.title, number=part.number,
                marks=MARKS, name=part.name,
            )
            for part in mine
        ]  # fmt: skip
        (tests / f"{key}.py").write_text("".join([TEST.format(problem=key), *cases]), "utf-8")
    config = {"plugins": [{PLUGIN: {"set": one.name}}], "show_hidden": True}
    (out / "otter_config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (out / "requirements.txt").write_text(kit.requirements(), "utf-8")
    kit.write_script(out / "make.py", MAKE.splitlines())
    return [
        f"hand out {out / 'handout'} ({len(handed)})",
        f"`python {out / 'make.py'}` makes autograder.zip, where otter-grader is installed",
        f"`PYTHONPATH={out / 'kit'} otter run -a autograder.zip ID.ipynb` grades one file",
        *kit.texts(one, "Otter"),
    ]
