"""Where pictures go: into the notebook, unless somebody else has asked for them.

`plots.show` and `explore` make pictures and hand them to the place that is in force. In a notebook
it shows them through IPython and ipywidgets; on a page of the book the page does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from npgkit.lab.sliders import Sliders


class Place(Protocol):
    """What takes pictures."""

    def picture(self, html: str, words: str) -> None:
        """Show a finished picture, as HTML; `words` is the text that stands for it."""

    def sliders(self, figure: Sliders) -> None:
        """Show a figure under sliders."""


_in_force: list[Place] = []


def current() -> Place:
    """Return the place in force: the last one chosen, or the notebook."""
    if _in_force:
        return _in_force[-1]
    from npgkit.lab.notebook import Notebook  # here, because a page has no ipywidgets

    return Notebook()


@contextmanager
def chosen(place: Place) -> Iterator[None]:
    """Send pictures to `place` within the block."""
    _in_force.append(place)
    try:
        yield
    finally:
        _in_force.pop()
