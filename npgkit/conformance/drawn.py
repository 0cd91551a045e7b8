"""The inputs of the vectors: what each case is there for, and how it is drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
NUMBERS = {
    "epsilon": 0.01, "damping": 0.1, "cg_iterations": 10, "backtrack": 0.8, "max_backtracks": 10,
}  # fmt: skip
TOLERANCE = {"float64": 1e-6, "float32": 2e-3}
"""Of the largest entry of what is right. A step's is wider: it goes through a linear system."""


@dataclass(frozen=True)
class Draw:
    """A case of a policy: its sizes, what it is there for, and what differs from the usual."""

    name: str
    comment: str
    kind: str
    sizes: list[int]
    n: int
    seed: int = 0
    flags: tuple[str, ...] = ()
    scale: float = 0.5
    log_std: float = 0.0
    numbers: Json = field(default_factory=dict)
    tolerance: Json = field(default_factory=dict)
    adv_scale: float = 1.0
    old: float = 0.0
    change: Callable[[Json], None] | None = None

    def case(self) -> Json:
        """Return the case without what is right."""
        rng = random.Random(f"{self.kind} {self.sizes} {self.n} {self.seed}")
        given: Json = {"policy": {"kind": self.kind, "sizes": self.sizes}}
        theta = [round(self.scale * rng.gauss(0, 1), 3) for _ in range(self._n_weights())]
        k = self.sizes[-1]
        is_gaussian = "gaussian" in self.kind
        if is_gaussian:
            theta += [round(self.log_std + 0.2 * rng.gauss(0, 1), 3) for _ in range(k)]
        given["theta"] = theta
        digits = 3 if self.log_std > -3 else 7
        if self.kind == "softmax_table":
            given["obs"] = [rng.randrange(self.sizes[0]) for _ in range(self.n)]
        else:
            given["obs"] = [
                [round(rng.gauss(0, 1), 3) for _ in range(self.sizes[0])] for _ in range(self.n)
            ]
        outputs = [_forward(self, theta, row) for row in given["obs"]]
        if is_gaussian:
            stds = [math.exp(s) for s in theta[-k:]]
            given["act"] = [
                [round(m + s * rng.gauss(0, 1), digits) for m, s in zip(row, stds, strict=True)]
                for row in outputs
            ]
        else:
            given["act"] = [_choice(row, rng) for row in outputs]
        given["adv"] = [round(self.adv_scale * rng.gauss(0.5, 2), 3) for _ in range(self.n)]
        given["weights"] = None
        given |= NUMBERS | self.numbers
        if self.old:
            given["drawn_by"] = [round(x + self.old * rng.gauss(0, 1), 3) for x in theta]
        if self.change:
            self.change(given)
        return {
            "name": self.name,
            "comment": self.comment,
            "flags": list(self.flags),
            "tolerance": TOLERANCE | self.tolerance,
            "given": given,
        }

    def _n_weights(self) -> int:
        pairs = itertools.pairwise(self.sizes)
        return sum((i + self.kind.startswith("mlp")) * o for i, o in pairs)


def _forward(draw: Draw, theta: list[float], row: Any) -> list[float]:
    """Return the first outputs for a row, good enough to draw actions from."""
    at, h = 0, row
    if draw.kind == "softmax_table":
        return theta[row * draw.sizes[1] : (row + 1) * draw.sizes[1]]
    for level, (fan_in, fan_out) in enumerate(itertools.pairwise(draw.sizes)):
        z = [sum(h[i] * theta[at + i * fan_out + o] for i in range(fan_in)) for o in range(fan_out)]
        at += fan_in * fan_out
        if draw.kind.startswith("mlp"):
            z, at = [a + theta[at + o] for o, a in enumerate(z)], at + fan_out
        h = [math.tanh(a) for a in z] if level < len(draw.sizes) - 2 else z
    return h


def _choice(logits: list[float], rng: random.Random) -> int:
    p = [math.exp(x - max(logits)) for x in logits]
    u = rng.random() * sum(p)
    for a, mass in enumerate(p):
        u -= mass
        if u < 0:
            return a
    return len(p) - 1


def exact_rows(given: Json) -> None:
    """Make the rows all pairs of state and action, with weights d(s) pi(a|s)."""
    S, A = given["policy"]["sizes"]
    rng = random.Random(f"exact {S} {A}")
    shares = [0.2 + rng.random() for _ in range(S)]
    obs, act, weights = [], [], []
    for s in range(S):
        logits = given["theta"][s * A : (s + 1) * A]
        p = [math.exp(x) for x in logits]
        for a in range(A):
            obs.append(s)
            act.append(a)
            weights.append(round(shares[s] / sum(shares) * p[a] / sum(p), 6))
    weights[-1] = round(1 - sum(weights[:-1]), 6)
    adv = [round(rng.gauss(0.3, 1.5), 3) for _ in obs]
    given |= {"obs": obs, "act": act, "weights": weights, "adv": adv}


