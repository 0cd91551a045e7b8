"""nbgrader's preprocessor: marks as outputs of test cells. See `course.exports.nbgrader`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells

from course import sets
from course.exports import kit
from course.exports.nbgrader import BEGIN, version
from course.submissions import Submission

ROOT = Path(__file__).parents[2]


def configure(c: Any) -> None:
    """Set what nbgrader does to a submission: its own list, with the sandbox for the kernel."""
    own = Autograde.class_traits()
    c.Autograde.sanitize_preprocessors = [Tidy, *own["sanitize_preprocessors"].default()]
    c.Autograde.autograde_preprocessors = [
        Grade if one is Execute else one for one in own["autograde_preprocessors"].default()
    ]


class Tidy(NbGraderPreprocessor):
    """Gives each cell the metadata that it was handed out with, or none.

    nbgrader stops, with the whole class, at a cell that was copied or whose metadata are of another
    version.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Go by the names of cells; of two with one name, the last has it."""
        one = sets.load(resources["nbgrader"]["assignment"])
        made = version(one, kit.Secret(""), kit.EVERYONE)
        left = {name: cell.metadata["nbgrader"] for cell in made.cells if (name := grade_id(cell))}
        for cell in reversed(nb.cells):
            name = grade_id(cell)
            cell.metadata.pop("nbgrader", None)
            if name in left:
                cell.metadata["nbgrader"] = left.pop(name)
        return nb, resources


def grade_id(cell: Any) -> str:
    """Return a cell's name in nbgrader; nothing if it has none."""
    about = cell.metadata.get("nbgrader")
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


class Grade(NbGraderPreprocessor):
    """Grades in the sandbox what nbgrader would have run in a kernel."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Give each test cell its points and a sentence; put back what is missing."""
        about = resources["nbgrader"]
        one = sets.load(about["assignment"])
        kit.close(ROOT)
        path = Path(f"{about['notebook']}.ipynb")
        handed = Submission("", path, nbformat.writes(nb).encode())
        result = kit.grade_file(one, ROOT, handed, [about["student"]])
        for flag in result["flags"]:
            self.log.warning("%s: %s", about["student"], flag)
        self.put_back(nb, about)
        cells = {grade_id(cell): cell for cell in nb.cells}
        for part, points, sentence in kit.scores(one, result):
            cell = cells[part.name]
            cell.source = cell.source.partition(BEGIN)[0].rstrip()
            number = {"text/plain": f"{points:g}"}
            cell.outputs = [
                nbformat.v4.new_output("stream", name="stdout", text=sentence + "\n"),
                nbformat.v4.new_output("execute_result", data=number, execution_count=1),
            ]
        said = "\n\n".join(kit.notes(result))
        if said:
            nb.cells.insert(0, nbformat.v4.new_raw_cell(said))
        return nb, resources

    def put_back(self, nb: Any, about: Any) -> None:
        """Put cells that give points, and were deleted, at the end."""
        there = {grade_id(cell) for cell in nb.cells}
        maker = OverwriteCells(parent=self.parent)
        with Gradebook(about["db_url"]) as book:
            stored = book.find_notebook(about["notebook"], about["assignment"])
            sources = {cell.name: cell for cell in stored.source_cells}
            solutions = {cell.name for cell in stored.solution_cells}
            for grade in stored.grade_cells:
                if grade.name not in there:
                    cell = maker.missing_cell_transform(
                        sources[grade.name], grade.max_score, is_solution=grade.name in solutions
                    )
                    nb.cells.append(nbformat.from_dict(cell))
