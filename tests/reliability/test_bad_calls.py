"""Bad calls raise a ValueError that names the argument and what came."""

from dataclasses import replace

import numpy as np
import pytest

import npgkit
from npgkit import MDP, Batch, Policy
from npgkit.validation import as_count
from tests.support import softmax_case, two_rooms_case

NAN, INF = float("nan"), float("inf")
STAY, CROSS = np.eye(2), np.eye(2)[::-1]
P = np.stack([STAY, CROSS], axis=1)
R = np.array([[1.0, 0.0], [2.0, 0.0]])
RHO = np.array([0.8, 0.2])
PI = np.full((2, 2), 0.5)
MDP_OK = npgkit.two_rooms()
POLICY, THETA, BATCH = two_rooms_case()
ROWS = {"obs": [0, 1], "act": [0, 1], "adv": [1.0, -1.0]}


def with_entry(array, index, value):
    changed = np.array(array, dtype=float)
    changed[index] = value
    return changed


def batch(**changes):
    return lambda: Batch(**{**ROWS, **changes})


def mdp(**changes):
    return lambda: MDP(**{"P": P, "R": R, "gamma": 0.9, "rho": RHO, **changes})


def step(name, theta=THETA, **options):
    return lambda: getattr(npgkit, name)(POLICY, theta, BATCH, **options)


