"""Rollouts: what a policy met in its environments, step by step.

T steps of E environments side by side; row t, column e of every array is one transition. An episode
ends *terminated*, so that no reward can follow, or *truncated*, stopped early, so that the value
of the final observation stands for the rewards that would have followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np

from npgkit.policy import Policy
from npgkit.validation import as_count, as_generator

from .contract import is_usable, require_usable, usable
from .memory import require_memory
from .pools import EnvPool, Pool, Transition

Normalise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Rollout:
    """T steps of E environments; k episodes ended in them.

    Attributes
    ----------
    obs : array (T, E, size)
        Flat observations before each step, in the environment's own dtype.
    act : array (T, E) or (T, E, act_dim)
        The policy's actions, before any clipping.
    rew : array (T, E)
    terminated, truncated : array (T, E) of bool
    end_obs : array (k, size)
        The observation that ended each episode, in the order of their ends: by step, then by
        environment.
    last_obs : array (E, size)
        The observation that the last step led to, before any reset.
    returns, lengths : array (k,)
        Undiscounted return and steps of the episodes that ended in the rollout, those begun before
        it included, in the order of their ends.
    """

    obs: np.ndarray
    act: np.ndarray
    rew: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    end_obs: np.ndarray
    last_obs: np.ndarray
    returns: np.ndarray
    lengths: np.ndarray

    @property
    def ended(self) -> np.ndarray:
        """Where an episode ended, either way (T, E)."""
        return self.terminated | self.truncated

    @property
    def final_obs(self) -> np.ndarray:
        """The observation that each action led to (T, E, size), `obs[t + 1]` unless an end came.

        A second array as large as `obs`; `final_obs_at` makes a part of it.
        """
        final = np.concatenate([self.obs[1:], self.last_obs[None]])
        final[self.ended] = self.end_obs
        return final

    def final_obs_at(self, where: np.ndarray) -> np.ndarray:
        """Return `final_obs[where]` for a mask (T, E), one row (size,) for each entry that is true.

        Only these rows are made, in the environment's own dtype.
        """
        t, e = np.nonzero(where)
        within = t < len(self.obs) - 1
        found = self.last_obs[e]
        found[within] = self.obs[t[within] + 1, e[within]]
        ended = self.ended
        which = np.cumsum(ended).reshape(ended.shape) - 1  # the row of end_obs
        at_end = ended[t, e]
        found[at_end] = self.end_obs[which[t, e][at_end]]
        return found

    def rows(self, array: np.ndarray) -> np.ndarray:
        """Return an array (T, E, ...) with one row a transition (T E, ...)."""
        return array.reshape(-1, *array.shape[2:])

    def __repr__(self) -> str:
        T, E = self.rew.shape
        return f"Rollout({T} steps of {E} environments, {len(self.returns)} episodes ended)"


ROW = 3 * 8 + 2
"""Bytes of a transition besides its observation, at the least: action, reward, value, two flags."""


class Running:
    """Return and length so far of the episode that each environment is in."""

    def __init__(self, n: int) -> None:
        self.returns, self.lengths = np.zeros(n), np.zeros(n, np.int64)


def collect(
    envs: Pool | Sequence[gymnasium.Env],
    policy: Policy,
    theta: np.ndarray,
    n_steps: int,
    rng: np.random.Generator,
    *,
    normalise_obs: Normalise | None = None,
    running: Running | None = None,
) -> Rollout:
    """Let pi_theta act for `n_steps` steps in each environment.

    Exceptions of the environments' own pass through, with a note that names environment and step.

    Parameters
    ----------
    envs : Pool, or a sequence of Gymnasium environments
        Environments handed in as they are, are reset first, with seeds drawn from `rng`.
    policy, theta
        The policy acts in all environments at once.
    n_steps : int
        T, for each environment.
    rng : numpy.random.Generator
        For the actions.
    normalise_obs : function of an array (n, size), optional
        What the policy is given in place of flat observations: their normalised values, or for a
        table the states' indices, `lambda obs: obs[:, 0].astype(int)`.
    running : Running, optional
        Carries the returns of unfinished episodes from one rollout to the next.

    Raises
    ------
    EnvironmentFault
        If a reward or an observation is not finite, or larger than `LARGEST`; or if an environment
        returns something else than Gymnasium asks for.
    PolicyFault
        If an action is not finite.
    ValueError
        If the rollout does not fit into memory.
    TypeError
        If `envs` is something else, or the spaces are not supported.
    """
    n_steps, rng = as_count("n_steps", n_steps, at_least=1), as_generator("rng", rng)
    pool = _as_pool(envs, rng)
    n_envs = len(pool.obs)
    require_rollout(pool.single_observation_space, n_envs, n_steps)
    running = Running(n_envs) if running is None else running
    obs = np.empty((n_steps, n_envs, pool.obs[0].size), pool.obs.dtype)
    rew, ended = np.empty((n_steps, n_envs)), np.empty((2, n_steps, n_envs), bool)
    acts, end_obs, returns, lengths = [], [], [], []
    require_finite(pool, 0, ("observation", pool.obs))
    for t in range(n_steps):
        obs[t] = pool.obs.reshape(n_envs, -1)
        seen = obs[t] if normalise_obs is None else normalise_obs(obs[t])
        acts.append(policy.sample(theta, seen, rng))
        step = pool.step(acts[-1])
        require_finite_step(pool, t, step)
        rew[t], ended[0, t], ended[1, t] = step.rew, step.terminated, step.truncated
        running.returns += step.rew
        running.lengths += 1
        now = step.terminated | step.truncated
        if now.any():
            end_obs.append(step.final_obs[now])
            returns.append(running.returns[now])
            lengths.append(running.lengths[now])
            running.returns[now] = 0.0
            running.lengths[now] = 0
    size = obs.shape[2:]
    return Rollout(
        obs=obs,
        act=np.array(acts),
        rew=rew,
        terminated=ended[0],
        truncated=ended[1],
        end_obs=np.concatenate(
            [np.empty((0, *size), obs.dtype), *(o.reshape(-1, *size) for o in end_obs)]
        ),
        last_obs=step.final_obs.reshape(n_envs, -1),
        returns=np.concatenate([np.empty(0), *returns]),
        lengths=np.concatenate([np.empty(0, np.int64), *lengths]),
    )


def require_rollout(obs_space: gymnasium.Space, n_envs: int, n_steps: int) -> None:
    """Raise `ValueError` if the observations and rewards of a rollout cannot fit into memory."""
    row = math.prod(obs_space.shape or ()) * np.dtype(obs_space.dtype).itemsize + ROW
    rows = n_envs * n_steps
    require_memory(f"n_envs = {n_envs} times n_steps = {n_steps}, {rows} rows,", rows * row)


def require_finite_step(pool: Pool, t: int, step: Transition) -> None:
    """Raise `EnvironmentFault` unless all that the pool gave and shows after step t can be used."""
    require_finite(pool, t, ("reward", step.rew), ("observation", step.final_obs))
    if pool.obs is not step.final_obs:
        require_finite(pool, t, ("observation", pool.obs))


def require_finite(pool: Pool, t: int, *named: tuple[str, np.ndarray]) -> None:
    """Raise `EnvironmentFault` for the first entry of (E, ...) not finite or above `LARGEST`."""
    for name, array in named:
        if is_usable(array):
            continue
        e = int(np.argwhere(~usable(array))[0][0])
        where = f"of environment {e} ({pool.name}) at step {t} of the rollout"
        require_usable(f"{name} {where}", array[e])


def _as_pool(envs: Pool | Sequence[gymnasium.Env], rng: np.random.Generator) -> Pool:
    if not isinstance(envs, Sequence) and all(hasattr(envs, a) for a in ("name", "obs", "step")):
        return envs
    if isinstance(envs, Sequence) and all(isinstance(env, gymnasium.Env) for env in envs):
        return EnvPool(envs, rng)
    raise TypeError(f"envs must be a sequence of environments or a Pool; got {envs!r}")
