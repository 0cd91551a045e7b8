"""A student's program as something that can be asked: a process, started again where it died."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from course import sandbox
from course.asking import Late, Missing, Unanswered
from course.child import Remote, decode, encode

MEMORY = 2 << 30
"""Bytes of address space: NumPy alone takes a few hundred million of them."""
LIMITS = {"AS": MEMORY, "FSIZE": 8 << 20, "NPROC": 0, "NOFILE": 64, "CORE": 0}
LONGEST = 8 << 20
"""Bytes of one answer."""
START = 30.0
"""Seconds for all cells to run."""
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip
CROOKED = "what came back is no answer: the program wrote over it."
FORKS = " (no process and no thread can be started here)"
HINTS = {
    "BlockingIOError": FORKS,
    "can't start new thread": FORKS,
    "MemoryError": f" (there are {MEMORY >> 30} GB)",
    "File too large": f" (what is printed or written can have {LIMITS['FSIZE'] >> 20} MB)",
    "'course' is not a package": " (the course's own files are not here)",
    "'npgkit' is not a package": " (npgkit is not here for this problem)",
    "import of course halted": " (the course's own files are not here)",
    "import of npgkit halted": " (npgkit is not here for this problem)",
    "Network is unreachable": " (there is no network here)",
    "name resolution": " (there is no network here)",
}


class SandboxFault(Exception):
    """What went wrong before any of the student's code ran."""


