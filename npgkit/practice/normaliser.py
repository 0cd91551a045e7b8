"""Observations on one scale: the running mean and variance of each entry.

The policy and the baseline read z = (obs - m) / s, cut at `CLIP` standard deviations, where m and
s are the mean and the standard deviation of all observations so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CLIP = 10.0
"""Normalised observations are cut at plus and minus this."""

LEAST_VARIANCE = 1e-8
"""Added to each variance, so that an entry that never varied is not divided by zero."""

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


def _blocks(obs: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows of at most `BLOCK` entries each, one row at least."""
    height = max(1, BLOCK // max(1, obs.shape[1]))
    for start in range(0, len(obs), height):
        yield slice(start, start + height)
