"""The API reference names all that the package offers, and points at equations that are there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import api_links
import pytest

import npgkit

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "api.md").read_text("utf-8")
CHAPTERS = {path.stem[:2]: path.stem for path in (ROOT / "book").glob("[0-9][0-9]_*.ipynb")}


@pytest.mark.parametrize("name", [*npgkit.__all__, *npgkit._LATER])
def test_every_public_name_is_on_the_page(name: str) -> None:
    kind = "class" if inspect.isclass(getattr(npgkit, name)) else "function"
    assert f".. auto{kind}:: npgkit.{name}\n" in PAGE


def mentions() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((ROOT / "npgkit").rglob("*.py")):
        for label, chapter in re.findall(
            r"eq\. \((eq-[\w-]+)\),\s+chapter (\d+)", path.read_text("utf-8")
        ):
            found.append((path.name, label, f"{int(chapter):02d}"))
    return found


@pytest.mark.parametrize("file, label, chapter", mentions())
def test_a_docstring_names_an_equation_of_its_chapter(file: str, label: str, chapter: str) -> None:
    """What a docstring says it implements is an equation of the chapter it names."""
    if chapter not in CHAPTERS:
        pytest.skip(f"chapter {chapter} is not written yet")
    assert api_links.equations().get(label) == CHAPTERS[chapter]
