"""How far a run has come, as a bar on the terminal or in the notebook.

tqdm draws it, on stderr, so that what a program prints stays as it is.
"""

from __future__ import annotations

from typing import Any


def bar(total: int, *, done: int = 0, unit: str, show: bool | None) -> Any:
    """Return a tqdm bar from `done` to `total`, to be used in a `with` block.

    `show` draws it (True), leaves it out (False), or draws it where stderr is a terminal (None).
    """
    from tqdm.auto import tqdm  # here, because the core needs NumPy alone

    return tqdm(
        total=total,
        initial=done,
        unit=unit,
        unit_scale=total >= 10_000,
        disable=None if show is None else not show,
        dynamic_ncols=True,
    )
