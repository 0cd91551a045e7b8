"""Conjugate gradients: against SciPy on named matrices, and at the edges SciPy does not guard."""

import numpy as np
import pytest
from scipy.linalg import hilbert
from scipy.sparse import diags
from scipy.sparse.linalg import LinearOperator
from scipy.sparse.linalg import cg as scipy_cg

import npgkit
from npgkit import conjugate_gradient
from tests.support import softmax_case


def rotated(eigenvalues, seed=0):
    n = len(eigenvalues)
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    A = Q @ np.diag(eigenvalues) @ Q.T
    return (A + A.T) / 2


MATRICES = {
    "identity": np.eye(8),
    "diagonal": np.diag(np.arange(1.0, 13.0)),
    "poisson 1-D": diags([-1.0, 2.0, -1.0], [-1, 0, 1], shape=(30, 30)).toarray(),
    "two clusters": rotated(np.r_[np.linspace(1, 1.01, 10), np.linspace(9, 9.1, 10)]),
    "condition 1e4": rotated(np.geomspace(1, 1e-4, 25)),
    "hilbert 5": hilbert(5),
    "random": rotated(np.random.default_rng(1).uniform(0.1, 2, size=40)),
}


@pytest.mark.parametrize("A", MATRICES.values(), ids=MATRICES)
def test_same_solution_as_scipy(A):
    b = A @ np.random.default_rng(2).normal(size=len(A))
    ours = conjugate_gradient(A, b, rtol=1e-12)
    theirs, info = scipy_cg(A, b, rtol=1e-12, maxiter=10 * len(A))
    assert ours.converged
    assert info == 0
    condition = np.linalg.cond(A)
    bound = 2 * 1e-12 * condition  # two residuals of 1e-12, through the inverse
    assert np.linalg.norm(ours.x - theirs) <= bound * np.linalg.norm(theirs)


@pytest.mark.parametrize("A", MATRICES.values(), ids=MATRICES)
def test_same_iterates_as_scipy(A):
    b = np.random.default_rng(2).normal(size=len(A))
    ours, theirs = [], []
    result = conjugate_gradient(A, b, max_iter=4, callback=ours.append)
    scipy_cg(A, b, maxiter=4, rtol=1e-10, callback=lambda x: theirs.append(x.copy()))
    assert len(ours) == result.iterations
    for mine, scipys in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(mine, scipys, rtol=1e-9, atol=1e-9 * np.abs(scipys).max())


def test_preconditioner_is_used_as_in_scipy():
    A = MATRICES["poisson 1-D"] + np.diag(np.geomspace(1, 1e4, 30))
    b, M = np.ones(30), np.diag(1 / np.diag(A))
    plain, preconditioned = conjugate_gradient(A, b), conjugate_gradient(A, b, M=M)
    theirs = []
    scipy_cg(A, b, rtol=1e-10, M=M, callback=theirs.append)
    assert preconditioned.iterations < plain.iterations / 2
    assert abs(preconditioned.iterations - len(theirs)) <= 1
    assert np.linalg.norm(b - A @ preconditioned.x) <= 1e-10 * np.linalg.norm(b)


def test_as_many_iterations_as_distinct_eigenvalues():
    A = rotated(np.repeat([1.0, 3.0, 7.0], 6))
    result = conjugate_gradient(A, np.random.default_rng(3).normal(size=18), rtol=1e-12)
    assert result.converged
    assert result.iterations == 3


@pytest.mark.parametrize("A", MATRICES.values(), ids=MATRICES)
def test_the_reported_residual_is_b_minus_Ax(A):
    b = np.random.default_rng(4).normal(size=len(A))
    result = conjugate_gradient(A, b)
    assert result.converged
    true = np.linalg.norm(b - A @ result.x)
    rounding = 4 * np.finfo(float).eps * np.linalg.norm(A, 2) * np.linalg.norm(result.x)
    assert result.residuals[-1] == pytest.approx(true, rel=1e-6, abs=rounding)
    assert len(result.residuals) == result.iterations + 1
    assert result.xAx == pytest.approx(result.x @ A @ result.x, rel=1e-6)


