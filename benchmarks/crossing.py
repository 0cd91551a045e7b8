"""Measure where forming the Fisher matrix stops being worth it (chapter 8 of the book).

    OPENBLAS_NUM_THREADS=1 python benchmarks/crossing.py [--largest-dense 10000]

Gaussian policies with tanh networks of growing size, on one batch of observations. For each, the
seconds of processor time for one Fisher-vector product; for conjugate gradients, ten iterations
with damping 0.1 and down to a residual of 1e-8 with damping 0.1 and 0.001; and for the dense
route: forming F + damping I, then solving with it. Beside the seconds: the largest eigenvalue of
F, the iterations, and how far ten of them get, in the norm of F + damping I. Writes
book/data/crossing.json, which chapter 8 reads. The whole takes about four minutes and, for the
largest matrix, 4 GB; beyond it the dense route is not run, and the reference is the solution of
conjugate gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = "OPENBLAS_NUM_THREADS"
os.environ.setdefault(THREADS, "1")  # read when NumPy is loaded

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import npgkit  # noqa: E402

RESULT = ROOT / "book" / "data" / "crossing.json"
ROWS, INPUTS, ACTIONS, SEED = 2048, 11, 3, 0
DAMPING, LIGHT_DAMPING = 0.1, 1e-3
HIDDEN = ((1,), (2,), (6, 6), (12, 12), (25, 25), (47, 47), (92, 92), (168, 168), (308, 308))
TOLERANCE, FEW, POWERS = 1e-8, 10, 60
LEAST_SECONDS = 0.5  # a measurement is repeated for so long, and the fastest run counts


def problem(hidden: tuple[int, ...]) -> tuple[npgkit.Policy, np.ndarray, npgkit.Batch]:
    """Return a Gaussian policy on a tanh network, its theta, and a batch of sampled actions.

    The advantages prefer actions near the sine of the observations, which are normal random
    numbers. The last layer's weights, which `init` draws a hundred times smaller than those of the
    others, are multiplied by 100, so that all layers move the policy.
    """
    rng = np.random.default_rng(SEED)
    mlp = npgkit.MLP(INPUTS, hidden, ACTIONS)
    network = npgkit.WithFreeOutputs(mlp, ACTIONS)
    policy = npgkit.Policy(network, npgkit.DiagGaussian(ACTIONS))
    theta = policy.init(rng)
    last, _ = mlp.unpack(theta[: mlp.n_params])[-1]
    last *= 100
    obs = rng.normal(size=(ROWS, INPUTS))
    act = policy.sample(theta, obs, rng)
    adv = -((act - np.sin(obs[:, :ACTIONS])) ** 2).sum(axis=1)
    return policy, theta, npgkit.Batch(obs, act, (adv - adv.mean()) / adv.std())


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of the fastest of several runs, and what it returned."""
    times: list[float] = []
    while not times or sum(times) < LEAST_SECONDS:
        start = time.process_time()
        result = run()
        times.append(time.process_time() - start)
    return min(times), result


def measure(hidden: tuple[int, ...], largest_dense: int) -> dict[str, Any]:
    """Return the row of the table for networks with layers of these sizes."""
    policy, theta, batch = problem(hidden)
    g = npgkit.policy_gradient(policy, theta, batch)

    def operator(damping: float = DAMPING) -> npgkit.FisherOperator:  # runs the network forward
        return npgkit.FisherOperator(policy, theta, batch, damping)

    F = operator()
    row: dict[str, Any] = {"n": policy.n_params, "hidden": list(hidden)}
    row["f_max"] = largest_eigenvalue(operator(0.0), g)
    row["product"], _ = seconds(lambda: F @ g)
    row["cg_few"], few = seconds(
        lambda: npgkit.conjugate_gradient(operator(), g, max_iter=FEW),
    )
    row["cg_solved"], solved = seconds(
        lambda: npgkit.conjugate_gradient(operator(), g, rtol=TOLERANCE),
    )
    row["iterations"] = solved.iterations
    row["cg_light"], light = seconds(
        lambda: npgkit.conjugate_gradient(operator(LIGHT_DAMPING), g, rtol=TOLERANCE),
    )
    row["iterations_light"] = light.iterations
    exact = solved.x
    if policy.n_params <= largest_dense:
        row["form"], matrix = seconds(lambda: operator().dense())
        row["solve"], exact = seconds(lambda: np.linalg.solve(matrix, g))
        row["error_solved"] = relative_error(F, solved.x, exact)
    row["error_few"] = relative_error(F, few.x, exact)
    row["gain_few"] = gain_share(F, g, few.x, exact)
    return row


def largest_eigenvalue(F: npgkit.FisherOperator, start: np.ndarray) -> float:
    """Return the largest eigenvalue of F that the start meets, by the power method."""
    v, value = start, 0.0
    for _ in range(POWERS):
        v = v / np.linalg.norm(v)
        Fv = F @ v
        v, value = Fv, float(v @ Fv)
    return value


def relative_error(F: npgkit.FisherOperator, x: np.ndarray, exact: np.ndarray) -> float:
    """Return the length of x - exact over that of exact, both measured with F."""
    off = x - exact
    return float(np.sqrt((off @ (F @ off)) / (exact @ (F @ exact))))


def gain_share(F: npgkit.FisherOperator, g: np.ndarray, x: np.ndarray, exact: np.ndarray) -> float:
    """Return the share of the predicted gain that the direction x keeps at equal x'Fx."""
    return float((g @ x) / np.sqrt((x @ (F @ x)) * (g @ exact)))


def machine() -> dict[str, Any]:
    """Say where the numbers come from."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor() or platform.machine(),
    )
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": cpu,
        "cores": os.cpu_count(),
        "blas_threads": int(os.environ[THREADS]),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--largest-dense", type=int, default=10_000)
    largest_dense = parser.parse_args().largest_dense
    runs = []
    for hidden in HIDDEN:
        runs.append(measure(hidden, largest_dense))
        print(
            {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in runs[-1].items()}, flush=True
        )
    table = {
        "command": f"{THREADS}=1 python benchmarks/crossing.py --largest-dense {largest_dense}",
        "unit": "seconds of processor time, the fastest run",
        "machine": machine(),
        "setting": {
            "rows": ROWS,
            "inputs": INPUTS,
            "actions": ACTIONS,
            "outputs": 2 * ACTIONS,
            "damping": DAMPING,
            "light_damping": LIGHT_DAMPING,
            "dtype": "float64",
            "tolerance": TOLERANCE,
            "few": FEW,
        },
        "runs": runs,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
