"""The suite names each fault by its own name, and accuses no right implementation."""

from __future__ import annotations

import doctest
import json
import os
import re

import numpy as np
import pytest

from npgkit.conformance import check, checking
from npgkit.conformance.faults import BY_NAME, CONVENTIONS, FAULTS
from npgkit.conformance.properties import PROPERTIES
from tests import adapters, mutants
from tests.adapters import RIGHT, Autodiff, Dense, MatrixFree, OldNew
from tests.mutants import MUTANTS
from tools.toc import ROOT

NAME_OF = {make.__name__: name for name, make, _, _ in MUTANTS}
KEEPS = {
    "Dense": {"exact solve"},
    "DampedAlpha": {"exact solve", "damped alpha"},
    "MatrixFree": set(),
    "OldNew": {"KL old||new"},
    "Autodiff": {"KL old||new", "damped alpha", "damping in the product"},
}
"""The conventions of the right implementations."""

CONSEQUENCES = {
    "CG on the un-negated system": {"wrong sign"},
    "KL of the policy with itself": {"ratio to the new policy"},
    "surrogate ignores its argument": {"ratio to the new policy"},
}
"""What the steps alone cannot tell apart from a fault: where none is ever taken, say."""


def named(value):
    return getattr(value, "__name__", None)


def needs(Base):
    """Skip where autograd is missing, but not in continuous integration."""
    if issubclass(Base, Autodiff) and not hasattr(adapters, "anp"):
        assert "CI" not in os.environ, "autograd is not installed"
        pytest.skip("autograd is not installed")
    return Base


@pytest.mark.parametrize("Base", RIGHT)
def test_a_right_implementation_is_accused_of_nothing(Base):
    """Five of them: only their conventions are told."""
    report = check(needs(Base)())
    assert report.ok
    assert report.summary() == "9 ok, 0 wrong, 0 not offered"
    assert report.faults == ()
    assert set(report.conventions) == KEEPS[Base.__name__]
    assert not any(row.notes for row in report.rows)


MATRIX = [
    (name, make, at, Base)
    for name, make, _, at in MUTANTS
    for Base in RIGHT
    if Base in (Dense, MatrixFree) or at not in ("gae", "advantages")  # the others inherit theirs
]


@pytest.mark.parametrize(("name", "make", "at", "Base"), MATRIX, ids=named)
def test_a_mutant_is_named_and_by_its_own_name_alone(name, make, at, Base):
    """The confusion matrix: one mutant of one right implementation, with all it offers."""
    report = check(make(needs(Base))())
    if BY_NAME[name].convention:
        assert report.ok
        assert set(report.conventions) >= {name}
        assert set(report.conventions) - KEEPS[Base.__name__] <= {name}
        return
    assert not report.ok
    assert report.faults == (name,)
    first = next(row for row in report.rows if row.faults)
    assert first.property == at
    assert first.diagnosis.startswith(name) or first.diagnosis.startswith("convention")
    assert first.evidence
    assert first.chapter == BY_NAME[name].chapter
    assert set(report.conventions) - KEEPS[Base.__name__] <= {"advantages normalised"}


def test_every_fault_and_every_convention_has_a_test():
    """All that the suite can name is the name of a mutant, or of an odd one below."""
    odd = {make(Dense).name for make in ODD}
    assert {name for name, _, _, _ in MUTANTS} | odd == set(BY_NAME)
    assert len(FAULTS) + len(CONVENTIONS) == len(BY_NAME)


@pytest.mark.parametrize("Base", [OldNew])
@pytest.mark.parametrize(
    ("name", "make"), [(n, m) for n, m, _, at in MUTANTS if at not in ("gae", "advantages")],
    ids=named,
)  # fmt: skip
def test_a_step_alone_tells_what_shows_in_it(name, make, Base):
    """Or, where nothing moves at all, a fault that gives the same steps, and that it might be."""
    (row,) = check(make(needs(Base))(), properties=["step"]).rows
    if "step" not in BY_NAME[name].methods or row.verdict == "ok":
        assert set(row.faults) <= {name}
        return
    if BY_NAME[name].convention:
        assert name in row.conventions
    else:
        assert row.faults in {(name,), *((other,) for other in CONSEQUENCES.get(name, ()))}
        assert name in row.diagnosis


@pytest.mark.parametrize("method", PROPERTIES)
def test_one_method_is_enough(method):
    class One:
        pass

    setattr(One, method, lambda self, *given: getattr(Dense(), method)(*given))
    report = check(One)
    assert report.ok
    assert report.summary() == "1 ok, 0 wrong, 8 not offered"
    assert [row.property for row in report.rows if row.verdict == "ok"] == [method]


