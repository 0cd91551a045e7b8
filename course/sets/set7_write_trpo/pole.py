"""The grader's own pole: a student's program trains on it, and the grader sees each step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from course.child import Strange

Layers = list[tuple[np.ndarray, np.ndarray]]


class Pole:
    """CartPole-v1 whose observations are multiplied by a matrix, and whose steps are counted.

    The matrix is a rotation, a stretch and a rotation, drawn by the grader, so that no policy can
    be written down before it. A linear policy loses nothing: its parameters are in other
    coordinates, and the natural step is the same in both.

    Attributes
    ----------
    n_steps, steps : int
        How many steps there are, and how many have been taken.
    returns : list of float
        Of the episodes that came to their end.
    """

    def __init__(self, rng: np.random.Generator, n_steps: int) -> None:
        self.rng, self.n_steps, self.steps = rng, n_steps, 0
        self.returns: list[float] = []
        self.length: int | None = None
        self.env = gymnasium.make("CartPole-v1", disable_env_checker=True)
        self.env.reset(seed=int(rng.integers(2**31)))
        first, last = (np.linalg.qr(rng.normal(size=(4, 4)))[0] for _ in range(2))
        self.matrix = first * rng.uniform(0.5, 2, size=4) @ last

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode. The random numbers are the grader's, whatever the seed."""
        self.length = 0
        return self.env.reset()[0] @ self.matrix, {}

    def step(self, act: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take a step.

        Raises
        ------
        ValueError
            If the action is none, no episode is under way, or all steps are used.
        """
        if isinstance(act, np.ndarray) and act.ndim == 0:
            act = act.item()
        if type(act) not in (int, bool) or act not in (0, 1):
            shown = act.kind if isinstance(act, Strange) else f"{act!r:.40}"
            raise ValueError(f"an action is the number 0 or 1, not {shown}")
        if self.length is None:
            raise ValueError("no episode is under way: call reset()")
        if self.steps == self.n_steps:
            raise ValueError(f"all {self.n_steps:,} steps are used")
        obs, rew, terminated, truncated, _ = self.env.step(int(act))
        self.steps, self.length = self.steps + 1, self.length + 1
        if terminated or truncated:
            self.returns.append(float(self.length))
            self.length = None
        return obs @ self.matrix, float(rew), terminated, truncated, {}

    def balanced(self, layers: Layers, episodes: int) -> float:
        """Return the mean length of more episodes, the actions drawn from a softmax policy."""
        lengths = []
        for _ in range(episodes):
            obs, length, ends = self.env.reset()[0], 0, False
            while not ends:
                h = obs @ self.matrix
                with np.errstate(all="ignore"):
                    for depth, (W, b) in enumerate(layers):
                        h = (np.tanh(h) if depth else h) @ W + b
                    act = int(self.rng.random() < 1 / (1 + np.exp(h[0] - h[1])))
                obs, _, fell, late, _ = self.env.step(act)
                length, ends = length + 1, fell or late
            lengths.append(length)
        return float(np.mean(lengths))


def layers_of(answer: Any) -> Layers:
    """Return the layers of an answer.

    Raises
    ------
    ValueError
        If they are none, as a sentence.
    """
    if not isinstance(answer, dict) or "layers" not in answer:
        raise ValueError("it returns no dict with 'layers'.")
    try:
        layers = [(np.array(W, float), np.array(b, float)) for W, b in answer["layers"]]
    except (TypeError, ValueError, OverflowError):
        raise ValueError("it returns no list of pairs (W, b) as 'layers'.") from None
    if len(layers) > 8:
        raise ValueError(f"it returns {len(layers)} layers, and 8 are allowed.")
    width = 4
    for W, b in layers:
        if W.ndim != 2 or W.shape[0] != width or b.shape != W.shape[1:]:
            raise ValueError(f"its layers do not fit: {W.shape} and {b.shape} after {width}.")
        if W.size > 100_000 or not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError("its weights are too many or no numbers.")
        width = W.shape[1]
    if width != 2:
        raise ValueError(f"its last layer has {width} outputs, and there are 2 actions.")
    return layers


def smells(pole: Pole, layers: Layers, reached: float) -> list[str]:
    """Return what a teacher should look at where a policy that balances may not be trained."""
    found = []
    if pole.steps < pole.n_steps / 10:
        found.append(f"only {pole.steps:,} of {pole.n_steps:,} steps were used")
    elif not pole.returns:
        found.append("no episode came to its end in training")
    else:
        first, last = np.mean(pole.returns[:10]), np.mean(pole.returns[-10:])
        if first > 100:
            found.append(f"the first ten episodes of training lasted {first:.0f} steps already")
        if last < reached / 2:
            found.append(f"the last ten episodes of training lasted {last:.0f} steps only")
    if all(np.array_equal(x, x.round(2)) for pair in layers for x in pair):
        found.append("the weights are round numbers")
    return found
