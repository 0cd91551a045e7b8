"""Measure what a reader waits for: each page's weight and work, its sliders, the build, the server.

    python benchmarks/pages.py [--no-build] [--beside FOLDER] [--only 05_natural_gradient ...]

Builds the book cold (every notebook executed), starts `make serve` on the unchanged book, runs the
notebooks' cells one by one for the first frame of each live slider, and opens every page in
Chromium: as it is and with the processor slowed four times, cold each time. With --beside, the same
pages of another built site are opened in turn with them, for ratios of the same minutes. Prints
tables and writes them to benchmarks/results/pages.md.

Long tasks are those of more than 50 ms on the main thread until the page is quiet, added up. A
slider is usable when a key press has changed its picture, counted from the start of navigation to
the paint; keys come every few hundredths of a second. Both are medians of LOADS loads. A key press
counts from the event's own time stamp until the changed picture has been painted.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table  # noqa: E402
from tools.site import build, chromium, serve  # noqa: E402

SITE = ROOT / "_build" / "html"
RESULT = ROOT / "benchmarks" / "results" / "pages.md"
PRESSES = 6  # of each slider
LOADS = 3  # of each page, in turns
THREADS = "OPENBLAS_NUM_THREADS"

# What is asked of the book; see tests/site/test_budget.py for what does not depend on the machine.
MOST_PAINT_MS, MOST_USABLE_S, MOST_SHARE = 33, 2.0, 0.1
MOST_FRAME_S, MOST_BUILD_S, MOST_SERVE_S = 3.0, 240, 10
SLOWED = 4
SLIDER = re.compile('type="range"|class="npg-dials"|widget-view')
HANDLE = "article .npg-dials :is(input, select), article [role=slider]"

WATCH_LONG_TASKS = """window.npgLong = 0; new PerformanceObserver(list =>
  list.getEntries().forEach(e => { window.npgLong += e.duration })
).observe({type: 'longtask', buffered: true});"""

# Keeps the focus on the first slider, and notes when a key has changed its picture. It is part of
# the page and the keys come from outside, so that nothing of the measuring waits for the page.
WATCH_FIRST_SLIDER = """window.npgUsable = null; {
  let watched = null, before = null;
  const box = () => {
    let found = watched;
    while (found.parentElement && !found.querySelector('svg, img')) found = found.parentElement;
    return found;
  };
  const shown = () => Array.from(box().querySelectorAll('svg, img'))
    .find(p => p.checkVisibility() && p.getBoundingClientRect().width > 50)?.outerHTML;
  const seen = new MutationObserver(() => {
    if (!before || window.npgUsable || shown() === before) return;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { window.npgUsable = performance.now() };
      channel.port2.postMessage(0);
    });
    seen.disconnect();
  });
  const timer = setInterval(() => {
    if (window.npgUsable) return clearInterval(timer);
    const handle = document.querySelector(HANDLE);
    if (handle && document.activeElement !== handle) {
      handle.focus({preventScroll: true});
      watched = handle;
    }
  }, 20);
  addEventListener('keydown', ({target}) => {
    if (target !== watched) return;
    before = shown();
    seen.observe(box(), {attributes: true, childList: true, subtree: true});
  }, true);
}"""

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
      .find(p => p.checkVisibility() && p.getBoundingClientRect().width > 50)?.outerHTML;
    const before = shown();
    const seen = new MutationObserver(() => { if (start && shown() !== before) done() });
    seen.observe(box, {attributes: true, childList: true, subtree: true});
    handle.addEventListener('keydown', e => { start = e.timeStamp }, {once: true, capture: true});
    setTimeout(() => reject(new Error('nothing changed within two seconds')), 2000);
  });
}"""


@dataclass
class Load:
    """One cold opening of a page: gzipped bytes, requests, elements, and times in seconds."""

    bytes: int
    requests: int
    elements: int
    long_tasks: float
    usable: float | None  # None on a page without sliders
    paints: list[float] = field(default_factory=list)  # milliseconds


