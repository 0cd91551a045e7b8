"""Measure what a reader waits for: each page's weight, each slider's answer, the build, the server.

    python benchmarks/pages.py [--no-build]

Builds the book cold (every notebook executed), starts `make serve` on the unchanged book, runs the
notebooks' cells one by one for the first frame of each live slider, and moves every slider of every
page in Chromium. Prints a table and writes it to benchmarks/results/pages.md.

A key press counts from the event's own time stamp until the changed picture has been painted.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table  # noqa: E402
from tools.site import build, serve  # noqa: E402

SITE = ROOT / "_build" / "html"
RESULT = ROOT / "benchmarks" / "results" / "pages.md"
PRESSES = 12  # of each slider
THREADS = "OPENBLAS_NUM_THREADS"

# What is asked of the book.
MOST_BYTES, MOST_PAINT_MS, MOST_FRAME_S, MOST_BUILD_S, MOST_SERVE_S = 600_000, 50, 3.0, 240, 10

# Resolves with the milliseconds from the key event to the paint that shows another picture.
NEXT_PAINT = """handle => {
  let box = handle;
  while (box.parentElement && !box.querySelector('svg, img')) box = box.parentElement;
  window.npgPaint = new Promise((resolve, reject) => {
    let start = 0;
    const done = () => {
      seen.disconnect();
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => resolve(performance.now() - start);
        channel.port2.postMessage(0);
      });
    };
    const shown = () => Array.from(box.querySelectorAll('svg, img'))
      .findIndex(p => p.checkVisibility() && p.getBoundingClientRect().width > 50);
    const before = shown();
    const seen = new MutationObserver(() => { if (start && shown() !== before) done() });
    seen.observe(box, {attributes: true, childList: true, subtree: true});
    handle.addEventListener('keydown', e => { start = e.timeStamp }, {once: true, capture: true});
    setTimeout(() => reject(new Error('nothing changed within two seconds')), 2000);
  });
}"""


@dataclass
class Page:
    """One page's figures; what a page does not have stays empty."""

    name: str
    bytes: int
    sliders: int = 0
    paints: list[float] = field(default_factory=list)
    first_frames: list[float] = field(default_factory=list)
    cells: float | None = None

    def row(self) -> list[str]:
        paint = f"{statistics.median(self.paints):.0f}" if self.paints else ""
        frame = f"{max(self.first_frames):.2f}" if self.first_frames else ""
        cells = f"{self.cells:.1f}" if self.cells is not None else ""
        return [self.name, f"{self.bytes / 1000:.0f}", str(self.sliders), paint, frame, cells]


def cold_build() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tools.site.build", "--force"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


def warm_serve() -> float:
    """Seconds from `make serve` on the unchanged book to a page."""
    port = free_port()
    start = time.perf_counter()
    process = subprocess.Popen(
        ["make", "serve", f"PORT={port}"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{serve.HOST}:{port}/book/index.html") as page:
                    page.read()
                return time.perf_counter() - start
            except urllib.error.URLError:
                time.sleep(0.05)
        raise RuntimeError("make serve ended before it served a page")
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def run_cells(path: Path) -> tuple[list[float], float]:
    """Seconds to the first frame of each slider of a live notebook, and seconds for all cells."""
    import nbformat
    from nbclient import NotebookClient

    view = "application/vnd.jupyter.widget-view+json"
    frames: list[float] = []
    cell_start = 0.0

    class Watch(NotebookClient):
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            content = msg["content"]
            if msg["msg_type"] == "display_data" and view in content.get("data", {}):
                frames.append(time.perf_counter() - cell_start)
            return super().process_message(msg, cell, cell_index)

    def note_start(**_: Any) -> None:
        nonlocal cell_start
        cell_start = time.perf_counter()

    client = Watch(nbformat.read(path, as_version=4), timeout=600, on_cell_execute=note_start)
    client.resources = {"metadata": {"path": str(path.parent)}}
    start = time.perf_counter()
    client.execute(env=build.environment())
    return frames, time.perf_counter() - start


def move_sliders(page: Any, record: Page) -> None:
    handles = page.locator("article [role=slider]")
    record.sliders = handles.count()
    for number in range(record.sliders):
        handle = handles.nth(number)
        handle.scroll_into_view_if_needed()
        handle.focus()
        handle.press("Home")
        key = "ArrowRight"
        for _ in range(PRESSES):
            if handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax"):
                key = "ArrowLeft"
            elif handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemin"):
                key = "ArrowRight"
            page.wait_for_timeout(50)
            handle.evaluate(NEXT_PAINT)
            page.keyboard.press(key)
            record.paints.append(page.evaluate("window.npgPaint"))


def in_chromium(records: list[Page]) -> None:
    from playwright.sync_api import sync_playwright

    from tests.site.browser import settle
    from tests.site.conftest import CHROMIUM_FLAGS

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("No Chromium on this machine: the sliders are not moved", file=sys.stderr)
        return
    httpd = serve.server(0)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for record in records:
            page.goto(f"http://{serve.HOST}:{httpd.server_port}/book/{record.name}.html")
            settle(page)
            move_sliders(page, record)
        browser.close()
    httpd.shutdown()


def report(records: list[Page], built: float | None, served: float) -> str:
    header = ["page", "KB gzip", "sliders", "key to paint, ms", "first frame, s", "all cells, s"]
    limits = [f"{MOST_BYTES / 1000:.0f}", "", f"{MOST_PAINT_MS}", f"{MOST_FRAME_S:.0f}", ""]
    threads = build.environment()[THREADS]
    whole = [["`make serve`, warm", f"{served:.1f}", str(MOST_SERVE_S)]]
    if built is not None:
        whole.insert(0, ["build, cold", f"{built:.0f}", str(MOST_BUILD_S)])
    return "\n".join(
        [
            "# Pages, sliders, build",
            "",
            f"{machine()}, {THREADS}={threads}; {date.today().isoformat()}. Made by `make bench`.",
            "Key to paint is the median over all sliders of a page, the first frame the slowest.",
            "",
            table(["", "s", "at most"], whole),
            "",
            table(header, [*(record.row() for record in records), ["at most", *limits]]),
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-build", action="store_true", help="take the site as it is")
    built = None if parser.parse_args().no_build else cold_build()
    served = warm_serve()
    records = []
    for path in sorted((SITE / "book").glob("*.html")):
        record = Page(path.stem, len(gzip.compress(path.read_bytes(), mtime=0)))
        notebook = ROOT / "book" / f"{path.stem}.ipynb"
        if notebook.is_file():
            record.first_frames, record.cells = run_cells(notebook)
        records.append(record)
    in_chromium(records)
    text = report(records, built, served)
    print(text)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
