"""Repeat the book's chaotic studies over many seeds, and store what the chapters read.

    OPENBLAS_NUM_THREADS=1 python benchmarks/studies.py [--only budget fresh_rows] [--workers 2]

A study is a function of a seed that stands in a chapter. In a long run one rounding decides which
action is drawn, so another machine makes another run of the same seed: what can be repeated is a
mean over seeds, with its standard error. This program runs the chapter's own function (the code
cells that have the tag `study`, in their order) and writes book/data/{name}.json: the results to
four significant digits, beside the arguments, the seeds, the command, the versions and the machine.
Where an argument is tuned, the value with the least mean is chosen on seeds of its own, for each
setting of the others, and then repeated on the seeds that are reported. Both are stored.
The whole takes about seven minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
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

Rows = list[dict[str, Any]]  # arguments, and under "results" what they gave


@dataclass(frozen=True)
class Tuning:
    """Of which argument a value is chosen, and on which seeds."""

    argument: str
    seeds: range


@dataclass(frozen=True)
class Study:
    """A chapter's function, the arguments to call it with, and the seeds for each of them."""

    chapter: str
    function: str
    arguments: tuple[dict[str, Any], ...]
    seeds: range
    tuning: Tuning | None = None

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
            for epsilon in [0.0025 * 2**k for k in range(12)]
            for n in (50, 100, 200, 400, 800, 1600, 3200)
        ),
        range(200),
        Tuning("epsilon", range(1000, 1020)),
    ),
    "fresh_rows": Study("12_in_practice", "spent_twice", ({"epsilon": 0.01},), range(20)),
    "train_here": Study(
        "12_in_practice",
        "trained_here",
        tuple(
            {"epsilon": epsilon, "line_search": line_search}
            for epsilon in (0.02, 0.5)
            for line_search in (True, False)
        ),
        range(10),
    ),
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


def chosen(tuning: Tuning, rows: Rows) -> tuple[dict[str, Any], ...]:
    """For each setting of the other arguments, the row with the least mean, without results."""
    best: dict[Any, dict[str, Any]] = {}
    for row in rows:
        others = tuple(row[key] for key in row if key not in (tuning.argument, "results"))
        if others not in best or np.mean(row["results"]) < np.mean(best[others]["results"]):
            best[others] = row
    return tuple({key: row[key] for key in row if key != "results"} for row in best.values())


def lines(rows: Rows) -> str:
    """Return the rows as JSON, one a line."""
    return ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)


def write(name: str, rows: Rows, tuning: Rows | None) -> None:
    """Store the results, one line for each of the study's arguments."""
    study = STUDIES[name]
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
    parts = {"runs": rows}
    if study.tuning and tuning:
        head["tuning_seeds"] = [study.tuning.seeds.start, study.tuning.seeds.stop]
        parts["tuning"] = tuning
    body = "".join(f',\n "{key}": [\n{lines(part)}\n ]' for key, part in parts.items())
    (PLACE / f"{name}.json").write_text(json.dumps(head, indent=1)[:-2] + body + "\n}\n", "utf-8")
    print("wrote", name, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers) as pool:

        def results(name: str, arguments: tuple[dict[str, Any], ...], seeds: range) -> Rows:
            jobs = [(name, a, seed) for a in arguments for seed in seeds]
            each = pool.map(one, *zip(*jobs, strict=True), chunksize=5)
            return [{**a, "results": [next(each) for _ in seeds]} for a in arguments]

        for name in options.only:
            study, tuning = STUDIES[name], None
            arguments = study.arguments
            if study.tuning:
                tuning = results(name, arguments, study.tuning.seeds)
                arguments = chosen(study.tuning, tuning)
            write(name, results(name, arguments, study.seeds), tuning)


if __name__ == "__main__":
    main()
