"""The results that chapter 12 reads: whole, of the program beside them, and repeatable."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks import outside, practice, search
from benchmarks.adam import AdamRun
from npgkit.practice.results import changes_of
from npgkit.practice.run import Run
from npgkit.practice.settings import PER_ENVIRONMENT, settings_for

GROUPS = sorted(path.stem for path in practice.PLACE.glob("*.json") if path.stem != "policy")
TRAINED = [group for group in GROUPS if group in practice.ENVIRONMENTS]
CLASSIC = ("cartpole", "pendulum", "acrobot")
MADE_HERE = ("CartPole-v1", "Pendulum-v1", "Acrobot-v1")  # the others need MuJoCo
DIGITS = 6e-4  # relative: four significant digits are off by at most 5e-4


@cache
def stored(group: str) -> dict[str, Any]:
    return json.loads((practice.PLACE / f"{group}.json").read_text("utf-8"))


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def chosen(group: str) -> dict[str, float]:
    """The value of each arm's knob with which it is reported."""
    configs = stored(group)["configs"]
    return {name: configs[name][arm.knob] for name, arm in practice.ARMS.items()}


def test_what_the_chapter_needs_is_there():
    assert {*practice.ENVIRONMENTS, "epsilon", "ablation"} == set(GROUPS)


def test_the_files_are_small():
    """Ten seeds of every configuration, to four digits, are less than a page of pictures."""
    assert sum(path.stat().st_size for path in practice.PLACE.iterdir()) < 2_000_000


@pytest.mark.parametrize("group", [*GROUPS, "policy"])
def test_a_file_says_where_it_comes_from(group):
    data = stored(group)
    assert data["command"].endswith(f"benchmarks/practice.py --only {group}")
    assert data["machine"]
    assert {"python", "numpy", "gymnasium"} <= set(data["versions"])


@pytest.mark.parametrize("group", GROUPS)
def test_the_configurations_are_those_of_the_program(group):
    """What the program would train today is what was trained, with ten seeds."""
    data = stored(group)
    if group in practice.OTHERS:
        expected = (practice.epsilons if group == "epsilon" else practice.ablations)()
    else:
        expected = practice.methods(group, chosen(group))
    assert data["configs"] == as_json(expected)
    assert data["seeds"] == list(practice.SEEDS)


def settings_of(group: str, config: dict[str, Any]) -> dict[str, Any]:
    """The settings that the configuration of a group changes."""
    settings = stored(group)["settings"]
    return settings if group in TRAINED else settings[config["env"]]


@pytest.mark.parametrize("group", GROUPS)
def test_the_settings_are_those_of_the_package(group):
    """All of them where the environment can be made here; else those that are its own."""
    for config in stored(group)["configs"].values():
        settings, env = settings_of(group, config), config["env"]
        if env in MADE_HERE:
            assert settings == as_json(vars(settings_for(env)))
        own = PER_ENVIRONMENT.get(env, {})
        assert {name: settings[name] for name in own} == as_json(own)


@pytest.mark.parametrize("group", TRAINED)
def test_every_arm_had_the_same_budget_on_seeds_of_its_own(group):
    """Four values on two seeds that are reported nowhere; the best mean was taken."""
    data = stored(group)
    tried = data["tuning"]["tried"]
    assert not set(data["tuning"]["seeds"]) & set(data["seeds"])
    for name, arm in practice.ARMS.items():
        own = {row[arm.knob]: np.mean(row["scores"]) for row in tried if row["arm"] == name}
        assert len(own) == 4
        assert all(len(row["scores"]) == len(data["tuning"]["seeds"]) for row in tried)
        best = own[chosen(group)[name]]
        assert best >= max(own.values()) - DIGITS * abs(best)


@pytest.mark.parametrize("group", GROUPS)
def test_no_run_is_missing_failed_or_cut_short(group):
    data = stored(group)
    assert [(run["name"], run["seed"]) for run in data["runs"]] == [
        (name, seed) for name in data["configs"] for seed in data["seeds"]
    ]
    for run in data["runs"]:
        config = data["configs"][run["name"]]
        assert (run["status"], run["error"]) == ("done", "")
        steps, returns = np.array(run["curve"]).T
        assert np.all(np.diff(steps) > 0)
        assert np.isfinite(returns).all()
        for way in ("evaluation", "sampled"):
            assert np.isfinite(run[way]).all()
            assert len(run[way]) == 20
        settings = settings_of(group, config)
        rows = settings["n_envs"] * settings["n_steps"]
        assert len(run["kls"]) == math.ceil(config["total_steps"] / rows)


@pytest.mark.parametrize("group", GROUPS)
def test_no_trust_region_update_left_its_region(group):
    data = stored(group)
    for run in data["runs"]:
        config = data["configs"][run["name"]]
        if config["method"] == "trpo":
            epsilon = config.get("epsilon") or settings_of(group, config)["epsilon"]
            assert max(run["kls"]) <= epsilon
        assert min(run["kls"]) >= 0


# A slice, trained again ---------------------------------------------------------------------------


