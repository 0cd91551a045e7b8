"""Set 5, to chapters 9, 10 and 11: a step that looks, recordings, noise, and what may be said."""

TITLE = "Steps from samples"
CHAPTERS = (9, 10, 11)
PROBLEMS = ("gaussian", "seam", "rows", "seeds")
