"""The API reference names all that the package offers, and says of it what is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import api_links
import pytest

import npgkit

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("api", "api_practice")
PAGE = "".join((ROOT / "book" / f"{name}.md").read_text("utf-8") for name in PAGES)
CHAPTERS = {path.stem[:2]: path.stem for path in (ROOT / "book").glob("[0-9][0-9]_*.ipynb")}


@pytest.mark.parametrize("name", [*npgkit.__all__, *npgkit._LATER])
def test_every_public_name_is_on_the_page(name: str) -> None:
    kind = "class" if inspect.isclass(getattr(npgkit, name)) else "function"
    assert f".. auto{kind}:: npgkit.{name}\n" in PAGE


SECTION = re.compile(r"^(Parameters|Raises)\n-+\n(.*?)(?=^\w+\n-+$|\Z)", re.M | re.S)


def documented() -> list[tuple[str, Any]]:
    found = []
    for name in [*npgkit.__all__, *npgkit._LATER]:
        thing = getattr(npgkit, name)
        found.append((name, thing))
        if inspect.isclass(thing):
            members = ((n, m) for n, m in vars(thing).items() if n[0] != "_")
            found += [(f"{name}.{n}", m) for n, m in members if inspect.isfunction(m)]
    return found


@pytest.mark.parametrize("name, thing", documented(), ids=[name for name, _ in documented()])
def test_a_docstring_lists_what_there_is(name: str, thing: Any) -> None:
    """What stands under Parameters is a parameter, and what stands under Raises an exception."""
    text = inspect.getdoc(thing) or ""
    assert not re.search(r"^Raises `", text, re.M), "in a section of its own"
    for section, body in SECTION.findall(text):
        entries = [line for line in body.splitlines() if line and not line.startswith(" ")]
        assert entries
        for entry in entries:
            names = [part.strip("* ") for part in entry.partition(" : ")[0].split(",")]
            if section == "Parameters":
                assert set(names) <= set(inspect.signature(thing).parameters), entry
            else:
                assert all(re.fullmatch(r"\w*(Error|Fault|Exception)", one) for one in names), entry


@pytest.mark.parametrize("page", PAGES)
def test_a_signature_names_its_types_in_short(site: Path, page: str) -> None:
    """No signature spells out what stands behind ArrayLike."""
    text = (site / "book" / f"{page}.html").read_text("utf-8")
    assert "sig-object" in text
    assert "_SupportsArray" not in text and "_NestedSequence" not in text


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
