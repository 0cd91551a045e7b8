"""A page's Python starts from bytecode, and what a page does not import it does not fetch."""

from __future__ import annotations

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


def test_the_first_figure_compiles_no_library(visit: Callable[..., Any]) -> None:
    """Compiling took more than half of the time to it; npgkit's own modules stay as they are."""
    with visit(View(FIRST)) as seen:
        start_python(seen.page)
        assert run_code(seen.page, FROM_SOURCE) == "[]"


def test_the_front_page_fetches_no_scipy(visit: Callable[..., Any]) -> None:
    """Twelve megabytes for its first figure, whose root needs a bisection alone."""
    with visit(View(FIRST)) as seen:
        fetched: list[str] = []
        seen.page.on("response", lambda answer: fetched.append(answer.url))
        start_python(seen.page)
        names = [url.rpartition("/")[2].partition("-")[0] for url in fetched]
        assert "matplotlib" in names and "scipy" not in names
