"""Which test backs which claim of the book, and how it last went.

    python -m tools.evidence           run the evidence tests whose code has changed
    python -m tools.evidence --list    print claim, tests and results

A claim is a theorem, proposition, lemma or corollary, named by its label. A test backs it by the
marker ``@pytest.mark.evidence("thm-...")``. Both are read from the sources, so that neither a
build nor a test run is needed to compare them.

Results come from real runs: tests/conftest.py passes them to `record`, each with a hash of the code
that ran. Once that code has changed, a result no longer counts.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.notebooks.form import read_notebook
from tools.notebooks.lint import CLAIM_PREFIXES
from tools.notebooks.prose import directives
from tools.toc import ROOT, pages

NOT_RUN = "not run"


class EvidenceError(Exception):
    """A marker that cannot be read; the message says where."""


@dataclass(frozen=True)
class Claim:
    """A claim as the sources have it: label (empty if it has none), kind, and the file."""

    label: str
    kind: str
    path: str


@dataclass(frozen=True)
class Backing:
    """A test function and the labels it backs; `name` is pytest's, without any parameters."""

    name: str
    path: str
    line: int
    labels: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class Result:
    """How many cases of a test passed, failed and were skipped; `code` is a hash of what ran."""

    passed: int
    failed: int
    skipped: int
    code: str

    @property
    def status(self) -> str:
        """In one word: failed beats skipped beats passed."""
        if self.failed:
            return "failed"
        return "skipped" if self.skipped or not self.passed else "passed"


# The two sides: claims of the book, tests that back them.


def claims(root: Path = ROOT) -> list[Claim]:
    """The claims on the pages that the table of contents names, in its order."""
    found = []
    for path in pages(root):
        if path.suffix == ".ipynb":
            cells = read_notebook(path)["cells"]
            texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
        else:
            texts = [path.read_text("utf-8")]
        for text in texts:
            for directive in directives(text):
                kind = directive.name.removeprefix("prf:")
                if directive.name.startswith("prf:") and kind in CLAIM_PREFIXES:
                    label = directive.options.get("label", "")
                    found.append(Claim(label, kind, path.relative_to(root).as_posix()))
    return found


def backings(root: Path = ROOT) -> list[Backing]:
    """The tests marked as evidence, in the order of their files and lines.

    Raises
    ------
    EvidenceError
        If a marker is somewhere else than on a test function, on a class of tests or in a
        module's ``pytestmark``, or if its labels are not written out.
    """
    found: list[Backing] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        source = path.read_text("utf-8")
        if "mark.evidence" in source:
            found += _in_module(ast.parse(source), path.relative_to(root).as_posix())
    return found


def unbacked(stated: Iterable[Claim], tests: Iterable[Backing]) -> list[str]:
    """What is claimed and backed by no test, as sentences."""
    backed = {label for test in tests for label in test.labels}
    sentences = []
    for claim in stated:
        if not claim.label:
            sentences.append(f"{claim.path}: a {claim.kind} has no label for a test to name")
        elif claim.label not in backed:
            sentences.append(f"{claim.path}: no test backs the {claim.kind} {claim.label!r}")
    return sentences


def unclaimed(stated: Iterable[Claim], tests: Iterable[Backing]) -> list[str]:
    """What tests back and the book does not claim, as sentences."""
    labels = {claim.label for claim in stated}
    return [
        f"{test.path}:{test.line}: {test.name.split('::', 1)[1]} backs {label!r},"
        " which no claim of the book is called"
        for test in tests
        for label in test.labels
        if label not in labels
    ]


# Results.


def code_digest(test_path: str, root: Path = ROOT) -> str:
    """A hash of the code that the tests in one file run: the package, the pinned packages, the
    file itself, and the helper files in its folder and the folders above it."""
    total = hashlib.sha256(f"{sys.version_info[:2]} {_package_digest(root)}".encode())
    path = root / test_path
    total.update(path.read_bytes())
    for folder in [p for p in path.parents if p.is_relative_to(root / "tests")]:
        for helper in sorted(folder.glob("*.py")):
            if not helper.name.startswith("test_"):
                total.update(helper.read_bytes())
    return total.hexdigest()[:16]


def results_file(root: Path) -> Path:
    return root / "_build" / "evidence.json"


def recorded(root: Path = ROOT) -> dict[str, Result]:
    """All recorded results by test name, also outdated ones."""
    try:
        stored = json.loads(results_file(root).read_text("utf-8"))
        return {name: Result(**result) for name, result in stored["tests"].items()}
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return {}


