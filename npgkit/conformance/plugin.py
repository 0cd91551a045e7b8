"""For pytest: `pytest --npgkit-adapter module:Class` runs a test for each property.

A property that is wrong fails, with the diagnosis; one that is not offered is skipped.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from .checking import check, load
from .properties import PROPERTIES
from .report import NOT_OFFERED, WRONG, Report, details


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --npgkit-adapter."""
    parser.getgroup("npgkit").addoption(
        "--npgkit-adapter",
        metavar="MODULE:NAME",
        help="check this TRPO, a class or an object; see npgkit.conformance",
    )


@pytest.hookimpl(tryfirst=True)  # before -k and -m choose among the tests
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each property."""
    if not (named := config.getoption("npgkit_adapter")):
        return
    try:
        adapter = load(named)
    except ValueError as error:
        raise pytest.UsageError(f"--npgkit-adapter: {error}") from error
    whole = _Whole(adapter)
    items += [Conforms.from_parent(session, name=f"npgkit[{name}]", method=name, whole=whole)
              for name in PROPERTIES]  # fmt: skip


class _Whole:
    """The report on an adapter, made when the first test asks for it."""

    def __init__(self, adapter: Any) -> None:
        self._adapter, self._report = adapter, cast(Report | None, None)

    def report(self) -> Report:
        """Return the report."""
        if self._report is None:
            self._report = check(self._adapter)
        return self._report


class Wrong(Exception):
    """What a property's test fails with."""


class Conforms(pytest.Item):
    """The test of one property."""

    def __init__(self, *, method: str, whole: _Whole, **more: Any) -> None:
        super().__init__(**more)
        self.method, self.whole = method, whole

    def runtest(self) -> None:
        """Fail where the property is wrong, skip where it is not offered."""
        (row,) = (row for row in self.whole.report().rows if row.property == self.method)
        said = "\n".join([row.diagnosis, *details(row)])
        if row.verdict == NOT_OFFERED:
            pytest.skip(row.diagnosis)
        if row.verdict == WRONG:
            raise Wrong(said)
        self.add_report_section("call", "npgkit", said)

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Return the diagnosis alone; a traceback through npgkit says nothing of the adapter."""
        wrong = isinstance(excinfo.value, Wrong)
        return str(excinfo.value) if wrong else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Return where it stands."""
        return self.path, None, self.name
