"""Which faults explain the answers that came: the smallest set whose model gives them all.

First none, then conventions, then one fault, then two, each together with what is known of the
adapter from its other methods. All answers to a property have to fit at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .answers import Answer
from .faults import BY_NAME, CONVENTIONS, FAULTS, Hypothesis, variants
from .properties import Question
from .searches import ROOT, ZERO_DIVIDED

MAY_BE_LOST = {
    ZERO_DIVIDED: {"zero gradient", "residual 0"},
    ROOT: {"zero gradient", "no curvature"},
}
"""Where a fault makes NaN of some answers, which the order of its operations decides."""

LOOSER = 1e4
"""What counts as nothing in single precision, in units of what does in double."""


@dataclass
class Finding:
    """What explains the answers to a property.

    Attributes
    ----------
    hypothesis : dict, or None if nothing known does
    also : list of str
        Other single faults that explain them as well.
    evidence : str
    is_partial : bool
        Whether some answers remain that the hypothesis does not explain.
    has_few_digits : bool
        Whether they fit to single precision only.
    """

    hypothesis: Hypothesis | None
    evidence: str = ""
    also: list[str] = field(default_factory=list)
    is_partial: bool = False
    has_few_digits: bool = False

    def names(self, *, conventions: bool) -> list[str]:
        """Return the names of the faults, or of the conventions."""
        return [n for n in self.hypothesis or {} if BY_NAME[n].convention == conventions]


Asked = Sequence[tuple[Question, Answer]]


def diagnose(method: str, asked: Asked, known: Hypothesis) -> Finding:
    """Return what explains the answers of a method, given what is known of others."""
    asked = [(question, answer) for question, answer in asked if answer.value is not None]
    for level in _levels(method, known):
        for loose in (False, True):
            fitting = next((h for h in level if _fits(h, asked, loose)), None)
            if fitting is None:
                continue
            rest = level[level.index(fitting) + 1 :]
            faults = [n for n in fitting if not BY_NAME[n].convention]
            also = (
                {n for h in rest if _same(h, fitting) and _fits(h, asked, loose) for n in h}
                if len(faults) == 1 else set()
            )  # fmt: skip
            few = loose and not all(answer.is_single for _, answer in asked)
            others = [n for n in also if n not in fitting and not BY_NAME[n].convention]
            return Finding(fitting, _evidence(fitting, asked), sorted(others), False, few)
    return _partly(method, asked, known)


def _same(h: Hypothesis, fitting: Hypothesis) -> bool:
    """Whether two hypotheses have the same conventions."""
    return {n: v for n, v in h.items() if BY_NAME[n].convention} == {
        n: v for n, v in fitting.items() if BY_NAME[n].convention
    }


def _levels(method: str, known: Hypothesis) -> Iterator[list[Hypothesis]]:
    """Yield hypotheses of one size after the other."""
    ours = {name: v for name, v in known.items() if method in BY_NAME[name].methods}
    known_conventions = {n: v for n, v in ours.items() if BY_NAME[n].convention}
    choices = list(variants(CONVENTIONS, method))
    single = [{n: v} for n, v in choices]
    common = [{n: v} for n, v in choices if len(BY_NAME[n].variants) <= 2]
    pairs, of_common = _pairs(single), _pairs(common)
    yield [{}]
    yield _unique([known_conventions, *single])
    yield _unique([*(known_conventions | s for s in single), *pairs])
    yield _unique([base | s for base in (known_conventions, *of_common) for s in (*pairs, *single)])
    faults = [{n: v} for n, v in variants(FAULTS, method)]
    faults.sort(key=lambda fault: not fault.keys() & known.keys())
    bases: list[Hypothesis] = [known_conventions, {}, *single, *of_common]
    bases += [known_conventions | s for s in single]
    yield _unique([base | fault for base in bases for fault in faults])
    bases = [known_conventions, {}, *common, *(known_conventions | s for s in common)]
    yield _unique([base | pair for base in bases for pair in _pairs(faults)])


def _pairs(of: list[Hypothesis]) -> list[Hypothesis]:
    """Return all pairs of two different faults."""
    return [a | b for a, b in itertools.combinations(of, 2) if a.keys() != b.keys()]


def _unique(level: list[Hypothesis]) -> list[Hypothesis]:
    return list({repr(sorted(h.items())): h for h in level}.values())


def _fits(h: Hypothesis, asked: Asked, loose: bool) -> bool:
    return all(_explains(h, question, answer, loose) for question, answer in asked)


def _explains(h: Hypothesis, question: Question, answer: Answer, loose: bool) -> bool:
    """Whether a model gives one answer, to the precision that it came in, or a lower one."""
    value = answer.value
    assert value is not None
    if ZERO_DIVIDED in h and answer.is_single:  # a residual is soon 0
        stays = np.ndim(question.origin) and np.allclose(value, question.origin, atol=1e-6)
        if stays or not np.isfinite(value).all():
            return True
    for name, flags in MAY_BE_LOST.items():
        if name in h and flags & question.flags and not np.isfinite(value).all():
            return True
    if any(name in h for name in MAY_BE_LOST):
        h = {name: v for name, v in h.items() if name not in MAY_BE_LOST}
    if "no curvature" in question.flags and np.array_equal(value, question.origin):
        return True  # to stay is right whatever the length of a step would be
    return distance(question.model(h), value, question, loose) <= 1


def distance(predicted: np.ndarray, value: np.ndarray, question: Question, loose: bool) -> float:
    """Return how far an answer is from a prediction, in units of the tolerance."""
    if not np.isfinite(predicted).all() or not np.isfinite(value).all():
        return 0.0 if np.isfinite(predicted).all() == np.isfinite(value).all() else np.inf
    size = float(np.abs(predicted - question.origin).max(initial=0.0))
    atol = question.atol * (LOOSER if loose else 1)
    if loose:
        atol += 1e-6 * float(np.abs(question.origin).max(initial=0.0))
    tolerance = question.tolerance["float32" if loose else "float64"] * size + atol
    return float(np.abs(predicted - value).max(initial=0.0)) / tolerance


def _partly(method: str, asked: Asked, known: Hypothesis) -> Finding:
    """Return the one fault that explains most of the wrong answers, if it explains a third."""
    right = _conventional(method, asked, known)
    wrong = [pair for pair in asked if not _explains(right, *pair, True)]
    held = [pair for pair in asked if _explains(right, *pair, True)]
    best, most = None, max(len(wrong) / 3, 1)
    for name, variant in variants(FAULTS, method):
        h = right | {name: variant}
        count = sum(_explains(h, *pair, True) for pair in wrong)
        if count > most and all(_explains(h, *pair, True) for pair in held):
            best, most = h, count
    left = wrong if best is None else [p for p in wrong if not _explains(best, *p, True)]
    return Finding(best, _evidence(right, left or wrong), [], True)


def _conventional(method: str, asked: Asked, known: Hypothesis) -> Hypothesis:
    """Return the conventions under which most answers are right."""
    ours = {
        n: v for n, v in known.items() if method in BY_NAME[n].methods and BY_NAME[n].convention
    }
    options = _unique([{}, ours, *({n: v} for n, v in variants(CONVENTIONS, method))])
    return max(options, key=lambda h: sum(_explains(h, *pair, True) for pair in asked))


def _evidence(h: Hypothesis, asked: Asked) -> str:
    """Return the numbers of the case in which the answer is farthest from what is right."""
    conventions = {name: v for name, v in h.items() if BY_NAME[name].convention}
    has_fault = len(conventions) < len(h)
    right = conventions if has_fault else {}

    def gap(pair: tuple[Question, Answer]) -> float:
        question, answer = pair
        assert answer.value is not None
        return min(distance(question.model(right), answer.value, question, True), 1e300)

    if not asked or not (h or has_fault or max(map(gap, asked)) > 1):
        return ""
    question, answer = max(asked, key=gap)
    assert answer.value is not None
    text = _compare(answer.value, question.model(right), question.origin)
    if has_fault and np.isfinite(answer.value).all():
        predicted = float(np.abs(question.model(h) - answer.value).max(initial=0.0))
        text += f"; this fault gives what came up to {predicted:.0e}"
    if h and not has_fault:
        text = text.replace("is right", "is what it is without")
    count = sum(gap(pair) > 1 for pair in asked)
    return f'{text}; case "{question.case}", one of {count} of {len(asked)} answers that differ'


def _compare(value: np.ndarray, right: np.ndarray, origin: Any) -> str:
    """Return what came beside what is right: a number, or a length, a ratio and a cosine."""
    if not np.isfinite(value).all():
        return (
            "NaN or infinity came"
            if value.ndim
            else f"{float(value)} came, {float(right):.6g} is right"
        )
    if value.ndim == 0:
        ratio = f" (ratio {float(value) / float(right):.4g})" if right else ""
        return f"{float(value):.6g} came, {float(right):.6g} is right{ratio}"
    came, wanted = (value - origin).ravel(), (right - origin).ravel()
    lengths = float(np.linalg.norm(came)), float(np.linalg.norm(wanted))
    what = "a move" if np.ndim(origin) else "a vector"
    text = f"{what} of length {lengths[0]:.6g} came, {lengths[1]:.6g} is right"
    if min(lengths) > 0:
        cosine = float(came @ wanted) / (lengths[0] * lengths[1])
        text += f" (ratio {lengths[0] / lengths[1]:.4g}, cosine {cosine:.4f})"
    return text
