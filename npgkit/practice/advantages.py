"""Advantages estimated from rewards and a baseline (Schulman et al., 2016).

An episode's end is either *terminated*, after which there are no rewards, or *truncated*, where the
value of the final observation stands for the rewards that would have followed.
"""

from __future__ import annotations

import numpy as np

from npgkit.validation import as_flags, as_floats, as_scalar


def gae(
    rew: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    *,
    gamma: float,
    lam: float,
) -> np.ndarray:
    """Return generalised advantage estimates (T, E), in units of return.

    With delta_t = r_t + gamma V(s_{t+1}) - V(s_t), where V is 0 after a termination,

        adv_t = delta_t + gamma lam adv_{t+1},    the sum stopping at either kind of end.

    Implements: eq. (eq-gae), chapter 10. Source: Schulman et al. (2016).

    Parameters
    ----------
    rew, values, next_values : array (T, E)
        Rewards, V of the observation before each step and of the one that the step led to (the
        final observation where an episode ended, and not the first of the next one).
    terminated, truncated : array (T, E) of bool
    gamma, lam : float
        Discount and the share of the next advantage, both in [0, 1].

    Raises
    ------
    ValueError
        If shapes differ, an entry is not finite, or an end is neither 0 nor 1; and if the
        advantages overflow.
    """
    rew = as_floats("rew", rew, ("T", "E"))
    values = as_floats("values", values, rew.shape)
    next_values = as_floats("next_values", next_values, rew.shape)
    gamma, lam = (
        as_scalar(name, value, at_least=0.0, at_most=1.0)
        for name, value in (("gamma", gamma), ("lam", lam))
    )
    terminated = as_flags("terminated", terminated, rew.shape)
    truncated = as_flags("truncated", truncated, rew.shape)
    carry = np.where(terminated | truncated, 0.0, gamma * lam)
    with np.errstate(over="ignore", invalid="ignore"):
        delta = rew + gamma * np.where(terminated, 0.0, next_values) - values
        adv = np.empty_like(delta)
        ahead = np.zeros(rew.shape[1])
        for t in range(len(rew) - 1, -1, -1):
            ahead = adv[t] = delta[t] + carry[t] * ahead
    if not np.isfinite(adv).all():
        raise ValueError("the advantages are not finite; rewards or values are too large")
    return adv
