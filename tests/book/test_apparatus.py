"""The pages to look things up in say what the chapters say: glossary, cheat sheet, editions."""

from __future__ import annotations

import inspect
import re
from functools import cache
from operator import attrgetter

import pytest
import yaml

import npgkit
from tools.notebooks.form import read_notebook
from tools.toc import ROOT, pages

BOOK = ROOT / "book"
CHAPTERS = [path for path in pages() if path.stem[:2].isdigit()]
GLOSSARY = (BOOK / "glossary.md").read_text("utf-8")
TERMS = re.findall(r"^(\S.*)\n  \S", GLOSSARY, re.MULTILINE)
LINK = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")


@cache
def prose(stem: str) -> str:
    cells = read_notebook(BOOK / f"{stem}.ipynb")["cells"]
    return "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")


# The glossary.


def test_the_terms_stand_in_the_order_of_the_alphabet() -> None:
    assert len(TERMS) > 50
    assert sorted(TERMS, key=str.lower) == TERMS


@pytest.mark.parametrize("chapter", [path.stem for path in CHAPTERS])
def test_a_chapter_links_its_terms_once_each(chapter: str) -> None:
    """A chapter leads to the glossary from where a reader may stop, and not at every turn."""
    links = [link.lower() for link in LINK.findall(prose(chapter))]
    assert 6 <= len(links) <= 15
    assert len(set(links)) == len(links)
    assert set(links) <= {term.lower() for term in TERMS}


def test_most_terms_say_where_they_are_defined_or_proved() -> None:
    entries = re.findall(r"^(\S.*)\n  (\S.*)$", GLOSSARY, re.MULTILINE)
    bare = [term for term, text in entries if "{" not in text and "chapter" not in text.lower()]
    assert len(bare) <= len(entries) / 4


# The cheat sheet.

ROWS = re.findall(
    r"^(.*)\n: \$(.*)\$ \{(.*?)\}`(.*?)`(.*)$",
    (BOOK / "cheat_sheet.md").read_text("utf-8"),
    re.MULTILINE,
)
SPACING = re.compile(r"\\(?:displaystyle|quad|qquad|begin\{\w+\}|end\{\w+\}|\\|[,;! ])|[\s&]")


def plain(tex: str) -> str:
    """TeX without what only moves it about."""
    return SPACING.sub("", tex)


@cache
def statements() -> dict[str, str]:
    """Each labelled equation and each labelled box of the chapters, without spacing."""
    found = {}
    for path in CHAPTERS:
        text = prose(path.stem)
        for tex, label in re.findall(
            r"\$\$((?:(?!\$\$).)*?)\$\$\s*\((eq-[\w-]+)\)", text, re.DOTALL
        ):
            found[label] = plain(tex)
        for label, body in re.findall(
            r"^:label: ([\w-]+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE
        ):
            found[label] = plain(body)
        found[path.stem] = plain(text)
    return found


@pytest.mark.parametrize(("what", "formula", "role", "target", "code"), ROWS, ids=lambda text: "")
def test_a_formula_of_the_cheat_sheet_is_its_chapters(
    what: str, formula: str, role: str, target: str, code: str
) -> None:
    """Each part of the formula stands in the equation or the box to which its row links."""
    place = re.sub(r".*<(.*)>", r"\1", target)
    for part in re.split(r"\\q?quad", formula):
        assert plain(part).rstrip(",") in statements()[place], what


def test_every_code_name_of_the_cheat_sheet_exists() -> None:
    names = [name for row in ROWS for name in re.findall(r"`([\w.]+)", row[4])]
    assert len(names) > 20
    for name in names:
        head, _, field = name.partition(".")
        owner = attrgetter(head)(npgkit)
        known = {*dir(owner), *getattr(owner, "__dataclass_fields__", {})}
        assert not field or field in known, name


@pytest.mark.parametrize(
    ("call", "names"),
    [(f"{name}({arguments})", (name, arguments)) for row in ROWS
     for name, arguments in re.findall(r"`(\w+)\((.*?)\)", row[4])],
)  # fmt: skip
def test_a_call_of_the_cheat_sheet_has_its_arguments(call: str, names: tuple[str, str]) -> None:
    """The arguments that are written by name are arguments of that function."""
    known = inspect.signature(getattr(npgkit, names[0])).parameters
    for argument in names[1].split(", "):
        name, by_name, _ = argument.partition("=")
        assert name in known or not by_name, call
    assert len(names[1].split(", ")) <= len(known)


def test_every_row_of_the_cheat_sheet_was_looked_at() -> None:
    text = (BOOK / "cheat_sheet.md").read_text("utf-8")
    assert len(ROWS) == text.count("\n: ") > 35


# The exercises' heads, from which their list is made.


@pytest.mark.parametrize("chapter", [path.stem for path in CHAPTERS])
def test_an_exercise_has_a_title_a_kind_and_its_minutes(chapter: str) -> None:
    text = prose(chapter)
    heads = re.findall(r"^`+\{exercise-start\}(.*)\n:label: (.*)\n`+\n\s*(.*)", text, re.MULTILINE)
    assert len(heads) == text.count("{exercise-start}")
    kind = r"\*(Paper|Code|Paper and code|Measure|Open), (\d+ minutes|an evening)[^*]*\.\*"
    for title, label, first in heads:
        assert title.strip(), label
        assert re.match(kind, first), label


# The editions.


def test_the_errata_lead_to_the_chapters_as_they_are_now() -> None:
    """Each row of the errata links to a place of this edition, or names its correction's year."""
    text = (BOOK / "editions.md").read_text("utf-8").partition("(errata)=")[2]
    rows = re.findall(r"^\* - (Chapter \d+.*)\n  - (.*)\n  - (.*)$", text, re.MULTILINE)
    assert len(rows) > 12
    assert [row[0] for row in rows if "`" not in row[2] and not re.search(r"\d{4}", row[2])] == []


def test_the_index_is_in_the_contents_and_switched_on() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert config["sphinx"]["config"]["html_use_index"] is True
    assert ROOT / "genindex.md" in pages()
