"""Statuses and reasons: enumerations that compare, print and store as the text they are."""

import json
import pickle

import numpy as np
import pytest

import npgkit
from npgkit.cg import Status
from npgkit.kl_problem import Outcome
from npgkit.step_result import Reason
from tests.support import softmax_case, two_rooms_case

IN_A_TRIAL = {Reason.KL_TOO_LARGE, Reason.NO_IMPROVEMENT}  # the next trial is the remedy
HAS_CG_STATUS = {Reason.CG_NOT_CONVERGED, Reason.CG_BROKE_DOWN}  # with the remedy of the status
SUCCESS = {Status.CONVERGED, Outcome.SOLVED, Reason.ACCEPTED}


@pytest.mark.parametrize(
    "member", [m for kind in (Status, Outcome, Reason) for m in kind if m not in SUCCESS]
)
def test_what_failed_says_what_to_do(member):
    if member in IN_A_TRIAL | HAS_CG_STATUS:
        return
    fault, remedy = member.rsplit("; ", 1) if "; " in member else member.split(": ", 1)
    assert len(fault) > 5
    verbs = "add", "allow", "use", "check", "make", "leave", "rescale", "or", "the policy"
    assert remedy.startswith(verbs), remedy


def test_a_reason_is_its_text_wherever_it_goes():
    step = npgkit.natural_step(*two_rooms_case(), epsilon=0.01)
    assert step.reason == "accepted" == f"{step.reason}" == str(step.reason)
    assert step.reason is Reason.ACCEPTED
    assert step.cg.status is Status.CONVERGED
    assert json.loads(json.dumps([step.reason, step.cg.status])) == ["accepted", "converged"]
    assert pickle.loads(pickle.dumps(step)).reason is Reason.ACCEPTED


def test_a_reason_with_details_has_them_filled_in():
    policy, theta, batch = softmax_case()
    refused = npgkit.trust_region_step(
        policy, theta, batch, epsilon=0.02, damping=0.0, max_backtracks=0
    )
    assert refused.reason.startswith("all 1 trials were refused, the last because the mean KL")
    broken = npgkit.natural_step(*two_rooms_case(), epsilon=0.01, cg_iterations=0)
    assert broken.reason is Reason.NO_CURVATURE
    unsolved = npgkit.kl_step(*two_rooms_case(), epsilon=0.3)
    assert unsolved.reason is Outcome.UNBOUNDED
    for step in (refused, broken, unsolved):
        assert "{" not in step.reason
        np.testing.assert_array_equal(step.theta, step.theta_old)