def trained(config: dict[str, Any], seed: int, steps: int) -> tuple[list[list[float]], list[float]]:
    """The curve and the KLs of the first `steps` steps of a stored run."""
    run = (AdamRun if "optimizer" in config else Run)(
        config["env"], config["method"], seed=seed,
        settings=settings_for(config["env"], **changes_of(config)),
    )  # fmt: skip
    curve, kls = [], []
    while run.env_steps < steps:
        record = run.step()
        kls.append(record.kl)
        if not math.isnan(record.mean_return):
            curve.append([record.env_steps, record.mean_return])
    run.close()
    return curve, kls


@pytest.mark.parametrize("name", practice.ARMS)
@pytest.mark.parametrize("group", CLASSIC)
def test_the_first_update_is_the_stored_one(group, name):
    """Same seed, same first batch, same KL, to the digits stored and a float32's rounding."""
    data = stored(group)
    (first, *_) = (run for run in data["runs"] if run["name"] == name)
    curve, kls = trained(data["configs"][name], first["seed"], 1)
    # A KL of 1e-2 or less is a sum that cancels in float32: 1e-7 of a log-probability of size one.
    assert kls[0] == pytest.approx(first["kls"][0], rel=2e-3, abs=2e-7)
    for point, kept in zip(curve, first["curve"], strict=False):
        assert point[0] == kept[0]
        assert point[1] == pytest.approx(kept[1], rel=DIGITS)


@pytest.mark.parametrize("name", practice.ARMS)
def test_a_slice_of_the_pole_is_like_the_stored_runs(name):
    """Another machine rounds otherwise, and its run is another draw of the same distribution.

    The mean of the curve's first 20,000 steps lies in the stored runs' range, widened by its width
    on either side.
    """
    data = stored("cartpole")
    kept = [
        np.mean([value for steps, value in run["curve"] if steps <= 20_480])
        for run in data["runs"]
        if run["name"] == name
    ]
    curve, _ = trained(data["configs"][name], 0, 20_480)
    width = max(kept) - min(kept)
    level = np.mean([value for _, value in curve])
    assert min(kept) - width <= level <= max(kept) + width


# Beside the runs ----------------------------------------------------------------------------------


def test_what_stands_beside_the_runs_is_what_was_measured():
    """The rows of the other program are those of benchmarks/results, on the reported seeds."""
    data = json.loads(outside.DATA.read_text("utf-8"))
    assert data["runs"] == as_json(outside.rows())
    assert {row["seed"] for row in data["runs"]} <= set(practice.SEEDS)


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
def test_random_actions_earn_what_is_stored(env):
    data = json.loads(outside.DATA.read_text("utf-8"))
    assert outside.random_return(env) == pytest.approx(data["random"][env], rel=DIGITS)


def test_only_uncounted_moments_leave_the_region():
    """Carried or followed, no iteration changes what acts by more than epsilon; after, some do."""
    runs = json.loads((practice.PLACE.parent / "moments.json").read_text("utf-8"))["runs"]
    most = {
        way: max(max(run["shares"]) for run in runs if run["way"] == way)
        for way in ("after", "carried", "follow")
    }
    # A KL is a sum that cancels in float32: 1e-7 of a log-probability of size one, over epsilon.
    assert most["follow"] <= 1 + 1e-4
    assert most["carried"] <= 1 + 0.01  # rows that are cut at ten deviations are not carried
    assert most["after"] > 1


@pytest.mark.parametrize("env", ["Hopper-v5", "Swimmer-v5", "Acrobot-v1"])
def test_chosen_settings_were_tried_on_seeds_of_their_own(env):
    rows = json.loads((search.RESULT.with_suffix(".json")).read_text("utf-8"))
    chosen = as_json(PER_ENVIRONMENT[env])
    seeds = [r["seed"] for r in rows if (r["env"], r["settings"]) == (env, chosen)]
    assert len(seeds) >= 10
    assert not set(seeds) & {*practice.SEEDS, *practice.TUNING_SEEDS}


def test_the_stored_policy_balances_the_pole():
    """It began as it would today, and its mean action keeps the pole up for all 500 steps."""
    import gymnasium

    import npgkit

    data = stored("policy")
    env = gymnasium.make(data["env"])
    policy = npgkit.mlp_policy(env.observation_space, env.action_space, tuple(data["hidden"]))
    run = Run(data["env"], data["method"], seed=data["seed"], settings=settings_for(data["env"]))
    np.testing.assert_allclose(data["untrained"], run.theta, rtol=DIGITS, atol=1e-12)
    run.close()
    theta, total = np.array(data["theta"], np.float32), 0.0
    obs, _ = env.reset(seed=0)
    while True:
        z = np.clip((obs - data["mean"]) / np.sqrt(data["var"]), -10, 10).astype(np.float32)
        act = policy.distribution.mode(policy.linearize(theta, z[None]).out)[0]
        obs, reward, terminated, truncated, _ = env.step(int(act))
        total += float(reward)
        if terminated or truncated:
            break
    assert total == 500
