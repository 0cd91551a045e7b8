"""The server and the browsers of the tests of the built site, which has to have its Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.browser import unavailable
from tests.site.conftest import address, chromium, firefox, visit
from tests.site.conftest import site as built

__all__ = ["address", "built", "chromium", "firefox", "visit"]


@pytest.fixture(scope="session")
def site(built: Path) -> Path:
    if not (built / "_static" / "live" / "files.json").is_file():
        unavailable("the site in _build/html has no Python for the browser: see `make book`")
    return built
