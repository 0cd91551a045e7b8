"""Vectors for trust-region policy optimisation: cases, and what is right.

They are JSON files in `vectors/`, for other languages, too.
"""

from .case import Case, LinearSystem, PolicyOfCase, RolloutCase

__all__ = ["Case", "LinearSystem", "PolicyOfCase", "RolloutCase"]
