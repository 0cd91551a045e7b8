"""One TRPO update of a Gaussian policy in JAX, compiled for its shapes.

The same mathematics as `npgkit.trust_region_step`, without its checks and its reasons: gradient of
the surrogate, conjugate gradients on F + damping I, alpha from the undamped curvature, line search.
Needs the extra `bench`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp

Outputs = Callable[[Any, Any], tuple[Any, Any]]


class CompiledUpdate:
    """theta, obs, act, adv, logp -> the new theta; theta is laid out as npgkit lays it out."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        rows: int,
        *,
        epsilon: float,
        damping: float,
        cg_iterations: int,
        backtrack: float,
        max_backtracks: int,
    ) -> None:
        outputs = _outputs(sizes)

        @jax.jit
        def update(theta: Any, obs: Any, act: Any, adv: Any, old_logp: Any) -> Any:
            def surrogate(at: Any) -> Any:
                return (jnp.exp(_logp(outputs(at, obs), act) - old_logp) * adv).mean()

            g = jax.grad(surrogate)(theta)
            (_, log_std), jvp = jax.linearize(lambda at: outputs(at, obs), theta)
            vjp = jax.linear_transpose(jvp, theta)

            def F(v: Any) -> Any:
                moved_mean, moved_log_std = jvp(v)
                (Fv,) = vjp((moved_mean * jnp.exp(-2 * log_std) / rows, 2 * moved_log_std / rows))
                return Fv

            def iterate(_: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
                x, r, p, rr = state
                Ap = F(p) + damping * p
                alpha = rr / (p @ Ap)
                x, r = x + alpha * p, r - alpha * Ap
                return x, r, r + (r @ r / rr) * p, r @ r

            start = (jnp.zeros_like(g), g, g, g @ g)
            x, r, _, _ = jax.lax.fori_loop(0, cg_iterations, iterate, start)
            alpha = jnp.sqrt(2 * epsilon / (x @ (g - r) - damping * x @ x))
            before = surrogate(theta)

            def refused(state: tuple[Any, ...]) -> Any:
                trials, _, kl, gain = state
                return ((kl > epsilon) | (gain <= 0)) & (trials <= max_backtracks)

            def trial(state: tuple[Any, ...]) -> tuple[Any, ...]:
                new = theta + alpha * backtrack ** state[0] * x
                kl = _mean_kl(outputs(new, obs), outputs(theta, obs))
                return state[0] + 1, new, kl, surrogate(new) - before

            return jax.lax.while_loop(refused, trial, (0.0, theta, jnp.inf, 0.0))[1]

        self._update = update

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return np.asarray(jax.block_until_ready(self._update(*arrays)))


def _outputs(sizes: tuple[int, ...]) -> Outputs:
    """theta, obs -> means and log standard deviations, each (n, k)."""

    def outputs(theta: Any, obs: Any) -> tuple[Any, Any]:
        h, at = obs, 0
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            end = at + fan_in * fan_out
            z = h @ theta[at:end].reshape(fan_in, fan_out) + theta[end : end + fan_out]
            h = z if layer == len(sizes) - 2 else jnp.tanh(z)
            at = end + fan_out
        return h, jnp.broadcast_to(theta[at:], h.shape)

    return outputs


def _logp(out: tuple[Any, Any], act: Any) -> Any:
    mean, log_std = out
    z = (act - mean) * jnp.exp(-log_std)
    return -(0.5 * z**2 + log_std + 0.5 * jnp.log(2 * jnp.pi)).sum(axis=1)


def _mean_kl(new: tuple[Any, Any], old: tuple[Any, Any]) -> Any:
    (mean_p, log_p), (mean_q, log_q) = new, old
    spread = 2 * (log_p - log_q)
    shift = (mean_p - mean_q) * jnp.exp(-log_q)
    return 0.5 * (jnp.expm1(spread) - spread + shift**2).sum(axis=1).mean()
