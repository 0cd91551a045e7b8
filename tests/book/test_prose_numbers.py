"""Every number in a chapter's prose is one that its code computed, contains, or quotes.

The first test holds the book to that; the others hold the checker to it, on made-up notebooks.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tools.notebooks import numbers

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_numbers_in_the_prose_are_computed(path: Path) -> None:
    assert [str(finding) for finding in numbers.check_path(path)] == []


def test_there_are_chapters_to_check() -> None:
    assert CHAPTERS


def notebook(prose: str, code: str = "", printed: str = "", **metadata: Any) -> dict[str, Any]:
    """A notebook of one paragraph and one cell that printed something."""
    stream = {"output_type": "stream", "name": "stdout", "text": printed}
    return {
        "cells": [
            {"cell_type": "markdown", "source": prose, "metadata": metadata},
            {
                "cell_type": "code",
                "source": code,
                "metadata": {},
                "outputs": [stream] if printed else [],
            },
        ]
    }


def complaints(made_up: dict[str, Any]) -> list[str]:
    return [finding.reason for finding in numbers.unbacked(made_up, "nb")]


BACKED = [
    # prose, code, printed
    ("It earns 0.69.", "", "J = 0.6899\n"),
    ("It earns .6899.", "", "J = 0.6899\n"),
    ("It earns $0.690$ in all", "", "0.6899"),
    ("The start is $p = (0.8, .1)$.", "p = (0.8, 0.1)", ""),
    ("a gap of 3.2 %", "", "gap 0.0321"),
    ("a gap of 3.2%", "", "gap 3.21 %"),
    ("a gap of $3.2\\,\\%$", "", "gap 0.0321"),
    ("a gap of 38%", "", "0.3814"),
    ("half of it, 50 %, or all, 100 %", "", ""),
    (r"an error of $2.7\times 10^{-9}$", "", "error 2.71e-09"),
    (r"an error of $2.7 \cdot 10^{-9}$", "", "error 2.71e-09"),
    ("an error of 2.7e-9", "", "error 0.00000000271"),
    (r"after $3\times10^4$ steps", "", "steps 30211.0"),
    ("within $10^{-9}$", "", "error 4.4e-10"),
    ("within $10^{-9}$", "assert error < 1e-9", ""),
    ("a loss of 0.25", "", "gain -0.251"),
    ("a gain of -0.25", "", "gain -0.251"),
    (r"$\Delta J = -0.25$", "", "gain -0.251"),
    (r"$J\approx0.69$", "", "0.6899"),
    ("at -0.3 and $x = -0.3$", "x = -0.3", ""),
    ("from 0.1-0.3", "a, b = 0.1, 0.3", ""),
    ("the value `0.02`", "epsilon = 0.02", ""),
    (r"it takes $1{,}234.5$ steps", "", "1234.52"),
    ("it takes 1,234.5 steps", "", "1234.52"),
    ("between $x-0.3$ and", "x = 0.3", ""),
    ("0.829 and 0.102, it printed", "", "[0.829 0.102]"),
    ("| 0.25 | 1.75 |", "", "0.25 1.75"),
]


@pytest.mark.parametrize(("prose", "code", "printed"), BACKED)
def test_a_computed_number_passes(prose: str, code: str, printed: str) -> None:
    assert complaints(notebook(prose, code, printed)) == []


UNBACKED = [
    ("It earns 0.68.", "", "J = 0.6899\n", "0.68"),
    ("It earns 0.6900.", "", "J = 0.6899\n", "0.6900"),
    ("It earns .70.", "", "J = 0.6899\n", ".70"),
    # The output does not show the digits that the prose claims.
    ("It earns 0.800.", "", "J = 0.8\n", "0.800"),
    ("It earns 1.00.", "", "J = 1\n", "1.00"),
    ("a gap of 3.3 %", "", "gap 0.0321", "3.3 %"),
    ("a gap of 39%", "", "0.3814", "39%"),
    ("a gap of 0.032", "", "gap 3.2 %", "0.032"),
    (r"an error of $2.8\times 10^{-9}$", "", "error 2.71e-09", "2.8× 10^{-9}"),
    (r"an error of $2.7\times 10^{-8}$", "", "error 2.71e-09", "2.7× 10^{-8}"),
    ("within $10^{-9}$", "", "error 4.4e-08", "10^{-9}"),
    ("a gain of -0.25", "", "gain 0.251", "-0.25"),
    (r"$J\approx0.68$", "", "0.6899", "0.68"),
    ("the value `0.03`", "epsilon = 0.02", "", "0.03"),
    ("a string is no number: 0.75", "print('0.75 is text')", "", "0.75"),
    ("nor is a width: 0.5", "f'{x:0.5f}'", "", "0.5"),
    ("nor part of a name: 1.25", "", "v1.25", "1.25"),
    ("```{prf:theorem} At 0.75\n:label: thm-x\n\nIt is 0.6.\n```", "a = 0.6", "", "0.75"),
    ("```{prf:lemma}\n:label: lem-x\n\nIt is 0.6.\n```", "", "", "0.6"),
    ("```{math}\nx = 0.6\n```", "", "", "0.6"),
    ("it takes 1,234.5 steps", "", "234.5", "1,234.5"),
]


@pytest.mark.parametrize(("prose", "code", "printed", "number"), UNBACKED)
def test_a_number_from_nowhere_is_reported(
    prose: str, code: str, printed: str, number: str
) -> None:
    expected = f"{number!r} is in no stored output and no code of this notebook"
    assert complaints(notebook(prose, code, printed)) == [expected]


@pytest.mark.parametrize(
    "prose",
    [
        "See {eq}`eq-2.6` and {cite:p}`kakade-2.1`, {numref}`Figure 1.2 <fig-x>`.",
        "In Section 2.3, Theorem 4.1, equation (2.6), Figure 1.2 and Exercise 2.3.",
        r"$$ x = 1 \tag{2.6} $$ (eq-2.6)",
        "```{figure} images/1.5.png\n:width: 0.5\n:name: fig-1.5\nA caption.\n```",
        "````{prf:theorem}\n---\nlabel: thm-1.5\nclass: x1.5\n---\nIt holds.\n````",
        "```python\nx = 0.75\n```",
        "[the paper](https://example.org/2.5/x) and https://example.org/3.5",
        "doi:10.1162/089976698300017746, arXiv:1502.05477",
        "Python 3.11, version 2.5, NumPy 2.0, release 1.0.4, v1.2",
        "<!-- 0.75 -->\n% 0.85\n(sec-1.5)=\n",
        "Plain integers such as 38, 1,234 and 10^6, a list:\n1. one\n2. two",
        "{glue:text}`gain:.3f`",
    ],
)
def test_what_is_no_quantity_is_left_alone(prose: str) -> None:
    assert complaints(notebook(prose)) == []


def test_a_quoted_number_needs_no_computation() -> None:
    prose = r"The paper reports $2.684\times 10^6$ and 0.31."
    assert complaints(notebook(prose, quoted=["2.684e6", "0.31"])) == []
    (reason,) = complaints(notebook(prose, quoted=["2.684e6"]))
    assert reason.startswith("'0.31'")


@pytest.mark.parametrize("entry", ["0.32", "0.3", "1", "nonsense"])
def test_a_quotation_that_is_not_in_the_text_is_reported(entry: str) -> None:
    expected = f"quoted {entry!r} is not among the numbers of this cell"
    assert complaints(notebook("It is 0.31.", "x = 0.31", quoted=[entry])) == [expected]


def test_a_quotation_counts_in_its_own_cell_only() -> None:
    two = notebook("It is 0.31.", quoted=["0.31"])
    two["cells"].append({"cell_type": "markdown", "source": "Again 0.31.", "metadata": {}})
    (finding,) = numbers.unbacked(two, "nb")
    assert finding.cell == 3


def figure(code: str, caption: str = "") -> dict[str, Any]:
    """A notebook that draws, and whose figure left its description as stored text."""
    shown = {
        "output_type": "display_data",
        "data": {"text/plain": "Figure: a step of 0.75"},
        "metadata": {},
    }
    cell = {
        "cell_type": "code",
        "source": code,
        "metadata": {"mystnb": {"figure": {"caption": caption, "name": "fig-x"}}},
        "outputs": [shown],
    }
    return {"cells": [cell]}


def test_captions_and_alternative_texts_are_prose() -> None:
    (caption,) = complaints(figure("plots.show(fig, alt='A step')", "A step of 0.75."))
    assert caption.startswith("'0.75'")
    (alt,) = complaints(figure("plots.show(fig, alt='A step of 0.75')"))
    assert alt.startswith("'0.75'")
    (part,) = complaints(figure("explore(draw, alt=f'Between 0.75 and {top:.2f}', k=[1])"))
    assert part.startswith("'0.75'")
    assert complaints(figure("plots.show(fig, alt=f'A step of {a:.2f}')", "The step.")) == []


def test_a_description_of_a_figure_backs_no_number() -> None:
    described = figure("plots.show(fig, alt=text)")
    described["cells"].append({"cell_type": "markdown", "source": "It is 0.75.", "metadata": {}})
    (reason,) = complaints(described)
    assert reason.startswith("'0.75'")


def test_numbers_are_read_with_their_precision() -> None:
    (number,) = numbers.written_numbers(r"$-1.50\times 10^{-3}$")
    assert (number.value, number.unit) == (Decimal("-0.00150"), Decimal("0.00001"))
    (percentage,) = numbers.written_numbers("3.2 %")
    assert (percentage.value, percentage.unit) == (Decimal("0.032"), Decimal("0.001"))
