"""What a reader has set in the browser or the system: touch, less motion, colours of their own."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.site.pages import PHONE, WITH_SLIDERS, View

pytestmark = [pytest.mark.site, pytest.mark.browser]

DIALS = "article .npg-dials input"


@pytest.mark.parametrize("name", WITH_SLIDERS)
def test_a_finger_drags_a_slider(visit: Any, name: str) -> None:
    """From end to end, and the picture is another one."""
    with visit(View(name, width=PHONE), has_touch=True, is_mobile=True) as seen:
        dial = seen.page.locator(DIALS).first
        frame = seen.page.locator(".npg-frame").first
        dial.press("Home")
        before = dial.input_value(), frame.inner_html()
        dial.scroll_into_view_if_needed()
        box = dial.bounding_box()
        y = box["y"] + box["height"] / 2
        finger = seen.page.context.new_cdp_session(seen.page)
        places = [box["x"] + max(8, k / 8 * box["width"]) for k in range(9)]
        for kind, x in (("touchStart", places[0]), *(("touchMove", x) for x in places[1:])):
            touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            finger.send("Input.dispatchTouchEvent", touch)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert dial.input_value() == dial.get_attribute("max")
        assert (dial.input_value(), frame.inner_html()) != before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_slider_is_seen_in_forced_colours(visit: Any, theme: str) -> None:
    """Its track, beside the thumb, is drawn in another colour than the page."""
    with visit(View(WITH_SLIDERS[0], theme), forced_colors="active") as seen:
        dial = seen.page.locator(DIALS).first
        dial.press("Home")
        picture = Image.open(io.BytesIO(dial.screenshot())).convert("RGB")
        column = [picture.getpixel((picture.width // 2, y)) for y in range(picture.height)]
        assert len(set(column)) > 1


@pytest.mark.parametrize("name", WITH_SLIDERS)
def test_nothing_moves_where_motion_is_reduced(visit: Any, name: str) -> None:
    with visit(View(name), reduced_motion="reduce") as seen:
        seen.page.mouse.wheel(0, 3000)
        seen.page.wait_for_timeout(300)
        running = "document.getAnimations().filter(a => a.playState === 'running').length"
        assert seen.page.evaluate(running) == 0
        assert seen.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == (
            "auto"
        )


def test_scrollbars_are_dark_on_a_dark_page(visit: Any) -> None:
    """Firefox would draw them white under every formula that is wider than the column."""
    with visit(View(WITH_SLIDERS[0], "dark")) as seen:
        colours = "getComputedStyle(document.querySelector('article')).scrollbarColor"
        assert seen.page.evaluate(colours).endswith(" rgba(0, 0, 0, 0)")
