"""The multilayer perceptron: tanh layers and a linear one, with the maps of its Jacobian.

An update of a policy or of a value function spends most of its time in these maps of a multilayer
perceptron, a dozen products with one Jacobian. Three things make them fast:

- The rows are handled in blocks, each forward and back before the next one (`gauss_newton`), so
  that what a block needs stays in the processor's cache; and with one *column* a row, so that what
  is done entry by entry runs along memory. The outputs come back as (n, k) all the same, and each
  of the k columns is contiguous.
- Every layer reads a row of ones below its inputs. Biases are then one more row of the weights,
  which is how theta holds them: no additions of a bias forward, no sums over the rows back.
- Where the outputs are few beside a layer's units, J v needs no chain from layer to layer. The
  derivatives of each output by what a layer computes are found once; a product is then the change
  that each layer's own weights make, times these derivatives.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from .floating import quiet_methods
from .networks import Linearization, Middle
from .validation import as_count, as_floats, require_shape

BLOCK = 704
"""Rows that a multilayer perceptron handles at a time; a power of two would share cache lines."""

UNITS_FOR_AN_OUTPUT = 64
"""Outputs are few if each hidden layer after the first has so many units for every one of them."""


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
        return [(W_b[:-1], W_b[-1]) for W_b in self._layers_of(theta, name)]

    def linearize(self, theta: np.ndarray, obs: np.ndarray) -> Linearization:
        obs = as_floats("obs", obs, ("n", self.n_inputs)).astype(theta.dtype, copy=False)
        weights = self._layers_of(theta, "theta")
        rows = [slice(i, i + BLOCK) for i in range(0, max(len(obs), 1), BLOCK)]
        if len(rows) > 1:
            _keep_freed_memory()
        kind = _FewOutputs if self._has_few_outputs else _Block
        blocks = [kind(weights, obs[block_rows].T) for block_rows in rows]

        def jvp(v: np.ndarray) -> np.ndarray:
            changes = self._layers_of(v, "v")
            return _side_by_side([block.jvp(changes) for block in blocks]).T

        def vjp(u: np.ndarray) -> np.ndarray:
            gradient = np.zeros(self.n_params, np.result_type(u, theta))
            layers = self._layers_of(gradient, "the gradient")
            for block, block_rows in zip(blocks, rows, strict=True):
                block.add_vjp(u[block_rows].T, layers)
            return gradient

        def per_row(u: np.ndarray) -> np.ndarray:
            parts = zip(blocks, rows, strict=True)
            return np.concatenate([block.per_row(u[own].T) for block, own in parts])

        def by_blocks(v: np.ndarray, middle: Middle) -> np.ndarray:
            gradient = np.zeros(self.n_params, np.result_type(v, theta))
            changes, layers = self._layers_of(v, "v"), self._layers_of(gradient, "the gradient")
            for block, block_rows in zip(blocks, rows, strict=True):
                block.add_vjp(middle(block_rows, block.jvp(changes).T).T, layers)
            return gradient

        out = _side_by_side([block.out for block in blocks]).T
        return Linearization(out, jvp, vjp, per_row, by_blocks)

    @functools.cached_property
    def _has_few_outputs(self) -> bool:
        after_the_first = self.hidden[1:]
        return bool(after_the_first) and (
            self.n_outputs * UNITS_FOR_AN_OUTPUT <= min(after_the_first)
        )

    def _layers_of(self, theta: np.ndarray, name: str) -> list[np.ndarray]:
        """Return views [W; b] (fan-in + 1, fan-out) of theta, one a layer."""
        require_shape(name, theta, (self.n_params,))
        views, at = [], 0
        for fan_in, fan_out in self.layers:
            end = at + (fan_in + 1) * fan_out
            views.append(theta[at:end].reshape(fan_in + 1, fan_out))
            at = end
        return views


class _Block:
    """A block of m rows on its way through a multilayer perceptron, one column a row.

    Layer l reads x_l = [h_l; 1] (fan-in + 1, m) and computes z_l = [W_l; b_l]' x_l (fan-out, m);
    `weights` are the [W_l; b_l].
    """

    def __init__(self, weights: list[np.ndarray], obs: np.ndarray) -> None:
        self.weights = weights
        x = _with_ones(len(obs), obs.shape[1], obs.dtype)
        x[:-1] = obs
        self.reads = [x]
        for W_b in weights[:-1]:
            x = _with_ones(W_b.shape[1], obs.shape[1], obs.dtype)
            z = np.matmul(W_b.T, self.reads[-1], out=x[:-1])
            np.tanh(z, out=z)
            self.reads.append(x)
        self.out = weights[-1].T @ self.reads[-1]

    @functools.cached_property  # a trial of a line search asks for the outputs alone
    def slopes(self) -> list[np.ndarray]:
        """What each tanh multiplies by: tanh' = 1 - tanh^2."""
        return [1 - x[:-1] * x[:-1] for x in self.reads[1:]]

    def jvp(self, changes: list[np.ndarray]) -> np.ndarray:
        """Return the outputs' change (k, m) for changes [dW_l; db_l] of the weights.

        Layer by layer, dz_l = W_l' dh_l + [dW_l; db_l]' x_l.
        """
        dz = changes[0].T @ self.reads[0]
        later = zip(self.slopes, self.weights[1:], changes[1:], self.reads[1:], strict=True)
        for slope, W_b, change, x in later:
            dz *= slope
            dz = W_b[:-1].T @ dz
            dz += change.T @ x
        return dz

    def pulled_back(self, u: np.ndarray) -> list[np.ndarray]:
        """Return what each z_l gets of u (k, m): u_l = (W_{l+1} u_{l+1}) tanh', the last is u."""
        u_l = [u]
        for W_b, slope in zip(self.weights[:0:-1], self.slopes[::-1], strict=True):
            u_l.append(_behind(W_b, u_l[-1], slope))
        return u_l[::-1]

    def add_vjp(self, u: np.ndarray, gradient: list[np.ndarray]) -> None:
        """Add to each layer's gradient x_l u_l'."""
        for layer, x, u_l in zip(gradient, self.reads, self.pulled_back(u), strict=True):
            layer += x @ u_l.T

    def per_row(self, u: np.ndarray) -> np.ndarray:
        """Return the gradient of each row (m, n_params)."""
        layers = zip(self.reads, self.pulled_back(u), strict=True)
        products = [np.einsum("im,om->mio", x, u_l) for x, u_l in layers]
        return np.hstack([product.reshape(len(product), -1) for product in products])


