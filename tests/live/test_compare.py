"""The comparison of a run with the notebook fails where something is not as it is stored."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.live.compare import Shown, differences, of_cell, same_text


def code(*outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": "", "outputs": [*outputs]}


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def displayed(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}}


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# A"},
        code(stream("return 0.872 of 3\n")),
        code(displayed("Figure: A line."), stream("drawn\n")),
        code(displayed("Slider figure: ε, 31 values from 1e-3 to 0.3; task: pole, hopper")),
        code({"output_type": "execute_result", "data": {"text/plain": "[open] not answered"}}),
        code(),
    ]
}
RUN: list[list[Shown] | None] = [
    [Shown("stream", "return 0.872 of 3\n")],
    [Shown("picture", "A line."), Shown("stream", "drawn\n")],
    [Shown("sliders", "ε, 31 values; task: pole, hopper")],
    [Shown("result", "[open] not answered")],
    [],
]


def test_a_run_that_shows_what_is_stored_passes() -> None:
    assert differences(NOTEBOOK, RUN) == []


@pytest.mark.parametrize(
    ("cell", "shown", "reason"),
    [
        (1, [Shown("stream", "return 0.873 of 3\n")], "stored is 'return 0.872 of 3"),
        (1, [], "['stream'] is stored, [] was shown"),
        (2, [Shown("stream", "drawn\n")], "['picture', 'stream'] is stored, ['stream'] was"),
        (2, [Shown("stream", "drawn\n"), Shown("picture", "A line.")], "['picture', 'stream'] is"),
        (2, [Shown("picture", "Two lines."), Shown("stream", "drawn\n")], "shown was 'Two lines.'"),
        (3, [Shown("sliders", "ε, 30 values; task: pole, hopper")], "shown was 'ε, 30 values"),
        (3, [Shown("picture", "A line.")], "['sliders'] is stored, ['picture'] was shown"),
        (4, [Shown("result", "[right] it is")], "the result stored is '[open] not answered'"),
        (5, [Shown("error", "NameError: x")], "[] is stored, ['error'] was shown"),
        (5, None, "it was not run"),
    ],
)
def test_what_differs_is_named(cell: int, shown: list[Shown] | None, reason: str) -> None:
    """A digit, a picture that is missing or another, an error, a cell that was not run."""
    run = copy.copy(RUN)
    run[cell - 1] = shown
    first, *more = differences(NOTEBOOK, run)
    assert first.startswith(f"cell {cell}: ") and reason in first
    assert more == ([f"cell {cell}: NameError: x"] if "error" in reason else [])


def test_a_cell_too_few_is_a_difference() -> None:
    assert differences(NOTEBOOK, RUN[:-1]) == ["5 code cells are stored, 4 were found"]


def test_a_stream_in_pieces_is_one_stream() -> None:
    assert of_cell(code(stream("a\n"), stream("b\n"))) == [Shown("stream", "a\nb\n")]


@pytest.mark.parametrize(
    ("stored", "shown", "same"),
    [
        ("gain 0.87200", "gain 0.87201", True),
        ("gain 0.872", "gain 0.873", False),
        ("gain -0.87200", "gain 0.87200", False),
        ("gain 0.872", "loss 0.872", False),
        ("1.00000e-5 and 2", "1.00001e-05 and 2.0", True),
        ("kl1 0.5", "kl2 0.5", False),
        ("0.5", "0.5 0.5", False),
    ],
)
def test_a_tolerance_is_for_numbers_alone(stored: str, shown: str, same: bool) -> None:
    assert same_text(stored, shown, 1e-4) is same
    assert same_text(stored, shown, None) is (stored == shown)


def test_the_tolerance_is_the_cell_s_own() -> None:
    notebook = copy.deepcopy(NOTEBOOK)
    run = [[Shown("stream", "return 0.8721 of 3\n")], *RUN[1:]]
    assert len(differences(notebook, run)) == 1
    notebook["cells"][1]["metadata"] = {"tolerance": 1e-3}  # type: ignore[index]
    assert differences(notebook, run) == []
