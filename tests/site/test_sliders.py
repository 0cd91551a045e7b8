"""Every slider works from the keyboard, says its name and value, and changes its frame."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.site.browser import Visit
from tests.site.pages import APPENDICES, NOTEBOOK_PAGES, PHONE, views

pytestmark = [pytest.mark.site, pytest.mark.browser]

DESK = views(NOTEBOOK_PAGES)
DARK_PHONE = views(NOTEBOOK_PAGES, "dark", PHONE)
CHAPTERS = views([name for name in NOTEBOOK_PAGES if name not in APPENDICES])

HANDLES = "article .npg-dials :is(input, select)"

# The pictures that a slider moves: those on view in the nearest box around it that has any.
FRAMES = """handle => {
  for (let box = handle.parentElement; box && box.tagName !== 'ARTICLE'; box = box.parentElement) {
    const shown = Array.from(box.querySelectorAll('svg, img')).filter(
      p => p.checkVisibility() && p.getBoundingClientRect().width > 50);
    if (shown.length) return shown.map(p => p.outerHTML);
  }
  return [];
}"""


def state(handle: Any) -> tuple[str | None, list[str], str | None]:
    """Where a slider stands, what it shows and what it says."""
    words = handle.evaluate("e => e.ariaValueText ?? e.selectedOptions[0].text")
    return handle.input_value(), handle.evaluate(FRAMES), words


def state_after(handle: Any, before: tuple[Any, ...]) -> tuple[str | None, list[str], str | None]:
    """The state once all of it differs from `before`, or as it is after ten seconds."""
    end = time.monotonic() + 10
    while True:
        now = state(handle)
        if all(a != b for a, b in zip(now, before, strict=True)) or time.monotonic() > end:
            return now
        time.sleep(0.02)


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_a_chapter_has_a_slider(seen: Visit) -> None:
    assert seen.page.locator(HANDLES).count() > 0


@pytest.mark.parametrize("seen", DESK + DARK_PHONE, ids=str, indirect=True)
def test_every_slider_moves_by_keyboard_and_changes_its_frame(seen: Visit) -> None:
    handles = seen.page.locator(HANDLES)
    for number in range(handles.count()):
        handle = handles.nth(number)
        label = handle.evaluate("e => e.labels[0]?.textContent ?? ''")
        assert label.strip(), f"slider {number + 1} has no accessible name"
        handle.focus()
        for key, other in (("ArrowRight", "ArrowLeft"), ("ArrowLeft", "ArrowRight")):
            before = state(handle)
            assert before[1], f"no picture belongs to slider {number + 1} ({label})"
            handle.press(key)
            if handle.input_value() == before[0]:
                handle.press(other)  # it stood at that end
            after = state_after(handle, before)
            assert after[0] != before[0], f"{label} did not move"
            assert after[1] != before[1], f"{label} moved and its picture did not"
            assert after[2] != before[2], f"{label} moved and a screen reader is told nothing"
    assert seen.errors == []


@pytest.mark.parametrize("seen", DESK, ids=str, indirect=True)
def test_a_slider_goes_from_end_to_end(seen: Visit) -> None:
    handles = seen.page.locator(HANDLES)
    for number in range(handles.count()):
        handle = handles.nth(number)
        handle.focus()
        handle.press("Home")
        handle.press("ArrowRight")
        second = state(handle)
        handle.press("Home")
        first = state_after(handle, second)
        handle.press("End")
        last = state_after(handle, first)
        assert all(a != b for a, b in zip(first, last, strict=True))


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_a_readout_follows_its_slider(seen: Visit) -> None:
    for box in seen.page.locator(".npg-explore").all():
        for dial in box.locator("input").all():
            dial.press("End")
            shown = dial.evaluate("e => e.nextElementSibling.value")
            assert shown and shown == dial.get_attribute("aria-valuetext")


@pytest.mark.parametrize("seen", CHAPTERS, ids=str, indirect=True)
def test_two_sliders_go_back_to_the_start(seen: Visit) -> None:
    for box in seen.page.locator(".npg-explore").all():
        dials = box.locator(".npg-dials :is(input, select)").all()
        button = box.locator(".npg-restore")
        assert button.count() == (len(dials) > 1)
        if len(dials) > 1:
            before = [dial.evaluate("e => e.defaultValue") for dial in dials]
            for dial in dials:
                dial.press("Home")
                dial.press("End")
            button.click()
            assert [dial.input_value() for dial in dials] == before


@pytest.mark.parametrize("seen", views(["book/12_in_practice.html"]), ids=str, indirect=True)
def test_an_environment_is_chosen_by_its_name(seen: Visit) -> None:
    """Environments stand in no order: each is an option, and the figure follows the choice."""
    for dial in seen.page.locator("article .npg-dials select").all():
        for task in ("Acrobot", "Hopper"):
            before = state(dial)
            dial.select_option(label=task)
            after = state_after(dial, before)
            assert after[2] == task and after[1] != before[1]
    assert seen.page.locator("article .npg-dials select").count() == 3
