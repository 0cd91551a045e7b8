"""The policy of a case as a network of torch, and where theta lies in it.

Each library gets its policy in the form that it takes; the layers are these. Numbers are in
single precision, as the libraries have them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal


class Body(nn.Module):
    """The layers of a case, tanh between them; without biases where there is one layer only."""

    def __init__(self, case):
        super().__init__()
        has_bias = case.policy.kind.startswith("mlp")
        shapes = [W.shape for W, _ in case.policy.layers]
        self.layers = nn.ModuleList(nn.Linear(i, o, bias=has_bias) for i, o in shapes)

    def forward(self, h):
        for level, layer in enumerate(self.layers):
            h = layer(torch.tanh(h) if level else h)
        return h


class Net(Body):
    """`Body`, and log standard deviations of its own where the policy is Gaussian."""

    def __init__(self, case):
        super().__init__(case)
        self.log_std = None
        if case.policy.log_std is not None:
            self.log_std = nn.Parameter(torch.zeros(len(case.policy.log_std)))

    def outputs(self, obs):
        """Return logits, or mean and standard deviation."""
        h = Body.forward(self, obs)
        return h if self.log_std is None else (h, self.log_std.exp().expand_as(h))


def distribution(outputs):
    """Return the distributions of outputs; the action dimensions of a Gaussian are one event."""
    return (
        Independent(Normal(*outputs), 1)
        if isinstance(outputs, tuple)
        else Categorical(logits=outputs)
    )


def observations(case):
    """Return the rows' observations; a table's states as unit vectors."""
    if case.policy.kind == "softmax_table":
        return np.eye(len(case.policy.layers[0][0]), dtype=np.float32)[case.obs]
    return case.obs.astype(np.float32)


def single(array):
    """Return an array as a tensor in single precision; integers stay."""
    return torch.as_tensor(array if array.dtype.kind in "iu" else array.astype(np.float32))


class Layout:
    """Where theta lies in a policy's linear layers and log standard deviations."""

    def __init__(self, layers, log_std=None):
        self.parts = []  # each parameter with whether its matrix is the transpose of the case's
        for layer in layers:
            self.parts.append((layer.weight, True))
            if layer.bias is not None:
                self.parts.append((layer.bias, False))
        if log_std is not None:
            self.parts.append((log_std, False))

    def put(self, theta):
        """Set the parameters to theta."""
        with torch.no_grad():
            pieces = self._pieces(torch.as_tensor(theta))
            for (parameter, _), piece in zip(self.parts, pieces, strict=True):
                parameter.copy_(piece)

    def _pieces(self, vector):
        """Return a vector like theta as tensors of the parameters' shapes."""
        pieces = vector.split([parameter.numel() for parameter, _ in self.parts])
        return [
            piece.reshape(p.shape[::-1]).T if is_turned else piece.reshape(p.shape)
            for piece, (p, is_turned) in zip(pieces, self.parts, strict=True)
        ]

    def take(self):
        """Return theta."""
        return self.gather([parameter.detach() for parameter, _ in self.parts])

    def gather(self, pieces):
        """Return tensors of the parameters' shapes as a vector like theta."""
        turned = [
            piece.T if is_turned else piece
            for piece, (_, is_turned) in zip(pieces, self.parts, strict=True)
        ]
        return torch.cat([piece.reshape(-1) for piece in turned]).detach().clone().numpy()

    def ours(self, vector, parameters):
        """Return a vector in the library's order of parameters as one in theta's."""
        parameters = list(parameters)
        pieces = torch.as_tensor(vector).split([p.numel() for p in parameters])
        shaped = {id(p): x.reshape(p.shape) for p, x in zip(parameters, pieces, strict=True)}
        return self.gather([shaped[id(parameter)] for parameter, _ in self.parts])

    def theirs(self, vector, parameters):
        """Return a vector like theta in the library's order of parameters."""
        pieces = self._pieces(torch.as_tensor(vector))
        shaped = {id(p): piece for (p, _), piece in zip(self.parts, pieces, strict=True)}
        return torch.cat([shaped[id(p)].reshape(-1) for p in parameters]).float()


class Caught(Exception):
    """Ends a library's update where it has computed what is wanted."""


def caught(*found):
    """End the update with what it has computed."""
    raise Caught(*found)


def until_caught(update, *arguments):
    """Run a library's update as far as it computes what is wanted, and return that."""
    try:
        update(*arguments)
    except Caught as stop:
        return stop.args
    raise RuntimeError("the update ended without what it was asked for")


def as_double(product):
    """Return a product of NumPy's vectors as one of tensors."""
    return lambda v: torch.as_tensor(product(v.detach().numpy()))
