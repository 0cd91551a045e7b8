"""Run the cells of one page in one namespace, as a notebook's kernel does, and post what they show.

Every message is a dictionary with a `kind` and the id of its `cell`:

=========  ==================================================================================
stream     `text` that was printed
result     `text`: the representation of the last expression
picture    `html` and `words`
sliders    a figure under sliders: `figure`, its number, `dials` (label, readouts, start), `svg`
error      `text`: the traceback, from the cell on; the error's `name`; `line`, in the cell
           (0: none)
frame      the answer to `draw`: `figure`, `request`, `svg`, `readouts`, whether it is `exact`,
           and `trouble`, why there is no drawing
=========  ==================================================================================
"""

from __future__ import annotations

import ast
import io
import linecache
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from npgkit.lab import place

if TYPE_CHECKING:
    from npgkit.lab.sliders import Sliders

Post = Callable[[dict[str, Any]], None]
MOST_TEXT = 200_000
MOST_LINES = 2_000
"""What a cell may print; what follows is left out, and the page says so."""
PROMPT_LINES = 100
PAUSE = 0.05
"""Seconds between two messages, once a cell has printed so many lines."""

NO_MEMORY = (
    "A page has little memory, and this is too much for it: make the arrays smaller. "
    "What is held already goes with Run to here, or Stop."
)
NO_LOOP = "A page has no event loop of its own: call without await."
IPYTHON = "Lines that begin with % or !, or end with ?, are IPython's; a page runs Python alone."
ADVICE = (
    (MemoryError, r"", r"", NO_MEMORY),
    (OverflowError, r"", r"index-sized", NO_MEMORY),
    (ValueError, r"", r"^array is too big|^Maximum allowed dimension", NO_MEMORY),
    (SyntaxError, r"^\s*[%!]|\?\s*$", r"", IPYTHON),
    (SyntaxError, r"\bawait\b", r"", NO_LOOP),
    (RuntimeError, r"", r"stack switch", NO_LOOP),
)
"""By the error, the line where it arose and its message: a sentence that its traceback lacks."""


class Printed(io.TextIOBase):
    """A text stream whose text is posted: line by line at first, then in larger pieces."""

    def __init__(self, post: Post, cell: str) -> None:
        self.post, self.cell = post, cell
        self.left, self.lines, self.waiting = MOST_TEXT, MOST_LINES, ""
        self.posted = 0.0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.left == 0:
            return len(text)
        self.waiting += text
        prompt = self.lines > MOST_LINES - PROMPT_LINES
        due = prompt or time.monotonic() - self.posted > PAUSE
        if ("\n" in text and due) or len(self.waiting) > 8192:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self.waiting = self.waiting, ""
        if not text:
            return
        kept = "".join(text.splitlines(keepends=True)[: self.lines])[: self.left]
        self.left -= len(kept)
        self.lines -= kept.count("\n")
        if len(kept) < len(text) or self.left == 0 or self.lines == 0:
            self.left = 0
            limit = f"{MOST_LINES:,} lines or {MOST_TEXT:,} characters"
            kept += f"\n... more than {limit}: the rest is left out\n"
        self.posted = time.monotonic()
        self.post({"kind": "stream", "cell": self.cell, "text": kept})


def no_input(prompt: object = "") -> str:
    """Take the place of `input`: nobody can be asked while a page's cell runs."""
    raise RuntimeError("a page has no input(): write the value into the code")


