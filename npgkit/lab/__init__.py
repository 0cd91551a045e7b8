"""Figures, sliders and exercise feedback for the notebooks of the book.

A chapter imports four names from here: `plots` draws, `explore` puts sliders under what was drawn,
`check` says what is wrong with the answer to an exercise, `read_data` reads stored measurements.
`drawing` turns a Matplotlib figure into what a page carries, `figures` holds the pictures of single
chapters, and `exercises` finds the mistake in an answer. Nothing else in npgkit imports this
package, except the command, for the picture of its `compare`.
"""

from npgkit.lab.book_data import read_data
from npgkit.lab.exercises import check

__all__ = ["check", "read_data"]
