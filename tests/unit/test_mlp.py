"""The multilayer perceptron: its layout, its derivatives' shapes, its precision."""

import itertools
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import npgkit
from npgkit import MLP, perceptron

NET = MLP(3, (4, 5), 2)
# Few outputs, whose derivatives are kept: two hidden layers, three, and two outputs.
FEW = [MLP(3, (5, 64), 1), MLP(3, (2, 64, 65), 1), MLP(2, (3, 128), 2)]
NETS = [NET, MLP(3, (), 2), MLP(3, (4,), 1), MLP(2, (2, 3, 2), 2), *FEW]
each_net = pytest.mark.parametrize("net", NETS, ids=lambda net: f"{net.hidden} {net.n_outputs}")


def linearized(net, rows=6, seed=3, dtype=np.float64):
    """A linearization with a direction v and outputs' weights u to go with it."""
    rng = np.random.default_rng(seed)
    theta, v = rng.normal(size=(2, net.n_params)).astype(dtype) / 2
    inputs = getattr(net, "network", net).n_inputs
    obs = rng.normal(size=(rows, inputs)).astype(dtype)
    return net.linearize(theta, obs), v, rng.normal(size=(rows, net.n_outputs)).astype(dtype)


def halved(rows, moved):
    return moved / 2


def test_outputs_are_the_formula_layer_by_layer():
    """Outputs are the formula with weights then biases layer by layer."""
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


@each_net
def test_jvp_vjp_and_rows_are_one_jacobian(net):
    rng = np.random.default_rng(1)
    theta, obs = rng.normal(size=net.n_params), rng.normal(size=(6, net.n_inputs))
    at = net.linearize(theta, obs)
    v, u = rng.normal(size=net.n_params), rng.normal(size=(6, net.n_outputs))
    assert np.sum(at.jvp(v) * u) == pytest.approx(v @ at.vjp(u), rel=1e-12)
    np.testing.assert_allclose(at.per_row(u).sum(axis=0), at.vjp(u), rtol=1e-10, atol=1e-12)
    h = 1e-6
    difference = net.linearize(theta + h * v, obs).out - net.linearize(theta - h * v, obs).out
    np.testing.assert_allclose(at.jvp(v), difference / (2 * h), rtol=1e-6, atol=1e-8)


@each_net
def test_gauss_newton_is_the_product_of_the_dense_matrices(net, monkeypatch):
    monkeypatch.setattr(perceptron, "BLOCK", 4)
    k = net.n_outputs
    at, v, _ = linearized(net)
    M = np.random.default_rng(0).normal(size=(6, k, k))
    J = np.stack([at.per_row(np.broadcast_to(e, (6, k))) for e in np.eye(k)], axis=1)
    expected = np.einsum("nkp,nkl,nlq,q->p", J, M, J, v, optimize=True)
    got = at.gauss_newton(v, lambda rows, moved: np.einsum("nkl,nl->nk", M[rows], moved))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())


@each_net
def test_free_outputs_take_part_in_gauss_newton(net, monkeypatch):
    monkeypatch.setattr(perceptron, "BLOCK", 4)
    at, v, _ = linearized(npgkit.WithFreeOutputs(net, 2))
    scale = np.random.default_rng(0).normal(size=at.out.shape)
    got = at.gauss_newton(v, lambda rows, moved: scale[rows] * moved)
    expected = at.vjp(scale * at.jvp(v))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("net", FEW, ids=lambda net: f"{net.hidden} {net.n_outputs}")
def test_kept_derivatives_change_nothing_but_rounding(net, monkeypatch):
    few, v, u = linearized(net)
    monkeypatch.setattr(perceptron, "UNITS_FOR_AN_OUTPUT", 1000)
    many, _, _ = linearized(MLP(net.n_inputs, net.hidden, net.n_outputs))
    for name, x in (("jvp", v), ("vjp", u), ("per_row", u)):
        np.testing.assert_allclose(
            getattr(few, name)(x), getattr(many, name)(x), rtol=1e-11, atol=1e-13
        )


