"""The appendix on the ledger: the order of each of its eight errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import npgkit
from tests.support import slope, two_rooms_case


def along_the_gradient() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Steps from 1e-3 to 1e-2 along g, and three errors at each."""
    policy, theta, batch = two_rooms_case()
    mdp, h = npgkit.two_rooms(), np.geomspace(1e-3, 1e-2, 7)
    g = npgkit.policy_gradient(policy, theta, batch)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    u = g / np.linalg.norm(g)

    def J(t: np.ndarray) -> float:
        return npgkit.expected_return(mdp, npgkit.action_probabilities(policy, t, 2))

    ends = theta + np.outer(h, u)
    gains = np.array([J(end) for end in ends]) - J(theta)
    L = np.array([npgkit.surrogate(policy, end, batch) for end in ends])
    D = np.array([npgkit.mean_kl(policy, end, theta, batch) for end in ends])
    errors = {
        "linear": gains - h * (g @ u),
        "surrogate": gains - L,
        "quadratic": D - h**2 * (u @ F @ u) / 2,
    }
    return h, {name: np.abs(error) for name, error in errors.items()}


@pytest.mark.parametrize("row, order", [("linear", 2.0), ("surrogate", 2.0), ("quadratic", 3.0)])
def test_ledger_models_err_in_their_first_missing_order(row: str, order: float):
    """Linear model and surrogate 2, quadratic KL 3, for steps from 1e-3 to 1e-2."""
    h, errors = along_the_gradient()
    assert slope(h, errors[row]) == pytest.approx(order, abs=0.02)  # next term: relative h


SAMPLES: dict[str, Callable[[npgkit.Policy, np.ndarray, npgkit.Batch], np.ndarray]] = {
    "g": npgkit.policy_gradient,
    "F": lambda policy, theta, batch: npgkit.FisherOperator(policy, theta, batch).dense(),
    "empirical F": npgkit.empirical_fisher,
}


def row_terms(row: str) -> np.ndarray:
    """What each of the four rows of the exact batch contributes to g or to a Fisher matrix."""
    policy, theta, batch = two_rooms_case()
    rows = [npgkit.Batch(batch.obs[[i]], batch.act[[i]], batch.adv[[i]]) for i in range(4)]
    return np.array([SAMPLES[row](policy, theta, one) for one in rows])


def sampled_errors(row: str, sizes: np.ndarray) -> np.ndarray:
    """The root mean square error over 2,000 batches of each size."""
    batch, terms, rng = two_rooms_case()[2], row_terms(row), np.random.default_rng(3)
    exact = np.tensordot(batch.weights, terms, axes=1)
    draws = [rng.multinomial(n, batch.weights, size=2000) / n for n in sizes]
    return np.array(
        [np.sqrt(np.mean((np.tensordot(w, terms, axes=1) - exact) ** 2)) for w in draws]
    )


@pytest.mark.parametrize("row", SAMPLES)
def test_ledger_samples_err_as_one_over_the_root_of_their_size(row: str):
    """Root mean square over 2,000 batches of 100 to 10,000 rows: slope -1/2."""
    sizes = np.geomspace(100, 10_000, 5).astype(int)
    # Each error has a relative standard error of about 1/sqrt(2 * 2000) = 0.016, and five of them
    # over two decades give the slope one of 0.016 / sqrt(sum (log n - mean)^2) = 0.004.
    assert slope(sizes, sampled_errors(row, sizes)) == pytest.approx(-0.5, abs=0.02)


@pytest.mark.parametrize("row", SAMPLES)
def test_ledger_rows_add_up_to_what_the_package_computes(row: str):
    """A drawn batch of 50 rows: the mean of the rows' terms against the package on the batch."""
    policy, theta, batch = two_rooms_case()
    drawn = np.random.default_rng(0).choice(4, size=50, p=batch.weights)
    rows = npgkit.Batch(batch.obs[drawn], batch.act[drawn], batch.adv[drawn])
    whole = SAMPLES[row](policy, theta, rows)
    np.testing.assert_allclose(row_terms(row)[drawn].mean(axis=0), whole, atol=1e-13)


def test_ledger_averaging_over_actions_removes_their_noise():
    """F on sampled states errs less than a third as much as the empirical F of the same rows."""
    sizes = np.array([100, 10_000])
    assert (sampled_errors("empirical F", sizes) > 3 * sampled_errors("F", sizes)).all()


def test_ledger_stopped_cg_errs_in_order_one_of_sigma_to_the_k():
    """400 eigenvalues on [1, 33] at Chebyshev's nodes: slope 1 against sigma^k, and the bound."""
    nodes = np.cos((2 * np.arange(400) + 1) * np.pi / 800)
    f, iterates = 17 + 16 * nodes, []
    npgkit.conjugate_gradient(
        np.diag(f), np.ones(400), max_iter=20, callback=lambda x: iterates.append(x)
    )
    k, root = np.arange(7, 21), np.sqrt(33)
    sigma = (root - 1) / (root + 1)
    off = np.array(iterates)[k - 1] - 1 / f
    rho = np.sqrt(off**2 @ f / np.sum(1 / f))
    assert slope(sigma**k, rho) == pytest.approx(1.0, abs=0.02)
    assert (rho <= 2 * sigma**k).all()


def test_ledger_damping_turns_the_direction_in_first_order():
    """Two rooms, lambda from 1e-6 to 1e-4: slope 1."""
    policy, theta, batch = two_rooms_case()
    g = npgkit.policy_gradient(policy, theta, batch)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    lams = np.geomspace(1e-6, 1e-4, 7)
    off = [np.linalg.solve(F + lam * np.eye(2), g) - np.linalg.solve(F, g) for lam in lams]
    # The next term is lambda/f smaller: 1e-4/0.0165 = 0.6% at the far end.
    assert slope(lams, np.linalg.norm(off, axis=1)) == pytest.approx(1.0, abs=0.006)