def in_single(Base):
    """Return an implementation that computes in float32 from what it is handed."""

    class Single(Base):
        pass

    def narrowed(name):
        def method(self, *given):
            for case in given:
                for key, value in vars(case).items() if hasattr(case, "__dict__") else ():
                    if isinstance(value, np.ndarray) and value.dtype == float:
                        setattr(case, key, value.astype(np.float32))
                if getattr(case, "policy", None) and case.policy.log_std is not None:
                    case.policy.log_std = case.policy.log_std.astype(np.float32)
            given = [np.float32(x) if getattr(x, "dtype", 0) == np.float64 else x for x in given]
            return np.float32(getattr(super(Single, self), name)(*given))

        return method

    for name in ("logp", "gradient", "fisher_product", "kl", "surrogate", "step", "gae"):
        setattr(Single, name, narrowed(name))
    return Single


@pytest.mark.parametrize("make", [lambda Base: Base, *(m for _, m, _, _ in MUTANTS)][::4])
def test_single_precision_is_judged_by_its_own_tolerance(make):
    wanted, found = check(make(MatrixFree)()), check(in_single(make(MatrixFree))())
    assert found.faults == wanted.faults
    assert found.conventions == wanted.conventions


def test_few_digits_in_double_precision_are_told():
    class Rough(Dense):
        def gradient(self, case):
            return super().gradient(case) * (1 + 1e-4)

    (row,) = check(Rough, properties=["gradient"]).rows
    assert row.verdict == "ok"
    assert row.notes == ("double precision came, right to about as many digits as single has",)


# What is named besides the mutants of the table --------------------------------------------------


def odd(name, methods):
    def made(Base):
        return type("Odd", (Base,), {**methods(Base), "name": name})

    return made


def advantages_of(adv):
    return (adv - adv.mean()) / max(adv.std(), 1e-300) if adv.std() else 0 * adv


ODD = [
    odd("damping in the product", lambda B: {
        "fisher_product": lambda s, c, v: B().fisher_product(c, v) + c.damping * v}),
    odd("advantages normalised", lambda B: {"_adv": lambda s, c: advantages_of(c.adv)}),
    odd("old log-probabilities computed again", lambda B: {
        "surrogate": lambda s, c, t: float(c.weights @ (np.exp(
            B()._log_pi(c, t) - B()._log_pi(c, c.theta)) * c.adv))}),
    odd("surrogate as a gain", lambda B: {
        "surrogate": lambda s, c, t: B().surrogate(c, t) - B().surrogate(c, c.theta)}),
    odd("KL from the sampled actions", lambda B: {
        "kl": lambda s, c, t: c.weights @ (B()._log_pi(c, c.theta) - B()._log_pi(c, t))}),
    odd("gradient summed", lambda B: {
        "gradient": lambda s, c: len(c.adv) * B().gradient(c)}),
    odd("exact solve", lambda B: {}),
    odd("absolute tolerance", lambda B: {
        "conjugate_gradient": lambda s, product, b, n: impatient(product, b, n)}),
    odd("KL allowed 1.5 epsilon", lambda B: {
        "_within": lambda s, c, kl: kl <= 1.5 * c.epsilon}),
    odd("KL is its quadratic model", lambda B: {
        "kl": lambda s, c, t: (t - c.theta) @ B()._fv(c, t - c.theta) / 2}),
]  # fmt: skip


def impatient(product, b, iterations):
    x, r, p = 0 * b, b, b
    for _ in range(iterations):
        if r @ r < 1e-10:
            break
        alpha = r @ r / (p @ product(p))
        x, last, r = x + alpha * p, r @ r, r - alpha * product(p)
        if r @ r < 1e-10:
            break
        p = r + (r @ r) / last * p
    return x


@pytest.mark.parametrize("make", ODD, ids=lambda make: make(Dense).name)
def test_other_choices_are_named_too(make):
    report = check(make(Dense)())
    name = make(Dense).name
    if BY_NAME[name].convention:
        assert report.ok, str(report)
        assert name in report.conventions
        assert set(report.conventions) <= {name, "exact solve"}
    else:
        assert report.faults == (name,)


class Usual(MatrixFree):
    """What many programs do at once."""

    old_new = damped = True

    def _adv(self, case):
        std = case.adv.std(ddof=1) if len(case.adv) > 1 else 0.0
        return (case.adv - case.adv.mean()) / (std + 1e-8)

    def _solve(self, product, b, iterations):
        return impatient(product, b, iterations)

    def _within(self, case, kl):
        return kl <= 1.5 * case.epsilon


