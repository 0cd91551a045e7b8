"""What the site is given to run its code: trimmed wheels, npgkit's own, and the page's policy."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.live import bytecode, packages, trim, wheel
from tools.site import policy


def test_a_trimmed_wheels_record_lists_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "numpy-1-py3-none-any.whl"
    kept = {"numpy/core.py": "x = 1\n", "numpy/testing/__init__.py": ""}
    lost = {"numpy/lib/tests/test_x.py": "", "numpy/core.pyi": "", "numpy/include/a.h": ""}
    record = "".join(f"{name},sha256=x,1\n" for name in {**kept, **lost})
    with zipfile.ZipFile(path, "w") as made:
        for name, text in {**kept, **lost, "numpy-1.dist-info/RECORD": record}.items():
            made.writestr(name, text)
    trim.wheel(path, "numpy")
    with zipfile.ZipFile(path) as made:
        assert made.namelist() == [*kept, "numpy-1.dist-info/RECORD"]
        lines = made.read("numpy-1.dist-info/RECORD").decode().split()
        assert [line.split(",")[0] for line in lines] == list(kept)
        assert made.read("numpy/core.py") == b"x = 1\n"


def test_bytecode_takes_the_place_of_its_source(tmp_path: Path) -> None:
    """What is compiled has no source beside it, and is listed without a hash."""
    path = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a/one.py", "x = 1")
        made.writestr("a/two.py", "x = 2")
        made.writestr("a-1.dist-info/RECORD", "a/one.py,sha256=x,5\na/two.py,sha256=y,5\n")
    trim.wheel(path, "a", {"a/one.py": b"compiled"})
    with zipfile.ZipFile(path) as made:
        assert made.namelist() == ["a/one.pyc", "a/two.py", "a-1.dist-info/RECORD"]
        assert made.read("a/one.pyc") == b"compiled"
        assert made.read("a-1.dist-info/RECORD") == b"a/one.pyc,,\na/two.py,sha256=y,5\n"


def test_compiled_modules_are_found_by_their_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytecode runs without its source; what lies elsewhere is left out."""
    (tmp_path / "npg_compiled.py").write_text("x = 41 + 1", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(bytecode, "HOMES", (str(tmp_path),))
    module = importlib.import_module("npg_compiled")
    monkeypatch.delitem(sys.modules, "npg_compiled")
    ((name, data),) = bytecode.compiled([module, json])
    assert name == "npg_compiled.py"
    (tmp_path / name).unlink()
    (tmp_path / f"{name}c").write_bytes(data)
    importlib.invalidate_caches()
    assert importlib.import_module("npg_compiled").x == 42


def test_what_is_no_file_of_pyodides_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root of trust is the lock, whoever carries the files."""

    def carried(version: str, wanted: dict[str, str], into: Path) -> None:
        for name in wanted:
            (into / name).write_bytes(b"another")

    monkeypatch.setattr(packages, "from_release", carried)
    right = hashlib.sha256(b"another").hexdigest()
    packages.fetch_built("1", {"good.whl": right}, tmp_path)
    with pytest.raises(packages.NotToBeHad, match=r"bad\.whl has the SHA-256 .* lock says 00"):
        packages.fetch_built("1", {"bad.whl": "00"}, tmp_path)


def test_the_carrier_is_asked_where_no_release_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(version: str, wanted: dict[str, str], into: Path) -> None:
        raise OSError("no network")

    def carried(wanted: dict[str, str], into: Path) -> None:
        (into / "good.whl").write_bytes(b"x")

    monkeypatch.setattr(packages, "from_release", unreached)
    monkeypatch.setattr(packages, "from_carrier", carried)
    packages.fetch_built("1", {"good.whl": hashlib.sha256(b"x").hexdigest()}, tmp_path)


def test_npgkits_wheel_has_its_data_and_is_the_same_each_time(tmp_path: Path) -> None:
    """Unpacked anywhere, it reads what the chapters read, without the checkout."""
    first, second = wheel.build(tmp_path / "a"), wheel.build(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as made:
        made.extractall(tmp_path / "site")
    code = "from npgkit.lab import read_data; print(type(read_data('crossing.json')).__name__)"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("dict", "")


PAGE = '<html><head lang="en"><script>\n  x()\n</script><script src="a.js"></script></head></html>'


def test_a_page_allows_its_own_scripts_and_no_other_host() -> None:
    shown = policy.with_policy(PAGE)
    digest = base64.b64encode(hashlib.sha256(b"\n  x()\n").digest()).decode()
    assert f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}';" in shown
    assert shown.index("Content-Security-Policy") < shown.index("<script")
    allowed = policy.policy(PAGE).replace("'", "").split()
    assert not [word for word in allowed if word == "*" or "//" in word]
    assert policy.with_policy(shown) == shown


def test_every_package_of_the_page_has_a_hash_and_a_pin() -> None:
    """What comes from the index is pinned by its hash in the repository."""
    for name in ("pure.txt", "carrier.txt"):
        lines = (packages.HERE / name).read_text("utf-8").splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert pins and all("==" in pin and "--hash=sha256:" in pin for pin in pins)
    names = {pin.split("==")[0] for pin in (packages.HERE / "pure.txt").read_text().split("\n")
             if "==" in pin}  # fmt: skip
    assert names == set(packages.PURE)
    lock = json.loads((packages.HERE.parents[1] / "package-lock.json").read_text("utf-8"))
    assert lock["packages"]["node_modules/pyodide"]["integrity"].startswith("sha512-")
