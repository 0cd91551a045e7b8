"""Checks on what a caller hands in: one clear `ValueError` that names the argument and what came.

Bad calls raise here, before anything is computed. Bad numerics (negative curvature, a step that is
refused) are not errors: they come back as results with a reason.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .floating import coarsest_eps

Shape = tuple[int | str | None, ...]


def as_floats(name: str, value: Any, shape: Shape | None = None) -> np.ndarray:
    """Return `value` as a finite float array; float32 stays float32, all else becomes float64.

    `shape` holds the length of each axis: an integer must match, a name or None takes any length.
    """
    try:
        array = np.asarray(value)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64, casting="safe" if array.dtype.kind in "iufb" else "no")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers; got {_brief(value)}") from error
    require_shape(name, array, shape)
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        where = f"{name}[{', '.join(map(str, index))}]" if index else name
        raise ValueError(f"{where} is {array[index]}; every entry of {name} must be finite")
    return array


def as_indices(name: str, value: Any, size: int, shape: Shape | None = None) -> np.ndarray:
    """Return `value` as an integer array with entries in [0, size)."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers; got dtype {array.dtype}")
    require_shape(name, array, shape)
    outside = (array < 0) | (array >= size)
    if outside.any():
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(f"{name}{list(index)} is {array[index]}; expected 0 <= {name} < {size}")
    return array


def as_flags(name: str, value: Any, shape: Shape | None = None) -> np.ndarray:
    """Return `value` as an array of bool; the numbers 0 and 1 are accepted."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold booleans; got {_brief(value)}")
    require_shape(name, array, shape)
    other = (array != 0) & (array != 1)
    if other.any():
        index = tuple(int(i) for i in np.argwhere(other)[0])
        raise ValueError(f"{name}{list(index)} is {array[index]}; expected a boolean, 0 or 1")
    return array.astype(bool)


def require_shape(name: str, array: np.ndarray, shape: Shape | None) -> None:
    """Raise unless `array` has the shape asked for."""
    if shape is None:
        return
    fits = array.ndim == len(shape) and all(
        not isinstance(want, int) or have == want
        for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if s is None else str(s) for s in shape)
        comma = "," if len(shape) == 1 else ""
        raise ValueError(f"{name} must have shape ({wanted}{comma}); got {array.shape}")


def as_distribution(
    name: str, value: Any, shape: Shape, *, dtype: type[np.float64] | None = None
) -> np.ndarray:
    """Return `value` as probabilities: non-negative and summing to 1 along the last axis.

    How near to 1 a sum has to be follows from the precision that the entries can have. Those in
    float64 may have been computed in float32: rows that are off by no more than float32's rounding
    are divided by their sums. `dtype=np.float64` makes the result float64, and its rows sum to 1
    up to the rounding of float64.
    """
    array = as_floats(name, value, shape)
    negative = np.argwhere(array < 0)
    if negative.size:
        index = tuple(int(i) for i in negative[0])
        raise ValueError(f"{name}{list(index)} is {array[index]:g}; probabilities are not negative")
    total = array.sum(axis=-1, dtype=np.float64)
    error, tolerance = np.abs(total - 1.0), _sum_tolerance(np.asarray(value).dtype)
    if (error > tolerance).any():
        index = tuple(int(i) for i in np.argwhere(error > tolerance)[0])
        where = f"{name}{list(index)}" if index else name
        raise ValueError(f"{where} sums to {total[index]:.10g}; probabilities must sum to 1")
    array = array.astype(dtype or array.dtype, copy=False)
    eps = float(np.finfo(np.float64).eps)
    off = error > (np.sqrt(eps) if dtype is None else (8 + array.shape[-1]) * eps)
    if array.dtype == np.float64 and off.any():
        array = np.where(off[..., None], array / total[..., None], array)
    return array


def _sum_tolerance(dtype: np.dtype) -> float:
    """Return by how much a sum of probabilities of this dtype may miss 1.

    sqrt(eps) of float32 and narrower, as in NumPy's own checks. In float64 a few eps of float32:
    rounding the entries costs half an eps, the sum that normalised them a few.
    """
    eps32 = float(np.finfo(np.float32).eps)
    eps = coarsest_eps(dtype)
    return 16 * eps32 if eps < eps32 else float(np.sqrt(eps))


def as_scalar(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return `value` as a finite float within the bounds; strings and booleans are rejected."""
    limits = {">": above, ">=": at_least, "<": below, "<=": at_most}
    bounds = [f"{sign} {bound:g}" for sign, bound in limits.items() if bound is not None]
    wanted = f"a finite number {' and '.join(bounds)}".strip()
    try:
        if isinstance(value, str | bytes | bool | np.bool_):
            raise TypeError("not a number, though float() would take it")
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be {wanted}; got {_brief(value)}") from error
    inside = (
        np.isfinite(number)
        and (above is None or number > above)
        and (at_least is None or number >= at_least)
        and (below is None or number < below)
        and (at_most is None or number <= at_most)
    )
    if not inside:
        raise ValueError(f"{name} must be {wanted}; got {number:g}")
    return number


def as_count(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`; 3.0 is accepted, 2.5 is not."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if whole and value >= at_least:
        return int(value)  # not through a float, which cannot tell apart integers above 2^53
    number = as_scalar(name, value, at_least=at_least)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number; got {number:g}")
    return int(number)


def as_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
    return value


def as_generator(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is a NumPy Generator; no function uses NumPy's global random state."""
    if not isinstance(value, np.random.Generator):
        raise ValueError(
            f"{name} must be a numpy.random.Generator, such as numpy.random.default_rng(0); "
            f"got {_brief(value)}"
        )
    return value


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
