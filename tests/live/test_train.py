"""TRPO trained in the page: it learns, keeps its radius, takes the reader's, and stops when told.

Everything is judged by steps and updates, never by a clock: a busy machine only takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.site.browser import AXE, unavailable
from tests.site.pages import View

pytestmark = [pytest.mark.site, pytest.mark.browser]

CHAPTER, FRONT = "book/12_in_practice.html", "book/index.html"
BUDGET = 60_000  # steps in which every seed of the chapter's table reaches 475
LONG = 120_000  # milliseconds, on a machine where others are at work
ROWS = """() => Array.from(document.querySelectorAll('.npg-train tbody tr'), row =>
  Array.from(row.cells, cell => cell.textContent)).reverse()"""
IDLE = "() => document.querySelector('#npg-live').dataset.state === 'idle'"


def rows(page: Any) -> list[dict[str, Any]]:
    """The table of the updates, the first one first."""
    return [
        {
            "steps": int(steps.replace(",", "")),
            "return": float(value) if value[0].isdigit() else None,
            "kl": float(kl.split(",")[0]),
            "over": "beyond" in kl,
            "epsilon": float(epsilon),
            "searched": searched == "yes",
        }
        for steps, value, kl, epsilon, searched in page.evaluate(ROWS)
    ]


def until(page: Any, condition: str) -> None:
    page.wait_for_function(f"() => {{ const place = document.querySelector('.npg-train'), "
                           f"rows = place.querySelectorAll('tbody tr'); return {condition}; }}",
                           timeout=LONG)  # fmt: skip


def set_epsilon(page: Any, value: float) -> None:
    page.evaluate(
        """value => { const dial = document.querySelector('#npg-train-epsilon');
        dial.value = Math.log10(value);
        dial.dispatchEvent(new Event('input', {bubbles: true})); }""",
        value,
    )


@pytest.fixture(autouse=True)
def with_python(site: Path) -> None:
    if not (site / "_static" / "live").is_dir():
        unavailable("the site was built without Python for the browser")


@contextmanager
def training(visit: Callable[..., Any], name: str = CHAPTER) -> Iterator[Any]:
    """The page after its button was pressed, with seed 0 and an update done."""
    with visit(View(name)) as seen:
        seen.page.click(".npg-train-start")
        until(seen.page, "rows.length > 0")
        yield seen.page
        assert seen.errors == [] and seen.foreign == []


def test_the_pole_is_held_and_every_update_in_its_radius(visit: Any) -> None:
    """On the front page, behind its button; the curve, the dots and the words say the same."""
    with training(visit, FRONT) as page:
        until(page, f"place.dataset.reached || Number(place.dataset.steps) >= {BUDGET}")
        page.click(".npg-train-main")
        done = rows(page)
        assert max(row["return"] or 0 for row in done) >= 475
        assert done[0]["return"] < 50
        assert done[-1]["steps"] <= BUDGET
        assert all(row["searched"] and not row["over"] for row in done)
        assert all(row["kl"] <= 1.01 * row["epsilon"] for row in done)
        assert page.locator(".npg-train circle").count() == len(done)
        assert page.locator(".npg-train circle.npg-over").count() == 0
        assert "475 was reached" in page.locator(".npg-train-told").text_content()


def test_radius_and_search_count_from_the_next_update_on(visit: Any) -> None:
    """And without the search a radius of a half is left behind."""
    with training(visit) as page:
        assert rows(page)[0]["epsilon"] == 0.02
        set_epsilon(page, 0.5)
        page.uncheck("#npg-train-search")
        before = len(rows(page))
        until(page, "place.querySelector('.npg-over') || place.dataset.phase === 'ended'")
        done = rows(page)
        # One update may have been under way.
        assert all(row["epsilon"] == 0.5 and not row["searched"] for row in done[before + 2 :])
        assert any(row["over"] and row["kl"] > 0.5 for row in done)


def test_a_pause_pauses_and_the_same_seed_starts_the_same(visit: Any) -> None:
    with training(visit) as page:
        until(page, "rows.length > 3")
        page.click(".npg-train-main")
        page.wait_for_timeout(1000)
        paused = rows(page)
        page.wait_for_timeout(1500)
        assert rows(page) == paused
        assert page.locator(".npg-train-main").text_content() == "Continue"
        page.click(".npg-train-main")
        until(page, f"rows.length > {len(paused)}")
        assert rows(page)[: len(paused)] == paused
        page.click(".npg-train-again")
        until(page, f"rows.length >= 2 && place.dataset.steps < {paused[-1]['steps']}")
        page.click(".npg-train-main")
        assert rows(page)[:2] == paused[:2]
        page.fill("#npg-train-seed", "7")
        page.click(".npg-train-again")
        until(page, "rows.length >= 2 && place.dataset.phase === 'training'")
        assert rows(page)[1] != paused[1]


KEEP_WHAT_IS_TOLD = """() => {
  const told = document.querySelector('.npg-train-told');
  window.told = [];
  new MutationObserver(() => window.told.push(told.textContent))
    .observe(told, {childList: true, characterData: true, subtree: true});
}"""


def test_training_and_cells_take_turns_and_stop_ends_both(visit: Any) -> None:
    with training(visit) as page:
        page.evaluate(KEEP_WHAT_IS_TOLD)  # the wait for a short cell is over in a moment
        page.locator(".npg-run").first.evaluate("button => button.click()")
        until(page, "window.told.some(text => text.includes('training waits'))")
        until(page, "place.dataset.phase === 'training'")
        before = len(rows(page))
        until(page, f"rows.length > {before + 1}")
        page.click("#npg-live .npg-stop")
        page.wait_for_function(IDLE)
        stopped = rows(page)
        page.wait_for_timeout(1500)
        assert rows(page) == stopped
        assert page.locator(".npg-train-told").text_content().endswith("Stopped.")
        page.click(".npg-train-main")  # Train again, with a new Python
        until(page, "place.dataset.phase === 'training' && rows.length > 0")
        assert rows(page)[0] == stopped[0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_training_can_be_read_and_reached(visit: Any, theme: str) -> None:
    """Nothing for axe to find, no wider than a phone, and the pole is still where asked to be."""
    with visit(View(FRONT, theme, 390)) as seen:
        page = seen.page
        page.click(".npg-train-start")
        until(page, "rows.length > 5")
        assert page.evaluate("document.activeElement.className") == "npg-train-main"
        page.keyboard.press("Enter")  # the button that was pressed has become this one
        page.wait_for_timeout(500)
        paused = len(rows(page))
        page.locator(".npg-train summary").click()
        page.evaluate(AXE.read_text("utf-8"))  # a script tag would break the page's policy
        found = page.evaluate("axe.run('.npg-train').then(r => r.violations.map(v => v.id))")
        assert found == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        place = page.evaluate("document.querySelector('.npg-cart g').getAttribute('transform')")
        page.wait_for_timeout(300)  # less motion is asked for
        again = page.evaluate("document.querySelector('.npg-cart g').getAttribute('transform')")
        assert place == again
        assert len(rows(page)) == paused


@pytest.mark.parametrize("name", [CHAPTER, FRONT])
def test_without_script_there_is_a_sentence_and_on_paper_none(
    chromium: Any, address: str, name: str
) -> None:
    """The place is one paragraph until a button takes its room; paper has the words round it."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + name)
    place = page.locator(".npg-train")
    assert place.is_visible() and "needs the web page" in (place.text_content() or "")
    page.emulate_media(media="print")
    assert not place.is_visible()
    context.close()


def test_nothing_is_fetched_for_training_until_it_is_asked_for(visit: Any) -> None:
    with visit(View(FRONT)) as seen:
        fetched = seen.page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        assert not [name for name in fetched if "page.js" in name or "python" in name]
        assert seen.page.locator(".npg-train button").count() == 1
