"""Every claim of the book is backed by a test, and every test marked as evidence backs a claim.

The first tests hold the book to that without building it; the others hold the machinery to it, on
a small book of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import evidence

ROOT = Path(__file__).resolve().parents[2]


def test_every_claim_of_the_book_is_backed_by_a_test() -> None:
    stated = evidence.claims()
    assert stated
    assert evidence.unbacked(stated, evidence.backings()) == []


def test_every_test_marked_as_evidence_backs_a_claim_of_the_book() -> None:
    assert evidence.unclaimed(evidence.claims(), evidence.backings()) == []


# A small book.

CHAPTER = """\
# A step

````{prf:theorem} The gradient of $J$
:label: thm-gradient

It is so.
````

````{prf:definition} Not a claim
:label: def-return

A name.
````

````{prf:lemma}
:label: lem-short

So.
````
"""

TESTS = """\
import pytest

@pytest.mark.evidence("thm-gradient")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_gradient(k):
    '''The remainder falls
    with `k` squared.

    Not shown.
    '''

@pytest.mark.evidence("lem-short", "thm-gradient")
def test_both():
    assert not BROKEN

def test_of_something_else():
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a book of one chapter, its tests, and this repository's conftest.py."""
    files = {
        "_toc.yml": "format: jb-book\nroot: index\nchapters:\n- file: chapter\n- file: evidence\n",
        "index.md": "# Home\n\n```{toctree}\n:numbered:\nchapter\n```\n"
        "```{toctree}\nevidence\n```\n",
        "chapter.md": CHAPTER,
        "evidence.md": "# What is tested\n\n```{evidence}\n```\n",
        "conf.py": "extensions = ['myst_parser', 'sphinx_proof', 'evidence']\n"
        "myst_enable_extensions = ['dollarmath']\nnumfig = True\n"
        "exclude_patterns = ['_build', 'tests']\n",
        "npgkit/__init__.py": "",
        "pytest.ini": "[pytest]\nmarkers = evidence\naddopts = -p no:cacheprovider -q\n",
        "tests/unit/test_steps.py": TESTS.replace("BROKEN", "False"),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    return tmp_path


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "book" / "_ext")])
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        # Without the plugins of this repository's own tests, which take seconds to import.
        env={**os.environ, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def write_tests(project: Path, text: str) -> None:
    (project / "tests" / "unit" / "test_steps.py").write_text(text, encoding="utf-8")


def statuses(project: Path) -> dict[str, str]:
    """Of each evidence test, how it stands."""
    evidence._package_digest.cache_clear()
    results = evidence.recorded(project)
    return {
        test.name.removeprefix("tests/unit/test_steps.py::"): evidence.status(
            test, results, project
        )
        for test in evidence.backings(project)
    }


# Claims and markers.


def test_claims_are_read_from_the_pages_in_the_table_of_contents(project: Path) -> None:
    assert evidence.claims(project) == [
        evidence.Claim("thm-gradient", "theorem", "chapter.md"),
        evidence.Claim("lem-short", "lemma", "chapter.md"),
    ]


def test_markers_are_read_from_functions_classes_and_modules(project: Path) -> None:
    write_tests(
        project,
        "import pytest\n"
        "pytestmark = [pytest.mark.slow, pytest.mark.evidence('thm-module')]\n"
        "@pytest.mark.evidence('thm-class')\n"
        "class TestSteps:\n"
        "    @pytest.mark.evidence('thm-a', 'lem-b')\n"
        "    def test_one(self): ...\n"
        "    def helper(self): ...\n"
        "def test_two(): ...\n",
    )
    path = "tests/unit/test_steps.py"
    assert [(test.name, test.line, set(test.labels)) for test in evidence.backings(project)] == [
        (f"{path}::TestSteps::test_one", 6, {"thm-a", "lem-b", "thm-class", "thm-module"}),
        (f"{path}::test_two", 8, {"thm-module"}),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@pytest.mark.evidence()\ndef test_x(): ...", "evidence takes labels"),
        ("@pytest.mark.evidence(LABEL)\ndef test_x(): ...", "evidence takes labels"),
        ("@pytest.mark.evidence\ndef test_x(): ...", "put the evidence marker on a test function"),
        (
            "CASES = [pytest.param(1, marks=pytest.mark.evidence('thm-x'))]",
            "put the evidence marker on a test function",
        ),
        (
            "@pytest.mark.evidence('thm-x')\ndef helper(): ...",
            "put the evidence marker on a test function",
        ),
    ],
)
def test_a_marker_that_would_be_lost_is_an_error(project: Path, text: str, reason: str) -> None:
    write_tests(project, f"import pytest\n{text}\n")
    with pytest.raises(evidence.EvidenceError, match=reason):
        evidence.backings(project)
    assert reason in run(project, "pytest", "tests").stderr


def test_a_marker_that_the_source_does_not_show_is_an_error(project: Path) -> None:
    write_tests(
        project,
        "import pytest\nmark = pytest.mark\n@mark.evidence('thm-x')\ndef test_x(): ...\n",
    )
    result = run(project, "pytest", "tests")
    assert result.returncode == 4
    assert "marked as evidence for ['thm-x']; its source says []" in result.stderr


def test_gaps_are_named() -> None:
    stated = [
        evidence.Claim("thm-a", "theorem", "a.md"),
        evidence.Claim("lem-b", "lemma", "a.md"),
        evidence.Claim("", "corollary", "b.md"),
    ]
    tests = [evidence.Backing("t.py::test_a", "t.py", 7, ("thm-a", "thm-z"), "")]
    assert evidence.unbacked(stated, tests) == [
        "a.md: no test backs the lemma 'lem-b'",
        "b.md: a corollary has no label for a test to name",
    ]
    assert evidence.unclaimed(stated, tests) == [
        "t.py:7: test_a backs 'thm-z', which no claim of the book is called"
    ]


