"""Chapter 9: the gap of the surrogate, its bounds, and the line search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import npgkit
from npgkit.objectives import DIRECTIONS
from tests.support import CASES, NETWORKS, sampled_case, slope, softmax_case, two_rooms_case

Pair = tuple[npgkit.MDP, np.ndarray, np.ndarray]


def pairs(n: int = 400) -> Iterator[Pair]:
    """MDPs, old and new policy: gentle and harsh worlds, near and far policies, rare actions."""
    rng = np.random.default_rng(0)
    for k in range(n):
        S, A = int(rng.integers(2, 6)), int(rng.integers(2, 5))
        gamma = float(rng.choice([0.05, 0.5, 0.9, 0.99]))
        mdp = npgkit.random_mdp(S, A, gamma, rng)
        if k % 2:  # nearly deterministic transitions, rewards with a heavy tail
            P = rng.dirichlet(np.full(S, 0.05), size=(S, A))
            mdp = npgkit.MDP(P, rng.normal(size=(S, A)) ** 3, gamma, rng.dirichlet(np.ones(S)))
        pi = rng.dirichlet(np.full(A, 10 ** rng.uniform(-1, 1)), size=S) + 1e-9
        push = rng.normal(size=(S, A)) * 10 ** rng.uniform(-2, 1, size=(S, 1))
        new = pi * np.exp(push - push.max(axis=1, keepdims=True)) + 1e-12
        yield (
            mdp,
            pi / pi.sum(axis=1, keepdims=True),
            new / new.sum(axis=1, keepdims=True),
        )


def fork(delta: float, gamma: float) -> Pair:
    """One decision between two states for ever, in which rewards of 1 and -1 balance.

    The new policy takes the first branch more often and the better reward there, the worse one in
    the other branch: what the proofs estimate is nearly an equality, and the gap is 1 - gamma of
    the bound.
    """
    P = np.zeros((3, 2, 3))
    P[0, 0, 1] = P[0, 1, 2] = 1
    P[1, :, 1] = P[2, :, 2] = 1
    R = np.array([[0.0, 0.0], [1.0, -1.0], [1.0, -1.0]])
    up, down = [0.5 + delta, 0.5 - delta], [0.5 - delta, 0.5 + delta]
    mdp = npgkit.MDP(P, R, gamma, np.array([1.0, 0.0, 0.0]))
    return mdp, np.full((3, 2), 0.5), np.array([up, up, down])


def waiting_fork(kappa: float, delta: float, shift: float, gamma: float) -> Pair:
    """The fork, with a third action in the first state: one leaves it with probability 2 kappa."""
    mdp, pi, _ = fork(0.0, gamma)
    P, R = (np.concatenate([x, x[:, 1:]], axis=1) for x in (mdp.P, mdp.R))
    P[0, 2] = [1, 0, 0]
    mdp = npgkit.MDP(P, R, gamma, np.array([1.0, 0.0, 0.0]))
    pi = np.array([[kappa, kappa, 1 - 2 * kappa], [0.5, 0.5, 0], [0.5, 0.5, 0]])
    return mdp, pi, pi + np.outer([shift, delta, -delta], [1, -1, 0])


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) of each row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0).sum(axis=1)


def variation(pi: np.ndarray, new: np.ndarray) -> np.ndarray:
    return 0.5 * np.abs(new - pi).sum(axis=1)


def surrogate_of(mdp: npgkit.MDP, pi: np.ndarray, new: np.ndarray) -> float:
    bar = (new * npgkit.evaluate(mdp, pi).A).sum(axis=1)
    return float(npgkit.occupancy(mdp, pi) @ bar / (1 - mdp.gamma))


def gap_of(mdp: npgkit.MDP, pi: np.ndarray, new: np.ndarray) -> float:
    gain = npgkit.expected_return(mdp, new) - npgkit.expected_return(mdp, pi)
    return gain - surrogate_of(mdp, pi, new)


def rounding(mdp: npgkit.MDP) -> float:
    """Each of gain and surrogate is a sum of values of size R/(1-gamma)^2, from two solves."""
    unit = np.finfo(float).eps * mdp.n_states / (1 - mdp.gamma)
    return 10 * unit * float(np.abs(mdp.R).max()) / (1 - mdp.gamma) ** 2


def constant(mdp: npgkit.MDP, pi: np.ndarray) -> float:
    largest = np.abs(npgkit.evaluate(mdp, pi).A).max()
    return float(2 * mdp.gamma * largest / (1 - mdp.gamma) ** 2)


CHI = float(1 / np.prod(1 - 0.5 ** np.arange(1, 60)))


def factor(chi: float, gamma: float) -> float:
    """What stands between C and the mean KL."""
    return float(chi / 2 + np.sqrt(2 * chi * (1 - gamma) / gamma))


def bounds_of(mdp: npgkit.MDP, pi: np.ndarray, new: np.ndarray) -> dict[str, float]:
    """The bounds of the chapter on the gap, by name."""
    d, C, gamma = npgkit.occupancy(mdp, pi), constant(mdp, pi), mdp.gamma
    largest = np.abs((new * npgkit.evaluate(mdp, pi).A).sum(axis=1)).max()
    first = 2 * gamma / (1 - gamma) ** 2 * largest
    means = {"new||old": d @ kl(new, pi), "old||new": d @ kl(pi, new)}
    return {
        "TV": first * (d @ variation(pi, new)),
        **{f"root {name}": first * np.sqrt(mean / 2) for name, mean in means.items()},
        "mean old||new": C * factor(1, gamma) * means["old||new"],
        "mean new||old": C * factor(CHI, gamma) * means["new||old"],
        "max": C * kl(pi, new).max(),
    }


@pytest.mark.evidence("lem-performance-difference")
@pytest.mark.parametrize("seed", range(5))
def test_gain_is_the_old_advantage_on_the_new_walk(seed: int):
    """Five random MDPs, two unrelated policies: difference of returns against the lemma."""
    rng = np.random.default_rng(seed)
    mdp = npgkit.random_mdp(6, 3, 0.9, rng)
    old, new = rng.dirichlet(np.ones(3), size=(2, 6))
    A, d = npgkit.evaluate(mdp, old).A, npgkit.occupancy(mdp, new)
    gain = npgkit.expected_return(mdp, new) - npgkit.expected_return(mdp, old)
    assert gain == pytest.approx(d @ np.sum(new * A, axis=1) / (1 - mdp.gamma), abs=1e-12)
    wrong = npgkit.occupancy(mdp, old) @ np.sum(new * A, axis=1) / (1 - mdp.gamma)
    assert abs(gain - wrong) > 1e-6  # on the old walk it is only the surrogate


@pytest.mark.evidence("lem-occupancy-shift")
def test_occupancies_differ_by_the_formula_within_the_bound():
    """400 pairs of policies: identity to rounding, bound held; a fork reaches 1 - gamma of it."""
    for mdp, pi, new in pairs():
        d, d_new = npgkit.occupancy(mdp, pi), npgkit.occupancy(mdp, new)
        P, P_new = (np.einsum("sa,sat->st", p, mdp.P) for p in (pi, new))
        inverse = np.linalg.inv(np.eye(len(d)) - mdp.gamma * P_new)
        formula = mdp.gamma * d @ (P_new - P) @ inverse
        tolerance = 100 * np.finfo(float).eps / (1 - mdp.gamma)
        assert np.abs(d_new - d - formula).max() < tolerance
        bound = 2 * mdp.gamma / (1 - mdp.gamma) * (d @ variation(pi, new))
        assert np.abs(d_new - d).sum() <= bound + tolerance
    for gamma in (0.05, 0.9):
        mdp, pi, new = fork(0.01, gamma)
        d, d_new = npgkit.occupancy(mdp, pi), npgkit.occupancy(mdp, new)
        bound = 2 * gamma / (1 - gamma) * (d @ variation(pi, new))
        assert np.abs(d_new - d).sum() / bound == pytest.approx(1 - gamma, rel=1e-9)


@pytest.mark.evidence("lem-pinsker")
def test_pinskers_constant_is_one_half_in_both_directions():
    """20,000 pairs of distributions; two nearly even ones reach 1/2."""
    rng = np.random.default_rng(1)
    for actions in (2, 5):
        p, q = (rng.dirichlet(np.full(actions, 0.4), size=10_000) + 1e-12 for _ in range(2))
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        square = variation(p, q) ** 2
        assert (square <= 0.5 * kl(p, q) + 1e-12).all()
        assert (square <= 0.5 * kl(q, p) + 1e-12).all()
    even, near = np.array([[0.5, 0.5]]), np.array([[0.501, 0.499]])
    ratio = variation(even, near) ** 2 / kl(near, even)
    assert ratio[0] == pytest.approx(0.5, rel=1e-5)  # the next term is delta^2 smaller


@pytest.mark.evidence("prop-surrogate-gap")
def test_the_surrogate_misses_the_change_of_occupancy():
    """400 pairs of policies, and npgkit.surrogate on two exact batches, against the formula."""
    for mdp, pi, new in pairs():
        bar = (new * npgkit.evaluate(mdp, pi).A).sum(axis=1)
        shift = npgkit.occupancy(mdp, new) - npgkit.occupancy(mdp, pi)
        assert gap_of(mdp, pi, new) == pytest.approx(
            shift @ bar / (1 - mdp.gamma), rel=1e-9, abs=rounding(mdp)
        )
    for policy, theta, batch in (two_rooms_case(), softmax_case()):
        mdp = npgkit.two_rooms()
        if policy.n_params > 2:  # the world that softmax_case draws after its theta
            rng = np.random.default_rng(0)
            rng.normal(size=policy.n_params)
            mdp = npgkit.random_mdp(4, 3, 0.9, rng)
        towards = np.random.default_rng(2).normal(size=policy.n_params)
        pi, new = (
            npgkit.action_probabilities(policy, t, mdp.n_states) for t in (theta, theta + towards)
        )
        assert npgkit.surrogate(policy, theta + towards, batch) == pytest.approx(
            surrogate_of(mdp, pi, new), rel=1e-10
        )


@pytest.mark.evidence("prop-surrogate-gap")
def test_the_gap_is_of_second_order_in_the_step():
    """Two rooms along three directions: slope 2, steps of 1e-3 to 1e-2."""
    policy, theta, _ = two_rooms_case()
    mdp, h = npgkit.two_rooms(), np.geomspace(1e-3, 1e-2, 6)
    pi = npgkit.action_probabilities(policy, theta, 2)
    for towards in ([1.0, 0.0], [0.6, 0.8], [1.0, -1.0]):
        ends = theta + np.outer(h, towards)
        tables = [npgkit.action_probabilities(policy, end, 2) for end in ends]
        gaps = np.abs([gap_of(mdp, pi, new) for new in tables])
        assert slope(h, gaps) == pytest.approx(2.0, abs=0.03)  # next term: relative h times 3


@pytest.mark.evidence("thm-surrogate-bound")
def test_no_surrogate_is_further_off_than_its_bounds():
    """400 pairs of policies, three bounds, both KL directions; a fork reaches 1 - gamma of all."""
    for mdp, pi, new in pairs():
        d, tv, slack = npgkit.occupancy(mdp, pi), variation(pi, new), rounding(mdp)
        A = npgkit.evaluate(mdp, pi).A
        bar, C = np.abs((new * A).sum(axis=1)).max(), constant(mdp, pi)
        gap = abs(gap_of(mdp, pi, new))
        assert gap <= 2 * mdp.gamma / (1 - mdp.gamma) ** 2 * bar * (d @ tv) + slack
        assert gap <= 2 * C * tv.max() ** 2 + slack
        for divergence in (kl(new, pi), kl(pi, new)):
            assert gap <= C * divergence.max() + slack
    for gamma in (0.05, 0.5):
        mdp, pi, new = fork(0.01, gamma)
        gap, tv, C = abs(gap_of(mdp, pi, new)), variation(pi, new), constant(mdp, pi)
        bar = np.abs((new * npgkit.evaluate(mdp, pi).A).sum(axis=1)).max()
        first = 2 * gamma / (1 - gamma) ** 2 * bar * (npgkit.occupancy(mdp, pi) @ tv)
        assert gap / first == pytest.approx(1 - gamma, rel=1e-9)
        assert gap / (2 * C * tv.max() ** 2) == pytest.approx(1 - gamma, rel=1e-9)
        # Pinsker is an equality up to relative delta^2 = 1e-4, times 4/6 and 4/3 here.
        for divergence in (kl(new, pi), kl(pi, new)):
            assert gap / (C * divergence.max()) == pytest.approx(1 - gamma, rel=1e-3)


@pytest.mark.evidence("thm-surrogate-bound")
@pytest.mark.parametrize("gamma", [0.5, 0.9, 0.99])
def test_waiting_at_the_fork_reaches_both_variation_bounds(gamma: float):
    """The share of both is 1/(1 + 2 gamma kappa/(1-gamma)); of C max KL sqrt((1-gamma)/gamma)/2."""
    for kappa in (0.3, 1e-3, 1e-5):
        mdp, pi, new = waiting_fork(kappa, kappa / 10, kappa / 10, gamma)
        d, tv, C = npgkit.occupancy(mdp, pi), variation(pi, new), constant(mdp, pi)
        bar = (new * npgkit.evaluate(mdp, pi).A).sum(axis=1)
        # The formula and not gap_of, whose two returns leave no digits of delta^2 = 1e-12.
        gap = (npgkit.occupancy(mdp, new) - d) @ bar / (1 - gamma)
        share = (1 - gamma) / (1 - gamma + 2 * gamma * kappa)
        first = 2 * gamma / (1 - gamma) ** 2 * np.abs(bar).max() * (d @ tv)
        assert gap / first == pytest.approx(share, rel=1e-6)  # delta = 1e-6: eps/(1-gamma)/delta
        assert gap / (2 * C * tv.max() ** 2) == pytest.approx(share, rel=1e-6)
    kappa, delta = (1 - gamma) / gamma / 2, 1e-3
    mdp, pi, new = waiting_fork(kappa, delta, delta * np.sqrt(2 * kappa), gamma)
    reached = gap_of(mdp, pi, new) / (constant(mdp, pi) * kl(new, pi).max())
    # The KL is quadratic up to relative (delta^2 / kappa, delta^2): at most 2e-4 here.
    assert reached == pytest.approx(np.sqrt((1 - gamma) / gamma) / 2, rel=1e-3)


@pytest.mark.evidence("thm-surrogate-bound")
def test_the_bound_is_hundreds_of_times_too_wide():
    """The radius it allows is below 3e-4 nats, and the gap near the old policy 0.5% of it."""
    policy, theta, batch = two_rooms_case()
    mdp = npgkit.two_rooms()
    pi = npgkit.action_probabilities(policy, theta, 2)
    step = npgkit.natural_step(policy, theta, batch, epsilon=0.02)
    F = npgkit.FisherOperator(policy, theta, batch).dense()
    alphas, x = np.geomspace(1e-4, 1e-2, 400), step.direction
    tables = [npgkit.action_probabilities(policy, theta + a * x, 2) for a in alphas]
    worst = np.array([kl(new, pi).max() for new in tables])
    promise = np.array([surrogate_of(mdp, pi, new) for new in tables])
    best = alphas[np.argmax(promise - constant(mdp, pi) * worst)]
    assert best**2 * (x @ F @ x) / 2 == pytest.approx(2.4e-4, rel=0.03)  # the grid: 1.2%, squared
    ratio = abs(gap_of(mdp, pi, tables[200])) / (constant(mdp, pi) * worst[200])
    assert 0.004 < ratio < 0.006


@pytest.mark.evidence("cor-monotone-improvement")
def test_whoever_climbs_the_minorant_climbs_the_return():
    """400 pairs, six bounds: M <= J, and M > M_old only if J > J_old; on a ray M has a gain."""
    improved = dict.fromkeys(bounds_of(*fork(0.1, 0.5)), 0)
    for mdp, pi, new in pairs():
        old = npgkit.expected_return(mdp, pi)
        for t in (1.0, 0.1, 1e-3):  # nearer and nearer, on the segment of tables
            near = (1 - t) * pi + t * new
            rise = npgkit.expected_return(mdp, near) - old
            for name, bound in bounds_of(mdp, pi, near).items():
                promise = surrogate_of(mdp, pi, near) - bound
                assert rise >= promise - rounding(mdp)
                if promise > rounding(mdp):
                    assert rise > 0
                    improved[name] += 1
    assert min(improved.values()) > 50
    policy, theta, batch = two_rooms_case()
    g, mdp = npgkit.policy_gradient(policy, theta, batch), npgkit.two_rooms()
    pi = npgkit.action_probabilities(policy, theta, 2)
    rays = [npgkit.action_probabilities(policy, theta + t * g, 2) for t in np.geomspace(1e-5, 1)]
    for name in improved:
        M = [surrogate_of(mdp, pi, n) - bounds_of(mdp, pi, n)[name] for n in rays]
        best = rays[int(np.argmax(M))]
        assert 0 < max(M) <= npgkit.expected_return(mdp, best) - npgkit.expected_return(mdp, pi)


@pytest.mark.evidence("cor-mean-kl", "thm-mean-kl")
def test_the_mean_kl_bounds_the_gap_in_both_directions():
    """400 pairs: Achiam's root with either mean, and the theorem's two; forks that come near."""
    for mdp, pi, new in pairs():
        gap, bounds = abs(gap_of(mdp, pi, new)), bounds_of(mdp, pi, new)
        for name in ("root new||old", "root old||new", "mean new||old", "mean old||new"):
            assert gap <= bounds[name] + rounding(mdp), name
    mdp, pi, new = fork(0.01, 0.5)  # TV is delta everywhere: Jensen and Pinsker are equalities
    gap, bounds = abs(gap_of(mdp, pi, new)), bounds_of(mdp, pi, new)
    for name in ("root new||old", "root old||new"):
        assert gap / bounds[name] == pytest.approx(0.5, rel=1e-3)  # up to delta^2, as above
    assert gap / bounds["mean old||new"] == pytest.approx(0.5 / factor(1, 0.5), rel=1e-3)
    assert gap / bounds["mean new||old"] == pytest.approx(0.5 / factor(CHI, 0.5), rel=1e-3)


@pytest.mark.evidence("cor-mean-kl")
def test_a_step_that_promises_no_loss_falls_no_further_than_told():
    """400 pairs, mixed towards L >= 0: the return against the last line of the corollary."""
    asked = 0
    for mdp, pi, new in pairs():
        A = npgkit.evaluate(mdp, pi).A
        better = pi * np.exp(A / np.abs(A).max())  # for this one, L is never negative
        for near in (new, better / better.sum(axis=1, keepdims=True)):
            if surrogate_of(mdp, pi, near) < 0:
                continue
            largest = np.abs((near * A).sum(axis=1)).max()
            for mean in (kl(near, pi), kl(pi, near)):
                epsilon = npgkit.occupancy(mdp, pi) @ mean
                floor = mdp.gamma / (1 - mdp.gamma) ** 2 * largest * np.sqrt(2 * epsilon)
                rise = npgkit.expected_return(mdp, near) - npgkit.expected_return(mdp, pi)
                assert rise >= -floor - rounding(mdp)
                asked += 1
    assert asked > 800


Tree = list[np.ndarray]


def path_laws(old: Tree, new: Tree, times: set[int]) -> np.ndarray:
    """The law of all paths of binary actions, `new` acting at some times and `old` at the rest."""
    law = np.ones(1)
    for time, (p, q) in enumerate(zip(old, new, strict=True)):
        law = (law[:, None] * (q if time in times else p)).ravel()
    return law


def trees(n: int, cases: int) -> Iterator[tuple[Tree, Tree]]:
    """Two policies that see the whole past: a law for each path so far, near ones and far ones."""
    rng = np.random.default_rng(n)
    for _ in range(cases):
        spread = 10 ** rng.uniform(-1.5, 1)
        old = [rng.dirichlet(np.full(2, spread), size=2**t) for t in range(n)]
        other = [rng.dirichlet(np.full(2, spread), size=2**t) for t in range(n)]
        share = 10 ** rng.uniform(-2, 0)
        yield old, [(1 - share) * p + share * q for p, q in zip(old, other, strict=True)]


def hellinger(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2))


@pytest.mark.evidence("lem-hellinger-sum")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 8])
def test_many_changes_cost_no_more_than_chi_times_their_sum(n: int):
    """300 pairs of trees: cut and paste, the inequality of one round, and the whole sum."""
    rng, worst = np.random.default_rng(0), 0.0
    rounds = int(np.ceil(np.log2(n)))
    most = 1 / np.prod(1 - 0.5 ** np.arange(1, rounds + 1))
    for old, new in trees(n, 300):
        none = path_laws(old, new, set())
        U, W = ({t for t in range(n) if rng.random() < 0.5} for _ in range(2))
        laws = [path_laws(old, new, times) for times in (U, W, U | W, U & W)]
        assert np.abs(laws[0] * laws[1] - laws[2] * laws[3]).max() < 1e-15
        single = [hellinger(path_laws(old, new, {t}), none) for t in range(n)]
        joined = [hellinger(path_laws(old, new, {i, j}), none) for i in range(n) for j in range(i)]
        assert sum(joined) <= n * sum(single) + 1e-12
        whole = hellinger(path_laws(old, new, set(range(n))), none)
        assert whole <= most * sum(single) + 1e-12
        worst = max(worst, whole / max(sum(single), 1e-12))
    assert most < CHI < 3.463
    assert worst > 0.99  # near policies add up


@pytest.mark.evidence("lem-hellinger-sum")
@pytest.mark.parametrize("rare", [1e-3, 1e-4])
def test_two_changes_can_cost_more_than_their_sum(rare: float):
    """A rare branch is taken more often, and all is changed in it: 1 + 1/sqrt(2) times the sum."""
    a, b = rare**2, (1 + np.sqrt(2)) ** 2 * rare**2
    old = [np.array([[1 - a, a]]), np.array([[0.5, 0.5], [1.0, 0.0]])]
    new = [np.array([[1 - b, b]]), np.array([[0.5, 0.5], [0.0, 1.0]])]
    none = path_laws(old, new, set())
    single = [hellinger(path_laws(old, new, {t}), none) for t in range(2)]
    ratio = hellinger(path_laws(old, new, {0, 1}), none) / sum(single)
    # Squares of the rare branch's own mass are left out: relative 10 rare^2 = 1e-5.
    assert ratio == pytest.approx(1 + 1 / np.sqrt(2), rel=1e-4)


@pytest.mark.evidence("lem-hellinger-walk")
def test_the_square_roots_of_the_occupancy_move_no_further():
    """400 pairs: zeta^2 against both mean KLs; a fork reaches half of the old||new bound."""
    for mdp, pi, new in pairs():
        gamma, d = mdp.gamma, npgkit.occupancy(mdp, pi)
        zeta2 = hellinger(npgkit.occupancy(mdp, new), d)
        tolerance = 100 * np.finfo(float).eps / (1 - gamma)
        assert zeta2 <= gamma / (1 - gamma) * (d @ kl(pi, new)) + tolerance
        assert zeta2 <= CHI * gamma / (1 - gamma) * (d @ kl(new, pi)) + tolerance
        roots = np.sum((np.sqrt(new) - np.sqrt(pi)) ** 2, axis=1)
        assert zeta2 <= CHI * gamma / (1 - gamma) * (d @ roots) + tolerance
        for divergence in (kl(pi, new), kl(new, pi)):
            assert (roots <= divergence + 1e-14).all()
    mdp, pi, new = fork(0.01, 0.05)  # zeta^2 = gamma delta^2 and the KL is 2 delta^2, nearly
    d = npgkit.occupancy(mdp, pi)
    zeta2 = hellinger(npgkit.occupancy(mdp, new), d)
    assert zeta2 / (0.05 / 0.95 * (d @ kl(pi, new))) == pytest.approx(0.95 / 2, rel=1e-3)


@pytest.mark.evidence("thm-mean-kl")
def test_a_rare_state_frightens_the_maxima_and_not_the_mean():
    """A branch taken one time in 1e4: 20 times below the root, 1e4 below the max, 10 below TV."""
    mdp, pi, new = fork(0.0, 0.9)
    pi[0] = new[0] = [1e-4, 1 - 1e-4]
    new[1] = [0.999, 0.001]
    bounds = bounds_of(mdp, pi, new)
    assert abs(gap_of(mdp, pi, new)) <= min(bounds.values()) + rounding(mdp)
    for name in ("mean new||old", "mean old||new"):
        assert bounds["root new||old"] > 20 * bounds[name]
        assert bounds["max"] > 1e4 * bounds[name]
    assert bounds["TV"] == min(bounds.values())
    new[2] = [0.51, 0.49]  # and a little is changed where one mostly is
    bounds = bounds_of(mdp, pi, new)
    assert abs(gap_of(mdp, pi, new)) <= min(bounds.values()) + rounding(mdp)
    for name in ("mean new||old", "mean old||new"):
        assert bounds["TV"] > 10 * bounds[name]


def test_a_climber_of_each_bound_arrives_after_so_many_steps():
    """Two rooms, natural rays, until the rich room has .8: 46, 104, 147, 388, 501; free, 9."""
    mdp, policy, grid = npgkit.two_rooms(), npgkit.sigmoid_tabular(2), np.geomspace(1e-6, 1, 300)

    def steps(name: str) -> int:
        theta, taken = np.log([4.0, 1 / 9]), 0
        while True:
            pi = npgkit.action_probabilities(policy, theta, 2)
            if npgkit.occupancy(mdp, pi)[1] > 0.8:
                return taken
            rows = npgkit.exact_batch(mdp, policy, theta)
            step = npgkit.natural_step(policy, theta, rows, epsilon=0.02)
            alpha = step.alpha
            if name:
                ends = [
                    npgkit.action_probabilities(policy, theta + a * step.direction, 2)
                    for a in grid[grid < 3 * step.alpha]
                ]
                M = [surrogate_of(mdp, pi, new) - bounds_of(mdp, pi, new)[name] for new in ends]
                alpha = grid[int(np.argmax(M))]
            theta, taken = theta + alpha * step.direction, taken + 1

    assert steps("") == 9
    # The grid of steps is coarser than the chapter's: a few steps more or less.
    assert steps("TV") == pytest.approx(46, abs=2)
    assert steps("root new||old") == pytest.approx(104, abs=4)


@pytest.mark.evidence("prop-line-search")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    "case, damping, k",
    [
        *((case, 0.0, 50) for case in CASES),  # undamped, the networks are singular to rounding
        *(
            (case, damping, k)
            for case in [*CASES, *NETWORKS]
            for damping, k in [(1e-3, 50), (0.1, 10), (0.1, 1), (2.0, 2)]
        ),
    ],
)
def test_for_small_radii_at_most_one_backtrack_is_needed(case, damping, k, direction):
    """Eight policies, four solvers, both KL directions: x gains, has curvature, and j <= 1."""
    policy, theta, batch = {**CASES, **NETWORKS}[case]()
    for epsilon in (1e-6, 1e-8):
        step = npgkit.trust_region_step(
            policy,
            theta,
            batch,
            epsilon=epsilon,
            damping=damping,
            cg_iterations=k,
            direction=direction,
        )
        F = npgkit.FisherOperator(policy, theta, batch)
        g = npgkit.policy_gradient(policy, theta, batch)
        assert g @ step.direction > 0
        assert step.direction @ (F @ step.direction) > 0
        assert step.accepted
        assert len(step.trials) <= 2


@pytest.mark.evidence("prop-line-search")
@pytest.mark.parametrize("beta, enough", [(0.8, 1e-3), (0.99, 1e-5), (0.999, 1e-7)])
def test_the_radius_for_one_backtrack_depends_on_beta(beta: float, enough: float):
    """The blindfolded walker beside the top: one backtrack at `enough`, more at 1000 times it."""
    blind = npgkit.in_coordinates(npgkit.sigmoid_tabular(2), np.ones((2, 1)))
    phi = np.array([np.log(19.0)])
    rows = npgkit.exact_batch(npgkit.two_rooms(), blind, phi)

    def backtracks(epsilon: float) -> int:
        step = npgkit.trust_region_step(
            blind, phi, rows, epsilon=epsilon, damping=0.0, backtrack=beta, max_backtracks=500
        )
        assert step.accepted
        return len(step.trials) - 1

    assert backtracks(enough) == 1
    assert backtracks(1000 * enough) > (1 if beta > 0.8 else 0)


@pytest.mark.evidence("prop-line-search")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("epsilon", [0.02, 0.5, 5.0])
def test_the_search_ends_and_bounds_the_fall_of_the_return(epsilon: float, direction: str):
    """Six random worlds, both KLs, twelve steps: accepted each time, J within the last claim."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        mdp = npgkit.random_mdp(6, 3, 0.8, rng)
        table = npgkit.softmax_tabular(6, 3)
        policy = npgkit.in_coordinates(table, np.kron(rng.normal(size=(6, 2)), np.eye(3)))
        theta = rng.normal(size=6)
        for _ in range(12):
            rows = npgkit.exact_batch(mdp, policy, theta)
            step = npgkit.trust_region_step(
                policy,
                theta,
                rows,
                epsilon=epsilon,
                damping=0.01,
                max_backtracks=60,
                direction=direction,
            )
            assert step.accepted, step.reason
            assert step.kl <= epsilon
            pi, new = (npgkit.action_probabilities(policy, t, 6) for t in (theta, step.theta))
            rise = npgkit.expected_return(mdp, new) - npgkit.expected_return(mdp, pi)
            chi = CHI if direction == "new||old" else 1.0
            assert rise > -constant(mdp, pi) * factor(chi, 0.8) * epsilon - rounding(mdp)
            largest = np.abs((new * npgkit.evaluate(mdp, pi).A).sum(axis=1)).max()
            assert rise > -0.8 / 0.2**2 * largest * np.sqrt(2 * epsilon) - rounding(mdp)
            theta = step.theta


