"""Xuance's NPG: the gradient that `update` preconditions, and the matrix that it does so with.

It inverts a matrix for each tensor of parameters and hands the result to Adam, so that there is no
radius: no step is asked. Its matrices are taken before they are inverted, one block a tensor.
"""

from __future__ import annotations

from argparse import Namespace
from unittest import mock

import numpy as np
import torch
from xuance.torch.learners.policy_gradient.npg_learner import NPG_Learner

from .nets import Layout, Net, distribution, observations, single

PACKAGE = "xuance"


class Policy(torch.nn.Module):
    """An actor and a critic as xuance calls them."""

    def __init__(self, case):
        super().__init__()
        self.actor = Net(case)
        self.critic = torch.nn.Linear(observations(case).shape[1], 1)

    def forward(self, obs):
        outputs = self.actor.outputs(obs)
        return outputs, distribution(outputs), self.critic(obs).squeeze(-1)


class Silent:
    """A callback that says nothing."""

    def on_update_start(self, *_, **__):
        return {}

    on_update_end = on_update_start


class NPG:
    def _learner(self, case):
        n = len(case.adv)
        config = Namespace(learning_rate=1e-3, gamma=0.9, running_steps=1, horizon_size=n)
        learner, policy = object.__new__(NPG_Learner), Policy(case)
        learner.policy, learner.config, learner.device = policy, config, "cpu"
        learner.iterations, learner.callback = 0, Silent()
        learner.use_grad_clip = learner.distributed_training = False
        learner.actor_scheduler = learner.critic_scheduler = None
        learner.mse_loss = torch.nn.MSELoss()
        learner.actor_optimizer = torch.optim.Adam(policy.actor.parameters())
        learner.critic_optimizer = torch.optim.Adam(policy.critic.parameters())
        layout = Layout(policy.actor.layers, policy.actor.log_std)
        layout.put(case.theta)
        return learner, layout

    def _matrices(self, case, learner):
        obs, act = single(observations(case)), single(case.act)
        with mock.patch.object(torch.linalg, "inv", lambda matrix: matrix):
            return [
                learner.compute_fisher_information(parameter, obs, act)
                for parameter in learner.policy.actor.parameters()
            ]

    def gradient(self, case):
        learner, layout = self._learner(case)
        found = []

        def untouched(parameter, obs, act):
            found.append(-parameter.grad.reshape(-1))  # it has that of a loss
            return torch.eye(parameter.numel())

        learner.compute_fisher_information = untouched
        learner.update(
            obs=observations(case), actions=single(case.act), returns=np.zeros(len(case.adv)),
            advantages=single(case.adv),
        )  # fmt: skip
        return layout.ours(torch.cat(found), learner.policy.actor.parameters())

    def fisher_product(self, case, v):
        learner, layout = self._learner(case)
        parameters = list(learner.policy.actor.parameters())
        pieces = layout.theirs(v, parameters).split([p.numel() for p in parameters])
        matrices = self._matrices(case, learner)
        return layout.ours(
            torch.cat([F @ piece for F, piece in zip(matrices, pieces, strict=True)]), parameters
        )


ADAPTERS = (NPG,)
