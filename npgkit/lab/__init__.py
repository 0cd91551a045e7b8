"""The reading room: figures, sliders and exercise feedback for the notebooks of the book.

At its door stand the three names that a chapter imports: `plots` draws, `explore` moves what was
drawn, `check` answers an answer. Behind it, three rooms: `drawing` turns a figure into what a page
carries, `figures` holds the pictures of single chapters, `exercises` finds out what went wrong in
an answer. Nothing on the floors below imports from here.
"""

from npgkit.lab.exercises import check

__all__ = ["check"]
