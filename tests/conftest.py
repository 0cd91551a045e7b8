"""Records how the tests that back the book's claims went, for the evidence page.

Every run of pytest takes part, however its tests are selected and on however many workers it
runs. A test function counts only when all its cases have run: the result of one parameter is not
the result of the test.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tools import evidence

CASES = "evidence_cases"


def function_of(nodeid: str) -> str:
    return nodeid.partition("[")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell each evidence test how many cases it has, before any of them is deselected."""
    marked = [item for item in items if item.get_closest_marker("evidence")]
    if not marked:
        return
    try:
        read = {test.name: set(test.labels) for test in evidence.backings(config.rootpath)}
    except evidence.EvidenceError as error:
        raise pytest.UsageError(str(error)) from error
    cases = Counter(function_of(item.nodeid) for item in marked)
    one_case_asked_for = any("[" in str(argument) for argument in config.args)
    for item in marked:
        name = function_of(item.nodeid)
        labels = {label for mark in item.iter_markers("evidence") for label in mark.args}
        if read.get(name) != labels:
            raise pytest.UsageError(
                f"{item.nodeid} is marked as evidence for {sorted(labels)}; its source says"
                f" {sorted(read.get(name, ()))}"
            )
        if not one_case_asked_for:
            item.user_properties.append((CASES, cases[name]))


class Recorder:
    """Gathers the outcome of every evidence case and files the complete ones."""

    def __init__(self, config: pytest.Config) -> None:
        # Of the code as it is now, when it is about to be imported.
        self.root = config.rootpath
        self.digests = {
            path: evidence.code_digest(path, self.root)
            for path in {test.path for test in evidence.backings(self.root)}
        }
        self.cases: dict[str, dict[str, str]] = defaultdict(dict)
        self.expected: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        expected = dict(report.user_properties).get(CASES)
        if not isinstance(expected, int):
            return
        name = function_of(report.nodeid)
        self.expected[name] = expected
        outcome: str = report.outcome
        if hasattr(report, "wasxfail"):
            # A claim is not backed by a test that is known to fail.
            outcome = "failed"
        before = self.cases[name].get(report.nodeid, "")
        if report.when == "call" or (outcome != "passed" and before != "failed"):
            self.cases[name][report.nodeid] = outcome

    def pytest_sessionfinish(self) -> None:
        results = {}
        for name, cases in self.cases.items():
            if len(cases) == self.expected[name]:
                count = Counter(cases.values())
                results[name] = evidence.Result(
                    count["passed"],
                    count["failed"],
                    count["skipped"],
                    self.digests[name.partition("::")[0]],
                )
        if results:
            evidence.record(results, self.root)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist report to their master
        try:
            config.pluginmanager.register(Recorder(config), "evidence-recorder")
        except evidence.EvidenceError as error:
            raise pytest.UsageError(str(error)) from error
