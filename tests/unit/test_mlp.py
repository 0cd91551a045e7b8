"""The multilayer perceptron: its layout, its derivatives' shapes, its precision."""

import numpy as np
import pytest

import npgkit
from npgkit import MLP, networks

NET = MLP(3, (4, 5), 2)


def test_outputs_are_the_formula_with_weights_then_biases_layer_by_layer():
    rng = np.random.default_rng(0)
    W0, b0 = rng.normal(size=(3, 4)), rng.normal(size=4)
    W1, b1 = rng.normal(size=(4, 5)), rng.normal(size=5)
    W2, b2 = rng.normal(size=(5, 2)), rng.normal(size=2)
    theta = np.concatenate([part.ravel() for part in (W0, b0, W1, b1, W2, b2)])
    obs = rng.normal(size=(7, 3))
    expected = np.tanh(np.tanh(obs @ W0 + b0) @ W1 + b1) @ W2 + b2
    assert NET.n_params == len(theta)
    np.testing.assert_allclose(NET.linearize(theta, obs).out, expected, rtol=1e-13)


def test_without_hidden_layers_it_is_linear_with_a_bias():
    net = MLP(3, (), 2)
    rng = np.random.default_rng(0)
    theta, obs = rng.normal(size=8), rng.normal(size=(6, 3))
    with_ones = np.hstack([obs, np.ones((6, 1))])
    at, linear = net.linearize(theta, obs), npgkit.Linear(4, 2).linearize(theta, with_ones)
    v, u = rng.normal(size=8), rng.normal(size=(6, 2))
    np.testing.assert_allclose(at.out, linear.out)
    np.testing.assert_allclose(at.jvp(v), linear.jvp(v))
    np.testing.assert_allclose(at.vjp(u), linear.vjp(u))
    np.testing.assert_allclose(at.per_row(u), linear.per_row(u))


@pytest.mark.parametrize("hidden", [(), (4,), (4, 5), (2, 3, 2)])
def test_jvp_vjp_and_rows_are_one_jacobian(hidden):
    net = MLP(3, hidden, 2)
    rng = np.random.default_rng(1)
    theta, obs = rng.normal(size=net.n_params), rng.normal(size=(6, 3))
    at = net.linearize(theta, obs)
    v, u = rng.normal(size=net.n_params), rng.normal(size=(6, 2))
    assert np.sum(at.jvp(v) * u) == pytest.approx(v @ at.vjp(u), rel=1e-12)
    np.testing.assert_allclose(at.per_row(u).sum(axis=0), at.vjp(u), rtol=1e-10, atol=1e-12)
    h = 1e-6
    difference = net.linearize(theta + h * v, obs).out - net.linearize(theta - h * v, obs).out
    np.testing.assert_allclose(at.jvp(v), difference / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("block", [1, 3, 5, 6])
def test_rows_in_blocks_are_the_rows_together(block, monkeypatch):
    rng = np.random.default_rng(3)
    theta, obs = rng.normal(size=NET.n_params), rng.normal(size=(6, 3))
    v, u = rng.normal(size=NET.n_params), rng.normal(size=(6, 2))
    whole = NET.linearize(theta, obs)
    monkeypatch.setattr(networks, "BLOCK", block)
    parts = NET.linearize(theta, obs)
    np.testing.assert_allclose(parts.out, whole.out, rtol=1e-14)
    np.testing.assert_allclose(parts.jvp(v), whole.jvp(v), rtol=1e-14)
    np.testing.assert_allclose(parts.vjp(u), whole.vjp(u), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(parts.per_row(u), whole.per_row(u), rtol=1e-14)


def test_the_maps_may_be_called_again_and_leave_their_arguments_alone():
    rng = np.random.default_rng(2)
    theta, obs = rng.normal(size=NET.n_params), rng.normal(size=(6, 3))
    at = NET.linearize(theta, obs)
    v, u = rng.normal(size=NET.n_params), rng.normal(size=(6, 2))
    kept = v.copy(), u.copy(), at.jvp(v), at.vjp(u)
    at.jvp(2 * v), at.vjp(3 * u)
    np.testing.assert_array_equal(at.jvp(v), kept[2])
    np.testing.assert_array_equal(at.vjp(u), kept[3])
    np.testing.assert_array_equal(v, kept[0])
    np.testing.assert_array_equal(u, kept[1])


def test_float32_stays_float32():
    theta = NET.init(np.random.default_rng(0)).astype(np.float32)
    at = NET.linearize(theta, np.ones((6, 3)))
    results = at.out, at.jvp(theta), at.vjp(at.out), at.per_row(at.out)
    assert {a.dtype for a in results} == {np.dtype(np.float32)}


def test_float32_stays_float32_in_blocks(monkeypatch):
    monkeypatch.setattr(networks, "BLOCK", 4)
    test_float32_stays_float32()


def test_the_first_outputs_are_small_and_the_hidden_units_not_saturated():
    net = MLP(20, (64, 64), 3)
    rng = np.random.default_rng(0)
    theta, obs = net.init(rng), rng.normal(size=(500, 20))
    assert np.abs(net.linearize(theta, obs).out).max() < 0.1
    W, b = net.unpack(theta)[0]
    assert 0.4 < np.abs(np.tanh(obs @ W + b)).mean() < 0.8
    np.testing.assert_array_equal(theta, net.init(np.random.default_rng(0)))


@pytest.mark.parametrize("sizes", [(0, (4,), 2), (3, (4, 0), 2), (3, (4,), -1), (3, (2.5,), 2)])
def test_a_layer_without_units_is_refused(sizes):
    with pytest.raises(ValueError, match="the size of each layer must be"):
        MLP(*sizes)


def test_sizes_are_kept_as_whole_numbers():
    net = MLP(3.0, [np.int64(4), 5.0], 2.0)
    assert net == NET
    assert {type(size) for size in (net.n_inputs, *net.hidden, net.n_outputs)} == {int}
    np.testing.assert_array_equal(
        net.init(np.random.default_rng(0)), NET.init(np.random.default_rng(0))
    )


def test_one_number_is_no_list_of_sizes():
    with pytest.raises(ValueError, match="hidden must be a list of sizes; got 64"):
        MLP(3, 64, 2)


@pytest.mark.parametrize("net", [NET, npgkit.WithFreeOutputs(NET, 3)], ids=["MLP", "with free"])
@pytest.mark.parametrize("more", [-2, -1, 1])
@pytest.mark.parametrize("rows", [6, networks.BLOCK + 1])
def test_parameters_and_directions_of_another_length_are_refused(net, more, rows):
    """Not the first n_params entries, nor one number standing for several."""
    n, obs = net.n_params, np.ones((rows, 3))
    got = rf"must have shape \({n},\); got \({n + more},\)"
    with pytest.raises(ValueError, match="theta " + got):
        net.linearize(np.zeros(n + more), obs)
    with pytest.raises(ValueError, match="v " + got):
        net.linearize(np.zeros(n), obs).jvp(np.zeros(n + more))


def test_observations_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"obs must have shape \(n, 3\); got \(6, 4\)"):
        NET.linearize(np.zeros(NET.n_params), np.ones((6, 4)))
