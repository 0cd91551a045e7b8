"""Set 4, to chapters 6 to 8: tables, plateaus, and products with a matrix that nobody builds."""

TITLE = "Tables, plateaus and products"
CHAPTERS = (6, 7, 8)
PROBLEMS = ("tied", "lock", "softmax", "units", "stall")
