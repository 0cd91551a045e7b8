"""Pools made of an environment's id, or of a function that makes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from npgkit.validation import as_count

from .cartpole import CartPolePool
from .pools import EnvPool, Pool


def make_pool(
    env: str | Callable[[], gymnasium.Env], n: int, rng: np.random.Generator, **options: Any
) -> Pool:
    """Return `n` copies of an environment, given by its id or by a function that makes one.

    `options` go to `gymnasium.make`. CartPole-v1 comes as its vector environment.
    """
    n = as_count("n_envs", n, at_least=1)
    if env == "CartPole-v1" and not options:
        return CartPolePool(n, rng)
    make = (lambda: gymnasium.make(env, **options)) if isinstance(env, str) else env
    return EnvPool([make() for _ in range(n)], rng)