class Cells:
    """The namespace of a page, and the place where its pictures go."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.cell = ""
        self.names: dict[str, Any] = {}
        self.drawn = 0
        self.figures: dict[int, tuple[str, Sliders]] = {}
        self.fresh()

    def fresh(self) -> None:
        """Forget every name, as a kernel that starts again does."""
        self.names.clear()
        self.names.update(__name__="__main__", __builtins__=__builtins__, input=no_input)

    def run(self, cell: str, source: str) -> bool:
        """Run one cell and return whether it ended without an error."""
        self.cell = cell
        self.figures = {k: one for k, one in self.figures.items() if one[0] != cell}
        printed = Printed(self.post, cell)
        with place.chosen(self), redirect_stdout(printed), redirect_stderr(printed):
            try:
                value = self._evaluate(cell, source)
                printed.flush()
                if value is not None:
                    self._show(value)
                show_open_figures()
                return True
            except BaseException as error:
                printed.flush()
                self._report(error)
                return False

    def draw(self, figure: int, request: int, position: Sequence[float]) -> None:
        """Post the frame of a slider figure at a position between its prepared values.

        A drawing that cannot do without its prepared values gets the nearest ones. Where that
        fails, too, the answer has an empty `svg`, and `trouble` says why.
        """
        if figure not in self.figures:  # its cell has run again
            return
        self.cell, sliders = self.figures[figure]
        exact, at, svg, trouble = True, list(position), "", ""
        try:
            svg = sliders.frame(at)
        except Exception:
            exact, at = False, [round(p) for p in position]
            try:
                svg = sliders.frame(at)
            except Exception as error:
                trouble = "".join(traceback.format_exception_only(error)).strip()
        readouts = [dial.readout(p) for dial, p in zip(sliders.dials, at, strict=True)]
        answer = {"figure": figure, "request": request, "svg": svg, "readouts": readouts}
        more = {"exact": exact, "trouble": trouble}
        self.post({"kind": "frame", "cell": self.cell, **answer, **more})

    # What `npgkit.lab` shows.

    def picture(self, html: str, words: str) -> None:
        sys.stdout.flush()
        from npgkit.lab.drawing import render  # here, because it brings Matplotlib

        shown = render.bundle(html, words)["text/html"]
        self.post({"kind": "picture", "cell": self.cell, "html": shown, "words": words})

    def sliders(self, figure: Sliders) -> None:
        sys.stdout.flush()
        number = self.drawn
        self.drawn += 1
        self.figures[number] = (self.cell, figure)
        dials = [
            {
                "label": dial.label,
                "readouts": dial.readouts,
                "start": dial.index,
                "choice": dial.is_choice,
                "continuous": dial.continuous,
            }
            for dial in figure.dials
        ]
        shown = {"svg": figure.frame(figure.start), "words": figure.summary}
        told = {"figure": number, "dials": dials, **shown}
        self.post({"kind": "sliders", "cell": self.cell, **told})

    # Within a cell.

    def _evaluate(self, cell: str, source: str) -> Any:
        name = f"<cell {cell}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body[-1] if tree.body else None
        shown = isinstance(last, ast.Expr) and not source.rstrip().endswith(";")
        if shown:
            tree.body.pop()
        exec(compile(tree, name, "exec"), self.names)
        if not shown:
            return None
        assert isinstance(last, ast.Expr)
        return eval(compile(ast.Expression(last.value), name, "eval"), self.names)

    def _show(self, value: Any) -> None:
        figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", ())
        if isinstance(value, figure):
            show_figure(value)
        else:
            self.post({"kind": "result", "cell": self.cell, "text": repr(value)})

    def _report(self, error: BaseException) -> None:
        """Post the traceback without the frames of this module and of the libraries' insides."""
        whole = traceback.TracebackException.from_exception(error, compact=True)
        own = [frame for frame in whole.stack if frame.filename.startswith("<cell ")]
        inner = [frame for frame in whole.stack[-1:] if frame not in own]
        # A module that came compiled has another name in `__file__`.
        ours = {one.__code__.co_filename for one in (_advice, ast.parse)}
        outside = [frame for frame in inner if frame.filename not in ours]
        here = [frame for frame in own if frame.filename == f"<cell {self.cell}>"]
        line = here[-1].lineno if here else getattr(error, "lineno", 0)
        whole.stack = traceback.StackSummary.from_list([*own, *outside])
        whole.__cause__ = whole.__context__ = None
        code = linecache.getline(f"<cell {self.cell}>", line or 0)
        text = "".join(whole.format()) + _advice(error, code)
        told = {"text": text, "name": type(error).__name__, "line": line or 0}
        self.post({"kind": "error", "cell": self.cell, **told})


def _advice(error: BaseException, line: str) -> str:
    for kind, code, message, sentence in ADVICE:
        if isinstance(error, kind) and re.search(code, line) and re.search(message, str(error)):
            return f"\n{sentence}\n"
    return ""


def show_open_figures() -> None:
    """Show what pyplot has drawn, as a notebook does at the end of a cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for number in pyplot.get_fignums():
        show_figure(pyplot.figure(number))


def show_figure(figure: Any) -> None:
    """Show a figure that the reader's own code has drawn."""
    from npgkit.lab import plots  # here, because it brings Matplotlib

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    title = " ".join(ax.get_title() for ax in figure.axes).strip()
    plots.show(figure, alt=title or "drawn by the code above")
