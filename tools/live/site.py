"""Give the built site what runs its code: Python, this checkout's npgkit, and the page's scripts.

    python -m tools.live.site [SITE]

Does nothing but say so where `tools.live.packages` could not fetch Python.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.live import packages, wheel
from tools.site import node

SCRIPTS = node.ROOT / "book" / "_assets" / "live"
MARK = '<meta name="npg-live" content="{version}"/>'


def bundle(into: Path) -> None:
    """Write the scripts, those that are imported by one another in one file."""
    esbuild = node.PACKAGES / "esbuild" / "bin" / "esbuild"
    entries = [str(SCRIPTS / name) for name in ("page.js", "editor.js")]
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


def add(site: Path) -> bool:
    """Put everything into the site; return False where there is no Python to put."""
    if not packages.current():
        print(
            "Python for the browser is missing: the pages' code will not run there", file=sys.stderr
        )
        return False
    live = site / "_static" / "live"
    shutil.rmtree(live, ignore_errors=True)
    (live / "python").mkdir(parents=True)
    for path in sorted(packages.PYTHON.iterdir()):
        if path.name != "stamp":
            link(path, live / "python" / path.name)
    npgkit = wheel.build(live)
    bundle(live)
    sizes = {path.name: path.stat().st_size for path in live.rglob("*") if path.is_file()}
    lock = json.loads((live / "python" / "pyodide-lock.json").read_text("utf-8"))
    files = {"npgkit": npgkit.name, "numpy": lock["packages"]["numpy"]["file_name"], "sizes": sizes}
    (live / "files.json").write_text(json.dumps(files), "utf-8")
    version = hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(live.rglob("*")) if path.is_file())
    ).hexdigest()[:8]
    for page in site.rglob("*.html"):
        if "_static" not in page.parts:
            text = page.read_text("utf-8")
            text = text.replace("<html", "<html data-npg-live", 1)
            page.write_text(
                text.replace("</head>", MARK.format(version=version) + "</head>", 1), "utf-8"
            )
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = node.ROOT / "_build" / "html"
    parser.add_argument("site", type=Path, nargs="?", default=default)
    add(parser.parse_args().site)


if __name__ == "__main__":
    main()
