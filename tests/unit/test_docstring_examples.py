"""The worked examples in docstrings: they print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import npgkit

MODULES = [
    m.name for m in pkgutil.iter_modules(npgkit.__path__) if not m.ispkg and m.name[0] != "_"
]
FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = {
    test.name: test
    for name in MODULES
    for test in FINDER.find(importlib.import_module(f"npgkit.{name}"))
    if test.examples
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_it_says(name):
    said = []
    result = doctest.DocTestRunner().run(EXAMPLES[name], out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", ["npgkit.mdp.MDP", "npgkit.steps.natural_step"])
def test_the_two_central_names_have_an_example(name):
    assert name in EXAMPLES
