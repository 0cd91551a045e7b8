"""npgkit: the natural policy gradient, from a step on the plane to a trust region.

The package behind the book. Modules stand in the order of the chapters and import only downward:

    batch, mdp, networks, distributions, cg  ->  policy  ->  objectives, fisher
        ->  steps, trust_region.

NumPy is all it needs; `npgkit.lab` (figures, sliders, feedback on exercises) needs the packages of
the book.
"""

from importlib import import_module
from typing import Any

from .batch import Batch
from .cg import CGResult, conjugate_gradient
from .distributions import Categorical, DiagGaussian, Distribution
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
from .networks import MLP, Linear, Linearization, Network, Table, WithFreeOutputs
from .objectives import (
    action_probabilities,
    exact_batch,
    kl_gradient,
    mean_kl,
    policy_gradient,
    surrogate,
)
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
from .trust_region import trust_region_step

__version__ = "0.1.0"

# These need Gymnasium, which `import npgkit` does not ask for.
_LATER = {
    "Baseline": "practice.value",
    "CheckpointError": "practice.checkpoint",
    "EnvironmentFault": "practice.contract",
    "Interval": "practice.evaluation",
    "Iteration": "practice.training",
    "PolicyFault": "practice.contract",
    "Pool": "practice.pools",
    "Result": "practice.experiments",
    "Rollout": "practice.rollout",
    "Running": "practice.rollout",
    "Settings": "practice.settings",
    "Transition": "practice.pools",
    "collect": "practice.rollout",
    "gae": "practice.rollout",
    "interval": "practice.evaluation",
    "mlp_policy": "practice.spaces",
    "run_experiment": "practice.experiments",
    "train": "practice.training",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    "Network",
    "Policy",
    "Step",
    "Table",
    "Trial",
    "Values",
    "WithFreeOutputs",
    "action_probabilities",
    "bandit",
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
    "trust_region_step",
    "two_rooms",
]
