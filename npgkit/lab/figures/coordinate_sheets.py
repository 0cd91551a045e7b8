"""The same plane on two sheets of graph paper: in the coordinates phi, and in theta.

With theta = B phi + b, what is a circle on the sheet of phi is an ellipse on that of theta.
Whatever is drawn on the two panels is given in theta, as in
`npgkit.lab.drawing.policy_pictures`.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from npgkit.lab import plots
from npgkit.lab.drawing import style
from npgkit.lab.drawing.policy_pictures import Limits, Space, use_space

_FAR = 30.0
_GRID = np.arange(-_FAR, _FAR + 0.5, 0.5)


def two_papers(
    B: ArrayLike, centre: ArrayLike, landscape: plots.Landscape | None = None
) -> tuple[Figure, tuple[Axes, Axes]]:
    """Return a figure with the sheet of phi, left, and that of theta with its grid on it, right.

    Parameters
    ----------
    B : array_like, shape (2, 2)
        theta = B phi; invertible.
    centre : array_like, shape (2,)
        The theta in the middle of both panels.
    landscape : Landscape, optional
        Drawn on the sheet of theta.
    """
    B, centre = np.asarray(B, dtype=float), np.asarray(centre, dtype=float)
    back, start = np.linalg.inv(B), np.linalg.solve(B, centre)
    width, height, side = 6.4, 3.65, 2.6  # inches, as in `plots.two_spaces`
    fig = Figure(figsize=(width, height))
    of_phi, of_theta = (
        fig.add_axes((x / width, 0.5 / height, side / width, side / height)) for x in (0.58, 3.7)
    )
    of_phi.set_title("the paper of φ", y=1.0)
    of_phi.set_xlabel(r"$\phi_1$")
    of_phi.set_ylabel(r"$\phi_2$", labelpad=1)
    of_phi.locator_params(nbins=4, integer=True)
    of_theta.set_title("the paper of θ: logit of staying", y=1.0)
    of_theta.set_xlabel(r"in the poor room, $\theta_i$")
    of_theta.set_ylabel(r"in the rich room, $\theta_j$", labelpad=1)

    def to_phi(theta: ArrayLike) -> np.ndarray:
        return np.asarray(np.asarray(theta, dtype=float) @ back.T)

    def to_theta(phi: ArrayLike) -> np.ndarray:
        return np.asarray(np.asarray(phi, dtype=float) @ B.T)

    use_space(of_phi, Space(_window(start, 1.2), to_phi, to_theta))
    use_space(of_theta, Space(_window(centre, 2.4), np.asarray, np.asarray), landscape)
    for k in _GRID:
        for line in (((k, -_FAR), (k, _FAR)), ((-_FAR, k), (_FAR, k))):
            ends = np.round(start) + np.array(line)
            for ax, points in ((of_phi, ends), (of_theta, to_theta(ends))):
                if _crosses(points, *ax.get_xlim(), *ax.get_ylim()):
                    ax.plot(*points.T, color=style.QUIET, linewidth=0.5, zorder=0.5,
                            linestyle=(0, (1, 2)))  # fmt: skip
    return fig, (of_phi, of_theta)


def _window(centre: np.ndarray, half: float) -> Limits:
    (x, y) = (float(v) for v in centre)
    return ((x - half, x + half), (y - half, y + half))


def _crosses(ends: np.ndarray, x0: float, x1: float, y0: float, y1: float) -> bool:
    """Whether the straight line through `ends` meets the window."""
    (ax, ay), (bx, by) = ends
    corners = [(x0, y0), (x0, y1), (x1, y0), (x1, y1)]
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in corners]
    return min(sides) < 0.0 < max(sides)