def test_both_tests_can_pass_where_the_return_falls():
    """The blindfolded walker beside the top: epsilon from 1e-3 to 0.5 loses, 1e-4 gains."""
    mdp = npgkit.two_rooms()
    blind = npgkit.in_coordinates(npgkit.sigmoid_tabular(2), np.ones((2, 1)))
    phi = np.array([np.log(19.0)])
    rows = npgkit.exact_batch(mdp, blind, phi)
    start = npgkit.expected_return(mdp, npgkit.action_probabilities(blind, phi, 2))
    for epsilon, rises in ((0.5, False), (0.01, False), (1e-3, False), (1e-4, True)):
        step = npgkit.trust_region_step(blind, phi, rows, epsilon=epsilon, damping=0.0)
        assert step.accepted
        assert step.kl <= epsilon
        assert step.surrogate_gain > 0
        end = npgkit.expected_return(mdp, npgkit.action_probabilities(blind, step.theta, 2))
        assert (end > start) == rises


def test_in_a_table_the_surrogate_rises_along_the_ray():
    """A random table, exact advantages: no trial of any length is refused for its surrogate."""
    policy, theta, batch = softmax_case()
    step = npgkit.natural_step(policy, theta, batch, epsilon=0.02, solver="dense")
    lengths = np.linspace(0, 30, 60) * step.alpha
    L = [npgkit.surrogate(policy, theta + a * step.direction, batch) for a in lengths]
    assert (np.diff(L) > 0).all()


