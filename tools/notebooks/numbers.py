"""Compares the numbers in a chapter's prose with the numbers that its code computed.

A number written with a decimal point, as a percentage or as a power of ten is a claim. It is
backed when the notebook's stored text output shows a number that rounds to it, or when the
notebook's code contains it. What is quoted from the literature is listed in the cell's metadata
under ``quoted`` and is left alone.

The check cannot know which of the computed numbers a sentence means, so it proves nothing; it finds
numbers that were mistyped or have become outdated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tools.notebooks.form import Cell, Notebook, read_notebook
from tools.notebooks.lint import (
    Finding,
    calls,
    constant_text,
    draws,
    figure_of,
    output_texts,
)
from tools.notebooks.prose import reading_text

HUNDRED = Decimal(100)

NUMBER = re.compile(
    r"""
    (?<![\w.])
    (?P<digits> \d{1,3}(?:,\d{3})+(?:\.\d+)? | \d*\.\d+ | \d+ )
    (?: \s*[×x]\s*10\s*\^\s*\{?\s*(?P<power>[-+−]?\s*\d+)\s*\}?
      | [eE](?P<exponent>[-+]?\d+)
    )?
    (?P<percent>\s?%)?
    (?! \d | \.\d | ,\d{3}(?!\d) )
    """,
    re.VERBOSE,
)
BARE_POWER = re.compile(r"(?<![\w.])10\s*\^\s*\{?\s*(?P<power>[-−]\s*\d+)\s*\}?")
PRINTED = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\d])")
# The spelling of a formula: what separates groups of digits, multiplies, or only spaces.
TEX = (
    (re.compile(r"\\(?:tag|label|ref|eqref)\*?\{[^}]*\}"), " "),
    (re.compile(r"(?<=\d)(?:\{,\}|\\,|\u202f)(?=\d{3}(?!\d))"), ","),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\[,;:! ]"), " "),
    (re.compile(r"\\[A-Za-z]+"), " "),
)
# Numbers that count or name something other than a quantity.
NAMES = re.compile(
    r"\b(?:sections?|sec\.|chapters?|equations?|eqs?\.|theorems?|lemmas?|propositions?"
    r"|corollar(?:y|ies)|figures?|figs?\.|tables?|exercises?|definitions?|remarks?|examples?"
    r"|version|python|numpy|scipy|matplotlib|gymnasium|CC\s+BY)\s*\(?\d+(?:\.\d+)+\)?",
    re.IGNORECASE,
)
CHAPTERS = re.compile(r"\bchapters?\s+\d+(?:(?:,|,? and| to)\s+\d+)*", re.IGNORECASE)
FEWEST = 10  # of whole numbers; smaller ones count what the sentence is about
# Figures of speech, not measurements.
ROUND_PERCENTAGES = (Decimal("0.5"), Decimal(1))


@dataclass(frozen=True)
class Written:
    """A number as the prose has it.

    `unit` is the place value of the last digit written; for a bare power of ten, which is only an
    order of magnitude, it is zero.
    """

    text: str
    value: Decimal
    unit: Decimal
    percent: bool = False

    def agrees(self, other: Decimal) -> bool:
        """Whether `other`, rounded to the digits written, is this number."""
        if self.unit == 0:
            return self.value / 10 < abs(other) < self.value * 10
        if self.value >= 0:
            other = abs(other)
        return abs(other - self.value) <= self.unit / 2


@dataclass(frozen=True)
class Printed:
    """A number as an output shows it, with the place value of its last digit."""

    value: Decimal
    unit: Decimal

    def backs(self, written: Written) -> bool:
        if written.agrees(self.value) and (written.unit == 0 or self.unit <= written.unit):
            return True
        # 3.2 % may have been printed as 3.2 by code that counts in per cent.
        return written.percent and Printed(self.value / HUNDRED, self.unit / HUNDRED).backs(
            Written(written.text, written.value, written.unit)
        )


def written_numbers(markdown: str) -> list[Written]:
    """The checkable numbers in a MyST Markdown text, in order."""
    text = _as_read(reading_text(markdown))
    found: list[tuple[int, Written]] = []
    taken: list[tuple[int, int]] = []
    for match in NUMBER.finditer(text):
        power, exponent, percent = match["power"], match["exponent"], bool(match["percent"])
        if power is not None or exponent is not None or percent or "." in match["digits"]:
            shift = int((power or exponent or "0").replace("−", "-").replace(" ", ""))
            number = _written(match[0].strip(), match["digits"], shift, percent)
            if _is_negative(text[: match.start()]):
                number = Written(f"-{number.text}", -number.value, number.unit, percent)
            if not (percent and number.unit >= Decimal("0.01")
                    and abs(number.value) in ROUND_PERCENTAGES):  # fmt: skip
                found.append((match.start(), number))
            taken.append(match.span())
    for match in BARE_POWER.finditer(text):
        if not any(start <= match.start() < end for start, end in taken):
            value = Decimal(10) ** int(match["power"].replace("−", "-").replace(" ", ""))
            found.append((match.start(), Written(match[0], value, Decimal(0))))
    return [number for _, number in sorted(found, key=lambda pair: pair[0])]


def whole_numbers(markdown: str) -> list[Written]:
    """The whole numbers from ten on in a MyST Markdown text, in order, but for chapters'."""
    text = _as_read(CHAPTERS.sub(" ", reading_text(markdown)))
    found = [
        _written(match["digits"], match["digits"], 0, False)
        for match in NUMBER.finditer(text)
        if match[0].strip() == match["digits"] and not text[match.end() :].lstrip().startswith("^")
    ]
    return [number for number in found if number.unit == 1 and number.value >= FEWEST]


