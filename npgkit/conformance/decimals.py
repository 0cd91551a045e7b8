"""What is right, in decimals of fifty digits: the same on every machine, to the last digit stored.

Arrays hold `Decimal`; each input is the float64 that the files hold, exactly. Nothing here is
shared with the rest of `npgkit`, which the tests compare with it.
"""

from __future__ import annotations

import itertools
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

ROUND = Context(prec=17)
LOG_2PI = Decimal("1.8378770664093454835606594728112352797227949472755668256343")

decimal: Any = np.frompyfunc(lambda x: Decimal(float(x)), 1, 1)
exp: Any = np.frompyfunc(lambda x: x.exp(), 1, 1)
ln: Any = np.frompyfunc(lambda x: x.ln(), 1, 1)
tanh: Any = np.frompyfunc(lambda x: 1 - 2 / ((2 * x).exp() + 1), 1, 1)
as_float: Any = np.frompyfunc(lambda x: float(ROUND.create_decimal(x)), 1, 1)


def fifty_digits() -> Any:
    """Return the context in which all of this is computed."""
    return localcontext(Context(prec=50))


def plain(value: Any) -> Any:
    """Return decimals as the floats and lists that JSON takes, rounded to 17 digits."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return as_float(value).tolist()
    return float(ROUND.create_decimal(value)) if isinstance(value, Decimal) else value


class Exact:
    """A policy on rows, in decimals."""

    def __init__(self, kind: str, sizes: list[int], obs: list[Any]) -> None:
        self.kind, self.sizes = kind, sizes
        self.is_gaussian = "gaussian" in kind
        if kind == "softmax_table":
            self.obs = decimal(np.eye(sizes[0])[np.array(obs)])
        else:
            self.obs = decimal(np.array(obs, dtype=float))

    def outputs(self, theta: np.ndarray, *, jacobian: bool = False) -> Any:
        """Return the outputs (n, k), mean and log-std side by side; or these and J (n, k, p)."""
        h, at, read = self.obs, 0, []
        last = len(self.sizes) - 2
        for level, (fan_in, fan_out) in enumerate(itertools.pairwise(self.sizes)):
            W = theta[at : at + fan_in * fan_out].reshape(fan_in, fan_out)
            at += fan_in * fan_out
            z = h.dot(W)
            if self.kind.startswith("mlp"):
                z, at = z + theta[at : at + fan_out], at + fan_out
            read.append((h, W))
            h = tanh(z) if level < last else z
        n, k = h.shape
        free = theta[at:]
        out = np.concatenate([h, np.tile(free, (n, 1))], axis=1) if len(free) else h
        if not jacobian:
            return out
        parts: list[np.ndarray] = []
        delta = np.tile(decimal(np.eye(k)), (n, 1, 1))
        for h, W in read[::-1]:
            of_W = h[:, None, :, None] * delta[:, :, None, :]
            of_layer = [of_W.reshape(n, k, -1)]
            if self.kind.startswith("mlp"):
                of_layer.append(delta)
            parts = of_layer + parts
            delta = (delta[:, :, None, :] * W).sum(axis=3) * (1 - h * h)[:, None, :]
        J = np.concatenate(parts, axis=2)
        if len(free):
            m = len(free)
            whole = decimal(np.zeros((n, k + m, J.shape[2] + m)))
            whole[:, :k, : J.shape[2]] = J
            whole[:, k:, J.shape[2] :] = decimal(np.eye(m))
            J = whole
        return out, J

    def logp(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return log pi(act|obs) (n,)."""
        if self.is_gaussian:
            mean, log_std = np.split(out, 2, axis=1)
            z = (decimal(act) - mean) * exp(-log_std)
            return -(z * z / 2 + log_std + LOG_2PI / 2).sum(axis=1)
        return log_softmax(out)[np.arange(len(act)), act]

    def entropy(self, out: np.ndarray) -> np.ndarray:
        """Return the entropy of each row's distribution (n,)."""
        if self.is_gaussian:
            return (np.split(out, 2, axis=1)[1] + (1 + LOG_2PI) / 2).sum(axis=1)
        log_p = log_softmax(out)
        return -(exp(log_p) * log_p).sum(axis=1)

    def score(self, out: np.ndarray, act: np.ndarray) -> np.ndarray:
        """Return d log p / d out (n, k)."""
        if self.is_gaussian:
            mean, log_std = np.split(out, 2, axis=1)
            z = (decimal(act) - mean) * exp(-log_std)
            return np.concatenate([z * exp(-log_std), z * z - 1], axis=1)
        return decimal(np.eye(out.shape[1])[act]) - exp(log_softmax(out))

    def fisher_of_outputs(self, out: np.ndarray) -> np.ndarray:
        """Return the Fisher matrix in the outputs (n, k, k)."""
        k = out.shape[1]
        unit = decimal(np.eye(k))
        if self.is_gaussian:
            _, log_std = np.split(out, 2, axis=1)
            diagonal = np.concatenate([exp(-2 * log_std), 0 * log_std + 2], axis=1)
            return diagonal[:, :, None] * unit
        p = exp(log_softmax(out))
        return p[:, :, None] * unit - p[:, :, None] * p[:, None, :]

    def kl(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Return KL(p || q) of each row (n,)."""
        if self.is_gaussian:
            (mean_p, log_p), (mean_q, log_q) = np.split(p, 2, axis=1), np.split(q, 2, axis=1)
            spread = exp(2 * (log_p - log_q)) + (mean_p - mean_q) ** 2 * exp(-2 * log_q)
            return (log_q - log_p + spread / 2 - Decimal("0.5")).sum(axis=1)
        log_p, log_q = log_softmax(p), log_softmax(q)
        return (exp(log_p) * (log_p - log_q)).sum(axis=1)


def log_softmax(out: np.ndarray) -> np.ndarray:
    """Return the log-probabilities of logits (n, k)."""
    return out - ln(exp(out).sum(axis=1, keepdims=True))


def cg(A: np.ndarray, b: np.ndarray, iterations: int) -> np.ndarray:
    """Return the last iterate of conjugate gradients from 0."""
    x, r, p = 0 * b, b, b
    rr = r.dot(r)
    smallest = rr * Decimal("1e-70")
    for _ in range(iterations):
        if rr <= smallest:
            break
        Ap = A.dot(p)
        curvature = p.dot(Ap)
        if curvature <= Decimal("1e-40") * p.dot(p):
            break
        alpha = rr / curvature
        x, r = x + alpha * p, r - alpha * Ap
        last, rr = rr, r.dot(r)
        p = r + rr / last * p
    return x


def gae(case: dict[str, Any]) -> np.ndarray:
    """Return generalised advantage estimates (T, E)."""
    rew, values, after = (decimal(np.array(case[n])) for n in ("rew", "values", "next_values"))
    terminated, truncated = (np.array(case[n], dtype=int) for n in ("terminated", "truncated"))
    gamma, lam = Decimal(case["gamma"]), Decimal(case["lam"])
    adv, ahead = 0 * rew, 0 * rew[0]
    for t in range(len(rew) - 1, -1, -1):
        delta = rew[t] + gamma * after[t] * (1 - terminated[t]) - values[t]
        ahead = adv[t] = delta + gamma * lam * ahead * (1 - terminated[t]) * (1 - truncated[t])
    return adv