# The walks of the chapter.


def draw_world(seed: int) -> tuple[npgkit.MDP, npgkit.Policy]:
    """Twenty states, five actions, six numbers of each state: the chapter's first cell."""
    rng = np.random.default_rng(seed)
    world = npgkit.random_mdp(20, 5, 0.95, rng)
    six = np.kron(rng.normal(size=(20, 6)), np.eye(5))
    return world, npgkit.in_coordinates(npgkit.softmax_tabular(20, 5), six)


def per_step(world: npgkit.MDP, policy: npgkit.Policy, theta: np.ndarray) -> float:
    pi = npgkit.action_probabilities(policy, theta, world.n_states)
    return (1 - world.gamma) * npgkit.expected_return(world, pi)


@pytest.mark.parametrize("seed", range(4, 12))
def test_without_the_line_search_a_walk_falls(seed: int):
    """Eight worlds, 20 steps of 0.1 nats: natural steps fall by over 0.02, the search by none."""
    world, policy = draw_world(seed)
    falls = {}
    for name, rule in (("leap", npgkit.natural_step), ("look", npgkit.trust_region_step)):
        theta, at = np.zeros(30), per_step(world, policy, np.zeros(30))
        falls[name] = 0.0
        for _ in range(20):
            rows = npgkit.exact_batch(world, policy, theta)
            step = rule(policy, theta, rows, epsilon=0.1, damping=1e-3, cg_iterations=10)
            theta, before = step.theta, at
            at = per_step(world, policy, theta)
            falls[name] = max(falls[name], before - at)
            if before - at > 0.005:
                assert step.surrogate_gain < 0
    assert falls["leap"] > 0.02
    assert falls["look"] < 0.005


