"""What is said of an adapter: a row a property; as text, as JSON and as HTML."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from html import escape

OK, WRONG, NOT_OFFERED = "ok", "wrong", "not offered"
HIDDEN = "Mend the first one and look again: what is wrong early can hide what is wrong later."
MARKS = {OK: "ok", WRONG: "WRONG", NOT_OFFERED: "not offered"}


@dataclass(frozen=True)
class Row:
    """One property of an adapter.

    Attributes
    ----------
    property : str
        The method that was asked.
    verdict : "ok", "wrong" or "not offered"
    diagnosis : str
        What is wrong, or which conventions it keeps; empty where there is nothing to say.
    evidence : str
        The numbers that single it out.
    chapter : int or None
        Of the book, that explains it.
    faults, conventions, notes : tuple of str
        The names of what was found, and what else a user should know.
    answered : (int, int) or None
        How many of how many questions, where the adapter declined some.
    """

    property: str
    verdict: str
    diagnosis: str = ""
    evidence: str = ""
    chapter: int | None = None
    faults: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    answered: tuple[int, int] | None = None


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes
    ----------
    adapter : str
        The name of its class.
    rows : tuple of Row
        One a property, in the order in which one depends on the other.
    """

    adapter: str
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing is wrong."""
        verdicts = {row.verdict for row in self.rows}
        return OK in verdicts and WRONG not in verdicts

    @property
    def faults(self) -> tuple[str, ...]:
        """The names of the faults, the first found first."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.faults))

    @property
    def conventions(self) -> tuple[str, ...]:
        """The names of the conventions."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.conventions))

    def summary(self) -> str:
        """Return how many properties are ok, wrong, not offered, and answered in part."""
        counts = (sum(row.verdict == v for row in self.rows) for v in (OK, WRONG, NOT_OFFERED))
        in_part = sum(row.answered is not None for row in self.rows)
        share = f"; {in_part} answered in part" if in_part else ""
        return "{} ok, {} wrong, {} not offered".format(*counts) + share

    def text(self) -> str:
        """Return the report as lines."""
        width = max((len(row.property) for row in self.rows), default=0)
        lines = [f"{self.adapter}: {self.summary()}"]
        for row in self.rows:
            lines.append(f"  {row.property:{width}}  {_mark(row)}")
            for said in (*([row.diagnosis] if row.diagnosis else []), *details(row)):
                lines += textwrap.wrap(
                    said, 96, initial_indent=" " * (width + 4), subsequent_indent=" " * (width + 6)
                )
        if self.faults:
            lines.append(HIDDEN)
        return "\n".join(lines)

    def json(self) -> str:
        """Return the report as JSON."""
        whole = {"adapter": self.adapter, "ok": self.ok, "summary": self.summary()}
        return json.dumps(whole | {"rows": [asdict(row) for row in self.rows]}, indent=1)

    def html(self) -> str:
        """Return the report as a page."""
        title = f"{escape(self.adapter)}: {self.summary()}"
        return (
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width">\n'
            "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;"
            f"padding:0 1rem}}</style>\n<h1>{escape(self.adapter)}</h1>\n{self._repr_html_()}"
            "</html>\n"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope=row>{escape(row.property)}</th>"
            f"<td style='white-space:nowrap{_colour(row)}'>{_mark(row)}</td>"
            "<td style='text-align:left'>"
            f"{'<br>'.join(map(escape, (row.diagnosis, *details(row))))}</td></tr>\n"
            for row in self.rows
        )
        return (
            f"<table><caption>{escape(self.adapter)}: {self.summary()}</caption>\n<thead><tr>"
            "<th scope=col>property</th><th scope=col>verdict</th><th scope=col>why</th></tr>"
            f"</thead>\n<tbody>{rows}</tbody></table>\n"
        )

    def __str__(self) -> str:
        return self.text()


_COLOURS = {
    OK: ";background:#d5ecd9;color:#14401f",
    WRONG: ";background:#f7d4d1;color:#651512;font-weight:bold",
    NOT_OFFERED: ";background:#e6e6e6;color:#333",
}


def _mark(row: Row) -> str:
    """Return the verdict as it is shown, with the share of the questions that it is of."""
    share = " for {} of {} questions".format(*row.answered) if row.answered else ""
    return MARKS[row.verdict] + share


def _colour(row: Row) -> str:
    """Return that of the verdict; what is right in part only is not green."""
    return _COLOURS[NOT_OFFERED if row.verdict == OK and row.answered else row.verdict]


def details(row: Row) -> list[str]:
    """Return the lines below a diagnosis."""
    lines = [row.evidence] if row.evidence else []
    if row.chapter:
        lines.append(f"see chapter {row.chapter}")
    return lines + [f"note: {note}" for note in row.notes]
