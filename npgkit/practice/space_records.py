"""Spaces as JSON and arrays, so that a checkpoint can be used without its environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

Stored = tuple[dict[str, Any], dict[str, np.ndarray]]


def space_record(space: spaces.Space) -> Stored:
    """Return a space of a supported kind as what JSON holds, and arrays."""
    if isinstance(space, spaces.Box):
        return {"kind": "Box", "dtype": str(np.dtype(space.dtype))}, {
            "low": space.low,
            "high": space.high,
        }
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "MultiDiscrete", "dtype": str(np.dtype(space.dtype))}, {"nvec": space.nvec}
    assert isinstance(space, spaces.Discrete)
    return {"kind": "Discrete", "dtype": str(np.dtype(space.dtype)), "n": int(space.n)}, {}


def space_of(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> spaces.Space:
    """Return the space that `space_record` described.

    Raises `ValueError` for a kind that it does not know, `KeyError` for a part that is missing.
    """
    dtype = np.dtype(record["dtype"])
    if record["kind"] == "Box":
        return spaces.Box(arrays["low"], arrays["high"], dtype=dtype.type)
    if record["kind"] == "MultiDiscrete":
        return spaces.MultiDiscrete(arrays["nvec"], dtype=dtype.type)
    if record["kind"] == "Discrete":
        # Gymnasium had no dtype for these before 1.1: they were int64.
        options = {} if dtype == np.int64 else {"dtype": dtype.type}
        return spaces.Discrete(record["n"], **options)
    raise ValueError(f"kind must be Box, Discrete or MultiDiscrete; got {record['kind']!r}")
