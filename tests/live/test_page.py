"""Code that is run where it is read: what a reader presses, sees, hears and finds again.

Pages that need no Python are opened one by one. Those that run cells share one page, whose Python
is started once; a test leaves it able to run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import AXE, SITE
from tests.site.conftest import address, chromium, site, visit
from tests.site.pages import NOTEBOOK_PAGES, PHONE, View

# The fixtures of the site's tests.
__all__ = ["address", "chromium", "site", "visit"]

pytestmark = [pytest.mark.site, pytest.mark.browser]

CHAPTER = "book/03_kl_step.html"
SLIDER = "book/01_policy_gradient.html"
EXERCISE = "exercise 3.1"
ANSWER = """def my_kl(p, q):
    ratio = np.where(p > 0, p, 1) / np.where(p > 0, q, 1)
    return {sign}np.sum(p * np.log(ratio), axis=1)"""
EXERCISES = SITE / "_static" / "live" / "exercises.json"
WAIT = 90_000  # milliseconds, on a machine that does other things

STATUS = "document.querySelector('#npg-live [role=status]').textContent"
FOCUS = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.className"
KEPT = "Object.fromEntries(Object.entries(localStorage).filter(([k]) => k.startsWith('npgbook:')))"


class Reader:
    """Somebody before a page of the book."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def cell(self, number: int) -> Any:
        return self.page.locator("article .cell:has(.npg-run)").nth(number - 1)

    def checked(self) -> Any:
        """The first cell of the exercise, where the answer goes."""
        run = f'.npg-run[aria-label="Check {EXERCISE}"]'
        return self.page.locator(f"article .cell:has({run})").first

    def type(self, cell: Any, code: str) -> None:
        """Write into a cell in place of what stands there."""
        if not cell.locator(".cm-content").count():
            cell.locator(".npg-edit").click()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(code)

    def state(self, *names: str) -> str:
        """Wait for one of the states, and return what the status says."""
        wanted = ", ".join(f"#npg-live[data-state={name}]" for name in names)
        self.page.wait_for_selector(wanted, timeout=WAIT)
        told: str = self.page.evaluate(STATUS)
        return told

    def done(self) -> str:
        return self.state("ready", "error", "idle")

    def press(self, button: Any, key: str = "") -> str:
        """Press a button, or a key on it, and wait until what it begins has ended."""
        self.asked()
        button.press(key) if key else button.click()
        return self.done()

    def asked(self) -> None:
        """Forget the state of before, so that `state` waits for the next."""
        self.page.evaluate("document.querySelector('#npg-live').dataset.state = 'asked'")

    def run(self, cell: Any, code: str) -> tuple[str, str]:
        """Run the code in the cell; return the status and the output."""
        self.type(cell, code)
        told = self.press(cell.locator(".cm-content"), "Shift+Enter")
        return told, cell.locator(".npg-output").text_content()

    def reset(self, cell: Any) -> None:
        """Back to what was published, if anything is changed."""
        if cell.locator(".npg-reset").is_visible():
            cell.locator(".npg-reset").click()
            cell.locator(".npg-reset").wait_for(state="hidden")

    def kept(self) -> dict[str, Any]:
        found = self.page.evaluate(KEPT)
        return {key.removeprefix("npgbook:1:"): json.loads(text) for key, text in found.items()}

    def load(self, path: Path) -> str:
        """Load a file in the dialog of progress; return what it says."""
        if not self.page.locator("dialog[open]").count():
            self.page.locator(".npg-progress-open").click()
        told = self.page.locator("dialog .npg-told")
        told.evaluate("e => { e.textContent = '' }")
        self.page.locator("dialog input[type=file]").set_input_files(path)
        self.page.wait_for_selector("dialog .npg-told:not(:empty)")
        text: str = told.text_content()
        return text


@pytest.fixture
def reader(visit: Callable[..., Any]) -> Iterator[Reader]:
    """A reader who has just come, at the chapter with the exercise."""
    with visit(View(CHAPTER)) as seen:
        yield Reader(seen.page)


