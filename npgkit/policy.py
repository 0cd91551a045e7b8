"""A policy: a network followed by a distribution; and the same policies in other coordinates.

With J_i the Jacobian of the network's outputs for row i,

    score_i = J_i' d(log p) / d(out).

theta is a flat float array, kept by the caller: functions take it and return a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .distributions import Categorical, DiagGaussian, Distribution
from .floating import quiet_methods
from .networks import Linear, Linearization, Network, Table, WithFreeOutputs
from .validation import as_floats, as_generator


@quiet_methods
@dataclass(frozen=True)
class Policy:
    """The family of policies pi_theta(act|obs) = distribution(network(theta, obs)).

    Raises
    ------
    ValueError
        If the network does not give as many outputs as the distribution reads.

    Examples
    --------
    Two states, three actions, all logits 0: each action has probability 1/3, log 1/3 = -1.0986.

    >>> import numpy as np
    >>> import npgkit
    >>> policy = npgkit.Policy(npgkit.Table(2, 3), npgkit.Categorical(3))
    >>> theta = np.zeros(policy.n_params)
    >>> policy.n_params, policy.logp(theta, obs=[0, 1], act=[2, 0]).round(4)
    (6, array([-1.0986, -1.0986]))
    """

    network: Network
    distribution: Distribution

    def __post_init__(self) -> None:
        gives, reads = self.network.n_outputs, self.distribution.n_outputs
        if gives != reads:
            raise ValueError(f"network gives {gives} outputs; distribution reads {reads}")

    @property
    def n_params(self) -> int:
        """The length of theta."""
        return self.network.n_params

    def init(self, rng: np.random.Generator) -> np.ndarray:
        """Return a starting theta (n_params,)."""
        return self.network.init(as_generator("rng", rng))

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        """Return the distribution's parameters for each row of obs, and their Jacobian as maps."""
        return self.network.linearize(self.as_theta("theta", theta), np.asarray(obs))

    def sample(self, theta: np.ndarray, obs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw one action for each row of obs."""
        return self.distribution.sample(self.linearize(theta, obs).out, as_generator("rng", rng))

    def logp(self, theta: np.ndarray, obs: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return log pi_theta(act|obs) (n,)."""
        return self.distribution.logp(self.linearize(theta, obs).out, act)

    def score(self, theta: np.ndarray, obs: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return the score, grad_theta log pi_theta(act|obs), one row each (n, n_params).

        Implements: eq. (eq-score), chapter 1.
        """
        linearized = self.linearize(theta, obs)
        return linearized.per_row(self.distribution.score(linearized.out, act))

    def as_theta(self, name: str, theta: np.ndarray) -> np.ndarray:
        """Return `theta` checked: finite floats (n_params,)."""
        return as_floats(name, theta, (self.n_params,))


def softmax_tabular(S: int, A: int) -> Policy:
    """Return the softmax policy with a free logit for each state and action.

    theta.reshape(S, A) are the logits; an observation is a state's index.
    """
    return Policy(Table(S, A), Categorical(A))


def sigmoid_tabular(S: int) -> Policy:
    """Return the two-action policy whose S parameters are the states' logits of action 0.

    pi(0|s) = 1 / (1 + exp(-theta_s)): `softmax_tabular(S, 2)` with the logit of action 1 held at 0.
    """
    return in_coordinates(softmax_tabular(S, 2), np.kron(np.eye(S), [[1.0], [0.0]]))


def softmax_linear(n_features: int, A: int) -> Policy:
    """Return the softmax policy with logits obs @ theta.reshape(n_features, A)."""
    return Policy(Linear(n_features, A), Categorical(A))


def gaussian_linear(n_features: int, act_dim: int) -> Policy:
    """Return the Gaussian policy with mean obs @ W and free log standard deviations.

    theta holds W (n_features, act_dim) row by row, then act_dim log standard deviations.
    """
    return Policy(WithFreeOutputs(Linear(n_features, act_dim), act_dim), DiagGaussian(act_dim))


def in_coordinates(
    policy: Policy,
    B: np.ndarray | Callable[[np.ndarray], np.ndarray],
    b: np.ndarray | None = None,
    *,
    jacobian: Callable[[np.ndarray], np.ndarray] | None = None,
    n_params: int | None = None,
) -> Policy:
    """Return the same family of policies in coordinates phi: theta = B phi + b, or theta = B(phi).

    Parameters
    ----------
    policy : Policy
        The policies, in coordinates theta (n,).
    B : array (n, m), or function (m,) -> (n,)
        The map from the new coordinates phi to theta. A matrix need not be square: with m < n the
        new policies are those of an m-dimensional plane in the space of theta.
    b : array (n,), optional
        The origin of a linear map; 0 when left out.
    jacobian : function (m,) -> (n, m)
        The Jacobian of B; required where B is a function, an error where it is a matrix.
    n_params : int, optional
        m, the number of new coordinates of a nonlinear B; n when left out.

    Raises
    ------
    ValueError
        On shapes that do not fit `policy`, or a nonlinear map without its Jacobian.

    Notes
    -----
    Implements: eq. (eq-chain-rule), chapter 2: jvp(B v) and B' vjp(u).
    """
    n = policy.n_params
    if callable(B):
        if jacobian is None or b is not None:
            raise ValueError("a nonlinear B needs its jacobian, and no b")
        chart: Chart = NonlinearChart(B, jacobian, n if n_params is None else n_params)
    else:
        if jacobian is not None or n_params is not None:
            raise ValueError("jacobian and n_params go with a nonlinear B; this one is a matrix")
        matrix = as_floats("B", B, (n, "m"))
        origin = np.zeros(n, matrix.dtype) if b is None else as_floats("b", b, (n,))
        chart = AffineChart(matrix, origin)
    return Policy(InCoordinates(policy.network, chart), policy.distribution)


class Chart(Protocol):
    """A map from coordinates phi (m,) to theta (n,), with its Jacobian."""

    @property
    def n_params(self) -> int:
        """m, the number of coordinates."""

    def theta(self, phi: np.ndarray) -> np.ndarray:
        """Return theta(phi)."""

    def jacobian(self, phi: np.ndarray) -> np.ndarray:
        """Return d theta / d phi (n, m)."""


@dataclass(frozen=True, eq=False)
class AffineChart:
    """theta = B phi + b."""

    B: np.ndarray
    b: np.ndarray

    @property
    def n_params(self) -> int:
        return self.B.shape[1]

    def theta(self, phi: np.ndarray) -> np.ndarray:
        return self.B @ phi + self.b

    def jacobian(self, phi: np.ndarray) -> np.ndarray:
        return self.B


@dataclass(frozen=True, eq=False)
class NonlinearChart:
    """theta = map(phi) for any smooth map, given with its Jacobian."""

    map: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]
    n_params: int

    def theta(self, phi: np.ndarray) -> np.ndarray:
        return np.asarray(self.map(phi))

    def jacobian(self, phi: np.ndarray) -> np.ndarray:
        return np.asarray(self.derivative(phi))


@quiet_methods
@dataclass(frozen=True, eq=False)
class InCoordinates:
    """A network as a function of the coordinates of a chart."""

    network: Network
    chart: Chart

    @property
    def n_params(self) -> int:
        return self.chart.n_params

    @property
    def n_outputs(self) -> int:
        return self.network.n_outputs

    def init(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(self.n_params)

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        n = self.network.n_params
        inner_theta = as_floats("B(phi)", self.chart.theta(theta), (n,))
        J = as_floats("jacobian(phi)", self.chart.jacobian(theta), (n, self.n_params))
        inner = self.network.linearize(inner_theta.astype(theta.dtype, copy=False), obs)
        J = J.astype(theta.dtype, copy=False)
        return Linearization(
            inner.out,
            lambda v: inner.jvp(J @ v),
            lambda u: J.T @ inner.vjp(u),
            lambda u: inner.per_row(u) @ J,
        )
