"""A Matplotlib backend: `plt.show()` in a cell of a page puts its figures into the page."""

from __future__ import annotations

from typing import Any

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_svg import FigureCanvasSVG

from npgkit.lab.drawing import style
from npgkit.live.cells import show_open_figures

style.apply()  # text in the page's colour, dark or light


class FigureManager(FigureManagerBase):
    """Has no window."""

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        show_open_figures()


class FigureCanvas(FigureCanvasSVG):
    manager_class: Any = FigureManager
