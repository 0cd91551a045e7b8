"""Sb3-contrib's TRPO: `train` on a rollout buffer of the case's rows, `collect_rollouts` for GAE.

Its own `MlpPolicy` with tanh, whose last layer loses its bias where the case has none. Normalising
of advantages, on unless it is set, is set off. CG begins at a random point: torch is seeded.
"""

from __future__ import annotations

import gymnasium
import numpy as np
import torch
from sb3_contrib import TRPO as TheirTRPO
from sb3_contrib.common.utils import conjugate_gradient_solver
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.distributions import kl_divergence
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from .nets import Layout, as_double, caught, observations, single, until_caught

PACKAGE = "sb3-contrib"


class Nowhere(gymnasium.Env):
    """Spaces, and nothing to do in them."""

    def __init__(self, n_in, actions):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (n_in,))
        self.action_space = actions

    def reset(self, *, seed=None, options=None):
        return np.zeros(self.observation_space.shape, np.float32), {}

    def step(self, action):
        return self.reset()[0], 0.0, False, False, {}


class Told(gymnasium.Env):
    """Steps that are told: an observation is the number of a value."""

    def __init__(self, rew, terminated, truncated, first):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
        self.action_space = gymnasium.spaces.Discrete(2)
        self.told, self.first, self.t = (rew, terminated, truncated), first, 0

    def reset(self, *, seed=None, options=None):
        return np.array([self.first + self.t], np.float32), {}

    def step(self, action):
        t, self.t = self.t, self.t + 1
        rew, terminated, truncated = (column[t] for column in self.told)
        after = -(self.first + t) - 1 if terminated or truncated else self.first + self.t
        if self.t == len(self.told[0]):
            after = -(self.first + t) - 1
        return (
            np.array([after], np.float32), float(rew), bool(terminated), bool(truncated), {}
        )  # fmt: skip


class TRPO:
    def _model(self, case, theta=None):
        torch.manual_seed(0)
        sizes = [b.size for _, b in case.policy.layers]
        is_discrete = case.policy.log_std is None
        space = (
            gymnasium.spaces.Discrete(sizes[-1]) if is_discrete
            else gymnasium.spaces.Box(-1, 1, (sizes[-1],))
        )  # fmt: skip
        n = len(case.adv)
        model = TheirTRPO(
            "MlpPolicy", Nowhere(observations(case).shape[1], space), n_steps=n, batch_size=n,
            normalize_advantage=False, target_kl=case.epsilon, cg_max_steps=case.cg_iterations,
            cg_damping=case.damping, line_search_shrinking_factor=case.backtrack,
            line_search_max_iter=case.max_backtracks + 1, n_critic_updates=1, device="cpu",
            policy_kwargs={"net_arch": {"pi": sizes[:-1], "vf": [4]}, "activation_fn": nn.Tanh},
        )  # fmt: skip
        model.set_logger(Logger(None, []))
        policy = model.policy
        if not case.policy.kind.startswith("mlp"):
            policy.action_net = nn.Linear(policy.action_net.in_features, sizes[-1], bias=False)
        hidden = [x for x in policy.mlp_extractor.policy_net if isinstance(x, nn.Linear)]
        layout = Layout([*hidden, policy.action_net], getattr(policy, "log_std", None))
        layout.put(case.theta if theta is None else theta)
        buffer = model.rollout_buffer
        buffer.observations[:, 0] = observations(case)
        buffer.actions[:, 0] = case.act[:, None] if is_discrete else case.act
        buffer.advantages[:, 0], buffer.log_probs[:, 0] = case.adv, case.logp
        buffer.pos, buffer.full = n, True
        return model, layout

    def _found(self, case):
        model, layout = self._model(case)
        theirs = model._compute_actor_grad
        model._compute_actor_grad = lambda kl, objective: caught(*theirs(kl, objective))
        return model, layout, *until_caught(model.train)

    def _distribution(self, case, theta):
        return self._model(case, theta)[0].policy.get_distribution(single(observations(case)))

    def logp(self, case):
        return self._distribution(case, case.theta).log_prob(single(case.act))

    def gradient(self, case):
        _, layout, parameters, g, _, _ = self._found(case)
        return layout.ours(g, parameters)

    def kl(self, case, theta_new):
        new, old = (self._distribution(case, theta) for theta in (theta_new, case.theta))
        return kl_divergence(new, old).mean()  # as `train` has it

    def fisher_product(self, case, v):
        model, layout, parameters, _, of_kl, _ = self._found(case)
        vector = layout.theirs(v, parameters)
        return layout.ours(model.hessian_vector_product(parameters, of_kl, vector), parameters)

    def conjugate_gradient(self, product, b, iterations):
        torch.manual_seed(0)
        return conjugate_gradient_solver(as_double(product), torch.as_tensor(b), iterations)

    def step(self, case):
        model, layout = self._model(case)
        model.train()
        return layout.take()

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        T, E = rew.shape
        now, after = (torch.as_tensor(x.T.ravel()).float() for x in (values, next_values))

        def value(obs):
            number = obs.long().flatten()
            return torch.where(
                number < 0, after[(-number - 1).clamp(0)], now[number.clamp(0, T * E - 1)]
            )[:, None]

        envs = DummyVecEnv([
            lambda e=e: Told(rew[:, e], terminated[:, e], truncated[:, e], e * T)
            for e in range(E)
        ])  # fmt: skip
        model = TheirTRPO("MlpPolicy", envs, n_steps=T, batch_size=T * E, gamma=gamma,
                          gae_lambda=lam, normalize_advantage=False, device="cpu")  # fmt: skip
        policy = model.policy
        theirs = policy.forward
        policy.forward = lambda obs: (theirs(obs)[0], value(obs), theirs(obs)[2])
        policy.predict_values = value
        buffer = RolloutBuffer(T, envs.observation_space, envs.action_space, gae_lambda=lam,
                               gamma=gamma, n_envs=E)  # fmt: skip
        model._setup_learn(T * E, None)
        callback = Silent()
        callback.init_callback(model)
        model.collect_rollouts(envs, callback, buffer, T)
        return buffer.advantages


class Silent(BaseCallback):
    """Lets a rollout go on."""

    def _on_step(self):
        return True


ADAPTERS = (TRPO,)
