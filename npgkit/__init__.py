"""npgkit: the natural policy gradient, from a step on the plane to a trust region.

The package behind the book. Its modules are the mathematics of chapters 1 to 9 and need
NumPy alone:

    batch, mdp, networks, distributions, cg  ->  policy  ->  objectives, fisher
        ->  steps, trust_region.

`npgkit.practice` needs Gymnasium: environments, training, experiments. What it offers here is
imported when it is first asked for. `npgkit.lab` needs the packages of the book: figures, sliders,
feedback on exercises.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .batch import Batch
from .cg import CGResult, conjugate_gradient
from .checks import check_distribution, check_network
from .distributions import Categorical, DiagGaussian, Distribution, MultiCategorical
from .fisher import FisherOperator, empirical_fisher
from .mdp import (
    MDP,
    Values,
    bandit,
    evaluate,
    expected_return,
    occupancy,
    optimal,
    random_mdp,
    two_rooms,
)
from .networks import Linear, Linearization, Network, Table, WithFreeOutputs
from .objectives import (
    action_probabilities,
    exact_batch,
    kl_gradient,
    mean_kl,
    policy_gradient,
    surrogate,
)
from .perceptron import MLP
from .policy import (
    Policy,
    gaussian_linear,
    in_coordinates,
    sigmoid_tabular,
    softmax_linear,
    softmax_tabular,
)
from .step_result import Step, Trial
from .steps import euclidean_step, kl_step, natural_step
from .surrogate_step import surrogate_kl_step
from .trust_region import trust_region_step

__version__ = "0.1.0"

if _TYPE_CHECKING:
    from .practice.advantages import gae as gae
    from .practice.agent import Agent as Agent
    from .practice.agent import load as load
    from .practice.checkpoint import CheckpointError as CheckpointError
    from .practice.contract import EnvironmentFault as EnvironmentFault
    from .practice.contract import PolicyFault as PolicyFault
    from .practice.evaluation import Interval as Interval
    from .practice.evaluation import interval as interval
    from .practice.experiments import run_experiment as run_experiment
    from .practice.normaliser import Normaliser as Normaliser
    from .practice.pools import Pool as Pool
    from .practice.pools import Transition as Transition
    from .practice.results import Result as Result
    from .practice.rollout import Rollout as Rollout
    from .practice.rollout import Running as Running
    from .practice.rollout import collect as collect
    from .practice.run import Iteration as Iteration
    from .practice.settings import Settings as Settings
    from .practice.spaces import mlp_policy as mlp_policy
    from .practice.training import Training as Training
    from .practice.training import train as train
    from .practice.value import Baseline as Baseline

# These need Gymnasium, which `import npgkit` does not ask for.
_LATER = {
    "Agent": "agent",
    "Baseline": "value",
    "CheckpointError": "checkpoint",
    "EnvironmentFault": "contract",
    "Interval": "evaluation",
    "Iteration": "run",
    "Normaliser": "normaliser",
    "PolicyFault": "contract",
    "Pool": "pools",
    "Result": "results",
    "Rollout": "rollout",
    "Running": "rollout",
    "Settings": "settings",
    "Training": "training",
    "Transition": "pools",
    "collect": "rollout",
    "gae": "advantages",
    "interval": "evaluation",
    "load": "agent",
    "mlp_policy": "spaces",
    "run_experiment": "experiments",
    "train": "training",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        module = _importlib.import_module(f"{__name__}.practice.{_LATER[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_LATER, *(name for name in globals() if name.startswith("__"))])


__all__ = [
    "MDP",
    "MLP",
    "Batch",
    "CGResult",
    "Categorical",
    "DiagGaussian",
    "Distribution",
    "FisherOperator",
    "Linear",
    "Linearization",
    "MultiCategorical",
    "Network",
    "Policy",
    "Step",
    "Table",
    "Trial",
    "Values",
    "WithFreeOutputs",
    "action_probabilities",
    "bandit",
    "check_distribution",
    "check_network",
    "conjugate_gradient",
    "empirical_fisher",
    "euclidean_step",
    "evaluate",
    "exact_batch",
    "expected_return",
    "gaussian_linear",
    "in_coordinates",
    "kl_gradient",
    "kl_step",
    "mean_kl",
    "natural_step",
    "occupancy",
    "optimal",
    "policy_gradient",
    "random_mdp",
    "sigmoid_tabular",
    "softmax_linear",
    "softmax_tabular",
    "surrogate",
    "surrogate_kl_step",
    "trust_region_step",
    "two_rooms",
]
