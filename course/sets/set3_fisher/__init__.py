"""Set 3, to chapters 4 and 5: the Fisher matrix of other policies, and what names do to a step."""

TITLE = "What the Fisher matrix knows"
CHAPTERS = (4, 5)
PROBLEMS = ("heading", "softness", "ellipse", "detector")
