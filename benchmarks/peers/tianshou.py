"""Tianshou's TRPO and NPG: `_update_with_batch` on a batch of the case's rows.

Its policy takes any network and a function that makes the distribution; both are given as in its
own examples, so that the action dimensions of a Gaussian are one event. The damping and the ten
iterations of CG are no settings of it: the first is an attribute, the second an argument.
"""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import torch
from tianshou.algorithm import NPG as TheirNPG
from tianshou.algorithm import TRPO as TheirTRPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, VectorReplayBuffer
from torch import nn
from torch.distributions import kl_divergence

from .nets import Layout, Net, as_double, caught, distribution, observations, single, until_caught

PACKAGE = "tianshou"


class Actor(Net):
    """A network as tianshou calls it."""

    def forward(self, obs, state=None, info=None):
        return self.outputs(torch.as_tensor(obs)), state


class NPG:
    """What is common to both."""

    Algorithm, settings = TheirNPG, staticmethod(lambda case: {})

    def _algorithm(self, case, theta=None):
        actor = Actor(case)
        is_discrete = case.policy.log_std is None
        width = case.policy.layers[-1][0].shape[1]
        space = (
            gymnasium.spaces.Discrete(width) if is_discrete
            else gymnasium.spaces.Box(-1, 1, (width,))
        )  # fmt: skip
        policy = ProbabilisticActorPolicy(
            actor=actor, dist_fn=distribution, action_space=space, action_scaling=False,
            action_bound_method=None,
        )  # fmt: skip
        critic = nn.Sequential(nn.Linear(observations(case).shape[1], 1))
        algorithm = self.Algorithm(
            policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=1e-3),
            advantage_normalization=False, **self.settings(case),
        )  # fmt: skip
        algorithm._damping = case.damping
        layout = Layout(actor.layers, actor.log_std)
        layout.put(case.theta if theta is None else theta)
        return algorithm, layout

    def _rows(self, case):
        return Batch(
            obs=single(observations(case)), act=single(case.act), adv=single(case.adv),
            logp_old=single(case.logp), returns=torch.zeros(len(case.adv)), info=Batch(),
        )  # fmt: skip

    def _update(self, case, algorithm):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of each backtracking
            algorithm._update_with_batch(self._rows(case), None, 1)

    def _gradients(self, case):
        algorithm, layout = self._algorithm(case)
        algorithm._conjugate_gradients = lambda g, of_kl, nsteps: caught(g, of_kl)
        return algorithm, layout, *until_caught(self._update, case, algorithm)

    def logp(self, case):
        algorithm, _ = self._algorithm(case)
        return algorithm.policy(self._rows(case)).dist.log_prob(single(case.act))

    def gradient(self, case):
        algorithm, layout, g, _ = self._gradients(case)
        return layout.ours(-g, algorithm.policy.actor.parameters())  # it has that of a loss

    def fisher_product(self, case, v):
        algorithm, layout, _, of_kl = self._gradients(case)
        parameters = list(algorithm.policy.actor.parameters())
        return layout.ours(algorithm._MVP(layout.theirs(v, parameters), of_kl), parameters)

    def conjugate_gradient(self, product, b, iterations):
        algorithm = object.__new__(self.Algorithm)
        product = as_double(product)
        nn.Module.__init__(algorithm)
        algorithm._MVP = lambda v, of_kl: product(v)
        return algorithm._conjugate_gradients(torch.as_tensor(b), None, nsteps=iterations)

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        T, E = rew.shape
        buffer = VectorReplayBuffer(T * E, E)
        for t in range(T):
            buffer.add(Batch(
                obs=np.zeros((E, 1)), obs_next=np.zeros((E, 1)), act=np.zeros(E), rew=rew[t],
                terminated=terminated[t].astype(bool), truncated=truncated[t].astype(bool),
                done=(terminated | truncated)[t].astype(bool),
            ), buffer_ids=np.arange(E))  # fmt: skip
        indices = buffer.sample_indices(0)  # all, one environment after the other
        _, adv = self.Algorithm.compute_episodic_return(
            buffer[indices], buffer, indices, next_values.T.ravel(), values.T.ravel(),
            gamma=gamma, gae_lambda=lam,
        )  # fmt: skip
        return adv.reshape(E, T).T


class TRPO(NPG):
    """With the step, whose KL it searches along."""

    Algorithm = TheirTRPO
    settings = staticmethod(
        lambda case: {
            "max_kl": case.epsilon, "backtrack_coeff": case.backtrack,
            "max_backtracks": case.max_backtracks + 1,
        }
    )  # fmt: skip

    def kl(self, case, theta_new):
        old, new = (self._algorithm(case, theta)[0] for theta in (case.theta, theta_new))
        rows = self._rows(case)
        return kl_divergence(old.policy(rows).dist, new.policy(rows).dist).mean()

    def step(self, case):
        algorithm, layout = self._algorithm(case)
        theirs = algorithm._conjugate_gradients
        algorithm._conjugate_gradients = lambda g, of_kl, nsteps: theirs(
            g, of_kl, nsteps=case.cg_iterations
        )
        self._update(case, algorithm)
        return layout.take()


ADAPTERS = (TRPO, NPG)
