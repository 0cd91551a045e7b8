"""The figure of the index page: a plain step and a KL step, while one coordinate is stretched.

The first logit is measured in units of `stretch`: theta = B phi with B = diag(stretch, 1). Both
steps are computed in phi, each by its own rule, and drawn in theta and in policy space. So that
the comparison is fair, the plain step's radius is the one that gives it a mean KL of `epsilon`
where the stretch is 1; the radius is then kept, as the KL radius is.

The index page moves it; `tools/site/readme_picture.py` saves one frame of it for the README.
"""

from functools import cache

import numpy as np
from matplotlib.figure import Figure

import npgkit
from npgkit.lab import plots
from npgkit.lab.drawing import style

EPSILONS = (0.002, 0.004, 0.006, 0.009, 0.012, 0.016, 0.02)
"""KL radii, in nats."""

STRETCHES = (0.25, 0.4, 0.63, 1.0, 1.6, 2.5, 4.0)
"""How many logits one unit of the first coordinate is worth."""

MDP = npgkit.two_rooms()
POLICY = npgkit.sigmoid_tabular(2)
THETA = plots.logit([0.8, 0.1])
BATCH = npgkit.exact_batch(MDP, POLICY, THETA)
_SHARES = npgkit.occupancy(MDP, npgkit.action_probabilities(POLICY, THETA, 2))
_WINDOW = ((-1.3, 4.1), (-4.9, 0.5))


@cache
def radius(epsilon: float) -> float:
    """Return the length, in logits, of the plain step whose mean KL is `epsilon`.

    By bisection: along a line the KL grows. A root finder of SciPy's would bring 13 MB to a page.
    """
    ahead = npgkit.euclidean_step(POLICY, THETA, BATCH, radius=1.0).theta - THETA
    low, high = 0.0, 16.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if distance(THETA + middle * ahead) < epsilon:
            low = middle
        else:
            high = middle
    return low


@cache
def plain_step(epsilon: float, stretch: float) -> npgkit.Step:
    """Return the Euclidean step of length `radius(epsilon)`, taken in stretched coordinates."""
    policy, phi = _stretched(stretch)
    return npgkit.euclidean_step(policy, phi, BATCH, radius=radius(epsilon))


@cache
def kl_step(epsilon: float, stretch: float) -> npgkit.Step:
    """Return the exact KL step of radius `epsilon`, taken in stretched coordinates."""
    policy, phi = _stretched(stretch)
    return npgkit.kl_step(policy, phi, BATCH, epsilon=epsilon)


def draw(epsilon: float, stretch: float) -> Figure:
    """Draw both steps and both balls, and faintly the plain steps at all other stretches."""
    unit = np.array([stretch, 1.0])
    plain, kl = plain_step(epsilon, stretch), kl_step(epsilon, stretch)
    fig, both = plots.two_spaces(_landscape(), limits=_WINDOW)
    plots.ball(both, _kl_ball(), epsilon, "kl")
    plots.ball(both, plots.Disc(THETA, np.diag(unit)), radius(epsilon), "euclidean")
    for other in STRETCHES:  # where the plain step would end in the other coordinates
        ghost = np.array([THETA, plain_step(epsilon, other).theta * (other, 1.0)])
        plots.path(both, ghost, "euclidean", "_", linewidth=0.8, alpha=0.45, markevery=[1])
    plots.step(both, THETA, plain.theta * unit, "euclidean", f"plain gradient, KL {plain.kl:.4f}")
    plots.step(both, THETA, kl.theta * unit, "kl", f"exact KL step, KL {kl.kl:.4f}")
    plots.point(both, THETA)
    best = {"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1.0}
    both[1].text(0.025, 0.965, "best policy", ha="left", va="top", bbox=best,
                 fontsize=style.SMALL)  # fmt: skip
    plots.legend(fig)
    return fig


def describe(epsilon: float, stretch: float) -> str:
    """Return in words what `draw` shows."""
    unit = (stretch, 1.0)
    ends = [
        plots.probability(step(epsilon, stretch).theta * unit) for step in (plain_step, kl_step)
    ]
    plain, kl = (f"({p[0]:.3f}, {p[1]:.3f})" for p in ends)
    return (
        "Parameter plane and policy square of the two rooms, with the contours of the return. "
        f"From the policy (0.8, 0.1) with epsilon {epsilon:g} and the first axis stretched by "
        f"{stretch:g}, the plain gradient step leads to the policy {plain}, the exact KL step to "
        f"{kl}."
    )


def _stretched(stretch: float) -> tuple[npgkit.Policy, np.ndarray]:
    """Return the policies in coordinates phi = theta / (stretch, 1), and the start's phi."""
    unit = np.array([stretch, 1.0])
    return npgkit.in_coordinates(POLICY, np.diag(unit)), THETA / unit


def height(theta: np.ndarray) -> float:
    """Return J(theta)."""
    p = plots.probability(theta)
    return npgkit.expected_return(MDP, np.stack([p, 1.0 - p], axis=1))


def distance(theta: np.ndarray) -> float:
    """Return the mean KL(pi_theta || pi_start), as `npgkit.mean_kl` does, in a tenth of the time.

    With the log-partition A(x) = log(1 + exp(x)) and its derivative p, the divergence in one room
    is A(old) - A(new) - (old - new) p(new).
    """
    kl = np.logaddexp(0.0, THETA) - np.logaddexp(0.0, theta)
    return float(_SHARES @ (kl - (THETA - theta) * plots.probability(theta)))


@cache
def _landscape() -> plots.Landscape:
    return plots.Landscape(height, levels=np.arange(1.0, 18.0, 1.0))


@cache
def _kl_ball() -> plots.Ball:
    return plots.Ball(distance, THETA)
