"""What an implementation with certain faults would answer.

One set of formulas, with a switch for each fault; without any it is right. For row i, with the
Jacobian J_i of the outputs, the score s_i and the Fisher matrix M_i in the outputs,

    g = sum_i w_i adv_i s_i,      F = sum_i w_i J_i' M_i J_i.

The matrices are small enough to be written out.
"""

from __future__ import annotations

import numpy as np

from npgkit.batch import Batch
from npgkit.distributions import Categorical, DiagGaussian
from npgkit.networks import WithFreeOutputs
from npgkit.objectives import mean_kl_of_outputs
from npgkit.perceptron import MLP
from npgkit.policy import Policy, gaussian_linear, softmax_linear, softmax_tabular

from .case import Case
from .faults import Hypothesis


def policy_of(case: Case) -> Policy:
    """Return the policy of a case as `npgkit` has it."""
    kind = case.policy.kind
    sizes = [W.shape[0] for W, _ in case.policy.layers] + [case.policy.layers[-1][0].shape[1]]
    n_in, *hidden, n_out = sizes
    if kind == "softmax_table":
        return softmax_tabular(n_in, n_out)
    if kind == "softmax_linear":
        return softmax_linear(n_in, n_out)
    if kind == "gaussian_linear":
        return gaussian_linear(n_in, n_out)
    network = MLP(n_in, tuple(hidden), n_out)
    if kind == "mlp_softmax":
        return Policy(network, Categorical(n_out))
    return Policy(WithFreeOutputs(network, n_out), DiagGaussian(n_out))


