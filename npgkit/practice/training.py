"""Training: collect, estimate advantages, step, fit the baseline, again.

Layer 6. One iteration, in this order: T steps in E environments; values and advantages by the
baseline that did not see them; one step of the policy; then the baseline and the statistics of the
observations learn from the same data. All that the next iteration depends on is in the state,
random generators and environments included, so that a resumed run is the same run bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from npgkit.batch import Batch
from npgkit.networks import MLP
from npgkit.policy import Policy
from npgkit.step_result import Step
from npgkit.steps import euclidean_step, natural_step
from npgkit.trust_region import trust_region_step
from npgkit.validation import as_choice, as_count, as_floats, as_indices

from . import checkpoint
from .environments import make_pool
from .pools import Pool
from .progress import bar
from .rollout import Rollout, Running, collect, gae
from .settings import Environment, Settings, settings_for
from .spaces import mlp_policy
from .value import Baseline

METHODS = ("trpo", "npg", "vpg")


@dataclass(frozen=True)
class Iteration:
    """What one iteration did.

    Attributes
    ----------
    iteration, env_steps, episodes : int
        Counted from the beginning of the run, this iteration included.
    mean_return : float
        Mean undiscounted return of the episodes that ended in the iteration; NaN if none did.
    kl, surrogate_gain, alpha : float
        Of the policy's step; 0 where it was refused.
    trials : int
        Trials of the line search.
    reason : str
        "accepted", or why the policy stayed.
    entropy : float
        Mean entropy of the policy before the step, in nats.
    explained : float
        1 - var(target - V) / var(target): how much of the returns the baseline foresaw.
    """

    iteration: int
    env_steps: int
    episodes: int
    mean_return: float
    kl: float
    surrogate_gain: float
    alpha: float
    trials: int
    reason: str
    entropy: float
    explained: float


class Run:
    """A training run: its policy and baseline, and the state that changes.

    `step()` does one iteration; `save` and `restore` put the whole state down and take it up.
    """

    def __init__(
        self, env: Environment, method: str, *, seed: int, settings: Settings, **env_options: Any
    ) -> None:
        self.method = as_choice("method", method, METHODS)
        self.seed, self.settings = as_count("seed", seed, at_least=0), settings
        streams = np.random.SeedSequence(self.seed).spawn(3)
        start, self.rng, envs = (np.random.default_rng(stream) for stream in streams)
        self.pool: Pool = make_pool(env, settings.n_envs, envs, **env_options)
        self.policy: Policy = mlp_policy(*self._spaces(), settings.hidden)
        size = self.pool.obs.reshape(settings.n_envs, -1).shape[1]
        self.baseline = Baseline(
            MLP(size, settings.value_hidden, 1),
            settings.value_damping,
            rounds=settings.value_rounds,
        )
        self.theta = self.policy.init(start).astype(np.float32)
        self.phi = self.baseline.init(start).astype(np.float32)
        self.moments = Moments.none(size)
        self.running = Running(settings.n_envs)
        self.iteration = self.env_steps = self.episodes = 0

    def step(self) -> Iteration:
        """Do one iteration and return its record."""
        settings, moments = self.settings, self.moments
        look = moments.look if settings.normalise else _as_they_are
        rollout = collect(
            self.pool, self.policy, self.theta, settings.n_steps, self.rng,
            normalise_obs=look, running=self.running,
        )  # fmt: skip
        obs = look(rollout.rows(rollout.obs))
        values, next_values = self._values(rollout, obs, look)
        adv = gae(
            rollout.rew, values, next_values, rollout.terminated, rollout.truncated,
            gamma=settings.gamma, lam=settings.lam,
        )  # fmt: skip
        targets = (adv + values).ravel()
        out = self.policy.linearize(self.theta, obs).out
        act = rollout.rows(rollout.act)
        batch = Batch(
            obs, act, _normalised(adv.ravel()), logp=self.policy.distribution.logp(out, act)
        )
        step = self._improve(batch)

        self.theta = step.theta
        self.phi = self.baseline.fit(self.phi, obs, targets)
        self.moments = moments.updated(rollout.rows(rollout.obs))
        self.iteration += 1
        self.env_steps += len(batch)
        self.episodes += len(rollout.returns)
        spread = targets.var()
        return Iteration(
            iteration=self.iteration,
            env_steps=self.env_steps,
            episodes=self.episodes,
            mean_return=float(rollout.returns.mean()) if len(rollout.returns) else math.nan,
            kl=step.kl,
            surrogate_gain=float(step.surrogate_gain or 0.0),
            alpha=step.alpha,
            trials=len(step.trials),
            reason=step.reason,
            entropy=float(self.policy.distribution.entropy(out).mean()),
            explained=float(1 - adv.var() / spread) if spread > 0 else 0.0,
        )

    def act(self, obs: np.ndarray) -> np.ndarray:
        """Return the most likely action for each flat observation (n, size)."""
        look = self.moments.look if self.settings.normalise else _as_they_are
        return self.policy.distribution.mode(self.policy.linearize(self.theta, look(obs)).out)

    def save(self, directory: Path, **more: Any) -> None:
        """Write the whole state as a checkpoint; `more` is kept in its record."""
        envs, env_arrays = self.pool.snapshot()
        record = {
            "env": self.pool.name,
            "pool": type(self.pool).__name__,
            "method": self.method,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "rng": self.rng.bit_generator.state,
            "envs": envs,
            "moments_count": self.moments.count,
            **more,
        }
        arrays = {
            "theta": self.theta,
            "phi": self.phi,
            "moments_mean": self.moments.mean,
            "moments_var": self.moments.var,
            "running_returns": self.running.returns,
            "running_lengths": self.running.lengths,
            **{f"env_{name}": array for name, array in env_arrays.items()},
        }
        checkpoint.save(directory, record, arrays)

    def restore(self, directory: Path) -> dict[str, Any]:
        """Take up the state in `directory` and return the checkpoint's record.

        Raises `CheckpointError` if it is damaged or belongs to another run; nothing changes then.
        Also if an environment does not come back to where it was; the run is of no use then.
        """
        record, arrays = checkpoint.load(directory)
        mine = {
            "env": self.pool.name,
            "pool": type(self.pool).__name__,
            "method": self.method,
            "seed": self.seed,
            **checkpoint.as_json(asdict(self.settings)),
        }
        settings = record.get("settings") or {}
        theirs = {**{name: record.get(name) for name in ("env", "pool", "method", "seed")}}
        theirs |= settings if isinstance(settings, dict) else {"settings": settings}
        for name in {**mine, **theirs}:
            if theirs.get(name) != mine.get(name):
                raise checkpoint.CheckpointError(
                    f"the checkpoint in {directory} is of another run: its {name} is "
                    f"{theirs.get(name)!r}, not {mine.get(name)!r}"
                )
        try:
            self._take_up(record, arrays)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise checkpoint.CheckpointError(
                f"the checkpoint in {directory} does not fit this program: {error!r}"
            ) from error
        return record

    def _take_up(self, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Read all of a record before anything of the run is replaced."""

        def like(own: np.ndarray, name: str) -> np.ndarray:
            array = as_floats(name, arrays[name], own.shape)
            if arrays[name].dtype != own.dtype:
                raise ValueError(f"{name} has dtype {arrays[name].dtype}; expected {own.dtype}")
            return array

        theta, phi = like(self.theta, "theta"), like(self.phi, "phi")
        mean, var = like(self.moments.mean, "moments_mean"), like(self.moments.var, "moments_var")
        returns = like(self.running.returns, "running_returns")
        lengths = as_indices(
            "running_lengths", arrays["running_lengths"], 2**62, self.running.lengths.shape
        )
        counts = {
            name: as_count(name, record[name], at_least=0)
            for name in ("moments_count", "iteration", "env_steps", "episodes")
        }
        rng = np.random.default_rng(0)
        rng.bit_generator.state = record["rng"]
        prefix = "env_"
        env_arrays = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
        anew = self.pool.restore((record["envs"], env_arrays))
        returns[anew] = lengths[anew] = 0
        self.theta, self.phi, self.rng = theta, phi, rng
        self.moments = Moments(counts["moments_count"], mean, var)
        self.running.returns, self.running.lengths = returns, lengths
        self.iteration, self.env_steps = counts["iteration"], counts["env_steps"]
        self.episodes = counts["episodes"]

    def close(self) -> None:
        self.pool.close()

    def _spaces(self) -> tuple[gymnasium.Space, gymnasium.Space]:
        return self.pool.single_observation_space, self.pool.single_action_space

    def _values(
        self, rollout: Rollout, obs: np.ndarray, look: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """V of the observations, and of those that the steps led to, each (T, E)."""
        shape = rollout.rew.shape
        values = self.baseline.predict(self.phi, obs).reshape(shape).astype(np.float64)
        next_values = np.empty(shape)
        next_values[:-1] = values[1:]
        ahead = rollout.truncated.copy()
        ahead[-1] = True  # the rollout's end is an end of looking, too
        final = look(rollout.final_obs_at(ahead))
        next_values[ahead] = self.baseline.predict(self.phi, final)
        return values, next_values

    def _improve(self, batch: Batch) -> Step:
        s = self.settings
        if self.method == "vpg":
            return euclidean_step(self.policy, self.theta, batch, alpha=s.alpha)
        if self.method == "npg":
            return natural_step(
                self.policy, self.theta, batch,
                epsilon=s.epsilon, damping=s.damping, cg_iterations=s.cg_iterations,
            )  # fmt: skip
        return trust_region_step(
            self.policy, self.theta, batch,
            epsilon=s.epsilon, damping=s.damping, cg_iterations=s.cg_iterations,
            backtrack=s.backtrack, max_backtracks=s.max_backtracks,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Moments:
    """Running mean and variance of observations, entry by entry, over `count` of them."""

    count: int
    mean: np.ndarray
    var: np.ndarray

    @classmethod
    def none(cls, size: int) -> Moments:
        return cls(0, np.zeros(size), np.ones(size))

    def look(self, obs: np.ndarray) -> np.ndarray:
        """Return (obs - mean) / std in float32, cut at 10 standard deviations."""
        z = (obs - self.mean) / np.sqrt(self.var + 1e-8)
        return np.clip(z, -10, 10).astype(np.float32)

    def updated(self, obs: np.ndarray) -> Moments:
        """Return the moments with the rows of `obs` (n, size) counted in (Chan et al., 1979)."""
        n, mean, var = len(obs), *(f(axis=0, dtype=np.float64) for f in (obs.mean, obs.var))
        total = self.count + n
        apart = mean - self.mean
        spread = (self.var * self.count + var * n + apart**2 * self.count * n / total) / total
        return Moments(total, self.mean + apart * n / total, spread)


def train(
    env: Environment,
    method: str = "trpo",
    *,
    seed: int,
    total_steps: int,
    directory: str | Path | None = None,
    resume: bool = False,
    progress: bool = False,
    **changes: Any,
) -> Iterator[Iteration]:
    """Train a policy, yielding a record after each iteration.

    Parameters
    ----------
    env : str, or a function that makes an environment
    method : "trpo", "npg" or "vpg"
    seed : int
        The run is a function of it.
    total_steps : int
        Environment steps in all; the last iteration is whole, so the run may be a little longer.
    directory : path, optional
        Where a checkpoint is written after every iteration, before its record is yielded.
    resume : bool
        Go on from the checkpoint in `directory`, if there is one.
    progress : bool
        Show a bar on stderr, or under the cell of a notebook: steps, speed, and the return of late.
    changes
        Settings that differ from those of the environment, see `Settings`.

    Raises
    ------
    ValueError, TypeError
        On settings or spaces that do not fit, and if `directory` holds a checkpoint and `resume` is
        false, before anything is run.
    CheckpointError
        If the checkpoint is damaged or of another run, or another run is writing there.
    OSError
        If `directory` cannot be written into.
    EnvironmentFault
        If an environment gives what is not finite or too large; the last checkpoint is good.
    """
    total_steps = as_count("total_steps", total_steps, at_least=1)
    place = None if directory is None else Path(directory)
    if place is not None:
        checkpoint.require_writable(place)
        if not resume:
            checkpoint.require_none(place)
    run = Run(env, method, seed=seed, settings=settings_for(env, **changes))
    if resume and place is not None and checkpoint.exists(place):
        run.restore(place)
    return _iterations(run, total_steps, place, progress)


def _iterations(
    run: Run, total_steps: int, place: Path | None, progress: bool
) -> Iterator[Iteration]:
    try:
        with (
            nullcontext() if place is None else checkpoint.held(place),
            bar(total_steps, done=run.env_steps, unit="step", show=progress) as shown,
        ):
            while run.env_steps < total_steps:
                record = run.step()
                if place is not None:
                    run.save(place)
                advance(shown, record)
                yield record
    finally:
        run.close()


def advance(shown: Any, record: Iteration) -> None:
    """Move a bar to where the record's iteration ended."""
    if not math.isnan(record.mean_return):
        shown.set_postfix_str(f"return {record.mean_return:.1f}", refresh=False)
    shown.update(record.env_steps - shown.n)


def _normalised(adv: np.ndarray) -> np.ndarray:
    """Return adv with mean 0 and deviation 1; zeros if the entries differ by rounding alone."""
    centred = adv - adv.mean()
    spread = centred.std()
    if spread <= np.finfo(np.float32).eps * np.abs(adv).max():
        return np.zeros(len(adv), np.float32)
    return (centred / spread).astype(np.float32)


def _as_they_are(obs: np.ndarray) -> np.ndarray:
    return obs.astype(np.float32)
