"""A run's whole state as a checkpoint, and back.

The parts of the agent (policy, normaliser, spaces, settings) are written by the agent, those of the
environments by their pool; the rest of the state is the run's own. Everything is read and checked
before anything of the run is replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from npgkit.validation import as_count, as_floats, as_indices

from . import checkpoint
from .agent import ENVIRONMENTS
from .checkpoint import CheckpointError
from .normaliser import Normaliser
from .run import Run
from .settings import difference, settings_from


def save(run: Run, directory: Path, **more: Any) -> None:
    """Write the whole state as a checkpoint; `more` is kept in its record."""
    record, arrays = run.agent.record()
    envs, env_arrays = run.pool.snapshot()
    record |= {
        "env": run.pool.name,
        "pool": type(run.pool).__name__,
        "method": run.method,
        "seed": run.seed,
        "iteration": run.iteration,
        "env_steps": run.env_steps,
        "episodes": run.episodes,
        "rng": run.rng.bit_generator.state,
        "envs": envs,
        "moments_count": run.seen.count,
        **more,
    }
    arrays |= {
        "phi": run.value_params,
        "moments_mean": run.normaliser.mean,
        "moments_var": run.normaliser.var,
        "seen_mean": run.seen.mean,
        "seen_var": run.seen.var,
        "running_returns": run.running.returns,
        "running_lengths": run.running.lengths,
        **{f"{ENVIRONMENTS}{name}": array for name, array in env_arrays.items()},
    }
    checkpoint.save(directory, record, arrays)


def restore(run: Run, directory: Path) -> dict[str, Any]:
    """Put the run into the state in `directory` and return the checkpoint's record.

    Raises `CheckpointError` if it is damaged or belongs to another run; nothing changes then. Also
    if an environment does not come back to where it was; the run is of no use then.
    """
    record, arrays = checkpoint.load(directory)
    require_same_run(
        record, directory, env=run.pool.name, method=run.method, seed=run.seed,
        pool=type(run.pool).__name__,
    )  # fmt: skip
    try:
        other = difference(settings_from(record["settings"]), run.settings)
        if other:
            raise another_run(directory, other)
        _take_over(run, record, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(
            f"the checkpoint in {directory} does not fit this program: {error!r}"
        ) from error
    return record


def require_same_run(record: dict[str, Any], directory: Path, **mine: Any) -> None:
    """Raise `CheckpointError` where the record says otherwise than `mine`, naming the first."""
    for name, value in mine.items():
        if record.get(name) != value:
            raise another_run(directory, f"{name} is {record.get(name)!r}, not {value!r}")


def another_run(directory: Path, how: str) -> CheckpointError:
    """Return the error that says how the run of a checkpoint differs from the one wanted."""
    return CheckpointError(f"the checkpoint in {directory} is of another run: its {how}")


def _take_over(run: Run, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    def like(own: np.ndarray, name: str) -> np.ndarray:
        array = as_floats(name, arrays[name], own.shape)
        if arrays[name].dtype != own.dtype:
            raise ValueError(f"{name} has dtype {arrays[name].dtype}; expected {own.dtype}")
        return array

    theta, value_params = like(run.theta, "theta"), like(run.value_params, "phi")
    arrays = {"seen_mean": arrays["moments_mean"], "seen_var": arrays["moments_var"], **arrays}
    mean, var, seen_mean, seen_var = (
        like(run.seen.mean, name)
        for name in ("moments_mean", "moments_var", "seen_mean", "seen_var")
    )
    returns = like(run.running.returns, "running_returns")
    lengths = as_indices(
        "running_lengths", arrays["running_lengths"], 2**62, run.running.lengths.shape
    )
    counts = {
        name: as_count(name, record[name], at_least=0)
        for name in ("moments_count", "iteration", "env_steps", "episodes")
    }
    rng = np.random.default_rng(0)
    rng.bit_generator.state = record["rng"]
    env_arrays = {
        k.removeprefix(ENVIRONMENTS): a for k, a in arrays.items() if k.startswith(ENVIRONMENTS)
    }
    anew = run.pool.restore((record["envs"], env_arrays))
    returns[anew] = lengths[anew] = 0
    run.theta, run.value_params, run.rng = theta, value_params, rng
    run.normaliser = Normaliser(counts["moments_count"], mean, var)
    run.seen = Normaliser(counts["moments_count"], seen_mean, seen_var)
    run.running.returns, run.running.lengths = returns, lengths
    run.iteration, run.env_steps = counts["iteration"], counts["env_steps"]
    run.episodes = counts["episodes"]
