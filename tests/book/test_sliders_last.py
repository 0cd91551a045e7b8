"""A slider that computes is moved when the whole chapter has run: it still shows its own figure."""

from __future__ import annotations

from typing import Any

import pytest

from npgkit.live.cells import Cells
from tools.notebooks.form import read_notebook
from tools.toc import ROOT

WITH_SLIDERS = [
    path
    for path in sorted((ROOT / "book").glob("*.ipynb"))
    if "explore(" in path.read_text("utf-8")
]


def drawn(page: Cells, told: list[dict[str, Any]], figure: int) -> tuple[str, str]:
    """The frame at the middle of each slider, and what went wrong."""
    middle = [len(dial.readouts) // 2 for dial in page.figures[figure][1].dials]
    page.draw(figure, 0, middle)
    return told[-1]["svg"], told[-1]["trouble"]


@pytest.mark.parametrize("path", WITH_SLIDERS, ids=lambda path: path.stem)
def test_no_later_cell_changes_what_a_slider_draws(path: Any) -> None:
    """What its function reads, when it is called, is what it read when its own cell ran."""
    told: list[dict[str, Any]] = []
    page = Cells(told.append)
    before: dict[int, tuple[str, str]] = {}
    for cell in read_notebook(path)["cells"]:
        if cell["cell_type"] == "code":
            assert page.run(cell["id"], "".join(cell["source"])), cell["id"]
            for figure in page.figures.keys() - before.keys():
                before[figure] = drawn(page, told, figure)
    assert before
    for figure, (cell, _) in page.figures.items():
        svg, trouble = drawn(page, told, figure)
        assert trouble == "", cell
        assert svg == before[figure][0], cell
