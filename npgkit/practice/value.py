"""The value baseline: a network fitted to returns by damped Gauss-Newton steps.

For V(obs) with parameters w and targets y the loss is mean (V - y)^2 / 2. Its Gauss-Newton matrix

    G = J'J / n,    J the Jacobian of V by w,

is the Fisher matrix of a Gaussian with mean V and unit variance. So the fit uses the products and
the conjugate gradients of the policy's step, and costs a few of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npgkit.cg import conjugate_gradient
from npgkit.perceptron import MLP


@dataclass(frozen=True)
class Baseline:
    """A value function V(obs) = shift + scale net(obs).

    `value_params` (n_params + 2,) holds the network's parameters, then shift and scale. These
    follow the targets' mean and standard deviation, so that the network's outputs are of the order
    of one in whatever unit rewards come.

    Attributes
    ----------
    network : MLP
        With one output.
    damping : float
        Added to the diagonal of G.
    cg_iterations : int
        Of each Gauss-Newton step, at most.
    rounds : int
        Gauss-Newton steps of a fit.
    backtracks : int
        How often a step that does not lower the loss is halved.
    """

    network: MLP
    damping: float = 0.1
    cg_iterations: int = 10
    rounds: int = 2
    backtracks: int = 4

    def init(self, rng: np.random.Generator) -> np.ndarray:
        """Return starting parameters (n_params + 2,), with which V = 0 everywhere."""
        net = self.network.init(rng)
        W, _ = self.network.unpack(net)[-1]
        W[:] = 0.0
        return np.concatenate([net, [0.0, 1.0]])

    def predict(self, value_params: np.ndarray, obs: np.ndarray) -> np.ndarray:
        """Return V (n,) for observations (n, size)."""
        net, shift, scale = self._parts(value_params)
        return shift + scale * self.network.linearize(net, obs).out[:, 0]

    def fit(self, value_params: np.ndarray, obs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return `value_params` after `rounds` Gauss-Newton steps towards the targets (n,).

        Before the first step, the constant that fits best is added to V. A step that does not lower
        the loss is halved, `backtracks` times at most, then left out.
        """
        value_params = self._rescaled(value_params, targets)
        net, shift, scale = self._parts(value_params)
        wanted = ((targets - shift) / scale).astype(value_params.dtype)
        net = self._centred(net, obs, wanted)
        for _ in range(self.rounds):
            net = self._step(net, obs, wanted)
        return np.concatenate([net, value_params[-2:]])

    def _centred(self, net: np.ndarray, obs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Return the net with the last bias that fits best."""
        net = net.copy()
        _, b = self.network.unpack(net)[-1]
        b += (wanted - self.network.linearize(net, obs).out[:, 0]).mean()
        return net

    def _step(self, net: np.ndarray, obs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        linearized, n = self.network.linearize(net, obs), len(wanted)
        missing = wanted - linearized.out[:, 0]
        downhill = linearized.vjp(missing[:, None] / n)

        def G(v: np.ndarray) -> np.ndarray:
            product = linearized.gauss_newton(v, lambda _, moved: moved / n)
            return product + self.damping * v

        x = conjugate_gradient(G, downhill, max_iter=self.cg_iterations).x
        loss = float(missing @ missing)
        for j in range(self.backtracks + 1):
            trial = net + net.dtype.type(0.5**j) * x
            left = wanted - self.network.linearize(trial, obs).out[:, 0]
            if float(left @ left) < loss:
                return trial
        return net

    def _parts(self, value_params: np.ndarray) -> tuple[np.ndarray, float, float]:
        return value_params[:-2], float(value_params[-2]), float(value_params[-1])

    def _rescaled(self, value_params: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Take the targets' shift and scale, and change the last layer so that V stays the same."""
        net, shift, scale = self._parts(value_params)
        new_shift, new_scale = float(targets.mean()), max(float(targets.std()), 1e-6)
        net = net.copy()
        W, b = self.network.unpack(net)[-1]
        W *= scale / new_scale
        b *= scale / new_scale
        b += (shift - new_shift) / new_scale
        return np.concatenate([net, [new_shift, new_scale]]).astype(value_params.dtype)
