"""The results as Markdown: a table, a part on each program, and what was tried besides."""

from __future__ import annotations

import re
from typing import Any

from npgkit.conformance.faults import BY_NAME

from .tried import TRIED, WHEN

START = "<!-- the book's page begins here -->"
COLUMNS = {
    "logp": "log\N{NO-BREAK SPACE}π", "surrogate": "surrogate", "gradient": "gradient", "kl": "KL",
    "fisher_product": "Fv", "conjugate_gradient": "CG", "step": "step", "gae": "GAE",
}  # fmt: skip
OF_ALL = ("weights missing", "damping in the product")
"""Conventions that say nothing of a program: none has weights of rows, all add their damping."""

Json = dict[str, Any]


def conventions(row: Json) -> list[str]:
    """The conventions of a row that a user should know."""
    return [name for name in row["conventions"] if name not in OF_ALL]


def mark(row: Json) -> str:
    """The verdict in a word; an answer to some of the questions says to how many."""
    word = {"ok": "ok", "wrong": "differs", "not offered": "–"}[row["verdict"]]
    if row["verdict"] == "ok" and conventions(row):
        word = "choice"
    if row["answered"]:
        word += " ({}\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}{})".format(*row["answered"])
    return word


def table(data: Json) -> list[str]:
    """A row a program, a column a property."""
    lines = [
        "| program | " + " | ".join(COLUMNS.values()) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for one in data["programs"]:
        rows = {row["property"]: row for row in one["rows"]}
        marks = [mark(rows[name]) for name in COLUMNS]
        lines.append(f"| {name_of(one)} | " + " | ".join(marks) + " |")
    return lines


def name_of(one: Json) -> str:
    """A program with its version."""
    return f"{one['package']} {one['version']}, {one['method']}"


def said(row: Json) -> str:
    """Where an answer differs: by which faults of the suite, or by none that it knows."""
    known = [name for name in row["faults"] if name not in ("unknown", "raises")]
    parts = [BY_NAME[name].sentence for name in known]
    if "unknown" in row["faults"]:
        parts.append("by none of the faults that the suite knows")
    if "raises" in row["faults"]:
        ended = re.search(r"one of (\d+) of (\d+)", row["evidence"])
        assert ended, row["evidence"]
        others = "" if parts else "; the other answers are right"
        parts.append("{} of {} questions end in an error".format(*ended.groups()) + others)
    return "; ".join(parts)


def of_program(one: Json, findings: list[Json]) -> list[str]:
    """What is said of one program."""
    lines = ["", f"### {name_of(one)}", ""]
    names = dict.fromkeys(name for row in one["rows"] for name in conventions(row))
    if names:
        lines += ["Conventions:", ""]
        lines += [f"- {BY_NAME[name].sentence}" for name in names] + [""]
    differing = [row for row in one["rows"] if row["verdict"] == "wrong"]
    if differing:
        lines += ["Differs:", ""]
        lines += [f"- {COLUMNS[row['property']]}: {said(row)}" for row in differing] + [""]
    for found in findings:
        source = f" ([reported]({found['source']}))" if found["source"] else ""
        lines += [
            f"**{found['title']}.** {found['text']}{source}", "", "```python", found["code"],
            "```", "", "prints", "", "```text", found["prints"], "```", "",
        ]  # fmt: skip
    return lines[:-1]


def text(data: Json) -> str:
    """The whole file."""
    versions = ", ".join(f"{name} {v}" for name, v in data["versions"].items())
    lines = [
        "# Other people's TRPO and natural gradients", "", START, "",
        f"Made by `{data['command']}` on {data['date']}, with Python {data['python']}, {versions}.",
        "Other versions may differ.", "",
        *table(data), "",
        "*ok*: all answers are right. *choice*: right, by a convention of its own that is named "
        "below. *differs*: some answers are others than here; below is what they come from. "
        "*–*: not asked, because it has no such function or none that can be called. A share in "
        "brackets: so many of the questions could be put to it.", "",
        "None of them has weights for rows, and the questions with weights are answered by "
        "plain means, which is not noted again.", "", "## One by one",
    ]  # fmt: skip
    for one in data["programs"]:
        key = one["package"], one["method"]
        lines += of_program(
            one, [f for f in data["findings"] if (f["package"], f["method"]) == key]
        )
    lines += [
        "", "## What else was tried", "",
        f"On {WHEN}, on Python 3.11 unless another is named.", "",
        "| package | what came |", "|---|---|",
    ]  # fmt: skip
    lines += [f"| {package} | {came} |" for package, came in TRIED]
    return "\n".join(lines) + "\n"