def discounted(given: Json) -> None:
    """Weigh the rows by powers of a discount, as the times of one episode."""
    n = len(given["adv"])
    powers = [0.9**t for t in range(n)]
    weights = [round(x / sum(powers), 6) for x in powers]
    weights[0] = round(weights[0] + 1 - sum(weights), 6)
    given["weights"] = weights


def no_advantages(given: Json) -> None:
    """Make all advantages zero."""
    given["adv"] = [0.0] * len(given["adv"])


def scaled_features(given: Json) -> None:
    """Give the features scales from a hundredth to ten."""
    scales = (1.0, 0.01, 10.0)
    given["obs"] = [[round(x * s, 5) for x, s in zip(r, scales, strict=True)] for r in given["obs"]]


def same_features(given: Json) -> None:
    """Make the last feature the first one again."""
    given["obs"] = [[*row[:-1], row[0]] for row in given["obs"]]


def saturated(to: float) -> Callable[[Json], None]:
    """Make one action nearly certain in each state, and the rows include others."""

    def change(given: Json) -> None:
        S, A = given["policy"]["sizes"]
        rest = [0.0 if to < 0 else round(0.3 * a, 1) for a in range(A)]
        given["theta"] = [to if a == s % A else rest[a] for s in range(S) for a in range(A)]

    return change


POLICIES = (
    Draw("table exact", "All pairs of a state and an action with their probabilities; F is "
         "singular, because a logit for all actions of a state changes nothing.",
         "softmax_table", [3, 3], 9, change=exact_rows, flags=("weights", "singular")),
    Draw("table sampled", "States and actions as they were drawn.", "softmax_table", [4, 2], 14),
    Draw("table saturated", "One action has nearly all the probability, and others were taken.",
         "softmax_table", [3, 3], 12, change=saturated(30.0), flags=("saturated",)),
    Draw("linear softmax", "Four actions, three features.", "softmax_linear", [3, 4], 20),
    Draw("linear softmax, one row", "A batch of one row.", "softmax_linear", [3, 3], 1,
         flags=("one row",)),
    Draw("linear softmax, badly scaled", "Features from a hundredth to ten: F has eigenvalues over "
         "six decades.", "softmax_linear", [3, 3], 24, change=scaled_features,
         flags=("badly conditioned",)),
    Draw("linear softmax, a feature twice", "Two columns of obs are the same, so F is singular.",
         "softmax_linear", [3, 3], 16, change=same_features, flags=("singular",)),
    Draw("linear softmax, no advantages", "All advantages are 0, and so is the gradient.",
         "softmax_linear", [3, 3], 8, change=no_advantages, flags=("zero gradient",)),
    Draw("linear softmax, old rows", "The rows were drawn by another theta: `logp` is its.",
         "softmax_linear", [3, 3], 18, old=0.4, flags=("stale",)),
    Draw("Gaussian of 1", "One action dimension.", "gaussian_linear", [3, 1], 15),
    Draw("Gaussian of 2", "Two action dimensions; some actions are beyond 1.", "gaussian_linear",
         [3, 2], 20, flags=("actions beyond 1",)),
    Draw("Gaussian of 6", "Six action dimensions.", "gaussian_linear", [3, 6], 24, log_std=-0.5,
         flags=("actions beyond 1",)),
    Draw("Gaussian, small log-std", "Standard deviations of about e^-6.", "gaussian_linear",
         [2, 2], 12, log_std=-6.0, scale=0.2, flags=("small log-std",),
         tolerance={"float32": 2e-2}),
    Draw("Gaussian, large log-std", "Standard deviations of about e^3.", "gaussian_linear",
         [2, 2], 12, log_std=3.0, flags=("large log-std", "actions beyond 1")),
    Draw("Gaussian, old rows", "The rows were drawn by another theta: `logp` is its.",
         "gaussian_linear", [3, 2], 18, old=0.15, flags=("stale", "actions beyond 1")),
    Draw("Gaussian, discounted", "The rows are the times of an episode, weighted by powers of .9.",
         "gaussian_linear", [3, 2], 16, change=discounted, flags=("weights",)),
    Draw("MLP softmax", "A layer of five units.", "mlp_softmax", [3, 5, 3], 20),
    Draw("MLP Gaussian", "Two layers of four units, two action dimensions.", "mlp_gaussian",
         [3, 4, 4, 2], 20, flags=("actions beyond 1",)),
)  # fmt: skip

STEP_TOLERANCE = {"float64": 1e-4, "float32": 2e-2}
"""Of the longest entry of the move."""