@pytest.fixture(scope="module")
def at_work(visit: Callable[..., Any]) -> Iterator[Reader]:
    """A reader whose Python runs."""
    with visit(View(CHAPTER)) as seen:
        one = Reader(seen.page)
        assert one.press(one.cell(1).locator(".npg-run")) == "Done."
        yield one


# ---- Before the first Run -----------------------------------------------------------------------


def test_nothing_is_fetched_before_a_button_is_pressed(reader: Reader) -> None:
    """A page that is only read brings the buttons alone, 15 KB of script and style at most."""
    names = reader.page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    live = [name.split("/")[-1].split("?")[0] for name in names if "/live/" in name]
    assert sorted(live) == ["buttons.js", "live.css"]
    assert reader.page.locator("#npg-live").get_attribute("data-state") == "idle"


def test_every_cell_has_its_buttons_and_they_say_which(reader: Reader) -> None:
    cells = reader.page.locator("article .cell:has(.cell_input pre)")
    labels = reader.page.evaluate(
        """Array.from(document.querySelectorAll('article .cell:has(.cell_input pre)'),
        c => ['run', 'here', 'stop', 'edit', 'reset'].map(n => Array.from(
          c.querySelectorAll(`button.npg-${n}`), b => b.getAttribute('aria-label'))))"""
    )
    assert len(labels) == cells.count() > 20
    assert all(len(found) == 1 for cell in labels for found in cell)
    own = [label for cell in labels for found in cell[1:] for label in found]
    assert len(set(own)) == len(own)
    assert all(run[0].startswith(("Run cell ", "Check exercise ")) for run, *_ in labels)


@pytest.mark.parametrize("width", [1280, PHONE])
def test_buttons_are_large_enough_to_touch(visit: Callable[..., Any], width: int) -> None:
    with visit(View(CHAPTER, width=width)) as seen:
        small = seen.page.evaluate(
            """Array.from(document.querySelectorAll('.npg-cell-tools button, #npg-live button,'
              + ' .npg-progress button')).filter(b => b.checkVisibility())
              .map(b => b.getBoundingClientRect())
              .filter(r => r.width < 24 || r.height < 24).length"""
        )
        assert small == 0
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_end_of_a_page_is_clear_of_the_bar(visit: Callable[..., Any]) -> None:
    """On a phone, where the bar is as wide as the text."""
    with visit(View(CHAPTER, width=PHONE)) as seen:
        end, bar = seen.page.evaluate(
            """() => { scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'});
              const lines = Array.from(document.querySelectorAll('footer p'));
              return [Math.max(...lines.map(p => p.getBoundingClientRect().bottom)),
                document.querySelector('#npg-live').getBoundingClientRect().top]; }"""
        )
        assert 0 < end <= bar


def test_buttons_stay_off_the_paper(reader: Reader) -> None:
    reader.page.emulate_media(media="print")
    shown = """Array.from(document.querySelectorAll('.npg-cell-tools, #npg-live, .npg-progress'))
      .filter(e => e.checkVisibility()).length"""
    assert reader.page.evaluate(shown) == 0


def test_without_a_connection_a_run_may_be_tried_again(reader: Reader) -> None:
    """First the page's scripts do not come, then Python does not, then all is there."""
    context, run = reader.page.context, reader.cell(1).locator(".npg-run")
    context.set_offline(True)
    run.click()
    assert "is there a connection? Run tries again" in reader.state("error")
    context.set_offline(False)
    python = reader.page.context
    python.route("**/python/**", lambda route: route.abort())
    run.click()
    reader.state("loading")
    assert "Is there a connection? Run tries again" in reader.state("error")
    assert run.is_visible() and reader.cell(1).locator(".npg-stop").is_hidden()


# ---- Running ------------------------------------------------------------------------------------

LISTEN = """() => {
  window.said = [];
  const status = document.querySelector('#npg-live [role=status]');
  new MutationObserver(() => said.push(status.textContent))
    .observe(status, {childList: true, characterData: true, subtree: true});
}"""


