"""PFRL's TRPO: `_update_policy` on the case's rows, and the functions that it calls.

Its policy is any module that returns a distribution. The bonus for entropy, .01 unless it is set,
is set to 0. The search halves the step; the cases do so, too.
"""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import pfrl
import torch
from pfrl.agents import TRPO as TheirTRPO
from pfrl.agents.ppo import _add_advantage_and_value_target_to_episodes
from torch import nn

from .nets import Layout, Net, as_double, caught, distribution, observations, single, until_caught

PACKAGE = "pfrl"


class Policy(Net):
    """A network that returns distributions, as PFRL calls it."""

    def forward(self, obs):
        return distribution(self.outputs(obs))


class TRPO:
    def _agent(self, case, theta=None):
        policy = Policy(case)
        layout = Layout(policy.layers, policy.log_std)
        layout.put(case.theta if theta is None else theta)
        vf = nn.Linear(observations(case).shape[1], 1)
        agent = TheirTRPO(
            policy, vf, torch.optim.Adam(vf.parameters()), entropy_coef=0.0, max_kl=case.epsilon,
            standardize_advantages=False, line_search_max_backtrack=case.max_backtracks,
            conjugate_gradient_max_iter=case.cg_iterations,
            conjugate_gradient_damping=case.damping,
        )  # fmt: skip
        return agent, layout

    def _rows(self, case):
        columns = (observations(case), case.act, case.adv, case.logp)
        act = [x if case.act.dtype.kind in "iu" else x.astype(np.float32) for x in case.act]
        return [
            {"state": s, "action": a, "adv": float(adv), "log_prob": float(logp)}
            for s, a, adv, logp in zip(columns[0], act, *columns[2:], strict=True)
        ]

    def _found(self, case):
        agent, layout = self._agent(case)
        stop = mock.patch.object(
            pfrl.utils, "conjugate_gradient", lambda product, b, max_iter: caught(product, b)
        )
        with stop:
            return agent, layout, *until_caught(agent._update_policy, self._rows(case))

    def logp(self, case):
        return self._agent(case)[0].policy(single(observations(case))).log_prob(single(case.act))

    def surrogate(self, case, theta_new):
        agent, _ = self._agent(case, theta_new)
        new = agent.policy(single(observations(case)))
        return agent._compute_gain(
            new.log_prob(single(case.act)), single(case.logp), new.entropy(), single(case.adv)
        )

    def gradient(self, case):
        agent, layout, _, g = self._found(case)
        return layout.ours(g, agent.policy.parameters())

    def kl(self, case, theta_new):
        # _update_policy keeps what it computes in the search to itself, but for this record.
        agent, layout = self._agent(case)
        obs = single(observations(case))
        with torch.no_grad():
            old = agent.policy(obs)
        full = layout.theirs(theta_new - case.theta, agent.policy.parameters())
        agent.max_kl, agent.line_search_max_backtrack = np.inf, 0
        gain = torch.tensor(-np.inf)  # so that the first trial is taken
        agent._line_search(full, self._rows(case), single(case.adv), old, gain)
        return np.float32(agent.kl_record[-1])

    def fisher_product(self, case, v):
        agent, layout, product, _ = self._found(case)
        parameters = list(agent.policy.parameters())
        return layout.ours(product(layout.theirs(v, parameters)), parameters)

    def conjugate_gradient(self, product, b, iterations):
        return pfrl.utils.conjugate_gradient(
            as_double(product), torch.as_tensor(b), max_iter=iterations
        )

    def step(self, case):
        agent, layout = self._agent(case)
        agent._update_policy(self._rows(case))
        return layout.take()

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        T, E = rew.shape
        steps = [
            [
                {"reward": rew[t, e], "v_pred": values[t, e], "next_v_pred": next_values[t, e],
                 "nonterminal": 0.0 if terminated[t, e] else 1.0}
                for t in range(T)
            ]
            for e in range(E)
        ]  # fmt: skip
        ends = terminated | truncated
        episodes = []  # as `batch_observe` ends them
        for e in range(E):
            cuts = [0, *(np.flatnonzero(ends[:, e]) + 1), T]
            episodes += [steps[e][a:b] for a, b in itertools.pairwise(cuts) if a < b]
        _add_advantage_and_value_target_to_episodes(episodes, gamma, lam)
        return np.array([[steps[e][t]["adv"] for e in range(E)] for t in range(T)])


ADAPTERS = (TRPO,)
