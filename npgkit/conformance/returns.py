"""What advantages with certain faults would be; see `model`."""

from __future__ import annotations

import numpy as np

from .case import RolloutCase
from .faults import Hypothesis
from .model import normalised


class KnownBaseline:
    """A baseline whose predictions are known before and after it is fitted.

    `predict(obs)` (..., n_features) gives values (...,); `fit(obs, returns)` changes them.
    """

    def __init__(self) -> None:
        self._is_fitted = False
        self.calls: list[str] = []

    def predict(self, obs: np.ndarray) -> np.ndarray:
        """Return the value of each observation."""
        self.calls.append("predict")
        return predictions(np.asarray(obs, dtype=float), self._is_fitted)

    def fit(self, obs: np.ndarray, returns: np.ndarray) -> None:
        """Fit the values to returns."""
        self.calls.append("fit")
        self._is_fitted = True


def predictions(obs: np.ndarray, is_fitted: bool) -> np.ndarray:
    """Return the values that the known baseline gives, before and after it is fitted."""
    powers = np.arange(1, obs.shape[-1] + 1)
    return obs @ (1 / powers) if not is_fitted else 2.0 - obs @ (0.5 * powers)


def advantages(h: Hypothesis, case: RolloutCase) -> np.ndarray:
    """Return the advantages of a rollout, its values those of the known baseline."""
    is_fitted = "baseline fitted first" in h
    values, next_values = (predictions(obs, is_fitted) for obs in (case.obs, case.next_obs))
    return gae(h, case, values, next_values)


def gae(
    h: Hypothesis,
    case: RolloutCase,
    values: np.ndarray | None = None,
    next_values: np.ndarray | None = None,
) -> np.ndarray:
    """Return generalised advantage estimates (T, E)."""
    values = case.values if values is None else values
    after = (case.next_values if next_values is None else next_values).copy()
    T, E = values.shape
    later = np.vstack([values[1:], after[-1:]])
    terminated, truncated = case.terminated.astype(bool), case.truncated.astype(bool)
    ends = terminated | truncated
    wrong = h.get("next value of the wrong environment")
    if wrong == "flat":
        after = np.append(values.ravel()[1:], after[-1, -1]).reshape(T, E)
    elif wrong == "reshaped":
        after = after.reshape(E, T).T
    elif wrong == "neighbour":
        after = np.roll(after, -1, axis=1)
    elif "next value of the next episode" in h:
        after = later
    no_value = np.zeros_like(ends) if "termination taken for truncation" in h else terminated.copy()
    if kind := h.get("truncation taken for termination"):
        no_value |= truncated if kind != "last step" else False
        if kind != "truncated":
            no_value[-1] = True
    cut = {
        None: ends,
        "both ends": np.zeros_like(ends),
        "truncated": terminated,
        "terminated": truncated,
    }[h.get("carried across an episode's end")]
    delta = case.rew + case.gamma * np.where(no_value, 0.0, after) - values
    adv, ahead = np.empty_like(delta), np.zeros(E)
    for t in range(T - 1, -1, -1):
        ahead = adv[t] = delta[t] + case.gamma * case.lam * np.where(cut[t], 0.0, ahead)
    if "advantages normalised" in h:
        return normalised(adv, h["advantages normalised"])
    if "advantages normalised over the wrong axis" in h:
        axis, ddof = h["advantages normalised over the wrong axis"]
        return normalised(adv, ddof, axis)
    return adv
