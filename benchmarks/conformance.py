"""Write the confusion matrix of the conformance suite: what each wrong implementation is called.

    python benchmarks/conformance.py

Each mutant of tests/mutants.py alters each of the right implementations of tests/adapters.py in one
place; `tests/unit/test_conformance.py` holds what comes out. Writes
benchmarks/results/conformance.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    from npgkit.conformance import check
    from npgkit.conformance.faults import BY_NAME
    from tests.adapters import RIGHT
    from tests.mutants import MUTANTS

    own = {Base: set(check(Base()).conventions) for Base in RIGHT}
    lines = [
        "# The confusion matrix of the conformance suite",
        "",
        f"Made by `python benchmarks/conformance.py`: {len(MUTANTS)} alterations of each of "
        f"{len(RIGHT)} right implementations",
        f"({', '.join(Base.__name__ for Base in RIGHT)}). *Named first* counts in how many the "
        "first thing said is the alteration's own name;",
        "*anything else* is what was said besides, but for the conventions of the right "
        "implementation.",
        "",
        "| altered so that | is called | named first | anything else |",
        "|---|---|---|---|",
    ]
    for name, make, _, _ in MUTANTS:
        first, others = 0, Counter[str]()
        for Base in RIGHT:
            report = check(make(Base)())
            said = [*report.faults] if report.faults else []
            if BY_NAME[name].convention and not said:
                said = [n for n in report.conventions if n == name or n not in own[Base]]
            first += said[:1] == [name]
            others.update(set(said[1:]) - {name} if said[:1] == [name] else said)
        kind = " (convention)" if BY_NAME[name].convention else ""
        altered = make.__name__.replace("_", " ")
        rest = ", ".join(f"{n} ({count})" for n, count in others.items()) or "nothing"
        shown = name.replace("|", "\\|")  # a bar would end the cell
        lines.append(f"| {altered} | {shown}{kind} | {first} of {len(RIGHT)} | {rest} |")
    lines += ["", "The right ones themselves:", ""]
    for Base in RIGHT:
        report = check(Base())
        lines.append(
            f"- {Base.__name__}: {report.summary()}; conventions: "
            f"{', '.join(report.conventions) or 'none'}"
        )
    (ROOT / "benchmarks" / "results" / "conformance.md").write_text(
        "\n".join(lines) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
