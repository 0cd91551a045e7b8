"""Floating point: the caller's error settings change nothing, and float32 is taken everywhere."""

import inspect
import itertools
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

import npgkit
from npgkit import Batch, average_reward, floating
from npgkit.cg import BACKWARD, Status
from npgkit.kl_problem import KLProblem
from tests.support import gaussian_mlp, random_policy_table, sampled_case, softmax_mlp

EPS32 = float(np.finfo(np.float32).eps)


def softmax_table(scale, reward, dtype=np.float64):
    """A tabular softmax on a random MDP: logits and rewards of the given size."""
    rng = np.random.default_rng(0)
    mdp = npgkit.random_mdp(4, 3, 0.9, rng)
    mdp = npgkit.MDP(mdp.P, reward * mdp.R, 0.9, mdp.rho)
    policy, theta = npgkit.softmax_tabular(4, 3), scale * rng.normal(size=12)
    return policy, theta.astype(dtype), npgkit.exact_batch(mdp, policy, theta), mdp


def rows(policy, reward=1.0, log_std=None, dtype=np.float64):
    """Sampled rows; the log standard deviations, last in theta, at the given value."""
    policy, theta, batch = sampled_case(policy, dtype=dtype)
    if log_std is not None:
        theta = theta.copy()
        theta[-policy.distribution.act_dim :] = log_std
        act = policy.sample(theta, batch.obs, np.random.default_rng(1))
        batch = replace(batch, act=act, logp=policy.logp(theta, batch.obs, act))
    return policy, theta, replace(batch, adv=(reward * batch.adv).astype(dtype)), None


SITUATIONS = {
    "ordinary": lambda: softmax_table(1.0, 1.0),
    "saturated": lambda: softmax_table(400.0, 1.0),
    "saturated in float32": lambda: softmax_table(60.0, 1.0, np.float32),
    "tiny rewards": lambda: softmax_table(1.0, 1e-300),
    "huge rewards": lambda: softmax_table(1.0, 1e300),
    "gaussian": lambda: rows(npgkit.gaussian_linear(3, 2)),
    "narrow gaussian": lambda: rows(npgkit.gaussian_linear(3, 2), log_std=-30.0),
    "wide gaussian": lambda: rows(npgkit.gaussian_linear(3, 2), log_std=30.0),
    "narrow in float32": lambda: rows(npgkit.gaussian_linear(3, 2), 1.0, -30.0, np.float32),
    "tiny advantages": lambda: rows(npgkit.softmax_linear(3, 4), 1e-300),
    "huge advantages": lambda: rows(npgkit.softmax_linear(3, 4), 1e300),
    "network": lambda: rows(gaussian_mlp(), 1e-30, None, np.float32),
    "softmax network": lambda: rows(softmax_mlp(), 1e200),
    "other coordinates": lambda: rows(
        npgkit.in_coordinates(npgkit.softmax_linear(3, 2), 1e150 * np.eye(6)), 1e-200
    ),
}


def rng():
    return np.random.default_rng(3)


def fisher(policy, theta, batch):
    F = npgkit.FisherOperator(policy, theta, batch, 1e-3)
    return F.dense(), F.matvec(theta), F @ theta


def maps(policy, theta, batch):
    at = policy.linearize(theta, batch.obs)
    raw = policy.network.linearize(theta, batch.obs)
    return at.out, at.jvp(theta), raw.vjp(at.out), raw.per_row(at.out)


def closed_forms(policy, theta, batch):
    p, q = (policy.linearize(t, batch.obs).out for t in (theta, -theta))
    dist, act = policy.distribution, batch.act
    by_outputs = dist.score(p, act), dist.kl_gradients(p, q), dist.fisher_product(p, q)
    by_rows = dist.logp(p, act), dist.kl(p, q), dist.entropy(p)
    return by_outputs, by_rows, dist.mode(p), dist.sample(p, rng())


