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
        If it is no UTF-8 text, or a row has more cells than the first, or fewer.
    """
    text = text_of(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator_of(text))
    rows = []
    for row in reader:
        if None in row or None in row.values():
            more = "more" if None in row else "fewer"
            raise ValueError(f"{path}, line {reader.line_num}: it has {more} cells than the first")
        rows.append({str(name): str(value) for name, value in row.items()})
    return rows


def separator_of(text: str) -> str:
    """Return what parts the cells of a table: a comma, a semicolon or a tab."""
    return max(",;\t", key=text.partition("\n")[0].count)


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
