"""Small steps that several browser tests take."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
AXE = ROOT / "_build" / "vendor" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Visit:
    """A loaded page, with everything it asked for and complained of."""

    page: Any
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def unavailable(reason: str) -> NoReturn:
    """Skip on a reader's machine, fail under CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def settle(page: Any) -> None:
    """Wait until the fonts are there and every section is laid out."""
    page.wait_for_selector("html:not(.npg-arriving)", state="attached")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.wait_for_load_state("networkidle")


def unfold(page: Any) -> None:
    """Open every folded solution and code cell, so that what is in them is looked at too."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.wait_for_timeout(400)
