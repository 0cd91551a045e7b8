"""From a Matplotlib figure to a few kilobytes of SVG for a page.

The SVG depends on the figure alone, so a build repeats byte for byte. What the frames of a slider
have in common, their backdrop, is drawn once.
"""

import hashlib
import io
import re
from collections.abc import Hashable, Iterable
from html import escape
from weakref import WeakKeyDictionary

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterMathtext

from npgkit.lab.drawing.compact import compact, short

_PX_PER_POINT = 1.4
_IDS = re.compile(r'(\bid="|href="#|url\(#)')

_Layer = tuple[list[Artist], list[Hashable]]
_BACKDROPS: WeakKeyDictionary[Figure, dict[int, _Layer]] = WeakKeyDictionary()
_DRAWN: dict[Hashable, str] = {}


class PlainPowers(LogFormatterMathtext):
    """The ticks of a logarithmic axis as 0.01, 100 or 1e−5: an exponent is small on a telephone."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):
            return ""
        text = f"{x:g}" if 1e-2 <= x < 1e4 else f"{x:.0e}".replace("e+0", "e").replace("e-0", "e-")
        return text.replace("-", "−")


def svg(fig: Figure, alt: str) -> str:
    """Return `fig` as a compact ``<svg>`` element that scales to the width of its column.

    Parameters
    ----------
    fig : Figure
        Drawn in the book's style; whatever has the colour `style.INK` follows the text colour
        of the page, whatever has `style.PAPER` its background.
    alt : str
        What the figure shows, in words; becomes the accessible name.

    Raises
    ------
    ValueError
        If `fig` is not a Matplotlib figure or `alt` is empty.
    """
    alt = checked_alt(alt)
    fig = checked_figure(fig)
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            axis.set_major_formatter(PlainPowers())
            axis.set_minor_formatter(PlainPowers())
    body = "".join(_layers(fig))
    width, height = (72 * inches for inches in fig.get_size_inches())
    size = column(_PX_PER_POINT * width)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {short(width)} {short(height)}" '
        f'role="img" aria-label="{escape(alt)}" class="npg-figure" style="{size}" '
        f'font-family="sans-serif" fill="currentColor" stroke-linejoin="round">{body}</svg>'
    )


def backdrop(fig: Figure, artists: Iterable[Artist], key: Hashable, layer: int = 0) -> None:
    """Declare that `artists` of `fig` look the same in all figures with the same `key`.

    They are then drawn once for all these figures: the axes, labels and contours behind the frames
    of a slider take nine tenths of the drawing time. Each call for a figure adds to a layer of its
    backdrop; the layers are drawn one over the other, and everything else on top of them. If one of
    the artists is changed afterwards, the figure is drawn as a whole.
    """
    kept, keys = _BACKDROPS.setdefault(fig, {}).setdefault(layer, ([], []))
    for artist in artists:
        kept.append(artist)
        artist.stale = False
    keys.append(key)


def _layers(fig: Figure) -> list[str]:
    layers = sorted(_BACKDROPS.get(fig, {}).items())
    still = [artist for _, (kept, _) in layers for artist in kept]
    if not still or any(artist.stale for artist in still):
        return [_body(fig)]
    places = tuple(ax.get_position().bounds for ax in fig.axes)
    everything = [a for ax in fig.axes for a in ax.get_children()] + fig.get_children()
    everything = [a for a in everything if a not in fig.axes]
    drawn = []
    for number, (kept, keys) in layers:
        key = (number, tuple(fig.get_size_inches()), places, *keys)
        if key not in _DRAWN:
            if len(_DRAWN) >= 32:
                _DRAWN.pop(next(iter(_DRAWN)))
            _DRAWN[key] = _without(fig, [a for a in everything if a not in kept])
        drawn.append(_DRAWN[key])
    return [*drawn, _without(fig, still)]


def _without(fig: Figure, hidden: list[Artist]) -> str:
    seen = [artist for artist in hidden if artist.get_visible()]
    for artist in seen:
        artist.set_visible(False)
    try:
        return _body(fig)
    finally:
        for artist in seen:
            artist.set_visible(True)
            artist.stale = False


def _body(fig: Figure) -> str:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    fig.savefig(buffer, format="svg", facecolor="none", metadata=nothing)
    return compact(buffer.getvalue())


def column(width: float) -> str:
    """Return the style of a drawing that is as wide as its column, and at most `width` pixels."""
    return f"display:block;width:100%;max-width:{width:.0f}px;margin:0 auto"


def bundle(drawing: str, words: str) -> dict[str, str]:
    """Return what a notebook shows of a drawing, and the text that it stores.

    The drawing is HTML, not an image: so it takes the colours of the page or the notebook around
    it, is no wider than it says, and its words can be read, searched and spoken. Its ids are its
    own: a backdrop that several drawings share would bring the same ones to each.
    """
    own = hashlib.sha256(drawing.encode()).hexdigest()[:6]
    drawing = _IDS.sub(rf"\g<1>i{own}-", drawing)
    return {"text/html": f'<div class="npg-drawing">{drawing}</div>', "text/plain": words}


def checked_figure(fig: object) -> Figure:
    """Return `fig`; raise ValueError if it is not a Matplotlib figure."""
    if not isinstance(fig, Figure):
        raise ValueError(f"fig must be a Matplotlib Figure; got {type(fig).__name__}")
    return fig


def checked_alt(alt: object) -> str:
    """Return `alt` on one line; raise ValueError if it is not a string or is blank."""
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"alt must say in words what the figure shows; got {alt!r}")
    return " ".join(alt.split())
