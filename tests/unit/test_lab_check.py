"""Exercise feedback: no wrong answer passes, no answer crashes, and each mistake has its name."""

import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npgkit.lab import check

GRAD = np.array([1.3, -0.4, 2.2])
MATRIX = np.array([[2.0, 0.5], [-1.0, 3.0]])
POLICY = np.array([[0.2, 0.8], [0.5, 0.5]])
EMPTY = [..., NotImplemented]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GRAD, GRAD),
        (GRAD.tolist(), GRAD),
        (GRAD * (1 + 1e-9), GRAD),
        (GRAD.astype(np.float32).astype(float), GRAD.astype(np.float32)),
        (3, 3.0),
        (np.float64(0.25), 0.25),
        (np.zeros(4), np.zeros(4)),
        ([[1, 0], [0, 1]], np.eye(2)),
        (np.zeros((0, 2)), np.zeros((0, 2))),
    ],
)
def test_a_right_answer_is_right(answer, expected):
    verdict = check.array(answer, expected, name="grad")
    assert verdict.ok and bool(verdict)
    assert repr(verdict) == "[right] grad is right."


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (-GRAD, GRAD, "wrong sign in every entry"),
        (-2.0, 2.0, "wrong sign"),
        (GRAD * [1, 1, -1], GRAD, r"wrong sign in 1 of 3 entries, among them \[2\]"),
        (2 * GRAD, GRAD, "2 times the right answer: look for a factor 2"),
        (0.5 * GRAD, GRAD, "0.5 times the right answer: look for a factor 1/2"),
        (-2 * GRAD, GRAD, "look for a sign and a factor 2"),
        (4.0, 2.0, "look for a factor 2"),
        (0.1 * GRAD, GRAD, r"missing 1/\(1 - gamma\)"),
        (10 * GRAD, GRAD, "missing 1 - gamma"),
        (0.9 * GRAD, GRAD, "one gamma too many"),
        (GRAD / 0.9, GRAD, "a missing gamma"),
        (3 * GRAD, GRAD, "a sum that should be a mean over 3 entries"),
        (GRAD / 3, GRAD, "a mean that should be a sum over 3 entries"),
        (1.7 * GRAD, GRAD, r"is 1\.7 times the right answer, in every entry\.$"),
        (-1.7 * GRAD, GRAD, r"is -1\.7 times the right answer, in every entry\.$"),
        (GRAD + 0.25, GRAD, "off by the same amount, 0.25,"),
        (GRAD[::-1], GRAD, "another order"),
        (np.zeros(3), GRAD, "zero everywhere"),
        (np.abs(GRAD), GRAD, "absolute value"),
        (GRAD**2, GRAD, "is the square of"),
        (np.exp(GRAD), GRAD, "exponential"),
        (np.log(POLICY), POLICY, "logarithm"),
        (np.sqrt(POLICY), POLICY, "square root"),
        (1 / GRAD, GRAD, "one over"),
        (MATRIX.T, MATRIX, "is the transpose"),
        (-MATRIX.T, MATRIX, "minus the transpose"),
        (np.linalg.inv(MATRIX), MATRIX, "is the inverse"),
        (GRAD[:, None], GRAD, r"shape \(3, 1\).*shape \(3,\).*reshape"),
        (MATRIX[:, :1], MATRIX, r"shape \(2, 1\); the right answer has shape \(2, 2\)\.$"),
        (np.arange(6.0).reshape(3, 2), np.arange(6.0).reshape(3, 2).T, "transpose them"),
        ([1.3, np.nan, 2.2], GRAD, r"NaN in one entry, the first at \[1\]"),
        ([np.inf, -0.4, np.inf], GRAD, r"infinite in 2 of its 3 entries, the first at \[0\]"),
        (math.nan, 1.0, "is NaN: look for a division by zero"),
        ([math.nan, 1.0, 2.0], GRAD, r"a logarithm of zero or a singular matrix\.$"),
        (GRAD * (1 + 1e-4), GRAD, "by 0.0001 of its size: close, so look for rounding"),
        (
            GRAD + np.array([0, 0, 1e-3]),
            GRAD,
            r"rounding.* 1 of 3 entries are wrong, most of all \[2\]",
        ),
        (GRAD + np.array([0.5, 0.1, 0.7]), GRAD, r"differs .* most of all at \[2\]"),
        (1.2345, 2.0, r"differs from the right answer by 0\.383 of its size\.$"),
        (GRAD + 1j, GRAD, "complex"),
        ("1.3", GRAD, "is a str, which is no array"),
        ([[1], [2, 3]], GRAD, "is a list, which is no array"),
        ({"a": 1}, GRAD, "is a dict"),
        (True, 1.0, "is a bool"),
        (np.sin, GRAD, "is a function; call it"),
        (object(), 1.0, "is an object"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong_with_it(answer, expected, words):
    verdict = check.array(answer, expected, name="grad", gamma=0.9)
    assert not verdict.ok
    assert verdict.answered
    assert repr(verdict).startswith("[not yet] grad ")
    assert re.search(words, verdict.message), verdict.message


@pytest.mark.parametrize("nothing", EMPTY)
def test_an_exercise_not_yet_answered_is_open(nothing):
    for verdict in (
        check.array(nothing, GRAD, name="grad"),
        check.number(nothing, 1.0, name="grad"),
        check.policy(nothing, POLICY, name="grad"),
        check.function(nothing, np.sin, [(1.0,)], name="grad"),
        check.function(lambda x: nothing, np.sin, [(1.0,)], name="grad"),
        check.true(nothing, (lambda x: True, "never"), name="grad"),
    ):
        assert not verdict.ok and not verdict.answered
        assert repr(verdict) == "[open] grad: not answered yet."


def test_none_is_wrong_and_a_missing_return_is_asked_for():
    """None is what code gives that ends without a return: it is written, and not open."""

    def on_the_second(x):
        return x if x < 2 else None

    for verdict, words in (
        (check.array(None, GRAD, name="grad"), "grad is None: its value is missing."),
        (check.policy(None, POLICY, name="grad"), "grad is None: its value is missing."),
        (check.true(None, (lambda x: True, ""), name="B"), "B is None: its value is missing."),
        (check.function(None, np.sin, [(1.0,)], name="f"), "f is None, not a function."),
        (
            check.function(on_the_second, lambda x: x, [(1.0,), (2.0,)], name="f"),
            "f (case 2 of 2) returns None: is a return missing?",
        ),
    ):
        assert verdict.answered and not verdict.ok and verdict.message == words


def test_a_function_that_is_not_implemented_is_open():
    def todo(x):
        raise NotImplementedError

    assert not check.function(todo, np.sin, [(1.0,)]).answered


def test_a_hint_comes_first_and_only_for_wrong_answers():
    """A hint takes precedence over the general mistakes and is never given for a right answer."""
    hints = [
        (lambda a: a["no such key"], "a predicate that raises is passed over"),
        (lambda a: a[0] < 0, "The first entry is a probability."),
    ]
    wrong = check.array(-GRAD, GRAD, hints=hints)
    assert wrong.message == "The first entry is a probability."
    assert check.array(GRAD, GRAD, hints=[(lambda a: True, "no")]).ok


def test_a_hint_cannot_change_the_answer():
    def vandal(a):
        a[:] = GRAD
        return False

    assert not check.array(-GRAD, GRAD, hints=[(vandal, "")]).ok


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([[0.2, 0.7], [0.5, 0.5]], "row 0 sums to 0.9, not to 1"),
        ([[0.2, 0.8], [0.5, 0.500001]], r"row 1 sums to 1\.000001, not to 1"),
        ([[0.2, 0.8], [1.5, -0.5]], r"the probability at \[1, 1\] is negative"),
        (POLICY.T, "its columns sum to 1, and its rows should"),
        (np.log(POLICY), "holds log-probabilities"),
        (POLICY[::-1], "another order"),
        (POLICY[0], r"shape \(2,\)"),
        ([[0.3, 0.7], [0.5, 0.5]], r"2 of 4 entries are wrong"),
        ([[0.2, np.nan], [0.5, 0.5]], "NaN"),
        (0.5, r"shape \(\)"),
        ("0.5", "is a str"),
    ],
)
def test_a_table_that_is_no_policy_or_another_one_is_told_so(table, words):
    verdict = check.policy(table, POLICY)
    assert not verdict.ok
    assert re.search(words, verdict.message), verdict.message


