"""Set 2, to chapters 2 and 3: steps in coordinates and in behaviour."""

TITLE = "How far is a step?"
CHAPTERS = (2, 3)
PROBLEMS = ("clock", "coin", "gaussian", "ray")
