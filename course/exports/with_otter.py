"""Otter's plugin: the marks in place of the submission. See `course.exports.otter`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from otter.plugins import AbstractOtterPlugin

from course import sets
from course.exports import kit
from course.exports.on_gradescope import called
from course.exports.otter import MARKS
from course.submissions import read_file

ROOT = Path(__file__).parents[2]


class Grade(AbstractOtterPlugin):
    """Grades in the sandbox what Otter would have run in its own process."""

    def before_execution(self, submission: Any) -> Any:
        """Return a notebook that holds the marks and no code of the student's."""
        one = sets.load(self.plugin_config["set"])
        kit.close(ROOT)
        path = Path(self.submission_path)
        leave_alone(path)
        names = called(self.submission_metadata) or [path.stem]
        self.result = kit.grade_file(one, ROOT, read_file("", path), names)
        marks = {
            part.name: {"points": points, "sentence": sentence}
            for part, points, sentence in kit.scores(one, self.result)
        }
        code = f"{MARKS} = {marks!r}"
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=metadata)

    def after_grading(self, results: Any) -> None:
        """Tell the student what is said of the whole file."""
        results.set_output("\n".join(kit.notes(self.result)))

    def generate_report(self) -> str:
        """Tell the teacher, on Otter's own output, what wants a look."""
        result = self.result
        head = f"{result['points']:g} of {result['of']:g}, with the numbers of {result['student']}"
        return "\n".join([head, *result["flags"]])


def leave_alone(submission: Path) -> None:
    """Delete what was handed in beside a file: Otter's process would import it as a module."""
    for path in submission.parent.iterdir():
        if path.name not in (submission.name, "tests"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
