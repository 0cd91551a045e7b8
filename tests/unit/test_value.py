"""The value baseline: fits lower the loss, exact where the network can be, in any unit."""

import numpy as np
import pytest

from npgkit.perceptron import MLP
from npgkit.practice.value import Baseline


def data(seed=0, n=300, size=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, size)), rng


def loss(baseline, params, obs, targets):
    return float(((baseline.predict(params, obs) - targets) ** 2).mean())


def moved(baseline, obs, seed=0, dtype=np.float64):
    """Parameters away from the start, with a shift and a scale of its own."""
    params = baseline.init(np.random.default_rng(seed)).astype(dtype)
    params[:-2] += 0.3 * np.random.default_rng(seed + 1).normal(size=len(params) - 2)
    params[-2:] = -4.0, 2.5
    return params


OBS, RNG = data()
TARGETS = {
    "linear": OBS @ [1.0, -2.0, 0.5] + 7,
    "bent": np.sin(2 * OBS[:, 0]) * OBS[:, 1],
    "noise": RNG.normal(size=300),
    "far away": 1e4 + RNG.normal(size=300),
    "huge": 1e6 * RNG.normal(size=300),
    "tiny": 1e-4 * RNG.normal(size=300),
    "heavy tails": RNG.standard_t(1.1, size=300),
    "constant": np.full(300, 3.0),
    "zero": np.zeros(300),
}


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("damping", [1e-4, 0.1, 10.0])
@pytest.mark.parametrize("hidden", [(), (8,), (8, 8)])
def test_a_fit_never_raises_the_loss(targets, damping, hidden):
    """Up to rounding of numbers of the size of the targets."""
    baseline = Baseline(MLP(3, hidden, 1), damping)
    params = moved(baseline, OBS)
    before = loss(baseline, params, OBS, targets)
    rounding = 1e-24 * (1 + float((targets**2).max()))
    for _ in range(4):
        params = baseline.fit(params, OBS, targets)
        after = loss(baseline, params, OBS, targets)
        assert after <= before * (1 + 1e-9) + rounding
        before = after
    assert np.isfinite(params).all()


@pytest.mark.parametrize("name", ["linear", "bent", "huge", "far away", "tiny"])
def test_the_first_fit_brings_the_loss_below_the_variance(name):
    """The variance is the loss of the best constant."""
    baseline, targets = Baseline(MLP(3, (16,), 1), damping=0.01), TARGETS[name]
    params = baseline.fit(baseline.init(np.random.default_rng(0)), OBS, targets)
    assert loss(baseline, params, OBS, targets) < 0.99 * targets.var()


def test_a_constant_that_all_targets_gain_is_met_without_a_round():
    baseline, targets = Baseline(MLP(3, (8,), 1), damping=0.01, rounds=0), TARGETS["bent"]
    params = moved(baseline, OBS)
    targets = baseline.predict(params, OBS) + 1e6
    np.testing.assert_allclose(baseline.predict(baseline.fit(params, OBS, targets), OBS), targets)


@pytest.mark.parametrize("unit", [1e-8, 1e-4, 1.0, 1e4])
def test_the_first_value_is_zero_in_any_unit(unit):
    """Down to targets whose deviation is the floor of the scale, 1e-6."""
    baseline, targets = Baseline(MLP(3, (8,), 1), damping=0.01), TARGETS["bent"]
    params = baseline.init(np.random.default_rng(0))
    np.testing.assert_array_equal(baseline.predict(params, OBS), 0.0)
    once = baseline.predict(baseline.fit(params, OBS, targets), OBS)
    scaled = baseline.predict(baseline.fit(params, OBS, unit * targets), OBS) / unit
    if unit * targets.std() > 1e-6:
        np.testing.assert_allclose(scaled, once, rtol=1e-6, atol=1e-8)
    else:
        assert np.mean((scaled - targets) ** 2) < targets.var()


def test_a_linear_target_is_met_by_a_linear_network():
    """A damped round keeps at most damping / (damping + smallest eigenvalue of J'J/n)."""
    damping, rounds = 0.01, 8
    X = np.hstack([OBS, np.ones((300, 1))])
    smallest = np.linalg.eigvalsh(X.T @ X / 300)[0]
    left = (damping / (damping + smallest)) ** rounds
    targets = TARGETS["linear"]
    baseline = Baseline(MLP(3, (), 1), damping, rounds=rounds)
    params = baseline.fit(baseline.init(np.random.default_rng(0)), OBS, targets)
    bound = 10 * left * targets.std()  # the weights' distance, seen through rows of norm < 10
    assert bound < 1e-8
    np.testing.assert_allclose(baseline.predict(params, OBS), targets, atol=bound + 1e-12)


def test_a_tanh_network_comes_close_to_a_linear_target():
    """Within 1 % of the standard deviation after 40 rounds."""
    baseline = Baseline(MLP(3, (16,), 1), 1e-3, cg_iterations=30, rounds=40)
    params = baseline.fit(baseline.init(np.random.default_rng(0)), OBS, TARGETS["linear"])
    assert loss(baseline, params, OBS, TARGETS["linear"]) < 1e-4 * TARGETS["linear"].var()