def printed_numbers(text: str) -> Iterator[Printed]:
    """The numbers in a stored output."""
    for match in PRINTED.finditer(text):
        value = Decimal(match[0])
        exponent = value.as_tuple().exponent
        assert isinstance(exponent, int)  # the pattern admits neither inf nor nan
        yield Printed(value, Decimal(1).scaleb(exponent))


def literals(source: str) -> Iterator[Decimal]:
    """The numbers written in code that parses; none in code that does not."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield Decimal(repr(node.value))
            yield -Decimal(repr(node.value))  # a sign is an operator, not part of the literal


def spoken(cell: Cell) -> str:
    """The text of a cell that is read as prose: Markdown, captions and alternative texts."""
    if cell["cell_type"] == "markdown":
        return str(cell["source"])
    texts = [str(figure_of(cell).get("caption", ""))]
    for call in calls(cell["source"]):
        texts += [constant_text(kw.value) for kw in call.keywords if kw.arg == "alt"]
    return "\n\n".join(texts)


def unbacked(notebook: Notebook, name: str) -> list[Finding]:
    """The numbers in the prose that nothing in the notebook computed, and idle ``quoted`` entries.

    Plain integers are not looked at, except as percentages.
    """
    printed: set[Printed] = set()
    written_in_code: set[Decimal] = set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            written_in_code.update(literals(cell["source"]))
            for text in _computed_texts(cell):
                printed.update(printed_numbers(text))
    findings = []
    for position, cell in enumerate(notebook["cells"], start=1):
        numbers = written_numbers(spoken(cell))
        quoted = [_quotation(entry) for entry in cell["metadata"].get("quoted", [])]
        for entry in quoted:
            if entry.value not in [number.value for number in numbers]:
                reason = f"quoted {entry.text!r} is not among the numbers of this cell"
                findings.append(Finding(name, position, reason))
        for number in numbers:
            if (
                number.value not in [entry.value for entry in quoted]
                and not any(number.agrees(value) for value in written_in_code)
                and not any(value.backs(number) for value in printed)
            ):
                reason = f"{number.text!r} is in no stored output and no code of this notebook"
                findings.append(Finding(name, position, reason))
    return findings


def unsaid(text: str, notebook: Notebook) -> list[str]:
    """The numbers of a text about a notebook, such as its slides, that the notebook does not tell.

    It tells those of its prose, each of which is backed, and of its outputs. Whole numbers are
    looked at from ten on.
    """
    told: set[Printed] = set()
    for cell in notebook["cells"]:
        told.update(Printed(n.value, n.unit) for n in _all_numbers(spoken(cell)))
        if cell["cell_type"] == "code":
            for output in _computed_texts(cell):
                told.update(printed_numbers(output))
    return [n.text for n in _all_numbers(text) if not any(value.backs(n) for value in told)]


def check_path(path: Path) -> list[Finding]:
    """`unbacked` for the notebook file at `path`."""
    return unbacked(read_notebook(path), str(path))


def _all_numbers(markdown: str) -> list[Written]:
    return [*written_numbers(markdown), *whole_numbers(markdown)]


def _as_read(text: str) -> str:
    """A text with its formulas' numbers as one reads them."""
    text = NAMES.sub(" ", text)
    for pattern, replacement in TEX:
        text = pattern.sub(replacement, text)
    return text


def _written(text: str, digits: str, shift: int, percent: bool) -> Written:
    digits = digits.replace(",", "")
    shift -= 2 if percent else 0
    decimals = len(digits.partition(".")[2])
    unit = Decimal(1).scaleb(shift - decimals)
    return Written(text, Decimal(digits).scaleb(shift), unit, percent)


def _is_negative(before: str) -> bool:
    """Whether the text before a number ends in a minus that is a sign, not a subtraction."""
    if not before.endswith(("-", "−")):
        return False
    left = before[:-1]
    return not left or not (left[-1].isalnum() or left[-1] in ")]}.%-–")


def _quotation(entry: str) -> Written:
    """A ``quoted`` entry: anything that would be found in prose, or a plain number."""
    numbers = written_numbers(str(entry))
    if numbers:
        return numbers[0]
    return Written(str(entry), Decimal("nan"), Decimal(0))


def _computed_texts(cell: Cell) -> Iterator[str]:
    """A cell's outputs without the description that is stored in place of a figure."""
    drawing = draws_safely(cell["source"])
    for output in cell["outputs"]:
        if not (drawing and output["output_type"] == "display_data"):
            yield from output_texts({"outputs": [output]})


def draws_safely(source: str) -> bool:
    """`draws`, for code that may not parse."""
    try:
        return draws(ast.parse(source))
    except SyntaxError:
        return False
