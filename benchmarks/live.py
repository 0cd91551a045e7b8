"""Measure what running the code in a page costs the reader: bytes, waiting, and the speed after it.

    python benchmarks/live.py [--only 03_kl_step ...] [--repeats 3]

Takes the built site as it is. Opens pages in Chromium, from a server on this machine, and measures

- what a page that is only read has more than one without Run buttons, with gzip;
- from the click to the first natural step's output, on a first visit and on a second page;
- what each page fetches when all its cells are run, and how long they take;
- how many pictures a second a slider that computes shows while it is moved;
- how long TRPO needs to bring CartPole to a mean return of 475.

Beside the seconds on the clock stand those of the processor, which other programs disturb less.
The table is printed, and written to benchmarks/results/live.md if the machine was quiet, or if all
that is asked holds all the same: a busy machine makes nobody wait less.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table  # noqa: E402
from tests.live.compare import differences  # noqa: E402
from tests.live.running import code_cells, edit, notebook_of, run_all, settled  # noqa: E402
from tests.site.pages import NOTEBOOK_PAGES  # noqa: E402
from tools.live import site as live_site  # noqa: E402
from tools.site import chromium, serve  # noqa: E402

SITE = ROOT / "_build" / "html"
RESULT = ROOT / "benchmarks" / "results" / "live.md"
STAY = 3  # seconds on the first page; what the browser has compiled it stores a little later
QUIET = 1.5  # the load of a machine on which waiting may be measured

# What is asked of the book.
MOST_READ_KB, MOST_COLD_S, MOST_WARM_S, MOST_MB = 15, 5.0, 2.0, 20.0
LEAST_PICTURES, MOST_TRAINING_S = 10, 30
STEP = (
    "import numpy as np, npgkit; policy = npgkit.sigmoid_tabular(2); theta = np.log([4, 1 / 9]); "
    "batch = npgkit.exact_batch(npgkit.two_rooms(), policy, theta); "
    "print(npgkit.natural_step(policy, theta, batch, epsilon=0.01))"
)
FIRST, SLIDER = "book/01_policy_gradient.html", "book/03_kl_step.html"
TRAINING = "book/12_in_practice.html"

# Moves the first slider that computes for some seconds; how many pictures a second it has shown.
MOVE = """async () => {
  const box = document.querySelector(".npg-computed"), input = box.querySelector("input");
  const last = Number(input.max);
  let pictures = 0;
  new MutationObserver(() => { pictures += 1; })
    .observe(box.querySelector(".npg-frame"), {childList: true});
  const begin = performance.now();
  while (performance.now() - begin < 4000) {
    input.value = (performance.now() - begin) / 4000 * last;
    input.dispatchEvent(new Event("input", {bubbles: true}));
    await new Promise((next) => setTimeout(next, 16));
  }
  return pictures / 4;
}"""
REACHED = """() => new Promise(done => {
  const place = document.querySelector(".npg-train");
  setInterval(() => { if (place.dataset.reached) done(true); }, 100);
  setTimeout(() => done(false), 180000);
})"""


@dataclass
class Seconds:
    """Of the clock, and of the processor in all processes of the browser."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.1f} ({self.processor:.1f})"


@dataclass
class Chapter:
    """All cells of a page, run."""

    name: str
    cells: int
    differ: int
    took: Seconds
    megabytes: float
    scipy: bool


@dataclass
class Found:
    read_kb: float
    cold: list[Seconds] = field(default_factory=list)
    warm: list[Seconds] = field(default_factory=list)
    chapters: list[Chapter] = field(default_factory=list)
    pictures: float = 0.0
    training: Seconds | None = None


def zipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), mtime=0))


def added_to_a_page() -> float:
    """Kilobytes that a page has more: two files, and the lines that name them."""
    text = (SITE / FIRST).read_text("utf-8")
    files = sum(zipped(SITE / "_static" / "live" / name) for name in ("buttons.js", "live.css"))
    without = live_site.EARLIER.sub("", text)
    assert without != text
    lines = len(gzip.compress(text.encode())) - len(gzip.compress(without.encode()))
    return (files + lines) / 1000


def processor_seconds() -> float:
    """What this process's descendants, the browser's processes, have used until now."""
    parent, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        number = int(path.parent.name)
        parent[number] = int(fields[1])
        used[number] = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    own = {os.getpid()}
    while more := {child for child, above in parent.items() if above in own} - own:
        own |= more
    return sum(used.get(number, 0.0) for number in own - {os.getpid()})


@contextmanager
def timed() -> Iterator[Seconds]:
    took = Seconds(time.perf_counter(), processor_seconds())
    yield took
    took.clock = time.perf_counter() - took.clock
    took.processor = processor_seconds() - took.processor


def first_step(context: Any, address: str) -> Seconds:
    """From the click on Run to the output of one natural step."""
    page = context.new_page()
    page.goto(address + FIRST, wait_until="networkidle")
    edit(page, STEP)
    with timed() as took:
        page.evaluate(settled("button.npg-run"))
    assert "Step(" in page.locator(".npg-output").first.inner_text()
    time.sleep(STAY)
    page.close()
    return took