# Results.


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "2", "--dist", "loadfile"]])
def test_results_of_a_run_are_recorded(project: Path, options: list[str]) -> None:
    assert statuses(project) == {"test_gradient": "not run", "test_both": "not run"}
    run(project, "pytest", *options, "tests")
    assert statuses(project) == {"test_gradient": "passed", "test_both": "passed"}
    result = evidence.recorded(project)["tests/unit/test_steps.py::test_gradient"]
    assert (result.passed, result.failed, result.skipped) == (3, 0, 0)
    assert "tests/unit/test_steps.py::test_of_something_else" not in evidence.recorded(project)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("def test_x(): assert 0", "failed"),
        ("def test_x(): pytest.skip('no')", "skipped"),
        ("@pytest.mark.xfail\ndef test_x(): assert 0", "failed"),
        ("@pytest.mark.skip\ndef test_x(): ...", "skipped"),
        ("def test_x(missing_fixture): ...", "failed"),
        ("@pytest.mark.parametrize('k', [0, 1])\ndef test_x(k): assert k", "failed"),
        (
            "@pytest.mark.parametrize('k', [0, 1])\ndef test_x(k):\n    if k: pytest.skip('no')",
            "skipped",
        ),
    ],
)
def test_only_a_test_that_passes_whole_counts_as_passed(
    project: Path, body: str, status: str
) -> None:
    write_tests(project, f"import pytest\n@pytest.mark.evidence('thm-gradient')\n{body}\n")
    run(project, "pytest", "tests")
    assert statuses(project) == {"test_x": status}


@pytest.mark.parametrize(
    "selection",
    [["-k", "test_gradient and 2"], ["tests/unit/test_steps.py::test_gradient[2]"], ["-x"]],
)
def test_a_part_of_a_test_is_no_result(project: Path, selection: list[str]) -> None:
    if selection == ["-x"]:
        write_tests(project, TESTS.replace("Not shown.\n    '''", "'''\n    assert k > 2"))
        run(project, "pytest", "tests", "-x")
    else:
        run(project, "pytest", *selection)
    assert statuses(project)["test_gradient"] == "not run"


@pytest.mark.parametrize(
    "changed", ["npgkit/__init__.py", "tests/unit/test_steps.py", "tests/support.py"]
)
def test_a_result_expires_with_the_code_it_was_obtained_with(project: Path, changed: str) -> None:
    run(project, "pytest", "tests")
    (project / "tests" / "unit" / "test_other.py").write_text("# a neighbour\n")
    assert set(statuses(project).values()) == {"passed"}
    with (project / changed).open("a") as file:
        file.write("\n# changed\n")
    assert set(statuses(project).values()) == {"not run"}


# The page.


def build(project: Path) -> subprocess.CompletedProcess[str]:
    return run(project, "sphinx", "-W", "--keep-going", "-q", "-E", ".", "_build/html")


def text_of(project: Path) -> str:
    page = (project / "_build" / "html" / "evidence.html").read_text("utf-8")
    article = page[page.index("<h1>") : page.index("</table>")]
    return " ".join(re.sub(r"<[^>]+>", " ", article.replace("<wbr>", "")).split())


def test_the_page_shows_claims_tests_and_results(project: Path) -> None:
    write_tests(project, TESTS.replace("BROKEN", "True"))
    run(project, "pytest", "tests")
    result = build(project)
    assert result.returncode == 0, result.stderr
    assert "2 claims, 2 tests: 1 passed, 1 failed." in text_of(project)
    assert (
        "1. A step Claim Tests and their results"
        r" Theorem 1.1 The gradient of \(J\)"
        " ✓ passed test_ gradient The remainder falls with k squared. ✗ failed test_ both"
        " Lemma 1.1 ✗ failed test_ both"
    ).replace("_ ", "_") in text_of(project).replace("_ ", "_")
    html = project / "_build" / "html"
    assert 'href="tests/unit/test_steps.html#line-5"' in (html / "evidence.html").read_text()
    assert 'href="chapter.html#thm-gradient"' in (html / "evidence.html").read_text()
    assert 'id="line-5"' in (html / "tests" / "unit" / "test_steps.html").read_text()


def test_the_page_says_so_when_results_are_missing_or_outdated(project: Path) -> None:
    assert build(project).returncode == 0
    assert "2 claims, 2 tests: 2 not run." in text_of(project)
    run(project, "pytest", "tests")
    write_tests(project, TESTS.replace("BROKEN", "0"))
    assert build(project).returncode == 0
    assert "2 claims, 2 tests: 2 not run." in text_of(project)


def test_a_build_fails_for_every_gap(project: Path) -> None:
    untested = "````{prf:corollary} C\n:label: cor-untested\n\nx\n````\n"
    unlabelled = "````{prf:proposition} P\n\nx\n````\n"
    (project / "chapter.md").write_text(CHAPTER + untested + unlabelled, encoding="utf-8")
    write_tests(project, TESTS.replace('"lem-short", ', '"lem-short", "thm-missing", '))
    result = build(project)
    assert result.returncode == 1
    assert "chapter: no test backs the corollary 'cor-untested'" in result.stderr
    assert "chapter: a proposition has no label for a test to name" in result.stderr
    assert "test_both backs 'thm-missing', which no claim of the book is called" in result.stderr
