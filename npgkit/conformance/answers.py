"""What comes back from an adapter, whatever it is, and what does not come back.

An adapter is somebody else's program: it may raise, print, change what it is handed, return lists
or tensors, or not return. Each of these has a sentence, and none stops the others.
"""

from __future__ import annotations

import contextlib
import io
import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np


class BadAnswer(Exception):
    """An answer that cannot be read as numbers of the right shape; the message says why."""


@dataclass
class Answer:
    """One answer.

    Attributes
    ----------
    value : array, or None where there is none
    problem : str
        Why there is none.
    notes : list of str
        What a user should know though it is no fault: a list for an array, inputs changed.
    is_single : bool
        Whether it came in single precision.
    """

    value: np.ndarray | None = None
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    is_single: bool = False


def ask(call: Callable[..., Any], arguments: tuple[Any, ...], shape: tuple[int, ...]) -> Answer:
    """Return what a method answers to arguments, which are not handed to anybody else."""
    before = [_arrays(argument) for argument in arguments]
    before = [{name: array.copy() for name, array in arrays.items()} for arrays in before]
    answer = Answer()
    try:
        with np.errstate(all="ignore"):
            raw = call(*arguments)
        answer.value, answer.is_single = read(raw, shape, answer.notes)
    except BadAnswer as error:
        answer.problem = str(error)
    except ArithmeticError as error:  # as NumPy's NaN: a diagnosis says where it comes from
        answer.value = np.full(shape, np.nan)
        answer.notes.append(_raised(error))
    except BaseException as error:  # whatever it is, the other answers are wanted
        answer.problem = _raised(error)
    for argument, arrays in zip(arguments, before, strict=True):
        after = _arrays(argument)
        for name, array in arrays.items():
            if name not in after or not np.array_equal(after[name], array, equal_nan=True):
                answer.notes.append(f"it changes {name} in place (each call gets a copy)")
    return answer


def read(raw: Any, shape: tuple[int, ...], notes: list[str]) -> tuple[np.ndarray, bool]:
    """Return what came as an array of a shape, and whether it was in single precision."""
    value = raw
    for name in ("detach", "cpu"):  # as tensors of torch have them
        if callable(getattr(value, name, None)):
            value = getattr(value, name)()
    if isinstance(raw, list | tuple):
        notes.append(f"a {type(raw).__name__} came where an array was expected; it was read as one")
    if raw is None:
        raise BadAnswer("it returns None")
    try:
        array = np.asarray(value)
    except BaseException as error:
        raise BadAnswer(
            f"it returns a {type(raw).__name__} that NumPy cannot read: {error}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise BadAnswer(f"it returns {_kind(raw, array)}, not real numbers")
    if array.shape != shape:
        if array.squeeze().shape != tuple(size for size in shape if size != 1):
            raise BadAnswer(f"it returns the shape {array.shape}; expected {shape}")
        notes.append(f"the shape {array.shape} came where {shape} was expected")
    is_single = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    return array.astype(float).reshape(shape), is_single


def _kind(raw: Any, array: np.ndarray) -> str:
    return (
        f"a {type(raw).__name__}"
        if array.dtype.kind == "O"
        else f"{array.dtype.type.__name__} values"
    )


def _raised(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"line {place.lineno} of {place.filename.rpartition('/')[2]}, in {place.name}"
    try:
        said = str(error)
    except BaseException:
        said = "(its message cannot be printed)"
    said = said if len(said) <= 200 else said[:197] + "..."
    return f"it raises {type(error).__name__}{': ' if said else ''}{said} ({where})"


def _arrays(argument: Any) -> dict[str, np.ndarray]:
    """Return the arrays that an argument holds, by the names that an adapter knows them by."""
    if isinstance(argument, np.ndarray):
        return {"an array": argument}
    if not is_dataclass(argument) or isinstance(argument, type):
        return {}
    found: dict[str, np.ndarray] = {}
    for one in fields(argument):
        value = getattr(argument, one.name, None)
        if isinstance(value, np.ndarray):
            found[f"case.{one.name}"] = value
        elif is_dataclass(value):
            found |= {f"case.{one.name}{name[4:]}": v for name, v in _arrays(value).items()}
        elif isinstance(value, list):
            for layer, (W, b) in enumerate(value):
                found |= {f"case.layers[{layer}][0]": W, f"case.layers[{layer}][1]": b}
    return found


class _Counting(io.TextIOBase):
    """Takes what is printed and keeps its length alone."""

    length = 0

    def write(self, text: str) -> int:
        self.length += len(text)
        return len(text)


def within(seconds: float, work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what `work` returns and how many characters it printed.

    Raises
    ------
    TimeoutError
        If there is nothing after so many seconds; its thread is left to itself.
    """
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, work()))
        except BaseException as error:
            answers.put((False, error))

    sink = _Counting()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        threading.Thread(target=run, daemon=True, name="npgkit conformance").start()
        try:
            worked, result = answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"it gives no answer within {seconds:g} seconds") from None
    if not worked:
        raise result
    return result, sink.length
