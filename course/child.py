"""What runs a student's code: it reads requests, one JSON a line, and answers in the same way.

It runs by itself, as `python -I child.py`, and needs NumPy alone. What it writes is believed by
nobody: `decode` accepts plain data and nothing else. `encode` and the rest serve the grader, too.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import resource
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

import numpy as np

PLAIN = (bool, int, float, str)
MOST = 300_000
"""Numbers in one array."""


@dataclasses.dataclass(frozen=True)
class Product:
    """An argument that becomes the function v -> matrix @ v."""

    matrix: np.ndarray


@dataclasses.dataclass(frozen=True)
class Code:
    """An argument that becomes what `name` is once the code has run."""

    code: str
    name: str


@dataclasses.dataclass(frozen=True)
class Remote:
    """An argument that stays with the grader: the program can call some of its methods.

    Attributes
    ----------
    make : function
        Returns the object; it is called once for each question.
    methods : tuple of str
        Those that can be called; a question has one such argument at most.
    """

    make: Callable[[], Any]
    methods: tuple[str, ...]


class NotPlain(ValueError):
    """What came is no plain data."""


def encode(x: Any, depth: int = 0) -> Any:
    """Return x in what JSON can hold: numbers, text, arrays, lists, dicts and, for arguments,
    dataclasses, products, code and what stays with the grader."""
    if depth > 20:
        return {"strange": "something nested more than twenty deep"}
    if isinstance(x, np.generic):
        x = x.item()
    if x is None or type(x) in PLAIN:
        return x
    if x is Ellipsis or x is NotImplemented:
        return None
    if isinstance(x, Product):
        return {"product": encode(x.matrix)}
    if isinstance(x, Code):
        return {"code": x.code, "name": x.name}
    if isinstance(x, Remote):
        return {"remote": list(x.methods)}
    if type(x) in (list, tuple):
        return {"list": [encode(value, depth + 1) for value in x]}
    if type(x) is dict:
        return {"dict": {str(key): encode(value, depth + 1) for key, value in x.items()}}
    if isinstance(x, np.ndarray) or hasattr(type(x), "__array__"):
        a = np.array(x, subok=False)
        if a.dtype.kind == "c" and not np.any(a.imag):
            a = a.real
        if a.size > MOST:
            return {"strange": f"an array of {a.size} numbers"}
        if a.dtype.kind in "fiub":
            return {"array": a.ravel().tolist(), "shape": list(a.shape), "kind": a.dtype.kind}
        return {"strange": f"an array of {a.dtype.name}"}
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        names = [field.name for field in dataclasses.fields(x)]
        return {"fields": {name: encode(getattr(x, name), depth + 1) for name in names}}
    return {"strange": "a function" if callable(x) else f"a {type(x).__name__}"}


def decode(x: Any) -> Any:
    """Return what `encode` was given as plain data; what is strange as a `Strange`.

    Raises
    ------
    NotPlain
        If it is nothing that `encode` makes of plain data.
    """
    if x is None or type(x) in PLAIN:
        return x
    if type(x) is not dict:
        raise NotPlain(f"a bare {type(x).__name__}")
    if x.keys() == {"array", "shape", "kind"}:
        dtype = {"f": float, "i": np.int64, "u": np.int64, "b": bool}[x["kind"]]
        array = np.array(x["array"], dtype=dtype)
        if array.ndim != 1 or not all(type(size) is int and size >= 0 for size in x["shape"]):
            raise NotPlain("a crooked array")
        return array.reshape(x["shape"])
    ((key, value),) = x.items()
    if key == "list" and type(value) is list:
        return [decode(item) for item in value]
    if key == "dict" and type(value) is dict:
        return {name: decode(item) for name, item in value.items()}
    if key == "fields" and type(value) is dict:
        return Strange("an object of a class")
    if key == "strange" and type(value) is str:
        return Strange(value[:80])
    raise NotPlain(f"an unknown {key!r:.40}")


class Strange:
    """Stands for an answer that is no plain data."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class Grader:
    """The grader, at the other end of two pipes: a line goes there, and a line comes back."""

    def __init__(self) -> None:
        # The two pipes move out of the way of `input` and `print`.
        self.questions, self.answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)

    def hear(self) -> Any:
        """Return what a line holds; the end of the lines is the end."""
        line = self.questions.readline()
        if not line:
            os._exit(0)
        return json.loads(line)

    def say(self, what: dict[str, Any]) -> None:
        """Send a line."""
        self.answers.write(json.dumps(what).encode() + b"\n")
        self.answers.flush()

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Return what a method of the grader's object returns.

        Raises
        ------
        RuntimeError
            If it raises there.
        """
        given = {key: encode(x) for key, x in named.items()}
        self.say({"call": name, "arguments": [encode(x) for x in arguments], "named": given})
        reply = self.hear()
        if "raises" in reply:
            raise RuntimeError(reply["raises"])
        value = decode(reply["value"])
        return tuple(value) if type(value) is list else value


class Offered:
    """Stands for an object that is the grader's, and has those of its methods that are offered."""

    def __init__(self, methods: list[str], grader: Grader) -> None:
        vars(self).update({name: functools.partial(grader.call, name) for name in methods})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this object has no {name!r:.40}: it has {', '.join(vars(self))}")


