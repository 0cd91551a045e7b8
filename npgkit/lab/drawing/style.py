"""The style of every figure: a colour, a marker and a line style for each method.

The colours come from the Okabe-Ito palette, which can be told apart with the common colour
deficiencies; markers and line styles tell the methods apart in black-and-white print. `INK` and
`PAPER` are placeholders: `npgkit.lab.drawing.render` replaces them by the text and background
colours of the page, so that one figure serves the light and the dark theme.
"""

from typing import Any

import matplotlib
from cycler import cycler

INK = "#010203"
"""The colour of text, axes and whatever else takes the text colour of the page."""

PAPER = "#fdfefc"
"""The colour of what takes the background of the page: halos, the inside of open markers."""

QUIET = "#8a8a8a"
"""Contours, guides and grids: the same middle grey on white and on black."""

METHODS: dict[str, dict[str, Any]] = {
    "euclidean": {
        "color": "#d55e00",
        "marker": "s",
        "linestyle": (0, (5, 1.6)),
        "label": "plain step",
    },
    "kl": {
        "color": "#0a7bbd",
        "marker": "D",
        "linestyle": "-",
        "label": "KL step",
    },
    "natural": {
        "color": "#009e73",
        "marker": "o",
        "linestyle": (0, (7, 1.4, 1.4, 1.4)),
        "label": "natural step",
    },
    "trust_region": {
        "color": "#c0699b",
        "marker": "^",
        "linestyle": (0, (1.4, 1.2)),
        "label": "trust region",
    },
}
"""Keyword arguments of `Axes.plot`, by method: ``ax.plot(x, y, **METHODS["natural"])``."""

COLOURS: dict[str, str] = {name: look["color"] for name, look in METHODS.items()}
"""The colour alone, by method."""

SMALL = 11.25
"""The least size of type, in points: 9 px in a figure of full width on a telephone 390 px wide."""

RC: dict[str, Any] = {
    # A full-width figure is 6.4 inches, so 12 points are 2.6 % of its width: 17 px on a wide
    # page, as large as the text around it.
    "font.size": 12.0,
    "axes.labelsize": 12.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "normal",
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": True,  # lets no grid line run through the words
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fancybox": False,
    "legend.borderpad": 0.25,
    "legend.handlelength": 2.1,
    "legend.handletextpad": 0.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    # A figure saved as a file brings its own white ground: whatever shows it may be dark, and the
    # text is nearly black. On a page it has none (`render`), since there the text is recoloured.
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=[*COLOURS.values(), QUIET]),
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "grid.color": QUIET,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.6,
    "mathtext.fontset": "dejavusans",
    # Text stays text: smaller, searchable, and in the page's own font.
    "svg.fonttype": "none",
    # Element ids come from the content and not from a random number: a build repeats.
    "svg.hashsalt": "npgkit",
}
"""The Matplotlib settings of the book."""


def apply() -> None:
    """Make the book's style Matplotlib's default in this process; importing `plots` calls it."""
    settings: Any = RC  # typed as a table of named settings; this is one
    matplotlib.rcParams.update(settings)


def look(method: str) -> dict[str, Any]:
    """Return the style of `method`, or raise ValueError naming the methods there are."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    return METHODS[method]
