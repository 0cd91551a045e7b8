"""What a user of a library should know, each with ten lines that show it.

The lines use the library, torch and NumPy alone. The command runs them and keeps what they print;
`shows` are the parts of it that the sentence rests on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing to know.

    Attributes
    ----------
    package, method : str
        Of which library and adapter.
    title, text : str
    shows : tuple of str
        What the lines have to print.
    code : str
        At most ten lines.
    explains : tuple of str
        The properties of the conformance suite that differ because of it.
    source : str
        The address of a statement by others.
    """

    package: str
    method: str
    title: str
    text: str
    shows: tuple[str, ...]
    code: str
    explains: tuple[str, ...] = ()
    source: str = ""


ZERO = "Where the gradient is 0, CG divides 0 by 0. Rows whose advantages are all 0 do this."

RAISES = (
    f"{ZERO} The update puts the NaN into the policy, and torch's distribution raises a "
    "`ValueError`."
)

TOLERANCE = (
    "CG ends once the squared length of the residual is below $10^{-10}$, however short the "
    "right-hand side is. A gradient of length $10^{-6}$ gets one iteration."
)

FINDINGS = (
    Finding(
        "sb3-contrib",
        "TRPO",
        "The KL of a Gaussian is a mean over the action dimensions",
        "With three dimensions the mean is a third of the KL: `target_kl=0.01` allows a KL of up "
        "to 0.03, and since its Hessian is a third of the Fisher matrix, `cg_damping=0.1` weighs "
        "as much as 0.3 beside the whole. A user who wants $\\epsilon$ and a damping in nats "
        "divides both by the number of dimensions; chapter 13 measures the two directions.",
        ("0.0050", "0.0150", "0.3333"),
        """
import torch
from sb3_contrib.trpo.trpo import kl_divergence
from stable_baselines3.common.distributions import DiagGaussianDistribution
def rows(mean):  # of the KL to the policy whose mean is 0, in three dimensions
    new, old = (DiagGaussianDistribution(3).proba_distribution(m.expand(5, 3), torch.zeros(3))
                for m in (mean, torch.zeros(3)))
    return kl_divergence(new, old)  # `train` takes .mean() of this
kl = rows(torch.full((3,), 0.1))
print(f"mean {kl.mean():.4f}, summed over dimensions {kl.sum(dim=1).mean():.4f}")
print(torch.autograd.functional.hessian(lambda m: rows(m).mean(), torch.zeros(3)).diag())
""",
    ),
    Finding(
        "sb3-contrib",
        "TRPO",
        "Conjugate gradients begin at a random point",
        "The first iterate is $10^{-4}$ times standard normal numbers, so that two updates from "
        "the same rows agree only under the same seed of torch; and if its residual is already "
        "below the tolerance, these numbers are the answer.",
        ("False",),
        """
import torch
from sb3_contrib.common.utils import conjugate_gradient_solver
b = torch.full((3,), 1e-6)
first, second = (conjugate_gradient_solver(lambda v: 0.01 * v, b) for _ in range(2))
print("the answers agree:", torch.allclose(first, second, atol=1e-6))
""",
    ),
    Finding(
        "tianshou",
        "NPG",
        "`trust_region_size` multiplies the natural gradient",
        "Its documentation calls it the largest KL that is allowed. The update adds that many "
        "natural gradients to the parameters and does not search: the KL grows with the square "
        "of the advantages. By default these are normalised, which keeps it in bounds.",
        ("True",),
        """
import gymnasium, tianshou, torch
from tianshou.algorithm import NPG
from tianshou.algorithm.modelfree.reinforce import DiscreteActorPolicy as Policy
from tianshou.algorithm.optim import AdamOptimizerFactory as Adam
actor, critic, one = torch.nn.Linear(1, 2), torch.nn.Linear(1, 1), torch.ones(2, 1)
actor.forward = lambda obs, **_: (obs @ actor.weight.T + actor.bias, None)
policy = Policy(actor=actor, action_space=gymnasium.spaces.Discrete(2))
npg = NPG(policy=policy, critic=critic, optim=Adam(), trust_region_size=0.1)
rows = dict(obs=one, act=torch.arange(2), adv=torch.tensor([9.0, -9.0]), returns=one[:, 0])
print(npg._update_with_batch(tianshou.data.Batch(rows, info={}), None, 1).kl.mean > 0.1)
""",
    ),
    Finding(
        "tianshou",
        "TRPO",
        "A gradient of 0 becomes NaN",
        RAISES,
        ("nan",),
        """
import torch
from types import SimpleNamespace
from tianshou.algorithm import TRPO
algorithm = SimpleNamespace(_MVP=lambda v, _: v)  # A = I
print(TRPO._conjugate_gradients(algorithm, torch.zeros(2), None))
""",
        ("conjugate_gradient", "step"),
    ),
    Finding(
        "tianshou",
        "TRPO",
        "The tolerance of conjugate gradients is absolute",
        TOLERANCE,
        ("False", "True"),
        """
import torch
from types import SimpleNamespace
from tianshou.algorithm import TRPO
A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 2.0])
algorithm = SimpleNamespace(_MVP=lambda v, _: A @ v)
for size in (1e-6, 1.0):
    x = TRPO._conjugate_gradients(algorithm, size * b, None)
    print(size, torch.allclose(A @ x, size * b, rtol=1e-3, atol=0.0))
""",
    ),
    Finding(
        "pfrl",
        "TRPO",
        "A gradient of 0 becomes NaN",
        RAISES,
        ("nan",),
        """
import pfrl, torch
print(pfrl.utils.conjugate_gradient(lambda v: v, torch.zeros(2)))
""",
        ("conjugate_gradient", "step"),
    ),
    Finding(
        "pfrl",
        "TRPO",
        "The objective has a bonus for entropy",
        "Unless `entropy_coef` is set to 0, the update and its search increase the surrogate plus "
        "0.01 times the entropy, which is not in the paper's TRPO.",
        ("0.01",),
        """
import inspect, pfrl
print(inspect.signature(pfrl.agents.TRPO).parameters["entropy_coef"])
""",
    ),
    Finding(
        "mushroom-rl",
        "TRPO",
        "Conjugate gradients lose their first direction",
        "`p` and `r` begin as two views of one array, and `r -= v * z` changes both: the second "
        "direction is not conjugate to the first, and two unknowns are not solved in two "
        "iterations. A user reported the symptom in 2021.",
        ("0.1987", "0.5951", "0.2000", "0.6000"),
        """
import torch
from types import SimpleNamespace
from mushroom_rl.algorithms.actor_critic import TRPO
A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 2.0])
agent = SimpleNamespace(_n_epochs_cg=lambda: 2, _cg_residual_tol=lambda: 1e-10)
agent._fisher_vector_product = lambda p, obs, old: A @ torch.from_numpy(p)
print("solution", torch.linalg.solve(A, b))
print("after two", torch.tensor(TRPO._conjugate_gradient(agent, b, None, None)))
""",
        ("conjugate_gradient",),
        "https://github.com/MushroomRL/mushroom-rl/issues/79",
    ),
    Finding(
        "mushroom-rl",
        "TRPO",
        "A gradient of 0 becomes NaN",
        RAISES,
        ("nan",),
        """
import torch
from types import SimpleNamespace
from mushroom_rl.algorithms.actor_critic import TRPO
agent = SimpleNamespace(_n_epochs_cg=lambda: 2, _cg_residual_tol=lambda: 1e-10)
agent._fisher_vector_product = lambda p, obs, old: torch.from_numpy(p)
print(TRPO._conjugate_gradient(agent, torch.zeros(2), None, None))
""",
        ("step",),
    ),
    Finding(
        "cherry-rl",
        "TRPO",
        "Conjugate gradients lose their first direction",
        "The residual, the direction and the right-hand side begin as one tensor, and "
        "`r -= alpha * Ap` changes all three: the second direction is not conjugate to the "
        "first, and the caller's gradient is overwritten.",
        ("0.1987", "0.5951", "0.2000", "0.6000", "False"),
        """
import torch
from cherry.algorithms.trpo import conjugate_gradient
A, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 2.0])
print("solution ", torch.linalg.solve(A, b))
print("after two", conjugate_gradient(lambda v: A @ v, b, num_iterations=2))
print("b is as it was:", torch.equal(b, torch.tensor([1.0, 2.0])))
""",
        ("conjugate_gradient",),
    ),
    Finding(
        "cherry-rl",
        "TRPO",
        "Where an episode is done there is no next value",
        "`generalized_advantage` takes the next value from the next row and has one flag for both "
        "ends. A time limit then counts as the end of all rewards.",
        ("0.",),
        """
import torch
from cherry.pg import generalized_advantage
reward, done, value, next_value = (torch.tensor([[x]]) for x in (0.0, 1.0, 0.0, 5.0))
print(generalized_advantage(1.0, 1.0, reward, done, value, next_value))
""",
        ("gae",),
    ),
    Finding(
        "skrl",
        "TRPO",
        "The log standard deviations have the other sign in the KL",
        "The KL of two Gaussians has $\\log\\sigma_2-\\log\\sigma_1$; the update has "
        "$\\log\\sigma_1-\\log\\sigma_2$. Its Hessian is the same, so that the direction is right; "
        "but the search takes a step that widens the policy for one of negative KL, and shortens "
        "one that narrows it.",
        ("-0.8161", "1.3591", "0.1839", "0.3591"),
        """
import types, torch
import skrl.agents.torch.trpo.trpo as trpo
codes = {getattr(c, "co_name", ""): c for c in trpo.TRPO._update.__code__.co_consts}
kl = types.FunctionType(codes["kl_divergence"], vars(trpo))
policies = [types.SimpleNamespace(  # the mean is 0
    act=lambda *_, **__: (0, 0, {"mean_actions": torch.zeros(1, 1)}),
    get_log_std=lambda role, s=s: torch.tensor([[s]])) for s in (0.0, 0.5, -0.5)]
print([round(kl(policies[0], new, None).item(), 4) for new in policies[1:]])
old, *new = (torch.distributions.Normal(0, torch.tensor(s).exp()) for s in (0.0, 0.5, -0.5))
print([round(torch.distributions.kl_divergence(old, p).item(), 4) for p in new])
""",
        ("kl", "step"),
    ),
    Finding(
        "skrl",
        "TRPO",
        "A gradient of 0 becomes NaN",
        ZERO,
        ("nan",),
        """
import types, torch
import skrl.agents.torch.trpo.trpo as trpo
codes = {getattr(c, "co_name", ""): c for c in trpo.TRPO._update.__code__.co_consts}
agent = types.CellType(types.SimpleNamespace(_damping=0.0))
product = types.CellType(lambda policy, states, v, damping: v)  # A = I
code = codes["conjugate_gradient"]
cells = tuple({"self": agent, "fisher_vector_product": product}[n] for n in code.co_freevars)
solve = types.FunctionType(code, vars(trpo), "cg", None, cells)
print(solve(None, None, torch.zeros(2), 10, 1e-10))
""",
        ("conjugate_gradient",),
    ),
    Finding(
        "skrl",
        "TRPO",
        "Where an episode is truncated there is no next value",
        "The update hands over `terminated | truncated` as the ends. `time_limit_bootstrap`, which "
        "adds a value to the reward there, is off unless it is set.",
        ("False", "True"),
        """
import inspect
import skrl.agents.torch.trpo.trpo as trpo
print(trpo.TRPO_DEFAULT_CONFIG["time_limit_bootstrap"])
ends = 'get_tensor_by_name("terminated") | self.memory.get_tensor_by_name("truncated")'
print(ends in inspect.getsource(trpo.TRPO._update))
""",
        ("gae",),
    ),
    Finding(
        "xuance",
        "NPG",
        "The matrix is not a Fisher matrix",
        "For each tensor of parameters it is the outer product of the *sum* of the scores with "
        "itself, times the sum of the log-probabilities, over the rows; 0.001 is added to its "
        "diagonal. It has rank one, and where the log-probabilities are negative it is negative: "
        "along the summed score the direction is turned round. Its inverse times the gradient goes "
        "to Adam, which rescales it.",
        ("-3.118", "1.0000e-03"),
        """
import torch
from types import SimpleNamespace as Space
from xuance.torch.learners.policy_gradient.npg_learner import NPG_Learner
logits = torch.zeros(2, requires_grad=True)
def policy(obs): return None, torch.distributions.Categorical(logits=logits.expand(3, 2)), None
learner = Space(policy=policy, device="cpu", config=Space(horizon_size=3))
act = torch.tensor([0, 0, 0])  # three rows
inverse = NPG_Learner.compute_fisher_information(learner, logits, None, act)
print(torch.linalg.eigvalsh(torch.linalg.inv(inverse)))
""",
        ("fisher_product",),
    ),
)
