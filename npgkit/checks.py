"""Checks for those who write a distribution or a network of their own.

A distribution states its log-probabilities once, and again in its score, its KL, its Fisher product
and its samples; a network states its outputs, and again in the maps of their Jacobian. Each check
compares two such statements:

    E[score] = 0,   E[score score'] = M,   E[log p - log q] = KL(p || q),   E[q / p] = 1,
    d KL(p || q) / dq at q = p + h u  =  h M u + O(h^2),        (J v).u = v.(J'u).

Derivatives are compared with central differences, expectations with means over samples. A
tolerance is what rounding and curvature leave of a difference, or six standard errors of a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .distributions import Distribution
from .floating import quiet
from .networks import Network
from .validation import as_count, as_floats, as_generator

STANDARD_ERRORS = 6.0
"""A mean of samples may be off by so many of its standard errors: once in 5e8 by chance."""

EPS = float(np.finfo(np.float64).eps)


@quiet
def check_distribution(
    distribution: Distribution,
    *,
    out: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    n_samples: int = 20_000,
) -> None:
    """Raise unless all that a distribution says agrees with its log-probabilities.

    Compared are shapes and dtypes (float32 stays float32), the score with differences of `logp`,
    samples with `logp`, the score's mean with 0 and its second moment with `fisher_product`, `kl`
    and `entropy` with means over samples, `kl_gradients` with differences of `kl`, the Fisher
    product with the Hessian of `kl`, and `mode` with the samples.

    Parameters
    ----------
    distribution : Distribution
    out : array (n, n_outputs), optional
        Outputs to check it at; drawn from a normal of deviation 1/2 when left out.
    rng : numpy.random.Generator, optional
        For the samples; of a fixed seed when left out, so that a verdict can be repeated.
    n_samples : int
        Samples for each row of `out`.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong, where, and by how much.
    """
    rng = np.random.default_rng(0) if rng is None else as_generator("rng", rng)
    n_samples = as_count("n_samples", n_samples, at_least=100)
    k = as_count("distribution.n_outputs", distribution.n_outputs, at_least=1)
    p = 0.5 * rng.standard_normal((3, k)) if out is None else as_floats("out", out, ("n", k))
    p = p.astype(np.float64)
    q, u = p + 0.1 * rng.standard_normal(p.shape), rng.standard_normal(p.shape)
    _check_forms(distribution, p, q, rng)
    _check_derivatives(distribution, p, q, u, rng)
    _check_expectations(distribution, p, q, u, n_samples, rng)


@quiet
def check_network(
    network: Network,
    obs: np.ndarray | None = None,
    *,
    theta: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> None:
    """Raise unless a network's Jacobian maps agree with its outputs and with each other.

    Compared are shapes and dtypes (float32 stays float32), `jvp` with differences of the outputs,
    `vjp` with `jvp` as its adjoint, and `per_row` with `vjp` of one row at a time.

    Parameters
    ----------
    network : Network
    obs : array (n, ...), optional
        Observations. May be left out where the network, or the one inside it, has `n_states` (then
        they are indices), `n_inputs` or `n_features` (then vectors of that size).
    theta : array (n_params,), optional
        Where to check it; `network.init(rng)` moved by a normal of deviation 0.3 when left out.
    rng : numpy.random.Generator, optional
        For theta and directions; of a fixed seed when left out, so that a verdict can be repeated.

    Raises
    ------
    ValueError
        With a sentence that says what is wrong and by how much; and if obs is needed.
    """
    rng = np.random.default_rng(0) if rng is None else as_generator("rng", rng)
    n = as_count("network.n_params", network.n_params, at_least=1)
    k = as_count("network.n_outputs", network.n_outputs, at_least=1)
    obs = _example_obs(network, rng) if obs is None else np.asarray(obs)
    first = network.init(rng)
    _require_form("network.init(rng)", first, (n,), "f")
    if theta is None:
        theta = first + 0.3 * rng.standard_normal(n)
    theta = as_floats("theta", theta, (n,)).astype(np.float64)
    for dtype in (np.float64, np.float32):
        _check_maps_forms(network, theta.astype(dtype), obs, k)
    _check_maps(network, theta, obs, rng)


# A distribution.


def _check_forms(
    distribution: Distribution, p: np.ndarray, q: np.ndarray, rng: np.random.Generator
) -> None:
    for dtype in (np.float64, np.float32):
        a, b = p.astype(dtype), q.astype(dtype)
        act, mode, n = distribution.sample(a, rng), distribution.mode(a), len(p)
        for name, value in {"sample(out, rng)": act, "mode(out)": mode}.items():
            _require_form(f"distribution.{name}", value, (n, *np.shape(act)[1:]), "iuf")
        if act.dtype != mode.dtype:
            raise ValueError(
                f"distribution.mode(out) is {mode.dtype} and sample(out, rng) {act.dtype}; "
                f"both are actions and must have one dtype"
            )
        by_p, by_q = distribution.kl_gradients(a, b)
        rows = {
            "logp(out, act)": distribution.logp(a, act),
            "kl(p, q)": distribution.kl(a, b),
            "entropy(out)": distribution.entropy(a),
        }
        outputs = {
            "score(out, act)": distribution.score(a, act),
            "fisher_product(out, u)": distribution.fisher_product(a, b),
            "kl_gradients(p, q)[0]": by_p,
            "kl_gradients(p, q)[1]": by_q,
        }
        for name, value in rows.items():
            _require_form(f"distribution.{name}", value, (n,), "f", dtype)
        for name, value in outputs.items():
            _require_form(f"distribution.{name}", value, p.shape, "f", dtype)


def _check_derivatives(
    distribution: Distribution,
    p: np.ndarray,
    q: np.ndarray,
    u: np.ndarray,
    rng: np.random.Generator,
) -> None:
    dist, act = distribution, distribution.sample(p, rng)
    by_p, by_q = dist.kl_gradients(p, q)
    _agree(
        "distribution.score is not the derivative of logp",
        _along(dist.score(p, act), u),
        *_difference(lambda h: dist.logp(p + h * u, act)),
    )
    _agree(
        "distribution.kl_gradients(p, q)[1] is not the derivative of kl by q",
        _along(by_q, u),
        *_difference(lambda h: dist.kl(p, q + h * u)),
    )
    _agree(
        "distribution.fisher_product(out, u) is not the Hessian of kl times u",
        dist.fisher_product(p, u),
        *_difference(lambda h: dist.kl_gradients(p, p + h * u)[1]),
    )
    _agree(
        "distribution.kl_gradients(p, q)[0] is not the derivative of kl by p",
        _along(by_p, u),
        *_difference(lambda h: dist.kl(p + h * u, q)),
    )
    itself = dist.kl(p, p)
    _agree("distribution.kl(p, p) is not 0", itself, np.zeros_like(itself), 64 * EPS)
    if (dist.kl(p, q) < 0).any():
        raise ValueError(f"distribution.kl(p, q) is negative: {dist.kl(p, q).min():.3g}")


def _check_expectations(
    distribution: Distribution,
    p: np.ndarray,
    q: np.ndarray,
    u: np.ndarray,
    n_samples: int,
    rng: np.random.Generator,
) -> None:
    dist = distribution
    p_rows, q_rows, u_rows = (np.repeat(a, n_samples, axis=0) for a in (p, q, u))
    act = dist.sample(p_rows, rng)
    logp, logq, score = dist.logp(p_rows, act), dist.logp(q_rows, act), dist.score(p_rows, act)
    by_row = (len(p), n_samples)
    _mean_is(
        "distribution.sample does not draw what logp says: the mean of q(act)/p(act) is not 1",
        np.exp(logq - logp).reshape(by_row),
        np.ones(len(p)),
    )
    for j in range(p.shape[1]):
        _mean_is(
            f"the mean of output {j} of distribution.score over samples is not 0",
            score[:, j].reshape(by_row),
            np.zeros(len(p)),
        )
    _mean_is(
        "distribution.fisher_product is not the second moment of the score",
        ((score * u_rows).sum(axis=1) ** 2).reshape(by_row),
        _along(dist.fisher_product(p, u), u),
    )
    _mean_is(
        "distribution.kl(p, q) is not the mean of log p - log q over samples",
        (logp - logq).reshape(by_row),
        dist.kl(p, q),
    )
    _mean_is(
        "distribution.entropy is not the mean of -log p over samples",
        -logp.reshape(by_row),
        dist.entropy(p),
    )
    beaten = logp.reshape(by_row).max(axis=1) - dist.logp(p, dist.mode(p))
    if (beaten > 64 * EPS * np.abs(logp).max()).any():
        raise ValueError(
            f"distribution.mode(out) is not the most likely action: a sample of row "
            f"{int(beaten.argmax())} has a log-probability larger by {beaten.max():.3g}"
        )


# A network.


def _example_obs(network: Any, rng: np.random.Generator) -> np.ndarray:
    inside = network
    while inside is not None:
        if hasattr(inside, "n_states"):
            return rng.integers(inside.n_states, size=5)
        size = getattr(inside, "n_inputs", getattr(inside, "n_features", None))
        if size is not None:
            return rng.standard_normal((5, size))
        inside = getattr(inside, "network", None)
    raise ValueError(
        "obs is missing: the network has no n_states, n_inputs or n_features to make some from"
    )


def _check_maps_forms(network: Network, theta: np.ndarray, obs: np.ndarray, k: int) -> None:
    n, before = len(obs), theta.copy()
    at = network.linearize(theta, obs)
    _require_form("network.linearize(theta, obs).out", at.out, (n, k), "f", theta.dtype)
    maps = {
        "jvp(v)": (at.jvp(theta), (n, k)),
        "vjp(u)": (at.vjp(at.out), theta.shape),
        "per_row(u)": (at.per_row(at.out), (n, len(theta))),
    }
    for name, (value, shape) in maps.items():
        _require_form(f"network.linearize(theta, obs).{name}", value, shape, "f", theta.dtype)
    if not np.array_equal(theta, before):
        raise ValueError("network.linearize(theta, obs) writes into theta; it must leave it alone")


def _check_maps(
    network: Network, theta: np.ndarray, obs: np.ndarray, rng: np.random.Generator
) -> None:
    at = network.linearize(theta, obs)
    v, u = rng.standard_normal(theta.shape), rng.standard_normal(at.out.shape)
    Jv, rows = at.jvp(v), at.per_row(u)
    _agree(
        "jvp(v) is not the derivative of the outputs along v",
        Jv,
        *_difference(lambda h: network.linearize(theta + h * v, obs).out),
    )
    exact = 64 * EPS * len(theta)
    _agree(
        "vjp is not the adjoint of jvp: u.jvp(v) and vjp(u).v differ",
        np.array([at.vjp(u) @ v]),
        np.array([(u * Jv).sum()]),
        exact * float(np.abs(u).sum() * np.abs(Jv).max() + np.abs(at.vjp(u) * v).sum()),
    )
    _agree(
        "the rows of per_row(u) do not sum to vjp(u)",
        rows.sum(axis=0),
        at.vjp(u),
        exact * float(np.abs(rows).max() * len(u)),
    )
    for i in range(len(u)):
        one = np.zeros_like(u)
        one[i] = u[i]
        _agree(
            f"row {i} of per_row(u) is not vjp of that row alone",
            rows[i],
            at.vjp(one),
            exact * float(np.abs(rows).max()),
        )
    _agree(
        "jvp is not linear: jvp(2 v) is not 2 jvp(v)",
        at.jvp(2 * v),
        2 * Jv,
        exact * float(np.abs(Jv).max()),
    )


# What both are judged by.


def _require_form(
    name: str, value: Any, shape: tuple[int, ...], kinds: str, dtype: Any = None
) -> None:
    """Raise unless `value` is an array of this shape, and of this dtype where one is given."""
    if not isinstance(value, np.ndarray) or value.shape != shape:
        got = value.shape if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(f"{name} must be an array of shape {shape}; got {got}")
    if value.dtype.kind not in kinds or (dtype is not None and value.dtype != dtype):
        wanted = f"{np.dtype(dtype)}, as its inputs are" if dtype else "an array of numbers"
        raise ValueError(f"{name} must be {wanted}; got {value.dtype}")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} has entries that are not finite")


def _along(gradient: np.ndarray, u: np.ndarray) -> np.ndarray:
    return (gradient * u).sum(axis=1)


def _difference(f: Callable[[float], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the derivative of f at 0 by differences, and how far it may be off.

    The central differences at h and h/2 err by C h^2 and C h^2/4. Their combination cancels C; the
    terms of the next order are below h times that. Rounding costs eps f / h.
    """
    h = 1e-3
    far, near = ((f(x) - f(-x)) / (2 * x) for x in (h, h / 2))
    derivative = (4 * near - far) / 3
    size = max(float(np.abs(f(0.0)).max()), float(np.abs(f(h)).max()), 1.0)
    left = 64 * EPS * size / h + h * float(np.abs(near - far).max())
    return derivative, left


def _agree(fault: str, value: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    error = np.abs(value - expected)
    if not (error <= tolerance).all():
        index = tuple(int(i) for i in np.unravel_index(np.nanargmax(error), error.shape))
        raise ValueError(
            f"{fault}: {value[index]:.6g} in place of {expected[index]:.6g} at {list(index)}, off "
            f"by {error[index]:.2g} where {tolerance:.2g} is rounding"
        )


def _mean_is(fault: str, samples: np.ndarray, expected: np.ndarray) -> None:
    """Raise unless each row's mean is as expected up to its standard error."""
    mean = samples.mean(axis=1)
    error = STANDARD_ERRORS * samples.std(axis=1) / np.sqrt(samples.shape[1])
    off, bound = np.abs(mean - expected), error + 64 * EPS * np.abs(samples).max(axis=1)
    if not (off <= bound).all():
        i = int(np.argmax(off - bound))
        raise ValueError(
            f"{fault}: {mean[i]:.6g} in place of {expected[i]:.6g} in row {i}, off by {off[i]:.2g} "
            f"where {bound[i]:.2g} is {STANDARD_ERRORS:g} standard errors"
        )
