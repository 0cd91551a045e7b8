"""Try other settings of an environment, on seeds that no table of the book reports.

    OPENBLAS_NUM_THREADS=1 python benchmarks/search.py Swimmer-v5 '{"value_rounds": 4}' [--seeds 10]
        (the MuJoCo environments need the extra `mujoco`)

The given settings differ from those of the environment's kind of actions; what `PER_ENVIRONMENT`
has of its own is left out, so that a row means the same whatever is chosen in the end. Adds a row
for each seed to benchmarks/results/search.json, or replaces it, and writes the table in search.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.practice import ENVIRONMENTS, short  # noqa: E402
from benchmarks.report import machine, table  # noqa: E402
from npgkit.practice.run import Run  # noqa: E402
from npgkit.practice.settings import PER_KIND, kind_of, own, settings_from  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "search"
STEPS = dict(ENVIRONMENTS.values())
EPISODES = 20
Row = dict[str, Any]


def measure(env: str, changes: dict[str, Any], seed: int) -> Row:
    """Train with the settings of the kind and `changes`; evaluate in both ways."""
    settings = settings_from({**PER_KIND[kind_of(env)], **changes})
    run = Run(env, "trpo", seed=seed, settings=settings)
    while run.env_steps < STEPS[env]:
        run.step()
    run.close()
    level, sampled = (
        statistics.mean(run.agent.evaluate(EPISODES, seed, deterministic=mode))
        for mode in (True, False)
    )
    return {"env": env, "settings": changes, "seed": seed, "evaluation": level, "sampled": sampled}


def report(rows: list[Row]) -> str:
    header = ["environment", "settings", "seeds", "evaluations", "mean", "worst", "drawn"]
    cells = []
    for key in dict.fromkeys((r["env"], json.dumps(r["settings"])) for r in rows):
        of = [r for r in rows if (r["env"], json.dumps(r["settings"])) == key]
        levels = [r["evaluation"] for r in of]
        changes = json.loads(key[1]).items()
        named = ", ".join(f"{name} {value}" for name, value in changes) or "the kind's own"
        chosen = " (chosen)" if json.loads(key[1]) == json.loads(json.dumps(own(key[0]))) else ""
        cells.append(
            [
                key[0],
                named + chosen,
                f"{of[0]['seed']}-{of[-1]['seed']}",
                " ".join(f"{level:.0f}" for level in levels),
                f"{statistics.mean(levels):.0f}",
                f"{min(levels):.0f}",
                f"{statistics.mean(r['sampled'] for r in of):.0f}",
            ]
        )
    return "\n".join(
        [
            "# Settings that were tried",
            "",
            f"{machine()}. Made by `python benchmarks/search.py ENVIRONMENT SETTINGS`.",
            "Settings differ from those of the kind of actions. What was chosen on these seeds is"
            " judged on others, in training.md.",
            "",
            table(header, cells),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("env", choices=STEPS)
    parser.add_argument("settings", type=json.loads, help="in JSON")
    parser.add_argument("--first", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    path = RESULT.with_suffix(".json")
    rows: list[Row] = json.loads(path.read_text("utf-8")) if path.exists() else []
    for seed in range(options.first, options.first + options.seeds):
        row = short(measure(options.env, options.settings, seed))
        print(row, flush=True)
        same = (row["env"], row["settings"], seed)
        rows = [r for r in rows if (r["env"], r["settings"], r["seed"]) != same] + [row]
        lines = ",\n".join(json.dumps(r) for r in rows)
        path.write_text(f"[\n{lines}\n]\n", "utf-8")
        RESULT.with_suffix(".md").write_text(report(rows), "utf-8")


if __name__ == "__main__":
    main()
