"""Feedback on the exercises: what is wrong with an answer, in words."""