def log_probabilities(policy, theta, batch):
    if not isinstance(policy.distribution, npgkit.Categorical):
        return None
    out = policy.linearize(theta, batch.obs).out
    return policy.distribution.log_probabilities(out), policy.distribution.probabilities(out)


def solved(policy, theta, batch):
    F, g = npgkit.FisherOperator(policy, theta, batch), npgkit.policy_gradient(policy, theta, batch)
    found = npgkit.conjugate_gradient(F, g) if np.isfinite(g).all() else None
    return found and (found.x, found.status, found.residuals, found.xAx)


ON_A_BATCH = {
    "Policy.sample": lambda p, t, b: p.sample(t, b.obs, rng()),
    "Policy.logp": lambda p, t, b: p.logp(-t, b.obs, b.act),
    "Policy.score": lambda p, t, b: p.score(t, b.obs, b.act),
    "Policy.init": lambda p, t, b: p.init(rng()),
    "networks": maps,
    "distributions": closed_forms,
    "probabilities": log_probabilities,
    "FisherOperator": fisher,
    "empirical_fisher": npgkit.empirical_fisher,
    "conjugate_gradient": solved,
    "policy_gradient": npgkit.policy_gradient,
    "surrogate": lambda p, t, b: npgkit.surrogate(p, -t, b),
    "mean_kl": lambda p, t, b: npgkit.mean_kl(p, -t, t, b),
    "kl_gradient": lambda p, t, b: npgkit.kl_gradient(p, -t, t, b, "old||new"),
    "euclidean_step": lambda p, t, b: npgkit.euclidean_step(p, t, b, alpha=1.0),
    "euclidean_step radius": lambda p, t, b: npgkit.euclidean_step(p, t, b, radius=1e-3),
    "natural_step": lambda p, t, b: npgkit.natural_step(p, t, b, epsilon=0.01),
    "natural_step dense": lambda p, t, b: npgkit.natural_step(
        p, t, b, epsilon=0.01, solver="dense"
    ),
    "trust_region_step": lambda p, t, b: npgkit.trust_region_step(
        p, t, b, epsilon=0.01, damping=0.1
    ),
    "kl_step": lambda p, t, b: npgkit.kl_step(p, t, b, epsilon=0.01),
    "surrogate_kl_step": lambda p, t, b: npgkit.surrogate_kl_step(p, t, b, epsilon=0.01),
    "Batch": lambda p, t, b: Batch(b.obs, b.act, b.adv, b.weights, b.logp),
}

ON_AN_MDP = {
    "exact_batch": lambda p, t, mdp: npgkit.exact_batch(mdp, p, t),
    "average_batch": lambda p, t, mdp: average_reward.average_batch(mdp, p, t),
    "action_probabilities": lambda p, t, mdp: npgkit.action_probabilities(p, t, mdp.n_states),
    "evaluate": lambda p, t, mdp: npgkit.evaluate(mdp, random_policy_table(4, 3)),
    "occupancy": lambda p, t, mdp: npgkit.occupancy(mdp, random_policy_table(4, 3)),
    "expected_return": lambda p, t, mdp: npgkit.expected_return(mdp, random_policy_table(4, 3)),
    "optimal": lambda p, t, mdp: npgkit.optimal(mdp),
    "average_reward": lambda p, t, mdp: average_reward.average_reward(
        mdp, random_policy_table(4, 3)
    ),
    "differential_values": lambda p, t, mdp: average_reward.differential_values(
        mdp, random_policy_table(4, 3)
    ),
    "stationary": lambda p, t, mdp: average_reward.stationary(
        [[1 - 1e-300, 1e-300], [1e-300, 1 - 1e-300]]
    ),
    "MDP": lambda p, t, mdp: npgkit.MDP(mdp.P, mdp.R, mdp.gamma, mdp.rho),
}

