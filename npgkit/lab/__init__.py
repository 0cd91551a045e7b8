"""The reading room: figures, sliders and exercise feedback for the notebooks of the book.

`plots` draws, `explore` moves what was drawn, `check` answers an answer. Nothing in the
numerical core imports from here, so that `import npgkit` asks for NumPy alone.
"""
