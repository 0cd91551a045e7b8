"""What was trained, ready to act: a policy, its parameters, and how it reads observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from npgkit.policy import Policy
from npgkit.validation import as_count, as_floats, as_generator

from . import checkpoint
from .checkpoint import CheckpointError
from .environments import make_env
from .episodes import ROUNDING, Record, reproduces, unpack
from .evaluation import play
from .normaliser import Normaliser
from .settings import Environment, Settings, settings_from
from .space_records import space_of, space_record
from .spaces import as_actions, mlp_policy

ENVIRONMENTS = "env_"
"""What the names of the environments' arrays begin with in a checkpoint."""


@dataclass(frozen=True, eq=False)
class Agent:
    """A policy that acts as it did in the environment that it was trained in.

    Attributes
    ----------
    policy : Policy
    theta : array (policy.n_params,)
    normaliser : Normaliser or None
        What observations go through first; None if the policy reads them as they are.
    settings : Settings
        Those of the run.
    env : str, or a function that makes an environment
        Where `evaluate` plays; a checkpoint knows an environment by its id alone.
    observation_space, action_space : gymnasium.Space
    env_options : mapping, optional
        What `gymnasium.make` is given besides the id.
    episodes : sequence of Record
        The last episodes of the training's first environment, by which `evaluate` finds out
        whether an environment does the same again.
    """

    policy: Policy
    theta: np.ndarray
    normaliser: Normaliser | None
    settings: Settings
    env: Environment
    observation_space: gymnasium.Space
    action_space: gymnasium.Space
    env_options: Mapping[str, Any] | None = None
    episodes: Sequence[Record] = ()

    def act(
        self,
        obs: np.ndarray,
        *,
        deterministic: bool = True,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """Return the action for an observation, or the actions for a batch of them.

        Parameters
        ----------
        obs : array of the observation space's shape, or (n, ...) of n such
        deterministic : bool
            Whether to take the most likely action, or to draw one.
        rng : numpy.random.Generator, optional
            For the draws; needed unless `deterministic`.

        Returns
        -------
        action or array
            What the environment's `step` takes, or an array of n such: whole numbers for discrete
            actions, else floats, cut at the bounds of the action space.

        Raises
        ------
        ValueError
            On another shape, entries that are not finite, or an `rng` that is missing.
        """
        shape = self.observation_space.shape or ()
        obs = as_floats("obs", obs)
        if obs.shape != shape and obs.shape[1:] != shape:
            raise ValueError(
                f"obs must have shape {shape}, or (n, ...) for n observations; got {obs.shape}"
            )
        flat = obs.reshape(-1, int(np.prod(shape)))
        chosen = self.choose(flat, None if deterministic else as_generator("rng", rng))
        actions = as_actions(self.action_space, chosen)
        return actions[0] if obs.shape == shape else np.array(actions)

    def choose(self, obs: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        """Return the policy's own actions for flat observations (n, size): drawn if `rng` is given.

        They are what the log-probabilities are of, before an environment's bounds are applied.
        """
        seen = obs.astype(np.float32) if self.normaliser is None else self.normaliser(obs)
        out, distribution = self.policy.linearize(self.theta, seen).out, self.policy.distribution
        return distribution.mode(out) if rng is None else distribution.sample(out, rng)

    def evaluate(
        self,
        episodes: int,
        seed: int,
        *,
        deterministic: bool = True,
        env: Environment | None = None,
    ) -> list[float]:
        """Return the undiscounted return of each of `episodes` episodes.

        Parameters
        ----------
        episodes, seed : int
            The starts are a function of them alone. No more environments are open at a time than
            the training had.
        deterministic : bool
            Whether to take the most likely actions, or to draw them.
        env : str, or a function that makes an environment, optional
            Another one than the agent's own, of the same spaces.

        Raises
        ------
        ValueError
            If the environment has other spaces.
        CheckpointError
            If it does not do again what it did in the training, as one that normalises rewards by
            running statistics does not: its returns would be in another unit.
        EnvironmentFault
            On a reward or an observation that cannot be used, or an episode that never ends.
        """
        seed = as_count("seed", seed, at_least=0)
        rng = None if deterministic else np.random.default_rng([seed, 2])
        return play(
            lambda obs: self.choose(obs, rng),
            lambda number: self._checked(env, number),
            episodes,
            seed,
            at_once=self.settings.n_envs,
        )

    def _checked(self, env: Environment | None, number: int) -> gymnasium.Env:
        """Make an environment; look at its spaces and, at the first one, at what it does again."""
        made = make_env(self.env, **(self.env_options or {})) if env is None else make_env(env)
        try:
            mine = (self.observation_space, self.action_space)
            other = (made.observation_space, made.action_space)
            if mine != other:
                raise ValueError(f"the agent was trained on the spaces {mine}; env has {other}")
            strange = reproduces(made, self.episodes) if number == 0 and env is None else ""
            if strange not in ("", ROUNDING):
                raise CheckpointError(
                    f"{self.env} cannot be evaluated: with the seed and the actions of the "
                    f"training, it {strange}. It remembers more than an episode's seed; of "
                    "wrappers, those that normalise by running statistics do"
                )
        except BaseException:
            made.close()
            raise
        return made

    def __repr__(self) -> str:
        return f"Agent({self.env}, {self.policy.n_params} parameters)"

    def record(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the agent as what JSON holds, and arrays: its part of a checkpoint."""
        stored: dict[str, Any] = {
            "settings": asdict(self.settings),
            "env": self.env if isinstance(self.env, str) else None,
            "env_options": dict(self.env_options or {}),
        }
        arrays = {"theta": self.theta}
        for name in ("observation_space", "action_space"):
            stored[name], own = space_record(getattr(self, name))
            arrays |= {f"{name}_{key}": array for key, array in own.items()}
        return stored, arrays


def load(directory: str | Path) -> Agent:
    """Return the agent of the checkpoint in `directory`, of `train` or of the command.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or not one of this program's.
    """
    directory = checkpoint.as_directory("directory", directory)
    record, arrays = checkpoint.load(directory)
    try:
        return agent_from(record, arrays)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the checkpoint in {directory} does not fit this program: {error!r}"
        ) from error


def agent_from(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Agent:
    """Return the agent in a checkpoint that has been read."""
    settings, options = settings_from(record["settings"]), record.get("env_options", {})
    spaces = {
        name: space_of(record[name], _beginning(f"{name}_", arrays))
        for name in ("observation_space", "action_space")
        if name in record
    }
    if not spaces:  # a checkpoint of the first edition: the environment has to say
        made = make_env(record["env"], **options)
        spaces = {"observation_space": made.observation_space, "action_space": made.action_space}
        made.close()
    policy = mlp_policy(spaces["observation_space"], spaces["action_space"], settings.hidden)
    theta = as_floats("theta", arrays["theta"], (policy.n_params,))
    size = int(np.prod(spaces["observation_space"].shape or ()))
    count = as_count("moments_count", record["moments_count"], at_least=0)
    mean = as_floats("moments_mean", arrays["moments_mean"], (size,))
    var = as_floats("moments_var", arrays["moments_var"], (size,))
    normaliser = Normaliser(count, mean, var) if settings.normalise else None
    return Agent(
        policy, theta, normaliser, settings, record["env"], **spaces, env_options=options,
        episodes=_episodes(record, arrays, spaces["action_space"]),
    )  # fmt: skip


def _episodes(
    record: dict[str, Any], arrays: dict[str, np.ndarray], space: gymnasium.Space
) -> Sequence[Record]:
    """Return the first environment's last episodes, if the checkpoint holds them."""
    stored = record["envs"].get("episodes")
    return unpack(stored, _beginning(ENVIRONMENTS, arrays), space)[0] if stored else ()


def _beginning(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, by the rest of their names."""
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
