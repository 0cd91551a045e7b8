"""What an adapter is handed: a policy, rows, the numbers of a step; a rollout with two ends.

theta is flat and means the same to everyone: of each layer W (fan-in, fan-out) row by row, then its
b in the two kinds that are multilayer perceptrons, and last the log standard deviations of the two
Gaussian kinds. The files in `vectors/` hold all of it as JSON; `vectors/schema.json` says how.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

VECTORS = Path(__file__).parent / "vectors"


@dataclass
class PolicyOfCase:
    """A policy as weights.

    Attributes
    ----------
    kind : "softmax_table", "softmax_linear", "gaussian_linear", "mlp_softmax" or "mlp_gaussian"
    layers : list of (W, b)
        h W + b of each layer, with tanh between them. A table's W (S, A) holds the logits, and an
        observation is a state's index. b is 0 and no parameter where there is one layer only.
    log_std : array (act_dim,) or None
    """

    kind: str
    layers: list[tuple[np.ndarray, np.ndarray]]
    log_std: np.ndarray | None

    @classmethod
    def of(cls, kind: str, sizes: list[int], theta: np.ndarray) -> PolicyOfCase:
        """Return the policy whose parameters are theta; `sizes` are those of its layers."""
        layers, at = [], 0
        for fan_in, fan_out in itertools.pairwise(sizes):
            W, at = (
                theta[at : at + fan_in * fan_out].reshape(fan_in, fan_out),
                at + fan_in * fan_out,
            )
            b = np.zeros(fan_out)
            if kind.startswith("mlp"):
                b, at = theta[at : at + fan_out], at + fan_out
            layers.append((W.copy(), b.copy()))
        return cls(kind, layers, theta[at:].copy() if "gaussian" in kind else None)


@dataclass
class Case:
    """A policy, rows from it, and what a step is asked to do.

    Attributes
    ----------
    name, comment : str
    policy : PolicyOfCase
    theta : array (n_params,)
        The policy's parameters, flat.
    obs : array (n, n_features), or state indices (n,)
    act : array (n, act_dim), or action indices (n,)
    adv, logp : array (n,)
        Advantages, and the log-probabilities under the policy that drew the actions.
    weights : array (n,)
        Probabilities of the rows: 1/n each where they were sampled.
    epsilon, damping, backtrack : float
    cg_iterations, max_backtracks : int
        As in `npgkit.trust_region_step`.
    """

    name: str
    comment: str
    policy: PolicyOfCase
    theta: np.ndarray
    obs: np.ndarray
    act: np.ndarray
    adv: np.ndarray
    logp: np.ndarray
    weights: np.ndarray
    epsilon: float
    damping: float
    cg_iterations: int
    backtrack: float
    max_backtracks: int


@dataclass
class RolloutCase:
    """T steps of E environments, each array (T, E) but `obs` and `next_obs` (T, E, n_features).

    `next_obs` is the observation that a step led to: where an episode ended the last one of it, and
    not the first one of the next. `values` and `next_values` are a baseline's at the two.
    """

    name: str
    comment: str
    obs: np.ndarray
    next_obs: np.ndarray
    rew: np.ndarray
    values: np.ndarray
    next_values: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    gamma: float
    lam: float


@dataclass
class LinearSystem:
    """A x = b, and how many iterations may be spent on it."""

    name: str
    comment: str
    A: np.ndarray
    b: np.ndarray
    iterations: int


Any_Case = Case | RolloutCase | LinearSystem


@cache
def vectors(name: str) -> tuple[dict[str, Any], ...]:
    """Return the cases of a file of vectors as they are stored, each with what is right."""
    return tuple(json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["cases"])


def fresh(stored: dict[str, Any]) -> Any_Case:
    """Return a stored case in new arrays, so that no adapter can change another call's."""
    makers: dict[str, Callable[[dict[str, Any]], Any_Case]] = {
        "policy": _policy_case,
        "rew": lambda given: _plain(RolloutCase, given),
        "A": lambda given: _plain(LinearSystem, given),
    }
    return next(
        make(stored["given"] | stored) for key, make in makers.items() if key in stored["given"]
    )


def _policy_case(given: dict[str, Any]) -> Case:
    theta = np.array(given["theta"], dtype=float)
    policy = PolicyOfCase.of(given["policy"]["kind"], given["policy"]["sizes"], theta)
    weights = given["weights"] or [1 / len(given["adv"])] * len(given["adv"])
    return _plain(Case, given | {"policy": policy, "weights": weights})


def _plain(kind: type, given: dict[str, Any]) -> Any:
    values = {field.name: given[field.name] for field in fields(kind)}
    return kind(**{k: np.array(v) if isinstance(v, list) else v for k, v in values.items()})