def test_what_is_waited_for_is_told_and_seldom_read_out(visit: Callable[..., Any]) -> None:
    """How many megabytes, then the start, then the cells: a handful of announcements."""
    with visit(View(SLIDER)) as seen:
        reader = Reader(seen.page)
        seen.page.evaluate(LISTEN)
        told = reader.press(reader.cell(4).locator(".npg-run"))
        assert told == "Done, after 3 cells above."
        said = list(dict.fromkeys(seen.page.evaluate("said")))
        assert said[-1] == "Done, after 3 cells above."
        assert any(text.startswith("Fetching Python, ") and text.endswith(" MB") for text in said)
        assert "Running 3 cells that stand above first" in said
        assert len(said) <= 5
        assert [seen.errors, seen.foreign, seen.failed] == [[], [], []]


def test_what_stands_above_runs_once(at_work: Reader) -> None:
    assert at_work.press(at_work.cell(3).locator(".npg-run")) == "Done, after 1 cell above."
    assert at_work.press(at_work.cell(3).locator(".npg-run")) == "Done."


def test_run_to_here_begins_afresh(at_work: Reader) -> None:
    """A name that a cell below has given is gone; each cell from the top on has run again."""
    later, first = at_work.cell(4), at_work.cell(1)
    at_work.run(later, "left_over = 1")
    at_work.reset(later)
    at_work.type(first, "assert 'left_over' in globals()")
    assert at_work.press(first.locator(".npg-run")) == "Done."
    assert at_work.press(first.locator(".npg-here")) == "The cell ended with an error."
    at_work.reset(first)
    second = at_work.cell(2).locator(".npg-here")
    assert at_work.press(second) == "Done: 2 cells were run."


def test_an_error_above_stops_what_follows_and_is_shown(at_work: Reader) -> None:
    at_work.type(at_work.cell(1), "1 / 0")
    told = at_work.press(at_work.cell(2).locator(".npg-run"))
    assert told == "Cell 1 ended with an error; what follows was not run."
    trouble = at_work.cell(1).locator(".npg-output [data-kind=error] pre")
    assert "ZeroDivisionError" in trouble.text_content()
    assert trouble.evaluate("e => e.getBoundingClientRect().top > 0")
    assert trouble.evaluate("e => e.getBoundingClientRect().bottom < innerHeight")
    edges = at_work.page.evaluate(
        """Array.from(document.querySelectorAll('.npg-output [data-kind=error] pre, '
          + '.cell_output:not(.npg-output) .output.stream pre'),
          e => getComputedStyle(e).borderLeftColor)"""
    )
    assert len(set(edges)) == 2 and edges.count(edges[0]) == 1
    at_work.reset(at_work.cell(1))


def test_run_stays_where_it_is_pressed_and_stop_is_there(at_work: Reader) -> None:
    """So that a second press is no other button's."""
    cell = at_work.cell(1)
    at_work.reset(cell)
    place = """e => { const {x, right} = e.getBoundingClientRect(); return [x, right]; }"""
    run, stop = cell.locator(".npg-run"), cell.locator(".npg-stop")
    before = run.evaluate(place)
    at_work.type(cell, "import time; time.sleep(1)")
    at_work.asked()
    run.click()
    stop.wait_for()
    assert stop.evaluate(place) == before
    at_work.done()
    assert cell.locator(".npg-reset").is_visible()
    assert run.evaluate(place) == before
    at_work.reset(cell)


CODES = {
    "expression": ("1 + 1", "2"),
    "array": ("import numpy\nnumpy.arange(3) / 2", "array([0. , 0.5, 1. ])"),
    "help": ("help(len)", "Return the number of items"),
    "interactive help": ("help()", "help(object)"),
    "input": ("input('name')", "a page has no input()"),
    "syntax": ("def f(:", "invalid syntax"),
    "magic": ("%matplotlib inline", "IPython's"),
    "shell": ("!ls", "IPython's"),
    "await": ("import asyncio\nawait asyncio.sleep(0)", "call without await"),
    "run": ("import asyncio\nasyncio.run(asyncio.sleep(0))", "call without await"),
    "endless": ("for k in range(1_000_000): print(k)", "the rest is left out"),
    "too large": ("bytearray(3_000_000_000)", "make the arrays smaller"),
    "missing": ("import requests", "No module named 'requests'"),
}


