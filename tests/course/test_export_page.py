"""A problem set as a page of the book: the site is built with it, and its cells run in Chromium."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course import exports, notebook
from tests.course.graders import run
from tests.course.support import SALT, SET
from tests.live.running import RUN_ALL, run_code
from tests.site.browser import unavailable
from tests.site.conftest import address, chromium, visit
from tests.site.pages import View
from tools.toc import ROOT

__all__ = ["address", "chromium", "visit"]
pytestmark = [pytest.mark.tools, pytest.mark.site, pytest.mark.browser]
NOT_COPIED = shutil.ignore_patterns(
    "html",
    ".doctrees",
    "graders",
    ".git",
    ".venv*",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
)
PAGE = f"book/{SET.name}.html"
SAID = ": (?:not answered yet|the example is)"  # of a starter that is a faulty program, the second


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the book, with what an earlier build has kept, built with one page more."""
    if not (ROOT / "_build" / "cache.stamp").is_file():
        unavailable("the site has not been built: see `make book`")
    place = tmp_path_factory.mktemp("page") / "book"
    shutil.copytree(ROOT, place, ignore=NOT_COPIED, symlinks=True)
    exports.write("page", SET, SALT, (), place / "book")
    toc = place / "_toc.yml"
    last = "      - file: book/13_beyond\n"
    assert last in toc.read_text("utf-8")
    toc.write_text(
        toc.read_text("utf-8").replace(last, f"{last}      - file: book/{SET.name}\n"), "utf-8"
    )
    said = run(
        Path(sys.executable).parent, place, sys.executable, "-m", "tools.site.build",
        PYTHONPATH=str(place),
    )  # fmt: skip
    built = place / "_build" / "html"
    assert (built / PAGE).is_file(), said[-3000:]
    return built


def test_a_set_is_a_page_that_runs(visit: Callable[..., Any]) -> None:
    """All its cells, with nothing answered; and an answer that is right comes out right."""
    cells = notebook.make(SET, SALT, "a reader").cells
    asked = sum(c.source.count('"not answered yet"') for c in cells)
    assert asked >= 2
    with visit(View(PAGE)) as seen:
        said = seen.page.evaluate(RUN_ALL)
        text = seen.page.inner_text("main")
        assert said.startswith("Done:") and len(re.findall(SAID, text)) == asked
        solved = SET.problems["bandit"].solution.replace("slope0 =", "# slope0 =")
        call = "gradient(np.zeros(2), np.array([1., 0.])).round(2)"
        assert (
            run_code(seen.page, f"import numpy as np\n{solved}\n{call}") == "array([ 0.25, -0.25])"
        )
        assert (seen.errors, seen.foreign) == ([], [])