MADE_WITHOUT_ARITHMETIC = {
    "MLP", "CGResult", "Categorical", "DiagGaussian", "Distribution", "Linear", "Linearization",
    "Network", "Policy", "Step", "Table", "Trial", "Values", "WithFreeOutputs", "bandit",
    "gaussian_linear", "in_coordinates", "random_mdp", "sigmoid_tabular", "softmax_linear",
    "softmax_tabular", "two_rooms", "MultiCategorical", "check_distribution", "check_network",
}  # fmt: skip


def parts(result):
    """A result's arrays and numbers, however nested."""
    if is_dataclass(result) and not isinstance(result, npgkit.Policy):
        result = [getattr(result, field.name) for field in fields(result)]
    if isinstance(result, tuple | list):
        return [part for item in result for part in parts(item)]
    return [result]


def assert_same(name, one, other):
    for a, b in zip(parts(one), parts(other), strict=True):
        np.testing.assert_array_equal(a, b, name)


SLOW_FOR_EXACT_STEPS = {"network", "narrow gaussian"}  # half a minute each
EXACT_STEPS = {"kl_step", "surrogate_kl_step"}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_seterr_of_the_caller_changes_nothing(situation):
    policy, theta, batch, mdp = SITUATIONS[situation]()
    calls = [(name, call, batch) for name, call in ON_A_BATCH.items()]
    if situation in SLOW_FOR_EXACT_STEPS:
        calls = [item for item in calls if item[0] not in EXACT_STEPS]
    calls += [(name, call, mdp) for name, call in ON_AN_MDP.items() if mdp is not None]
    for name, call, last in calls:
        with np.errstate(all="warn"):  # pytest makes errors of warnings
            plain = call(policy, theta, last)
        with np.errstate(all="raise"):
            assert_same(name, plain, call(policy, theta, last))
            assert set(np.geterr().values()) == {"raise"}


def test_every_public_name_of_the_core_is_in_the_table():
    tried = {name.split(".")[0].split(" ")[0] for name in (*ON_A_BATCH, *ON_AN_MDP)}
    public = {name for name in npgkit.__all__ if getattr(npgkit, name).__module__.count(".") == 1}
    assert public - tried - MADE_WITHOUT_ARITHMETIC == set()
    functions = inspect.getmembers(average_reward, inspect.isfunction)
    mine = {n for n, f in functions if f.__module__ == average_reward.__name__ and n[0] != "_"}
    assert mine - tried == set()


@pytest.mark.parametrize("as_in_numpy_1", [False, True])
def test_nested_quiet_calls_restore_what_was_set(as_in_numpy_1, monkeypatch):
    if as_in_numpy_1:
        monkeypatch.setattr(floating, "_NUMPY_1", True)

    @floating.quiet
    def factorial(n):
        assert set(np.geterr().values()) == {"ignore"}
        return n * factorial(n - 1) if n else 1

    with np.errstate(over="raise", under="warn"):
        before = np.geterr()
        assert factorial(4) == 24
        assert np.geterr() == before


# Precision.

LOW = {"float16": np.float16, "float32": np.float32, "float64": np.float64}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gamma", [0.5, 0.999])
@pytest.mark.parametrize(("mdp_dtype", "theta_dtype"), [*itertools.product(LOW, LOW)])
def test_an_mdp_of_any_precision_makes_a_batch(mdp_dtype, theta_dtype, gamma, seed):
    """Its weights sum to 1 in float64, whatever one rounding in a row becomes over the horizon."""
    generator = np.random.default_rng(seed)
    exact, policy = npgkit.random_mdp(6, 3, gamma, generator), npgkit.softmax_tabular(6, 3)
    theta = generator.normal(size=18).astype(LOW[theta_dtype])
    P, R, rho = (a.astype(LOW[mdp_dtype]) for a in (exact.P, exact.R, exact.rho))
    mdp = npgkit.MDP(P, R, gamma, rho)
    for batch in (
        npgkit.exact_batch(mdp, policy, theta),
        average_reward.average_batch(mdp, policy, theta),
    ):
        assert batch.weights.sum() == pytest.approx(1, abs=1e-12 / (1 - gamma))
        by_state = (batch.weights * batch.adv).reshape(6, 3).sum(axis=1)
        assert np.abs(by_state).max() <= 1e-11 / (1 - gamma) ** 2


