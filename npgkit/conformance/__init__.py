"""Bring your own TRPO: an adapter is asked for what it computes, and what is wrong is named.

`check(adapter)` asks; `python -m npgkit conformance module:Class` and
`pytest --npgkit-adapter module:Class` do so from outside. The cases and what is right are JSON
files in `vectors/`, for other languages, too.
"""

from .case import Case, LinearSystem, PolicyOfCase, RolloutCase
from .checking import check
from .report import Report, Row

__all__ = ["Case", "LinearSystem", "PolicyOfCase", "Report", "RolloutCase", "Row", "check"]
