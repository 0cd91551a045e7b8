"""The course kit: problem sets that grade themselves. See `python -m course --help`, grading.md.

A problem is a module in `sets/`, made of what `course.problem` offers. A student's code runs in a
process of its own (`sandbox`, `child`), answers questions with plain data, and never meets the
right answers: `checks` compares in the grader's process.
"""