def test_a_right_policy_is_right():
    assert check.policy(POLICY.tolist(), POLICY).ok


CASES = [(np.array([1.0, 2.0]), 2.0), (np.array([0.5, -1.0]), -1.0)]


def scaled(x, c):
    return c * x


def writes(x, c):
    x *= c
    return x


def raises(x, c):
    raise KeyError("theta")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, c: -c * x, r"\(case 1 of 2\) has the right size and the wrong sign"),
        (lambda x, c: np.abs(c) * x, r"\(case 2 of 2\) has .*wrong sign"),
        (lambda x: x, "stopped on case 1 with TypeError"),
        (raises, "stopped on case 1 with KeyError: 'theta'"),
        (writes, "changes its argument 1; return a new array"),
        (GRAD, "is a ndarray, not a function"),
        (lambda x, c: (c * x).sum(), "has shape"),
    ],
)
def test_a_wrong_function_is_told_on_which_case_and_how(answer, words):
    verdict = check.function(answer, scaled, CASES, name="f")
    assert not verdict.ok
    assert re.search(words, verdict.message), verdict.message


def test_a_right_function_leaves_the_cases_unchanged():
    """A right function is right on every case, and none of the cases is changed by the check."""
    before = [x.copy() for x, _ in CASES]
    verdict = check.function(lambda x, c: x * c, scaled, CASES, name="f")
    assert verdict.message == "f is right on all 2 cases."
    check.function(writes, scaled, CASES)
    assert all(np.array_equal(x, y) for (x, _), y in zip(CASES, before, strict=True))