def chapter(context: Any, address: str, name: str) -> tuple[Chapter, Any]:
    """Run all cells of a page, and leave it open."""
    page = context.new_page()
    page.goto(address + name, wait_until="networkidle")
    fetched: set[str] = set()
    context.on("response", lambda answer: fetched.add(urlsplit(answer.url).path.lstrip("/")))
    with timed() as took:
        _, shown = run_all(page)
    live = {path for path in fetched if "/live/" in path}
    size = sum(zipped(SITE / path) for path in live) / 1e6
    scipy = any("scipy" in path for path in live)
    differ = len(differences(notebook_of(name), shown))
    return Chapter(Path(name).stem, code_cells(name), differ, took, size, scipy), page


def measure(browser: Any, address: str, pages: list[str], repeats: int) -> Found:
    found = Found(added_to_a_page())
    for _ in range(repeats):
        # A reader's own profile: what a private window has compiled is not kept.
        with tempfile.TemporaryDirectory() as profile:
            context = browser.browser_type.launch_persistent_context(
                profile, executable_path=chromium.program(), args=chromium.FLAGS
            )
            found.cold.append(first_step(context, address))
            found.warm.append(first_step(context, address))
            context.close()
        print(f"first step, s: {found.cold[-1]}, again {found.warm[-1]}", flush=True)
    for name in pages:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        one, page = chapter(context, address, name)
        found.chapters.append(one)
        print(one, flush=True)
        if name == SLIDER:
            found.pictures = page.evaluate(MOVE)
        context.close()
    if TRAINING in pages:
        page = browser.new_page()
        page.goto(address + TRAINING)
        with timed() as took:
            page.locator(".npg-train-start").click()
            reached = page.evaluate(REACHED)
        found.training = took if reached else None
    return found


def middle(runs: list[Seconds]) -> Seconds:
    return Seconds(
        statistics.median(one.clock for one in runs),
        statistics.median(one.processor for one in runs),
    )


def holds(found: Found) -> bool:
    """Whether all that is asked of the book holds in what was measured."""
    plain = [one.megabytes for one in found.chapters if not one.scipy]
    return (
        found.read_kb <= MOST_READ_KB
        and middle(found.cold).clock <= MOST_COLD_S
        and middle(found.warm).clock <= MOST_WARM_S
        and max(plain, default=0.0) <= MOST_MB
        and found.pictures >= LEAST_PICTURES
        and found.training is not None
        and found.training.clock <= MOST_TRAINING_S
    )


def report(found: Found, load: float) -> str:
    plain = [one.megabytes for one in found.chapters if not one.scipy]
    whole = [
        ["added to a page that is only read, KB gzip", f"{found.read_kb:.1f}",
         f"<= {MOST_READ_KB}"],
        ["click to the first natural step, first visit, s", str(middle(found.cold)),
         f"<= {MOST_COLD_S:g}"],
        ["the same on a second page, s", str(middle(found.warm)), f"<= {MOST_WARM_S:g}"],
        ["fetched for all cells of a page without SciPy, MB gzip",
         f"{max(plain):.1f}" if plain else "not measured", f"<= {MOST_MB:g}"],
        ["a slider that computes, pictures a second", f"{found.pictures:.0f}" if found.pictures
         else "not measured", f">= {LEAST_PICTURES}"],
        ["click to TRPO's mean return of 475 on CartPole, s",
         str(found.training or "not reached"), f"<= {MOST_TRAINING_S}"],
    ]  # fmt: skip
    rows = [
        [one.name, str(one.cells), str(one.differ), str(one.took), f"{one.megabytes:.1f}",
         "SciPy" if one.scipy else ""]
        for one in found.chapters
    ]  # fmt: skip
    return "\n".join([
        "# Running the code in the page",
        "",
        f"{machine()}, load {load:.2f}; {date.today().isoformat()}. Made by `benchmarks/live.py`.",
        "Seconds of the clock, and in brackets of the processor.",
        "",
        table(["", "measured", "asked"], whole),
        "",
        table(["page", "cells", "differ", "all cells, s", "MB gzip", ""], rows),
        "",
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="run the cells of these alone")
    parser.add_argument("--repeats", type=int, default=3, help="first visits (3)")
    chosen = parser.parse_args()
    program = chromium.program()
    if program is None or not (SITE / "_static" / "live" / "files.json").is_file():
        print("This needs Chromium, and a site built with its Python", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    load = os.getloadavg()[0]
    pages = [p for p in NOTEBOOK_PAGES if not chosen.only or Path(p).stem in chosen.only]
    httpd = serve.server(0, SITE)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    address = f"http://{serve.HOST}:{httpd.server_port}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.FLAGS)
        found = measure(browser, address, pages, chosen.repeats)
        browser.close()
    text = report(found, load)
    print(text)
    if not chosen.only and (load < QUIET or holds(found)):
        RESULT.write_text(text, "utf-8")
    else:
        print(f"Not stored: the load was {load:.1f}, or not every page was run", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