@pytest.mark.parametrize("seed", range(4, 12))
def test_the_surrogates_test_alone_keeps_what_was_gained(seed: int):
    """Eight worlds, 20 steps of 0.1 nats: no fall without the KL test, one with it alone."""
    world, policy = draw_world(seed)
    worst = {}
    for alone in ("surrogate", "KL"):
        theta, at, worst[alone] = np.zeros(30), per_step(world, policy, np.zeros(30)), 0.0
        for _ in range(20):
            rows = npgkit.exact_batch(world, policy, theta)
            full = npgkit.natural_step(
                policy, theta, rows, epsilon=0.1, damping=1e-3, cg_iterations=10
            )
            for j in range(11):
                new = theta + 0.8**j * (full.theta - theta)
                L = npgkit.surrogate(policy, new, rows) - npgkit.surrogate(policy, theta, rows)
                passed = (
                    L > 0
                    if alone == "surrogate"
                    else (npgkit.mean_kl(policy, new, theta, rows) <= 0.1)
                )
                if passed:
                    theta = new
                    break
            before, at = at, per_step(world, policy, theta)
            worst[alone] = max(worst[alone], before - at)
    assert worst["surrogate"] < 5e-4
    assert 0.002 < worst["KL"] < 0.02


def test_with_much_damping_the_search_stands_still():
    """lambda = 0.1: refused for ever before step 130, 0.02 per step below lambda = 0."""
    world, policy = draw_world(4)
    ends = {}
    for damping, steps in ((0.0, 60), (0.1, 200)):
        theta, taken = np.zeros(30), []
        for _ in range(steps):
            rows = npgkit.exact_batch(world, policy, theta)
            step = npgkit.trust_region_step(policy, theta, rows, epsilon=0.1, damping=damping)
            theta = step.theta
            taken.append(step.accepted)
        assert not any(taken[-(steps // 3) :])
        ends[damping] = per_step(world, policy, theta)
    assert ends[0.1] < ends[0.0] - 0.02


def test_an_exact_refusal_is_mended_by_a_smaller_radius():
    """Twenty states, six features, 60 steps of 0.1 nats: stuck at the end, but not for good."""
    (world, policy), theta = draw_world(4), np.zeros(30)
    taken = []
    for _ in range(60):
        rows = npgkit.exact_batch(world, policy, theta)
        step = npgkit.trust_region_step(policy, theta, rows, epsilon=0.1, damping=1e-3)
        theta = step.theta
        taken.append(step.accepted)
    first = taken.index(False)
    assert first < 50
    assert not any(taken[first:])
    for epsilon, tries in ((0.1, 30), (1e-3, 10)):
        assert npgkit.trust_region_step(
            policy, theta, rows, epsilon=epsilon, damping=1e-3, max_backtracks=tries
        ).accepted


def test_sampled_rows_can_be_refused_for_either_reason():
    """A Gaussian policy on 40 rows, large radii: both tests of the search have work to do."""
    reasons = set()
    for seed in range(40):
        policy, theta, batch = sampled_case(npgkit.gaussian_linear(3, 2), seed=seed)
        step = npgkit.trust_region_step(policy, theta, batch, epsilon=3.0, damping=1e-3)
        reasons |= {trial.reason for trial in step.trials}
    assert reasons == {
        "accepted",
        "the mean KL is above epsilon",
        "the surrogate does not improve",
    }
