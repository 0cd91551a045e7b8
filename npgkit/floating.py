"""Floating point: how precise the inputs are, and the caller's error settings kept out.

Tolerances and stopping rules follow from the precision of what came in. A result's dtype does not
tell it: a product of float32 and float64 is float64, and as precise as float32.

Underflow to 0 and overflow to infinity are part of the formulas here (a saturated softmax, a trial
of a line search that goes too far), and every result says what became of them. Under
`np.seterr(all="raise")` they would raise from the middle of a formula; so public functions run
with NumPy's signals off, by `quiet`, whatever the caller has set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")
Class = TypeVar("Class", bound=type)

_NUMPY_1 = np.lib.NumpyVersion(np.__version__) < "2.0.0"


def coarsest_eps(*values: Any) -> float:
    """Return the largest machine epsilon among the values' dtypes, at least that of float64.

    `values` are arrays, dtypes, or anything with a `dtype`; what has none, and integers, are exact.
    """
    dtypes = [getattr(value, "dtype", value) for value in values]
    return max(
        (float(np.finfo(dtype).eps) for dtype in dtypes if getattr(dtype, "kind", "") == "f"),
        default=float(np.finfo(np.float64).eps),
    )


def quiet(function: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Return `function` run with NumPy's floating-point signals off, whatever the caller has set.

    In NumPy 2 `np.errstate` is such a decorator, and a fast one (0.4 us a call). In NumPy 1 it
    keeps the state to restore in itself, so that nested calls would leave the wrong one behind:
    there each call gets its own.
    """
    if not _NUMPY_1:
        return np.errstate(all="ignore")(function)

    @functools.wraps(function)
    def signals_off(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return signals_off


@quiet
def _call(function: Callable[..., Returned], *args: Any) -> Returned:
    return function(*args)


def quiet_closure(function: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return `quiet(function)` for a function that is made anew at each call: cheap to make."""
    return functools.partial(_call, function)


def quiet_methods(cls: Class) -> Class:
    """Return the class with `quiet` around each public method that it defines."""
    for name, member in list(vars(cls).items()):
        if callable(member) and not name.startswith("_"):
            setattr(cls, name, quiet(member))
    return cls
