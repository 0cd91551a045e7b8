"""The film: it moves for those who let it, and stands still, whole, for all others."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from npgkit.lab import notebook
from npgkit.lab.figures import pole_film

SVG = "{http://www.w3.org/2000/svg}"
TRACKS = {"falls": [[0.0, 0.0], [0.1, 0.2]], "stands": np.zeros((17, 2))}


class Film:
    """The two parts of a film's HTML."""

    def __init__(self, html: str) -> None:
        self.pause, drawing = html.split("<svg", 1)
        self.svg = f"<svg{drawing}"


def film(*args, **kwargs) -> Film:
    return Film(pole_film.poles(*args, **kwargs))


@pytest.fixture(scope="module")
def made():
    return film(TRACKS, seconds=3, alt="Two poles & carts")


def test_it_is_a_well_formed_drawing_with_its_words(made):
    root = ElementTree.fromstring(made.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Two poles & carts"
    assert [text.text for text in root.iter(f"{SVG}text")] == list(TRACKS)


def test_nothing_moves_outside_the_query_for_motion(made):
    """Every `animation` stands in the block of `no-preference`; the rest only names keyframes."""
    sheet = ElementTree.fromstring(made.svg).findtext(f"{SVG}style")
    query = "@media screen and (prefers-reduced-motion:no-preference){"
    head, block = sheet.split(query, 1)
    inside, frames = block.split("}}", 1)
    assert "animation" not in head
    assert inside.count("animation:") == 4  # a cart and a pole on each track
    assert "animation:" not in frames
    assert frames.count("@keyframes") == 4
    assert "animate" not in re.sub(r"<style>.*</style>", "", made.svg)


def test_a_tick_stops_the_film_where_it_moves(made):
    """The box is seen only where the film moves, and its tick pauses the drawing after it."""
    box = ElementTree.fromstring(made.pause)
    assert (box.tag, box[0].get("type"), box[0].tail) == ("label", "checkbox", " Pause")
    sheet = ElementTree.fromstring(made.svg).findtext(f"{SVG}style")
    head, block = sheet.split("@media", 1)
    name = box.get("class")
    assert head == f".{name}{{display:none}}"
    assert f".{name}{{display:block}}" in block
    assert f".{name}:has(:checked)+svg *{{animation-play-state:paused}}" in block


def test_the_still_shows_where_the_tracks_end(made):
    """Half a unit of length is thirty pixels, and 0.2 radians are 11.5 degrees."""
    paths = ElementTree.fromstring(made.svg).iter(f"{SVG}path")
    last = {
        p.get("class")[-5:]: p.get("transform") for p in paths if "-pole" in str(p.get("class"))
    }
    assert last == {
        "pole0": "translate(186.0,92) rotate(11.5)",
        "pole1": "translate(180.0,204) rotate(0.0)",
    }


def test_a_short_track_stays_as_it_ended(made):
    sheet = ElementTree.fromstring(made.svg).findtext(f"{SVG}style")
    (stops,) = re.findall(r"@keyframes [\w-]+-pole0\{((?:[^{}]+\{[^{}]*\})+)\}", sheet)
    turns = re.findall(r"rotate\(([-\d.]+)deg\)", stops)
    assert turns == ["0.0", "11.5", "11.5", "11.5", "11.5"]


def test_two_films_do_not_share_their_names():
    first, second = (film({"one": [[x, 0.0]]}, seconds=1, alt="a pole") for x in (0.0, 1.0))
    assert re.findall(r"npg-film-\w+", first.svg)[0] != re.findall(r"npg-film-\w+", second.svg)[0]


def test_the_same_film_is_the_same_text(made):
    assert film(TRACKS, seconds=3, alt="Two poles & carts").svg == made.svg


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ({}, "tracks is empty"),
        ({"a": np.zeros((3, 3))}, r"tracks\['a'\] must be of shape \(n, 2\); got \(3, 3\)"),
        ({"a": np.zeros((0, 2))}, r"must be of shape \(n, 2\)"),
        ({"a": [[0.0, np.nan]]}, "not finite"),
    ],
)
def test_tracks_that_are_none_are_refused(tracks, message):
    with pytest.raises(ValueError, match=message):
        film(tracks, seconds=1, alt="a pole")


def test_a_film_needs_words_and_a_length():
    with pytest.raises(ValueError, match="alt"):
        film(TRACKS, seconds=1, alt=" ")
    with pytest.raises(ValueError, match="seconds"):
        film(TRACKS, seconds=0, alt="a pole")


def test_show_displays_the_film(monkeypatch):
    shown = []
    monkeypatch.setattr(notebook, "display", shown.append)
    pole_film.show(TRACKS, seconds=3, alt="Two poles & carts")
    assert [repr(picture) for picture in shown] == ["Film: Two poles & carts"]
