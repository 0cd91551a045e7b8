"""What the page's worker talks to: cells, and the packages that they import."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npgkit.live import absent
from npgkit.live.cells import Cells
from npgkit.live.on_demand import OnDemand


class Page:
    """The Python of one page.

    Parameters
    ----------
    post : callable
        Takes a message, a dictionary.
    fetch : callable
        From the name of a wheel to its bytes, as something with the buffer interface or `to_py`.
    lock : str
        Pyodide's lock file.
    """

    def __init__(self, post: Callable[[dict[str, Any]], None], fetch: Any, lock: str) -> None:
        absent.provide()
        be_quiet()
        folder = Path(sysconfig.get_path("purelib"))
        packages = json.loads(lock)["packages"]
        finder = OnDemand(packages, lambda name: _fetched(fetch, name), folder)
        finder.installed.update(name for name, one in packages.items() if _there(one))
        sys.meta_path.append(finder)
        self.cells = Cells(post)
        sys.stdin = io.StringIO()  # whoever asks for a line is told that there is no more
        # Where pyplot shows figures; it is asked for when pyplot is first imported.
        os.environ["MPLBACKEND"] = "module://npgkit.live.pyplot"

    def run(self, cell: str, source: str) -> bool:
        return self.cells.run(cell, source)

    def fresh(self) -> None:
        self.cells.fresh()

    def draw(self, figure: int, request: int, position: Any) -> None:
        self.cells.draw(figure, request, list(position))

    def train(self, seed: int, epsilon: float, line_search: bool) -> Any:
        """Return a `PoleTraining`."""
        from npgkit.live.training import PoleTraining  # here, because it brings Gymnasium

        return PoleTraining(seed, epsilon, line_search)


def be_quiet() -> None:
    """Leave out what libraries say of their first start, and of threads, which a page lacks."""
    warnings.filterwarnings("ignore", message="tqdm:disabling monitor")
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def _fetched(fetch: Any, name: str) -> bytes:
    try:
        return bytes(fetch(name).to_py())
    except Exception as error:  # whatever the browser raises
        told = f"{name.split('-')[0]} could not be fetched: is there a connection? Run tries again."
        raise ImportError(told) from error


def _there(package: dict[str, Any]) -> bool:
    return any(top in sys.modules for top in package["imports"])
