"""How a wrong answer differs from the right one, in words: used by `npgkit.lab.exercises.check`.

`explain` tries common mistakes first, and names one only if it accounts for every entry, so that
the reader does not look for a mistake that is not there.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LOOK_FOR = "look for a division by zero, a logarithm of zero or a singular matrix"
"""Where NaN comes from. In a browser, NumPy inverts a singular matrix to NaN without an error."""


def _tolerance(right: Array, rtol: float, atol: float) -> Array:
    scale = float(np.max(np.abs(right), initial=0.0)) or 1.0
    return atol * scale + rtol * np.abs(right)


def close(given: Array, right: Array, rtol: float, atol: float) -> bool:
    """Say whether every entry lies within ``atol * scale + rtol * |right|``."""
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(given - right) <= _tolerance(right, rtol, atol)))


def wrong_shape(given: Array, right: Array, rtol: float, atol: float) -> str:
    told = f"has shape {given.shape}; the right answer has shape {right.shape}."
    if given.size == right.size and np.all(np.isfinite(given)):
        if close(given.reshape(right.shape), right, rtol, atol):
            return f"{told} The numbers are right: reshape them."
        if close(given.T.reshape(right.shape), right, rtol, atol):
            return f"{told} The numbers are right: transpose them."
    return told


def not_finite(given: Array) -> str:
    bad = ~np.isfinite(given)
    what = "NaN" if np.isnan(given[bad]).any() else "infinite"
    if given.ndim == 0:
        return f"is {what}: {LOOK_FOR}."
    where = ", ".join(str(int(k)) for k in np.argwhere(bad)[0])
    count = f"{int(bad.sum())} of its {given.size} entries" if bad.sum() > 1 else "one entry"
    return f"is {what} in {count}, the first at [{where}]: {LOOK_FOR}."


def explain(
    given: Array, right: Array, rtol: float, atol: float, gamma: float | None = None
) -> str:
    """Say how `given`, of the right shape and finite, differs from the right answer."""
    with np.errstate(all="ignore"):
        return _mistake(given, right, rtol, atol, gamma) or _gap(given, right, rtol, atol)


def _mistake(given: Array, right: Array, rtol: float, atol: float, gamma: float | None) -> str:
    """Return the one mistake that turns the right answer into the given one, or nothing."""
    if not np.any(given):
        return "is zero everywhere; the right answer is not."
    for wrong, words in _signs_and_transposes(right):
        if close(given, wrong, rtol, atol):
            return words
    factor = _factor(given, right, rtol, atol)
    for value, source in _known_factors(right.size, gamma):
        if factor is not None and np.isclose(factor, value, rtol=max(rtol, 1e-9), atol=0.0):
            return f"is {_short(factor)} times the right answer: look for {source}."
    for wrong, words in _wrong_functions(right):
        if close(given, wrong, rtol, atol):
            return words
    # A single number is always a multiple of another, and a factor of 1.0001 is rounding.
    if factor is not None and np.count_nonzero(right) > 1 and abs(factor - 1) > 0.01:
        return f"is {_short(factor)} times the right answer, in every entry."
    if right.size > 1:
        shift = float(np.mean(given - right))
        if close(given - shift, right, rtol, atol):
            return f"is off by the same amount, {_short(shift)}, in every entry."
        if close(np.sort(given, axis=None), np.sort(right, axis=None), rtol, atol):
            return "holds the right numbers in another order."
    return ""


def _signs_and_transposes(right: Array) -> list[tuple[Array, str]]:
    every = " in every entry" if right.size > 1 else ""
    wrong: list[tuple[Array, str]] = [(-right, f"has the right size and the wrong sign{every}.")]
    if right.ndim == 2 and right.shape[0] == right.shape[1]:
        wrong += [
            (right.T, "is the transpose of the right answer."),
            (-right.T, "is minus the transpose of the right answer."),
        ]
        if np.linalg.cond(right) < 1e12:
            inverse: Array = np.asarray(np.linalg.inv(right), dtype=float)
            wrong.append((inverse, "is the inverse of the right answer."))
    return wrong


def _wrong_functions(right: Array) -> list[tuple[Array, str]]:
    wrong: list[tuple[Array, str]] = [
        (np.abs(right), "has lost its signs: it is the absolute value of the right answer."),
        (right**2, "is the square of the right answer."),
        (np.sqrt(right), "is the square root of the right answer."),
        (1.0 / right, "is one over the right answer."),
        (np.log(right), "is the logarithm of the right answer."),
        (np.exp(right), "is the exponential of the right answer."),
    ]
    return [(candidate, words) for candidate, words in wrong if np.all(np.isfinite(candidate))]


def _factor(given: Array, right: Array, rtol: float, atol: float) -> float | None:
    """Return c if given = c right, and None otherwise."""
    square = float(np.vdot(right, right))
    if square == 0.0 or not np.isfinite(square):
        return None
    c = float(np.vdot(right, given)) / square
    if c == 0.0 or not np.isfinite(c) or not close(given / c, right, max(rtol, 1e-9), atol):
        return None
    return c


def _known_factors(size: int, gamma: float | None) -> list[tuple[float, str]]:
    known = [(2.0, "a factor 2"), (0.5, "a factor 1/2")]
    if gamma is not None:
        known += [
            (1 - gamma, "a missing 1/(1 - gamma), or one 1 - gamma too many"),
            (1 / (1 - gamma), "a missing 1 - gamma, or one 1/(1 - gamma) too many"),
            (gamma, "one gamma too many"),
            (1 / gamma, "a missing gamma"),
        ]
    if size > 2:
        known += [
            (float(size), f"a sum that should be a mean over {size} entries"),
            (1.0 / size, f"a mean that should be a sum over {size} entries"),
        ]
    return known + [(-value, f"a sign and {source}") for value, source in known]


def _gap(given: Array, right: Array, rtol: float, atol: float) -> str:
    """Say how far off an answer is and where, when no single mistake explains it."""
    error = np.abs(given - right)
    scale = float(np.max(np.abs(right), initial=0.0)) or 1.0
    relative = float(error.max()) / scale
    size = f"differs from the right answer by {_short(relative)} of its size"
    if relative < 1e-2:
        size += ": close, so look for rounding or an approximation"
    if right.ndim == 0:
        return f"{size}."
    bad = error > _tolerance(right, rtol, atol)
    worst = ", ".join(str(int(k)) for k in np.unravel_index(int(error.argmax()), error.shape))
    flipped = bad & (np.abs(given + right) <= _tolerance(right, rtol, atol))
    if np.array_equal(flipped, bad):
        return (
            f"has the wrong sign in {int(bad.sum())} of {bad.size} entries, among them [{worst}]."
        )
    if not bad.all():
        return f"{size}. {int(bad.sum())} of {bad.size} entries are wrong, most of all [{worst}]."
    return f"{size}, most of all at [{worst}]."


def no_distribution(given: Array, shape: tuple[int, ...]) -> str:
    """Say why a table of this shape is no policy; say nothing if it is one."""
    if given.shape != shape or not np.all(np.isfinite(given)) or given.ndim == 0:
        return ""  # other functions describe these
    with np.errstate(all="ignore"):
        sums = given.sum(axis=-1)
        if np.allclose(np.exp(given).sum(axis=-1), 1.0, rtol=0, atol=1e-8):
            return "holds log-probabilities; take their exponential."
    if np.any(given < 0):
        where = ", ".join(str(int(k)) for k in np.argwhere(given < 0)[0])
        return f"is no policy: the probability at [{where}] is negative."
    if np.allclose(sums, 1.0, rtol=0, atol=1e-8):
        return ""
    if given.ndim == 2 and np.allclose(given.sum(axis=0), 1.0, rtol=0, atol=1e-8):
        words = "its columns sum to 1, and its rows should: a row holds the actions of one state"
    else:
        first = int(np.argmax(~np.isclose(sums, 1.0, rtol=0, atol=1e-8))) if sums.ndim else 0
        words = f"row {first} sums to {_short(float(np.ravel(sums)[first]), 1.0)}, not to 1"
    return f"is no policy: {words}."


def _short(x: float, other: float | None = None) -> str:
    """Return three digits, or as many as it takes to tell the number from another one."""
    told = (f"{x:.{digits}g}" for digits in range(3, 18))
    return next((digits for digits in told if float(digits) != other), str(x))
