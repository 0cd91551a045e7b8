"""Skrl's TRPO, which its versions 1 have: `_update` on a memory of the case's rows.

What the update computes is in functions within it, which are taken from its code. Every row ends
its episode and the values are 0, so that the rewards are the advantages, which it normalises. Its
KL is one of Gaussians. The search halves the step, as the cases do; the share of the expected gain
that it wants, .5 unless it is set, is set to 0.
"""

from __future__ import annotations

import types
from argparse import Namespace

import gymnasium
import numpy as np
import skrl.agents.torch.trpo.trpo as theirs
import torch
from skrl.agents.torch.trpo import TRPO as TheirTRPO
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model

from .nets import Body, Layout, as_double, observations, single

PACKAGE = "skrl"


class Policy(GaussianMixin, Model):
    """The layers of a case as skrl calls them."""

    def __init__(self, case, obs_space, act_space):
        Model.__init__(self, obs_space, act_space, "cpu")
        GaussianMixin.__init__(self, clip_log_std=False)
        self.body = Body(case)
        self.log_std = torch.nn.Parameter(torch.zeros(act_space.shape[0]))

    def compute(self, inputs, role):
        return self.body(inputs["states"]), self.log_std, {}


class Value(DeterministicMixin, Model):
    """A value that is told: the last entry of an observation."""

    def __init__(self, obs_space, act_space):
        Model.__init__(self, obs_space, act_space, "cpu")
        DeterministicMixin.__init__(self)
        self.scale = torch.nn.Parameter(torch.zeros(1))

    def compute(self, inputs, role):
        return inputs["states"][:, -1:] + 0 * self.scale, {}


def agent_of(policy, value, obs_space, act_space, steps, n_envs, **settings):
    """Return an agent and its memory, with room for the rows."""
    memory = RandomMemory(memory_size=steps, num_envs=n_envs, device="cpu")
    settings |= {
        "experiment": {"write_interval": 0, "checkpoint_interval": 0}, "learning_epochs": 1,
        "mini_batches": 1,
    }  # fmt: skip
    agent = TheirTRPO(
        {"policy": policy, "value": value}, memory, obs_space, act_space, "cpu", settings
    )
    agent.init()
    return agent, memory


def within_update(name, **free):
    """Return a function of the update; `free` is what it takes from around it."""
    constants = TheirTRPO._update.__code__.co_consts
    (code,) = (c for c in constants if isinstance(c, types.CodeType) and c.co_name == name)
    cells = tuple(types.CellType(free[variable]) for variable in code.co_freevars)
    return types.FunctionType(code, vars(theirs), name, None, cells)


class TRPO:
    def _policy(self, case, theta=None):
        if case.policy.log_std is None:
            raise NotImplementedError("its KL is one of Gaussians")
        shapes = observations(case).shape[1:], case.act.shape[1:]
        spaces = [gymnasium.spaces.Box(-np.inf, np.inf, shape) for shape in shapes]
        policy = Policy(case, *spaces)
        layout = Layout(policy.body.layers, policy.log_std)
        layout.put(case.theta if theta is None else theta)
        return policy, layout, spaces

    def surrogate(self, case, theta_new):
        columns = [single(x) for x in (observations(case), case.act)]
        columns += [single(x)[:, None] for x in (case.logp, case.adv)]
        return within_update("surrogate_loss")(self._policy(case, theta_new)[0], *columns)

    def kl(self, case, theta_new):
        old, new = self._policy(case)[0], self._policy(case, theta_new)[0]
        return within_update("kl_divergence")(old, new, single(observations(case)))

    def fisher_product(self, case, v):
        policy, layout, _ = self._policy(case)
        product = within_update(
            "fisher_vector_product", kl_divergence=within_update("kl_divergence")
        )
        parameters = list(policy.parameters())
        obs = single(observations(case))
        return layout.ours(
            product(policy, obs, layout.theirs(v, parameters), case.damping), parameters
        )

    def conjugate_gradient(self, product, b, iterations):
        solve = within_update(
            "conjugate_gradient", self=Namespace(_damping=0.0),
            fisher_vector_product=lambda policy, obs, v, damping: as_double(product)(v),
        )  # fmt: skip
        return solve(None, None, torch.as_tensor(b), iterations, 1e-10)

    def step(self, case):
        policy, layout, (obs_space, act_space) = self._policy(case)
        n, obs = len(case.adv), observations(case)
        agent, memory = agent_of(
            policy, Value(obs_space, act_space), obs_space, act_space, n, 1,
            damping=case.damping, max_kl_divergence=case.epsilon, accept_ratio=0.0,
            conjugate_gradient_steps=case.cg_iterations,
            max_backtrack_steps=case.max_backtracks + 1,
        )  # fmt: skip
        for i in range(n):
            memory.add_samples(
                states=single(obs[i : i + 1]), actions=single(case.act[i : i + 1]),
                rewards=single(case.adv[i : i + 1])[:, None], values=torch.zeros(1, 1),
                terminated=torch.ones(1, 1, dtype=bool), truncated=torch.zeros(1, 1, dtype=bool),
                log_prob=single(case.logp[i : i + 1])[:, None],
            )  # fmt: skip
        agent._current_next_states = single(obs[-1:])
        agent._update(0, 0)
        return layout.take()

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        T, E = rew.shape
        if T * E == 1:
            raise NotImplementedError("it divides by n - 1")
        space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
        agent, memory = agent_of(
            _Linear(space, space), Value(space, space), space, space, T, E,
            discount_factor=gamma, **{"lambda": lam},
        )  # fmt: skip
        agent._current_log_prob = torch.zeros(E, 1)
        for t in range(T):
            agent.record_transition(
                *(single(x)[:, None] for x in (values[t], values[t] * 0, rew[t], next_values[t])),
                *(torch.as_tensor(x[t].astype(bool))[:, None] for x in (terminated, truncated)),
                {}, t, T,
            )  # fmt: skip
        agent._update(0, 0)
        return memory.get_tensor_by_name("advantages").squeeze(-1)


class _Linear(GaussianMixin, Model):
    """Some policy: what it does is not looked at."""

    def __init__(self, obs_space, act_space):
        Model.__init__(self, obs_space, act_space, "cpu")
        GaussianMixin.__init__(self)
        self.layer = torch.nn.Linear(1, 1)
        self.log_std = torch.nn.Parameter(torch.zeros(1))

    def compute(self, inputs, role):
        return self.layer(inputs["states"]), self.log_std, {}


ADAPTERS = (TRPO,)