def test_a_function_that_returns_a_policy_is_checked_as_one():
    verdict = check.function(
        lambda: POLICY.T, lambda: POLICY, [()], name="softmax", check=check.policy
    )
    assert "columns sum to 1" in verdict.message


def test_a_condition_that_raises_counts_as_failed():
    """Conditions are tried in order; one whose predicate raises an exception has failed."""
    conditions = [
        (lambda B: np.shape(B) == (2, 2), "B must be 2 by 2."),
        (lambda B: abs(np.linalg.det(B)) > 1e-9, "B is not invertible."),
    ]
    assert check.true("nonsense", *conditions).message == "B must be 2 by 2."
    assert check.true(np.ones((2, 2)), *conditions).message == "B is not invertible."
    assert check.true([["a", "b"], ["c", "d"]], *conditions).message == "B is not invertible."
    assert check.true(np.eye(2), *conditions, name="B").message == "B is right."


def test_a_check_that_the_author_wrote_wrong_raises():
    with pytest.raises(ValueError, match="expected must be finite"):
        check.array(1.0, math.nan)
    with pytest.raises(ValueError, match="at least one condition"):
        check.true(1.0)
    with pytest.raises(ValueError, match="cases must hold"):
        check.function(scaled, scaled, [])


FLOATS = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)
SHAPES = hnp.array_shapes(max_dims=2, max_side=4)


@given(expected=hnp.arrays(float, SHAPES, elements=FLOATS), data=st.data())
def test_no_answer_outside_the_tolerance_is_ever_taken(expected, data):
    answer = data.draw(hnp.arrays(float, expected.shape, elements=st.floats(width=64)))
    scale = np.max(np.abs(expected)) or 1.0
    with np.errstate(all="ignore"):
        inside = np.abs(answer - expected) <= 1e-9 * scale + 1e-6 * np.abs(expected)
    assert check.array(answer, expected, gamma=0.9).ok == bool(inside.all())


STRANGE = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.dates(),
    st.lists(st.one_of(st.integers(), st.text(max_size=2), st.lists(st.floats()))),
    st.dictionaries(st.text(max_size=2), st.floats()),
    st.sampled_from([np.sin, object(), np.ma.masked, {1, 2}, range(3), b"x", type]),
    hnp.arrays(float, SHAPES),
)


@settings(max_examples=60)
@given(answer=STRANGE)
def test_no_answer_makes_a_check_raise_or_warn(answer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for verdict in (
            check.array(answer, GRAD, gamma=0.9),
            check.number(answer, 0.123),
            check.policy(answer, POLICY),
            check.true(answer, (lambda a: a.shape == (9, 9, 9), "no")),
            check.function(lambda: answer, lambda: GRAD, [()]),
            check.function(answer, lambda: 1.0, [()]),
        ):
            assert not verdict.ok
            assert verdict.message
