"""The checks for one's own distribution or network: what is right passes, what is wrong is named.

A new distribution or network inherits all of this by one line in a table.
"""

import numpy as np
import pytest

import npgkit
from npgkit.checks import check_distribution, check_network
from npgkit.distributions import Categorical, DiagGaussian, MultiCategorical
from npgkit.networks import Linear, Linearization, Table, WithFreeOutputs
from npgkit.perceptron import MLP

DISTRIBUTIONS = {
    "categorical": Categorical(4),
    "one action": Categorical(1),
    "gaussian": DiagGaussian(2),
    "multi-categorical": MultiCategorical((3, 2, 4)),
    "equal choices": MultiCategorical((3, 3)),
    "one choice": MultiCategorical((4,)),
    "a choice of one": MultiCategorical((1, 3)),
}
NETWORKS = {
    "table": Table(4, 3),
    "linear": Linear(3, 2),
    "perceptron": MLP(3, (5, 4), 2),
    "no hidden layer": MLP(3, (), 2),
    "free outputs": WithFreeOutputs(MLP(3, (4,), 2), 2),
    "other coordinates": npgkit.in_coordinates(
        npgkit.softmax_linear(3, 2), np.random.default_rng(0).normal(size=(6, 4))
    ).network,
    "bent coordinates": npgkit.in_coordinates(
        npgkit.softmax_tabular(2, 2), np.sinh, jacobian=lambda phi: np.diag(np.cosh(phi))
    ).network,
}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_each_distribution_agrees_with_its_logp(distribution):
    check_distribution(distribution)


@pytest.mark.parametrize("log_std", [-2.0, 1.0])
def test_a_distribution_is_checked_where_it_is_asked_to_be(log_std):
    out = np.array([[0.3, log_std]])
    check_distribution(DiagGaussian(1), out=out, rng=np.random.default_rng(1), n_samples=5_000)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_each_network_agrees_with_its_outputs(network):
    check_network(network)


def test_a_perceptron_in_blocks_agrees_with_its_outputs():
    obs = np.random.default_rng(0).normal(size=(npgkit.perceptron.BLOCK + 3, 2))
    check_network(MLP(2, (3,), 1), obs)


def wrong(name, change, base=Categorical):
    """A distribution whose method `name` gives what `change` makes of the right result."""

    def method(self, *args):
        return change(getattr(base, name)(self, *args), *args)

    return type("Wrong", (base,), {name: method})


def cold(p, out, *rest):
    return Categorical(out.shape[1]).sample(2 * out, *rest)


WRONG_DISTRIBUTIONS = {
    "score": (lambda s, *_: -s, "score is not the derivative of logp: .* at .* off by"),
    "score of another scale": ("score", lambda s, *_: 1.001 * s, "score is not the derivative"),
    "sample": (cold, "sample does not draw what logp says: the mean of .* standard errors"),
    "fisher_product": (lambda Mu, out, u: 1.01 * Mu, "fisher_product.* is not the Hessian of kl"),
    "kl": (lambda kl, *_: 1.1 * kl, r"kl_gradients\(p, q\)\[1\] is not the derivative of kl"),
    "kl of the order changed": ("kl", lambda kl, p, q: Categorical(4).kl(q, p), "derivative of kl"),
    "kl with a constant": ("kl", lambda kl, *_: kl + 1e-9, r"kl\(p, p\) is not 0"),
    "kl_gradients": (lambda both, *_: both[::-1], r"kl_gradients\(p, q\)\[1\]"),
    "one of kl_gradients": ("kl_gradients", lambda b, *_: (-b[0], b[1]), r"kl_gradients.*\[0\]"),
    "entropy": (lambda entropy, *_: 1.1 * entropy, "entropy is not the mean of -log p"),
    "mode": (lambda mode, out: out.argmin(axis=1), "mode.* is not the most likely action"),
    "logp of two columns": ("logp", lambda logp, *_: logp[:, None], r"logp.* shape \(3,\); got"),
    "logp in float64": ("logp", lambda logp, *_: logp.astype(float), "must be float32"),
    "logp of NaN": ("logp", lambda logp, *_: logp * np.nan, "logp.* not finite"),
    "logp not normalised": ("logp", lambda logp, *_: logp + 0.3, "log p|not the mean of -log p"),
    "mode of floats": ("mode", lambda mode, *_: mode.astype(float), "must have one dtype"),
    "a number for an array": ("entropy", lambda *_: 1.0, r"entropy.* got float"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_DISTRIBUTIONS)
def test_what_is_wrong_with_a_distribution_is_said(name):
    *method, change, message = WRONG_DISTRIBUTIONS[name]
    with pytest.raises(ValueError, match=message):
        check_distribution(wrong(method[0] if method else name, change)(4))


def test_a_fisher_twice_the_scores_second_moment_is_found():
    """Twice the Fisher product and twice the KL agree with each other, and not with the score."""
    Twice = type(
        "Twice",
        (Categorical,),
        {
            "kl": lambda self, p, q: 2 * Categorical.kl(self, p, q),
            "kl_gradients": lambda self, p, q: tuple(
                2 * g for g in Categorical(4).kl_gradients(p, q)
            ),
            "fisher_product": lambda self, out, u: 2 * Categorical.fisher_product(self, out, u),
        },
    )
    with pytest.raises(ValueError, match="is not the second moment of the score"):
        check_distribution(Twice(4))


class Changed:
    """A perceptron whose linearization is changed."""

    def __init__(self, **changes):
        self.inner, self.changes = MLP(3, (4,), 2), changes
        self.n_params, self.n_outputs, self.n_inputs = self.inner.n_params, 2, 3
        self.init = self.inner.init

    def linearize(self, theta, obs):
        at = self.inner.linearize(theta, obs)
        named = {name: getattr(at, name) for name in ("out", "jvp", "vjp", "per_row")}
        for name, change in self.changes.items():
            named[name] = change(named[name], theta)
        return Linearization(**named)


def after(f):
    return lambda method, theta: lambda x: f(method(x))


WRONG_NETWORKS = {
    "jvp": ({"jvp": after(lambda Jv: 1.0001 * Jv)}, "jvp.* is not the derivative of the outputs"),
    "vjp": ({"vjp": after(lambda g: g[::-1].copy())}, "vjp is not the adjoint of jvp"),
    "per_row": ({"per_row": after(lambda rows: rows[::-1].copy())}, "row 0 of per_row"),
    "per_row halved": ({"per_row": after(lambda rows: rows / 2)}, "do not sum to vjp"),
    "outputs": ({"out": lambda out, theta: out.ravel()}, r"out must be an array of shape \(5, 2\)"),
    "dtype": ({"vjp": after(lambda g: g.astype(float))}, "must be float32, as its inputs are"),
    "theta written to": (
        {"jvp": lambda jvp, theta: lambda v: (jvp(v), theta.fill(0))[0]},
        "writes into theta",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WRONG_NETWORKS.values(), ids=WRONG_NETWORKS)
def test_what_is_wrong_with_a_network_is_said(changes, message):
    with pytest.raises(ValueError, match=message):
        check_network(Changed(**changes))


def test_a_network_of_unknown_observations_asks_for_some():
    network = Changed()
    del network.n_inputs
    with pytest.raises(ValueError, match="obs is missing"):
        check_network(network)
    check_network(network, np.ones((2, 3)))