@dataclass
class Page:
    """One page's figures; what a page does not have stays empty."""

    name: str
    first_frames: list[float] = field(default_factory=list)
    cells: float | None = None
    loads: dict[tuple[str, int], Load] = field(default_factory=dict)  # by site and slowing


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


def shows_another(page: Any, handle: Any, key: str) -> float | None:
    """Press a key on a slider; the milliseconds to the changed picture, None if it stays."""
    handle.focus()
    handle.evaluate(NEXT_PAINT)
    page.keyboard.press(key)
    try:
        return float(page.evaluate("window.npgPaint"))
    except Exception:  # nothing changed within two seconds: the slider stands at that end
        return None


def first_use(session: Any) -> float | None:
    """Press keys until one has changed a picture; the seconds from the start of navigation."""
    end = time.monotonic() + 300
    for key, code in itertools.cycle((("ArrowRight", 39), ("ArrowLeft", 37))):
        for kind in ("rawKeyDown", "keyUp"):
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            session.send("Input.dispatchKeyEvent", event)
        found = session.send("Runtime.evaluate", {"expression": "window.npgUsable"})
        if at := found["result"].get("value"):
            return float(at) / 1000
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    return None


def median(loads: list[Load]) -> Load:
    """The first of some loads of a page, with the medians of their times."""
    usable = [load.usable for load in loads if load.usable is not None]
    return replace(
        loads[0],
        long_tasks=statistics.median(load.long_tasks for load in loads),
        usable=statistics.median(usable) if usable else None,
    )


def open_page(
    browser: Any, root: Path, address: str, name: str, slowing: int, paints: bool
) -> Load:
    html = (root / name).read_text("utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH_LONG_TASKS)
    page.add_init_script(WATCH_FIRST_SLIDER.replace("HANDLE", repr(HANDLE)))
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slowing})
    fetched: list[str] = []
    page.on("response", lambda response: fetched.append(response.url))
    page.goto(f"{address}/{name}", wait_until="commit")
    usable = first_use(session) if SLIDER.search(html) else None
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    sizes = 0
    for url in fetched:
        data = (root / urlsplit(url).path.lstrip("/")).read_bytes()
        sizes += len(data) if url.endswith(".woff2") else len(gzip.compress(data, mtime=0))
    load = Load(
        sizes, len(fetched), page.evaluate("document.querySelectorAll('*').length"),
        page.evaluate("window.npgLong") / 1000, usable,
    )  # fmt: skip
    if usable is not None and paints:
        for handle in page.locator(HANDLE).all():
            handle.scroll_into_view_if_needed()
            handle.focus()
            handle.press("Home")
            for _ in range(PRESSES):
                page.wait_for_timeout(50)
                for key in ("ArrowRight", "ArrowLeft"):
                    took = shows_another(page, handle, key)
                    if took is not None:
                        load.paints.append(took)
                        break
    context.close()
    return load


def in_chromium(records: list[Page], sites: dict[str, Path]) -> None:
    from playwright.sync_api import sync_playwright

    program = chromium.program()
    if program is None:
        print("No Chromium on this machine: no page is opened", file=sys.stderr)
        return
    addresses = {}
    for site, root in sites.items():
        httpd = serve.server(0, root)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        addresses[site] = f"http://{serve.HOST}:{httpd.server_port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.FLAGS)
        for record in records:
            for slowing in (1, SLOWED):
                found: dict[str, list[Load]] = {site: [] for site in sites}
                for turn in range(LOADS):
                    for site, root in sites.items():
                        name = f"book/{record.name}.html"
                        if (root / name).is_file():
                            paints = slowing == 1 and turn == 0
                            load = open_page(browser, root, addresses[site], name, slowing, paints)
                            found[site].append(load)
                record.loads.update(
                    {(site, slowing): median(loads) for site, loads in found.items() if loads}
                )
            print(record, flush=True)
        browser.close()


