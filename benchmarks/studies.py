"""Repeat the book's chaotic studies over many seeds, and store what the chapters read.

    OPENBLAS_NUM_THREADS=1 python benchmarks/studies.py [--only budget fresh_rows] [--workers 2]

A study is a function of a seed that stands in a chapter. In a long run one rounding decides which
action is drawn, so another machine makes another run of the same seed: what can be repeated is a
mean over seeds, with its standard error. This program runs the chapter's own function (the code
cells that have the tag `study`, in their order) and writes book/data/{name}.json: the results to
four significant digits, beside the arguments, the seeds, the command, the versions and the machine.
The whole takes about five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded
os.environ.setdefault("MPLBACKEND", "Agg")

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.practice import short  # noqa: E402
from benchmarks.report import machine  # noqa: E402
from tools.notebooks.form import read_notebook  # noqa: E402

PLACE = ROOT / "book" / "data"
TAG = "study"


@dataclass(frozen=True)
class Study:
    """A chapter's function, the arguments to call it with, and the seeds for each of them."""

    chapter: str
    function: str
    arguments: tuple[dict[str, Any], ...]
    seeds: range

    def run(self, arguments: dict[str, Any], seed: int) -> Any:
        """Return what the function returns, as lists of floats of four significant digits."""
        result = functions(self.chapter)[self.function](**arguments, seed=seed)
        return short(np.asarray(result).tolist())


STUDIES = {
    "budget": Study(
        "11_noise",
        "left",
        tuple(
            {"epsilon": epsilon, "n": n}
            for epsilon in (0.005, 0.02, 0.08)
            for n in (50, 100, 200, 400, 800, 1600, 3200)
        ),
        range(100),
    ),
    "fresh_rows": Study("12_in_practice", "spent_twice", ({"epsilon": 0.01},), range(20)),
}


@cache
def functions(chapter: str) -> dict[str, Any]:
    """Run a chapter's cells that have the tag `study`; return the names they define."""
    names: dict[str, Any] = {}
    for cell in read_notebook(ROOT / "book" / f"{chapter}.ipynb")["cells"]:
        if TAG in cell["metadata"].get("tags", ()):
            exec(compile(cell["source"], f"{chapter}, cell {cell['id']}", "exec"), names)
    return names


def one(name: str, arguments: dict[str, Any], seed: int) -> Any:
    return STUDIES[name].run(arguments, seed)


def write(name: str, results: Iterable[Any]) -> None:
    """Store the results, one line for each of the study's arguments."""
    study, each = STUDIES[name], iter(results)
    head = {
        "command": f"OPENBLAS_NUM_THREADS=1 python benchmarks/studies.py --only {name}",
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "gymnasium": gymnasium.__version__,
        },
        "function": f"{study.chapter}.ipynb, {study.function}",
        "seeds": [study.seeds.start, study.seeds.stop],
    }
    rows = [{**a, "results": [next(each) for _ in study.seeds]} for a in study.arguments]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    text = json.dumps(head, indent=1)[:-2] + ',\n "runs": [\n' + lines + "\n ]\n}\n"
    (PLACE / f"{name}.json").write_text(text, "utf-8")
    print("wrote", name, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers) as pool:
        for name in options.only:
            jobs = [(name, a, s) for a in STUDIES[name].arguments for s in STUDIES[name].seeds]
            write(name, pool.map(one, *zip(*jobs, strict=True), chunksize=5))


if __name__ == "__main__":
    main()