class Model:
    """The answers on one case, under any hypothesis."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.policy = policy_of(case)
        linearized = self.policy.linearize(case.theta, case.obs)
        self.out, self.n = linearized.out, len(case.adv)
        k = self.out.shape[1]
        units = [np.broadcast_to(e, self.out.shape) for e in np.eye(k)]
        self.J = np.stack([linearized.per_row(unit) for unit in units], axis=1)
        product = self.policy.distribution.fisher_product
        self.M = np.stack([product(self.out, unit) for unit in units], axis=2)
        self.act_dim = 1 if case.policy.log_std is None else len(case.policy.log_std)
        self._fisher: dict[str, np.ndarray] = {}

    def logp(self, h: Hypothesis) -> np.ndarray:
        """Return log pi(act|obs) of each row."""
        return self._logp(self.case.theta, h)

    def gradient(self, h: Hypothesis) -> np.ndarray:
        """Return g."""
        rows = self.weights(h) * self.advantages(h)
        if h.get("actions clipped") == "in the ratio":
            rows = rows * np.exp(self.logp(h) - self.case.logp)
        g = self._scores(h).T @ rows * (self.n if "gradient summed" in h else 1)
        return -g if "wrong sign" in h else g

    def fisher_product(self, h: Hypothesis, v: np.ndarray) -> np.ndarray:
        """Return F v."""
        product = self.fisher(h) @ v
        if "damping in the product" in h:
            product = product + self.case.damping * v
        return product

    def kl(self, h: Hypothesis, theta_new: np.ndarray) -> float:
        """Return the mean KL between the policies at theta_new and at theta."""
        theta_new = theta_new.copy()
        if "KL of the policy with itself" in h:
            return 0.0
        if "log-std missing" in h and self.case.policy.log_std is not None:
            theta_new[-self.act_dim :] = self.case.theta[-self.act_dim :]
        scale = 1 / self.act_dim if "KL averaged over action dimensions" in h else 1.0
        d, weights = theta_new - self.case.theta, self.weights(h)
        if "KL is its quadratic model" in h:
            return scale * 0.5 * float(d @ self.fisher({}) @ d)
        if estimator := h.get("KL from the sampled actions"):
            log_ratio = self._logp(theta_new, h) - self._logp(self.case.theta, h)
            of_rows = {
                "k1": lambda: -log_ratio,
                "k2": lambda: 0.5 * log_ratio**2,
                "k3": lambda: np.expm1(log_ratio) - log_ratio,
                "-k1": lambda: log_ratio,
            }
            return scale * float(weights @ of_rows[estimator]())
        new = self.policy.linearize(theta_new, self.case.obs).out
        batch = Batch(self.case.obs, self.case.act, self.case.adv, weights)
        direction = "old||new" if "KL old||new" in h else "new||old"
        return scale * mean_kl_of_outputs(self.policy, new, self.out, batch, direction)

    def surrogate(self, h: Hypothesis, theta_new: np.ndarray) -> float:
        """Return the surrogate at theta_new."""
        weights, adv = self.weights(h), self.advantages(h)

        def at(theta: np.ndarray) -> float:
            old = self.case.logp
            if "old log-probabilities computed again" in h:
                old = self._logp(self.case.theta, h)
            if "ratio to the new policy" in h:
                return float(weights @ adv)
            return float(np.sum(weights * np.exp(self._logp(theta, h) - old) * adv))

        asked = self.case.theta if "surrogate ignores its argument" in h else theta_new
        value = at(asked) - (at(self.case.theta) if "surrogate as a gain" in h else 0.0)
        return -value if "wrong sign" in h else value

    def fisher(self, h: Hypothesis) -> np.ndarray:
        """Return F without damping (n_params, n_params)."""
        ours = {name: v for name, v in h.items() if name in OF_FISHER}
        key = repr(sorted(ours.items()))
        if key not in self._fisher:
            self._fisher[key] = self._fisher_of(ours)
        return self._fisher[key]

    def _fisher_of(self, h: Hypothesis) -> np.ndarray:
        weights = self.weights(h).copy()
        if "KL of the policy with itself" in h:
            return np.zeros((len(self.case.theta),) * 2)
        if subsample := h.get("Fisher from a subsample"):
            how, k = subsample
            kept = np.zeros(self.n)
            kept[:: k if how == "every" else 1] = 1
            kept[max(self.n // k, 1) if how == "first" else self.n :] = 0
            weights = weights * kept / (weights @ kept)
        if kind := h.get("empirical Fisher"):
            scores = self._scores(h)
            squared = self.advantages(h) ** 2 if kind == "with squared advantages" else 1.0
            F = scores.T @ ((weights * squared)[:, None] * scores)
        else:
            MJ = np.matmul(self.M, self.J) * weights[:, None, None]
            F = np.tensordot(self.J, MJ, axes=((0, 1), (0, 1)))
        if "log-std missing" in h and self.case.policy.log_std is not None:
            F[-self.act_dim :], F[:, -self.act_dim :] = 0, 0
        return F / self.act_dim if "KL averaged over action dimensions" in h else F

    def weights(self, h: Hypothesis) -> np.ndarray:
        """Return what the rows count."""
        return np.full(self.n, 1 / self.n) if "weights missing" in h else self.case.weights

    def advantages(self, h: Hypothesis) -> np.ndarray:
        """Return the advantages as they are used."""
        ddof = h.get("advantages normalised")
        return self.case.adv if ddof is None else normalised(self.case.adv, ddof)

    def _actions(self, h: Hypothesis) -> np.ndarray:
        is_clipped = "actions clipped" in h and self.case.policy.log_std is not None
        return np.clip(self.case.act, -1, 1) if is_clipped else self.case.act

    def _logp(self, theta: np.ndarray, h: Hypothesis) -> np.ndarray:
        return self.policy.logp(theta, self.case.obs, self._actions(h))

    def _scores(self, h: Hypothesis) -> np.ndarray:
        score = self.policy.distribution.score(self.out, self._actions(h))
        scores = np.einsum("nk,nkp->np", score, self.J)
        if "log-std missing" in h and self.case.policy.log_std is not None:
            scores[:, -self.act_dim :] = 0
        return scores


OF_FISHER = (
    "KL of the policy with itself", "Fisher from a subsample", "empirical Fisher",
    "log-std missing", "KL averaged over action dimensions", "weights missing", "actions clipped",
    "advantages normalised",
)  # fmt: skip


def normalised(adv: np.ndarray, ddof: int, axis: int | None = None) -> np.ndarray:
    """Return adv with mean 0 and standard deviation 1; zeros where there is none."""
    centred = adv - adv.mean(axis=axis, keepdims=True)
    size = adv.shape[axis] if axis is not None else adv.size
    std = np.sqrt((centred**2).sum(axis=axis, keepdims=True) / max(size - ddof, 1))
    return centred / np.where(std > 0, std, 1.0)
