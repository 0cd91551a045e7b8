"""Which pages there are, by the table of contents: tests are collected without a built site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.toc import ROOT, documents


def notebooks() -> list[str]:
    return [name for name in documents() if (ROOT / f"{name}.ipynb").is_file()]


def html(name: str) -> str:
    return f"{name}.html"


@dataclass(frozen=True)
class View:
    """A page as one reader has it before them."""

    name: str
    theme: str = "light"
    width: int = 1280

    def __str__(self) -> str:
        return f"{Path(self.name).stem}-{self.theme}-{self.width}"


def views(names: list[str], theme: str = "light", width: int = 1280) -> list[View]:
    return [View(name, theme, width) for name in names]


PAGES = [html(name) for name in documents()]
NOTEBOOK_PAGES = [html(name) for name in notebooks()]
APPENDICES = ["book/ledger.html"]  # notebooks that are no chapters: they need no slider
CHOICES = [
    "book/12_in_practice.html"
]  # its figures are chosen from lists, since tasks have no order
WITH_SLIDERS = [name for name in NOTEBOOK_PAGES if name not in (*APPENDICES, *CHOICES)]
# Made without a source of their own.
MADE = ["search.html", "404.html"]

PHONE = 390
