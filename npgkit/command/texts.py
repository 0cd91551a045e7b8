"""How numbers are printed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from npgkit.practice.run import Iteration

ROW = "{:>9}  {:>9}  {:>8}  {:>9}  {:>8}  {:>6}  {:>7}"
HEAD = ROW.format("iteration", "steps", "episodes", "return", "KL", "trials", "entropy")


def number(value: float) -> str:
    """Return a return with one decimal, or with four significant digits where that says more."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else str(value)
    return f"{value:.1f}" if value == 0 or 100 <= abs(value) < 1e7 else f"{value:.4g}"


def row(record: Iteration) -> str:
    """Return an iteration as a row below `HEAD`."""
    text = ROW.format(
        record.iteration, record.env_steps, record.episodes, number(record.mean_return),
        f"{record.kl:.5f}", record.trials, f"{record.entropy:.3f}",
    )  # fmt: skip
    return text if record.reason == "accepted" else f"{text}  {record.reason}"


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value."""
    return math.fsum(values) / len(values)
