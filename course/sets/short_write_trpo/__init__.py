"""Set 7 for a short course: the network's forward and backward passes are given, no pole."""

TITLE = "Write TRPO, the short way"
CHAPTERS = (8, 9, 10)
PROBLEMS = ("trpo_given_network",)
