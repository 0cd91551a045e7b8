"""Cherry's functions for TRPO: a surrogate, a Hessian product, CG and GAE.

It leaves the KL and the step to its user, so these are not asked. Its surrogate is a loss.
"""

from __future__ import annotations

import numpy as np
import torch
from cherry.algorithms import trpo
from cherry.pg import generalized_advantage
from torch.distributions import kl_divergence

from .nets import Layout, Net, as_double, distribution, observations, single

PACKAGE = "cherry-rl"


class TRPO:
    def _net(self, case, theta=None):
        net = Net(case)
        layout = Layout(net.layers, net.log_std)
        layout.put(case.theta if theta is None else theta)
        return net, layout, distribution(net.outputs(single(observations(case))))

    def surrogate(self, case, theta_new):
        new = self._net(case, theta_new)[2].log_prob(single(case.act))
        return -trpo.policy_loss(new, single(case.logp), single(case.adv))

    def fisher_product(self, case, v):
        net, layout, new = self._net(case)
        with torch.no_grad():
            old = distribution(net.outputs(single(observations(case))))
        parameters = list(net.parameters())
        product = trpo.hessian_vector_product(
            kl_divergence(old, new).mean(), parameters, damping=case.damping
        )
        return layout.ours(product(layout.theirs(v, parameters)), parameters)

    def conjugate_gradient(self, product, b, iterations):
        return trpo.conjugate_gradient(as_double(product), torch.as_tensor(b), iterations)

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        ends = terminated | truncated  # its `replay.done()` is either
        columns = [
            generalized_advantage(
                gamma, lam, *(torch.as_tensor(x[:, e : e + 1]).double() for x in
                              (rew, ends, values)), torch.as_tensor(next_values[-1:, e]),
            )
            for e in range(rew.shape[1])
        ]  # fmt: skip
        return np.hstack([column.numpy() for column in columns])


ADAPTERS = (TRPO,)