@pytest.mark.parametrize("dtype", LOW)
def test_probabilities_computed_in_any_precision_are_taken(dtype):
    """A softmax in float32 or float16, handed on in float64, is off by its own rounding."""
    mdp, generator = npgkit.random_mdp(6, 3, 0.99, np.random.default_rng(0)), rng()
    for _ in range(50):
        logits = generator.normal(size=(6, 3)).astype(LOW[dtype])
        pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        handed_on = [pi] if dtype == "float16" else [pi, pi.astype(np.float64)]
        for table in handed_on:
            assert npgkit.occupancy(mdp, table).sum() == pytest.approx(1, abs=1e-12)
            average_reward.stationary(np.einsum("sa,sat->st", table, mdp.P).astype(table.dtype))
            npgkit.evaluate(mdp, table)
            npgkit.expected_return(mdp, table)
            average_reward.differential_values(mdp, table)
    weights = np.full(7, 1 / 7, LOW[dtype])
    assert Batch(np.arange(7), np.zeros(7, int), np.ones(7), weights).weights.sum() == (
        pytest.approx(1, abs=float(np.sqrt(np.finfo(LOW[dtype]).eps)))
    )


def test_rows_that_float32_does_not_explain_are_refused():
    for off in (1e-5, -1e-5):
        with pytest.raises(ValueError, match="sums to"):
            npgkit.evaluate(npgkit.two_rooms(), [[0.5, 0.5 + off], [0.5, 0.5]])


STEPS = {
    "euclidean": lambda *case: npgkit.euclidean_step(*case, radius=0.01),
    "natural": lambda *case: npgkit.natural_step(*case, epsilon=0.01),
    "natural damped": lambda *case: npgkit.natural_step(*case, epsilon=0.01, damping=0.1),
    "natural dense": lambda *case: npgkit.natural_step(*case, epsilon=0.01, solver="dense"),
    "trust region": lambda *case: npgkit.trust_region_step(*case, epsilon=0.01, damping=0.1),
    "kl": lambda *case: npgkit.kl_step(*case, epsilon=0.01),
    "kl old||new": lambda *case: npgkit.kl_step(*case, epsilon=0.01, direction="old||new"),
}
POLICIES = {
    "softmax": npgkit.softmax_linear(3, 4),
    "gaussian": npgkit.gaussian_linear(3, 2),
    "other coordinates": npgkit.in_coordinates(npgkit.gaussian_linear(3, 2), np.tri(8)),
}


def in_precision(batch, dtype):
    act = batch.act if batch.act.dtype.kind == "i" else batch.act.astype(dtype)
    floats = (getattr(batch, name).astype(dtype) for name in ("adv", "weights", "logp"))
    return Batch(batch.obs.astype(dtype), act, *floats)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize(
    ("theta_dtype", "batch_dtype"), [(a, b) for a in LOW for b in LOW if a != b or a == "float32"]
)
def test_a_step_in_mixed_precision_is_the_float64_step(step, policy, theta_dtype, batch_dtype):
    """float16 rows are other rows: their step is compared with float64's on the same rows."""
    policy, theta, batch = sampled_case(policy, n=60)
    theta = theta.astype(LOW[theta_dtype])
    batch = in_precision(batch, LOW[batch_dtype])
    if "float16" in (theta_dtype, batch_dtype):  # ratios to a logp of three digits mean little
        batch = replace(batch, logp=policy.logp(theta, batch.obs, batch.act))
    given = (batch.obs, batch.act, batch.adv, batch.weights, batch.logp)
    wide = Batch(*(np.asarray(a, np.float64) if a.dtype.kind == "f" else a for a in given))
    wide = replace(wide, weights=wide.weights / wide.weights.sum())
    narrow, exact = step(policy, theta, batch), step(policy, theta.astype(float), wide)
    assert narrow.accepted, narrow.reason
    length = np.linalg.norm(exact.theta - exact.theta_old)
    F = npgkit.FisherOperator(policy, theta.astype(float), wide).dense()
    curvature = np.linalg.eigvalsh(F)
    condition = curvature[-1] / curvature[curvature > 1e-12 * curvature[-1]][0]
    assert condition < 1e3  # so that the bound says something
    # a backward error of rounding, through F's condition number; theta is rounded, too
    bound = BACKWARD * EPS32 * (condition * length + np.linalg.norm(theta))
    assert np.linalg.norm(narrow.theta - exact.theta) <= bound
    kept = np.float32 if theta_dtype == "float32" else np.float64
    assert narrow.theta.dtype == (np.float64 if "kl" in step_name(step) else kept)


