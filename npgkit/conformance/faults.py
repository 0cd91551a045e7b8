"""What can be wrong with a trust-region step, and what can be another convention.

Each has a name, a sentence, the chapter that explains it, and the methods in whose answers it
shows. Some come in variants, such as a Fisher matrix from every second or from every third row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Fault:
    """Something that an implementation does otherwise than `npgkit`.

    Attributes
    ----------
    name : str
    sentence : str
    chapter : int
        Of the book, that explains it.
    methods : tuple of str
        Of the adapter, whose answers it changes.
    variants : tuple
    convention : bool
        Whether it is a choice that a user should know of, and no fault.
    """

    name: str
    sentence: str
    chapter: int
    methods: tuple[str, ...]
    variants: tuple[Any, ...] = (True,)
    convention: bool = False


ON_ROWS = ("gradient", "fisher_product", "kl", "surrogate", "step")

CHOICES = (
    Fault("KL old||new", "the KL is KL(pi_old || pi_new), its arguments the other way round than "
          "here; both have the same Fisher matrix", 3, ("kl", "step")),
    Fault("damped alpha", "the length of the full step comes from the damped curvature, "
          "x'(F + damping I)x, and is shorter than epsilon allows", 9, ("step",)),
    Fault("KL averaged over action dimensions", "the KL of a Gaussian is averaged over the action "
          "dimensions, not summed: epsilon then allows act_dim times the KL, and the damping "
          "weighs act_dim times as much", 9, ("kl", "fisher_product", "step")),
    Fault("damping in the product", "the Fisher product contains the damping: (F + damping I) v",
          8, ("fisher_product",)),
    Fault("advantages normalised", "the advantages are normalised to mean 0 and standard deviation "
          "1 first", 10, ("gradient", "surrogate", "step", "gae", "advantages"), (0, 1)),
    Fault("weights missing", "the rows are averaged without their weights (`case.weights`: a "
          "discounted or exact batch has unequal ones)", 1, ON_ROWS),
    Fault("Fisher from a subsample", "the Fisher matrix is that of some of the rows only", 11,
          ("fisher_product", "step"),
          tuple((how, k) for how in ("every", "first") for k in (2, 3, 4, 5, 10))),
    Fault("old log-probabilities computed again", "the ratio is to the policy at `case.theta`, not "
          "to `case.logp`", 10, ("surrogate",)),
    Fault("surrogate as a gain", "the surrogate is the change from what it is at theta", 9,
          ("surrogate",)),
    Fault("KL from the sampled actions", "the KL is estimated from the log-probabilities of the "
          "actions taken, not from the distributions", 9, ("kl",), ("k1", "k2", "k3", "-k1")),
    Fault("gradient summed", "the gradient is a sum over the rows, not their mean", 1,
          ("gradient",)),
    Fault("exact solve", "the system is solved to the end, whatever number of iterations is asked "
          "for", 8, ("conjugate_gradient",)),
    Fault("absolute tolerance", "CG ends at an absolute residual: a small gradient gets a rough "
          "solution", 8, ("conjugate_gradient", "step"),
          tuple((10.0**-k, first) for k in (10, 12, 8, 6, 5, 20) for first in (False, True))),
    Fault("KL allowed 1.5 epsilon", "the line search accepts a KL of up to 1.5 epsilon", 9,
          ("step",)),
)  # fmt: skip

CONVENTIONS = tuple(replace(choice, convention=True) for choice in CHOICES)

FAULTS = (
    Fault("wrong sign", "the sign is wrong: the direction leads downhill", 1,
          ("gradient", "surrogate", "step"), ("direction", "objective")),
    Fault("log-std missing", "the log standard deviations are missing from the parameters", 4,
          ("gradient", "fisher_product", "kl", "step")),
    Fault("actions clipped", "the log-probabilities are those of clipped actions, which the policy "
          "did not draw", 12, ("logp", "gradient", "surrogate", "step"), ("plain", "in the ratio")),
    Fault("ratio to the new policy", "the ratio is to a policy that is already the new one, and so "
          "always 1", 9, ("surrogate", "step")),
    Fault("surrogate ignores its argument", "the surrogate is that of the old parameters, whatever "
          "it is asked for", 9, ("surrogate", "step")),
    Fault("KL of the policy with itself", "nothing is held fixed in the KL, which is 0: its second "
          "derivative too, so that the Fisher product is the damping alone", 4,
          ("kl", "fisher_product", "step"),
          ("moves", "stays", "true KL in the search")),
    Fault("KL is its quadratic model", "the KL is 1/2 d'Fd, and not the KL itself", 9,
          ("kl",)),
    Fault("empirical Fisher", "the Fisher matrix is the mean of score score' over the actions "
          "taken, not over all that the policy might take", 4, ("fisher_product", "step"),
          ("plain", "with squared advantages")),
    Fault("CG on the un-negated system", "CG solves A x = -b", 8,
          ("conjugate_gradient", "step")),
    Fault("division by zero at a zero gradient", "NaN comes where the gradient is 0", 8,
          ("conjugate_gradient", "step")),
    Fault("CG stalls", "the residual of CG stalls: its directions are not conjugate", 8,
          ("conjugate_gradient", "step"),
          ("no beta", "beta of 1", "beta upside down", "residual kept", "direction kept")),
    Fault("square root of a curvature that is not positive", "NaN comes where the curvature x'Fx "
          "is not positive; the parameters should stay", 5, ("step",)),
    Fault("half or twice the radius", "the full step is a factor sqrt(2) off: the KL is "
          "1/2 alpha^2 x'Fx, so alpha = sqrt(2 epsilon / x'Fx)", 5, ("step",), (0.5, 2.0)),
    Fault("line search thrown away", "the result of the line search is thrown away: the full step "
          "is taken", 9, ("step",), ("always", "unless all fail")),
    Fault("KL never looked at", "the line search does not look at the KL", 9, ("step",)),
    Fault("surrogate never looked at", "the line search does not look at the surrogate", 9,
          ("step",)),
    Fault("parameters not restored", "after a search in which every trial failed the parameters "
          "are those of the last trial", 9, ("step",), (0, 1)),
    Fault("normalised advantages not used", "normalised advantages are computed and not used "
          "everywhere: gradient and surrogate have different ones", 10, ("step",),
          ("gradient raw", "surrogate raw")),
    Fault("truncation taken for termination", "a truncated episode has no value after its end; the "
          "value of its final observation stands for the rewards to come", 10,
          ("gae", "advantages"), ("truncated", "last step", "both")),
    Fault("termination taken for truncation", "a value is added after a termination, where there "
          "are no rewards any more", 10, ("gae", "advantages")),
    Fault("carried across an episode's end", "the sum goes on into the next episode", 10,
          ("gae", "advantages"), ("both ends", "truncated", "terminated")),
    Fault("next value of the wrong environment", "the value after a step is another environment's",
          10, ("gae", "advantages"), ("flat", "reshaped", "neighbour")),
    Fault("next value of the next episode", "where an episode is truncated the value is that of "
          "the next episode's first observation, not of its own last one", 10,
          ("gae", "advantages")),
    Fault("advantages normalised over the wrong axis", "the advantages are normalised within each "
          "environment or each time step, not over all of them", 10, ("gae", "advantages"),
          ((0, 0), (1, 0), (0, 1), (1, 1))),
    Fault("baseline fitted first", "the baseline is fitted to the returns before the advantages "
          "are computed from it, and so takes them away", 10, ("advantages",)),
)  # fmt: skip

BY_NAME = {fault.name: fault for fault in (*CONVENTIONS, *FAULTS)}

Hypothesis = dict[str, Any]
"""Names of faults and conventions, each with its variant; the empty one is right."""


def variants(of: tuple[Fault, ...], method: str) -> Iterator[tuple[str, Any]]:
    """Yield name and variant of all that shows in a method's answers."""
    for fault in of:
        if method in fault.methods:
            yield from ((fault.name, variant) for variant in fault.variants)
