"""The chapters as notebooks in JupyterLite, which runs JupyterLab in the reader's browser.

    python -m tools.live.lite [SITE]

Everything is in `lite/` of the site. Pyodide and its wheels are those of the pages, in
`_static/live`; here are only JupyterLab and what its Python needs besides, from
`tools.live.notebook`. A notebook's name ends in a hash of its content: what a reader has saved
under it never hides a later version. Does nothing where that, or Python, could not be fetched.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from tools.live import notebook, packages, trim
from tools.site import downloads, policy
from tools.site.node import ROOT
from tools.site.plain import ADDRESS

ASSETS = ROOT / "book" / "_assets" / "lite"
EXTENSIONS = (
    "@jupyter-widgets/jupyterlab-manager", "@jupyterlite/pyodide-kernel-extension",
    "jupyterlab_pygments",
)  # fmt: skip
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
# What the wheels of `notebook.txt` and of the kernel import.
DEPENDS = {
    "ipython": [
        "asttokens", "decorator", "executing", "ipython-pygments-lexers", "jedi",
        "matplotlib-inline", "prompt-toolkit", "pure-eval", "pygments", "stack-data", "traitlets",
        "wcwidth",
    ],
    "ipywidgets": ["comm", "ipython", "traitlets", "widgetsnbextension"],
    "jedi": ["parso"],
    "npgkit": ["numpy"],
    "npgkit-notebook": ["npgkit"],
    "piplite": ["micropip"],
    "pyodide-kernel": ["comm", "ipython", "npgkit-notebook"],
}  # fmt: skip
# Fetched side by side when a kernel starts; the rest when it is imported.
FIRST = (
    "micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "ipywidgets",
    "npgkit", "matplotlib",
)  # fmt: skip
SETTINGS = {
    "appName": "The Natural Policy Gradient",
    "exposeAppInBrowser": True,
    # The files that it would show to Python are in npgkit's wheel.
    "disabledExtensions": ["@jupyterlite/application-extension:service-worker-manager"],
}
OVERRIDES = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
CONFIGURED = 'c = get_config()\nc.InteractiveShellApp.extensions = ["npgkit.live.notebook"]\n'
# JupyterLab compiles the schemas of its settings, and widgets name their sliders by a script.
RULES = {
    **policy.RULES,
    "script-src": "'self' 'unsafe-eval' 'wasm-unsafe-eval'",
    "img-src": "'self' data: blob:",
}
ABOUT = """\
*[{title}]({home}{page}) as a notebook, version {version}. Shift+Enter runs a cell. Python runs in
this browser, and what you save stays in it. Begin again: [the published
version]({home}lite/{again}).*"""
BUTTON = re.compile(r'<a class="btn btn-sm npg-download" href="[^"]*\.ipynb"')
OPEN = (
    '<a class="btn btn-sm npg-download npg-lite" href="{up}lite/open.html?path={path}"'
    ' aria-label="Open as notebook" title="JupyterLab in this browser, nothing to install">'
    "notebook</a>\n  "
)
NOT_SERVED = (
    "rspack*", "package.json", "*.schema.*.json", "doc", "build/*.eot", "build/fa-*.svg",
    "extensions/**/*.orig",
)  # fmt: skip


def configuration(folder: Path) -> None:
    """A wheel that only says which extension IPython loads."""
    info = "npgkit_notebook-1.dist-info"
    content = {
        "npgkit_notebook-1.data/data/etc/ipython/ipython_config.py": CONFIGURED,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: npgkit-notebook\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / "npgkit_notebook-1-py3-none-any.whl", "w") as made:
        for name, text in content.items():
            made.writestr(zipfile.ZipInfo(name, trim.EARLIEST), text)


def lock(site: Path, folder: Path) -> None:
    """Write the folder's lock: its own wheels, and those of the pages where they are."""
    pages = json.loads((site / "_static/live/python/pyodide-lock.json").read_text("utf-8"))
    listed: dict[str, Any] = {}
    for name, one in pages["packages"].items():
        listed[name] = {**one, "file_name": f"../../_static/live/python/{one['file_name']}"}
    (own,) = (site / "_static" / "live").glob("npgkit-*-cp*.whl")
    for path in [*sorted(folder.glob("*.whl")), own]:
        name = path.name.split("-")[0].replace("_", "-").lower()
        version = path.name.split("-")[1]
        listed[name] = packages.entry(path, name, version, DEPENDS.get(name, []))
    listed["npgkit"]["file_name"] = f"../../_static/live/{own.name}"
    whole = {"info": pages["info"], "packages": listed}
    (folder / "pyodide-lock.json").write_text(json.dumps(whole, indent=1), "utf-8")


