"""The notebook tools: each lint rule fires on what it forbids, and normalising is idempotent."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tools.notebooks import __main__ as notebooks
from tools.notebooks import form, lint

ROOT = Path(__file__).resolve().parents[2]
Notebook = dict[str, Any]

SOLUTION = "```{solution-start} ex-one\n:class: dropdown\n```"


def markdown(source: str, cell_id: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": metadata, "source": source}


def code(source: str, cell_id: str, count: int, *outputs: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": cell_id,
        "metadata": metadata,
        "outputs": list(outputs),
        "source": source,
    }


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def displayed(**data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def clean() -> Notebook:
    """A notebook without fault; the tests spoil one thing each."""
    figure = {"figure": {"caption": "One dot.", "name": "fig-dot"}}
    cells = [
        markdown("# A chapter\n\nWhat is a step?", "title"),
        markdown("```{prf:theorem} Named\n:label: thm-one\n\nIt holds.\n```", "theorem"),
        code("print(1.5)", "print", 1, stream("1.5\n")),
        code("plots.show(fig, alt='A dot')", "figure", 2,
             displayed(**{"text/plain": "Figure: A dot"}), mystnb=figure),
        markdown("```{exercise} One\n:label: ex-one\n\nShow it.\n```", "exercise"),
        markdown(SOLUTION, "solution"),
        code("1 + 1", "solve", 3),
        markdown("```{solution-end}\n```", "end"),
    ]  # fmt: skip
    return form.normal_form({"cells": cells, "metadata": {}})


def reasons(notebook: Notebook, stored: str | None = None) -> list[str]:
    return [str(finding) for finding in lint.lint_notebook(notebook, "nb.ipynb", stored)]


def test_a_clean_notebook_has_no_findings() -> None:
    notebook = clean()
    assert reasons(notebook, form.dump_notebook(notebook)) == []


def put(position: int, **changes: Any) -> Callable[[Notebook], None]:
    """A change of some fields of one cell."""

    def spoil(notebook: Notebook) -> None:
        notebook["cells"][position].update(changes)

    return spoil


def drop(position: int) -> Callable[[Notebook], None]:
    return lambda notebook: notebook["cells"].pop(position)


def swap(first: int, second: int) -> Callable[[Notebook], None]:
    def spoil(notebook: Notebook) -> None:
        cells = notebook["cells"]
        cells[first], cells[second] = cells[second], cells[first]

    return spoil


ERROR = {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": []}
PRINTED = stream("1.5\n")
TWO_CLAIMS = "```{prf:%s} A\n:label: %s\n\nx\n```"

# What is spoilt, and what the linter must say: cell number and the start of the reason.
SPOILT: dict[str, tuple[Callable[[Notebook], Any], str]] = {
    "never run": (put(2, execution_count=None), "3: never run"),
    "run twice": (put(3, execution_count=7), "4: execution count 7, a clean run gives 2"),
    "long cell": (put(2, source="x = 1\n" * 16), "3: 16 lines of code without a reason"),
    "very long cell": (
        put(2, source="x = 1\n" * 31, metadata={"long": "because"}),
        "3: 31 lines of code, 30 are the most",
    ),
    "wide code": (
        put(2, source=f"x = '{'a' * 67}'"),
        "3: line 1 of the code has 73 characters, 72 fit",
    ),
    "wide output": (
        put(2, outputs=[stream(f"1.5\n{'a' * 73}\n")]),
        "3: line 2 of the output has 73 characters",
    ),
    "wide table": (
        put(2, outputs=[stream("1.5\n" + "a column  " * 9 + "\n")]),
        "3: line 2 of the output has 90 characters",
    ),
    "wide fenced code": (
        put(0, source=f"# A\n\n```python\n{'a' * 73}\n```\n"),
        "1: line 1 of the fenced code has 73 characters",
    ),
    "empty cell": (put(2, source=" \n"), "3: empty code cell"),
    "no id": (lambda notebook: notebook["cells"][0].pop("id"), "1: no cell id"),
    "malformed id": (put(0, id="a b"), "1: malformed cell id 'a b'"),
    "same id twice": (put(1, id="title"), "2: cell id 'title' is used 2 times"),
    "misspelt metadata": (put(0, metadata={"quote": ["1.5"]}), "1: unknown cell metadata 'quote'"),
    "error": (put(2, outputs=[ERROR]), "3: error output: KeyError"),
    "no error after all": (
        put(2, metadata={"tags": ["raises-exception"]}),
        "3: tagged raises-exception, but no error is stored",
    ),
    "warning": (put(2, outputs=[stream("deprecated\n", "stderr")]), "3: output on stderr: 'depr"),
    "picture": (
        put(2, outputs=[displayed(**{"image/png": "iVBOR", "text/plain": "Figure"})]),
        "3: stored output of type image/png",
    ),
    "drawing": (
        put(2, outputs=[displayed(**{"image/svg+xml": "<svg/>", "text/plain": "Figure"})]),
        "3: stored output of type image/svg+xml",
    ),
    "widget view": (
        put(2, outputs=[displayed(**{"application/vnd.jupyter.widget-view+json": "{}"})]),
        "3: stored output of type application/vnd.jupyter.widget-view+json",
    ),
    "widget state": (
        lambda notebook: notebook["metadata"].update(widgets={}),
        "0: widget state is stored",
    ),
    "object address": (
        put(2, outputs=[stream("<Policy object at 0x7f3a2b1c9d50>\n")]),
        "3: object address 0x7f3a2b1c9d50",
    ),
    "machine path": (
        put(2, outputs=[stream("read /home/ada/book/data.csv\n")]),
        "3: path of one machine in the output: /home/ada",
    ),
    "file beside the notebook": (
        put(2, source="json.loads(Path(f'data/{name}.json').read_text())"),
        "3: Path('data/   .json') depends on the working directory",
    ),
    "file opened by name": (
        put(2, source="open('notes.txt')"),
        "3: open('notes.txt') depends on the working directory",
    ),
    "array in a file": (
        put(2, source="np.load(file='x', *['y']); np.load('data/x.npy')"),
        "3: load('data/x.npy') depends on the working directory",
    ),
    "magic": (put(2, source="%matplotlib inline"), "3: not plain Python (line 1)"),
    "no caption": (
        put(3, metadata={"mystnb": {"figure": {"name": "fig-dot"}}}),
        "4: figure without mystnb.figure.caption",
    ),
    "no figure name": (
        put(3, metadata={"mystnb": {"figure": {"caption": "One dot."}}}),
        "4: figure name None",
    ),
    "slider without caption": (
        put(3, source="lab.explore(draw, alt='x', k=[1])", metadata={}),
        "4: figure without mystnb.figure.caption",
    ),
    "caption of nothing": (
        put(2, metadata={"mystnb": {"figure": {"caption": "x", "name": "fig-x"}}}),
        "3: mystnb.figure on a cell that draws nothing",
    ),
    "figure name twice": (
        lambda notebook: notebook["cells"].append(
            {**notebook["cells"][3], "id": "again", "execution_count": 4}
        ),
        "9: figure name 'fig-dot' is used twice",
    ),
    "filler": (put(0, source="# A\n\nThis is Clearly so."), "1: filler word 'Clearly'"),
    "filler over a line break": (
        put(0, source="# A\n\nof\ncourse"),
        "1: filler word 'of\\ncourse'",
    ),
    "filler in a caption": (
        put(3, metadata={"mystnb": {"figure": {"caption": "Simply a dot.", "name": "fig-dot"}}}),
        "4: filler word 'Simply'",
    ),
    "easy to see": (put(0, source="# A\n\nit is easy to see"), "1: filler word 'easy to see'"),
    "hidden cell": (put(2, metadata={"tags": ["remove-input"]}), "3: tag 'remove-input'"),
    "skipped cell": (put(2, metadata={"tags": ["nbval-skip"]}), "3: tag 'nbval-skip'"),
    "unchecked output": (
        put(2, metadata={"tags": ["nbval-ignore-output"]}),
        "3: output not compared without a reason",
    ),
    "unchecked by comment": (
        put(2, source="# NBVAL_IGNORE_OUTPUT\nprint(1.5)"),
        "3: comment '# NBVAL_IGNORE_OUTPUT'",
    ),
    "large tolerance": (
        put(2, metadata={"tolerance": 0.01}),
        "3: tolerance 0.01; it is a number above 0 and at most 0.001",
    ),
    "tolerance in words": (put(2, metadata={"tolerance": "1e-6"}), "3: tolerance '1e-6'; it is"),
    "tolerance of nothing": (
        put(2, metadata={"tolerance": 1e-6}, outputs=[]),
        "3: tolerance on a cell that prints no number",
    ),
    "no title": (put(0, source="What is a step?"), "1: the first cell does not begin"),
    "second title": (put(1, source="# Another"), "2: second title"),
    "claim without label": (
        put(1, source="```{prf:lemma} A\n\nx\n```"),
        "2: label '' of a lemma does not begin with 'lem-'",
    ),
    "claim under a wrong prefix": (
        put(1, source=TWO_CLAIMS % ("corollary", "thm-x")),
        "2: label 'thm-x' of a corollary does not begin with 'cor-'",
    ),
    "exercise without solution": (
        lambda notebook: notebook["cells"].__delitem__(slice(5, None)),
        "0: exercise 'ex-one' has no solution",
    ),
    "solution of nothing": (
        put(5, source=SOLUTION.replace("ex-one", "ex-two")),
        "6: solution of 'ex-two', which no exercise above is called",
    ),
    "solution first": (swap(4, 5), "5: solution of 'ex-one', which no exercise above"),
    "exercise inside a solution": (swap(4, 6), "7: {exercise} inside {solution-start}"),
    "gate never closed": (drop(7), "6: {solution-start} is never closed"),
    "gate never opened": (drop(5), "7: {solution-end} closes nothing that is open"),
    "open end of a solution": (
        put(7, source="So it is.\n```{solution-end}\n```"),
        "8: prose before {solution-end}: give it a cell of its own",
    ),
    "wrong gate closed": (
        put(7, source="```{exercise-end}\n```"),
        "8: {exercise-end} closes nothing that is open",
    ),
    "exercise label": (
        put(4, source="```{exercise}\n:label: one\n\nx\n```"),
        "5: exercise label 'one' does not begin with 'ex-'",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_linter_reports(case: str) -> None:
    spoil, expected = SPOILT[case]
    notebook = clean()
    spoil(notebook)
    found = reasons(notebook)
    assert any(line.startswith(f"nb.ipynb:{expected}") for line in found), found


def test_a_small_tolerance_is_allowed() -> None:
    notebook = clean()
    put(2, metadata={"tolerance": 1e-6})(notebook)
    assert reasons(notebook) == []


def test_a_reason_allows_a_longer_cell() -> None:
    notebook = clean()
    put(2, source="x = 1\n" * 16, metadata={"long": "one formula"})(notebook)
    assert reasons(notebook) == []


@pytest.mark.parametrize(
    "prose",
    [
        "The option `simply` of a function.",
        "```python\nobviously = 1\n```",
        "<!-- clearly a note -->",
        "A multiplication by coursework, of courses.",
    ],
)
def test_linter_leaves_code_and_comments_alone(prose: str) -> None:
    notebook = clean()
    put(0, source=f"# A\n\n{prose}")(notebook)
    assert reasons(notebook) == []


def test_a_function_that_draws_when_called_is_no_figure_cell() -> None:
    notebook = clean()
    put(2, source="def draw(k):\n    plots.show(k, alt='x')", outputs=[])(notebook)
    assert reasons(notebook) == []


def test_linter_reports_a_file_out_of_form() -> None:
    notebook = clean()
    loose = json.dumps(notebook)
    assert reasons(notebook, loose) == ["nb.ipynb:0: not in the stored form: normalise it"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "not JSON"), ('{"nbformat": 3, "cells": []}', "notebook format 3, expected 4")],
)
def test_an_unreadable_notebook_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text(text)
    (finding,) = lint.lint_path(path)
    assert reason in finding.reason and "broken.ipynb" in finding.reason


def test_stripping_keeps_text_and_nothing_else(tmp_path: Path) -> None:
    notebook = clean()
    notebook["metadata"]["widgets"] = {"state": {}}
    notebook["metadata"]["kernelspec"] = {"name": "my-env", "display_name": "Mine"}
    cell = notebook["cells"][2]
    cell["metadata"] = {"execution": {"iopub.status.busy": "2025"}, "quoted": ["1.5"]}
    cell["outputs"] = [
        stream("1."),
        stream("5\n"),
        displayed(**{"image/png": "iVBOR", "text/html": "<b>x</b>", "text/plain": "x"}),
        displayed(**{"image/png": "iVBOR"}),
        {**ERROR, "traceback": ["File /home/ada/x.py", "KeyError: 'x'"]},
    ]
    path = tmp_path / "nb.ipynb"
    path.write_text(json.dumps(notebook))
    assert form.normalise(path, run=False)
    stored = form.read_notebook(path)
    assert stored["metadata"] == form.NOTEBOOK_METADATA
    assert stored["cells"][2]["metadata"] == {"quoted": ["1.5"]}
    assert stored["cells"][2]["outputs"] == [
        stream("1.5\n"),
        displayed(**{"text/plain": "x"}),
        {**ERROR, "traceback": ["KeyError: 'x'"]},
    ]
    assert path.read_text().endswith("}\n")
    assert not form.normalise(path, run=False)


def test_ids_are_kept_when_valid_and_repeatable_when_new() -> None:
    notebook = clean()
    notebook["cells"][1]["id"] = "not valid!"
    notebook["cells"].append(markdown("twin", "title"))
    notebook["cells"].append({**markdown("twin", "x"), "id": None})
    first = form.normal_form(copy.deepcopy(notebook))
    second = form.normal_form(copy.deepcopy(notebook))
    ids = [cell["id"] for cell in first["cells"]]
    assert ids == [cell["id"] for cell in second["cells"]]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "title" and ids[2:8] == [cell["id"] for cell in clean()["cells"][2:]]
    assert ids[9] == f"{ids[8]}-2"


def test_ids_follow_their_cells_through_an_edit() -> None:
    before = clean()["cells"]
    after = [markdown("A new paragraph", "ignored"), *copy.deepcopy(before)]
    after[3]["source"] = "print(1.50)"
    form.keep_ids(after, before)
    assert "id" not in after[0]
    assert [cell["id"] for cell in after[1:]] == [cell["id"] for cell in before]


def test_myst_text_and_notebook_are_the_same_cells() -> None:
    notebook = clean()
    notebook["cells"][2]["source"] = 'text = """\n```\nfence\n```\n"""'
    notebook["cells"].insert(1, markdown("A second cell.", "second", quoted=["1.5", "2e-3"]))
    again = form.from_myst(form.to_myst(notebook), notebook)
    fields = ("cell_type", "id", "metadata", "source")
    assert [[cell[key] for key in fields] for cell in again["cells"]] == [
        [cell[key] for key in fields] for cell in notebook["cells"]
    ]


def test_a_notebook_folds_what_the_page_folds() -> None:
    """JupyterLab opens neither a cell tagged hide-input nor the code and prose of a solution."""
    cells = [
        markdown("# Title", "a"),
        code("1", "b", 1, tags=["hide-input"]),
        markdown("```{solution-start} ex-one\n:class: dropdown\n```\nThink.", "c"),
        code("2", "d", 2),
        markdown("Hence.", "e"),
        markdown("```{solution-end}\n```\n## Summary", "f"),
        code("3", "g", 3),
    ]
    stored = form.normal_form({"cells": cells, "metadata": {}})["cells"]
    hidden = [[*cell["metadata"].get("jupyter", {})] for cell in stored]
    both = ["source_hidden", "outputs_hidden"]
    assert hidden == [[], ["source_hidden"], [], both, ["source_hidden"], [], []]
    assert "hidden" not in form.to_myst(form.normal_form({"cells": cells, "metadata": {}}))


def test_executing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "run.ipynb"
    threads, same = "os.environ['OPENBLAS_NUM_THREADS']", "sys.executable == os.environ['RUNS']"
    cells = [
        markdown("# Run", "title"),
        code(f"import os, sys\nprint({threads},\n      {same})", "env", 9),
        code("from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
             "drawing", 5),
        code("raise KeyError('x')", "error", 1, tags=["raises-exception"]),
    ]  # fmt: skip
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    command = [sys.executable, "-m", "tools.notebooks", "normalise", path]
    run = partial(
        subprocess.run, check=True, capture_output=True, cwd=ROOT,
        env={**os.environ, "RUNS": sys.executable},
    )  # fmt: skip
    run(command)
    first = path.read_bytes()
    stored = form.read_notebook(path)
    assert [cell.get("execution_count") for cell in stored["cells"]] == [None, 1, 2, 3]
    assert stored["cells"][1]["outputs"] == [stream("1 True\n")]
    assert list(stored["cells"][2]["outputs"][0]["data"]) == ["text/plain"]
    run(command)
    assert path.read_bytes() == first
    assert lint.lint_path(path) == []


def test_a_failing_notebook_is_left_as_it_was(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "fails.ipynb"
    text = json.dumps({"cells": [code("1 / 0", "x", 1)], "metadata": {}, "nbformat": 4})
    path.write_text(text)
    assert notebooks.main(["normalise", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert path.read_text() == text


def test_commands_report_and_fail(tmp_path: Path, capsys: Any) -> None:
    notebook = clean()
    put(0, source="# A\n\nSurely 9.75.")(notebook)
    (tmp_path / "nb.ipynb").write_text(form.dump_notebook(notebook))
    assert notebooks.main(["lint", str(tmp_path)]) == 0
    (tmp_path / "page.md").write_text("Clearly.")
    assert notebooks.main(["lint", str(tmp_path)]) == 1
    assert "page.md:0: filler word 'Clearly'" in capsys.readouterr().out
    assert notebooks.main(["numbers", str(tmp_path)]) == 1
    assert "nb.ipynb:1: '9.75' is in no stored output" in capsys.readouterr().out
    assert notebooks.main(["lint", str(tmp_path / "missing.ipynb")]) == 1
    assert "no such file" in capsys.readouterr().err
