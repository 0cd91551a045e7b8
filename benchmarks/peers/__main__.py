"""Write what other people's TRPO and natural gradients compute, as the conformance suite has it.

    python -m benchmarks.peers        (needs the extra `peers`; some minutes)

Each module beside this one drives a library's own code, and is left out where the library is not
installed. Runs the lines of each finding and stops where they do not show what is said. Writes
benchmarks/results/peers.json and, for readers and the book's page, peers.md.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import platform
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from npgkit.conformance import check

from .findings import FINDINGS, Finding
from .page import text

RESULTS = Path(__file__).resolve().parents[1] / "results"
MODULES = ("sb3_contrib", "tianshou", "pfrl", "mushroom_rl", "cherry", "skrl", "xuance")
BESIDE = ("numpy", "torch", "gymnasium", "gym")
SECONDS = 600.0


def installed(package: str) -> str | None:
    """The version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def program(module: Any, adapter: type) -> dict[str, Any]:
    """What the suite says of one adapter."""
    report = check(adapter, seconds=SECONDS)
    rows = [asdict(row) for row in report.rows]
    return {
        "package": module.PACKAGE, "version": installed(module.PACKAGE),
        "method": adapter.__name__, "rows": rows,
    }  # fmt: skip


def shown(finding: Finding) -> dict[str, Any]:
    """A finding with what its lines print."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", finding.code], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    missing = [part for part in finding.shows if part not in run.stdout]
    if run.returncode or missing:
        raise SystemExit(f"{finding.package}, {finding.title}: no {missing} in\n{run.stdout}"
                         f"{run.stderr[-500:]}")  # fmt: skip
    return asdict(finding) | {"code": finding.code.strip(), "prints": run.stdout.strip()}


def measured() -> dict[str, Any]:
    """Everything, from the libraries that are installed."""
    programs: list[dict[str, Any]] = []
    for name in MODULES:
        try:
            module = importlib.import_module(f"{__package__}.{name}")
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
            continue
        for adapter in module.ADAPTERS:
            programs.append(program(module, adapter))
            print(programs[-1]["package"], programs[-1]["method"])
    present = {one["package"] for one in programs}
    return {
        "command": "python -m benchmarks.peers",
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: v for name in BESIDE if (v := installed(name))},
        "programs": programs,
        "findings": [shown(finding) for finding in FINDINGS if finding.package in present],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__.partition("\n")[0]
    )
    parser.parse_args()
    data = measured()
    if not data["programs"]:
        raise SystemExit('none of the libraries is installed; python -m pip install ".[peers]"')
    (RESULTS / "peers.json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    (RESULTS / "peers.md").write_text(text(data), "utf-8")


if __name__ == "__main__":
    main()
