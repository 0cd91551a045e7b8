"""The page on notation lists every symbol of every displayed formula, with its chapters.

A symbol is a letter with its decorations: A, \\hat A, \\mathcal A and \\bar A are four. Indices,
primes, stars and arguments belong to it and make no other symbol; letters in an index count by
themselves.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.toc import ROOT, pages

NOTATION = ROOT / "book" / "notation.md"
CHAPTERS = {str(int(path.stem[:2])): path for path in pages() if path.stem[:2].isdigit()}

GREEK = re.findall(
    r"\w+",
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi"
    " pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta"
    " Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
)
NAMED = ["ell", "nabla", "partial"]  # letters that TeX gives a name
FONTS = ["mathcal", "mathbb", "mathbf", "mathfrak", "boldsymbol"]
ACCENTS = ["hat", "bar", "tilde", "dot", "ddot", "overline", "widehat", "widetilde", "check", "vec"]
# What is a word, not a symbol: its argument is read over.
WORDS = ["text", "operatorname", "begin", "end", "label", "tag", "mathop", "color"]

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[a-zA-Z]|[^\s]")
DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![$\\])\$(?!\$)(.+?)(?<!\\)\$", re.DOTALL)


def symbols(formula: str) -> Iterator[str]:
    """The symbols of a formula, in order, in one spelling: \\hat{A}_k and \\hat A are \\hat A."""
    tokens = TOKEN.findall(formula)
    i = 0
    while i < len(tokens):
        symbol, i = read(tokens, i)
        if symbol:
            yield symbol


def read(tokens: list[str], i: int) -> tuple[str, int]:
    """The symbol that starts at token i, or nothing, and the place after it."""
    token, name = tokens[i], tokens[i][1:]
    if not token.startswith("\\"):
        return (token if token.isalpha() else ""), i + 1
    if name in GREEK or name in NAMED:
        return token, i + 1
    if name in WORDS:
        return "", end_of_argument(tokens, i + 1)
    if name == "mathrm":
        after = end_of_argument(tokens, i + 1)
        word = "".join(tokens[i + 1 : after]).strip("{}")
        return rf"\mathrm {word}", after
    if name in FONTS:
        after = end_of_argument(tokens, i + 1)
        return f"{token} {''.join(tokens[i + 1 : after]).strip('{}')}", after
    if name in ACCENTS:
        after = end_of_argument(tokens, i + 1)
        inside = list(symbols(" ".join(tokens[i + 1 : after])))
        # An accent over a longer expression belongs to none of its letters.
        return (f"{token} {inside[0]}", after) if inside else ("", after)
    return "", i + 1


def end_of_argument(tokens: list[str], i: int) -> int:
    """The place after the argument at token i: a group in braces, a macro with its own, a token."""
    if i >= len(tokens):
        return i
    if tokens[i] != "{":
        macro = tokens[i][1:] in (*FONTS, *ACCENTS, "mathrm")
        return end_of_argument(tokens, i + 1) if macro else i + 1
    depth = 0
    for k in range(i, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[k], 0)
        if depth == 0:
            return k + 1
    raise ValueError("unclosed brace in " + " ".join(tokens))


def prose(path: Path) -> Iterator[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def displayed(path: Path) -> dict[str, str]:
    """The symbols of a chapter's displayed formulas, each with the first formula that has it."""
    found: dict[str, str] = {}
    for text in prose(path):
        for formula in DISPLAYED.findall(text):
            for symbol in symbols(formula):
                found.setdefault(symbol, " ".join(formula.split()))
    return found


def mentioned(path: Path) -> set[str]:
    """The symbols of all of a chapter's formulas, in the text and displayed."""
    text = "\n".join(prose(path))
    inline = INLINE.findall(DISPLAYED.sub(" ", text))
    return {s for formula in (*inline, *DISPLAYED.findall(text)) for s in symbols(formula)}


def rows() -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Each row of the page's tables: its line, the symbols that it declares, its cells by title.

    A row declares the first symbol of each formula in its first cell.
    """
    titles: list[str] = []
    for number, line in enumerate(NOTATION.read_text("utf-8").splitlines(), start=1):
        if not line.startswith("|"):
            titles = []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not titles:
            titles = cells
        elif not set(line) <= set("|-: "):
            declared = [next(symbols(f), "") for f in INLINE.findall(cells[0])]
            yield number, declared, dict(zip(titles, cells, strict=True))


def chapters_of(row: dict[str, str]) -> set[str]:
    """The chapters that a row names: "all", or numbers and ranges as in "1, 3-5"."""
    column = row.get("Chapters") or row["Chapter"]
    if column == "all":
        return set(CHAPTERS)
    chapters: set[str] = set()
    for part in column.split(","):
        first, _, last = part.strip().partition("-")
        chapters |= {str(n) for n in range(int(first), int(last or first) + 1)}
    return chapters


def declarations() -> dict[str, set[str]]:
    """The chapters of each declared symbol."""
    declared: dict[str, set[str]] = defaultdict(set)
    for _, names, row in rows():
        for name in names:
            declared[name] |= chapters_of(row)
    return declared


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_symbol_of_a_displayed_formula_is_listed(number: str) -> None:
    """Each symbol of a chapter's displayed formulas has a row that names the chapter."""
    declared = declarations()
    missing = {
        symbol: f"{symbol}   in  {formula}"
        for symbol, formula in displayed(CHAPTERS[number]).items()
        if number not in declared.get(symbol, ())
    }
    assert not missing, "\n".join(
        f"{symbol}   in  {formula}" for symbol, formula in missing.items()
    )


def test_no_row_names_a_chapter_without_its_symbol() -> None:
    """Each row's symbols stand in a formula of every chapter that the row names, "all" apart."""
    used = {number: mentioned(path) for number, path in CHAPTERS.items()}
    stale = [
        f"line {line}: {name} is not in chapter {chapter}"
        for line, names, row in rows()
        if row.get("Chapters") != "all"
        for name in names
        for chapter in sorted(chapters_of(row), key=int)
        if chapter in used and name not in used[chapter]
    ]
    assert not stale, "\n".join(stale)


def test_every_row_declares_a_symbol_and_says_what_it_means() -> None:
    """No row of the tables is without a symbol or without a meaning."""
    for line, names, row in rows():
        assert names and all(names), f"line {line}: no symbol in its first cell"
        assert row["Meaning"], f"line {line}: no meaning"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\hat{A}_k + \hat A", [r"\hat A", "k", r"\hat A"]),
        (r"\overline{\mathrm{KL}}(\pi')", [r"\overline \mathrm KL", r"\pi"]),
        (r"\mathbb E[x] \text{ if } \operatorname{tr} C", [r"\mathbb E", "x", "C"]),
        (r"\mathcal{L} = \mathcal L", [r"\mathcal L", r"\mathcal L"]),
        (r"\frac{\partial J}{\partial\theta_s}", [r"\partial", "J", r"\partial", r"\theta", "s"]),
        (r"\begin{aligned} a &\le b \\ \end{aligned}", ["a", "b"]),
        (r"\log \sqrt{2\,\epsilon}", [r"\epsilon"]),
    ],
)
def test_a_symbol_is_a_letter_with_its_decorations(formula: str, expected: list[str]) -> None:
    """Decorations make another symbol; spelling, indices, operators and words do not."""
    assert list(symbols(formula)) == expected
