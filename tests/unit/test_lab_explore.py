"""The sliders: what they refuse, what they show first, what they link and what they store."""

import ipywidgets as widgets
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances as all_widgets
from matplotlib.figure import Figure

from npgkit.lab import notebook, plots
from npgkit.lab.explore import explore
from npgkit.lab.notebook import Explorer


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, with the frames as they were at that moment."""
    seen = []

    def display(explorer):
        seen.append((explorer, {k: f.value for k, f in frames_of(explorer).items()}))

    monkeypatch.setattr(notebook, "display", display)
    return seen


def frames_of(explorer: Explorer) -> dict[tuple[int, ...], widgets.HTML]:
    """The frames by position, read from the widgets as the browser does."""
    *_, picture = explorer.children
    if isinstance(picture.children[0], widgets.Stack):
        return {
            (i, j): frame
            for i, stack in enumerate(picture.children)
            for j, frame in enumerate(stack.children)
        }
    return {(i,): frame for i, frame in enumerate(picture.children)}


def draw(**values: float) -> Figure:
    fig, ax = plots.figure(2.0, 2.0)
    ax.plot([0.0, 1.0], [0.0, sum(values.values())])
    ax.set_ylim(0, 100)
    return fig


def links_between(source: widgets.Widget, target: widgets.Widget) -> bool:
    """Whether the browser keeps `target.selected_index` equal to `source.index`."""
    ends = [
        (w.source, w.target)
        for w in all_widgets.values()
        if isinstance(w, widgets.widget_link.Link)
    ]
    return ((source, "index"), (target, "selected_index")) in ends


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one or two sliders; got 0"),
        ({"a": [1], "b": [1], "c": [1]}, r"one or two sliders; got 3: \['a', 'b', 'c'\]"),
        ({"a": []}, "a must hold at least one value"),
        ({"a": np.array([])}, "a must hold at least one value"),
        ({"a": 3}, "a must be a sequence of values; got 3"),
        ({"a": "123"}, "a must be a sequence"),
        ({"a": [1, 2], "start": {"a": 3}}, "start has a = 3; its values are 1, 2"),
        ({"a": [1, 2], "start": {"b": 1}}, r"start names \['b'\]; the sliders are \['a'\]"),
        ({"a": [1, 2], "labels": {"b": "B"}}, r"labels names \['b'\]"),
        ({"a": [1, 2], "alt": " "}, "alt must say in words"),
    ],
)
def test_a_bad_call_is_refused_by_name_before_anything_is_shown(shown, arguments, message):
    with pytest.raises(ValueError, match=message):
        explore(draw, **{"alt": "a line", **arguments})
    assert shown == []


def test_a_draw_that_returns_no_figure_is_told_so(shown):
    with pytest.raises(ValueError, match="must be a Matplotlib Figure; got NoneType"):
        explore(lambda a: None, alt="nothing", a=[1])


def test_the_first_frame_is_there_when_the_sliders_appear(shown):
    """All the others are there when the cell has run."""
    explore(draw, alt="a line", start={"a": 2}, a=[1, 2, 3])
    ((explorer, at_once),) = shown
    assert [k for k, value in at_once.items() if "<svg" in value] == [(1,)]
    values = [frame.value for frame in frames_of(explorer).values()]
    assert all(value.startswith("<svg") for value in values)
    assert len(set(values)) == 3


def test_one_slider_picks_the_frame_of_its_value(shown):
    explore(draw, alt=lambda a: f"height {a}", start={"a": 20}, a=[10, 20, 30])
    _, slider, stack = shown[0][0].children
    assert slider.options == ("10", "20", "30")
    assert slider.index == stack.selected_index == 1
    assert links_between(slider, stack)
    for position, frame in frames_of(shown[0][0]).items():
        assert f'aria-label="height {[10, 20, 30][position[0]]}"' in frame.value


def test_names_are_chosen_from_a_list_and_numbers_by_a_slider(shown):
    """Names stand in no order, so there is nothing to slide along."""
    explore(lambda task, a: draw(a=a), alt="a line", task=["pole", "hopper"], a=[1, 2])
    _, names, numbers, outer = shown[0][0].children
    assert isinstance(names, widgets.Dropdown) and names.options == ("pole", "hopper")
    assert isinstance(numbers, widgets.SelectionSlider)
    assert links_between(names, outer)
    assert repr(shown[0][0]) == "Slider figure: task: pole, hopper; a, 2 values from 1 to 2"


def test_two_sliders_pick_the_frame_of_their_pair(shown):
    explore(draw, alt=lambda a, b: f"{a} and {b}", start={"b": 7}, a=[1, 2], b=[5, 6, 7])
    _, first, second, outer = shown[0][0].children
    assert (outer.selected_index, [inner.selected_index for inner in outer.children]) == (0, [2, 2])
    assert links_between(first, outer)
    assert all(links_between(second, inner) for inner in outer.children)
    for (i, j), frame in frames_of(shown[0][0]).items():
        assert f'aria-label="{(1, 2)[i]} and {(5, 6, 7)[j]}"' in frame.value


def test_a_described_slider_adds_its_readouts_to_the_description(shown):
    explore(draw, alt="a line", labels={"a": "height α"}, a=[0.5])
    _, slider, stack = shown[0][0].children
    assert slider.description == "height α"
    assert 'aria-label="a line (height α: 0.5)"' in stack.children[0].value


@pytest.mark.parametrize(
    ("values", "readouts"),
    [
        ([1, 2.0, -3], ["1", "2", "−3"]),
        ([0.0123456, 0.5], ["0.0123", "0.5"]),
        ([1e-5, 2.5e-5], ["1e−5", "2.5e−5"]),
        ([1.0001, 1.0002], ["1.0001", "1.0002"]),
        (["new||old", "old||new"], ["new||old", "old||new"]),
        ([True, False], ["True", "False"]),
        (np.array([0.25, 4e7]), ["0.25", "4e7"]),
    ],
)
def test_readouts_are_short_and_tell_values_apart(shown, values, readouts):
    explore(lambda a: draw(a=1), alt="a line", a=values)
    assert list(shown[0][0].children[1].options) == readouts


def test_the_stored_text_is_the_same_at_every_run(shown):
    """It names no object by its address."""
    for _ in range(2):
        explore(draw, alt="a line", labels={"a": "height"}, a=[1, 2.5])
    texts = {repr(explorer) for explorer, _ in shown}
    assert texts == {"Slider figure: height, 2 values from 1 to 2.5"}
    bundle = shown[0][0]._repr_mimebundle_()
    assert bundle["text/plain"] in texts
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_frames_are_the_same_bytes_at_every_run(shown):
    for _ in range(2):
        explore(draw, alt="a line", a=[1, 2])
    one, two = ([f.value for f in frames_of(e).values()] for e, _ in shown)
    assert one == two


def test_frames_share_their_layout(shown):
    """One layout and one style for all of them keep the saved widget state small."""
    explore(draw, alt="a line", a=[1, 2, 3])
    frames = frames_of(shown[0][0]).values()
    assert len({frame.layout.model_id for frame in frames}) == 1
    assert len({frame.style.model_id for frame in frames}) == 1


def test_values_reach_draw_as_they_were_given(shown):
    given = np.geomspace(1e-3, 1.0, 4)
    received = []
    explore(lambda a: received.append(a) or draw(a=1), alt="a line", a=given)
    assert sorted(received) == list(given)
