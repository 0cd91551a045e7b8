"""Networks: differentiable maps from parameters to the outputs that a distribution reads.

Layer 1. A network runs forward once and hands back its outputs with the two linear maps that all
derivatives are made of. For outputs out_i(theta) of row i, with Jacobian J_i,

    jvp(v)_i = J_i v,        vjp(u) = sum_i J_i' u_i,        per_row(u)_i = J_i' u_i.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .floating import quiet_closure, quiet_methods
from .validation import as_count, as_floats, as_indices, require_shape

BLOCK = 1024
"""Rows that a multilayer perceptron handles at a time: what one layer hands to the next then stays
in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network's outputs (n, k) at one theta, and the linear maps of its Jacobian there.

    `jvp` takes (n_params,) to (n, k); `vjp` takes (n, k) to (n_params,) and is its adjoint;
    `per_row` takes (n, k) to (n, n_params), one gradient a row.
    """

    out: np.ndarray
    jvp: Callable[[np.ndarray], np.ndarray]
    vjp: Callable[[np.ndarray], np.ndarray]
    per_row: Callable[[np.ndarray], np.ndarray]

    def __post_init__(self) -> None:
        for name in ("jvp", "vjp", "per_row"):
            object.__setattr__(self, name, quiet_closure(getattr(self, name)))


class Network(Protocol):
    """What a policy asks of a network."""

    @property
    def n_params(self) -> int:
        """The length of theta."""

    @property
    def n_outputs(self) -> int:
        """How many outputs a row has."""

    def init(self, rng: np.random.Generator) -> np.ndarray:
        """Return a starting theta (n_params,)."""

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        """Run forward at theta (n_params,) on obs (n, ...)."""


@quiet_methods
@dataclass(frozen=True)
class Table:
    """One free output vector a state: out_i = theta.reshape(S, k)[obs_i]; obs are state indices."""

    n_states: int
    n_outputs: int

    @property
    def n_params(self) -> int:
        return self.n_states * self.n_outputs

    def init(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(self.n_params)

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        shape = (self.n_states, self.n_outputs)
        obs = as_indices("obs", obs, self.n_states, ("n",))

        def vjp(u: np.ndarray) -> np.ndarray:
            table = np.zeros(shape, u.dtype)
            np.add.at(table, obs, u)
            return table.ravel()

        def per_row(u: np.ndarray) -> np.ndarray:
            tables = np.zeros((len(obs), *shape), u.dtype)
            tables[np.arange(len(obs)), obs] = u
            return tables.reshape(len(obs), -1)

        def jvp(v: np.ndarray) -> np.ndarray:
            return v.reshape(shape)[obs]

        return Linearization(jvp(theta), jvp, vjp, per_row)


@quiet_methods
@dataclass(frozen=True)
class Linear:
    """Outputs linear in the features: out = obs @ theta.reshape(n_features, k)."""

    n_features: int
    n_outputs: int

    @property
    def n_params(self) -> int:
        return self.n_features * self.n_outputs

    def init(self, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(self.n_params)

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        obs = as_floats("obs", obs, ("n", self.n_features)).astype(theta.dtype, copy=False)

        def jvp(v: np.ndarray) -> np.ndarray:
            return obs @ v.reshape(self.n_features, self.n_outputs)

        def vjp(u: np.ndarray) -> np.ndarray:
            return (obs.T @ u).ravel()

        def per_row(u: np.ndarray) -> np.ndarray:
            return np.einsum("nf,nk->nfk", obs, u).reshape(len(obs), -1)

        return Linearization(jvp(theta), jvp, vjp, per_row)


@quiet_methods
@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron: tanh hidden layers, linear outputs.

    With h_0 = obs, layer l computes h_{l+1} = tanh(h_l W_l + b_l); the last one has no tanh. theta
    holds for each layer W_l (fan-in, fan-out) row by row, then b_l. `init` draws the entries of W_l
    with variance 1 / fan-in, those of the last layer a hundred times smaller in scale, so that the
    first policy is nearly the same everywhere; b_l = 0.
    """

    n_inputs: int
    hidden: tuple[int, ...]
    n_outputs: int

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, list | tuple):
            raise ValueError(f"hidden must be a list of sizes; got {self.hidden!r}")
        n_inputs, *hidden, n_outputs = (
            as_count("the size of each layer", size, at_least=1)
            for size in (self.n_inputs, *self.hidden, self.n_outputs)
        )
        object.__setattr__(self, "n_inputs", n_inputs)
        object.__setattr__(self, "hidden", tuple(hidden))
        object.__setattr__(self, "n_outputs", n_outputs)

    @functools.cached_property  # asked for at every step of every environment
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Fan-in and fan-out of each layer."""
        sizes = (self.n_inputs, *self.hidden, self.n_outputs)
        return tuple(itertools.pairwise(sizes))

    @functools.cached_property
    def n_params(self) -> int:
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in self.layers)

    def init(self, rng: np.random.Generator) -> np.ndarray:
        drawn = []
        for fan_in, fan_out in self.layers:
            W = rng.standard_normal((fan_in, fan_out)) / np.sqrt(fan_in)
            drawn += [W.ravel(), np.zeros(fan_out)]
        drawn[-2] *= 0.01
        return np.concatenate(drawn)

    def unpack(self, theta: np.ndarray, name: str = "theta") -> list[tuple[np.ndarray, np.ndarray]]:
        """Return views (W, b) of theta, one pair a layer; `name` is for the message."""
        require_shape(name, theta, (self.n_params,))
        pairs, at = [], 0
        for fan_in, fan_out in self.layers:
            end = at + fan_in * fan_out
            pairs.append((theta[at:end].reshape(fan_in, fan_out), theta[end : end + fan_out]))
            at = end + fan_out
        return pairs

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        obs = as_floats("obs", obs, ("n", self.n_inputs)).astype(theta.dtype, copy=False)
        if len(obs) <= BLOCK:
            return self._linearize(theta, obs)
        starts = range(0, len(obs), BLOCK)
        return _stacked([self._linearize(theta, obs[i : i + BLOCK]) for i in starts])

    def _linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        weights = self.unpack(theta)
        h = [obs]  # what each layer reads
        for W, b in weights[:-1]:
            z = h[-1] @ W
            z += b
            h.append(np.tanh(z, out=z))
        W_last, b_last = weights[-1]
        ones = np.ones(len(obs), theta.dtype)

        @functools.cache  # a trial of a line search asks for the outputs alone
        def slopes() -> list[np.ndarray]:
            """What each tanh multiplies by: tanh' = 1 - tanh^2."""
            return [1 - a * a for a in h[1:]]

        def jvp(v: np.ndarray) -> np.ndarray:
            (dW, db), *tangents = self.unpack(v, "v")
            dz = obs @ dW
            dz += db
            layers = zip(slopes(), h[1:], weights[1:], tangents, strict=True)
            for slope, a, (W, _), (dW, db) in layers:
                dz *= slope
                dz = dz @ W  # dh_l W_l + h_l dW_l + db_l
                dz += a @ dW
                dz += db
            return dz

        def pulled_back(u: np.ndarray) -> list[np.ndarray]:
            """What each layer's output passes back: u_l = (u_{l+1} W') tanh'."""
            u_l = [u]
            for (W, _), slope in zip(weights[:0:-1], slopes()[::-1], strict=True):
                back = np.dot(u_l[-1], W.T)  # with one output `@` would not go to BLAS
                back *= slope
                u_l.append(back)
            return u_l[::-1]

        def vjp(u: np.ndarray) -> np.ndarray:
            gradient = np.empty(self.n_params, np.result_type(u, theta))
            for (dW, db), a, u_l in zip(self.unpack(gradient), h, pulled_back(u), strict=True):
                np.matmul(a.T, u_l, out=dW)
                np.matmul(ones, u_l, out=db)  # the sum over rows, as BLAS does it
            return gradient

        def per_row(u: np.ndarray) -> np.ndarray:
            parts = []
            for a, u_l in zip(h, pulled_back(u), strict=True):
                parts += [np.einsum("ni,no->nio", a, u_l).reshape(len(a), -1), u_l]
            return np.hstack(parts)

        return Linearization(h[-1] @ W_last + b_last, jvp, vjp, per_row)


