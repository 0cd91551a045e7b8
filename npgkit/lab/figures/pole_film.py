"""A cart and its pole in motion: an animated drawing of a few kilobytes.

The animation is a style sheet inside the drawing. It runs only for readers who have not asked their
system for reduced motion; a tick at "Pause" stops it. Everybody else, and paper, has a still with
several moments in one picture, like a photograph with several exposures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npgkit.lab import place
from npgkit.lab.drawing import render, style
from npgkit.validation import as_scalar

_WIDTH, _HEIGHT, _FLOOR = 360, 112, 92  # pixels: of the drawing, of a track, of its rail
_UNIT = 60.0  # pixels of a unit of length: the rail is 4.8 long, the pole 1
_EXPOSURES = 7
_MOVING = "screen and (prefers-reduced-motion:no-preference)"
_EVERY = 4  # rows of a track from one frame to the next; between frames the motion is linear


def show(tracks: Mapping[str, ArrayLike], *, seconds: float, alt: str) -> None:
    """Display the film that `poles` makes; the stored text of the cell is its description."""
    words = f"Film: {render.checked_alt(alt)}"
    place.current().picture(poles(tracks, seconds=seconds, alt=alt), words)


def poles(tracks: Mapping[str, ArrayLike], *, seconds: float, alt: str) -> str:
    """Return, as HTML, a film of one cart-pole for each track, one below the other.

    Parameters
    ----------
    tracks : mapping from captions to arrays (n, 2)
        Position and angle (radians, positive to the right) at equally spaced times. A track
        shorter than the longest one keeps its last state until the end.
    seconds : float
        The duration of the longest track; the film then starts again.
    alt : str
        What the film shows, in words; becomes the accessible name.

    Raises
    ------
    ValueError
        If there is no track, a track is not a finite (n, 2) array, n >= 1, or `alt` is empty.
    """
    alt = render.checked_alt(alt)
    seconds = as_scalar("seconds", seconds, above=0.0)
    if not tracks:
        raise ValueError("tracks is empty; a film needs at least one")
    rows = {caption: _track(caption, track) for caption, track in tracks.items()}
    last = {caption: -(-(len(track) - 1) // _EVERY) for caption, track in rows.items()}
    longest = 1 + _EVERY * max(last.values())  # the last row is a frame, too
    frames = {
        caption: np.vstack([track, np.repeat(track[-1:], longest - len(track), axis=0)])[::_EVERY]
        for caption, track in rows.items()
    }
    body, moves, motions = [], [], []
    name = "npg-film-" + hashlib.sha256(repr((alt, _listed(frames))).encode()).hexdigest()[:8]
    for k, (caption, states) in enumerate(frames.items()):
        floor = k * _HEIGHT + _FLOOR
        body.append(_still(caption, states[: last[caption] + 1], floor, name, k))
        for part, turns in (("cart", False), ("pole", True)):
            motions.append(f"@keyframes {name}-{part}{k}{{{_keyframes(states, floor, turns)}}}")
            moves.append(
                f".{name}-{part}{k}{{animation:{name}-{part}{k} {seconds:g}s linear infinite}}"
            )
    moves.append(f".{name}-then{{display:none}}")
    moves.append(f".{name}-pause{{display:block}}")
    moves.append(f".{name}-pause:has(:checked)+svg *{{animation-play-state:paused}}")
    sheet = f".{name}-pause{{display:none}}@media {_MOVING}{{{''.join(moves)}}}"
    height = len(frames) * _HEIGHT
    pause = f'<label class="{name}-pause"><input type="checkbox"/> Pause</label>'
    return (
        f'{pause}<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{escape(alt)}" style="{render.column(1.4 * _WIDTH)}" '
        f'font-family="sans-serif" font-size="12" fill="currentColor">'
        f"<style>{sheet}{''.join(motions)}</style>{''.join(body)}</svg>"
    )


def _track(caption: str, track: ArrayLike) -> np.ndarray:
    states = np.asarray(track, dtype=float)
    if states.ndim != 2 or states.shape[1] != 2 or not len(states):
        raise ValueError(f"tracks[{caption!r}] must be of shape (n, 2); got {states.shape}")
    if not np.isfinite(states).all():
        raise ValueError(f"tracks[{caption!r}] has entries that are not finite")
    return states


def _listed(frames: Mapping[str, np.ndarray]) -> list[Any]:
    return [(caption, np.round(states, 3).tolist()) for caption, states in frames.items()]


def _keyframes(states: np.ndarray, floor: float, turns: bool) -> str:
    stops = []
    for share, state in zip(np.linspace(0, 100, len(states)), states, strict=True):
        x, angle = _placed(state)
        turn = f" rotate({angle:.1f}deg)" if turns else ""
        stops.append(f"{share:.4g}%{{transform:translate({x:.1f}px,{floor:g}px){turn}}}")
    return "".join(stops)


def _placed(state: np.ndarray) -> tuple[float, float]:
    """Where the cart stands, in pixels, and the pole's angle in degrees."""
    return _WIDTH / 2 + _UNIT * float(state[0]), float(np.degrees(state[1]))


def _still(caption: str, states: np.ndarray, floor: float, name: str, k: int) -> str:
    """Rail and caption, earlier exposures, and the cart and pole as the track ended."""
    rail = f'<path d="M20 {floor + 9:g}H{_WIDTH - 20}" stroke="{style.QUIET}" fill="none"/>'
    words = f'<text x="20" y="{floor - 74:g}">{escape(caption)}</text>'
    earlier = np.linspace(0, len(states) - 1, _EXPOSURES).astype(int)[:-1]
    then = "".join(
        _pole(states[row], floor, f'class="{name}-then" opacity=".3"') for row in earlier
    )
    x, _ = _placed(states[-1])
    cart = (
        f'<rect class="{name}-cart{k}" x="-15" y="-8" width="30" height="16" rx="2" '
        f'transform="translate({x:.1f},{floor:g})"/>'
    )
    return rail + words + then + cart + _pole(states[-1], floor, f'class="{name}-pole{k}"')


def _pole(state: np.ndarray, floor: float, attributes: str) -> str:
    x, angle = _placed(state)
    return (
        f'<path {attributes} d="M0 0V-{_UNIT:g}" stroke="{style.COLOURS["trust_region"]}" '
        f'stroke-width="5" stroke-linecap="round" '
        f'transform="translate({x:.1f},{floor:g}) rotate({angle:.1f})"/>'
    )