def step_name(step):
    return next(name for name, made in STEPS.items() if made is step)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize(("theta_dtype", "batch_dtype"), [("float32", "float64"),
                         ("float64", "float32"), ("float32", "float32")])  # fmt: skip
@pytest.mark.parametrize("adv", [1.0, -3.7e5])
def test_what_float32_leaves_of_a_zero_gradient_is_zero(step, theta_dtype, batch_dtype, adv):
    mdp, policy = npgkit.random_mdp(5, 3, 0.9, rng()), npgkit.softmax_tabular(5, 3)
    theta = rng().normal(size=15).astype(LOW[theta_dtype])
    batch = in_precision_of_a_table(npgkit.exact_batch(mdp, policy, theta), LOW[batch_dtype])
    result = step(policy, theta, replace(batch, adv=np.full_like(batch.adv, adv)))
    assert not result.accepted
    assert "the gradient is zero" in result.reason
    np.testing.assert_array_equal(result.theta, theta)


def in_precision_of_a_table(batch, dtype):
    floats = (getattr(batch, name).astype(dtype) for name in ("adv", "weights", "logp"))
    return Batch(batch.obs, batch.act, *floats)


@pytest.mark.parametrize("unit", [1e-300, 1e-20, 1e-6, 1.0, 1e6, 1e250])
def test_the_best_policy_does_not_depend_on_the_unit_of_rewards(unit):
    for seed in range(5):
        mdp = npgkit.random_mdp(6, 4, 0.95, np.random.default_rng(seed))
        scaled = npgkit.MDP(mdp.P, unit * mdp.R, mdp.gamma, mdp.rho)
        np.testing.assert_array_equal(npgkit.optimal(scaled)[0], npgkit.optimal(mdp)[0])


