"""What conjugate gradients cannot solve: a status in words, a finite x, and no false success."""

import numpy as np
import pytest

from npgkit import conjugate_gradient

RNG = np.random.default_rng(0)
Q, _ = np.linalg.qr(RNG.normal(size=(12, 12)))
SINGULAR = Q[:, :8] @ np.diag(np.linspace(1, 2, 8)) @ Q[:, :8].T
INDEFINITE = Q @ np.diag(np.linspace(-1, 2, 12)) @ Q.T
B = RNG.normal(size=12)


class Operator:
    """An operator with nothing but a matvec."""

    def __init__(self, matvec, n=12):
        self.matvec, self.shape = matvec, (n, n)


def fails_after(n_products):
    calls = []

    def matvec(v):
        calls.append(1)
        return np.full_like(v, np.nan) if len(calls) > n_products else SINGULAR @ v + v

    return Operator(matvec)


FAULTS = {
    "negative curvature": (INDEFINITE, B, {}, "negative curvature"),
    "negative definite": (-np.eye(12), B, {}, "negative curvature"),
    "zero matrix": (np.zeros((12, 12)), B, {}, "zero curvature"),
    "inconsistent": (SINGULAR, B, {}, "zero curvature"),
    "just inconsistent": (SINGULAR, SINGULAR @ B + 1e-6 * B, {}, "zero curvature"),
    "max_iter 0": (np.eye(12), B, {"max_iter": 0}, "max_iter"),
    "max_iter 2": (SINGULAR + np.eye(12), B, {"max_iter": 2}, "max_iter"),
    "not symmetric": (SINGULAR + np.triu(RNG.normal(size=(12, 12))), B, {}, "not symmetric"),
    "nearly symmetric": (np.eye(12) + np.triu(1e-3 * Q, 1), B, {}, "not symmetric"),
    "NaN at once": (fails_after(0), B, {}, "not finite"),
    "NaN later": (fails_after(2), B, {}, "not finite"),
    "NaN in M": (np.eye(12), B, {"M": Operator(lambda v: v * np.nan)}, "not finite"),
    "M not positive": (SINGULAR + np.eye(12), B, {"M": -np.eye(12)}, "M is not positive definite"),
    "overflow": (np.full((12, 12), 1e308), B, {}, "not finite"),
}


@pytest.mark.parametrize(("A", "b", "options", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_and_nothing_is_not_finite(A, b, options, reason):
    result = conjugate_gradient(A, b, **options)
    assert reason in result.status
    assert not result.converged
    assert np.isfinite(result.x).all()
    assert np.isfinite(result.residuals).all()
    assert np.isfinite(result.xAx)
    assert len(result.residuals) == result.iterations + 1


@pytest.mark.parametrize("name", ["inconsistent", "just inconsistent", "negative curvature"])
def test_after_a_fault_x_is_no_worse_than_where_it_began(name):
    A, b, options, _ = FAULTS[name]
    result = conjugate_gradient(A, b, **options)
    true = np.linalg.norm(b - A @ result.x)
    assert true <= np.linalg.norm(b)
    assert result.residuals[-1] == pytest.approx(true)
    assert np.abs(result.x).max() < 100  # not blown up along the null space


def test_a_zero_right_hand_side_is_solved_by_zero():
    result = conjugate_gradient(SINGULAR, np.zeros(12))
    assert result.converged
    assert result.iterations == 0
    assert (result.x == 0).all()


def test_exact_convergence_with_no_tolerance_is_a_success():
    result = conjugate_gradient(2 * np.eye(12), B, rtol=0, atol=0)
    assert result.converged
    np.testing.assert_array_equal(result.x, B / 2)


def test_max_iter_0_on_a_solved_system_is_a_success():
    result = conjugate_gradient(np.eye(12), B, x0=B, max_iter=0)
    assert result.converged
    assert result.iterations == 0


def test_a_drifted_residual_is_not_believed():
    """From a far x0 the updated residual drifts: it says solved where b - Ax does not."""
    A = Q @ np.diag(np.linspace(1, 50, 12)) @ Q.T
    result = conjugate_gradient((A + A.T) / 2, B, x0=np.full(12, 1e12))
    assert result.converged
    assert result.iterations > 12  # it had to begin again
    assert np.linalg.norm(B - A @ result.x) <= 1.001e-10 * np.linalg.norm(B)


def test_a_tolerance_below_rounding_is_not_called_met():
    A = Q @ np.diag(np.geomspace(1, 1e-8, 12)) @ Q.T
    result = conjugate_gradient((A + A.T) / 2, B, rtol=1e-15)
    assert not result.converged
    assert np.isfinite(result.x).all()


def test_the_callback_fires_once_an_iteration_with_a_copy():
    seen = []
    result = conjugate_gradient(SINGULAR + np.eye(12), B, callback=seen.append)
    assert len(seen) == result.iterations
    assert len({id(x) for x in seen}) == len(seen)
    np.testing.assert_array_equal(seen[-1], result.x)
    seen[-1][:] = np.nan
    assert np.isfinite(result.x).all()


BAD_CALLS = {
    "b of two dimensions": (np.eye(2), np.ones((2, 1)), {}, "b must have shape"),
    "b with NaN": (np.eye(2), [1.0, np.nan], {}, r"b\[1\] is nan"),
    "A of another size": (np.eye(3), np.ones(2), {}, "A must have shape"),
    "A with NaN": ([[np.nan, 0], [0, 1]], np.ones(2), {}, r"A\[0, 0\] is nan"),
    "A is no operator": ("A", np.ones(2), {}, "A must"),
    "an operator of another size": (Operator(lambda v: v, 3), np.ones(2), {}, "A must have shape"),
    "x0 of another size": (np.eye(2), np.ones(2), {"x0": np.ones(3)}, "x0 must have shape"),
    "x0 with inf": (np.eye(2), np.ones(2), {"x0": [np.inf, 0]}, r"x0\[0\] is inf"),
    "negative rtol": (np.eye(2), np.ones(2), {"rtol": -1}, "rtol must be"),
    "NaN atol": (np.eye(2), np.ones(2), {"atol": np.nan}, "atol must be"),
    "negative max_iter": (np.eye(2), np.ones(2), {"max_iter": -1}, "max_iter must be"),
    "M of another size": (np.eye(2), np.ones(2), {"M": np.eye(3)}, "M must have shape"),
    "M with NaN": (np.eye(2), np.ones(2), {"M": np.full((2, 2), np.nan)}, r"M\[0, 0\] is nan"),
}


@pytest.mark.parametrize(("A", "b", "options", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_bad_call_names_the_argument(A, b, options, message):
    with pytest.raises(ValueError, match=message):
        conjugate_gradient(A, b, **options)
