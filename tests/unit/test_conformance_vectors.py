"""The vectors: made again to the last byte, by their schema, and right by three other routes."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from npgkit.conformance import make_vectors
from npgkit.conformance.case import VECTORS, fresh, vectors
from npgkit.conformance.model import Model
from npgkit.conformance.returns import gae
from npgkit.conformance.searches import solve, step
from tests.adapters import Dense

FILES = ("policies", "steps", "systems", "rollouts")
POLICIES = {stored["name"]: stored for stored in vectors("policies")}
STEPS = {stored["name"]: stored for stored in vectors("steps")}
CONVENTIONS = {
    "undamped alpha, KL new||old": {},
    "undamped alpha, KL old||new": {"KL old||new": True},
    "damped alpha, KL new||old": {"damped alpha": True},
    "damped alpha, KL old||new": {"damped alpha": True, "KL old||new": True},
}
HELD = 1e-11
"""Relative; float64 through a linear system with eigenvalues over five decades."""


def close(value, right, rtol=HELD):
    right = np.asarray(right)
    np.testing.assert_allclose(value, right, rtol=0, atol=rtol * np.abs(right).max() + 1e-13)


def test_the_files_are_made_again_to_the_last_byte():
    for name, text in make_vectors.make().items():
        assert (VECTORS / name).read_bytes() == text.encode("utf-8"), name


@pytest.mark.parametrize("name", FILES)
def test_the_files_follow_their_schema(name):
    schema = json.loads((VECTORS / "schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    stored = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    jsonschema.validate(stored, schema)
    del stored["cases"][0]["given"]
    with pytest.raises(jsonschema.ValidationError, match="'given' is a required property"):
        jsonschema.validate(stored, schema)


def test_the_files_are_small_enough_to_read():
    assert sum(path.stat().st_size for path in VECTORS.iterdir()) < 500_000


def test_the_cases_cover_what_they_are_meant_to():
    stored = [case for name in FILES for case in vectors(name)]
    flags = {flag for case in stored for flag in case["flags"]}
    schema = json.loads((VECTORS / "schema.json").read_text("utf-8"))
    assert flags == set(schema["$defs"]["case"]["properties"]["flags"]["items"]["enum"])
    policies = [case["given"]["policy"] for case in (*POLICIES.values(), *STEPS.values())]
    assert {policy["kind"] for policy in policies} == {
        "softmax_table", "softmax_linear", "gaussian_linear", "mlp_softmax", "mlp_gaussian",
    }  # fmt: skip
    assert {p["sizes"][-1] for p in policies if "gaussian" in p["kind"]} >= {1, 2, 6}


@pytest.mark.parametrize("stored", POLICIES.values(), ids=POLICIES)
def test_answers_on_rows_agree_with_the_package(stored):
    """Fifty decimal digits on one side, float64 and the mathematics of npgkit on the other."""
    model, right = Model(fresh(stored)), stored["right"]
    close(model.logp({}), right["logp"])
    close(model.policy.distribution.entropy(model.out), right["entropy"])
    close(model.gradient({}), right["gradient"])
    for row in right["fisher_product"]:
        v = np.array(row["v"])
        close(model.fisher_product({}, v), row["product"])
        close(model.fisher_product({"damping in the product": True}, v), row["damped"])
    for row in right["at"]:
        theta_new = np.array(row["theta_new"])
        close(model.kl({}, theta_new), row["kl_new_old"])
        close(model.kl({"KL old||new": True}, theta_new), row["kl_old_new"])
        close(model.surrogate({}, theta_new), row["surrogate"])


@pytest.mark.parametrize("stored", POLICIES.values(), ids=POLICIES)
def test_answers_on_rows_agree_with_dense_matrices(stored):
    """Complex steps and matrices written out, which know nothing of the package."""
    dense, right = Dense(), stored["right"]
    case = fresh(stored)
    close(dense.logp(case), right["logp"])
    close(dense.gradient(case), right["gradient"])
    if "score" in right:
        close(dense._scores(case), right["score"])
    for row in right["fisher_product"]:
        close(dense.fisher_product(case, np.array(row["v"])), row["product"])
    for row in right["at"]:
        close(dense.kl(case, np.array(row["theta_new"])), row["kl_new_old"], 1e-9)
        close(dense.surrogate(case, np.array(row["theta_new"])), row["surrogate"])


@pytest.mark.parametrize("stored", POLICIES.values(), ids=POLICIES)
def test_fisher_is_the_hessian_of_the_kl(stored):
    """Second differences of the KL, whose remainder falls with the square of their length."""
    dense, case = Dense(), fresh(stored)
    for row in stored["right"]["fisher_product"]:
        v = np.array(row["v"])
        size = 1e-3 * (np.exp(case.policy.log_std.min()) if "gaussian" in case.policy.kind else 1)
        v = v / np.abs(v).max()
        scale = np.abs(np.array(row["v"])).max()
        kls = [dense.kl(case, case.theta + h * size * v) / (h * size) ** 2 for h in (-1, 1)]
        wanted = np.array(row["product"]) @ v / scale
        np.testing.assert_allclose(sum(kls), wanted, rtol=2e-2, atol=1e-7)


@pytest.mark.parametrize("stored", STEPS.values(), ids=STEPS)
def test_steps_agree_with_the_package(stored):
    model = Model(fresh(stored))
    close(model.gradient({}), stored["right"]["gradient"])
    for name, h in CONVENTIONS.items():
        right = np.array(stored["right"][name]["theta_new"])
        close(step(h, model) - model.case.theta, right - model.case.theta)


@pytest.mark.parametrize("stored", STEPS.values(), ids=STEPS)
def test_steps_agree_with_dense_matrices(stored):
    class Chosen(Dense):
        pass

    for name, h in CONVENTIONS.items():
        if "no curvature" in stored["flags"] and "damped alpha" in h:
            continue  # either answer is right where the probabilities are 0 and 1
        Chosen.damped, Chosen.old_new = "damped alpha" in h, "KL old||new" in h
        case = fresh(stored)
        close(Chosen().step(case) - case.theta,
              np.array(stored["right"][name]["theta_new"]) - case.theta, 1e-8)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [n for n in STEPS if not {"no curvature", "zero gradient"} & set(STEPS[n]["flags"])],
)
def test_no_trial_is_decided_near_the_edge(name):
    """A KL within 3 % of the radius, or a gain near 0, would make rounding decide."""
    given = STEPS[name]["given"]
    g = np.array(STEPS[name]["right"]["gradient"])
    slope = g @ np.array(STEPS[name]["right"]["direction"])
    for convention in CONVENTIONS:
        for trial in STEPS[name]["right"][convention]["trials"]:
            assert abs(trial["kl"] / given["epsilon"] - 1) > 0.03
            assert abs(trial["gain"]) > 0.02 * trial["alpha"] * slope


def test_steps_come_in_the_kinds_that_they_are_there_for():
    """Full, refused by the KL alone, by the surrogate alone, and refused altogether."""
    kinds = set()
    for stored in STEPS.values():
        trials = stored["right"]["undamped alpha, KL new||old"]["trials"]
        if not trials:
            continue
        first, epsilon = trials[0], stored["given"]["epsilon"]
        if not any(trial["accepted"] for trial in trials):
            kinds.add("none")
        elif first["accepted"]:
            kinds.add("full")
        else:
            kinds.add((first["kl"] > epsilon, first["gain"] <= 0))
    assert kinds == {"full", "none", (True, False), (False, True)}


@pytest.mark.parametrize("stored", vectors("systems"), ids=lambda stored: stored["name"])
def test_iterates_agree_with_two_other_routes(stored):
    system = fresh(stored)
    close(solve({}, system), stored["right"]["x"], 1e-10)
    least_norm = np.linalg.lstsq(system.A, system.b, rcond=1e-12)[0]
    close(least_norm, stored["right"]["solution"], 1e-10)
    if "converges" in stored["flags"]:
        close(stored["right"]["x"], stored["right"]["solution"], 1e-12)


@pytest.mark.parametrize("stored", vectors("rollouts"), ids=lambda stored: stored["name"])
def test_advantages_agree_with_two_other_routes(stored):
    """A recursion, and the sum that defines them."""
    case = fresh(stored)
    close(gae({}, case), stored["right"]["gae"])
    close(
        Dense().gae(case.rew, case.values, case.next_values, case.terminated, case.truncated,
                    case.gamma, case.lam),
        stored["right"]["gae"],
    )  # fmt: skip
