"""The rules that a notebook of the book keeps.

Each rule is a generator of reasons why a cell or a notebook breaks it; `lint_notebook` adds the
cell's number. Whether the code still prints the stored text is left to the strict re-run (nbval).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.notebooks.form import (
    CELL_ID,
    KEPT_MIME_TYPES,
    KNOWN_CELL_KEYS,
    Cell,
    Notebook,
    NotebookError,
    dump_notebook,
    normal_form,
    read_notebook,
)
from tools.notebooks.prose import Directive, code_blocks, directives, titles, words_only

MAX_LINES, MAX_LINES_WITH_REASON = 15, 30
MAX_COLUMNS = 72  # what a window of 1280 pixels shows beside the contents, and paper
FILLER = re.compile(
    r"\b(simply|clearly|obviously|trivially|of\s+course|easy\s+to\s+see)\b", re.IGNORECASE
)
OBJECT_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w/])/(?:home|Users|root|tmp|opt|usr|var|private)/\S+")
SKIPPING_COMMENT = re.compile(r"#\s*(?:NBVAL_|PYTEST_VALIDATE_)\w+")
# Calls that open a file, or name one to be opened.
OPENERS = ("open", "Path", "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "Image", "SVG")
MOST_TOLERANCE = 1e-3
HIDING_TAGS = ("remove-cell", "remove-input", "nbval-skip")
CLAIM_PREFIXES = {
    "theorem": "thm-",
    "proposition": "prop-",
    "lemma": "lem-",
    "corollary": "cor-",
}

Reasons = Iterator[str]


@dataclass(frozen=True)
class Finding:
    """One thing wrong: the file, the cell's number from 1 (0: the file as a whole), and why."""

    path: str
    cell: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.cell}: {self.reason}"


def lint_path(path: Path) -> list[Finding]:
    """Everything wrong with the notebook or Markdown page at `path`."""
    if path.suffix == ".md":
        return [Finding(str(path), 0, reason) for reason in _page(path.read_text("utf-8"))]
    try:
        return lint_notebook(read_notebook(path), str(path), path.read_text("utf-8"))
    except NotebookError as error:
        return [Finding(str(path), 0, str(error))]


def lint_notebook(notebook: Notebook, name: str, stored: str | None = None) -> list[Finding]:
    """Everything wrong with a notebook; `stored` is the text of its file, if it has one."""
    findings: list[Finding] = []
    count = 0
    cells = notebook["cells"]
    seen_ids: Counter[object] = Counter(cell.get("id") for cell in cells)
    for number, cell in enumerate(cells, start=1):
        reasons = [*identity(cell, seen_ids), *metadata_keys(cell)]
        if cell["cell_type"] == "code":
            count += 1
            reasons += run_order(cell, count)
            for rule in CODE_RULES:
                reasons += rule(cell)
            reasons += _prose(str(figure_of(cell).get("caption", "")))
        else:
            reasons += _page(cell["source"])
        findings += [Finding(name, number, reason) for reason in reasons]
    for whole in NOTEBOOK_RULES:
        findings += [Finding(name, number, reason) for number, reason in whole(cells)]
    if "widgets" in notebook.get("metadata", {}):
        findings.append(Finding(name, 0, "widget state is stored in the notebook"))
    if stored is not None and not findings and stored != dump_notebook(normal_form(notebook)):
        findings.append(Finding(name, 0, "not in the stored form: normalise it"))
    return findings


# Rules on any cell.


def identity(cell: Cell, seen: Counter[object]) -> Reasons:
    """A cell has a valid id of its own."""
    cell_id = cell.get("id")
    if cell_id is None:
        yield "no cell id"
    elif not isinstance(cell_id, str) or not CELL_ID.match(cell_id):
        yield f"malformed cell id {cell_id!r}"
    elif seen[cell_id] > 1:
        yield f"cell id {cell_id!r} is used {seen[cell_id]} times"


def metadata_keys(cell: Cell) -> Reasons:
    """Only keys that the build or a check reads: a misspelt one would have no effect."""
    for key in cell["metadata"]:
        if key not in KNOWN_CELL_KEYS:
            yield f"unknown cell metadata {key!r}; known: {', '.join(KNOWN_CELL_KEYS)}"


def _prose(text: str) -> Reasons:
    for match in FILLER.finditer(words_only(text)):
        yield f"filler word {match[0]!r}"


def _page(text: str) -> Reasons:
    """The prose and the fenced code of Markdown."""
    yield from _prose(text)
    for block in code_blocks(text):
        yield from _too_wide(block, "fenced code")


def _too_wide(text: str, kind: str) -> Reasons:
    for number, line in enumerate(text.splitlines(), start=1):
        # A printed sentence goes on in the next line; a row of a table is spoilt by it.
        is_sentence = kind == "output" and len(line.split()) > 8 and "  " not in line
        if len(line) > MAX_COLUMNS and not is_sentence:
            yield f"line {number} of the {kind} has {len(line)} characters, {MAX_COLUMNS} fit"