@pytest.mark.parametrize(("code", "shown"), CODES.values(), ids=CODES)
def test_code_of_the_readers_own(at_work: Reader, code: str, shown: str) -> None:
    _, output = at_work.run(at_work.cell(1), code)
    assert shown in output
    assert "ast.py" not in output


def test_a_figure_that_pyplot_draws_is_in_the_page(at_work: Reader) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('Two')\nplt.show()"
    at_work.run(at_work.cell(1), code)
    picture = at_work.cell(1).locator(".npg-output svg[role=img]")
    assert picture.count() == 1 and picture.get_attribute("aria-label") == "Two"
    assert "rgb(0, 0, 0)" not in picture.locator("text").first.evaluate(
        "e => getComputedStyle(e).fill"
    )


def test_focus_goes_where_it_is_expected(at_work: Reader) -> None:
    """Into the editor, out of it by Escape and by Tab, and on to Run after Reset."""
    page, cell = at_work.page, at_work.cell(2)
    cell.locator(".npg-edit").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".cm-content:focus")
    assert page.evaluate(FOCUS).startswith("Code of cell 2. Shift+Enter runs it, Escape leaves")
    page.keyboard.press("Escape")
    assert page.evaluate(FOCUS) == "Run cell 2"
    cell.locator(".cm-content").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS) == "Run cell 2"
    cell.locator(".cm-content").focus()
    page.keyboard.insert_text("# mine\n")
    at_work.press(cell.locator(".cm-content"), "Shift+Enter")
    assert page.evaluate(FOCUS).startswith("Code of cell 2.")
    cell.locator(".npg-reset").focus()
    page.keyboard.press("Enter")
    cell.locator(".npg-reset").wait_for(state="hidden")
    assert page.evaluate(FOCUS) == "Run cell 2"
    at_work.press(cell.locator(".npg-run"), "Enter")
    assert page.evaluate(FOCUS) == "Run cell 2"


def test_an_editor_and_an_output_pass_axe(at_work: Reader) -> None:
    at_work.run(at_work.cell(1), "def f(x):  # a comment\n    return 'text', 1.5, True\n1 / 0")
    for theme in ("light", "dark"):
        at_work.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        at_work.page.evaluate(AXE.read_text("utf-8"))
        found = at_work.page.evaluate(
            """() => axe.run(document.querySelector('article'), {resultTypes: ['violations']})
              .then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))
                .map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))]))"""
        )
        assert found == []
    at_work.page.evaluate("document.documentElement.dataset.theme = 'light'")
    at_work.reset(at_work.cell(1))


# ---- Exercises ----------------------------------------------------------------------------------


def test_an_answer_is_checked_in_place_and_kept(at_work: Reader) -> None:
    """Open, wrong, right; the title says solved, the page counts, and the solution stays folded."""
    page, cell = at_work.page, at_work.checked()
    solved = page.locator("#ex-kl-categorical .npg-solved")
    fold = page.locator("#ex-kl-categorical ~ .npg-solution").first
    told = page.locator(".npg-progress-told")
    at_work.reset(at_work.cell(1))
    run = cell.locator(".npg-run")
    assert at_work.press(run) == "Exercise 3.1: my_kl: not answered yet."
    assert solved.text_content() == "" and told.text_content().startswith("0 of 4 ")
    at_work.type(cell, ANSWER.format(sign="-"))
    said = at_work.press(cell.locator(".cm-content"), "Shift+Enter")
    assert said.startswith("Exercise 3.1: not yet. my_kl") and "wrong sign" in said
    assert page.locator(".npg-verdict.npg-not-yet").text_content().startswith("[not yet] my_kl")
    at_work.type(cell, ANSWER.format(sign=""))
    assert at_work.press(run) == "Exercise 3.1: solved."
    assert page.locator(".npg-verdict.npg-right").text_content().startswith("[right] my_kl")
    assert solved.text_content() == "✓ solved" and told.text_content().startswith("1 of 4 ")
    assert fold.get_attribute("open") is None
    assert at_work.kept()["03_kl_step"]["solved"] == {"ex-kl-categorical": True}


