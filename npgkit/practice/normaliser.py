"""Observations on one scale: the running mean and variance of each entry.

The policy and the baseline read z = (obs - m) / s, cut at `CLIP` standard deviations, where m and
s are a running mean and standard deviation of the observations.

When m and s move, the same weights are another policy. In the first updates that alone can cost
more than a trust region allows. It could be undone in the first layer, W' = diag(s'/s) W and
b' = b + ((m' - m)/s) W, which is the same function of the observations; but then the layer's
weights grow with s and its units saturate, which the normalisation is there to prevent. So the
moments in use follow those of all observations only as far as the trust region has room for:
`follow` moves them until the policy's mean KL reaches `SHARE` of epsilon, and the step that comes
next is measured from the policy that acted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CLIP = 10.0
"""Normalised observations are cut at plus and minus this."""

LEAST_VARIANCE = 1e-8
"""Added to each variance, so that an entry that never varied is not divided by zero."""

SHARE = 1 / 16
"""How much of epsilon a change of the moments may cost: a quarter of the region's radius."""

HALVINGS = 10
"""How often the way to the new moments is halved before they stay where they are."""

BLOCK = 2**18
"""At most so many entries are converted to float64 at a time."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """The moments of the `count` observations seen so far, entry by entry.

    Attributes
    ----------
    count : int
    mean, var : array (size,)
        In the units of the observations, and their squares.
    """

    count: int
    mean: np.ndarray
    var: np.ndarray

    @classmethod
    def unseen(cls, size: int) -> Normaliser:
        """Return the normaliser of no observation: mean 0 and variance 1."""
        return cls(0, np.zeros(size), np.ones(size))

    @cached_property  # asked for at every step of the environments
    def scale(self) -> np.ndarray:
        """The standard deviations that observations are divided by (size,)."""
        return np.sqrt(self.var + LEAST_VARIANCE)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Return the normalised observations (n, size) in float32."""
        if obs.size <= BLOCK:
            return self._normalised(obs)
        z = np.empty(obs.shape, np.float32)
        for rows in _blocks(obs):
            z[rows] = self._normalised(obs[rows])
        return z

    def _normalised(self, obs: np.ndarray) -> np.ndarray:
        z = (obs - self.mean) / self.scale
        return np.minimum(np.maximum(z, -CLIP), CLIP).astype(np.float32)

    def updated(self, obs: np.ndarray) -> Normaliser:
        """Return the normaliser with the rows of `obs` (n, size) counted in (Chan et al., 1979)."""
        count, mean, var = self.count, self.mean, self.var
        for rows in _blocks(obs):
            block = obs[rows].astype(np.float64)
            n, apart = len(block), block.mean(axis=0) - mean
            total = count + n
            var = (var * count + block.var(axis=0) * n + apart**2 * count * n / total) / total
            mean = mean + apart * n / total
            count = total
        return Normaliser(count, mean, var)

    def between(self, other: Normaliser, share: float) -> Normaliser:
        """Return the moments that lie the given share of the way to another's."""
        mean = self.mean + share * (other.mean - self.mean)
        return Normaliser(other.count, mean, self.var + share * (other.var - self.var))


def follow(
    used: Normaliser, seen: Normaliser, kl: Callable[[Normaliser], float], most: float
) -> Normaliser:
    """Return the moments on the way from `used` to `seen` whose change of the policy costs little.

    The whole way, or the first of its half, quarter, ... with kl(moments) <= most; `used` if none.
    """
    for halvings in range(HALVINGS + 1):
        moved = used.between(seen, 0.5**halvings)
        if kl(moved) <= most:
            return moved
    return used


def _blocks(obs: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows of at most `BLOCK` entries each, one row at least."""
    height = max(1, BLOCK // max(1, obs.shape[1]))
    for start in range(0, len(obs), height):
        yield slice(start, start + height)
