"""MushroomRL's TRPO: `fit` on a data set whose advantages are the case's, and its parts.

Every step of the data set ends its episode and the critic is 0, so that the rewards are the
advantages; `fit` normalises them, which is no setting. Its policies take any network. The search
halves the step, as the cases do.
"""

from __future__ import annotations

import numpy as np
import torch
from mushroom_rl.algorithms.actor_critic import TRPO as TheirTRPO
from mushroom_rl.core import MDPInfo
from mushroom_rl.policy import BoltzmannTorchPolicy, GaussianTorchPolicy
from mushroom_rl.utils.spaces import Box, Discrete
from mushroom_rl.utils.value_functions import compute_gae
from torch import nn

from .nets import Body, Layout, as_double, caught, observations, single, until_caught

PACKAGE = "mushroom-rl"


class Network(Body):
    """A network as MushroomRL makes and calls it."""

    def __init__(self, input_shape, output_shape, case, **_):
        super().__init__(case)

    def forward(self, obs):
        return super().forward(obs.float())


class Nothing(nn.Module):
    """A critic that says 0."""

    def __init__(self, input_shape, output_shape, **_):
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(1))

    def forward(self, obs):
        return self.zero.expand(len(obs), 1)


class TRPO:
    def _agent(self, case, theta=None):
        n_in, width = observations(case).shape[1], case.policy.layers[-1][0].shape[1]
        is_discrete = case.policy.log_std is None
        shapes = {"input_shape": (n_in,), "output_shape": (width,)}
        policy = (
            BoltzmannTorchPolicy(Network, beta=1.0, case=case, **shapes) if is_discrete
            else GaussianTorchPolicy(Network, case=case, **shapes)
        )  # fmt: skip
        regressor = policy._logits if is_discrete else policy._mu
        layout = Layout(regressor.model.network.layers, None if is_discrete else policy._log_sigma)
        layout.put(case.theta if theta is None else theta)
        actions = Discrete(width) if is_discrete else Box(-1, 1, (width,))
        critic = {
            "network": Nothing, "optimizer": {"class": torch.optim.Adam, "params": {"lr": 1e-3}},
            "loss": nn.functional.mse_loss, "input_shape": (n_in,), "output_shape": (1,),
        }  # fmt: skip
        agent = TheirTRPO(
            MDPInfo(Box(-1, 1, (n_in,)), actions, 0.9, 10), policy, critic, max_kl=case.epsilon,
            n_epochs_line_search=case.max_backtracks + 1, n_epochs_cg=case.cg_iterations,
            cg_damping=case.damping, critic_fit_params={"n_epochs": 1},
        )  # fmt: skip
        return agent, layout

    def _rows(self, case):
        obs = observations(case)
        act = case.act[:, None] if case.policy.log_std is None else case.act
        return [(s, a, adv, s, True, True) for s, a, adv in zip(obs, act, case.adv, strict=True)]

    def _tensors(self, case):
        act = case.act[:, None] if case.policy.log_std is None else case.act
        return single(observations(case)), torch.as_tensor(act.astype(np.float32))

    def _found(self, case):
        agent, layout = self._agent(case)
        agent._conjugate_gradient = caught
        return agent, layout, *until_caught(agent.fit, self._rows(case))

    def logp(self, case):
        return self._agent(case)[0].policy.log_prob_t(*self._tensors(case)).squeeze(1)

    def surrogate(self, case, theta_new):
        agent, _ = self._agent(case)
        agent._compute_loss = caught
        handed = until_caught(agent.fit, self._rows(case))
        return self._agent(case, theta_new)[0]._compute_loss(*handed)

    def gradient(self, case):
        agent, layout, g, _, _ = self._found(case)
        return layout.ours(g, agent.policy.parameters())

    def kl(self, case, theta_new):
        old, new = self._agent(case)[0], self._agent(case, theta_new)[0]
        obs = self._tensors(case)[0]
        return new._compute_kl(obs, old.policy.distribution_t(obs))

    def fisher_product(self, case, v):
        agent, layout, _, obs, old = self._found(case)
        parameters = list(agent.policy.parameters())
        vector = layout.theirs(v, parameters).numpy()
        return layout.ours(agent._fisher_vector_product(vector, obs, old), parameters)

    def conjugate_gradient(self, product, b, iterations):
        agent = object.__new__(TheirTRPO)
        agent._n_epochs_cg, agent._cg_residual_tol = (lambda: iterations), (lambda: 1e-10)
        agent._fisher_vector_product = lambda p, obs, old: as_double(product)(torch.as_tensor(p))
        return agent._conjugate_gradient(torch.as_tensor(b), None, None)

    def step(self, case):
        agent, layout = self._agent(case)
        agent.fit(self._rows(case))
        return layout.take()

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        T, E = rew.shape
        adv = np.empty((T, E))
        for e in range(E):  # it has one environment
            table = np.concatenate([values[:, e], next_values[:, e]])
            times = np.arange(T)
            adv[:, e] = compute_gae(
                lambda s, table=table: table[s][:, None], times, T + times, rew[:, e],
                terminated[:, e], (terminated | truncated)[:, e], gamma, lam,
            )[1][:, 0]  # fmt: skip
        return adv


ADAPTERS = (TRPO,)
