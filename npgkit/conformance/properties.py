"""What is asked of an adapter: the properties, each with its questions and what a model answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from . import returns, searches
from .case import Case, LinearSystem, RolloutCase, fresh, vectors
from .faults import Hypothesis
from .model import Model


@dataclass(frozen=True)
class Question:
    """One call of a method, and what a model would answer.

    Attributes
    ----------
    case : str
        The name of the case.
    flags : frozenset of str
    tolerance : dict
        Of the largest entry, for float64 and float32.
    arguments : function
        Makes the arguments, in new arrays.
    shape : tuple
    model : function of a hypothesis
    atol : float
        What counts as nothing.
    origin : array
        What the tolerance is measured from: a step's theta.
    """

    case: str
    flags: frozenset[str]
    tolerance: dict[str, float]
    arguments: Callable[[], tuple[Any, ...]]
    shape: tuple[int, ...]
    model: Callable[[Hypothesis], np.ndarray]
    atol: float = 1e-12
    origin: np.ndarray | float = 0.0


Stored = dict[str, Any]


@cache
def _models(file: str) -> tuple[tuple[Stored, Model], ...]:
    return tuple((stored, Model(_policy(stored))) for stored in vectors(file))


def _policy(stored: Stored) -> Case:
    case = fresh(stored)
    assert isinstance(case, Case)
    return case


def _copies(stored: Stored, *more: np.ndarray) -> tuple[Any, ...]:
    return (fresh(stored), *(array.copy() for array in more))


def _question(
    stored: Stored,
    arguments: Callable[[], tuple[Any, ...]],
    shape: tuple[int, ...],
    model: Callable[[Hypothesis], Any],
    **more: Any,
) -> Question:
    """Return a question whose model remembers what it has answered."""
    told: dict[str, np.ndarray] = {}

    def answer(h: Hypothesis) -> np.ndarray:
        key = repr(sorted(h.items()))
        if key not in told:
            with np.errstate(all="ignore"):
                told[key] = np.asarray(model(h), dtype=float)
        return told[key]

    flags, tolerance = frozenset(stored["flags"]), stored["tolerance"]
    return Question(stored["name"], flags, tolerance, arguments, shape, answer, **more)


@cache
def _on_rows(method: str) -> tuple[Question, ...]:
    """Return the questions to `logp` and `gradient`, one a case."""

    def question(stored: Stored, model: Model) -> Question:
        shape = model.case.adv.shape if method == "logp" else model.case.theta.shape
        return _question(stored, partial(_copies, stored), shape, getattr(model, method))

    return tuple(
        question(stored, model)
        for stored, model in _models("policies")
        if method != "gradient" or "stale" not in stored["flags"]
    )


@cache
def _at(method: str) -> tuple[Question, ...]:
    """Return the questions to `kl`, `surrogate` and `fisher_product`, two vectors each a case."""
    where, name = ("fisher_product", "v") if method == "fisher_product" else ("at", "theta_new")

    def question(stored: Stored, model: Model, vector: np.ndarray) -> Question:
        def answer(h: Hypothesis) -> Any:
            return getattr(model, method)(h, vector)

        shape = vector.shape if method == "fisher_product" else ()
        atol = {"kl": 1e-9, "surrogate": 1e-9 * max(float(np.abs(model.case.adv).mean()), 1e-3)}
        return _question(
            stored, partial(_copies, stored, vector), shape, answer, atol=atol.get(method, 1e-12)
        )

    return tuple(
        question(stored, model, np.array(row[name]))
        for stored, model in _models("policies")
        for row in stored["right"][where]
    )


@cache
def _systems() -> tuple[Question, ...]:
    def question(stored: Stored) -> Question:
        system = fresh(stored)
        assert isinstance(system, LinearSystem)

        def arguments() -> tuple[Any, ...]:
            A = system.A.copy()
            return (lambda v: A @ np.asarray(v)), system.b.copy(), system.iterations

        def answer(h: Hypothesis) -> np.ndarray:
            return searches.solve(h, system)

        return _question(stored, arguments, system.b.shape, answer, atol=1e-14)

    return tuple(question(stored) for stored in vectors("systems"))


@cache
def _steps() -> tuple[Question, ...]:
    def question(stored: Stored, model: Model) -> Question:
        def answer(h: Hypothesis) -> np.ndarray:
            return searches.step(h, model)

        theta = model.case.theta
        return _question(
            stored, partial(_copies, stored), theta.shape, answer, origin=theta, atol=1e-7
        )

    return tuple(question(stored, model) for stored, model in _models("steps"))


@cache
def _rollouts(method: str) -> tuple[Question, ...]:
    """Return the questions to `gae` and `advantages`."""

    def question(stored: Stored) -> Question:
        case = fresh(stored)
        assert isinstance(case, RolloutCase)

        def arguments() -> tuple[Any, ...]:
            copy = fresh(stored)
            if method == "advantages":
                return copy, returns.KnownBaseline()
            names = ("rew", "values", "next_values", "terminated", "truncated", "gamma", "lam")
            return tuple(getattr(copy, name) for name in names)

        def answer(h: Hypothesis) -> np.ndarray:
            return getattr(returns, method)(h, case)

        return _question(stored, arguments, case.rew.shape, answer)

    return tuple(question(stored) for stored in vectors("rollouts"))


PROPERTIES: dict[str, Callable[[], tuple[Question, ...]]] = {
    "logp": partial(_on_rows, "logp"),
    "surrogate": partial(_at, "surrogate"),
    "gradient": partial(_on_rows, "gradient"),
    "kl": partial(_at, "kl"),
    "fisher_product": partial(_at, "fisher_product"),
    "conjugate_gradient": _systems,
    "step": _steps,
    "gae": partial(_rollouts, "gae"),
    "advantages": partial(_rollouts, "advantages"),
}
"""The questions of each property, which has the name of the method that is asked; in this order."""
