"""Test a reader's test: it must pass the right program, and is told which wrong ones it misses.

A test is a function of a program, a module with the functions of the right one. It fails a program
by an AssertionError or by returning False, as a test does, and passes it otherwise. Each call gets
a program made anew, so what a test does to one does not reach the next. A call that goes on longer
than `seconds` is stopped, unless it catches all exceptions, which nothing here can stop; of a call
into a library the end is waited for.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from npgkit.lab.exercises.check import Verdict
from npgkit.lab.zoo.exhibits import EXHIBITS, Exhibit, right_program

PASSES, FAILS, OPEN = "passes", "fails", "open"
NAMED = 3
"""How many missed exhibits are told by their titles."""


class Trouble(Exception):
    """What a test did that no test should do, in words that go on after its name."""


class TimeIsUp(BaseException):
    """Raised inside a test that goes on for too long."""


def check_test(
    test: Any, *, catch: Iterable[int] | None = None, name: str = "", seconds: float = 10.0
) -> Verdict:
    """Say in words whether a test passes the right program, and which exhibits it misses.

    Parameters
    ----------
    test : callable
        Called with a program; ``...``, or a function that returns ``...``, is not answered yet.
    catch : iterable of int, optional
        The exhibits that it has to catch; without it all twelve.
    name : str
        What the test is called in the message, if not by its own name.
    seconds : float
        How long one call may take.
    """
    name = name or getattr(test, "__name__", "my_test")
    if test is Ellipsis or test is NotImplemented:
        return Verdict(False, f"{name}: not answered yet.", answered=False)
    if not callable(test):
        return Verdict(False, f"{name} is no function; write def {name}(program).")
    asked = set(range(1, len(EXHIBITS) + 1) if catch is None else catch)
    try:
        first = outcome(test, right_program(), seconds)
        if first == OPEN:
            return Verdict(False, f"{name}: not answered yet.", answered=False)
        if first != PASSES:
            return Verdict(False, f"{name} fails the right program{first.removeprefix(FAILS)}.")
        caught = caught_by(test, seconds)
        if outcome(test, right_program(), seconds) != PASSES:
            raise Trouble("passes the right program once and fails it the next time: it remembers"
                          " something, or draws without a seed")  # fmt: skip
    except Trouble as trouble:
        return Verdict(False, f"{name} {trouble}.")
    missed = [EXHIBITS[number - 1] for number in sorted(asked) if number not in caught]
    return Verdict(not missed, f"{name} passes the right program{_told(caught, missed)}")


def caught_by(test: Callable[[ModuleType], Any], seconds: float = 10.0) -> list[int]:
    """Return the numbers of the exhibits that a test fails."""
    caught = []
    for exhibit in EXHIBITS:
        try:
            if outcome(test, exhibit.program(), seconds) != PASSES:
                caught.append(exhibit.number)
        except Trouble as trouble:
            raise Trouble(f"{trouble} (exhibit {exhibit.number})") from None
    return caught


def outcome(test: Callable[[ModuleType], Any], program: ModuleType, seconds: float) -> str:
    """Call a test with a program: it passes, fails (with its reason), or is not written yet."""
    before = _parts(program)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = _limited(test, program, seconds)
    except AssertionError as error:
        result, reason = False, f": {error}" if str(error) else ""
    except NotImplementedError:
        return OPEN
    except TimeIsUp:
        raise Trouble(f"does not end within {seconds:g} seconds") from None
    except (Exception, SystemExit) as error:
        raise Trouble(
            f"stops with {type(error).__name__}: {error}. That is an accident, not a verdict:"
            " assert what should hold"
        ) from None
    else:
        reason = ""
    after = _parts(program)
    touched = [part for part in before | after if after.get(part) is not before.get(part)]
    if touched:
        raise Trouble(f"changes {touched[-1]} of the program, and then tests another program")
    if result is Ellipsis or result is NotImplemented:
        return OPEN
    if result is not None and not isinstance(result, bool | np.bool_):
        raise Trouble(f"returns {type(result).__name__}: assert, or return True or False")
    return PASSES if result is None or result else f"{FAILS}{reason}"


def _limited(test: Callable[[ModuleType], Any], program: ModuleType, seconds: float) -> Any:
    """Call a test, with a look at the clock before each line, and within the reader's own lines."""
    end, tracer = time.monotonic() + seconds, sys.gettrace()
    own = getattr(test, "__globals__", None)

    def look(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > end:
            raise TimeIsUp
        # A loop of one line has no next line.
        frame.f_trace_opcodes = frame.f_globals is own
        return look

    sys.settrace(look)
    try:
        return test(program)
    finally:
        sys.settrace(tracer)


def _parts(program: ModuleType) -> dict[str, Any]:
    """The program's functions, and those of its classes."""
    parts = {name: value for name, value in vars(program).items() if name[:2] != "__"}
    for name, value in list(parts.items()):
        if isinstance(value, type):
            parts |= {f"{name}.{inner}": method for inner, method in vars(value).items()}
    return parts


def _told(caught: list[int], missed: list[Exhibit]) -> str:
    caught_words = f"catches {_listed(caught)}" if caught else "catches none of the twelve"
    if not missed:
        return f" and {caught_words}."
    numbers = _listed([exhibit.number for exhibit in missed])
    if len(missed) <= NAMED:
        numbers += f" ({'; '.join(exhibit.title for exhibit in missed)})"
    if not caught:
        return f" and {caught_words}."
    return f", {caught_words}, and misses {numbers}."


def _listed(numbers: list[int]) -> str:
    plural = "exhibit" if len(numbers) == 1 else "exhibits"
    *first, last = map(str, numbers)
    return f"{plural} {', '.join(first)}{' and ' if first else ''}{last}"
