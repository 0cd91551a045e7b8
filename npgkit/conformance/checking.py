"""`check`: ask an adapter, and say of each property what is right, wrong or not offered."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .answers import Answer, ask, within
from .diagnose import Asked, Finding, diagnose
from .faults import BY_NAME, Hypothesis
from .properties import PROPERTIES, Question
from .report import NOT_OFFERED, OK, WRONG, Report, Row

SECONDS = 30.0
"""How long an adapter may take for one property."""

ABSTRACT = "it raises NotImplementedError"
UNKNOWN = "wrong, and not by one of the faults known here"
LOOK_AGAIN = "; and something else besides: mend this and look again"


def check(
    adapter: Any, *, properties: Iterable[str] | None = None, seconds: float = SECONDS
) -> Report:
    """Check an implementation of TRPO or of the natural policy gradient, and name what is wrong.

    Parameters
    ----------
    adapter : object
        With some of the methods below, or a class that makes one without arguments. What it lacks
        is "not offered".
    properties : iterable of str, optional
        The methods to check; all when left out.
    seconds : float
        How long the answers to one property may take.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If `properties` names something that is none.

    Notes
    -----
    The methods take plain arrays and return what `numpy.asarray` reads. `case` is a
    `npgkit.conformance.Case`; its policy's `theta` is flat. A method that raises
    `NotImplementedError` declines a question: it is not counted among the answers.

    ================================================  ==========================================
    `logp(case)`                                      log pi(act|obs) (n,)
    `surrogate(case, theta_new)`                      sum_i w_i ratio_i adv_i
    `gradient(case)`                                  its gradient at case.theta (n_params,)
    `kl(case, theta_new)`                             the mean KL, in nats
    `fisher_product(case, v)`                         F v (n_params,)
    `conjugate_gradient(product, b, iterations)`      x after so many iterations from 0
    `step(case)`                                      theta after the whole step
    `gae(rew, values, next_values, terminated,`       advantages (T, E)
    `truncated, gamma, lam)`
    `advantages(rollout, baseline)`                   the same from a rollout (`rollout.obs`,
                                                      `.next_obs`, `.rew`, ...) and a baseline with
                                                      `predict(obs)` and `fit(obs, returns)`
    ================================================  ==========================================

    Examples
    --------
    >>> from npgkit.conformance import check
    >>> class Mine:
    ...     def conjugate_gradient(self, product, b, iterations):
    ...         x, r, p = 0 * b, b, b
    ...         for _ in range(iterations):
    ...             alpha = r @ r / (p @ product(p))
    ...             x, r_last, r = x + alpha * p, r, r - alpha * product(p)
    ...             p = r + (r @ r) / (r_last @ r_last) * p
    ...         return x
    >>> check(Mine()).faults
    ('division by zero at a zero gradient',)
    """
    chosen = list(PROPERTIES) if properties is None else list(properties)
    for name in chosen:
        if name not in PROPERTIES:
            raise ValueError(f"there is no property {name!r}; there are {', '.join(PROPERTIES)}")
    name = adapter.__name__ if isinstance(adapter, type) else type(adapter).__name__
    if isinstance(adapter, type):
        adapter = adapter()
    known: Hypothesis = {}
    rows = []
    for method in PROPERTIES:
        if method not in chosen:
            continue
        row, finding = _row(adapter, method, known, seconds)
        for found, variant in (finding.hypothesis or {}).items():
            known.setdefault(found, variant)
        rows.append(row)
    return Report(name, tuple(_compared(rows)))


def load(name: str) -> Any:
    """Return the class or object that `module:Name` names, from the working directory on.

    Raises
    ------
    ValueError
        If there is no such module, or no such name in it. What the module raises itself goes on.
    """
    module, colon, attributes = name.partition(":")
    if not (colon and module and attributes):
        raise ValueError(f"an adapter is named module:Name; got {name!r}")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"there is no module {module!r} here ({Path.cwd()})") from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ValueError(f"{module} has no {attributes}")
        found = getattr(found, attribute)
    return found


def _row(adapter: Any, method: str, known: Hypothesis, seconds: float) -> tuple[Row, Finding]:
    nothing = Finding({})
    try:
        call = getattr(adapter, method, None)
    except Exception as error:  # a property of a class may raise
        return Row(method, WRONG, f"asking for {method} raises {error!r}"), nothing
    if call is None:
        return Row(method, NOT_OFFERED, f"the adapter has no method {method}"), nothing
    if not callable(call):
        return Row(
            method, WRONG, f"{method} is a {type(call).__name__}, and cannot be called"
        ), nothing
    questions = PROPERTIES[method]()
    try:
        answers, printed = within(seconds, lambda: [_ask(call, question) for question in questions])
    except TimeoutError as error:
        return Row(method, WRONG, str(error), faults=("no answer in time",)), nothing
    notes = list(dict.fromkeys(note for answer in answers for note in answer.notes))
    if printed:
        notes.append(f"it prints {printed} characters, which are left out")
    asked = [
        (question, answer)
        for question, answer in zip(questions, answers, strict=True)
        if not answer.problem.startswith(ABSTRACT)  # it says that this one is not for it
    ]
    if not asked:
        return Row(method, NOT_OFFERED, ABSTRACT), nothing
    row, finding = _of_answers(method, asked, known, notes)
    if len(asked) < len(questions):
        row = replace(row, answered=(len(asked), len(questions)))
    return row, finding


def _of_answers(
    method: str, asked: Asked, known: Hypothesis, notes: list[str]
) -> tuple[Row, Finding]:
    """Return what is said of the questions that were not declined."""
    broken = [(question, answer) for question, answer in asked if answer.problem]
    if len(broken) == len(asked):
        question, answer = broken[0]
        return _without_answer(method, answer, f'case "{question.case}"', notes), Finding({})
    finding = diagnose(method, asked, known)
    row = _said(method, finding, notes)
    if broken:
        question, answer = broken[0]
        where = f'case "{question.case}", one of {len(broken)} of {len(asked)}'
        first = _without_answer(method, answer, where, notes)
        if row.diagnosis:
            first = Row(
                method, WRONG, f"{first.diagnosis}; where it answers, {row.diagnosis}",
                f"{first.evidence}; {row.evidence}", row.chapter, (*row.faults, *first.faults),
                row.conventions, first.notes,
            )  # fmt: skip
        row = first
    return row, finding


def _ask(call: Any, question: Question) -> Answer:
    return ask(call, question.arguments(), question.shape)


def _without_answer(method: str, answer: Answer, where: str, notes: list[str]) -> Row:
    kind = "raises" if answer.problem.startswith("it raises") else "no usable answer"
    return Row(method, WRONG, answer.problem, where, None, (kind,), (), tuple(notes))


def _said(method: str, finding: Finding, notes: list[str]) -> Row:
    """Return the row that says what was found."""
    if finding.hypothesis is None:
        return Row(method, WRONG, UNKNOWN, finding.evidence, None, ("unknown",), (), tuple(notes))
    faults, conventions = (finding.names(conventions=c) for c in (False, True))
    if finding.has_few_digits:
        notes = [*notes, "double precision came, right to about as many digits as single has"]
    said = [f"{name}: {BY_NAME[name].sentence}" for name in faults]
    said += [f"convention, {name}: {BY_NAME[name].sentence}" for name in conventions]
    if finding.also:
        said.append(f"or, which these answers do not tell apart, {', '.join(finding.also)}")
    diagnosis = "; ".join(said) + (LOOK_AGAIN if finding.is_partial else "")
    verdict = WRONG if faults or finding.is_partial else OK
    chapter = BY_NAME[(faults or conventions)[0]].chapter if said else None
    return Row(
        method, verdict, diagnosis, finding.evidence, chapter, tuple(faults), tuple(conventions),
        tuple(notes),
    )  # fmt: skip


def _compared(rows: list[Row]) -> list[Row]:
    """Return the rows with what only two of them together show: advantages of two kinds."""
    by_name = {row.property: row for row in rows}
    pair = [by_name.get("surrogate"), by_name.get("gradient")]
    if any(row is None or row.verdict != OK for row in pair):
        return rows
    normalised = [
        row.property for row in pair if row and "advantages normalised" in row.conventions
    ]
    if len(normalised) != 1:
        return rows
    fault = BY_NAME["normalised advantages not used"]
    found = Row(
        "gradient", WRONG, f"{fault.name}: {fault.sentence}",
        f"the answers of `{normalised[0]}` have normalised ones and those of "
        f"`{({'surrogate', 'gradient'} - {*normalised}).pop()}` have not",
        fault.chapter, (fault.name,), by_name["gradient"].conventions, by_name["gradient"].notes,
    )  # fmt: skip
    return [found if row.property == "gradient" else row for row in rows]
