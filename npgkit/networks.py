"""Networks: differentiable maps from parameters to the outputs that a distribution reads.

A network runs forward once and hands back its outputs with the two linear maps that all
derivatives are made of. For outputs out_i(theta) of row i, with Jacobian J_i,

    jvp(v)_i = J_i v,        vjp(u) = sum_i J_i' u_i,        per_row(u)_i = J_i' u_i.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .floating import quiet_closure, quiet_methods
from .validation import as_floats, as_indices, require_shape

Middle = Callable[[slice, np.ndarray], np.ndarray]
"""What stands between a Jacobian and its adjoint: of some rows (m, k) to as many (m, k)."""


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network's outputs (n, k) at one theta, and the linear maps of its Jacobian there.

    `jvp` takes (n_params,) to (n, k); `vjp` takes (n, k) to (n_params,) and is its adjoint;
    `per_row` takes (n, k) to (n, n_params), one gradient a row. `by_blocks` is `gauss_newton` where
    the network does it faster than by `jvp` and `vjp`.
    """

    out: np.ndarray
    jvp: Callable[[np.ndarray], np.ndarray]
    vjp: Callable[[np.ndarray], np.ndarray]
    per_row: Callable[[np.ndarray], np.ndarray]
    by_blocks: Callable[[np.ndarray, Middle], np.ndarray] | None = None

    def gauss_newton(self, v: np.ndarray, middle: Middle) -> np.ndarray:
        """Return sum_i J_i' M_i J_i v (n_params,), where `middle` applies M_i to rows of J v.

        `middle(rows, moved)` is asked for one block of rows after the other: `moved` (m, k) is J v
        in the rows of the slice `rows`, and M_i of each row is what comes back.
        """
        if self.by_blocks is not None:
            return self.by_blocks(v, middle)
        return self.vjp(middle(slice(None), self.jvp(v)))

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
            columns = np.empty((self.n_outputs, len(out)), np.result_type(out, free))
            columns[:k_inner], columns[k_inner:] = out.T, free[:, None]
            return columns.T

        def jvp(v: np.ndarray) -> np.ndarray:
            require_shape("v", v, (self.n_params,))
            return append(inner.jvp(v[:n_inner]), v[n_inner:])

        def vjp(u: np.ndarray) -> np.ndarray:
            return np.concatenate([inner.vjp(u[:, :k_inner]), u[:, k_inner:].sum(axis=0)])

        def per_row(u: np.ndarray) -> np.ndarray:
            return np.hstack([inner.per_row(u[:, :k_inner]), u[:, k_inner:]])

        def by_blocks(v: np.ndarray, middle: Middle) -> np.ndarray:
            require_shape("v", v, (self.n_params,))
            of_free = np.zeros(self.n_free, np.result_type(v, theta))

            def inner_middle(rows: slice, moved: np.ndarray) -> np.ndarray:
                u = middle(rows, append(moved, v[n_inner:]))
                np.add(of_free, u[:, k_inner:].sum(axis=0), out=of_free)
                return u[:, :k_inner]

            return np.concatenate([inner.gauss_newton(v[:n_inner], inner_middle), of_free])

        out = append(inner.out, theta[n_inner:])
        return Linearization(out, jvp, vjp, per_row, by_blocks)
