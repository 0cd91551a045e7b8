"""Feedback on the answer to an exercise: not only whether it is right, but what is wrong.

A check compares an answer with the right one and returns a `Verdict`. It looks for the mistakes
people make with gradients and Fisher matrices (a sign, a factor 2, a transpose, a missing
1 / (1 - gamma)) and names the first that explains the answer *completely*; if no single mistake
does, it says how far off the answer is and where. No check raises an exception because of the
answer, whatever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npgkit.lab.exercises import mistakes
from npgkit.lab.exercises.mistakes import Array

Hint = tuple[Callable[[Any], Any], str]


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes
    ----------
    ok : bool
        Whether the answer is right. An exercise not yet answered is not.
    message : str
        One or two sentences, for the reader.
    answered : bool
        False where the place for the answer is still empty.
    """

    ok: bool
    message: str
    answered: bool = True

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        mark = "right" if self.ok else "not yet" if self.answered else "open"
        return f"[{mark}] {self.message}"


def array(
    answer: Any,
    expected: ArrayLike,
    *,
    name: str = "your answer",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    gamma: float | None = None,
    hints: Iterable[Hint] = (),
) -> Verdict:
    """Compare an array (or a number) with the right one.

    Parameters
    ----------
    answer : Any
        Whatever the reader wrote; ``...`` or NotImplemented counts as not answered, None as wrong.
    expected : array_like
    name : str
        What the answer is called in the message: ``"grad"``.
    rtol, atol : float
        Each entry must lie within ``atol * scale + rtol * |expected|``, where scale is the
        largest entry of `expected` in absolute value (or 1 if that is 0).
    gamma : float, optional
        If given, factors of 1 - gamma and gamma are looked for too.
    hints : sequence of (predicate, message)
        The mistakes that belong to this exercise: a predicate gets the answer as an array, and
        where it says True, its message is the verdict. Tried only on wrong answers, and first.

    Examples
    --------
    >>> array([2.0, 4.0], [1.0, 2.0], name="grad")
    [not yet] grad is 2 times the right answer: look for a factor 2.
    """
    if _empty(answer):
        return _open(name)
    right = np.asarray(expected, dtype=float)
    if not np.all(np.isfinite(right)):
        raise ValueError(f"expected must be finite; got {expected!r}")
    given, complaint = _numbers(answer, name)
    if given is None:
        return Verdict(False, complaint)
    if given.shape == right.shape and mistakes.close(given, right, rtol, atol):
        return Verdict(True, f"{name} is right.")
    hint = _first_hint(given, hints)
    if hint:
        return Verdict(False, hint)
    if given.shape != right.shape:
        told = mistakes.wrong_shape(given, right, rtol, atol)
    elif not np.all(np.isfinite(given)):
        told = mistakes.not_finite(given)
    else:
        told = mistakes.explain(given, right, rtol, atol, gamma)
    return Verdict(False, f"{name} {told}")


def number(answer: Any, expected: float, **kwargs: Any) -> Verdict:
    """Compare a single number with the right one; the keywords are those of `array`."""
    return array(answer, float(expected), **kwargs)


def policy(
    answer: Any,
    expected: ArrayLike,
    *,
    name: str = "your policy",
    hints: Iterable[Hint] = (),
) -> Verdict:
    """Compare a table of probabilities, shape (S, A) or (A,), with the right one.

    If the rows are not probabilities, the verdict says so before anything else.
    """
    if _empty(answer):
        return _open(name)
    given, complaint = _numbers(answer, name)
    if given is None:
        return Verdict(False, complaint)
    broken = mistakes.no_distribution(given, np.shape(expected))
    if broken:
        return Verdict(False, f"{name} {broken}")
    return array(given, expected, name=name, hints=hints)


def function(
    answer: Any,
    reference: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    *,
    name: str = "your function",
    check: Callable[..., Verdict] = array,
    **kwargs: Any,
) -> Verdict:
    """Call the reader's function and the right one on the same cases, and compare.

    Parameters
    ----------
    answer : callable
        The reader's function. If it returns ``...`` or NotImplemented, or raises
        NotImplementedError, it counts as not answered; if it returns None, a return is missing.
    reference : callable
        The right one.
    cases : sequence of tuples
        The arguments of each call. Arrays are copied, so that a function that writes into its
        arguments is caught without changing the cases.
    check : callable
        `array` or `policy`: how to compare two results; `kwargs` go to it.
    """
    if _empty(answer):
        return _open(name)
    if not callable(answer):
        kind = "None" if answer is None else _kind(answer)
        return Verdict(False, f"{name} is {kind}, not a function.")
    if len(cases) == 0:
        raise ValueError("cases must hold at least one tuple of arguments")
    for k, case in enumerate(cases, start=1):
        arguments = [np.array(x) if isinstance(x, np.ndarray) else x for x in case]
        try:
            result = answer(*arguments)
        except NotImplementedError:
            return _open(name)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return Verdict(False, f"{name} stopped on case {k} with {what}")
        touched = [
            j
            for j, (x, y) in enumerate(zip(case, arguments, strict=True), start=1)
            if isinstance(x, np.ndarray) and not np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        ]
        if touched:
            return Verdict(False, f"{name} changes its argument {touched[0]}; return a new array.")
        if _empty(result):
            return _open(name)
        label = name if len(cases) == 1 else f"{name} (case {k} of {len(cases)})"
        if result is None:
            return Verdict(False, f"{label} returns None: is a return missing?")
        verdict = check(result, reference(*case), name=label, **kwargs)
        if not verdict.ok:
            return verdict
    plural = "the case" if len(cases) == 1 else f"all {len(cases)} cases"
    return Verdict(True, f"{name} is right on {plural}.")


def true(
    answer: Any, *conditions: tuple[Callable[[Any], Any], str], name: str = "your answer"
) -> Verdict:
    """Check an answer that has many right values: every condition must hold.

    Each condition is a predicate and the sentence for the reader for whom it fails. They are
    tried in order; a predicate that raises on a strange answer counts as failed.
    """
    if _empty(answer):
        return _open(name)
    if not conditions:
        raise ValueError("true needs at least one condition")
    if answer is None:
        return Verdict(False, f"{name} is None: its value is missing.")
    for predicate, sentence in conditions:
        if not _holds(predicate, answer):
            return Verdict(False, sentence)
    return Verdict(True, f"{name} is right.")


def _empty(answer: Any) -> bool:
    return answer is Ellipsis or answer is NotImplemented


def _open(name: str) -> Verdict:
    return Verdict(False, f"{name}: not answered yet.", answered=False)


def _kind(answer: Any) -> str:
    word = type(answer).__name__
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def _numbers(answer: Any, name: str) -> tuple[Array | None, str]:
    """Return the answer as real numbers, or None and what is wrong with it."""
    if answer is None:
        return None, f"{name} is None: its value is missing."
    if callable(answer):
        return None, f"{name} is a function; call it to get its value."
    try:
        given = np.asarray(answer)
    except Exception:
        return None, f"{name} is {_kind(answer)}, which is no array of numbers."
    if given.dtype.kind == "c":
        if np.any(given.imag != 0):
            return None, f"{name} has complex entries; the right answer is real."
        given = given.real
    if given.dtype.kind not in "fiu":
        return None, f"{name} is {_kind(answer)}, which is no array of numbers."
    return given.astype(float), ""


def _holds(predicate: Callable[[Any], Any], value: Any) -> bool:
    try:
        return bool(predicate(value))
    except Exception:
        return False


def _first_hint(given: Array, hints: Iterable[Hint]) -> str:
    return next((message for predicate, message in hints if _holds(predicate, given.copy())), "")