def beginning(baseline, params, targets):
    """The parameters that the rounds begin at: in the targets' unit, with the best constant."""
    changed = baseline._rescaled(params, targets)
    net, (shift, scale) = changed[:-2], changed[-2:]
    return np.append(baseline._centred(net, OBS, (targets - shift) / scale), [shift, scale])


def test_one_round_is_the_damped_gauss_newton_step():
    """Against the dense system, CG run to the end; the halvings are not needed here."""
    baseline = Baseline(MLP(3, (4,), 1), damping=0.5, cg_iterations=200, rounds=1)
    targets = TARGETS["bent"]
    params = moved(baseline, OBS)
    net, shift, scale = np.split(beginning(baseline, params, targets), [-2, -1])
    at = baseline.network.linearize(net, OBS)
    J = at.per_row(np.ones((300, 1)))
    missing = (targets - shift) / scale - at.out[:, 0]
    step = np.linalg.solve(J.T @ J / 300 + 0.5 * np.eye(len(net)), J.T @ missing / 300)
    fitted = baseline.fit(params, OBS, targets)
    np.testing.assert_allclose(fitted[:-2], net + step, atol=1e-8)


def test_a_step_that_overshoots_is_halved_or_left_out(monkeypatch):
    """A step that overshoots is halved and one that never helps is left out."""
    baseline = Baseline(MLP(3, (), 1), damping=1e-9, rounds=1)
    params, targets = moved(baseline, OBS), TARGETS["linear"]
    exact = baseline.fit(params, OBS, targets)
    start = beginning(baseline, params, targets)
    for factor, halvings in ((3.0, 1), (7.0, 2), (-1.0, None)):
        with monkeypatch.context() as patch:
            patch.setattr("npgkit.practice.value.conjugate_gradient", lengthened(factor))
            found = baseline.fit(params, OBS, targets)
        # a step of t times the exact one leaves |1 - t| of the error: it helps for t < 2
        share = 0.0 if halvings is None else factor / 2**halvings
        np.testing.assert_allclose(found, start + share * (exact - start), atol=1e-6)


def lengthened(factor):
    from dataclasses import replace

    from npgkit.cg import conjugate_gradient

    def solve(*args, **options):
        result = conjugate_gradient(*args, **options)
        return replace(result, x=factor * result.x)

    return solve


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_new_shift_and_scale_leave_the_predictions(targets, dtype):
    """Up to rounding at the size of the numbers that cancel: shifts, and predictions."""
    baseline = Baseline(MLP(3, (8,), 1))
    params = moved(baseline, OBS, dtype=dtype)
    before = baseline.predict(params, OBS)
    changed = baseline._rescaled(params, targets)
    assert changed.dtype == dtype
    assert changed[-2] == pytest.approx(targets.mean(), rel=1e-6, abs=1e-12)
    assert changed[-1] == pytest.approx(max(targets.std(), 1e-6), rel=1e-6)
    size = np.abs(before).max() + abs(targets.mean()) + 4
    bound = 32 * np.finfo(dtype).eps * size
    np.testing.assert_allclose(baseline.predict(changed, OBS), before, atol=bound)


@pytest.mark.parametrize("unit", [1000.0, 1e-3, 1024.0])
def test_a_fit_does_not_depend_on_the_unit_of_the_rewards(unit):
    """Targets in another unit, and V with them: the same network, up to rounding."""
    baseline, targets = Baseline(MLP(3, (8,), 1)), TARGETS["bent"] + 2
    plain = scaled = baseline.init(np.random.default_rng(0))
    scaled = scaled.copy()
    scaled[-2:] *= unit
    for _ in range(3):
        plain = baseline.fit(plain, OBS, targets)
        scaled = baseline.fit(scaled, OBS, unit * targets)
    np.testing.assert_allclose(scaled[:-2], plain[:-2], atol=1e-9)
    np.testing.assert_allclose(
        baseline.predict(scaled, OBS), unit * baseline.predict(plain, OBS), rtol=1e-8
    )


def test_the_first_value_is_nearly_zero_everywhere():
    baseline = Baseline(MLP(3, (64, 64), 1))
    params = baseline.init(np.random.default_rng(0))
    assert params.shape == (baseline.network.n_params + 2,)
    assert np.abs(baseline.predict(params, OBS)).max() < 0.1


def test_float32_stays_float32_and_nothing_is_overwritten():
    """Float32 stays float32 and the parameters are not written to."""
    baseline = Baseline(MLP(3, (8,), 1))
    params = moved(baseline, OBS, dtype=np.float32)
    kept = params.copy()
    fitted = baseline.fit(params, OBS.astype(np.float32), TARGETS["bent"])
    assert fitted.dtype == np.float32
    assert baseline.predict(fitted, OBS.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(params, kept)
    assert not np.array_equal(fitted, kept)