def test_the_books_solution_does_not_count_as_an_answer(at_work: Reader) -> None:
    """The solution has run, since a cell below was; Check runs the reader's own answer again."""
    page = at_work.page
    page.evaluate("localStorage.clear()")
    at_work.reset(at_work.checked())
    below = page.locator('.npg-run[aria-label="Check exercise 3.2"]').first
    assert at_work.press(below) == "Exercise 3.2: B: not answered yet."
    check = page.locator(f'.npg-run[aria-label="Check {EXERCISE}"]').last
    assert at_work.press(check) == "Exercise 3.1: my_kl: not answered yet."
    assert at_work.kept().get("03_kl_step", {}).get("solved", {}) == {}


def test_what_had_the_name_before_is_no_answer(at_work: Reader) -> None:
    """An emptied cell and another name are no answer, after a right one and after the solution."""
    page, cell = at_work.page, at_work.checked()
    page.evaluate("localStorage.clear()")
    run, still_open = cell.locator(".npg-run"), "Exercise 3.1: my_kl: not answered yet."
    right = ANSWER.format(sign="")
    below = page.locator('.npg-run[aria-label="Check exercise 3.2"]').first
    for code in ("", "# nothing", right.replace("my_kl", "my_lk")):
        at_work.type(cell, right)
        assert at_work.press(run) == "Exercise 3.1: solved."
        at_work.type(cell, code)
        assert at_work.press(run) == still_open, code
        assert at_work.press(below) == "Exercise 3.2: B: not answered yet."  # by the solution
        assert at_work.press(run) == still_open, code
    page.evaluate("localStorage.clear()")
    at_work.reset(cell)


def test_code_that_stops_leaves_no_verdict_of_before(at_work: Reader) -> None:
    """The status names the exercise, the error and its line, and the old verdict is gone."""
    cell, verdicts = at_work.checked(), at_work.page.locator(".npg-verdict.npg-not-yet")
    run = cell.locator(".npg-run")
    at_work.type(cell, ANSWER.format(sign="-"))
    assert "wrong sign" in at_work.press(run)
    assert verdicts.count() == 1
    at_work.type(cell, "def my_kl(p, q):\n    return p +")
    assert at_work.press(run) == "Exercise 3.1: your code stops with SyntaxError, line 2."
    assert verdicts.count() == 0
    at_work.type(cell, "my_kl = 1 / 0")
    assert at_work.press(run) == "Exercise 3.1: your code stops with ZeroDivisionError, line 1."
    at_work.reset(cell)


def test_a_failing_answer_does_not_bar_the_next_exercise(at_work: Reader) -> None:
    at_work.type(at_work.checked(), "def my_kl(:")
    below = at_work.page.locator('.npg-run[aria-label="Check exercise 3.2"]').first
    assert at_work.press(below) == "Exercise 3.2: B: not answered yet."
    at_work.reset(at_work.checked())


# ---- A runaway cell; the last of those who share a Python ---------------------------------------


def test_a_runaway_cell_is_stopped(at_work: Reader) -> None:
    """Stop stands in its cell, with the focus that Run had; the next Run starts from above."""
    page, cell = at_work.page, at_work.cell(2)
    at_work.type(cell, "while True: pass")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    at_work.state("running")
    assert cell.locator(".npg-stop").is_visible() and cell.locator(".npg-run").is_hidden()
    assert page.evaluate(FOCUS) == "Stop cell 2"
    page.keyboard.press("Enter")
    assert at_work.state("idle").startswith("Stopped. The next Run starts Python again")
    assert page.evaluate(FOCUS) == "Run cell 2"
    at_work.reset(cell)
    assert at_work.press(cell.locator(".npg-run")) == "Done, after 1 cell above."


def test_python_that_breaks_says_so_and_starts_again(at_work: Reader) -> None:
    deep = "import sys\nsys.setrecursionlimit(10**6)\ndef f(): return f()\nf()"
    told, _ = at_work.run(at_work.cell(1), deep)
    assert "too deeply. Run starts it again" in told
    assert at_work.run(at_work.cell(1), "6 * 7") == ("Done.", "42")


