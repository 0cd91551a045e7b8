"""Which pages there are, by the table of contents: tests are collected without a built site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def documents() -> list[str]:
    """Every document of the book, in its order, without its ending."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]


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
# Made by Sphinx itself.
MADE = ["search.html"]

PHONE = 390
