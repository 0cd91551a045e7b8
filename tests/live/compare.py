"""What a run of a notebook's cells showed, against what the notebook stores, cell by cell.

What a cell shows is a list of `Shown`, in its order. It is read from a notebook's cells, stored or
run somewhere else, by `of_cell`, and from a page of the book by the script `OF_PAGE`. `differences`
says what differs; a cell that was not run is None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# A number that stands alone: the 2 of "v2" is none, nor is the minus of "3-4".
NUMBER = re.compile(r"(?<![\w.])(?:(?<!\w)-)?\d+(?:\.\d*)?(?:e[+-]?\d+)?(?!\w)")
PICTURES = ("Figure: ", "Film: ")
SLIDERS = "Slider figure: "
ENDS = re.compile(r" from \S+ to \S+?(?=;|$)")  # a page shows one readout at a time

# Run in a page: for each code cell in order, what its run showed as [kind, text], or null.
OF_PAGE = """() => {
  const text = (box) => Array.from(box.querySelectorAll("pre"), (pre) => pre.textContent).join("");
  const dial = (input) => {
    const name = input.labels[0].textContent;
    if (input.type === "range") return `${name}, ${Number(input.max) + 1} values`;
    return `${name}: ${Array.from(input.options, (option) => option.text).join(", ")}`;
  };
  const figure = (box) => {
    const inputs = Array.from(box.querySelectorAll(".npg-dials :is(input, select)"));
    const drawn = box.querySelector("svg").getAttribute("aria-label");
    if (inputs.length) return ["sliders", drawn && inputs.map(dial).join("; ")];
    return ["picture", drawn];
  };
  const shown = (box) => box.tagName === "FIGURE" ? figure(box) : [box.dataset.kind, text(box)];
  return Array.from(document.querySelectorAll("article .cell"))
    .filter((cell) => cell.querySelector(".cell_input pre"))
    .map((cell) => cell.querySelector(".npg-output"))
    .map((output) => output && Array.from(output.children, shown));
}"""


@dataclass(frozen=True)
class Shown:
    """One thing that a cell showed: a stream, a result, a picture, sliders or an error."""

    kind: str
    text: str


def of_cell(cell: dict[str, Any]) -> list[Shown]:
    """What a notebook's code cell holds; what a stream brought in pieces is put together."""
    found: list[Shown] = []
    for output in cell["outputs"]:
        one = _of_output(output)
        if found and found[-1].kind == one.kind == "stream":
            found[-1] = Shown("stream", found[-1].text + one.text)
        else:
            found.append(one)
    return found


def _of_output(output: dict[str, Any]) -> Shown:
    if output["output_type"] == "error":
        return Shown("error", f"{output['ename']}: {output['evalue']}")
    if output["output_type"] == "stream":
        return Shown("stream", "".join(output["text"]))
    text = "".join(output["data"]["text/plain"])
    for beginning in PICTURES:
        if text.startswith(beginning):
            return Shown("picture", text.removeprefix(beginning))
    if text.startswith(SLIDERS):
        return Shown("sliders", ENDS.sub("", text.removeprefix(SLIDERS)))
    return Shown("result", text)


def of_page(found: Sequence[Sequence[Sequence[str]] | None]) -> list[list[Shown] | None]:
    """What `OF_PAGE` found."""
    return [None if cell is None else [Shown(*one) for one in cell] for cell in found]


def same_text(stored: str, shown: str, tolerance: float | None) -> bool:
    """Whether two texts are equal, their numbers to a relative tolerance if there is one."""
    if tolerance is None:
        return stored == shown
    if NUMBER.sub("#", stored) != NUMBER.sub("#", shown):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(shown), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=tolerance) for a, b in pairs)


def differences(notebook: dict[str, Any], shown: Sequence[Sequence[Shown] | None]) -> list[str]:
    """What differs, as "cell 3: ..." by the number among the code cells; empty if nothing does."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if len(cells) != len(shown):
        return [f"{len(cells)} code cells are stored, {len(shown)} were found"]
    pairs = enumerate(zip(cells, shown, strict=True), start=1)
    return [f"cell {k}: {why}" for k, (cell, run) in pairs for why in _differs(cell, run)]


def _differs(cell: dict[str, Any], run: Sequence[Shown] | None) -> list[str]:
    if run is None:
        return ["it was not run"]
    stored = of_cell(cell)
    kinds = [[one.kind for one in side] for side in (stored, run)]
    if kinds[0] != kinds[1]:
        errors = [one.text for one in run if one.kind == "error"]
        return [f"{kinds[0]} is stored, {kinds[1]} was shown", *errors]
    tolerance = cell["metadata"].get("tolerance")
    return [
        f"the {a.kind} stored is {a.text!r}, shown was {b.text!r}"
        for a, b in zip(stored, run, strict=True)
        if not same_text(a.text, b.text, tolerance)
    ]