def load_rows(records: list[Page], sites: dict[str, Path]) -> list[list[str]]:
    rows = []
    for record in records:
        for site in sites:
            plain, slow = record.loads.get((site, 1)), record.loads.get((site, SLOWED))
            if plain is None or slow is None:
                continue
            paint = f"{statistics.median(plain.paints):.0f}" if plain.paints else ""
            usable = [f"{load.usable:.1f}" if load.usable else "" for load in (plain, slow)]
            rows.append([
                record.name if site == "this" else "", site, f"{plain.bytes / 1000:.0f}",
                str(plain.requests), str(plain.elements), f"{plain.long_tasks:.2f}",
                f"{slow.long_tasks:.2f}", *usable, paint,
            ])  # fmt: skip
    return rows


def share(records: list[Page], what: str, slowing: int) -> list[str]:
    """A chapter's figure as a share of the other site's: how many, the median, the largest."""
    found = []
    for record in (one for one in records if one.name[:2].isdigit()):
        both = [record.loads.get((site, slowing)) for site in ("this", "beside")]
        own, other = (getattr(load, what, None) for load in both)
        if own is not None and other:
            found.append((own / other, record.name))
    if not found:
        return ["0", "not measured", ""]
    most, where = max(found)
    median_share = statistics.median(one for one, _ in found)
    return [str(len(found)), f"{median_share:.3f}", f"{most:.3f} ({where})"]


def report(
    records: list[Page], built: float | None, served: float, sites: dict[str, Path], load: float
) -> str:
    threads = build.environment()[THREADS]
    whole = [["`make serve`, warm", f"{served:.1f}", str(MOST_SERVE_S)]]
    if built is not None:
        whole.insert(0, ["build, cold", f"{built:.0f}", str(MOST_BUILD_S)])
    frames = [f for record in records for f in record.first_frames]
    if frames:
        whole.append(["slowest first frame of a live slider", f"{max(frames):.1f}",
                      f"{MOST_FRAME_S:.0f}"])  # fmt: skip
    header = ["page", "site", "KB gzip", "requests", "elements", "long tasks, s",
              f"slowed {SLOWED}x", "slider usable, s", f"slowed {SLOWED}x ",
              "key to paint, ms"]  # fmt: skip
    limits = ["at most", "", "450", "20", "12000", "", "", "", f"{MOST_USABLE_S:.0f}",
              str(MOST_PAINT_MS)]  # fmt: skip
    shares = []
    if "beside" in sites:
        for what, words in (("long_tasks", "long tasks"), ("usable", "slider usable")):
            for slowing in (1, SLOWED):
                shares.append([f"{words}, slowed {slowing}x", *share(records, what, slowing),
                               f"{MOST_SHARE:g}"])  # fmt: skip
    return "\n".join([
        "# Pages, sliders, build",
        "",
        f"{machine()}, {THREADS}={threads}, load {load:.1f} at the start; "
        f"{date.today().isoformat()}. Made by `make bench`; of each page {LOADS} loads, in turns.",
        "",
        table(["", "s", "at most"], whole),
        "",
        table(header, [*load_rows(records, sites), limits]),
        "",
        *([table(["share of the other site", "chapters", "median", "most", "at most"], shares), ""]
          if shares else []),
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-build", action="store_true", help="take the site as it is")
    parser.add_argument("--beside", type=Path, help="another built site, to open in turn")
    parser.add_argument("--only", nargs="+", metavar="PAGE", help="open these pages alone")
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    built = None if chosen.no_build else cold_build()
    served = warm_serve()
    sites = {"this": SITE, **({"beside": chosen.beside.resolve()} if chosen.beside else {})}
    records = []
    for path in sorted((SITE / "book").glob("*.html")):
        if chosen.only and path.stem not in chosen.only:
            continue
        record = Page(path.stem)
        notebook = ROOT / "book" / f"{path.stem}.ipynb"
        if notebook.is_file():
            record.first_frames, record.cells = run_cells(notebook)
        records.append(record)
    in_chromium(records, sites)
    text = report(records, built, served, sites, load)
    print(text)
    if chosen.only:
        print("Not stored: not every page was opened", file=sys.stderr)
    else:
        RESULT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