# ---- Sliders ------------------------------------------------------------------------------------

MOVE = """async box => {
  const input = box.querySelector('input'), out = box.querySelector('output');
  const frame = box.querySelector('.npg-frame'), seen = new Set();
  new MutationObserver(() => seen.add(frame.innerHTML)).observe(frame, {childList: true});
  for (let k = 1; k <= 40; k += 1) {
    input.value = input.max * k / 41;
    input.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(next => setTimeout(next, 25));
  }
  return seen.size;
}"""


def test_a_slider_shows_the_readers_code_where_it_rests(visit: Callable[..., Any]) -> None:
    """Every value between, drawn by the changed code; the last picture is of the last place."""
    with visit(View(SLIDER)) as seen:
        reader = Reader(seen.page)
        code = """from npgkit.lab import plots
from npgkit.lab.explore import explore
def draw(epsilon):
    fig, ax = plots.figure(3, 2)
    ax.set_title(f"mine at {epsilon:.6f}")
    return fig
explore(draw, alt="Mine", epsilon=[1.0, 2.0, 4.0])"""
        reader.run(reader.cell(1), code)
        box = seen.page.locator(".npg-computed")
        assert box.evaluate(MOVE) > 1
        wanted = f"mine at {4 ** (40 / 41):.2f}"[:11]
        seen.page.wait_for_selector(f'.npg-computed svg:has-text("{wanted}")', timeout=WAIT)
        readout = box.locator("input").get_attribute("aria-valuetext")
        assert readout == box.locator("output").text_content() != "4"
        reader.run(reader.cell(1), code.replace("fig, ax", "1 / (epsilon < 3); fig, ax"))
        box.locator("input").press("End")
        note = box.locator(".npg-computed-note")
        seen.page.wait_for_selector('.npg-computed-note:has-text("Here the code fails")')
        assert note.text_content().endswith("ZeroDivisionError: division by zero")
        box.locator("input").press("Home")
        seen.page.wait_for_selector('.npg-computed svg:has-text("mine at 1.000")')
        reader.type(reader.cell(1), "while True: pass")
        seen.page.locator("#npg-live .npg-run-all").click()
        reader.state("running")
        seen.page.locator("#npg-live .npg-stop").click()
        reader.state("idle")


# ---- What is kept -------------------------------------------------------------------------------


def test_a_page_left_and_come_back_to_has_the_edits(reader: Reader) -> None:
    """The changed code is what is seen, and what is run, before anything is pressed."""
    page, cell = reader.page, reader.cell(1)
    published = cell.locator(".cell_input pre").text_content()
    reader.type(cell, "'mine'")
    page.goto("about:blank")
    page.go_back()
    page.wait_for_selector(".npg-changed")
    assert cell.locator(".cell_input pre").text_content() == "'mine'"
    assert cell.locator(".npg-note").text_content() == "changed"
    reader.reset(cell)
    assert reader.kept() == {}
    page.reload()
    page.wait_for_selector("#npg-live")
    assert cell.locator(".cell_input pre").text_content() == published
    assert page.locator(".npg-changed").count() == 0


def test_cells_of_the_same_text_are_kept_apart(reader: Reader) -> None:
    twins = """() => { const pres = document.querySelectorAll('article .cell_input pre');
      pres[1].textContent = pres[0].textContent; }"""
    reader.page.evaluate(twins)
    reader.type(reader.cell(2), "'second'")
    (kept,) = reader.kept()["03_kl_step"]["cells"].items()
    assert kept[0].endswith("-2") and kept[1] == "'second'"


def test_two_tabs_of_a_page_lose_nothing(reader: Reader) -> None:
    """What is typed in one appears in the other; each runs its own Python."""
    other = Reader(reader.page.context.new_page())
    other.page.goto(reader.page.url)
    reader.type(reader.cell(1), "'first tab'")
    other.type(other.cell(2), "'second tab'")
    reader.page.wait_for_selector('.cell_input pre:has-text("second tab")', state="attached")
    other.type(other.cell(1), "'first tab, then second'")
    reader.page.wait_for_selector('.cm-content:has-text("first tab, then second")')
    cells = reader.kept()["03_kl_step"]["cells"]
    assert sorted(cells.values()) == ["'first tab, then second'", "'second tab'"]