class Counting(np.ndarray):
    """Weights that count the matrix products they take part in."""

    products = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        Counting.products += ufunc is np.matmul
        return getattr(ufunc, method)(*map(np.asarray, inputs), **options)

    def __array_function__(self, function, types, args, options):
        Counting.products += function is np.dot
        return function(*map(np.asarray, args), **options)


@pytest.mark.parametrize(
    ("net", "products"),
    [
        (MLP(3, (64, 64), 3), 4),  # forward and back through the second layer and the third
        (MLP(3, (64, 64, 64), 3), 6),
        (MLP(3, (64, 64), 1), 2),  # through the last one alone
        (MLP(3, (64, 64, 64), 1), 2),
    ],
    ids=["many, two layers", "many, three layers", "few, two layers", "few, three layers"],
)
def test_few_outputs_need_no_product_between_hidden_layers(net, products):
    rng = np.random.default_rng(0)
    theta, v = rng.normal(size=(2, net.n_params))
    at = net.linearize(theta.view(Counting), rng.normal(size=(6, 3)))
    at.gauss_newton(v, halved)  # finds what is kept
    before = Counting.products
    at.gauss_newton(v, halved)
    assert Counting.products - before == products


@each_net
def test_results_are_the_callers_own(net, monkeypatch):
    """They stay as they are when a map is called again, and may be written to."""
    monkeypatch.setattr(perceptron, "BLOCK", 4)
    at, v, u = linearized(net)
    given = v.copy(), u.copy()
    calls = [
        lambda: at.out,
        lambda: at.jvp(v),
        lambda: at.vjp(u),
        lambda: at.per_row(u),
        lambda: at.gauss_newton(v, halved),
    ]
    results = [call() for call in calls]
    kept = [result.copy() for result in results]
    at.jvp(2 * v), at.vjp(3 * u), at.per_row(4 * u), at.gauss_newton(5 * v, halved)
    for result, copy in zip(results, kept, strict=True):
        np.testing.assert_array_equal(result, copy)
    for one, other in itertools.combinations(results, 2):
        assert not np.shares_memory(one, other)
    for result in results[1:]:
        result[:] = np.nan
    for call, copy in zip(calls, kept, strict=True):
        np.testing.assert_array_equal(call(), copy)
    np.testing.assert_array_equal(v, given[0])
    np.testing.assert_array_equal(u, given[1])


@each_net
def test_threads_may_share_a_linearization(net):
    """Threads that share a linearization do not disturb each other."""
    at, v, _ = linearized(net, rows=perceptron.BLOCK + 100)
    expected, _, _ = linearized(net, rows=perceptron.BLOCK + 100)
    factors = 2.0 ** np.arange(8)  # exact in floating point
    product = expected.gauss_newton(v, halved)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda factor: at.gauss_newton(factor * v, halved), 5 * [*factors]))
    for factor, result in zip(5 * [*factors], got, strict=True):
        np.testing.assert_array_equal(result, factor * product)


@pytest.mark.parametrize("net", [MLP(3, (64, 64), 3), MLP(3, (64, 64), 1)], ids=["three", "one"])
def test_a_products_memory_does_not_grow_with_the_rows(net):
    def peak(blocks):
        at, v, _ = linearized(net, rows=blocks * perceptron.BLOCK)
        at.gauss_newton(v, halved)  # finds what is kept
        tracemalloc.start()
        at.gauss_newton(v, halved)
        _, largest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return largest

    assert peak(6) == pytest.approx(peak(2), rel=0.02)


def test_float32_stays_float32():
    theta = NET.init(np.random.default_rng(0)).astype(np.float32)
    at = NET.linearize(theta, np.ones((6, 3)))
    results = at.out, at.jvp(theta), at.vjp(at.out), at.per_row(at.out)
    assert {a.dtype for a in results} == {np.dtype(np.float32)}


def test_float32_stays_float32_in_blocks(monkeypatch):
    monkeypatch.setattr(perceptron, "BLOCK", 4)
    test_float32_stays_float32()


def test_first_outputs_are_small_and_units_not_saturated():
    """The first outputs are small and the hidden units not saturated."""
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
@pytest.mark.parametrize("rows", [6, perceptron.BLOCK + 1])
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