def record(results: Mapping[str, Result], root: Path = ROOT) -> None:
    """Add results to those on file, replacing older ones of the same tests."""
    path = results_file(root)
    known = {**recorded(root), **results}
    tests = {name: vars(known[name]) for name in sorted(known)}
    path.parent.mkdir(parents=True, exist_ok=True)
    # Atomically: a build that reads at the same time sees the old file or the new one.
    new = path.with_suffix(f".{os.getpid()}.tmp")
    new.write_text(json.dumps({"tests": tests}, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def status(test: Backing, results: Mapping[str, Result], root: Path = ROOT) -> str:
    """``passed``, ``failed``, ``skipped``, or ``not run`` if there is no result for this code."""
    result = results.get(test.name)
    if result is None or result.code != code_digest(test.path, root):
        return NOT_RUN
    return result.status


def refresh() -> int:
    """Run the evidence tests that have no result for the present code.

    Returns 0 also when tests failed: that is a result. Otherwise pytest's exit code.
    """
    _package_digest.cache_clear()
    results = recorded()
    files = sorted({test.path for test in backings() if status(test, results) == NOT_RUN})
    if not files:
        return 0
    print(f"Running the evidence tests of {len(files)} file(s)", flush=True)
    workers = min(len(files), os.cpu_count() or 1)
    # nbval is not needed here, and takes seconds to import.
    without = ["-p", "no:cacheprovider", "-p", "no:nbval"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "evidence", *without]
    parallel = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    code = subprocess.run(
        [*command, *parallel, *files], cwd=ROOT, env=environment, check=False
    ).returncode
    # 1 says that tests failed, 5 that none was left to run.
    return 0 if code in (0, 1, 5) else code


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print claims, tests and results")
    try:
        if not parser.parse_args().list:
            return refresh()
        _print_list()
    except EvidenceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _print_list() -> None:
    tests, results = backings(), recorded()
    for claim in claims():
        print(f"{claim.path}  {claim.kind}  {claim.label or '(no label)'}")
        backed_by = [test for test in tests if claim.label in test.labels]
        for test in backed_by:
            print(f"    {status(test, results):8}  {test.name}")
        if not backed_by:
            print("    no test")


@cache
def _package_digest(root: Path) -> str:
    total = hashlib.sha256()
    for path in [*sorted((root / "npgkit").rglob("*.py")), root / "requirements.txt"]:
        if path.is_file():
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _in_module(module: ast.Module, path: str) -> Iterator[Backing]:
    read: set[ast.Call] = set()

    def labels_in(nodes: Iterable[ast.AST]) -> tuple[str, ...]:
        labels: list[str] = []
        for node in nodes:
            if isinstance(node, ast.List | ast.Tuple):
                labels += labels_in(node.elts)
            elif isinstance(node, ast.Call) and _is_marker(node.func):
                read.add(node)
                if not node.args or node.keywords or not all(map(_is_text, node.args)):
                    raise EvidenceError(
                        f"{path}:{node.lineno}: evidence takes labels, written out as strings"
                    )
                labels += [ast.literal_eval(argument) for argument in node.args]
        return tuple(labels)

    def in_body(body: list[ast.stmt], names: str, inherited: tuple[str, ...]) -> Iterator[Backing]:
        for node in body:
            if isinstance(node, ast.Assign) and "pytestmark" in map(ast.unparse, node.targets):
                inherited = (*labels_in([node.value]), *inherited)
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                own = labels_in(node.decorator_list)
                yield from in_body(node.body, f"{names}::{node.name}", (*own, *inherited))
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                labels = (*labels_in(node.decorator_list), *inherited)
                if labels:
                    summary = (ast.get_docstring(node) or "").split("\n\n")[0].replace("`", "")
                    yield Backing(
                        f"{names}::{node.name}",
                        path,
                        node.lineno,
                        tuple(dict.fromkeys(labels)),
                        re.sub(r"\s+", " ", summary).strip(),
                    )

    yield from in_body(module.body, path, ())
    understood = {call.func for call in read}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and _is_marker(node) and node not in understood:
            raise EvidenceError(
                f"{path}:{node.lineno}: put the evidence marker on a test function, a class of"
                " tests or into the module's pytestmark"
            )


def _is_marker(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.evidence"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


if __name__ == "__main__":
    sys.exit(main())
