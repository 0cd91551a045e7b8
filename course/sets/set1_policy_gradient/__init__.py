"""Set 1, to chapters 1 and 2: the gradient of a return."""

TITLE = "The gradient of a return"
CHAPTERS = (1, 2)
PROBLEMS = ("bandit", "returns", "doors", "own_mean")
