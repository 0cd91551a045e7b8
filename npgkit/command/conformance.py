"""`conformance`: what is wrong with somebody's own TRPO. It needs NumPy alone."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from npgkit.conformance.checking import SECONDS, check, load
from npgkit.conformance.properties import PROPERTIES
from npgkit.conformance.report import NOT_OFFERED

COULD_NOT_RUN = 2


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `conformance`."""
    parser.add_argument(
        "adapter",
        help="module:Name of a class or an object with some of the methods "
        f"{', '.join(PROPERTIES)}; the module is found from the working directory",
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(PROPERTIES), metavar="METHOD", help="check these alone"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON, too")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long one method may take, in seconds"
    )


def run(chosen: argparse.Namespace) -> int:
    """Print the report; return 0 if nothing is wrong, 1 if something is, 2 if none was made."""
    try:
        adapter = load(chosen.adapter)
        adapter = adapter() if isinstance(adapter, type) else adapter
    except (Exception, SystemExit) as error:
        if not isinstance(error, ValueError):
            traceback.print_exception(error)
        print(f"npgkit: {chosen.adapter} cannot be used: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    report = check(adapter, properties=chosen.only, seconds=chosen.seconds)
    print(report)
    try:
        for path, text in ((chosen.json, report.json()), (chosen.html, report.html())):
            if path is not None:
                path.expanduser().write_text(text, "utf-8")
    except OSError as error:
        print(f"npgkit: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    if all(row.verdict == NOT_OFFERED for row in report.rows):
        print(
            f"npgkit: nothing was checked: {report.adapter} has none of the methods",
            file=sys.stderr,
        )
        return COULD_NOT_RUN
    return 0 if report.ok else 1


def main(argv: list[str]) -> int:
    """Run the command by itself, without what training needs."""
    parser = argparse.ArgumentParser(
        prog="python -m npgkit conformance",
        description="Ask your own TRPO or natural policy gradient for what it computes, and name "
        "what is wrong.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add(parser)
    return run(parser.parse_args(argv))