@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.999999])
@pytest.mark.parametrize("reward", [0.0, 1e-300, 1 / 3, 1e300])
def test_policy_iteration_ends_where_all_actions_tie(gamma, reward):
    P = rng().dirichlet(np.ones(5), size=5)[:, None].repeat(3, axis=1)
    pi, _ = npgkit.optimal(npgkit.MDP(P, np.full((5, 3), reward), gamma, np.full(5, 0.2)))
    np.testing.assert_array_equal(pi.argmax(axis=1), 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("epsilon", [1e-6, 0.01, 1.0])
def test_a_kl_problem_is_solved_as_well_as_its_precision_allows(dtype, epsilon):
    """D = cosh(|z|) - 1 = 2 sinh(|z|/2)^2 = epsilon at a multiple of g."""
    g = rng().normal(size=4).astype(dtype)

    def divergence(z):
        return float(2 * np.sinh(np.linalg.norm(z.astype(dtype)) / 2) ** 2)

    def gradient(z):
        z = z.astype(dtype)
        size = np.linalg.norm(z)
        return np.sinh(size) / size * z

    problem = KLProblem(g, divergence, gradient, epsilon)
    found = problem.solve(np.empty((0, 4), dtype))
    assert found.status == "solved"
    exact = g / np.linalg.norm(g) * 2 * np.arcsinh(np.sqrt(epsilon / 2))
    eps = float(np.finfo(dtype).eps)
    bound = max(1e-10, 256 * eps) * np.linalg.norm(exact)
    assert np.linalg.norm(found.z - exact) <= bound


# Conjugate gradients.


def spd(n, condition, seed, dtype=np.float32):
    generator = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(generator.normal(size=(n, n)))
    A = (Q * np.geomspace(1, 1 / condition, n)) @ Q.T
    return ((A + A.T) / 2).astype(dtype), generator.normal(size=n).astype(dtype)


@pytest.mark.parametrize("n", [1, 5, 40, 150])
@pytest.mark.parametrize("condition", [1.0, 10.0, 100.0, 300.0])
def test_cg_in_float32_converges_at_the_default_tolerance(n, condition):
    for seed in range(4):
        A, b = spd(n, condition, seed)
        result = npgkit.conjugate_gradient(A, b)
        true = np.linalg.norm(b.astype(float) - A.astype(float) @ result.x.astype(float))
        assert (result.converged, result.status) == (True, "converged")
        assert true <= 256 * EPS32 * np.linalg.norm(b)
        assert result.x.dtype == np.float32


@pytest.mark.parametrize("condition", [1e4, 1e5])
def test_cg_says_that_rounding_and_not_A_holds_it_back(condition):
    A, b = spd(40, condition, seed=0)
    result = npgkit.conjugate_gradient(A, b)
    assert not result.converged
    assert result.status is Status.ROUNDING
    backward = result.residuals[-1] / (np.linalg.norm(A, 2) * np.linalg.norm(result.x) + 1)
    assert backward <= BACKWARD * EPS32


@pytest.mark.parametrize("M", [None, lambda v: 0.5 * v])
def test_cg_on_a_singular_float32_system_is_no_fault(M):
    """b in the range of A up to rounding: what remains of it is not curvature."""
    for seed in range(5):
        B = np.random.default_rng(seed).normal(size=(30, 12))
        A = (B @ B.T).astype(np.float32)
        b = A @ np.random.default_rng(seed).normal(size=30).astype(np.float32)
        result = npgkit.conjugate_gradient(A, b, M=M)
        assert result.converged, result.status


@pytest.mark.parametrize("inner", [np.float32, np.float64])
def test_cg_knows_how_precise_an_operators_products_are(inner):
    policy, theta, batch = sampled_case(npgkit.softmax_linear(3, 4), n=60, dtype=inner)
    F = npgkit.FisherOperator(policy, theta, batch, damping=0.1)
    result = npgkit.conjugate_gradient(F, np.ones(12))
    assert result.converged, result.status
    wanted = 1e-10 if inner is np.float64 else 256 * EPS32
    assert result.residuals[-1] <= wanted * np.sqrt(12)


def test_cg_stopped_by_its_caller_says_so_in_float32():
    A, b = spd(40, 100.0, seed=0)
    result = npgkit.conjugate_gradient(A, b, max_iter=5)
    assert (result.status, result.iterations) == (Status.STOPPED, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x0", [None, np.ones(20), np.full(20, 1e30), np.zeros(20)])
def test_cg_of_a_zero_right_hand_side_is_zero_whatever_x0(dtype, x0):
    A, _ = spd(20, 10.0, 0, dtype)
    for options in ({}, {"atol": 1.0}, {"max_iter": 0}, {"rtol": 0.0}, {"M": np.eye(20)}):
        result = npgkit.conjugate_gradient(A, np.zeros(20, dtype), x0=x0, **options)
        assert (result.converged, result.iterations, result.xAx) == (True, 0, 0.0)
        assert not result.x.any()
        np.testing.assert_array_equal(result.residuals, [0.0])