# Rules on a code cell.


def run_order(cell: Cell, expected: int) -> Reasons:
    """The notebook was run once, from top to bottom."""
    count = cell.get("execution_count")
    if count is None:
        yield "never run"
    elif count != expected:
        yield f"execution count {count}, a clean run gives {expected}"


def length(cell: Cell) -> Reasons:
    """A cell has at most `MAX_LINES` lines, or a reason for more."""
    lines = len(cell["source"].splitlines())
    if not cell["source"].strip():
        yield "empty code cell"
    elif lines > MAX_LINES_WITH_REASON:
        yield f"{lines} lines of code, {MAX_LINES_WITH_REASON} are the most"
    elif lines > MAX_LINES and not cell["metadata"].get("long"):
        yield f'{lines} lines of code without a reason in the metadata ("long": "...")'


def width(cell: Cell) -> Reasons:
    """No line of code, nor of what it prints, is cut at the edge of its column."""
    yield from _too_wide(cell["source"], "code")
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield from _too_wide(output["text"], "output")
        elif output["output_type"] == "execute_result":
            yield from _too_wide(output["data"].get("text/plain", ""), "output")


def visible(cell: Cell) -> Reasons:
    """No cell is hidden, and no output is left out of the comparison without a reason."""
    tags = cell["metadata"].get("tags", [])
    for tag in HIDING_TAGS:
        if tag in tags:
            yield f"tag {tag!r}: what runs is shown and compared (fold with hide-input)"
    if "nbval-ignore-output" in tags and not cell["metadata"].get("unchecked"):
        yield 'output not compared without a reason in the metadata ("unchecked": "...")'
    if match := SKIPPING_COMMENT.search(cell["source"]):
        yield f"comment {match[0]!r}: say it by tags, with the reason in the metadata"


def tolerance(cell: Cell) -> Reasons:
    """A tolerance for another NumPy is small, and for a number that is there."""
    value = cell["metadata"].get("tolerance")
    if value is None:
        return
    if not isinstance(value, float) or not 0.0 < value <= MOST_TOLERANCE:
        yield f"tolerance {value!r}; it is a number above 0 and at most {MOST_TOLERANCE}"
    if not any(re.search(r"\d", text) for text in output_texts(cell)):
        yield "tolerance on a cell that prints no number"


