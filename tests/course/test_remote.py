"""An object that stays with the grader while a student's program calls its methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from course.asking import Late, Unanswered
from course.child import Remote
from course.student import CROOKED, Process
from course.trusted import Trusted
from tests.course.support import SET


class Counter:
    """Counts, and says what it is told."""

    def __init__(self) -> None:
        self.count = 0

    def more(self, by: Any, *, twice: Any = False) -> tuple[int, np.ndarray]:
        """Count on."""
        self.count += by * (1 + twice)
        return self.count, np.array([self.count, 0.5])

    def kind(self, x: Any) -> str:
        """Return the type of what came."""
        return type(x).__name__

    def hidden(self) -> str:
        """Is offered to nobody."""
        return "a secret"


OFFERED = ("more", "kind")
WRITE = """
import json, os
def write(*lines):
    for fd in range(3, 64):
        try:
            os.write(fd, b"".join(line if isinstance(line, bytes) else json.dumps(line).encode()
                                  for line in lines))
        except OSError:
            pass
"""


def asked(code: str, seconds: float = 5.0) -> tuple[Any, Counter]:
    counter = Counter()
    source = f"import numpy as np\n{WRITE}\ndef use(it):\n    {code}"
    with Process([("answer", source)], seconds) as process:
        return process.ask("use", (Remote(lambda: counter, OFFERED),)), counter


def test_methods_are_called_where_the_object_is() -> None:
    """Numbers and arrays go there and come back; the object is changed, and no copy of it."""
    code = "a, b = it.more(np.int64(2)), it.more(3, twice=True)\n    return [a[0], *b[1], len(b)]"
    found, counter = asked(code)
    assert (found, counter.count) == ([2, 8.0, 0.5, 2], 8)


@pytest.mark.parametrize(
    ("x", "kind"),
    [("np.ones(2)", "ndarray"), ("None", "NoneType"), ("lambda: 1", "Strange"), ("it", "Strange")],
)
def test_what_comes_is_plain(x: str, kind: str) -> None:
    """A method gets data, whatever it is given, and nothing that could do something."""
    assert asked(f"return it.kind({x})")[0] == kind


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("it.more('x' * 9, 1)", "takes"),
        ("it.more([1])", "unsupported operand"),
        ("it.hidden()", "has no 'hidden': it has more, kind"),
        ("it.more.func('hidden')", "there is no 'hidden': there is more, kind"),
        ("it.more.func('__init__')", "there is no '__init__'"),
    ],
)
def test_a_wrong_call_raises_in_the_program(code: str, said: str) -> None:
    """As if the object were there: it can be caught, and the next call works."""
    tried = f"try:\n        {code}\n    except Exception as error:\n        "
    found, counter = asked(tried + "return [str(error), it.more(1)[0]]")
    assert said in found[0] and (found[1], counter.count) == (1, 1)
    with pytest.raises(Unanswered, match="it stopped with"):
        asked(code)


@pytest.mark.parametrize(
    "code",
    [
        "write(b'garbage\\n')\n    return 1",
        "write({'call': 'more', 'arguments': [1], 'named': {}}, b'\\n', {'value': 1}, b'\\n')",
        "write([1], b'\\n')",
    ],
)
def test_what_is_no_call_ends_the_program(code: str) -> None:
    """Garbage, two lines at once, and a line that is no dict."""
    with pytest.raises(Unanswered, match=CROOKED):
        asked(code)


@pytest.mark.parametrize("line", ["{'call': [1]}", "{'call': 'more'}", "{'call': {}, 'named': 1}"])
def test_a_crooked_call_has_a_reply(line: str) -> None:
    """The grader says what is wrong with it, to the program that asked, and goes on."""
    found, _ = asked(f"write({line}, b'\\n')\n    return list(it.more.func.__self__.hear())")
    assert found == ["raises"]


def test_calls_without_end_are_late() -> None:
    """All calls of a question share its time."""
    with pytest.raises(Late, match="within 1 seconds"):
        asked("while True: it.more(1)", seconds=1.0)


def test_trusted_code_gets_an_object_of_its_own() -> None:
    """Made anew for each question, so that the solution does not go on where the student was."""
    student = Trusted(SET.problems["bandit"], {}, "def use(it): return it.more(1)[0]")
    assert [student.ask("use", (Remote(Counter, OFFERED),)) for _ in range(2)] == [1, 1]
