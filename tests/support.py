"""Cases and measures that several test files share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import npgkit
from npgkit import Batch, Policy

STANDARD_ERRORS = 5  # one honest test in two million fails


def assert_mean(samples: np.ndarray, expected: np.ndarray, slack: float = 0.0) -> None:
    """The mean over the first axis is `expected` up to STANDARD_ERRORS and `slack`."""
    error = samples.std(axis=0) / np.sqrt(len(samples))
    assert np.all(np.abs(samples.mean(axis=0) - expected) <= STANDARD_ERRORS * error + slack)


def two_rooms_case() -> tuple[Policy, np.ndarray, Batch]:
    """The running example at p = (.8, .1): policy, theta, exact batch."""
    policy = npgkit.sigmoid_tabular(2)
    p = np.array([0.8, 0.1])
    theta = np.log(p / (1 - p))
    return policy, theta, npgkit.exact_batch(npgkit.two_rooms(), policy, theta)


def softmax_case(seed: int = 0, S: int = 4, A: int = 3) -> tuple[Policy, np.ndarray, Batch]:
    """A tabular softmax policy on a random MDP; its Fisher matrix is singular."""
    rng = np.random.default_rng(seed)
    policy = npgkit.softmax_tabular(S, A)
    theta = rng.normal(size=policy.n_params)
    return policy, theta, npgkit.exact_batch(npgkit.random_mdp(S, A, 0.9, rng), policy, theta)


def sampled_case(
    policy: Policy, seed: int = 0, n: int = 40, dtype: type = np.float64
) -> tuple[Policy, np.ndarray, Batch]:
    """A policy over feature vectors, with actions drawn from it and made-up advantages."""
    rng = np.random.default_rng(seed)
    theta = (0.3 * rng.normal(size=policy.n_params)).astype(dtype)
    network = policy.network
    while hasattr(network, "network"):  # free outputs, other coordinates
        network = network.network
    inputs = network.n_inputs if isinstance(network, npgkit.MLP) else network.n_features
    obs = rng.normal(size=(n, inputs)).astype(dtype)
    act = policy.sample(theta, obs, rng)
    adv = rng.normal(size=n).astype(dtype)
    return policy, theta, Batch(obs, act, adv, logp=policy.logp(theta, obs, act))


CASES = {
    "two rooms": two_rooms_case,
    "softmax tabular": softmax_case,
    "softmax linear": lambda: sampled_case(npgkit.softmax_linear(3, 4)),
    "gaussian linear": lambda: sampled_case(npgkit.gaussian_linear(3, 2)),
    "gaussian in other coordinates": lambda: sampled_in_coordinates(),
    "two rooms in bent coordinates": lambda: bent_two_rooms_case(),
}


# Their F has eigenvalues over ten decades on 40 rows: for derivatives, not for exact solutions.
NETWORKS = {
    "softmax mlp": lambda: sampled_case(softmax_mlp(), seed=2),
    "gaussian mlp": lambda: sampled_case(gaussian_mlp()),
}


def softmax_mlp() -> Policy:
    """Three actions on top of one hidden layer."""
    return Policy(npgkit.MLP(3, (4,), 3), npgkit.Categorical(3))


def gaussian_mlp() -> Policy:
    """Two real actions on top of two hidden layers."""
    network = npgkit.WithFreeOutputs(npgkit.MLP(3, (4, 5), 2), 2)
    return Policy(network, npgkit.DiagGaussian(2))


def sampled_in_coordinates() -> tuple[Policy, np.ndarray, Batch]:
    """A Gaussian policy read in skewed and shifted coordinates."""
    policy, theta, batch = sampled_case(npgkit.gaussian_linear(3, 2))
    rng = np.random.default_rng(5)
    B, b = rng.normal(size=(len(theta), len(theta))), rng.normal(size=len(theta))
    return npgkit.in_coordinates(policy, B, b), np.linalg.solve(B, theta - b), batch


def bent_two_rooms_case() -> tuple[Policy, np.ndarray, Batch]:
    """The running example under theta = phi + 0.3 phi^3, at phi = (0.7, -1.1)."""
    phi = np.array([0.7, -1.1])
    policy = npgkit.in_coordinates(
        npgkit.sigmoid_tabular(2),
        lambda phi: phi + 0.3 * phi**3,
        jacobian=lambda phi: np.diag(1 + 0.9 * phi**2),
    )
    return policy, phi, npgkit.exact_batch(npgkit.two_rooms(), policy, phi)


def dense_fisher(policy: Policy, theta: np.ndarray, batch: Batch) -> np.ndarray:
    """The Fisher matrix at theta."""
    return npgkit.FisherOperator(policy, theta, batch).dense()


def slope(x: np.ndarray | Sequence[float], y: np.ndarray | Sequence[float]) -> float:
    """The order p of |y| ~ x^p: the slope of a line through the points on a log-log plot."""
    return float(np.polyfit(np.log(x), np.log(np.abs(y)), 1)[0])


def taylor_slope(
    f: Callable[[np.ndarray], float], theta: np.ndarray, *derivatives: float, towards: np.ndarray
) -> float:
    """The order at which f(theta + h v) leaves f + f' h + f'' h^2/2 + ... as h shrinks.

    `derivatives` are the first, second, ... derivative of f along v = `towards`. If k of them are
    right the remainder falls like h^(k+1): a slope of k + 1 on a log-log plot.
    """
    h = np.geomspace(3e-2, 3e-3, 6)
    model = sum(d * h ** (k + 1) / np.prod(range(1, k + 2)) for k, d in enumerate(derivatives))
    remainder = np.array([f(theta + step * towards) - f(theta) for step in h]) - model
    return slope(h, remainder)


def random_policy_table(S: int, A: int, seed: int = 1) -> np.ndarray:
    """A policy as a table (S, A): rows uniform on the simplex."""
    return np.random.default_rng(seed).dirichlet(np.ones(A), size=S)