class _FewOutputs(_Block):
    """The same, for outputs so few that their derivatives are kept.

    With R_l[j] = d out_j / d z_l for every hidden layer but the last, and the last one by its
    weights as before,

        jvp: dout = ... + sum_l R_l dz_l, each dz_l by its own weights alone,    u_l = R_l' u,

    which leaves out all products with the weights between two hidden layers.
    """

    @functools.cached_property
    def rows(self) -> list[np.ndarray]:
        """R_l (k, fan-out, m)."""
        ones = np.ones(self.out.shape[1], self.out.dtype)
        units = np.eye(len(self.out), dtype=ones.dtype)
        pulled = [super(_FewOutputs, self).pulled_back(np.outer(unit, ones)) for unit in units]
        *hidden, _, _ = zip(*pulled, strict=True)
        return [np.stack(of_outputs) for of_outputs in hidden]

    def jvp(self, changes: list[np.ndarray]) -> np.ndarray:
        own = (change.T @ x for change, x in zip(changes, self.reads, strict=True))
        *hidden, last, out = own
        last *= self.slopes[-1]
        out += self.weights[-1][:-1].T @ last
        for R, dz in zip(self.rows, hidden, strict=True):
            out += np.einsum("kom,om->km", R, dz)
        return out

    def pulled_back(self, u: np.ndarray) -> list[np.ndarray]:
        last = _behind(self.weights[-1], u, self.slopes[-1])
        return [*(np.einsum("kom,km->om", R, u) for R in self.rows), last, u]


def _side_by_side(parts: list[np.ndarray]) -> np.ndarray:
    """Return the blocks' columns in one array; one block, as acting has it, as it is."""
    return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _with_ones(size: int, m: int, dtype: np.dtype) -> np.ndarray:
    """Return an array (size + 1, m) whose last row is ones and whose others are to be filled."""
    x = np.empty((size + 1, m), dtype)
    x[-1] = 1.0
    return x


@functools.cache  # once a process
def _keep_freed_memory() -> None:
    """Free one large array, so that the C library keeps the memory that is freed after it.

    glibc gives freed memory back to the operating system above a threshold, 128 KB at first, and
    every page of it is mapped and cleared anew when it is asked for again: up to half the time of
    an update. The threshold rises to the largest array freed, of 32 MB at most (mallopt(3),
    M_MMAP_THRESHOLD), and up to twice as much is kept. The array is never written to, so it takes
    no memory itself. In other C libraries this does nothing.
    """
    np.empty(31 * 2**20, np.uint8)


def _behind(W_b: np.ndarray, u: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return (W u) tanh', what the layer before gets of u."""
    back = np.dot(W_b[:-1], u)  # with one output `@` would not go to BLAS
    back *= slope
    return back