class Process:
    """The process of a student's cells; leave it by `close`, or as a context.

    Attributes
    ----------
    errors : dict
        What went wrong in each cell that raised.
    """

    def __init__(
        self,
        cells: Sequence[tuple[str, str]],
        seconds: float,
        patience: float = 1.0,
        with_npgkit: bool = False,
    ) -> None:
        self.cells, self.seconds, self.patience = list(cells), seconds, patience
        self.with_npgkit = with_npgkit
        self.errors: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.broken = ""
        self.left = b""

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, name: str, arguments: Sequence[Any] | None = None) -> Any:
        """Return the plain data of an answer.

        Where an argument is a `Remote`, its methods are called here, as often as the program asks
        for it within the time of the question.

        Raises
        ------
        Unanswered
            With the reason: it raised, took too long, or the process ended.
        """
        request: dict[str, Any] = {"ask": name}
        if arguments is not None:
            request["arguments"] = [encode(x) for x in arguments]
        self._start()
        remote = next((x for x in arguments or () if isinstance(x, Remote)), None)
        reply = self._exchange(request, self.seconds, remote)
        if "raises" in reply:
            raise Unanswered(f"it stopped with {_hinted(str(reply['raises'])[:500])}.")
        if "missing" in reply:
            stopped = "; ".join(f"{cell} stopped with {said}" for cell, said in self.errors.items())
            also = f", and {stopped}" if stopped else ""
            raise Missing(f"not answered yet{also}.", stopped)
        try:
            return decode(reply["value"])
        except Exception:
            self.close()
            raise Unanswered(CROOKED) from None

    def _start(self) -> None:
        """Start the process and run the cells, unless it is there."""
        if self.broken:
            raise Unanswered(self.broken)
        if self.process is not None:
            return
        box = sandbox.available()
        self.folder = tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True)
        folder = Path(self.folder.name)
        if box.uid is not None:
            folder.chmod(0o777)
        self.printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            box.command(folder, self.with_npgkit), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.printed, cwd=folder,
            env=ENVIRONMENT, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdin and self.process.stdout
        for pipe in (self.process.stdin, self.process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self.left = b""
        start = {
            "path": box.path() if self.with_npgkit else [],
            "without": ["course"] if self.with_npgkit else ["course", "npgkit"],
            "limits": LIMITS | {"CPU": 60 + 20 * math.ceil(self.seconds)},
            "cells": self.cells,
        }
        try:
            self._exchange(start, START)
        except Unanswered as why:
            raise SandboxFault(f"no process could be started for students' code: {why}") from None
        try:
            reply = self._exchange({}, START)
            errors = reply["ready"]
            self.errors = {str(k): _hinted(str(v)[:500]) for k, v in errors.items()}
        except Unanswered as why:
            self.broken = f"before anything could be asked, {why}"
            raise Unanswered(self.broken) from None
        except Exception:
            self.close()
            self.broken = CROOKED
            raise Unanswered(self.broken) from None

    def _exchange(
        self, request: dict[str, Any], seconds: float, remote: Remote | None = None
    ) -> dict[str, Any]:
        """Send a line and return the one that answers it, after all calls of the remote object."""
        seconds *= self.patience
        deadline = time.monotonic() + seconds
        reply = self._sent(request, seconds, deadline)
        if remote:
            called = remote.make()
            while "call" in reply:
                said = _called(called, remote.methods, reply)
                reply = self._sent(said, seconds, deadline)
        return reply

    def _sent(self, said: dict[str, Any], seconds: float, deadline: float) -> dict[str, Any]:
        """Send a line and return the one that comes back; anything else ends the process."""
        line = json.dumps(said).encode() + b"\n"
        try:
            reply = self._line(line, deadline)
            parsed = json.loads(reply)
        except TimeoutError:
            self.close()
            raise Late(f"no answer came within {seconds:g} seconds: is there a loop?") from None
        except OverflowError:
            self.close()
            raise Unanswered(f"its answer is larger than {LONGEST >> 20} MB.") from None
        except EOFError:
            raise Unanswered(f"the program ended {self._end()}.") from None
        except (ValueError, RecursionError):
            self.close()
            raise Unanswered(CROOKED) from None
        if not isinstance(parsed, dict) or self.left:  # one line is an answer, and no more
            self.close()
            raise Unanswered(CROOKED)
        return parsed

    def _line(self, line: bytes, deadline: float) -> bytes:
        assert self.process and self.process.stdin and self.process.stdout
        to, back = self.process.stdin.fileno(), self.process.stdout.fileno()
        got: list[bytes] = []
        length = 0
        with selectors.PollSelector() as selector:
            selector.register(back, selectors.EVENT_READ)
            selector.register(to, selectors.EVENT_WRITE)
            while True:
                left = deadline - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fd == to:
                        try:
                            line = line[os.write(to, line[:65536]) :]
                        except BrokenPipeError:
                            line = b""
                        if not line:
                            selector.unregister(to)
                        continue
                    more = os.read(back, 1 << 16)
                    if not more:
                        raise EOFError
                    got.append(more)
                    length += len(more)
                    if length > LONGEST:
                        raise OverflowError
                    if b"\n" in more:
                        whole, _, self.left = b"".join(got).partition(b"\n")
                        return whole

    def _end(self) -> str:
        """Say how the process ended."""
        process = self.process
        assert process
        try:
            code = process.wait(5)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        if code is None:
            return "its connection"
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
            return f"with the signal {name}"
        return f"by itself, with the code {code}, before it answered"

    def close(self) -> None:
        """End the process, with all that it started."""
        process, self.process = self.process, None
        if process is None:
            return
        for pid in (*_children(process.pid), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()
        self.printed.close()
        self.folder.cleanup()


def _children(pid: int) -> list[int]:
    """Return the child of `unshare`: its end is the end of all that are in its namespace."""
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:  # no Linux, or the process has ended
        return []


def _called(target: Any, methods: Sequence[str], line: dict[str, Any]) -> dict[str, Any]:
    """Return what a call that a program asks for returns, or why it cannot be made."""
    try:
        name = line["call"]
        if name not in methods:
            raise ValueError(f"there is no {name!r:.40}: there is {', '.join(methods)}")
        arguments = [decode(x) for x in line["arguments"]]
        named = {key: decode(x) for key, x in line["named"].items()}
        return {"value": encode(getattr(target, name)(*arguments, **named))}
    except Exception as error:
        return {"raises": str(error)[:300] or type(error).__name__}


def _hinted(said: str) -> str:
    return said + next((hint for word, hint in HINTS.items() if word in said), "")
