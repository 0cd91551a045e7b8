"""A batch: weighted rows of (observation, action, advantage).

Every expectation of the book is a weighted sum over rows,

    E[f] ~ sum_i weights_i f(obs_i, act_i),        sum_i weights_i = 1.

For a tabular MDP the rows are all pairs (s, a) with weight d(s) pi(a|s) and the sum is exact; for
sampled data they are the transitions with weight 1/n. The functions that read a batch treat both
alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .floating import quiet
from .validation import as_distribution, as_floats


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows on which the gradient, the Fisher matrix, the surrogate and the mean KL are computed.

    Parameters
    ----------
    obs : array (n, ...)
        Observations; for a table of states, their indices (n,).
    act : array (n, ...)
        Actions: indices (n,) or real vectors (n, act_dim).
    adv : array (n,)
        Advantages, in units of return.
    weights : array (n,), optional
        Probabilities of the rows; 1/n each when left out.
    logp : array (n,), optional
        log pi(act|obs) under the policy that made the batch; `surrogate` needs it.
    outputs : array (n, n_outputs), optional
        The distribution's parameters under the policy that made the batch, where that is not the
        policy at the theta that a step begins from. A step's KL and gain are measured from there.

    Raises
    ------
    ValueError
        If the batch is empty, lengths differ, an entry is not finite, or the weights are not
        probabilities.

    Notes
    -----
    Implements: eq. (eq-weighted-batch), chapter 1.
    """

    obs: np.ndarray
    act: np.ndarray
    adv: np.ndarray
    weights: np.ndarray = None  # type: ignore[assignment]  # filled in below
    logp: np.ndarray | None = None
    outputs: np.ndarray | None = None

    @quiet
    def __post_init__(self) -> None:
        adv = as_floats("adv", self.adv, ("n",))
        n = len(adv)
        if n == 0:
            raise ValueError("adv has no entries; a batch needs at least one row")
        weights = np.full(n, 1.0 / n, adv.dtype) if self.weights is None else self.weights
        checked = {
            "obs": _rows("obs", self.obs, n),
            "act": _rows("act", self.act, n),
            "adv": adv,
            "weights": as_distribution("weights", weights, (n,)),
            "logp": None if self.logp is None else as_floats("logp", self.logp, (n,)),
            "outputs": None
            if self.outputs is None
            else as_floats("outputs", self.outputs, (n, "n_outputs")),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.adv)

    def __repr__(self) -> str:
        return f"Batch(n={len(self)}, obs{self.obs.shape}, act{self.act.shape})"


def _rows(name: str, value: object, n: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        array = as_floats(name, array)
    if array.ndim == 0 or len(array) != n:
        raise ValueError(f"{name} must have one row for each of {n} advantages; got {array.shape}")
    return array
