"""Run the cells of one page in one namespace, as a notebook's kernel does, and post what they show.

Every message is a dictionary with a `kind` and the id of its `cell`:

=========  ==================================================================================
stream     `text` that was printed
result     `text`: the representation of the last expression
verdict    `ok` and `answered`: what a check said; its text came as a result
picture    `html` and `words`
sliders    a figure under sliders: `figure`, its number, `dials` (label, readouts, start), `svg`
error      `text`: the traceback, from the cell on, and `line`, in the cell (0: none)
frame      the answer to `draw`: `figure`, `request`, `svg`, `readouts` and whether it is `exact`
=========  ==================================================================================
"""

from __future__ import annotations

import ast
import io
import linecache
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from npgkit.lab import place
from npgkit.lab.exercises.check import Verdict

if TYPE_CHECKING:
    from npgkit.lab.sliders import Sliders

Post = Callable[[dict[str, Any]], None]
MOST_TEXT = 200_000
"""Characters that a cell may print; what follows is left out, and the page says so."""


class Printed(io.TextIOBase):
    """A text stream whose text is posted line by line, up to a limit."""

    def __init__(self, post: Post, cell: str) -> None:
        self.post, self.cell = post, cell
        self.left, self.waiting = MOST_TEXT, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.waiting += text
        if "\n" in text or len(self.waiting) > 8192:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self.waiting = self.waiting[: self.left], ""
        if text:
            self.left -= len(text)
            if self.left == 0:
                text += f"\n... more than {MOST_TEXT} characters: the rest is left out\n"
            self.post({"kind": "stream", "cell": self.cell, "text": text})


class Cells:
    """The namespace of a page, and the place where its pictures go."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.cell = ""
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.figures: list[tuple[str, Sliders]] = []

    def run(self, cell: str, source: str) -> bool:
        """Run one cell and return whether it ended without an error."""
        self.cell = cell
        printed = Printed(self.post, cell)
        with place.chosen(self), redirect_stdout(printed), redirect_stderr(printed):
            try:
                value = self._evaluate(cell, source)
                printed.flush()
                if value is not None:
                    self._show(value)
                return True
            except BaseException as error:
                printed.flush()
                self._report(error)
                return False

    def draw(self, figure: int, request: int, position: Sequence[float]) -> None:
        """Post the frame of a slider figure at a position between its prepared values.

        A drawing that cannot do without its prepared values gets the nearest ones. One that fails
        there, too, is an error, and the answer has an empty `svg`.
        """
        self.cell, sliders = self.figures[figure]
        exact, at, svg = True, list(position), ""
        try:
            svg = sliders.frame(at)
        except Exception:
            exact, at = False, [round(p) for p in position]
            try:
                svg = sliders.frame(at)
            except Exception as error:
                self._report(error)
        readouts = [dial.readout(p) for dial, p in zip(sliders.dials, at, strict=True)]
        answer = {"figure": figure, "request": request, "svg": svg, "readouts": readouts}
        self.post({"kind": "frame", "cell": self.cell, "exact": exact, **answer})

    # What `npgkit.lab` shows.

    def picture(self, html: str, words: str) -> None:
        sys.stdout.flush()
        from npgkit.lab.drawing import render  # here, because it brings Matplotlib

        shown = render.bundle(html, words)["text/html"]
        self.post({"kind": "picture", "cell": self.cell, "html": shown, "words": words})

    def sliders(self, figure: Sliders) -> None:
        sys.stdout.flush()
        self.figures.append((self.cell, figure))
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
        number = len(self.figures) - 1
        self.post({"kind": "sliders", "cell": self.cell, "figure": number, "dials": dials, **shown})

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
        self.post({"kind": "result", "cell": self.cell, "text": repr(value)})
        if isinstance(value, Verdict):
            told = {"ok": value.ok, "answered": value.answered}
            self.post({"kind": "verdict", "cell": self.cell, **told})

    def _report(self, error: BaseException) -> None:
        """Post the traceback without the frames of this module and of the libraries' insides."""
        whole = traceback.TracebackException.from_exception(error, compact=True)
        own = [frame for frame in whole.stack if frame.filename.startswith("<cell ")]
        inner = whole.stack[-1:] if whole.stack and whole.stack[-1] not in own else []
        outside = [frame for frame in inner if frame.filename != __file__]
        line = own[-1].lineno if own else getattr(error, "lineno", 0)
        whole.stack = traceback.StackSummary.from_list([*own, *outside])
        whole.__cause__ = whole.__context__ = None
        text = "".join(whole.format())
        self.post({"kind": "error", "cell": self.cell, "text": text, "line": line or 0})