def test_five_conventions_at_once_are_no_fault():
    report = check(Usual)
    assert report.ok, str(report)
    assert set(report.conventions) == {
        "advantages normalised", "KL old||new", "absolute tolerance", "damped alpha",
        "KL allowed 1.5 epsilon",
    }  # fmt: skip


# Two at once -------------------------------------------------------------------------------------

PAIRS = [
    ("twice", "search_result_dropped"), ("no_kl", "twice"), ("empirical", "no_kl"),
    ("log_std_missing", "search_result_dropped"), ("log_std_missing", "empirical"),
    ("clipped", "twice"), ("last_trial_kept", "half"), ("after_the_reset", "never_cut"),
    ("value_after_the_end", "per_environment"), ("fitted_first", "done_is_done"),
    ("un_negated", "search_result_dropped"), ("argument_ignored", "empirical"),
    ("gradient_of_the_loss", "log_std_missing"), ("downhill", "no_surrogate"),
]  # fmt: skip
HIDING = [("ratio_one", "no_kl"), ("kl_of_itself", "twice"), ("hessian_of_itself", "no_kl")]
"""With the first of these no step is ever taken, so that the second cannot show."""


@pytest.mark.parametrize("Base", [MatrixFree, OldNew])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_bugs_at_once_are_both_named(one, other, Base):
    both = getattr(mutants, one)(getattr(mutants, other)(needs(Base)))
    assert set(check(both()).faults) == {NAME_OF[one], NAME_OF[other]}


@pytest.mark.parametrize(("one", "other"), HIDING)
def test_a_bug_that_hides_another_is_named_first(one, other):
    report = check(getattr(mutants, one)(getattr(mutants, other)(Dense))())
    assert report.faults[0] == NAME_OF[one]
    assert "look again" in str(report)


def test_what_nothing_explains_is_called_wrong_and_unknown():
    class Odd(Dense):
        def kl(self, case, theta_new):
            return 1.7 * super().kl(case, theta_new) + 0.1

    (row,) = check(Odd(), properties=["kl"]).rows
    assert (row.verdict, row.faults) == ("wrong", ("unknown",))
    assert row.diagnosis == "wrong, and not by one of the faults known here"
    assert " came, " in row.evidence


def test_a_fault_that_explains_a_part_is_named_with_a_warning():
    """A third fault, that nobody knows, in some of the answers."""

    class Odd(mutants.log_std_missing(Dense)):
        def gradient(self, case):
            return super().gradient(case) * (1.3 if len(case.theta) > 30 else 1)

    (row,) = check(Odd(), properties=["gradient"]).rows
    assert (row.verdict, row.faults) == ("wrong", ("log-std missing",))
    assert "look again" in row.diagnosis


# The report --------------------------------------------------------------------------------------


def test_the_report_says_the_same_in_three_forms():
    class Mine(mutants.twice(MatrixFree)):
        gae = advantages = None

    report = check(Mine)
    assert report.summary() == "6 ok, 1 wrong, 2 not offered"
    text = str(report)
    assert text.splitlines()[0] == "Mine: 6 ok, 1 wrong, 2 not offered"
    assert "  gae                 not offered" in text
    whole = json.loads(report.json())
    assert whole["ok"] is False
    (step,) = (row for row in whole["rows"] if row["property"] == "step")
    assert step["faults"] == ["half or twice the radius"]
    assert (step["verdict"], step["chapter"]) == ("wrong", 5)
    page = report.html()
    assert page.startswith("<!doctype html>")
    assert page.count(";background:#d5ecd9") == 6  # green: what was asked and is right, alone
    assert "half or twice the radius" in page
    assert "x&#x27;Fx" in page


def test_the_example_of_check_says_what_it_says():
    assert doctest.testmod(checking).failed == 0


def test_what_was_not_asked_is_not_ok():
    class Nothing:
        pass

    report = check(Nothing())
    assert not report.ok
    assert {row.verdict for row in report.rows} == {"not offered"}


def test_a_property_that_is_none_is_refused():
    with pytest.raises(ValueError, match="there is no property 'fvp'; there are logp, surrogate"):
        check(Dense(), properties=["fvp"])


def test_the_guide_counts_the_questions_as_they_are():
    guide = (ROOT / "book" / "bring_your_own.md").read_text("utf-8")
    (stated,) = re.findall(r"asks it (\d+)\s+questions", guide)
    assert int(stated) == sum(len(questions()) for questions in PROPERTIES.values())