def _stacked(blocks: list[Linearization]) -> Linearization:
    """Return the linearization of all blocks' rows, one block below the other."""
    ends = np.cumsum([len(block.out) for block in blocks])[:-1]

    def jvp(v: np.ndarray) -> np.ndarray:
        return np.concatenate([block.jvp(v) for block in blocks])

    def vjp(u: np.ndarray) -> np.ndarray:
        parts = zip(blocks, np.split(u, ends), strict=True)
        return functools.reduce(np.add, (block.vjp(part) for block, part in parts))

    def per_row(u: np.ndarray) -> np.ndarray:
        parts = np.split(u, ends)
        return np.concatenate([b.per_row(part) for b, part in zip(blocks, parts, strict=True)])

    return Linearization(np.concatenate([block.out for block in blocks]), jvp, vjp, per_row)


@quiet_methods
@dataclass(frozen=True)
class WithFreeOutputs:
    """A network followed by `n_free` outputs that are parameters themselves, the same for all obs.

    A Gaussian policy keeps its log standard deviations this way, last in theta.
    """

    network: Network
    n_free: int

    @property
    def n_params(self) -> int:
        return self.network.n_params + self.n_free

    @property
    def n_outputs(self) -> int:
        return self.network.n_outputs + self.n_free

    def init(self, rng: np.random.Generator) -> np.ndarray:
        inner = self.network.init(rng)
        return np.concatenate([inner, np.zeros(self.n_free, inner.dtype)])

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        require_shape("theta", theta, (self.n_params,))
        n_inner, k_inner = self.network.n_params, self.network.n_outputs
        inner = self.network.linearize(theta[:n_inner], obs)

        def append(out: np.ndarray, free: np.ndarray) -> np.ndarray:
            return np.hstack([out, np.broadcast_to(free, (len(out), self.n_free))])

        def jvp(v: np.ndarray) -> np.ndarray:
            require_shape("v", v, (self.n_params,))
            return append(inner.jvp(v[:n_inner]), v[n_inner:])

        def vjp(u: np.ndarray) -> np.ndarray:
            return np.concatenate([inner.vjp(u[:, :k_inner]), u[:, k_inner:].sum(axis=0)])

        def per_row(u: np.ndarray) -> np.ndarray:
            return np.hstack([inner.per_row(u[:, :k_inner]), u[:, k_inner:]])

        return Linearization(append(inner.out, theta[n_inner:]), jvp, vjp, per_row)
