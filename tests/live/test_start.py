"""A page's Python starts from bytecode, and what a page does not import it does not fetch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.running import run_code, start_python
from tests.site.pages import View

pytestmark = [pytest.mark.site, pytest.mark.browser]

FIRST = "book/index.html"  # its first cell draws a figure
FROM_SOURCE = (
    "import sys; sorted(n for n, m in sys.modules.items() if not n.startswith('npgkit') "
    "and m.__spec__ and (m.__spec__.origin or '').endswith('.py'))"
)


# npgkit's own have their source beside them: flag 1, bytecode that does not look at it again.
OWN_COMPILED = (
    "import sys; from pathlib import Path; own = [m.__cached__ for n, m in sys.modules.items() "
    "if n.split('.')[0] == 'npgkit']; (len(own) > 20, [path for path in own "
    "if Path(path).read_bytes()[4] != 1])"
)
NO_SEED = "import npgkit; npgkit.random_mdp(2, 2, 0.9, rng='any')"


def test_the_first_figure_compiles_no_library(visit: Callable[..., Any]) -> None:
    """Compiling took more than half of the time to it; npgkit's modules were a tenth."""
    with visit(View(FIRST)) as seen:
        start_python(seen.page)
        assert run_code(seen.page, FROM_SOURCE) == "[]"
        assert run_code(seen.page, OWN_COMPILED) == "(True, [])"


def test_a_traceback_shows_npgkits_own_line(visit: Callable[..., Any]) -> None:
    with visit(View(FIRST)) as seen:
        told = run_code(seen.page, NO_SEED)
        assert re.search(r'File ".*/npgkit/\w+\.py", line \d+, in \w+\n    \S', told)


def test_what_the_start_needs_is_fetched_side_by_side(visit: Callable[..., Any]) -> None:
    """NumPy is on its way before Python itself has come."""
    with visit(View(FIRST)) as seen:
        seen_so: list[str] = []
        for event in ("request", "requestfinished"):
            seen.page.on(event, lambda one, what=event: seen_so.append(f"{what} {one.url}"))
        start_python(seen.page)
        names = [re.sub(r"https?:.*/|-.*", "", line) for line in seen_so]
        assert names.index("request numpy") < names.index("requestfinished pyodide.asm.wasm")


def test_the_browser_may_keep_what_it_has_compiled(visit: Callable[..., Any]) -> None:
    """It does so for answers of its own, which have an address: the next start is twice as fast."""
    with visit(View(FIRST)) as seen:
        start_python(seen.page)
        (worker,) = seen.page.workers
        wasm = seen.page.url.replace(FIRST, "_static/live/python/pyodide.asm.wasm")
        assert worker.evaluate("async (wasm) => (await fetch(wasm)).url", wasm) == wasm


def test_the_front_page_fetches_no_scipy(visit: Callable[..., Any]) -> None:
    """Twelve megabytes for its first figure, whose root needs a bisection alone."""
    with visit(View(FIRST)) as seen:
        fetched: list[str] = []
        seen.page.on("response", lambda answer: fetched.append(answer.url))
        start_python(seen.page)
        names = [url.rpartition("/")[2].partition("-")[0] for url in fetched]
        assert "matplotlib" in names and "scipy" not in names
