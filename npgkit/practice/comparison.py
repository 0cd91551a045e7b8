"""Whether two arms differ: an exact test of paired runs, and Holm's rule for many such tests."""

from __future__ import annotations

import numpy as np

from npgkit.validation import as_floats

MOST_PAIRS = 20
"""With more pairs the 2^n patterns of signs no longer fit into memory."""


def paired(differences: np.ndarray) -> float:
    """Return the p-value of the sum of paired differences, over all patterns of their signs.

    The share of the 2^n choices of signs sigma with ``|sum_i sigma_i d_i| >= |sum_i d_i|``
    (chapter 12, Proposition "Pairs, and many comparisons"): an exact permutation test, both sides.

    Parameters
    ----------
    differences : array (n,)
        One arm's result minus the other's, a pair for each seed; 1 <= n <= 20.

    Raises
    ------
    ValueError
        If there are no differences or more than 20, or if one is not finite.
    """
    d = as_floats("differences", differences, ("n",))
    if not 1 <= len(d) <= MOST_PAIRS:
        raise ValueError(f"differences must be 1 to {MOST_PAIRS} pairs; got {len(d)}")
    signs = 1 - 2 * ((np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1)
    return float(np.mean(np.abs(signs @ d) >= np.abs(d.sum()) * (1 - 1e-9)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted by Holm's rule: at most l for what is called at the level l.

    With the p-values sorted, the j-th of K (from 1) is multiplied by K - j + 1, is at least the
    one before it and at most 1 (S. Holm, 1979).

    Parameters
    ----------
    p : array (K,)
        The p-values of one family of comparisons, in any order.

    Raises
    ------
    ValueError
        If an entry is not between 0 and 1.
    """
    given = as_floats("p", p, ("K",))
    if not np.all((given >= 0) & (given <= 1)):
        raise ValueError(f"p must hold p-values between 0 and 1; got {given}")
    order, K = np.argsort(given), len(given)
    adjusted = np.empty(K)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(K, 0, -1)), 1)
    return adjusted
