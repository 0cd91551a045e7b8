"""Set 7, the last: TRPO from an empty class to a pole that stands, and a report of it."""

TITLE = "Write TRPO"
CHAPTERS = (8, 9, 10, 11, 12)
PROBLEMS = ("trpo", "cartpole")