CASES = {
    # an MDP that is none
    "P with NaN": (mdp(P=with_entry(P, (0, 1, 0), NAN)), r"P\[0, 1, 0\] is nan"),
    "P with inf": (mdp(P=with_entry(P, (1, 0, 1), INF)), r"P\[1, 0, 1\] is inf"),
    "P rows do not sum to 1": (
        mdp(P=with_entry(P, (0, 0, 0), 0.9)),
        r"P\[0, 0\] sums to 0.9; probabilities must sum to 1",
    ),
    "P negative": (mdp(P=with_entry(P, (0, 0), [1.5, -0.5])), r"P\[0, 0, 1\] is -0.5"),
    "P of another shape": (mdp(P=P[:, :1]), r"P must have shape \(2, 2, 2\); got \(2, 1, 2\)"),
    "P of text": (mdp(P="rooms"), "P must be an array of real numbers; got 'rooms'"),
    "P complex": (mdp(P=P + 0j), "P must be an array of real numbers"),
    "P ragged": (mdp(P=[[1.0], [1.0, 2.0]]), "P must be an array of real numbers"),
    "R with NaN": (mdp(R=with_entry(R, (1, 1), NAN)), r"R\[1, 1\] is nan"),
    "R flat": (mdp(R=[1.0, 2.0]), r"R must have shape \(S, A\); got \(2,\)"),
    "R empty": (mdp(R=np.zeros((0, 2))), "R must have at least one state and one action"),
    "gamma 1": (mdp(gamma=1.0), "gamma must be a finite number >= 0 and < 1; got 1"),
    "gamma negative": (mdp(gamma=-0.1), "gamma must be .* got -0.1"),
    "gamma NaN": (mdp(gamma=NAN), "gamma must be .* got nan"),
    "gamma text": (mdp(gamma="high"), "gamma must be .* got 'high'"),
    "rho not a distribution": (mdp(rho=[0.8, 0.1]), "rho sums to 0.9"),
    "rho of another length": (mdp(rho=[0.5, 0.3, 0.2]), r"rho must have shape \(2,\)"),
    # policies as tables
    "pi of another shape": (
        lambda: npgkit.evaluate(MDP_OK, PI[:1]),
        r"pi must have shape \(2, 2\)",
    ),
    "pi not a distribution": (lambda: npgkit.occupancy(MDP_OK, PI * 0.9), r"pi\[0\] sums to 0.9"),
    "pi negative": (
        lambda: npgkit.expected_return(MDP_OK, [[2, -1], [0.5, 0.5]]),
        r"pi\[0, 1\] is -1",
    ),
    # batches
    "empty batch": (batch(obs=[], act=[], adv=[]), "adv has no entries"),
    "adv with NaN": (batch(adv=[1.0, NAN]), r"adv\[1\] is nan"),
    "adv of two dimensions": (batch(adv=[[1.0, 2.0]]), r"adv must have shape \(n,\)"),
    "obs too short": (
        batch(obs=[0]),
        r"obs must have one row for each of 2 advantages; got \(1,\)",
    ),
    "obs with inf": (batch(obs=[[INF], [0.0]]), r"obs\[0, 0\] is inf"),
    "act too long": (batch(act=[0, 1, 1]), "act must have one row"),
    "act with NaN": (batch(act=[[0.0], [NAN]]), r"act\[1, 0\] is nan"),
    "weights do not sum to 1": (batch(weights=[0.5, 0.6]), "weights sums to 1.1"),
    "weights negative": (batch(weights=[1.5, -0.5]), r"weights\[1\] is -0.5"),
    "logp too short": (batch(logp=[0.0]), r"logp must have shape \(2,\)"),
    "logp with -inf": (batch(logp=[0.0, -INF]), r"logp\[1\] is -inf"),
    # policies
    "network and distribution do not fit": (
        lambda: Policy(npgkit.Table(2, 3), npgkit.Categorical(2)),
        "network gives 3 outputs; distribution reads 2",
    ),
    "theta too long": (
        lambda: POLICY.logp(np.zeros(3), [0], [0]),
        r"theta must have shape \(2,\); got \(3,\)",
    ),
    "theta with NaN": (lambda: POLICY.logp([0.0, NAN], [0], [0]), r"theta\[1\] is nan"),
    "state that is not there": (
        lambda: POLICY.logp(THETA, [2], [0]),
        r"obs\[0\] is 2; expected 0 <= obs < 2",
    ),
    "states that are not integers": (
        lambda: POLICY.logp(THETA, [0.5], [0]),
        "obs must hold integers",
    ),
    "action that is not there": (
        lambda: POLICY.logp(THETA, [0], [-1]),
        r"act\[0\] is -1; expected 0 <= act < 2",
    ),
    "one action too few": (lambda: POLICY.logp(THETA, [0, 1], [0]), r"act must have shape \(2,\)"),
    "features of another width": (
        lambda: npgkit.softmax_linear(3, 2).logp(np.zeros(6), np.ones((4, 2)), np.zeros(4, int)),
        r"obs must have shape \(n, 3\); got \(4, 2\)",
    ),
    "gaussian action of another width": (
        lambda: npgkit.gaussian_linear(2, 1).logp(np.zeros(3), np.ones((4, 2)), np.ones((4, 2))),
        r"act must have shape \(4, 1\)",
    ),
    "seed in place of a generator": (
        lambda: POLICY.init(0),
        "rng must be a numpy.random.Generator.*got 0",
    ),
    "no rng": (lambda: npgkit.random_mdp(2, 2, 0.9, None), "rng must be a numpy.random.Generator"),
    "start no probability": (
        lambda: npgkit.two_rooms(start=1.2),
        "start must be a finite number >= 0 and <= 1; got 1.2",
    ),
    "B of another height": (
        lambda: npgkit.in_coordinates(POLICY, np.eye(3)),
        r"B must have shape \(2, m\)",
    ),
    "B with NaN": (lambda: npgkit.in_coordinates(POLICY, [[NAN, 0], [0, 1]]), r"B\[0, 0\] is nan"),
    "b of another length": (
        lambda: npgkit.in_coordinates(POLICY, np.eye(2), [1.0]),
        r"b must have shape \(2,\)",
    ),
    "a map without its Jacobian": (
        lambda: npgkit.in_coordinates(POLICY, np.tanh),
        "a nonlinear B needs its jacobian",
    ),
    "a matrix with a Jacobian": (
        lambda: npgkit.in_coordinates(POLICY, np.eye(2), jacobian=np.diag),
        "jacobian and n_params go with a nonlinear B",
    ),
    "a Jacobian of another shape": (
        lambda: npgkit.in_coordinates(POLICY, np.tanh, jacobian=np.cos).logp(THETA, [0], [0]),
        r"jacobian\(phi\) must have shape \(2, 2\)",
    ),
    "gaussian policy in a table": (
        lambda: npgkit.exact_batch(MDP_OK, npgkit.gaussian_linear(1, 1), np.zeros(2)),
        "policy must have discrete actions",
    ),
    # objectives
    "unknown KL direction": (
        lambda: npgkit.mean_kl(POLICY, THETA, THETA, BATCH, "both"),
        "direction must be one of 'new||old', 'old||new'; got 'both'".replace("|", r"\|"),
    ),
    "theta_new with inf": (
        lambda: npgkit.mean_kl(POLICY, [INF, 0.0], THETA, BATCH),
        r"theta_new\[0\] is inf",
    ),
    "surrogate without logp": (
        lambda: npgkit.surrogate(POLICY, THETA, Batch(**ROWS)),
        "batch.logp is missing",
    ),
    "negative damping": (
        lambda: npgkit.FisherOperator(POLICY, THETA, BATCH, damping=-0.1),
        "damping must be a finite number >= 0; got -0.1",
    ),
    "NaN damping": (step("natural_step", epsilon=0.1, damping=NAN), "damping must be .* got nan"),
    "v with NaN": (
        lambda: npgkit.FisherOperator(POLICY, THETA, BATCH) @ [NAN, 0],
        r"v\[0\] is nan",
    ),
    "v of another length": (
        lambda: npgkit.FisherOperator(POLICY, THETA, BATCH) @ np.ones(3),
        r"v must have shape \(2,\)",
    ),
    # steps
    "kl_step from other outputs": (
        lambda: npgkit.kl_step(POLICY, THETA, Batch(**ROWS, outputs=np.zeros((2, 2))), epsilon=0.1),
        "batch.outputs must be left out",
    ),
    "surrogate_kl_step from other outputs": (
        lambda: npgkit.surrogate_kl_step(
            POLICY, THETA, Batch(**ROWS, logp=[-1.0, -1.0], outputs=np.zeros((2, 2))), epsilon=0.1
        ),
        "batch.outputs must be left out",
    ),
    "batch outputs for other rows": (
        batch(outputs=np.zeros((3, 2))),
        r"outputs must have shape \(2, n_outputs\); got \(3, 2\)",
    ),
    "batch outputs with NaN": (batch(outputs=[[0, NAN], [0, 0]]), r"outputs\[0, 1\] is nan"),
    "step from outputs of another policy": (
        lambda: npgkit.natural_step(
            POLICY, THETA, Batch(**ROWS, outputs=np.zeros((2, 3))), epsilon=0.1
        ),
        r"batch.outputs must have shape \(2, 2\); got \(2, 3\)",
    ),
    "neither alpha nor radius": (step("euclidean_step"), "give one of alpha and radius"),
    "alpha and radius": (
        step("euclidean_step", alpha=1.0, radius=1.0),
        "give one of alpha and radius",
    ),
    "alpha NaN": (step("euclidean_step", alpha=NAN), "alpha must be .* got nan"),
    "alpha negative": (step("euclidean_step", alpha=-1.0), "alpha must be .* got -1"),
    "radius 0": (step("euclidean_step", radius=0.0), "radius must be .* got 0"),
    "unknown solver": (
        step("natural_step", epsilon=0.1, solver="lu"),
        "solver must be one of 'cg', 'dense'",
    ),
    "negative cg_iterations": (
        step("natural_step", epsilon=0.1, cg_iterations=-1),
        "max_iter must be",
    ),
}
for NAME, GIVEN in (
    ("natural_step", {}),
    ("kl_step", {}),
    ("surrogate_kl_step", {}),
    ("trust_region_step", {"damping": 0.1}),
):
    GIVEN = {"epsilon": 0.1, **GIVEN}
    for VALUE in (0.0, -0.1, NAN, INF, None, "big", "0.5", b"0.5", True, np.True_, 10**400):
        CASES[f"{NAME} epsilon {VALUE!r:.20}"] = (
            step(NAME, **{**GIVEN, "epsilon": VALUE}),
            "epsilon must be .* got",
        )
    CASES[f"{NAME} theta NaN"] = (step(NAME, theta=[NAN, 0], **GIVEN), r"theta\[0\] is nan")
    CASES[f"{NAME} theta short"] = (step(NAME, theta=[0.0], **GIVEN), "theta must have shape")
