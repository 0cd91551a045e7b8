"""Build the book into _build/html when something it is made from has changed.

    python -m tools.site.build            # build if needed
    python -m tools.site.build --force    # build again, executing every notebook again

Only the execution cache is kept from an earlier build: Sphinx repeats a warning only when it reads
the page again, so an incremental build can hide warnings. The cache finds a notebook's outputs by
its code alone, so it is emptied when the code that the notebooks import, the data they read or the
packages they run on have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.live import notebook, packages

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
STAMP = BUILD / "book.stamp"
CACHE = BUILD / ".jupyter_cache"
CACHE_STAMP = BUILD / "cache.stamp"

# What a notebook's outputs depend on, besides its own cells.
CODE = ("npgkit", "book/data", "requirements.txt")
# What the pages depend on; the evidence page is made from the tests.
SOURCES = (
    *CODE, "book", "course/slides", "tests", "tools", "_config.yml", "_toc.yml",
    "package-lock.json",
)  # fmt: skip
IGNORED = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache"}


def files(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = ROOT / name
        if path.is_file():
            yield path
        elif path.is_dir():
            for child in sorted(path.rglob("*")):
                if child.is_file() and not IGNORED.intersection(child.parts):
                    yield child


def digest(names: Iterable[str]) -> str:
    """A hash of the contents of these files and folders and of the version of Python."""
    total = hashlib.sha256(sys.version.encode())
    for path in files(names):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def answers_to(stamp: Path, value: str) -> bool:
    return stamp.is_file() and stamp.read_text("utf-8") == value


def environment() -> dict[str, str]:
    """Environment variables under which a notebook prints the same numbers at every run."""
    return {
        **os.environ,
        # The extensions of the site use `tools`.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        # This environment's kernel, not one that the user has installed under the same name.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def started(*command: str) -> subprocess.Popen[bytes]:
    """The process of `command`, run in the repository's root."""
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL)


def build(force: bool = False) -> int:
    """Build the book if it is out of date, or in any case if `force`; return the exit code."""
    # First, because the page of licences names what there is, and a site that had to be built
    # without is out of date when Python can be had.
    for step in ("packages", "notebook"):
        if code := started(sys.executable, "-m", f"tools.live.{step}").wait():
            return code
    had = f"{packages.current()} {notebook.current()}"
    sources, executed = f"{digest(SOURCES)} {had}", digest(CODE)
    index = BUILD / "html" / "index.html"
    if not force and index.is_file() and answers_to(STAMP, sources):
        print("The book is up to date in _build/html", flush=True)
        return 0
    if force or not answers_to(CACHE_STAMP, executed):
        shutil.rmtree(CACHE, ignore_errors=True)
    for name in ("html", ".doctrees", "jupyter_execute"):
        shutil.rmtree(BUILD / name, ignore_errors=True)
    STAMP.unlink(missing_ok=True)
    BUILD.mkdir(exist_ok=True)
    CACHE_STAMP.write_text(executed, "utf-8")

    start = time.perf_counter()
    # The results that the evidence page shows; without them it says "not run".
    with started(sys.executable, "-m", "tools.evidence"):
        started(sys.executable, "-m", "tools.site.execute", str(CACHE)).wait()
    book = str(Path(sys.executable).with_name("jupyter-book"))
    code = started(book, "build", ".", "-q", "--all", "-W", "-n", "--keep-going").wait()
    if code != 0 or not index.is_file():
        # The remains of a failed build must not be mistaken for the book.
        shutil.rmtree(BUILD / "html", ignore_errors=True)
        print("The book was not built: see the warnings above", file=sys.stderr)
        return code or 1
    # Notebooks to download; Python for the reader's browser, in the page and in JupyterLite; slides
    # from the chapters; then the policy that keeps every page to our own files.
    for step in ("site.downloads", "live.site", "live.lite", "site.slides", "site.policy"):
        if code := started(sys.executable, "-m", f"tools.{step}").wait():
            shutil.rmtree(BUILD / "html", ignore_errors=True)
            print(f"The book was not built: tools.{step} failed", file=sys.stderr)
            return code
    STAMP.write_text(sources, "utf-8")
    print(f"Built _build/html in {time.perf_counter() - start:.0f} s", flush=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--force", action="store_true", help="build again, executing everything")
    return build(parser.parse_args().force)


if __name__ == "__main__":
    sys.exit(main())
