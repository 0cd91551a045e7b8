"""progress.csv: a row for each iteration, appended as it happens.

The file is plain CSV with a header, as pandas, spreadsheets and the plotting tools of other
libraries read it. A row is on disk before the checkpoint of its iteration; what a crash left beyond
the checkpoint is dropped when the run is resumed, and written again by it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checkpoint import naming, replacing

NAME = "progress.csv"


class Logbook:
    """The rows of one run in `directory`, up to and with iteration `iteration` of it.

    Parameters
    ----------
    directory : path
    names : sequence of str
        The columns; the first is the iteration's number.
    iteration : int
        Rows of later iterations are dropped; 0 begins a new file.
    """

    def __init__(self, directory: Path, names: Sequence[str], iteration: int) -> None:
        self.path, self.names = directory / NAME, list(names)
        kept = self._kept(iteration) if iteration > 0 else []
        with replacing(self.path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, self.names, restval="nan", extrasaction="ignore")
            rows.writeheader()
            rows.writerows(kept)
        self.rows = kept
        self._file = self.path.open("a", newline="", encoding="utf-8")

    def append(self, row: dict[str, Any]) -> None:
        """Add a row and hand it to the disk."""
        with naming(self.path):
            csv.DictWriter(self._file, self.names).writerow(row)
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _kept(self, iteration: int) -> list[dict[str, str]]:
        """Return the whole rows of iterations up to `iteration`, as text."""
        try:
            with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
                rows = list(csv.DictReader(file))
        except (FileNotFoundError, csv.Error):
            return []
        first, last = self.names[0], self.names[-1]
        return [
            row
            for row in rows
            if row.get(last) is not None
            and (row.get(first) or "").isdecimal()
            and int(row[first]) <= iteration
        ]