for NAME, GIVEN in (
    ("kl_step", {}),
    ("surrogate_kl_step", {}),
    ("trust_region_step", {"damping": 0.1}),
):
    CASES[f"{NAME} direction"] = (
        step(NAME, epsilon=0.1, direction="new||new", **GIVEN),
        "direction must be one of",
    )
for ARGUMENT, VALUES in {
    "damping": (-1e-3, NAN, INF),
    "backtrack": (0.0, 1.0, -0.5, NAN),
    "max_backtracks": (-1, 2.5, NAN),
    "cg_iterations": (0, 2.5, INF),
}.items():
    for VALUE in VALUES:
        CASES[f"trust_region_step {ARGUMENT} {VALUE}"] = (
            step("trust_region_step", **{"epsilon": 0.1, "damping": 0.1, ARGUMENT: VALUE}),
            f"{ARGUMENT} must be .* got {VALUE:g}",
        )
CASES["trust_region_step without logp"] = (
    lambda: npgkit.trust_region_step(
        POLICY, THETA, replace(BATCH, logp=None), epsilon=0.1, damping=0.1
    ),
    "batch.logp is missing",
)
CASES["surrogate_kl_step without logp"] = (
    lambda: npgkit.surrogate_kl_step(POLICY, THETA, replace(BATCH, logp=None), epsilon=0.1),
    "batch.logp is missing",
)


for VALUE in (True, np.True_, "3", None, -1, -(10**400), 2.5):
    CASES[f"a count of {VALUE!r:.20}"] = (
        lambda value=VALUE: as_count("seed", value, at_least=0),
        "seed must be a .* number.*; got ",
    )


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_a_bad_call_names_the_argument_and_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "value", [0, 2**53 + 1, 10**400, np.uint64(2**63 + 1), np.int8(3), 3.0, 1e5, np.float32(7)]
)
def test_a_whole_number_is_counted_to_its_last_digit(value):
    """By way of a float two seeds above 2^53 would be one, and 10^400 none."""
    count = as_count("seed", value, at_least=0)
    assert type(count) is int
    assert count == value


def test_arguments_are_left_as_they_were():
    policy, theta, batch = softmax_case()
    before = theta.copy(), batch.adv.copy(), batch.weights.copy()
    for step in (
        npgkit.euclidean_step(policy, theta, batch, alpha=0.1),
        npgkit.natural_step(policy, theta, batch, epsilon=0.01),
        npgkit.kl_step(policy, theta, batch, epsilon=0.01),
        npgkit.surrogate_kl_step(policy, theta, batch, epsilon=0.01),
        npgkit.trust_region_step(policy, theta, batch, epsilon=0.01, damping=0.1),
    ):
        assert not np.shares_memory(step.theta, theta)
    for now, then in zip((theta, batch.adv, batch.weights), before, strict=True):
        np.testing.assert_array_equal(now, then)