def errors_as_told(cell: Cell) -> Reasons:
    """A cell has stored an error if, and only if, it is tagged as raising one."""
    raised = [output for output in cell["outputs"] if output["output_type"] == "error"]
    expected = "raises-exception" in cell["metadata"].get("tags", [])
    if raised and not expected:
        yield f"error output: {raised[0]['ename']}"
    if expected and not raised:
        yield "tagged raises-exception, but no error is stored"
    for output in cell["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stderr":
            yield f"output on stderr: {output['text'].strip().splitlines()[0][:60]!r}"


def text_only(cell: Cell) -> Reasons:
    """Pictures and widgets are made by the build, not stored."""
    for output in cell["outputs"]:
        for mime in output.get("data", {}):
            if mime not in KEPT_MIME_TYPES:
                yield f"stored output of type {mime}"


def same_on_every_machine(cell: Cell) -> Reasons:
    """Output names no address in memory and no folder of one machine."""
    for text in output_texts(cell):
        if match := OBJECT_ADDRESS.search(text):
            yield f"object address {match[0]} in the output"
        if match := MACHINE_PATH.search(text):
            yield f"path of one machine in the output: {match[0]}"


def runs_anywhere(cell: Cell) -> Reasons:
    """No file is opened by a path that holds in one working directory alone."""
    for call in calls(cell["source"]):
        name = ast.unparse(call.func).split(".")[-1]
        text = constant_text(call.args[0]) if call.args else ""
        if name in OPENERS and text and not text.startswith(("/", "~")) and "://" not in text:
            yield f"{name}({text!r}) depends on the working directory: use lab.read_data"


def captioned(cell: Cell) -> Reasons:
    """A figure has a caption that says what to see, and a name to refer to it by."""
    try:
        tree = ast.parse(cell["source"])
    except SyntaxError as error:
        if "raises-exception" not in cell["metadata"].get("tags", []):
            yield f"not plain Python (line {error.lineno}): {error.msg}"
        return
    figure = figure_of(cell)
    if draws(tree):
        if not str(figure.get("caption", "")).strip():
            yield "figure without mystnb.figure.caption"
        if not str(figure.get("name", "")).startswith("fig-"):
            yield f"figure name {figure.get('name')!r}; mystnb.figure.name begins with 'fig-'"
    elif figure:
        yield "mystnb.figure on a cell that draws nothing"


CODE_RULES: tuple[Callable[[Cell], Reasons], ...] = (
    length, width, visible, tolerance, errors_as_told, text_only, same_on_every_machine,
    runs_anywhere, captioned,
)  # fmt: skip


# Rules on the notebook as a whole: (cell number, reason).

NumberedReasons = Iterator[tuple[int, str]]


def one_title(cells: list[Cell]) -> NumberedReasons:
    """A chapter has one title, at its top; a second one would fall out of the contents."""
    found = [
        number
        for number, cell in enumerate(cells, start=1)
        if cell["cell_type"] == "markdown"
        for _ in titles(cell["source"])
    ]
    if found[:1] != [1]:
        yield 1, "the first cell does not begin the chapter with a title (# ...)"
    for number in found[1:]:
        yield number, "second title (# ...)"


def figure_names(cells: list[Cell]) -> NumberedReasons:
    """A figure's name is used once."""
    seen: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        name = figure_of(cell).get("name")
        if name in seen:
            yield number, f"figure name {name!r} is used twice"
        seen |= {name} if name else set()


def claims_labelled(cells: list[Cell]) -> NumberedReasons:
    """A claim has a label of its kind, by which the test that backs it can name it."""
    for number, directive in cell_directives(cells):
        kind = directive.name.removeprefix("prf:")
        if directive.name.startswith("prf:") and kind in CLAIM_PREFIXES:
            label, prefix = directive.options.get("label", ""), CLAIM_PREFIXES[kind]
            if not label.startswith(prefix):
                yield number, f"label {label!r} of a {kind} does not begin with {prefix!r}"


def solution_ends(cells: list[Cell]) -> NumberedReasons:
    """JupyterLab folds the last words of a solution only in a cell without its end."""
    for number, cell in enumerate(cells, start=1):
        before, end, _ = cell["source"].partition("```{solution-end}")
        if end and before.strip() and "{solution-start}" not in before:
            yield number, "prose before {solution-end}: give it a cell of its own"


def exercises(cells: list[Cell]) -> NumberedReasons:
    """Every exercise has a solution after it; ``-start`` and ``-end`` match."""
    solved: dict[str, int] = {}
    open_gate: tuple[str, int] | None = None
    for number, directive in cell_directives(cells):
        kind, _, gate = directive.name.partition("-")
        if kind not in ("exercise", "solution") or gate not in ("", "start", "end"):
            continue
        if gate == "end":
            if open_gate is None or open_gate[0] != kind:
                yield number, f"{{{directive.name}}} closes nothing that is open"
            open_gate = None
            continue
        if open_gate is not None:
            yield number, f"{{{directive.name}}} inside {{{open_gate[0]}-start}}"
        open_gate = (kind, number) if gate == "start" else open_gate
        if kind == "exercise":
            label = directive.options.get("label", "")
            if not label.startswith("ex-"):
                yield number, f"exercise label {label!r} does not begin with 'ex-'"
            elif label in solved:
                yield number, f"exercise label {label!r} is used twice"
            solved.setdefault(label, 0)
        elif directive.argument not in solved:
            yield number, f"solution of {directive.argument!r}, which no exercise above is called"
        else:
            solved[directive.argument] = number
    if open_gate is not None:
        yield open_gate[1], f"{{{open_gate[0]}-start}} is never closed"
    for label, number in solved.items():
        if not number:
            yield 0, f"exercise {label!r} has no solution"


NOTEBOOK_RULES: tuple[Callable[[list[Cell]], NumberedReasons], ...] = (
    one_title, figure_names, claims_labelled, exercises, solution_ends,
)  # fmt: skip


# Readings of a cell that several checks share.


def cell_directives(cells: list[Cell]) -> Iterator[tuple[int, Directive]]:
    """The directives of all markdown cells, with the number of their cell."""
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] == "markdown":
            for directive in directives(cell["source"]):
                yield number, directive


def figure_of(cell: Cell) -> dict[str, Any]:
    """What the cell's metadata says of its figure: caption and name."""
    figure: dict[str, Any] = cell["metadata"].get("mystnb", {}).get("figure", {})
    return figure


def output_texts(cell: Cell) -> Iterator[str]:
    """What a code cell printed, returned or raised, as stored."""
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"
        elif "text" in output:
            yield output["text"]
        else:
            yield from (v for k, v in output["data"].items() if k in KEPT_MIME_TYPES)


def calls(source: str) -> list[ast.Call]:
    """The calls in code that parses; none in code that does not."""
    try:
        return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    except SyntaxError:
        return []


def constant_text(node: ast.AST) -> str:
    """The literal parts of a string expression, without the specifications of its fields."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.FormattedValue):
        return " "
    return " ".join(constant_text(child) for child in ast.iter_child_nodes(node))


def draws(tree: ast.AST) -> bool:
    """Whether the code calls ``plots.show`` or ``explore`` as it runs, not in a definition."""
    for node in _run_now(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.split(".")[-1] == "explore" or called in ("show", "plots.show"):
                return True
            if called.endswith(".plots.show"):
                return True
    return False


def _run_now(node: Any) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _run_now(child)
