"""Set 6, to chapters 12 and 13: curves, the clip, and a program with three wrong lines."""

TITLE = "Other people's programs"
CHAPTERS = (12, 13)
PROBLEMS = ("ratios", "curves", "mend")
