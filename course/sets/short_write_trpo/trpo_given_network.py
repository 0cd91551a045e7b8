"""The class of set 7, with what a network needs in the answer cell from the start."""

from dataclasses import replace

from course.sets.set7_write_trpo import trpo

GIVEN = r"""
The cell below begins with four functions for every kind of policy, which need no change: `parts`
takes theta apart, `forward` gives the outputs (logits, or means), `back` is $J^\top$ and `along` is
$J$, the derivative of all outputs in $\theta$ at `case.theta`. So what is left is what this book is
about: distributions, one matrix, one solve, one search.
"""

PROBLEM = replace(
    trpo.PROBLEM,
    title="A class that conforms, its network given",
    minutes=120,
    statement=trpo.STATEMENT + GIVEN + trpo.ORDER,
    starter=trpo.NETWORK + trpo.METHODS,
    mistakes=trpo.MISTAKES[-4:],
)
