"""One training run: collect, estimate advantages, step, fit the baseline, again.

One iteration, in this order: T steps in E environments; the moments of the observations follow,
within a share of the trust region; values and advantages by the baseline that did not see the
rewards; one step of the policy, measured from the policy that acted; then the baseline's fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from npgkit.batch import Batch
from npgkit.perceptron import MLP
from npgkit.policy import Policy
from npgkit.step_result import Step
from npgkit.steps import euclidean_step, natural_step
from npgkit.trust_region import trust_region_step
from npgkit.validation import as_choice, as_count

from .advantages import gae
from .agent import Agent
from .environments import make_pool
from .normaliser import SHARE, Normaliser, follow
from .rollout import Rollout, Running, collect
from .settings import Environment, Settings
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
        Of the step: kl from the policy that acted in the iteration to the one that acts in the
        next. Where the step was refused, gain and alpha are 0, and kl is what the moments cost.
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

    Parameters
    ----------
    env : str, or a function that makes an environment
    method : "trpo", "npg" or "vpg"
    seed : int
        The run is a function of it.
    settings : Settings
    first : gymnasium.Env, optional
        The first environment, where it has been made already; the run uses and closes it.
    env_options : mapping, optional
        What `gymnasium.make` is given besides the id.
    """

    def __init__(
        self,
        env: Environment,
        method: str,
        *,
        seed: int,
        settings: Settings,
        first: gymnasium.Env | None = None,
        env_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.method = as_choice("method", method, METHODS)
        self.seed, self.settings = as_count("seed", seed, at_least=0), settings
        self.env, self.env_options = env, dict(env_options or {})
        streams = np.random.SeedSequence(self.seed).spawn(3)
        start, self.rng, envs = (np.random.default_rng(stream) for stream in streams)
        self.pool = make_pool(env, settings.n_envs, envs, first=first, **self.env_options)
        spaces = self.pool.single_observation_space, self.pool.single_action_space
        self.policy: Policy = mlp_policy(*spaces, settings.hidden)
        size = math.prod(spaces[0].shape or ())
        self.baseline = Baseline(
            MLP(size, settings.value_hidden, 1),
            settings.value_damping,
            rounds=settings.value_rounds,
        )
        self.theta = self.policy.init(start).astype(np.float32)
        self.value_params = self.baseline.init(start).astype(np.float32)
        self.seen = Normaliser.unseen(size)  # of all observations
        self.normaliser = self.seen  # in use
        self.running = Running(settings.n_envs)
        self.iteration = self.env_steps = self.episodes = 0

    def step(self) -> Iteration:
        """Do one iteration and return its record."""
        rollout = collect(
            self.pool, self.policy, self.theta, self.settings.n_steps, self.rng,
            normalise_obs=self.normalise_obs, running=self.running,
        )  # fmt: skip
        rows = rollout.rows(rollout.obs)
        acted = self.policy.linearize(self.theta, self.normalise_obs(rows)).out
        self._follow(rows, acted)
        obs = self.normalise_obs(rows)
        values, adv = self._advantages(rollout, obs)
        step = self._improve(self._batch(rollout, obs, adv, acted))

        self.theta = step.theta
        targets = (adv + values).ravel()
        self.value_params = self.baseline.fit(self.value_params, obs, targets)
        self.iteration += 1
        self.env_steps += rollout.rew.size
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
            reason=str(step.reason),
            entropy=float(self.policy.distribution.entropy(acted).mean()),
            explained=float(1 - adv.var() / spread) if spread > 0 else 0.0,
        )

    def normalise_obs(self, obs: np.ndarray) -> np.ndarray:
        """Return what policy and baseline read of flat observations (n, size), in float32."""
        return self.normaliser(obs) if self.settings.normalise else obs.astype(np.float32)

    @property
    def agent(self) -> Agent:
        """The policy as it is now, ready to act; later iterations do not change it."""
        return Agent(
            policy=self.policy,
            theta=self.theta.copy(),
            normaliser=self.normaliser if self.settings.normalise else None,
            settings=self.settings,
            env=self.env,
            observation_space=self.pool.single_observation_space,
            action_space=self.pool.single_action_space,
            env_options=self.env_options,
            episodes=self.pool.records(),
        )

    def close(self) -> None:
        """Close the environments."""
        self.pool.close()

    def _follow(self, rows: np.ndarray, acted: np.ndarray) -> None:
        """Count the observations in; let the moments in use follow within a share of epsilon."""
        self.seen = self.seen.updated(rows)
        if not self.settings.normalise:
            return

        def kl(moved: Normaliser) -> float:
            out = self.policy.linearize(self.theta, moved(rows)).out
            return float(self.policy.distribution.kl(out, acted).mean())

        most = SHARE * self.settings.epsilon
        self.normaliser = follow(self.normaliser, self.seen, kl, most)

    def _advantages(self, rollout: Rollout, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """V of the observations and the advantages of the actions, each (T, E)."""
        shape = rollout.rew.shape
        values = self.baseline.predict(self.value_params, obs).reshape(shape).astype(np.float64)
        next_values = np.empty(shape)
        next_values[:-1] = values[1:]
        cut = rollout.truncated.copy()
        cut[-1] = True  # the rollout stops early there, so bootstrap from V(final_obs)
        final = self.normalise_obs(rollout.final_obs_at(cut))
        next_values[cut] = self.baseline.predict(self.value_params, final)
        return values, gae(
            rollout.rew, values, next_values, rollout.terminated, rollout.truncated,
            gamma=self.settings.gamma, lam=self.settings.lam,
        )  # fmt: skip

    def _batch(
        self, rollout: Rollout, obs: np.ndarray, adv: np.ndarray, acted: np.ndarray
    ) -> Batch:
        act = rollout.rows(rollout.act)
        logp = self.policy.distribution.logp(acted, act)
        return Batch(obs, act, _standardised(adv.ravel()), logp=logp, outputs=acted)

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


def _standardised(adv: np.ndarray) -> np.ndarray:
    """Return adv with mean 0 and deviation 1; zeros if the entries differ by rounding alone."""
    centred = adv - adv.mean()
    spread = centred.std()
    if spread <= np.finfo(np.float32).eps * np.abs(adv).max():
        return np.zeros(len(adv), np.float32)
    return (centred / spread).astype(np.float32)
