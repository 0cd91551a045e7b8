"""Cells run in a page: what they show, in which order, and what an error says."""

import pytest

from npgkit.lab import check, plots
from npgkit.lab.explore import explore
from npgkit.live.cells import MOST_LINES, MOST_TEXT, PROMPT_LINES, Cells

NAMES = {"check": check, "plots": plots, "explore": explore}
DRAW = """
def draw(**values):
    fig, ax = plots.figure(2, 2)
    ax.plot([0, 1], [0, list(values.values())[0]])
    return fig
"""


@pytest.fixture
def page():
    messages = []
    cells = Cells(messages.append)
    cells.names.update(NAMES)
    cells.run("0", DRAW)
    return cells, messages


def kinds(messages):
    return [message["kind"] for message in messages]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("1 + 1", [("result", "2")]),
        ("1 + 1;", []),
        ("x = 3", []),
        ("None", []),
        ("print('a'); 'b'", [("stream", "a\n"), ("result", "'b'")]),
        ("print('a', end='')", [("stream", "a")]),
        ("import sys; print('to stderr', file=sys.stderr)", [("stream", "to stderr\n")]),
        ("# nothing", []),
        ("", []),
        ("def f():\n    return 1\nf()", [("result", "1")]),
    ],
)
def test_a_cell_shows_what_a_notebook_shows(page, source, shown):
    cells, messages = page
    assert cells.run("1", source)
    assert [(m["kind"], m["text"]) for m in messages] == shown
    assert all(m["cell"] == "1" for m in messages)


def test_a_cell_sees_the_names_of_the_cells_before(page):
    cells, messages = page
    cells.run("1", "x = 3")
    cells.run("2", "x")
    assert [m["text"] for m in messages] == ["3"]


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("x = 1\nx.y", 2, "AttributeError: 'int' object has no attribute 'y'"),
        ("x = (1\n", 1, "SyntaxError"),
        ("raise SystemExit", 1, "SystemExit"),
        ("import numpy as np\nnp.zeros((2, -1))", 2, "ValueError: negative dimensions"),
        ("x = 1\ndef f():\n    raise KeyError('k')\n\nf()", 3, "KeyError: 'k'"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
    ],
)
def test_an_error_is_told_with_its_line_and_without_our_own_code(page, source, line, words):
    cells, messages = page
    assert not cells.run("1", source)
    (error,) = messages
    assert error["kind"] == "error" and error["line"] == line
    assert words.startswith(error["name"])
    assert words in error["text"] and "cells.py" not in error["text"]


def test_what_was_printed_before_an_error_comes_before_it(page):
    cells, messages = page
    cells.run("1", "print('first')\n1 / 0")
    assert kinds(messages) == ["stream", "error"]
    assert "    1 / 0\n" in messages[1]["text"]


@pytest.mark.parametrize(
    "source",
    [
        f"for _ in range(100): print('x' * {MOST_TEXT // 50})",
        "for k in range(100_000): print(k)",
        f"print('x' * {2 * MOST_TEXT})",
        "print('x\\n' * 100_000)",
        "while True:\n    print()\n    k += 1\n    if k > 50_000: break",
    ],
)
def test_endless_printing_is_cut_and_said(page, source):
    cells, messages = page
    cells.names["k"] = 0
    assert cells.run("1", source)
    text = "".join(m["text"] for m in messages)
    assert len(text) < MOST_TEXT + 100 and text.count("\n") < MOST_LINES + 10
    assert text.count("the rest is left out") == 1 and text.endswith("the rest is left out\n")
    assert len(messages) < 2 * PROMPT_LINES


def test_as_much_as_may_be_printed_is_whole(page):
    cells, messages = page
    cells.run("1", f"for k in range({MOST_LINES - 1}): print(k)")
    text = "".join(m["text"] for m in messages)
    assert text == "".join(f"{k}\n" for k in range(MOST_LINES - 1))


def test_what_is_printed_slowly_is_shown_at_once(page):
    """A line is not kept back until the next one comes."""
    cells, messages = page
    cells.names["told"] = lambda: len(messages)
    cells.run("1", "print('one')\nprint('two')\nseen = told()")
    assert cells.names["seen"] == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise MemoryError", "make the arrays smaller"),
        ("import numpy as np\nnp.zeros((10**6, 10**8))", "make the arrays smaller"),
        ("bytearray(10**30)", "make the arrays smaller"),
        ("import numpy as np\nnp.zeros((10**9, 10**9, 10**9))", "make the arrays smaller"),
        ("raise RuntimeError('Cannot stack switch because')", "call without await"),
        ("%timeit 1", "IPython's"),
        ("x = 1\n!ls", "IPython's"),
        ("len?", "IPython's"),
        ("await f()", "call without await"),
        ("input('your name')", "a page has no input()"),
    ],
)
def test_what_a_page_lacks_is_said_in_words(page, source, words):
    cells, messages = page
    assert not cells.run("1", source)
    assert words in messages[-1]["text"] and "ast.py" not in messages[-1]["text"]


def test_an_ordinary_error_gets_no_advice(page):
    cells, messages = page
    cells.run("1", "x = (1")
    assert messages[-1]["text"].rstrip().endswith("was never closed")


def test_a_page_that_starts_again_knows_no_name(page):
    cells, messages = page
    cells.run("1", "x = 3")
    cells.fresh()
    assert not cells.run("2", "x")
    assert "NameError" in messages[-1]["text"]


