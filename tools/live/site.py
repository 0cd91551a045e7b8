"""Give the built site what runs its code: Python, this checkout's npgkit, and the page's scripts.

    python -m tools.live.site [SITE]

Every page gets the buttons; all else is fetched when one is first pressed. Does nothing but say so
where `tools.live.packages` could not fetch Python; the wheel is there all the same, for readers who
run a chapter elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tools.live import packages, trim, wheel
from tools.site import node
from tools.site.policy import pages

SCRIPTS = node.ROOT / "book" / "_assets" / "live"
ENTRIES = ("buttons.js", "page.js", "editor.js", "live.css")
HEAD = """<meta name="npg-live" content="{version}"/>
  <link rel="stylesheet" href="{live}/live.css?v={version}"/>
  <script defer src="{live}/buttons.js?v={version}"></script>
"""
EXERCISE = re.compile(r'<div class="exercise [^"]*" id="(ex-[^"]+)"')
SOLUTION = '<details class="npg-solution"'
EARLIER = re.compile(
    re.escape(HEAD).replace(r"\{version\}", r"\w+").replace(r"\{live\}", r"[\w./]+")
)


def bundle(into: Path) -> None:
    """Write the scripts, those that are imported by one another in one file."""
    esbuild = node.PACKAGES / "esbuild" / "bin" / "esbuild"
    entries = [str(SCRIPTS / name) for name in ENTRIES]
    options = ["--bundle", "--minify", "--format=esm", "--splitting", "--log-level=error"]
    subprocess.run(
        [*node.command("node"), esbuild, *entries, *options, f"--outdir={into}"],
        check=True,
        env={**os.environ, "NODE_PATH": str(node.PACKAGES)},
    )
    shutil.copy2(SCRIPTS / "worker.js", into)


def link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def compiled(plain: Path) -> Path:
    """Write npgkit's wheel once more, with bytecode for the page's Python beside the source."""
    release = json.loads((packages.PYTHON / "pyodide-lock.json").read_text("utf-8"))["info"][
        "python"
    ]
    tag = "cp" + "".join(release.split(".")[:2])
    fresh = plain.with_name(plain.name.replace("-py3-", f"-{tag}-"))
    with tempfile.TemporaryDirectory() as own:
        with zipfile.ZipFile(plain) as wheel:
            wheel.extractall(own)
        packages.run("beside.py", own=own)
        with zipfile.ZipFile(fresh, "w") as wheel:
            for path in files(Path(own)):
                name = zipfile.ZipInfo(path.relative_to(own).as_posix(), trim.EARLIEST)
                wheel.writestr(name, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return fresh


def publish(live: Path) -> str:
    """Fill the folder with all that a page may ask for; return a hash of it."""
    shutil.rmtree(live, ignore_errors=True)
    (live / "python").mkdir(parents=True)
    for path in packages.PYTHON.iterdir():
        if path.name != "stamp":
            link(path, live / "python" / path.name)
    npgkit = compiled(wheel.build(live)).name
    bundle(live)
    lock = json.loads((live / "python" / "pyodide-lock.json").read_text("utf-8"))
    numpy = lock["packages"]["numpy"]
    integrity = "sha256-" + base64.b64encode(bytes.fromhex(numpy["sha256"])).decode()
    names = {"npgkit": npgkit, "numpy": numpy["file_name"], "integrity": integrity}
    sizes = {path.name: path.stat().st_size for path in files(live)}
    listed = json.dumps({**names, "sizes": sizes})
    (live / "files.json").write_text(listed, "utf-8")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files(live))).hexdigest()[:8]


def exercises(site: Path) -> dict[str, dict[str, object]]:
    """By page: its folder in the site, and its exercises whose check waits for an answer."""
    found: dict[str, dict[str, object]] = {}
    for page in pages(site):
        parts = EXERCISE.split(page.read_text("utf-8"))
        labels = [
            label
            for label, text in zip(parts[1::2], parts[2::2], strict=True)
            if "\n[open] " in text.replace("</span>", "\n").partition(SOLUTION)[0]
        ]
        if labels:
            parent = page.relative_to(site).parent.as_posix()
            folder = "" if parent == "." else f"{parent}/"
            found[page.stem] = {"folder": folder, "labels": labels}
    return found


def add(site: Path) -> bool:
    """Put everything into the site; return False where there is no Python to put."""
    if not packages.current():
        wheel.build(site / "_static" / "live")
        print("There is no Python for the browser: the pages' code stays still", file=sys.stderr)
        return False
    version = publish(site / "_static" / "live")
    listed = json.dumps(exercises(site))
    (site / "_static" / "live" / "exercises.json").write_text(listed, "utf-8")
    for page in pages(site):
        text = EARLIER.sub("", page.read_text("utf-8"))
        up = "../" * (len(page.relative_to(site).parts) - 1)
        head = HEAD.format(version=version, live=f"{up}_static/live")
        text = text.replace("<html data-npg-live", "<html", 1)
        text = text.replace("<html", "<html data-npg-live", 1).replace(
            "</head>", f"{head}</head>", 1
        )
        page.write_text(text, "utf-8")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = node.ROOT / "_build" / "html"
    parser.add_argument("site", type=Path, nargs="?", default=default)
    add(parser.parse_args().site)


if __name__ == "__main__":
    main()
