"""Every code cell of every page runs in the reader's browser and shows what the notebook stores.

`make test` runs the pages in `SOME`, `make test-live` all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.live.compare import OF_PAGE, differences, of_page
from tests.live.running import RUN_ALL, code_cells, notebook_of, run_all
from tests.site.firefox import Firefox
from tests.site.pages import NOTEBOOK_PAGES, View

pytestmark = [pytest.mark.site, pytest.mark.browser]

# Two that together have all that a cell can show: sliders, films and lists, answers, Gymnasium.
SOME = ("book/03_kl_step.html", "book/12_in_practice.html")
IN_FIREFOX = "book/02_euclidean_step.html"


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in SOME else pytest.mark.live) for n in NOTEBOOK_PAGES],
)
def test_every_cell_shows_what_the_notebook_stores(visit: Callable[..., Any], name: str) -> None:
    """In Chromium, from a first visit, with no other host asked and no complaint."""
    with visit(View(name)) as seen:
        said, shown = run_all(seen.page)
        ran = sum(cell is not None for cell in shown)
        assert differences(notebook_of(name), shown) == []
        assert ran == code_cells(name) and said == f"Done: {ran} cells were run."
        assert (seen.errors, seen.foreign, seen.failed) == ([], [], [])


def test_a_chapter_runs_in_firefox(firefox: Firefox, address: str) -> None:
    """The same of one chapter, in Firefox's own WebAssembly and worker."""
    firefox.open(address + IN_FIREFOX)
    said = firefox.evaluate(f"({RUN_ALL})()")
    shown = of_page(firefox.evaluate(f"({OF_PAGE})()"))
    assert differences(notebook_of(IN_FIREFOX), shown) == []
    assert said == f"Done: {code_cells(IN_FIREFOX)} cells were run."
    assert firefox.errors == []
