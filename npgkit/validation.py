"""Checks on what a caller hands in: one clear `ValueError` that names the argument and what came.

Layer 0. Bad calls raise here, before anything is computed; bad numerics (negative curvature, a step
that is refused) are not this module's business: they come back as results with a reason.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

Shape = tuple[int | str | None, ...]


def as_floats(name: str, value: Any, shape: Shape | None = None) -> np.ndarray:
    """Return `value` as a finite float array; float32 stays float32, all else becomes float64.

    `shape` may hold integers (required), and names or None (any length).
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
    """Return `value` as an array of bool; numbers that are 0 or 1 will do."""
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
    if shape is None or array.shape == shape:
        return
    fits = array.ndim == len(shape) and all(
        not isinstance(want, int) or have == want
        for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if s is None else str(s) for s in shape)
        comma = "," if len(shape) == 1 else ""
        raise ValueError(f"{name} must have shape ({wanted}{comma}); got {array.shape}")


def as_distribution(name: str, value: Any, shape: Shape) -> np.ndarray:
    """Return `value` as probabilities: non-negative and summing to 1 along the last axis."""
    array = as_floats(name, value, shape)
    negative = np.argwhere(array < 0)
    if negative.size:
        index = tuple(int(i) for i in negative[0])
        raise ValueError(f"{name}{list(index)} is {array[index]:g}; probabilities are not negative")
    total = array.sum(axis=-1)
    wrong = np.abs(total - 1.0) > np.sqrt(np.finfo(array.dtype).eps)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f"{name}{list(index)}" if index else name
        raise ValueError(f"{where} sums to {total[index]:.10g}; probabilities must sum to 1")
    return array


def as_scalar(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float within the bounds given; text and booleans are none."""
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in ((">", above), (">=", at_least), ("<", below))
        if bound is not None
    ]
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
    )
    if not inside:
        raise ValueError(f"{name} must be {wanted}; got {number:g}")
    return number


def as_count(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`; 3.0 is one, 2.5 is not."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if whole and value >= at_least:
        return int(value)  # not by way of a float: above 2^53 two seeds would be one
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
    """Return `value` if it is a numpy Generator: randomness is explicit here, never global."""
    if not isinstance(value, np.random.Generator):
        raise ValueError(
            f"{name} must be a numpy.random.Generator, such as numpy.random.default_rng(0); "
            f"got {_brief(value)}"
        )
    return value


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
