"""The book's stored measurements are found wherever the kernel was started, or it says why not."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import npgkit
from npgkit.lab import read_data
from tools.notebooks.form import read_notebook
from tools.notebooks.lint import calls, constant_text

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NAME = "practice/policy.json"
STORED = json.loads((BOOK / "data" / NAME).read_text("utf-8"))


@pytest.mark.parametrize("folder", [".", "book", "book/data/practice", "npgkit/lab"])
@pytest.mark.parametrize("installed", ["from the checkout", "elsewhere"])
def test_data_is_found_from_every_folder_of_a_checkout(folder, installed, tmp_path, monkeypatch):
    if installed == "elsewhere":
        monkeypatch.setattr(npgkit, "__file__", str(tmp_path / "site-packages/npgkit/__init__.py"))
    monkeypatch.chdir(ROOT / folder)
    assert read_data(NAME) == STORED


def test_a_downloaded_notebook_reads_the_checkout_of_npgkit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_data(NAME) == STORED


@pytest.mark.parametrize(
    "place, started",
    [("data", "."), ("book/data", "."), ("book/data", "book"), ("book/data", "notes/mine")],
)
def test_data_beside_the_notebook_comes_first(place, started, tmp_path, monkeypatch):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "crossing.json").write_text("[1, 2]")
    (tmp_path / started).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / started)
    assert read_data("crossing.json") == [1, 2]


def test_an_unrelated_folder_data_above_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "crossing.json").write_text("[1, 2]")
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path / "notes")
    assert read_data("crossing.json") != [1, 2]


def test_missing_data_is_named_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(npgkit, "__file__", str(tmp_path / "site-packages/npgkit/__init__.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        read_data(NAME)
    message = str(caught.value)
    assert f"no data file '{NAME}'" in message
    for folder in ("data", "book/data", "site-packages/book/data"):
        assert str(tmp_path / folder) in message
    assert "inside a checkout of the book, or copy the checkout's folder book/data" in message


def calls_of_read_data(path: Path) -> list[ast.Call]:
    cells = [cell for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code"]
    found = [call for cell in cells for call in calls(cell["source"])]
    return [call for call in found if ast.unparse(call.func) == "read_data"]


@pytest.mark.parametrize("chapter", sorted(BOOK.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_a_chapter_reads_is_there(chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in calls_of_read_data(chapter):
        if isinstance(call.args[0], ast.Constant):
            assert read_data(constant_text(call.args[0]))


def test_the_chapters_read_their_data_by_this_function():
    read = {path.stem[:2] for path in BOOK.glob("*.ipynb") if calls_of_read_data(path)}
    assert {"08", "12"} <= read
