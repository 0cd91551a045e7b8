"""A page's Python starts from bytecode, and what a page does not import it does not fetch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import run_code, start_python
from tests.site.pages import View
from tools.live import packages
from tools.toc import ROOT

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


def test_readers_are_told_how_much_is_fetched(site: Path) -> None:
    """The megabytes in the front page and on the button for training are those of the files."""
    live = site / "_static" / "live"
    listed = json.loads((live / "files.json").read_text("utf-8"))
    lock = json.loads((live / "python" / "pyodide-lock.json").read_text("utf-8"))["packages"]

    def needed(names: list[str], found: set[str]) -> set[str]:
        for name in names:
            if name not in found:
                found.add(name)
                needed(lock[name]["depends"], found)
        return found

    def megabytes(*names: str) -> float:
        wheels = needed([*names], set()) - {"numpy"}
        return sum(listed["sizes"][lock[name]["file_name"]] for name in wheels) / 1e6

    own = [*packages.CORE, "pyodide-lock.json", listed["numpy"], listed["npgkit"]]
    first = sum(listed["sizes"][name] for name in own) / 1e6
    text = (ROOT / "book" / "index.ipynb").read_text("utf-8")
    (told,) = re.findall(r"about (\d+) MB, and with the first figure (\d+) MB", text)
    assert told == (f"{first:.0f}", f"{megabytes('matplotlib'):.0f}")
    scripts = [ROOT / "book" / "_assets" / "live" / name for name in ("buttons.js", "train.js")]
    for script in scripts:
        (most,) = re.findall(r"(\d+) MB at most", script.read_text("utf-8"))
        assert int(most) - 1 < first + megabytes("gymnasium", "tqdm") <= int(most)