def _step(name: str, comment: str, kind: str, sizes: list[int], n: int, seed: int, epsilon: float,
          damping: float, max_backtracks: int, *flags: str, **more: Any) -> Draw:  # fmt: skip
    """Return a case of a step. CG has enough iterations to solve the system to the end.

    The seeds were searched for: no trial is decided near the edge, with either alpha and either
    KL, and what the comment says is so with the undamped alpha and the KL new||old.
    """
    numbers = {
        "epsilon": epsilon,
        "damping": damping,
        "backtrack": 0.5,
        "max_backtracks": max_backtracks,
        "cg_iterations": 60 if kind.startswith("mlp") else 30,
    }
    return Draw(
        name, comment, kind, sizes, n, seed, flags, numbers=numbers, tolerance=STEP_TOLERANCE,
        **more,
    )  # fmt: skip


STEPS = (
    _step("step, linear softmax", "The full step passes.", "softmax_linear", [3, 3], 12, 1, 0.05,
          0.1, 6),
    _step("step, exact table", "The full step passes; the rows have weights.", "softmax_table",
          [3, 3], 9, 0, 0.05, 0.1, 6, "weights", change=exact_rows),
    _step("step, sampled table", "The full step passes.", "softmax_table", [3, 3], 10, 0, 0.01, 0.1,
          6),
    _step("step, Gaussian of 1", "The full step passes.", "gaussian_linear", [3, 1], 10, 0, 0.05,
          0.1, 6),
    _step("step, Gaussian of 1, surrogate", "The surrogate alone refuses the full step.",
          "gaussian_linear", [3, 1], 10, 1, 0.5, 0.02, 6),
    _step("step, Gaussian of 2", "The full step passes.", "gaussian_linear", [2, 2], 12, 2, 0.05,
          0.1, 6),
    _step("step, Gaussian of 2, KL", "The KL alone refuses the full step.", "gaussian_linear",
          [2, 2], 12, 17, 0.2, 0.05, 6),
    _step("step, Gaussian of 3, KL", "The KL alone refuses the full step.", "gaussian_linear",
          [2, 3], 14, 0, 0.5, 0.02, 6),
    _step("step, Gaussian of 6", "The full step passes.", "gaussian_linear", [2, 6], 20, 3, 0.2,
          0.05, 6),
    _step("step, MLP softmax, KL", "The KL alone refuses the full step.", "mlp_softmax", [2, 4, 3],
          16, 2, 0.2, 0.02, 6),
    _step("step, MLP softmax, surrogate", "The surrogate alone refuses the full step.",
          "mlp_softmax", [2, 4, 3], 16, 51, 0.5, 0.01, 6),
    _step("step, MLP softmax, all fail", "Both trials are refused: the parameters stay.",
          "mlp_softmax", [2, 4, 3], 16, 1, 0.5, 0.01, 1),
    _step("step, MLP softmax, both ways", "A trial passes along the direction, and one against it.",
          "mlp_softmax", [2, 4, 3], 16, 29, 0.5, 0.01, 6),
    _step("step, MLP Gaussian", "The full step passes.", "mlp_gaussian", [2, 3, 2], 16, 2, 0.05,
          0.1, 6),
    _step("step, saturated", "The probabilities are 0 and 1 in floating point, so F is 0: the "
          "curvature is not positive, and the parameters stay.", "softmax_table", [2, 2], 6, 0,
          0.01, 0.1, 6, "no curvature", change=saturated(-800.0)),
    _step("step, no advantages", "The gradient is 0: the parameters stay.", "softmax_linear",
          [2, 3], 8, 0, 0.01, 0.1, 6, "zero gradient", change=no_advantages),
)  # fmt: skip


def _system(name: str, comment: str, A: list[list[float]], b: list[float], iterations: int,
            *flags: str) -> Json:  # fmt: skip
    return {
        "name": name,
        "comment": comment,
        "flags": list(flags),
        "tolerance": dict(TOLERANCE),
        "given": {"A": A, "b": b, "iterations": iterations},
    }


def _spd(n: int, rank: int, rng: random.Random, scales: list[float]) -> list[list[float]]:
    """Return a sum of `rank` outer products (n, n), positive semidefinite."""
    A = [[0.0] * n for _ in range(n)]
    for scale in scales[:rank]:
        u = [round(rng.gauss(0, 1), 1) for _ in range(n)]
        A = [[A[i][j] + scale * u[i] * u[j] for j in range(n)] for i in range(n)]
    return [[round(x, 9) for x in row] for row in A]


