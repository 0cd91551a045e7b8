"""Chapter 12: interquartile mean, paired comparisons, the line search, the scale of rewards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import npgkit
from benchmarks.studies import functions
from npgkit import Batch, Policy
from npgkit.practice.evaluation import interquartile_mean
from npgkit.trust_region import KL_TOO_LARGE
from tests.support import CASES, NETWORKS

ALL = {**CASES, **NETWORKS}
RADII = (1e-5, 1e-3, 0.01, 0.1)


def iqm(values: np.ndarray) -> float:
    """The mean of the middle half, as the chapter defines it."""
    n, k = len(values), len(values) // 4
    return float(np.sort(values)[k : n - k].sum() / (n - 2 * k))


@pytest.mark.evidence("prop-iqm")
@pytest.mark.parametrize("n", range(4, 22))
def test_the_interquartile_mean_withstands_a_quarter_of_the_runs(n):
    """Any k = floor(n/4) replacements stay in the range of the rest; k + 1 reach any height."""
    rng = np.random.default_rng(n)
    k = n // 4
    for _ in range(50):
        values = rng.normal(size=n)
        assert interquartile_mean(values) == pytest.approx(iqm(values), abs=1e-14)
        hit = rng.permutation(n)
        changed = values.copy()
        changed[hit[:k]] = rng.choice([-1e9, 1e9, 0.0], size=k)
        kept = values[hit[k:]]
        assert kept.min() - 1e-12 <= iqm(changed) <= kept.max() + 1e-12
        for height in (-1e9, 1e9):
            changed = values.copy()
            changed[hit[: k + 1]] = height
            assert abs(iqm(changed)) > 1e9 / n - 10
            assert np.sign(iqm(changed)) == np.sign(height)


# Pairs and many comparisons: the chapter's own `paired` and `holm` --------------------------------


@pytest.mark.evidence("prop-paired")
@pytest.mark.parametrize(
    "sizes",
    [np.arange(1.0, 9.0), np.ones(8), np.r_[np.zeros(3), 1.0, 2.0, 2.0, 5.0], 10.0 ** np.arange(6)],
)
def test_the_same_arm_twice_has_a_small_p_as_seldom(sizes):
    """Over all patterns of signs, P(p <= u) <= u at every u, and p is at least 2^(1-n)."""
    paired, n = functions("12_in_practice")["paired"], len(sizes)
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * n)).reshape(n, -1).T
    ps = np.sort([paired(sign * sizes) for sign in signs])
    at_most = np.searchsorted(ps, ps, side="right") / len(ps)
    assert np.all(at_most <= ps + 1e-12)
    assert ps[0] >= 2.0 ** (1 - n)


@pytest.mark.evidence("prop-paired")
def test_a_difference_with_all_seeds_has_the_least_p():
    """Ten pairs, all won by one arm: p = 2^-9, whatever the sizes of the differences."""
    paired = functions("12_in_practice")["paired"]
    rng = np.random.default_rng(0)
    for n in (5, 10):
        assert paired(rng.exponential(size=n)) == 2.0 ** (1 - n)
        assert paired(-rng.exponential(size=n)) == 2.0 ** (1 - n)


@pytest.mark.evidence("prop-paired")
@pytest.mark.parametrize("shared", [0.0, 0.7, 1.0])
def test_holm_seldom_calls_a_difference_where_there_is_none(shared):
    """Of twelve comparisons nine are of equal arms, dependent or not: errors in a share <= a."""
    holm, rng = functions("12_in_practice")["holm"], np.random.default_rng(0)
    trials, a, wrong = 4000, 0.05, 0
    for _ in range(trials):
        same = np.where(rng.random(9) < shared, rng.random(), rng.random(9))
        called = holm(np.r_[same, np.full(3, 1e-4)]) <= a
        assert called[9:].all()
        wrong += called[:9].any()
    assert wrong / trials <= a + 4 * np.sqrt(a * (1 - a) / trials)


@pytest.mark.evidence("prop-paired")
def test_holm_calls_differences_in_order_until_one_fails():
    """Adjusted p are at most a exactly for those that the rule of part 3 calls."""
    holm, rng = functions("12_in_practice")["holm"], np.random.default_rng(1)
    for _ in range(200):
        p = rng.random(7) ** 4
        m, expected = len(p), np.zeros(len(p), bool)
        for place, k in enumerate(np.argsort(p)):
            if p[k] > 0.05 / (m - place):
                break
            expected[k] = True
        np.testing.assert_array_equal(holm(p) <= 0.05, expected)


@pytest.mark.evidence("prop-paired")
def test_too_many_comparisons_call_no_difference():
    """With ten pairs 25 comparisons can call one, and 26 cannot, however large it is."""
    names = functions("12_in_practice")
    least = names["paired"](np.arange(1.0, 11.0))
    assert names["holm"](np.r_[least, np.ones(24)]).min() <= 0.05
    assert names["holm"](np.full(26, least)).min() > 0.05


# What a line search spends ------------------------------------------------------------------------


def unit_steps(
    policy: Policy, theta: np.ndarray, batch: Batch, epsilon: float, beta: float
) -> tuple[npgkit.Step, np.ndarray, np.ndarray]:
    """The trust-region step, the lengths beta^j of all trials it may make, and the KL of each."""
    step = npgkit.trust_region_step(
        policy, theta, batch, epsilon=epsilon, damping=0.1, backtrack=beta, max_backtracks=10
    )
    full = step.trials[0].alpha * step.direction
    lengths = beta ** np.arange(11.0)
    kls = np.array([npgkit.mean_kl(policy, theta + t * full, theta, batch) for t in lengths])
    return step, lengths, kls


@pytest.mark.evidence("prop-kl-spent")
@pytest.mark.parametrize("beta", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("epsilon", RADII)
@pytest.mark.parametrize("case", ALL)
def test_the_line_search_spends_what_the_proposition_says(case, epsilon, beta):
    """Parts 1 to 4, with R taken over the lengths that the search tries."""
    policy, theta, batch = ALL[case]()
    if batch.logp is None:
        batch = replace(batch, logp=policy.logp(theta, batch.obs, batch.act))
    step, lengths, kls = unit_steps(policy, theta, batch, epsilon, beta)
    R = np.abs(kls / (epsilon * lengths**2) - 1).max()
    slack = 1e-9  # of a KL that is a sum of differences of logarithms of size one, over 1e-5
    natural = npgkit.natural_step(
        policy, theta, batch, epsilon=epsilon, damping=0.1, cg_iterations=10
    )
    assert 1 - R - slack <= natural.kl / epsilon <= 1 + R + slack
    refused = [trial for trial in step.trials if not trial.accepted]
    for_kl = [trial for trial in refused if trial.reason == KL_TOO_LARGE]
    if beta**-2 > R + 1:
        assert len(for_kl) <= 1
    if step.accepted and not refused:
        assert 1 - R - slack <= step.kl / epsilon <= 1
    if step.accepted and refused and refused[-1].reason == KL_TOO_LARGE:
        assert beta**2 * (1 - R) / (1 + R) - slack < step.kl / epsilon <= 1


@pytest.mark.evidence("prop-kl-spent")
@pytest.mark.parametrize("case", ALL)
def test_the_model_is_wrong_by_the_root_of_the_radius(case):
    """R / sqrt(epsilon) does not grow as epsilon falls by a factor of 100: R = O(sqrt epsilon)."""
    policy, theta, batch = ALL[case]()
    if batch.logp is None:
        batch = replace(batch, logp=policy.logp(theta, batch.obs, batch.act))
    errors = []
    for epsilon in (1e-3, 1e-5):
        _, lengths, kls = unit_steps(policy, theta, batch, epsilon, 0.8)
        errors.append(np.abs(kls[:4] / (epsilon * lengths[:4] ** 2) - 1).max())
    # Ten times smaller, up to the next order, sqrt(1e-3) of the first, and rounding.
    assert errors[1] <= 0.1 * errors[0] * (1 + 5 * np.sqrt(1e-3)) + 1e-8


@pytest.mark.evidence("prop-kl-spent")
def test_both_ways_to_end_a_search_occur():
    """Among the cases some full steps are accepted and some refused for the KL, then taken."""
    ends = set()
    for make in ALL.values():
        policy, theta, batch = make()
        if batch.logp is None:
            batch = replace(batch, logp=policy.logp(theta, batch.obs, batch.act))
        for epsilon in RADII:
            step, _, _ = unit_steps(policy, theta, batch, epsilon, 0.8)
            ends.add(tuple(trial.reason for trial in step.trials[-2:]))
    assert ("accepted",) in ends
    assert (KL_TOO_LARGE, "accepted") in ends


def steps_of(policy: Policy, theta: np.ndarray, batch: Batch) -> dict[str, np.ndarray]:
    if batch.logp is None:
        batch = replace(batch, logp=policy.logp(theta, batch.obs, batch.act))
    natural = {"epsilon": 0.01, "damping": 0.1, "cg_iterations": 3}
    steps = {
        "vpg": npgkit.euclidean_step(policy, theta, batch, alpha=0.05),
        "npg": npgkit.natural_step(policy, theta, batch, **natural),
        "trpo": npgkit.trust_region_step(policy, theta, batch, **natural),
    }
    assert all(step.accepted for step in steps.values())
    return {name: step.theta - theta for name, step in steps.items()}


def assert_same(found: np.ndarray, expected: np.ndarray, theta: np.ndarray) -> None:
    """Equal up to rounding, of theta and of three rounds of conjugate gradients."""
    unit = np.finfo(theta.dtype).eps
    room = 100 * unit * np.abs(theta).max() + 1e5 * unit * np.linalg.norm(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=room)


@pytest.mark.evidence("prop-reward-scale")
@pytest.mark.parametrize("c", [1e-3, 7.0, 1e4])
@pytest.mark.parametrize("case", CASES)
def test_natural_steps_do_not_see_the_scale_of_the_rewards(case, c):
    """c times the advantages: the same natural and trust-region step, c times the plain one."""
    policy, theta, batch = CASES[case]()
    small = replace(batch, adv=1e-3 * batch.adv)  # so that no plain step leaves its coordinates
    before = steps_of(policy, theta, small)
    after = steps_of(policy, theta, replace(small, adv=c * small.adv))
    assert_same(after["npg"], before["npg"], theta)
    assert_same(after["trpo"], before["trpo"], theta)
    assert_same(after["vpg"], c * before["vpg"], theta)


@pytest.mark.evidence("prop-reward-scale")
@pytest.mark.parametrize("case", CASES)
def test_normalised_advantages_hide_scale_and_shift(case):
    """(A - mean) / deviation gives the same three steps for A and for 50 A - 3."""
    policy, theta, batch = CASES[case]()

    def normalised(adv):
        return 0.01 * (adv - adv.mean()) / adv.std()

    before = steps_of(policy, theta, replace(batch, adv=normalised(batch.adv)))
    after = steps_of(policy, theta, replace(batch, adv=normalised(50 * batch.adv - 3)))
    for method, step in before.items():
        assert_same(after[method], step, theta)
