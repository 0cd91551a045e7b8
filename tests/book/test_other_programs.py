"""The page on other programs: what is stored is what the modules say, and each finding is shown."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import BESIDE, MODULES
from benchmarks.peers.findings import FINDINGS
from benchmarks.peers.page import COLUMNS, START, text
from npgkit.conformance import check

ROOT = Path(__file__).resolve().parents[2]
DATA = json.loads((ROOT / "benchmarks" / "results" / "peers.json").read_text("utf-8"))
PAGE = (ROOT / "book" / "other_programs.md").read_text("utf-8")
ROWS = [
    (one["package"], one["method"], row) for one in DATA["programs"] for row in one["rows"]
]  # fmt: skip


def name_of(finding):
    return f"{finding.package}: {finding.title}"


def test_the_results_page_is_made_of_the_stored_data():
    """Nothing in peers.md was written by hand."""
    assert (ROOT / "benchmarks" / "results" / "peers.md").read_text("utf-8") == text(DATA)


def test_the_book_shows_the_results_as_they_are_stored():
    """The page of the book includes the results file, from its mark on, and names the command."""
    assert f"```{{include}} ../benchmarks/results/peers.md\n:start-after: {START}\n```" in PAGE
    assert DATA["command"] in PAGE
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", DATA["date"])
    assert set(DATA["versions"]) <= set(BESIDE)


@pytest.mark.parametrize("finding", FINDINGS, ids=name_of)
def test_a_finding_is_shown_in_ten_lines(finding):
    """Its lines compile, are ten at most, fit the page and import no npgkit."""
    lines = finding.code.strip().splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 95
    assert "npgkit" not in finding.code
    compile(finding.code, name_of(finding), "exec")


@pytest.mark.parametrize("finding", FINDINGS, ids=name_of)
def test_a_finding_is_stored_as_it_is_told_and_was_shown(finding):
    """The stored text and lines are the module's, and what they printed shows it."""
    (stored,) = (
        f for f in DATA["findings"]
        if (f["package"], f["title"]) == (finding.package, finding.title)
    )  # fmt: skip
    assert (stored["text"], stored["code"]) == (finding.text, finding.code.strip())
    assert all(part in stored["prints"] for part in finding.shows)


def test_whatever_differs_has_a_finding_that_explains_it():
    """No program is said to differ without ten lines that show how."""
    explained = {(f.package, name) for f in FINDINGS for name in f.explains}
    differing = {
        (package, row["property"]) for package, _, row in ROWS if row["verdict"] == "wrong"
    }
    assert differing == explained


def test_every_program_is_in_the_extra():
    """What the modules drive is what `.[peers]` installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        re.match(r"[\w.-]+", text)[0] for text in project["optional-dependencies"]["peers"]
    }  # fmt: skip
    assert {one["package"] for one in DATA["programs"]} <= wanted
    assert len({one["package"] for one in DATA["programs"]}) == len(MODULES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_a_program_still_computes_what_is_stored(name):
    """Asked again, the library gets the verdicts and conventions that the page has."""
    stored = [one for one in DATA["programs"] if one["package"].replace("-", "_").startswith(name)]
    package = stored[0]["package"]
    try:
        found = version(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed; it is in the extra peers")
    if found != stored[0]["version"]:
        pytest.skip(f"{package} {found} is installed, and {stored[0]['version']} is stored")
    module = importlib.import_module(f"benchmarks.peers.{name}")
    for adapter, one in zip(module.ADAPTERS, stored, strict=True):
        said = [(row.property, row.verdict, list(row.conventions)) for row in
                check(adapter, seconds=600).rows]  # fmt: skip
        assert said == [(r["property"], r["verdict"], r["conventions"]) for r in one["rows"]]
        assert {row[0] for row in said} >= set(COLUMNS)
