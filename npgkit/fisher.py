"""The Fisher matrix of a policy, averaged over the states of a batch, as an operator.

With J_i the Jacobian of the network's outputs and M_i the Fisher matrix of the
distribution in those outputs,

    F v = sum_i w_i J_i' M_i J_i v:

one product forward, a small product a row, one product back, for one block of rows after the other.
F itself is never formed.
"""

from __future__ import annotations

import numpy as np

from .batch import Batch
from .floating import quiet, quiet_methods
from .networks import Linearization
from .policy import Policy
from .validation import as_floats, as_scalar


@quiet_methods
class FisherOperator:
    """v -> (F + damping I) v at one theta; the network is run forward once, here.

    Parameters
    ----------
    policy : Policy
    theta : array (n_params,)
    batch : Batch
        Its observations and weights are used, not its actions: F averages over the policy's own.
    damping : float
        lambda >= 0, in units of F.
    linearized : Linearization, optional
        `policy.linearize(theta, batch.obs)`, where it is known already.

    Raises
    ------
    ValueError
        On a theta that does not fit, or damping that is negative or not finite.

    Notes
    -----
    Implements: eq. (eq-fisher-product), chapter 4.

    Examples
    --------
    With one logit in each of two states, F is diagonal: d(s) p (1 - p), here 1/2 times 1/4.

    >>> import numpy as np
    >>> import npgkit
    >>> policy, theta = npgkit.sigmoid_tabular(2), np.zeros(2)
    >>> batch = npgkit.Batch(obs=[0, 1], act=[0, 0], adv=[0.0, 0.0], weights=[0.5, 0.5])
    >>> F = npgkit.FisherOperator(policy, theta, batch, damping=0.25)
    >>> F @ np.array([1.0, 2.0])
    array([0.375, 0.75 ])
    """

    @quiet
    def __init__(
        self,
        policy: Policy,
        theta: np.ndarray,
        batch: Batch,
        damping: float = 0.0,
        *,
        linearized: Linearization | None = None,
    ) -> None:
        self.damping = as_scalar("damping", damping, at_least=0.0)
        self._linearized = policy.linearize(theta, batch.obs) if linearized is None else linearized
        self._distribution = policy.distribution
        self._weights = batch.weights.astype(self._linearized.out.dtype, copy=False)[:, None]
        self.shape = (policy.n_params, policy.n_params)
        self.dtype = self._linearized.out.dtype

    def matvec(self, v: np.ndarray) -> np.ndarray:
        """Return (F + damping I) v, for v (n_params,)."""
        v = as_floats("v", v, self.shape[:1]).astype(self.dtype, copy=False)
        return self._linearized.gauss_newton(v, self._weighted_product) + self.damping * v

    def __matmul__(self, v: np.ndarray) -> np.ndarray:
        return self.matvec(v)

    def dense(self) -> np.ndarray:
        """Return F + damping I as a matrix (n_params, n_params), from the rows' Jacobians."""
        linearized, k = self._linearized, self._linearized.out.shape[1]
        units = [np.broadcast_to(e, linearized.out.shape) for e in np.eye(k, dtype=self.dtype)]
        jacobians = [linearized.per_row(unit) for unit in units]
        F = np.zeros(self.shape, self.dtype)
        for J, unit in zip(jacobians, units, strict=True):
            M_column = self._weights * self._distribution.fisher_product(linearized.out, unit)
            F += J.T @ sum(M_column[:, [j]] * jacobians[j] for j in range(k))
        return F + self.damping * np.eye(len(F), dtype=self.dtype)

    def _weighted_product(self, rows: slice, moved: np.ndarray) -> np.ndarray:
        """Return w_i M_i times the row moved_i of the outputs."""
        M = self._distribution.fisher_product
        return self._weights[rows] * M(self._linearized.out[rows], moved)

    def __repr__(self) -> str:
        n = self.shape[0]
        return f"FisherOperator({n} x {n}, {self.dtype}, damping={self.damping:g})"


@quiet
def empirical_fisher(policy: Policy, theta: np.ndarray, batch: Batch) -> np.ndarray:
    """Return sum_i w_i score_i score_i' over the actions in the batch (n_params, n_params).

    It is F when the batch holds all actions with their probabilities (an exact batch), and an
    unbiased estimate of F when the actions were sampled from pi_theta.
    Implements: eq. (eq-empirical-fisher), chapter 4.
    """
    score = policy.score(theta, batch.obs, batch.act)
    return score.T @ (batch.weights[:, None] * score)