def test_the_error_never_grows_in_the_norm_of_A():
    A = MATRICES["condition 1e4"]
    solution, errors = np.random.default_rng(5).normal(size=len(A)), []
    conjugate_gradient(
        A, A @ solution, callback=lambda x: errors.append((x - solution) @ A @ (x - solution))
    )
    assert (np.diff(errors) <= 1e-12 * errors[0]).all()


def test_operators_arrays_and_scipy_operators_are_the_same_to_it():
    A, b = MATRICES["random"], np.ones(40)
    by_array = conjugate_gradient(A, b).x
    by_scipy = conjugate_gradient(LinearOperator(A.shape, matvec=lambda v: A @ v), b).x
    np.testing.assert_array_equal(by_array, by_scipy)
    policy, theta, batch = softmax_case()
    F, g = (
        npgkit.FisherOperator(policy, theta, batch, 0.1),
        npgkit.policy_gradient(policy, theta, batch),
    )
    np.testing.assert_allclose(conjugate_gradient(F, g).x, np.linalg.solve(F.dense(), g), rtol=1e-8)


def test_on_a_singular_consistent_system_it_finds_the_least_norm_solution():
    policy, theta, batch = softmax_case()
    F, g = npgkit.FisherOperator(policy, theta, batch), npgkit.policy_gradient(policy, theta, batch)
    result = conjugate_gradient(F, g)
    assert result.converged
    np.testing.assert_allclose(
        result.x, np.linalg.pinv(F.dense(), rcond=1e-12) @ g, rtol=1e-7, atol=1e-9
    )


def test_it_starts_where_it_is_told_and_leaves_its_arguments_alone():
    A, x0 = MATRICES["random"], np.random.default_rng(6).normal(size=40)
    b = A @ x0
    b_before, x0_before = b.copy(), x0.copy()
    solved = conjugate_gradient(A, b, x0=x0)
    assert (solved.iterations, solved.converged) == (0, True)
    near = conjugate_gradient(A, b, x0=x0 + 1e-3)
    assert near.converged
    assert near.residuals[0] == pytest.approx(np.linalg.norm(A @ np.full(40, 1e-3)), rel=1e-9)
    np.testing.assert_array_equal(b, b_before)
    np.testing.assert_array_equal(x0, x0_before)
    solved.x[0] = 7.0
    np.testing.assert_array_equal(x0, x0_before)


@pytest.mark.parametrize("unit", [1e-200, 1e-30, 1.0, 1e30, 1e200])
def test_the_unit_of_b_does_not_matter(unit):
    A, b = MATRICES["random"], np.random.default_rng(7).normal(size=40)
    result = conjugate_gradient(A, unit * b)
    assert result.converged
    np.testing.assert_allclose(result.x / unit, conjugate_gradient(A, b).x, rtol=1e-9)


def test_float32_stays_float32():
    A, b = MATRICES["random"].astype(np.float32), np.ones(40, np.float32)
    result = conjugate_gradient(A, b, rtol=1e-4)
    assert result.x.dtype == np.float32
    assert result.converged
    assert np.linalg.norm(b - A @ result.x) <= 1.1e-4 * np.linalg.norm(b)


@pytest.mark.parametrize("damping", [0.0, 0.3])
def test_a_function_is_an_operator(damping):
    """Gauss-Newton as it is written: v -> J'J v / n + damping v."""
    J = np.random.default_rng(8).normal(size=(60, 12))
    b = J.T @ np.ones(60)
    by_function = conjugate_gradient(lambda v: J.T @ (J @ v) / 60 + damping * v, b)
    dense = J.T @ J / 60 + damping * np.eye(12)
    np.testing.assert_allclose(by_function.x, np.linalg.solve(dense, b), rtol=1e-8)
    diagonal = np.diag(dense)
    preconditioned = conjugate_gradient(dense, b, M=lambda v: v / diagonal)
    np.testing.assert_allclose(preconditioned.x, by_function.x, rtol=1e-8)


def test_a_product_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"A times a vector must have shape \(3,\); got \(2,\)"):
        conjugate_gradient(lambda v: v[:2], np.ones(3))
    with pytest.raises(ValueError, match="A must be an array, a function, or have a matvec"):
        conjugate_gradient(object(), np.ones(3))