def _argument(x: Any, grader: Grader) -> Any:
    """Return an argument: plain data, or an object, a product, a function from code."""
    if type(x) is dict:
        if "product" in x:
            matrix = decode(x["product"])
            return lambda v: matrix @ v
        if "code" in x:
            space: dict[str, Any] = {"np": np}
            exec(x["code"], space)
            return space[x["name"]]
        if "remote" in x:
            return Offered(x["remote"], grader)
        if "fields" in x:
            fields = {name: _argument(value, grader) for name, value in x["fields"].items()}
            return types.SimpleNamespace(**fields)
        if "list" in x:
            return [_argument(item, grader) for item in x["list"]]
    return decode(x)


def _told(error: BaseException, cell: str) -> str:
    """Return an exception as a sentence, with the line of the student's code."""
    try:
        message = str(error)[:300]
    except BaseException:
        message = "(its message cannot be printed)"
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename[:5] == "<cell"
    ]
    where = f" (line {lines[-1]} of {cell})" if lines and lines[-1] else ""
    if isinstance(error, SyntaxError):
        where = f" (line {error.lineno} of {cell})"
        message = error.msg
    return f"{type(error).__name__}{': ' if message else ''}{message}{where}"


def _run_cell(source: str, label: str, space: dict[str, Any]) -> str:
    """Run a cell; return what went wrong, if anything did. Lines for IPython are left out."""
    try:
        try:
            code = compile(source, f"<cell {label}>", "exec")
        except SyntaxError:
            lines = [
                line[: len(line) - len(line.lstrip())] + "pass"
                if line.lstrip().startswith(("%", "!"))
                else line
                for line in source.split("\n")
            ]
            code = compile("\n".join(lines), f"<cell {label}>", "exec")
        exec(code, space)
    except BaseException as error:  # sys.exit, too
        return _told(error, label)
    return ""


def _answer(request: dict[str, Any], space: dict[str, Any], grader: Grader) -> dict[str, Any]:
    """Look up a name, or call it; a dotted name is a method of what the class makes."""
    name = request["ask"]
    first, *rest = name.split(".")
    if first not in space or space[first] is Ellipsis:
        return {"missing": True}
    found = space[first]
    try:
        for attribute in rest:
            if isinstance(found, type):
                found = found()
            found = getattr(found, attribute, None)
        if found is None and rest:
            return {"missing": True}
        if "arguments" in request:
            found = found(*[_argument(x, grader) for x in request["arguments"]])
        if found is Ellipsis or found is NotImplemented:
            return {"missing": True}
        return {"value": encode(found)}
    except NotImplementedError:
        return {"missing": True}
    except BaseException as error:
        return {"raises": _told(error, "your code")}


def limit(limits: dict[str, int]) -> None:
    """Set the limits on this process, for good: it cannot raise them again."""
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            try:
                resource.setrlimit(kind, (most, most))
            except (ValueError, OSError):  # macOS knows RLIMIT_AS and does not keep it
                continue


def main() -> None:
    """Answer until the requests end."""
    grader = Grader()
    start = grader.hear()
    sys.path[:0] = start["path"]
    sys.modules.update(dict.fromkeys(start["without"]))
    # Matplotlib tells of its list of fonts by a timer, which is a thread.
    threading.Timer.start = lambda self: None  # type: ignore[method-assign]
    limit(start["limits"])
    grader.say({"hello": True})
    grader.hear()
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    errors = {}
    for label, source in start["cells"]:
        if said := _run_cell(source, label, space):
            errors[label] = said
    reply: dict[str, Any] = {"ready": errors}
    while True:
        grader.say(reply)
        reply = _answer(grader.hear(), space, grader)


if __name__ == "__main__":
    main()
