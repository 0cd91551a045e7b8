"""The value baseline: a network fitted to returns by damped Gauss-Newton steps.

Layer 5. For V = v_phi(obs) and targets y the loss is mean (V - y)^2 / 2. Its Gauss-Newton matrix

    G = J'J / n

is the Fisher matrix of a Gaussian with mean V and unit variance: the product, the conjugate
gradients and the idea are those of the policy's step, and a fit costs a few of them and no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npgkit.cg import conjugate_gradient
from npgkit.networks import MLP


@dataclass(frozen=True)
class Baseline:
    """A value function V(obs) = shift + scale net(obs); phi holds the network, shift and scale.

    `shift` and `scale` follow the targets' mean and standard deviation, so that the network works
    with numbers of the order of one whatever the rewards' unit.
    """

    network: MLP
    damping: float = 0.1
    cg_iterations: int = 10
    rounds: int = 2
    backtracks: int = 4

    def init(self, rng: np.random.Generator) -> np.ndarray:
        """Return a starting phi (n_params + 2,): V = 0, whatever the rewards' unit."""
        net = self.network.init(rng)
        W, _ = self.network.unpack(net)[-1]
        W[:] = 0.0
        return np.concatenate([net, [0.0, 1.0]])

    def predict(self, phi: np.ndarray, obs: np.ndarray) -> np.ndarray:
        """Return V (n,) for observations (n, size)."""
        net, shift, scale = self._parts(phi)
        return shift + scale * self.network.linearize(net, obs).out[:, 0]

    def fit(self, phi: np.ndarray, obs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return phi after `rounds` Gauss-Newton steps towards the targets (n,).

        Before the first, V is moved by the constant that fits best. A step that does not lower the
        loss is halved, `backtracks` times at most, then left out.
        """
        phi = self._rescaled(phi, targets)
        net, shift, scale = self._parts(phi)
        wanted = ((targets - shift) / scale).astype(phi.dtype)
        net = self._centred(net, obs, wanted)
        for _ in range(self.rounds):
            net = self._step(net, obs, wanted)
        return np.concatenate([net, phi[-2:]])

    def _centred(self, net: np.ndarray, obs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return the net with the last bias that fits best."""
        net = net.copy()
        _, b = self.network.unpack(net)[-1]
        b += (wanted - self.network.linearize(net, obs).out[:, 0]).mean()
        return net

    def _step(self, net: np.ndarray, obs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        at, n = self.network.linearize(net, obs), len(wanted)
        missing = wanted - at.out[:, 0]
        downhill = at.vjp(missing[:, None] / n)
        G = _GaussNewton(at, n, self.damping, net.dtype)
        x = conjugate_gradient(G, downhill, max_iter=self.cg_iterations).x
        loss = float(missing @ missing)
        for j in range(self.backtracks + 1):
            trial = net + net.dtype.type(0.5**j) * x
            left = wanted - self.network.linearize(trial, obs).out[:, 0]
            if float(left @ left) < loss:
                return trial
        return net

    def _parts(self, phi: np.ndarray) -> tuple[np.ndarray, float, float]:
        return phi[:-2], float(phi[-2]), float(phi[-1])

    def _rescaled(self, phi: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Give V the targets' shift and scale, and the last layer what leaves V as it was."""
        net, shift, scale = self._parts(phi)
        new_shift, new_scale = float(targets.mean()), max(float(targets.std()), 1e-6)
        net = net.copy()
        W, b = self.network.unpack(net)[-1]
        W *= scale / new_scale
        b *= scale / new_scale
        b += (shift - new_shift) / new_scale
        return np.concatenate([net, [new_shift, new_scale]]).astype(phi.dtype)


class _GaussNewton:
    """v -> (J'J / n + damping I) v."""

    def __init__(self, at, n: int, damping: float, dtype) -> None:  # type: ignore[no-untyped-def]
        self.at, self.n, self.damping, self.dtype = at, n, damping, dtype

    def matvec(self, v: np.ndarray) -> np.ndarray:
        return self.at.gauss_newton(v, lambda _, moved: moved / self.n) + self.damping * v
