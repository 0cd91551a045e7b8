"""Environments made of an id, or of a function that makes one; and pools of them.

    first = make_env(env)                          looked at: its spaces, its id
    pool = make_pool(env, n, rng, first=first)     the others are made, and the first one is used

Whatever fails on the way, what was made is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv

from npgkit.validation import as_count

from .cartpole import CartPolePool
from .contract import note_environments_own
from .memory import in_gib
from .pools import EnvPool, Pool
from .spaces import check_spaces, warn_of_range

Environment = str | Callable[[], gymnasium.Env]
"""An id of Gymnasium's registry, or a function that makes one environment."""

WANTED = "env must be an id or a function that makes one single environment"

MOST = 2**16
"""The most environments of a pool: they are stepped one after the other, in one process."""

SMALLEST = 2**12
"""Bytes of a small environment with Gymnasium's wrappers: CartPole-v1 takes about as many."""

CARTPOLE = "CartPole-v1"


def make_env(env: Environment, **options: Any) -> gymnasium.Env:
    """Return one environment, given by its id or by a function that makes one.

    `options` go to `gymnasium.make`. What the maker raises passes through, with a note that says
    so. Raises `TypeError` for what is not an id or a function, for a function that makes something
    else, such as a vector environment, and for spaces that are not supported; what was made is
    closed then.
    """
    made = _made(env, options)
    try:
        if not isinstance(made, gymnasium.Env):
            raise TypeError(f"{WANTED}; what it made is {_kind(made)}")
        check_spaces(made)
    except BaseException:
        _close_quietly(made)
        raise
    return made


def make_pool(
    env: Environment,
    n: int,
    rng: np.random.Generator,
    *,
    first: gymnasium.Env | None = None,
    **options: Any,
) -> Pool:
    """Return `n` copies of an environment, given by its id or by a function that makes one.

    Parameters
    ----------
    env : str, or a function that makes an environment
        CartPole-v1 comes as its vector environment, where the id still means what Gymnasium
        registers under it.
    n : int
        At most `MOST`.
    rng : numpy.random.Generator
        Draws the seeds of the episodes.
    first : gymnasium.Env, optional
        The first environment, if it is made already: it is the pool's from now on.
    options
        Go to `gymnasium.make`.

    Raises
    ------
    ValueError
        If `n` is not within 1 and `MOST`, or the function returns the same environment twice or
        environments with different spaces.
    TypeError
        As `make_env` does.

    Warns with `ActionRangeWarning` of actions whose bounds are far from a policy's first actions.
    """
    made = [] if first is None else [first]
    try:
        n = _size(n)
        if env == CARTPOLE and not options and is_gymnasiums_cartpole():
            for one in made:
                one.close()
            return CartPolePool(n, rng)
        while len(made) < n:
            made.append(make_env(env, **options))
            if made[-1].unwrapped is made[0].unwrapped and len(made) > 1:
                raise ValueError(
                    f"env must make a new environment at each call, because {n} are stepped side "
                    "by side; it returned the same one twice"
                )
        pool = EnvPool(made, rng)
        warn_of_range(pool.name, pool.single_action_space)
        return pool
    except BaseException:
        for one in made:
            _close_quietly(one)
        raise


def is_gymnasiums_cartpole() -> bool:
    """Whether CartPole-v1 is registered as Gymnasium does it, so that its vector form is the same.

    A registry can be changed: another class, another limit of steps, other arguments or wrappers.
    """
    spec = gymnasium.spec(CARTPOLE)
    return (
        spec.entry_point == "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
        and spec.max_episode_steps == 500
        and not spec.kwargs
        and not spec.additional_wrappers
    )


def _made(env: Any, options: dict[str, Any]) -> Any:
    """Return what `env` makes."""
    if not isinstance(env, str) and (
        isinstance(env, gymnasium.Env | VectorEnv) or not callable(env)
    ):
        raise TypeError(f"{WANTED}; got {_kind(env)}")
    if not isinstance(env, str) and options:
        raise TypeError(f"options go to gymnasium.make and need an id; got {sorted(options)}")
    try:
        return gymnasium.make(env, **options) if isinstance(env, str) else env()
    except Exception as error:
        if not (isinstance(env, str) and _is_about_the_id(env, error)):
            note_environments_own(error, f"the maker of {env!r}")
        raise


def _is_about_the_id(env: str, error: Exception) -> bool:
    """Whether Gymnasium could not find an id or its module, or says which package is missing."""
    module = env.partition(":")[0]
    missing = isinstance(error, ModuleNotFoundError) and error.name in (None, module)
    return missing or isinstance(error, gymnasium.error.Error)


def _size(n: int) -> int:
    n = as_count("n_envs", n, at_least=1)
    if n > MOST:
        raise ValueError(
            f"n_envs must be at most {MOST}, because environments are stepped one after the other "
            f"in one process; got {n}, which would need {in_gib(n * SMALLEST)} of memory at the "
            "least"
        )
    return n


def _close_quietly(made: Any) -> None:
    """Close what is left over where another error is on its way."""
    try:
        made.close()
    except Exception:
        return


def _kind(value: Any) -> str:
    """Say what a value is: a vector environment, an environment, or of which class."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, VectorEnv):
        return f"a vector environment, {kind}"
    if isinstance(value, gymnasium.Env):
        return f"an environment, {kind}, where a function makes it: lambda: {kind}(...)"
    return f"{value!r}, of type {kind}" if len(repr(value)) <= 60 else f"a {kind}"
