"""What the strict re-run of the notebooks (``pytest --nbval book``) compares.

Text is compared as an exact string. Pictures, HTML and widget views are not stored
(tools/notebooks/form.py) and so cannot be compared; that they are drawn, described and shown is
tested on the built pages.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

NOT_STORED = ("image/svg+xml", "text/html")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: Any) -> Generator[None, Any, Any]:
    """Add to the types that nbval never compares those that the notebooks never store."""
    collectors = yield
    for collector in collectors:
        if hasattr(collector, "skip_compare"):
            collector.skip_compare = (*collector.skip_compare, *NOT_STORED)
    return collectors
