"""What the site is given to run its code: trimmed wheels, npgkit's own, and the page's policy."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import importlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools.live import bytecode, packages, trim, wheel
from tools.live import site as live_site
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


RIGHT = b"the wheel"
WANTED = {"a.whl": hashlib.sha256(RIGHT).hexdigest(), "b.whl": hashlib.sha256(RIGHT).hexdigest()}


class Sources:
    """What a release answers, and what the carrier that pip fetches holds; None: not there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released: bytes | Exception | None = OSError("no network")
        self.carried: dict[str, bytes] | bytes | None = None
        monkeypatch.setattr(packages.urllib.request, "urlopen", self.urlopen)
        monkeypatch.setattr(packages, "pip_download", self.pip_download)

    def urlopen(self, address: str, timeout: float) -> Any:
        if isinstance(self.released, Exception):
            raise self.released
        return contextlib.nullcontext(io.BytesIO(self.released or b""))

    def pip_download(self, requirements: Path, into: Path) -> None:
        if self.carried is None:
            raise packages.NotToBeHad("carrier.txt: no network either")
        carrier = into / "carrier.whl"
        if isinstance(self.carried, bytes):
            carrier.write_bytes(self.carried)
            return
        with zipfile.ZipFile(carrier, "w") as made:
            for name, data in self.carried.items():
                made.writestr(packages.CARRIED + name, data)


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    return Sources(monkeypatch)


BOTH = {"a.whl": RIGHT, "b.whl": RIGHT}
HAD = [
    ("the release has it", RIGHT, None),
    ("only the carrier can be reached", OSError("no network"), BOTH),
    ("the release hands out another file", b"another", BOTH),
    ("the release's file is cut", RIGHT[:-1], BOTH),
    ("the connection ends early", http.client.IncompleteRead(b"the"), BOTH),
]
DAMAGED = [
    ("no network", OSError("no network"), None, "no network; carrier.txt: no network either"),
    ("both hand out another file", b"x", {**BOTH, "b.whl": b"x"}, "b.whl has the SHA-256 .* lock"),
    ("the carrier's file is cut", b"x", {**BOTH, "a.whl": RIGHT[:-1]}, "a.whl has the SHA-256"),
    ("the carrier is without a file", b"x", {"a.whl": RIGHT}, "without what it should carry"),
    ("the carrier is no archive", b"x", b"<html>", "without what it should carry"),
]


@pytest.mark.parametrize(("case", "released", "carried"), HAD, ids=[row[0] for row in HAD])
def test_the_lock_decides_whoever_hands_out_the_files(
    sources: Sources, tmp_path: Path, case: str, released: Any, carried: Any
) -> None:
    sources.released, sources.carried = released, carried
    packages.fetch_built("1", WANTED, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in WANTED] == [RIGHT, RIGHT]


@pytest.mark.parametrize(
    ("case", "released", "carried", "reason"), DAMAGED, ids=[row[0] for row in DAMAGED]
)
def test_a_damaged_or_missing_file_is_not_used(
    sources: Sources, tmp_path: Path, case: str, released: Any, carried: Any, reason: str
) -> None:
    sources.released, sources.carried = released, carried
    with pytest.raises(packages.NotToBeHad, match=reason):
        packages.fetch_built("1", WANTED, tmp_path)


def no_node(program: str) -> list[str]:
    raise subprocess.CalledProcessError(1, ["pip", "install"])


COMPILERS = {
    "Node can be neither found nor fetched": (no_node, "returned non-zero exit status 1"),
    "the program is not there": (lambda program: ["/no/such/node"], "/no/such/node"),
    "the program fails": (lambda program: [sys.executable, "-c", "1 / 0"], "exit status 1"),
}


@pytest.mark.parametrize(("command", "reason"), COMPILERS.values(), ids=COMPILERS)
def test_what_cannot_be_compiled_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any, reason: str
) -> None:
    """As with what cannot be fetched, the site is built without, and a sentence says why."""
    monkeypatch.setattr(packages.node, "command", command)
    with pytest.raises(packages.NotToBeHad, match=f"could not be compiled: .*{reason}"):
        packages.bytecode(tmp_path)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of two files, with npm's packages in place."""
    (tmp_path / "npm").mkdir()
    (tmp_path / "npm" / "pyodide-lock.json").write_text("{}", "utf-8")
    monkeypatch.setattr(packages, "PYODIDE", tmp_path / "npm")
    monkeypatch.setattr(packages, "PYTHON", tmp_path / "live" / "python")
    monkeypatch.setattr(packages, "make", make_two)
    assert packages.main() == 0 and packages.current()
    return packages.PYTHON


def make_two(folder: Path) -> None:
    for name in WANTED:
        (folder / name).write_bytes(RIGHT)


def fail_half_way(folder: Path) -> None:
    (folder / "a.whl").write_bytes(RIGHT)
    raise packages.NotToBeHad("b.whl is nowhere")


HARM = {
    "a file is cut": lambda folder: (folder / "a.whl").write_bytes(RIGHT[:3]),
    "a file is another": lambda folder: (folder / "a.whl").write_bytes(RIGHT[::-1]),
    "a file is gone": lambda folder: (folder / "b.whl").unlink(),
    "a file is too many": lambda folder: (folder / "c.whl").write_bytes(RIGHT),
    "the stamp is cut": lambda folder: (folder / "stamp").write_text("00", "utf-8"),
    "the stamp is gone": lambda folder: (folder / "stamp").unlink(),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_damaged_cache_is_made_again(kept: Path, harm: Any) -> None:
    harm(kept)
    assert not packages.current()
    assert packages.main() == 0 and packages.current()
    assert sorted(path.name for path in kept.iterdir()) == ["a.whl", "b.whl", "stamp"]


def test_what_was_fetched_half_is_never_used(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The site is built without, and says why; so it is after a fetch that was cut off."""
    (kept / "b.whl").unlink()
    monkeypatch.setattr(packages, "make", fail_half_way)
    assert packages.main() == 0 and not packages.current()
    assert "built without running code: b.whl is nowhere" in capsys.readouterr().err
    monkeypatch.setattr(packages, "make", lambda folder: (make_two(folder), 1 / 0))
    with pytest.raises(ZeroDivisionError):  # killed before it was whole
        packages.main()
    assert not packages.current()
    monkeypatch.setattr(packages, "make", make_two)
    assert packages.main() == 0 and packages.current()


def test_a_site_without_python_is_whole_and_has_no_buttons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pages are as they were written, and then get their policy."""
    monkeypatch.setattr(packages, "PYTHON", tmp_path / "nothing")
    page = tmp_path / "site" / "index.html"
    page.parent.mkdir()
    page.write_text(PAGE, "utf-8")
    assert not live_site.add(tmp_path / "site")
    assert page.read_text("utf-8") == PAGE
    assert "There is no Python for the browser" in capsys.readouterr().err
    policy.add(tmp_path / "site")
    assert "Content-Security-Policy" in page.read_text("utf-8")
    assert "npg-live" not in page.read_text("utf-8")


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
