"""The tools that build and serve: what they take from where, and when they build again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import nbformat
import pytest
from jupyter_cache import get_cache

from tools.site import build, serve, vendor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("npgkit/steps.py", "book/01.ipynb", "_config.yml", "npgkit/__pycache__/x.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["npgkit/steps.py", "book/01.ipynb", "_config.yml"])
def test_any_change_of_a_source_asks_for_a_build(tree: Path, name: str) -> None:
    before = build.digest(build.SOURCES)
    (tree / name).write_text("changed", "utf-8")
    assert build.digest(build.SOURCES) != before


def test_a_renamed_source_asks_for_a_build(tree: Path) -> None:
    before = build.digest(build.SOURCES)
    (tree / "book/01.ipynb").rename(tree / "book/02.ipynb")
    assert build.digest(build.SOURCES) != before


def test_compiled_files_ask_for_nothing(tree: Path) -> None:
    before = build.digest(build.SOURCES)
    (tree / "npgkit/__pycache__/x.pyc").write_text("changed", "utf-8")
    assert build.digest(build.SOURCES) == before


@pytest.mark.parametrize(
    "name, executes_again", [("npgkit/steps.py", True), ("_config.yml", False)]
)
def test_notebooks_run_again_if_their_code_has_changed(
    tree: Path, name: str, executes_again: bool
) -> None:
    """Outputs are made again when the code that they call has changed."""
    before = build.digest(build.CODE)
    (tree / name).write_text("changed", "utf-8")
    assert (build.digest(build.CODE) != before) is executes_again


def test_the_lock_file_names_hashes_and_no_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_the_requirements_are_pinned_and_name_no_host_or_path() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line)] == []


def test_the_requirements_hold_every_direct_dependency() -> None:
    """Every dependency of the package and of the extras `book` and `test` is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["book"], *extras["test"]]
    text = (ROOT / "requirements.txt").read_text("utf-8")
    pinned = {line.split("==")[0] for line in text.splitlines()}
    assert [
        name for name in (re.split(r"[\s<>=!~\[]", w)[0] for w in wanted) if name not in pinned
    ] == []


def test_the_copy_of_the_scripts_answers_to_the_lock_file() -> None:
    stamp = vendor.VENDOR / "stamp"
    if not stamp.is_file():
        pytest.skip("nothing is vendored yet: run `python -m tools.site.vendor`")
    assert stamp.read_text("utf-8") == vendor.digest()


def test_the_server_listens_on_this_machine_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("a page", "utf-8")
    httpd = serve.server(0, tmp_path)
    thread = Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        assert httpd.server_address[0] == "127.0.0.1"
        address = f"http://127.0.0.1:{httpd.server_port}"
        assert urllib.request.urlopen(f"{address}/index.html").read() == b"a page"
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(f"{address}/none.html")
        missing.value.close()
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def test_a_taken_port_is_answered_with_another_one_to_try(tmp_path: Path) -> None:
    if not (serve.SITE / "index.html").is_file():
        pytest.skip("there is no built site to serve")
    holder = serve.server(0, tmp_path)
    try:
        command = [sys.executable, "-m", "tools.site.serve", "--port", str(holder.server_port)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        holder.server_close()
    assert result.returncode == 1
    assert f"PORT={holder.server_port + 1}" in result.stderr


def executed_ahead(root: Path) -> subprocess.CompletedProcess[str]:
    """Execute the book in `root` into its folder ``cache``, as a build does."""
    program = (
        "import sys, pathlib; from tools.site.execute import execute;"
        " execute(sys.argv[1], pathlib.Path(sys.argv[2]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(root / "cache"), str(root)],
        cwd=ROOT, env=build.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip


def test_a_notebook_executed_ahead_is_found_by_sphinx(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("print(6 * 7)", metadata={"tags": ["hide-input"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=kernel)
    (tmp_path / "book").mkdir()
    nbformat.write(notebook, tmp_path / "book" / "one.ipynb")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/one\n", "utf-8")
    executed_ahead(tmp_path)
    # What myst-nb asks the cache when Sphinx reads the page.
    stored = nbformat.read(tmp_path / "book" / "one.ipynb", as_version=4)
    _, merged = get_cache(str(tmp_path / "cache")).merge_match_into_notebook(stored)
    assert merged.cells[0].outputs[0].text == "42\n"


def test_a_failing_notebook_is_named_and_left_to_sphinx(tmp_path: Path) -> None:
    """The others are cached; they run in their folders with one thread, and warn of nothing."""
    (tmp_path / "book").mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    said = "import os; print(os.path.basename(os.getcwd()), os.environ['OMP_NUM_THREADS'])"
    for name, source in (("good", said), ("bad", "1 / 0"), ("dead", "import os; os._exit(1)")):
        cells = [nbformat.v4.new_code_cell(source)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
        nbformat.write(notebook, tmp_path / "book" / f"{name}.ipynb")
    toc = "format: jb-book\nroot: book/good\nchapters:\n- file: book/bad\n- file: book/dead\n"
    (tmp_path / "_toc.yml").write_text(toc, "utf-8")
    result = executed_ahead(tmp_path)
    assert result.stdout == "Executed good.ipynb\n"
    assert "bad.ipynb" in result.stderr and "ZeroDivisionError" in result.stderr
    assert "dead.ipynb" in result.stderr and "Kernel died" in result.stderr
    assert "encryption" not in result.stderr
    cache = get_cache(str(tmp_path / "cache"))
    (record,) = cache.list_cache_records()
    assert cache.get_cache_bundle(record.pk).nb.cells[0].outputs[0].text == "book 1\n"