@pytest.mark.parametrize("how", ["refused", "full"])
def test_a_browser_that_keeps_nothing_says_so_and_works(
    visit: Callable[..., Any], how: str
) -> None:
    refused = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})"
    full = "Storage.prototype.setItem = () => { throw new Error('full') }"
    with visit(View(CHAPTER)) as seen:
        seen.page.add_init_script({"refused": refused, "full": full}[how])
        seen.page.reload()
        reader = Reader(seen.page)
        reader.type(reader.cell(1), "'mine'")
        seen.page.wait_for_selector('.npg-refused:has-text("This browser keeps nothing")')
        assert reader.cell(1).locator(".cell_input pre").text_content() == "'mine'"
        assert seen.page.locator(".npg-refused").count() == 1
        seen.page.locator(".npg-progress-open").click()
        row = seen.page.locator('dialog tr:has-text("The KL-constrained step") td').last
        row.wait_for()
        assert row.text_content() == "1"


KEY, LABEL = "abc123-17", "ex-kl-categorical"
GOOD = {"cells": {KEY: "x = 1"}, "solved": {LABEL: True}}


def saved(pages: Any, form: str = "npgbook:1:", **more: Any) -> str:
    return json.dumps({"format": form, "pages": pages, **more})


HOSTILE = {
    "no JSON": ("{", "not JSON"),
    "an empty file": ("", "not JSON"),
    "a number": ("1", "not JSON"),
    "another program's": ('{"cells": []}', "not saved by this book"),
    "an unknown version": (saved({}, "npgbook:2:"), "another edition"),
    "too large": (
        saved({"p": {"cells": {KEY: "x" * 1_100_000}, "solved": {}}}),
        "larger than 1 MB",
    ),
    "deep": (saved({}).replace("{}", "[" * 100_000 + "]" * 100_000), "does not know"),
    "pages of a list": (saved([GOOD]), "does not know"),
    "a page of text": (saved({"03_kl_step": "x"}), "does not know"),
    "no cells": (saved({"03_kl_step": {"solved": {}}}), "does not know"),
    "code that is no text": (saved({"03_kl_step": {**GOOD, "cells": {KEY: 1}}}), "does not know"),
    "solved by 1": (saved({"03_kl_step": {**GOOD, "solved": {LABEL: 1}}}), "does not know"),
    "more in a page": (saved({"03_kl_step": {**GOOD, "more": 1}}), "does not know"),
    "more in the file": (saved({"03_kl_step": GOOD}, more=1), "does not know"),
    "one good, one bad": (saved({"03_kl_step": GOOD, "x": None}), "does not know"),
    "HTML as a page": (saved({"<img src=x onerror=hit()>": GOOD}), "does not know"),
    "HTML as a label": (
        saved({"03_kl_step": {"cells": {}, "solved": {"ex-<b>": True}}}),
        "not know",
    ),
    "a prototype": (
        saved({}).replace("{}", '{"__proto__": {"cells": {}, "solved": {}}}'),
        "not know",
    ),
    "a prototype of cells": (
        saved({"p": GOOD}).replace(f'"{KEY}"', '"__proto__"'),
        "does not know",
    ),
    "a path": (saved({"../index": GOOD}), "does not know"),
}


def test_hostile_files_change_nothing_that_is_kept(reader: Reader, tmp_path: Path) -> None:
    """Each is refused whole, with a sentence; nothing is kept, shown as HTML or set on objects."""
    page = reader.page
    page.evaluate("() => { window.hit = () => { window.wasHit = true } }")
    reader.type(reader.cell(1), "'mine'")
    before = reader.kept()
    for name, (text, sentence) in HOSTILE.items():
        path = tmp_path / "progress.json"
        path.write_text(text, "utf-8")
        told = reader.load(path)
        assert sentence in told and told.endswith("nothing was taken from it."), name
        assert reader.kept() == before, name
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    assert "larger than 1 MB" in reader.load(huge)
    assert reader.kept() == before
    assert page.evaluate("[window.wasHit, {}.cells, {}.solved]") == [None, None, None]


