"""Each chapter's exercises have a file of tests, and no file is left over from an old numbering."""

from __future__ import annotations

import pytest

from tools.toc import ROOT, pages

CHAPTERS = [path.stem for path in pages() if path.stem[:2].isdigit()]
TESTS = ROOT / "tests" / "exercises"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_exercises_of_every_chapter_are_tried(chapter: str) -> None:
    """tests/exercises has a file for the chapter that runs the checks of this chapter."""
    file = TESTS / f"test_{chapter}.py"
    assert file.is_file(), f"no {file.relative_to(ROOT)}"
    assert f'"{chapter}"' in file.read_text("utf-8"), f"{file.name} does not run {chapter}"


def test_no_file_is_for_a_chapter_that_is_gone() -> None:
    """Each file is named after a chapter of the book."""
    assert {file.stem for file in TESTS.glob("test_*.py")} <= {f"test_{c}" for c in CHAPTERS}
