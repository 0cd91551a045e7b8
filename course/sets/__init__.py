"""The problem sets, each a package: `TITLE`, `CHAPTERS`, and `PROBLEMS`, its modules' names."""

from __future__ import annotations

import importlib
import pkgutil

from course.problem import ProblemSet


def names() -> list[str]:
    """Return the names of all sets."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


def load(name: str) -> ProblemSet:
    """Return a set by its name, or by a beginning that no other has: `set1`.

    Raises
    ------
    ValueError
        If there is none, or more than one.
    """
    found = [one for one in names() if one == name] or [
        one for one in names() if one.startswith(name)
    ]
    if len(found) != 1 or not name:
        what = "more than one set begins with" if name and found else "there is no set"
        raise ValueError(f"{what} {name!r}; there are {', '.join(names())}")
    package = importlib.import_module(f"{__name__}.{found[0]}")
    problems = {
        one: importlib.import_module(f"{package.__name__}.{one}").PROBLEM
        for one in package.PROBLEMS
    }
    return ProblemSet(found[0], package.TITLE, tuple(package.CHAPTERS), problems)