def test_code_from_a_file_is_text_and_is_not_run(reader: Reader, tmp_path: Path) -> None:
    """A file of the right form may hold HTML as code: it stands in the page as it is written."""
    page, cell = reader.page, reader.cell(1)
    reader.type(cell, "'mine'")
    (key,) = reader.kept()["03_kl_step"]["cells"]
    reader.reset(cell)
    code = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
    path = tmp_path / "progress.json"
    path.write_text(saved({"03_kl_step": {"cells": {key: code}, "solved": {LABEL: True}}}))
    assert reader.load(path) == "Taken from the file: 1 solved, 1 changed cells."
    page.keyboard.press("Escape")
    assert cell.locator(".cell_input pre").text_content() == code
    assert page.locator("#ex-kl-categorical .npg-solved").text_content() == "✓ solved"
    assert page.title() != "hit" and page.locator("article img[src=x]").count() == 0
    assert page.locator("#npg-live").get_attribute("data-state") == "idle"


def test_progress_is_saved_cleared_and_loaded_again(reader: Reader, tmp_path: Path) -> None:
    page = reader.page
    reader.type(reader.cell(1), "'mine'")
    before = reader.kept()
    page.locator(".npg-progress-open").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save to a file").click()
    path = tmp_path / "saved.json"
    download.value.save_as(path)
    page.once("dialog", lambda asked: asked.dismiss())
    page.get_by_role("button", name="Clear", exact=True).click()
    assert reader.kept() == before
    page.once("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Clear", exact=True).click()
    assert reader.kept() == {} and page.locator(".npg-changed").count() == 0
    assert "1 changed cells" in reader.load(path)
    assert reader.kept() == before and page.locator(".npg-changed").count() == 1
    page.keyboard.press("Escape")
    assert page.evaluate(FOCUS).startswith("Progress")


def test_code_changed_here_stays_when_a_file_has_another(reader: Reader, tmp_path: Path) -> None:
    reader.type(reader.cell(1), "'mine'")
    (key,) = reader.kept()["03_kl_step"]["cells"]
    path = tmp_path / "progress.json"
    path.write_text(saved({"03_kl_step": {"cells": {key: "'theirs'"}, "solved": {}}}))
    assert reader.load(path).endswith("Cells that you had changed here stay as they are: 1.")
    assert reader.kept()["03_kl_step"]["cells"] == {key: "'mine'"}


def test_spoilt_entries_of_the_browser_are_no_progress(reader: Reader) -> None:
    """What another program wrote under the page's name is not shown and breaks nothing."""
    for spoilt in ("{", "[]", '{"cells": {"__proto__": 1}, "solved": {}}'):
        reader.page.evaluate("text => localStorage.setItem('npgbook:1:03_kl_step', text)", spoilt)
        reader.page.reload()
        reader.page.wait_for_selector("#ex-kl-categorical .npg-solved", state="attached")
        assert reader.page.locator(".npg-changed").count() == 0


def test_the_dialog_lists_every_chapter_with_its_exercises(reader: Reader) -> None:
    page = reader.page
    page.locator(".npg-progress-open").click()
    page.wait_for_selector("dialog tbody tr")
    rows = page.locator("dialog tbody tr")
    assert rows.count() == len([name for name in NOTEBOOK_PAGES if re.match(r"book/\d", name)])
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        """() => axe.run(document.querySelector('dialog'), {resultTypes: ['violations']})
          .then(r => r.violations.map(v => v.id))"""
    )
    assert found == []
    links = rows.locator("a").evaluate_all("all => all.map(a => a.href)")
    assert all(link.endswith(".html#exercises") for link in links)
    page.goto(links[0])
    assert page.locator(".npg-progress-told").text_content() == (
        f"0 of {len(json.loads(EXERCISES.read_text())['01_policy_gradient']['labels'])}"
        " checked exercises solved"
    )