def test_help_is_printed(page):
    cells, messages = page
    assert cells.run("1", "help(len)")
    assert "Return the number of items" in "".join(m["text"] for m in messages)


@pytest.fixture
def page_pyplot(monkeypatch):
    """Pyplot as it is on a page, and afterwards as it was."""
    import matplotlib.pyplot as plt

    before = plt.get_backend()
    plt.switch_backend("module://npgkit.live.pyplot")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.parametrize(
    ("source", "kinds_shown"),
    [
        ("plt.plot([1, 2]); plt.show(); print('after')", ["picture", "stream"]),
        ("plt.plot([1, 2]);", ["picture"]),
        ("fig, ax = plt.subplots()\nfig", ["picture"]),
        ("plt.figure(); plt.figure(); None", ["picture", "picture"]),
        ("from matplotlib.figure import Figure\nFigure()", ["picture"]),
    ],
)
def test_a_figure_of_pyplot_is_shown_once(page, page_pyplot, source, kinds_shown):
    cells, messages = page
    assert cells.run("1", "import matplotlib.pyplot as plt\n" + source)
    assert kinds(messages) == kinds_shown
    messages.clear()
    cells.run("2", "1;")
    assert messages == []


def test_a_title_describes_a_figure(page, page_pyplot):
    cells, messages = page
    cells.run("1", "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('Two points');")
    assert messages[0]["words"] == "Figure: Two points"


def test_a_cell_that_runs_again_drops_its_old_sliders(page):
    cells, _ = page
    for _ in range(3):
        cells.run("1", "explore(draw, alt='A line', a=[1, 2])")
    cells.run("2", "explore(draw, alt='A line', a=[1, 2])")
    assert list(cells.figures) == [2, 3]
    cells.draw(0, 1, [0.0])  # asked for before its cell ran again: nobody waits


def test_a_picture_goes_to_the_page(page):
    cells, messages = page
    cells.run("1", "print('before')\nplots.show(draw(a=1), alt='A line.')\nprint('after')")
    assert kinds(messages) == ["stream", "picture", "stream"]
    assert messages[1]["words"] == "Figure: A line."
    assert messages[1]["html"].startswith('<div class="npg-drawing"><svg ')


def test_a_slider_figure_is_drawn_where_it_is_asked_for(page):
    cells, messages = page
    cells.run("1", "explore(draw, alt='A line', start={'a': 2}, a=[1, 2, 4], b=['x', 'y'])")
    (shown,) = messages
    assert shown["kind"] == "sliders" and shown["svg"].startswith("<svg ")
    first, second = shown["dials"]
    assert (first["start"], first["continuous"], first["choice"]) == (1, True, False)
    assert (second["start"], second["continuous"], second["choice"]) == (0, False, True)
    cells.draw(0, 7, [2.0, 1.0])
    answer = messages[-1]
    assert (answer["kind"], answer["request"], answer["exact"]) == ("frame", 7, True)
    assert answer["readouts"] == ["4", "y"] and answer["svg"] != shown["svg"]


@pytest.mark.parametrize(
    ("values", "position", "value"),
    [
        ([1.0, 4.0], 0.5, 2.0),  # geometric between positive numbers
        ([-1.0, 1.0], 0.5, 0.0),
        ([0.0, 1.0], 0.25, 0.25),
        ([4.0, 1.0], 0.5, 2.0),
        ([1, 9], 0.5, 3),  # an integer stays one
        ([0.1, 0.3, 0.2], 0.4, 0.1),  # neither rising nor falling
        (["a", "b"], 0.6, "b"),
        ([True, False], 0.2, True),
        ([1.0], 0.0, 1.0),
    ],
)
def test_a_slider_has_the_values_between_its_values(page, values, position, value):
    cells, messages = page
    cells.names["seen"] = seen = []
    cells.run("1", "def keep(a):\n    seen.append(a)\n    return draw(a=0)")
    cells.run("2", f"explore(keep, alt='A line', a={values!r})")
    cells.draw(0, 1, [position])
    assert seen[-1] == pytest.approx(value) if isinstance(value, float) else seen[-1] == value
    assert type(seen[-1]) is type(value)
    assert messages[-1]["kind"] == "frame"


def test_a_drawing_that_has_only_its_values_gets_the_nearest(page):
    cells, messages = page
    cells.run("1", "known = {1: 1, 2: 2}\ndef at(a):\n    return draw(a=known[a])")
    cells.run("2", "explore(at, alt='A line', a=[1.0, 2.0])")
    cells.draw(0, 1, [0.7])
    assert messages[-1]["exact"] is False and messages[-1]["readouts"] == ["2"]


def test_a_drawing_that_fails_says_so_and_the_page_goes_on(page):
    cells, messages = page
    cells.run("1", "fine = True\ndef at(a):\n    assert fine\n    return draw(a=a)")
    cells.run("2", "explore(at, alt='A line', a=[1, 2])")
    cells.run("3", "fine = False")
    cells.draw(0, 1, [1.0])
    assert kinds(messages)[-1] == "frame" and messages[-1]["cell"] == "2"
    assert messages[-1]["svg"] == "" and messages[-1]["trouble"] == "AssertionError"
    assert cells.run("4", "1 + 1")