def SYSTEMS() -> list[Json]:
    """Return the linear systems for conjugate gradients."""
    rng = random.Random("systems")
    ones = [1.0] * 12
    A = _spd(5, 5, rng, ones)
    A = [[x + (i == j) for j, x in enumerate(row)] for i, row in enumerate(A)]
    b = [round(rng.gauss(0, 1), 3) for _ in range(5)]
    two = [[2.0, 0.0], [0.0, 4.0]]
    large = _spd(12, 12, rng, ones)
    large = [[x + (i == j) for j, x in enumerate(row)] for i, row in enumerate(large)]
    b_large = [round(rng.gauss(0, 1), 3) for _ in range(12)]
    rank2 = [[2.0, 1.0, 1.0, 0.0], [1.0, 2.0, -1.0, 0.0], [1.0, -1.0, 2.0, 0.0], [0.0] * 4]
    bad = [[(1.0, 1e-3, 100.0, 0.1)[i] if i == j else 0.0 for j in range(4)] for i in range(4)]
    return [
        _system("diagonal", "Two eigenvalues: two iterations solve it.", two, [2.0, 2.0], 10,
                "converges"),
        _system("well conditioned", "As many iterations as unknowns.", A, b, 5, "converges"),
        _system("more iterations than needed", "The residual reaches 0 before the last iteration.",
                A, b, 20, "converges", "residual 0"),
        _system("one iteration", "The first iterate is along b.", A, b, 1),
        _system("three of twelve", "Few iterations: the iterate, not the solution.", large, b_large,
                3),
        _system("singular", "A has a null space, and b is in its range.", rank2,
                [2.0, 1.0, 1.0, 0.0], 4, "converges", "residual 0"),
        _system("badly conditioned", "Eigenvalues from a thousandth to a hundred.", bad,
                [1.0, 1.0, 1.0, 1.0], 4, "converges", "badly conditioned"),
        _system("small right-hand side", "A gradient of a millionth, as near a plateau.", A,
                [round(1e-6 * x, 12) for x in b], 5, "converges"),
        _system("one unknown", "A division.", [[4.0]], [2.0], 3, "converges", "residual 0"),
        _system("zero", "Where the right-hand side is 0 the solution is 0.", A, [0.0] * 5, 10,
                "zero gradient", "converges", "residual 0"),
    ]  # fmt: skip


def _rollout(name: str, comment: str, T: int, E: int, gamma: float, lam: float,
             terminated: list[tuple[int, int]], truncated: list[tuple[int, int]],
             *flags: str) -> Json:  # fmt: skip
    rng = random.Random(f"rollout {name}")

    def numbers(*shape: int) -> list[Any]:
        if len(shape) == 1:
            return [round(rng.gauss(0, 1), 3) for _ in range(shape[0])]
        return [numbers(*shape[1:]) for _ in range(shape[0])]

    def ends(where: list[tuple[int, int]]) -> list[list[bool]]:
        return [[(t, e) in where for e in range(E)] for t in range(T)]

    given: Json = {"obs": numbers(T, E, 2), "next_obs": numbers(T, E, 2)}
    given |= {"rew": numbers(T, E), "values": numbers(T, E), "next_values": numbers(T, E)}
    for t in range(T - 1):
        for e in range(E):
            if (t, e) not in terminated + truncated:
                given["next_obs"][t][e] = list(given["obs"][t + 1][e])
                given["next_values"][t][e] = given["values"][t + 1][e]
    given |= {"terminated": ends(terminated), "truncated": ends(truncated)}
    given |= {"gamma": gamma, "lam": lam}
    return {
        "name": name,
        "comment": comment,
        "flags": list(flags),
        "tolerance": dict(TOLERANCE),
        "given": given,
    }


def ROLLOUTS() -> list[Json]:
    """Return the rollouts for advantages."""
    return [
        _rollout("no end", "One environment, and the rollout stops before its episode does.",
                 6, 1, 0.9, 0.8, [], []),
        _rollout("a termination", "Nothing comes after it.", 6, 2, 0.9, 0.8, [(2, 0), (5, 1)], [],
                 "terminated"),
        _rollout("a truncation", "The value of the final observation stands for what would come.",
                 6, 2, 0.95, 0.9, [], [(2, 1), (5, 0)], "truncated"),
        _rollout("both ends", "Three environments with both kinds of end.", 8, 3, 0.9, 0.95,
                 [(1, 0), (6, 2)], [(3, 0), (4, 1)], "terminated", "truncated"),
        _rollout("lambda 0", "One step ahead only.", 5, 2, 0.9, 0.0, [(1, 0)], [(3, 1)],
                 "terminated", "truncated"),
        _rollout("lambda 1, gamma 1", "Sums of rewards as they are.", 5, 2, 1.0, 1.0, [(1, 0)],
                 [(3, 1)], "terminated", "truncated"),
        _rollout("one step", "A single transition.", 1, 1, 0.9, 0.8, [], [(0, 0)], "truncated"),
    ]  # fmt: skip