def jupyterlite(into: Path, notebooks: dict[str, str]) -> None:
    """Build JupyterLite with these files."""
    kernel = {
        "pyodideUrl": "./../_static/live/python/pyodide.mjs",
        "disablePyPIFallback": True,
        "loadPyodideOptions": {"lockFileURL": "python/pyodide-lock.json", "packages": FIRST},
    }
    settings = {**SETTINGS, "litePluginSettings": {KERNEL: kernel}}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        for name, text in notebooks.items():
            (source / "files").mkdir(exist_ok=True)
            (source / "files" / name).write_text(text, "utf-8")
        lite = {"jupyter-lite-schema-version": 0, "jupyter-config-data": settings}
        (source / "jupyter-lite.json").write_text(json.dumps(lite), "utf-8")
        (source / "overrides.json").write_text(json.dumps(OVERRIDES), "utf-8")
        config = {
            "lite_dir": scratch, "output_dir": str(into), "cache_dir": f"{scratch}/cache",
            "apps": ["lab"], "no_sourcemaps": True, "no_unused_shared_packages": True,
            "ignore_sys_prefix": ["federated_extensions"],
            "federated_extensions": [str(notebook.EXTENSIONS / name) for name in EXTENSIONS],
        }  # fmt: skip
        (source / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": config}))
        done = subprocess.run(
            [sys.executable, "-m", "jupyterlite_core", "build"],
            cwd=scratch, check=False, capture_output=True, text=True,
        )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"JupyterLite was not built:\n{done.stdout}{done.stderr}")
    for pattern in NOT_SERVED:
        for path in into.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in into.rglob("*.orig"):
        path.unlink()


def copies(site: Path) -> dict[str, tuple[str, str]]:
    """The name and the text of every page's notebook, by its document."""
    made = {}
    for document, page in downloads.notebooks(site).items():
        version = hashlib.sha256(downloads.dump(page).encode()).hexdigest()[:6]
        path = f"{Path(document).name}-{version}.ipynb"
        told = {
            "title": downloads.title(page), "home": ADDRESS, "page": f"{document}.html",
            "version": version, "again": f"open.html?path={path}&published",
        }  # fmt: skip
        about = {
            "cell_type": "markdown", "id": "about-this-copy", "metadata": {},
            "source": ABOUT.format(**told),
        }  # fmt: skip
        kernel = {"kernelspec": {"name": "python", "display_name": "Python"}}
        whole = {**page, "cells": [about, *page["cells"]]}
        whole["metadata"] = {**page["metadata"], **kernel}
        made[document] = (path, downloads.dump(whole))
    return made


def with_button(page: str, up: str, path: str) -> str:
    """The page with the link before its first download."""
    page = re.sub(r'<a class="btn btn-sm npg-download npg-lite".*?</a>\s*', "", page)
    return BUTTON.sub(lambda found: OPEN.format(up=up, path=path) + found[0], page, count=1)


def add(site: Path) -> bool:
    """Put JupyterLite into the site, and a link to its notebook into every page that is one."""
    if not notebook.current():
        print("There is no Python for JupyterLite: no page opens as a notebook", file=sys.stderr)
        return False
    into, made = site / "lite", copies(site)
    shutil.rmtree(into, ignore_errors=True)
    jupyterlite(into, dict(made.values()))
    (into / "python").mkdir()
    for path in notebook.WHEELS.glob("*.whl"):
        shutil.copy2(path, into / "python")
    configuration(into / "python")
    lock(site, into / "python")
    for name in ("lite.js", "open.js", "open.html"):
        shutil.copy2(ASSETS / name, into)
    for page in sorted(into.rglob("*.html")):
        text = page.read_text("utf-8")
        if page.parent.name == "lab":
            script = '<script src="../lite.js"></script>\n    <script id="jupyter-config-data"'
            text = text.replace('<script id="jupyter-config-data"', script, 1)
        page.write_text(policy.with_policy(text, RULES), "utf-8")
    for document, (name, _) in made.items():
        page = site / f"{document}.html"
        up = "../" * document.count("/")
        page.write_text(with_button(page.read_text("utf-8"), up, name), "utf-8")
    sizes = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    print(f"JupyterLite: {sizes / 1e6:.0f} MB beside the pages' own Python", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = ROOT / "_build" / "html"
    parser.add_argument("site", type=Path, nargs="?", default=default)
    add(parser.parse_args().site)
    return 0


if __name__ == "__main__":
    sys.exit(main())
