"""Text files that a teacher wrote or saved: read as they are, or refused by their name."""

from __future__ import annotations

import csv
import io
from pathlib import Path


def lines_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, as spreadsheets save them: with commas, semicolons or tabs.

    Raises
    ------
    ValueError
        If it is no UTF-8 text.
    """
    text = text_of(path)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    return [{key: value or "" for key, value in row.items() if key} for row in rows]


def text_of(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    ValueError
        If it is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from None
