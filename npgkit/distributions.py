"""Distributions of actions, with score, KL and Fisher matrix in closed form.

A distribution reads the outputs of a network, one row each, and knows in *its own* parameters out
(logits; mean and log standard deviation)

    score(out, act) = d log p(act | out) / d out,
    M(out)          = E_act[score score'],         the Fisher matrix, as a product u -> M u,
    kl(p, q)        = E_{act ~ p}[log p(act) - log q(act)]   and its two gradients.

The network's Jacobian carries them to theta. A KL is summed from the terms of `_excess`, so that
one of 1e-12 still has ten correct digits. `npgkit.check_distribution` tests a distribution against
its own log-probabilities.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .floating import quiet_methods
from .validation import as_count, as_floats, as_indices

LOG_2PI = math.log(2 * math.pi)


class Distribution(Protocol):
    """What a policy asks of a distribution; out, p, q and u are (n, n_outputs), act has n rows."""

    @property
    def n_outputs(self) -> int:
        """The number of the network's outputs that it reads."""

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw one action for each row."""

    def mode(self, out: np.ndarray) -> np.ndarray:
        """Return the most likely action of each row."""

    def logp(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return log p(act | out) (n,)."""

    def score(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return d log p(act | out) / d out (n, n_outputs)."""

    def kl(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return KL(p || q) (n,), p and q given by their outputs."""

    def kl_gradients(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return d KL(p || q) / dp and d KL(p || q) / dq, each (n, n_outputs)."""

    def fisher_product(self, out: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return M(out) u (n, n_outputs)."""

    def entropy(self, out: np.ndarray) -> np.ndarray:
        """Return the entropy (n,) in nats."""


@quiet_methods
@dataclass(frozen=True)
class Categorical:
    """p(a) = exp(out_a) / sum_b exp(out_b) over `n_outputs` actions; act are indices (n,)."""

    n_outputs: int

    def log_probabilities(self, out: np.ndarray) -> np.ndarray:
        """Return log p (n, n_outputs)."""
        return _log_softmax(out)

    def probabilities(self, out: np.ndarray) -> np.ndarray:
        """Return p (n, n_outputs)."""
        return np.exp(_log_softmax(out))

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        below = np.cumsum(_softmax(out), axis=1)
        draw = rng.random((len(out), 1)) * below[:, -1:]
        return (draw >= below).sum(axis=1)

    def mode(self, out: np.ndarray) -> np.ndarray:
        return out.argmax(axis=1)

    def logp(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        return _log_softmax(out)[np.arange(len(out)), self._actions(out, act)]

    def score(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        score = -_softmax(out)
        score[np.arange(len(out)), self._actions(out, act)] += 1.0
        return score

    def kl(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        log_p, log_q = _log_softmax(p), _log_softmax(q)
        return _excess(log_p, log_q).sum(axis=1)

    def kl_gradients(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        prob_p, prob_q = _softmax(p), _softmax(q)
        return self.fisher_product(p, p - q), prob_q - prob_p

    def fisher_product(self, out: np.ndarray, u: np.ndarray) -> np.ndarray:
        p = _softmax(out)
        centred = u - (p * u).sum(axis=1, keepdims=True)
        # Once more: near certainty the first mean cancels all but its rounding, and the null
        # direction of M would come out as a small eigenvalue.
        centred = centred - (p * centred).sum(axis=1, keepdims=True)
        return p * centred

    def entropy(self, out: np.ndarray) -> np.ndarray:
        log_p = _log_softmax(out)
        return -(np.exp(log_p) * log_p).sum(axis=1)

    def _actions(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        return as_indices("act", act, self.n_outputs, (len(out),))


@quiet_methods
@dataclass(frozen=True)
class MultiCategorical:
    """Independent choices, one of sizes[j] each; act are indices (n, k), k = len(sizes).

    out holds sizes[0] logits of the first choice, then sizes[1] of the second, and so on. A row of
    k choices is treated as k rows of one `Categorical` with max(sizes) actions; the logits that a
    smaller choice lacks are filled with one so low that its probability is 0.

    Raises
    ------
    ValueError
        Unless `sizes` is a sequence of positive integers, with at least one.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple | list | np.ndarray) or np.ndim(self.sizes) != 1:
            raise ValueError(f"sizes must be a sequence of positive integers; got {self.sizes!r}")
        if len(self.sizes) == 0:
            raise ValueError("sizes is empty; there must be at least one choice")
        sizes = (as_count(f"sizes[{j}]", n, at_least=1) for j, n in enumerate(self.sizes))
        object.__setattr__(self, "sizes", tuple(sizes))

    @functools.cached_property
    def n_outputs(self) -> int:
        return sum(self.sizes)

    @functools.cached_property
    def _one(self) -> Categorical:
        return Categorical(max(self.sizes))

    @functools.cached_property
    def _columns(self) -> np.ndarray:
        """The position of each output in a row of k choices with max(sizes) logits each."""
        return np.flatnonzero(np.arange(max(self.sizes)) < np.array(self.sizes)[:, None])

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self._one.sample(self._choices(out), rng).reshape(len(out), -1)

    def mode(self, out: np.ndarray) -> np.ndarray:
        return self._one.mode(self._choices(out)).reshape(len(out), -1)

    def logp(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        return self._sum(self._one.logp(self._choices(out), self._actions(out, act)), out)

    def score(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        return self._outputs(self._one.score(self._choices(out), self._actions(out, act)), out)

    def kl(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return self._sum(self._one.kl(self._choices(p), self._choices(q)), p)

    def kl_gradients(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        by_p, by_q = self._one.kl_gradients(self._choices(p), self._choices(q))
        return self._outputs(by_p, p), self._outputs(by_q, p)

    def fisher_product(self, out: np.ndarray, u: np.ndarray) -> np.ndarray:
        product = self._one.fisher_product(self._choices(out), self._choices(u, absent=0.0))
        return self._outputs(product, out)

    def entropy(self, out: np.ndarray) -> np.ndarray:
        return self._sum(self._one.entropy(self._choices(out)), out)

    def _choices(self, out: np.ndarray, absent: float | None = None) -> np.ndarray:
        """Return (n, n_outputs) with one row for each choice (n k, max(sizes))."""
        k, widest = len(self.sizes), max(self.sizes)
        if k * widest == self.n_outputs:
            return out.reshape(-1, widest)
        lowest = float(np.finfo(out.dtype).min) / 4  # finite, so that no difference is NaN
        rows = np.full((len(out), k * widest), lowest if absent is None else absent, out.dtype)
        rows[:, self._columns] = out
        return rows.reshape(-1, widest)

    def _outputs(self, rows: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Return rows for each choice (n k, max(sizes)) as (n, n_outputs)."""
        return rows.reshape(len(out), -1)[:, self._columns]

    def _sum(self, of_each: np.ndarray, out: np.ndarray) -> np.ndarray:
        return of_each.reshape(len(out), -1).sum(axis=1)

    def _actions(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return the actions (n, k), each below its choice's size, as (n k,)."""
        act = as_indices("act", act, max(self.sizes), (len(out), len(self.sizes)))
        if (act >= self.sizes).any():
            i, j = (int(index) for index in np.argwhere(act >= self.sizes)[0])
            raise ValueError(
                f"act[{i}, {j}] is {act[i, j]}; expected 0 <= act[:, {j}] < {self.sizes[j]}"
            )
        return act.ravel()


@quiet_methods
@dataclass(frozen=True)
class DiagGaussian:
    """Independent normals: out = (means, log standard deviations), act_dim of each."""

    act_dim: int

    @property
    def n_outputs(self) -> int:
        return 2 * self.act_dim

    def sample(self, out: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        mean, log_std = self._split(out)
        return mean + np.exp(log_std) * rng.standard_normal(mean.shape, dtype=mean.dtype)

    def mode(self, out: np.ndarray) -> np.ndarray:
        return self._split(out)[0]

    def logp(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        z, log_std = self._standardise(out, act)
        return -(0.5 * z**2 + log_std + 0.5 * LOG_2PI).sum(axis=1)

    def score(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        z, log_std = self._standardise(out, act)
        return np.hstack([z * np.exp(-log_std), z**2 - 1.0])

    def kl(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        (mean_p, log_p), (mean_q, log_q) = self._split(p), self._split(q)
        shift = (mean_p - mean_q) * np.exp(-log_q)
        spread = 2 * (log_p - log_q)
        return 0.5 * (np.expm1(spread) - spread + shift**2).sum(axis=1)

    def kl_gradients(self, p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (mean_p, log_p), (mean_q, log_q) = self._split(p), self._split(q)
        shift = (mean_p - mean_q) * np.exp(-log_q)
        spread = np.expm1(2 * (log_p - log_q))
        by_mean = shift * np.exp(-log_q)
        return np.hstack([by_mean, spread]), np.hstack([-by_mean, -spread - shift**2])

    def fisher_product(self, out: np.ndarray, u: np.ndarray) -> np.ndarray:
        _, log_std = self._split(out)
        by_mean, by_log_std = self._split(u)
        return np.hstack([by_mean * np.exp(-2 * log_std), 2 * by_log_std])

    def entropy(self, out: np.ndarray) -> np.ndarray:
        _, log_std = self._split(out)
        return (log_std + 0.5 * (1 + LOG_2PI)).sum(axis=1)

    def _split(self, out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return out[:, : self.act_dim], out[:, self.act_dim :]

    def _standardise(self, out: np.ndarray, act: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_std = self._split(out)
        act = as_floats("act", act, (len(out), self.act_dim))
        act = act.astype(out.dtype, order="F", copy=False)  # as the outputs are laid out
        return (act - mean) * np.exp(-log_std), log_std


def _log_softmax(out: np.ndarray) -> np.ndarray:
    shifted = out - out.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _softmax(out: np.ndarray) -> np.ndarray:
    return np.exp(_log_softmax(out))


def _excess(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Return p log(p/q) - p + q entry by entry: non-negative, and KL(p||q) when summed.

    With x = log(q/p) it is p (exp(x) - 1 - x), which keeps its digits where p and q are close;
    where they are not, the plain form is as good and cannot overflow.
    """
    x = log_q - log_p
    near = np.abs(x) < 1
    p = np.exp(log_p)
    x_near = np.where(near, x, 0.0)
    return np.where(near, p * (np.expm1(x_near) - x_near), np.exp(log_q) - p - p * x)
