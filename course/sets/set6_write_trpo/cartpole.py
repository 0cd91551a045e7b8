"""The student's TRPO at work: it trains a cart pole, and the grader tries the policy it returns."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from course.checks import Function
from course.child import Code
from course.problem import Mistake, Numbers, Problem, changed
from npgkit.lab.exercises.check import Verdict

N_STEPS, SECONDS, EPISODES = 60_000, 120, 20

SCRIPT = """
class Script:
    # Episodes of 3 steps that terminate and of {length} that are truncated, in turn.
    episode = t = -1

    def reset(self, *, seed=None, options=None):
        self.episode, self.t = self.episode + 1, 0
        return self.seen(), {{}}

    def step(self, act):
        self.t += 1
        fell = self.episode % 2 == 0 and self.t == 3
        late = self.episode % 2 == 1 and self.t == {length}
        return self.seen(), {scale} * self.t + act, fell, late, {{}}

    def seen(self):
        return np.array([float(self.episode), float(self.t), 0.0, 0.0], np.float32)


env = Script()
"""
CHOOSE = "def choose(obs):\n    return int(obs[0] + obs[1]) % 2"
COLUMNS = ("obs", "act", "rew", "next_obs", "terminated", "truncated")


def scripted(numbers: Numbers, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Draw an environment that is known beforehand, and how many of its steps to record."""
    length, scale = int(rng.integers(4, 7)), int(rng.integers(2, 5))
    source = SCRIPT.format(length=length, scale=scale)
    return [(Code(source, "env"), Code(CHOOSE, "choose"), int(rng.integers(17, 22)))]


def same_rows(answer: Any, right: Any, *, name: str, rtol: float, atol: float) -> Verdict:
    """Compare two recordings, column by column."""
    if not isinstance(answer, dict):
        return Verdict(False, f"{name} returns no dict of arrays.")
    for column in COLUMNS:
        if column not in answer:
            return Verdict(False, f"{name} has no {column!r}.")
        found, wanted = np.asarray(answer[column], float), np.asarray(right[column], float)
        if found.shape != wanted.shape:
            said = f"{name}: {column!r} has the shape {found.shape}, not {wanted.shape}."
            return Verdict(False, said)
        if not np.allclose(found, wanted):
            wrong = np.abs(found - wanted).reshape(len(wanted), -1).max(axis=1) > 1e-6
            return Verdict(False, f"{name}: {column!r} is wrong from row {wrong.argmax()} on.")
    return Verdict(True, f"{name} is right.")


def training(numbers: Numbers, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw a seed to train with."""
    return [(int(rng.integers(1000)), N_STEPS)]


def policy_of(answer: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the layers of an answer.

    Raises
    ------
    ValueError
        If they are none, as a sentence.
    """
    if not isinstance(answer, dict) or not {"layers", "returns"} <= answer.keys():
        raise ValueError("is no dict with 'layers' and 'returns'")
    try:
        layers = [(np.array(W, float), np.array(b, float)) for W, b in answer["layers"]]
    except (TypeError, ValueError):
        raise ValueError("has no list of pairs (W, b) as 'layers'") from None
    if len(layers) > 8:
        raise ValueError(f"has {len(layers)} layers, and 8 are allowed")
    width = 4
    for W, b in layers:
        if W.ndim != 2 or W.shape[0] != width or b.shape != W.shape[1:]:
            raise ValueError(f"has layers that do not fit: {W.shape} and {b.shape} after {width}")
        if W.size > 100_000 or not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError("has weights that are too many or no numbers")
        width = W.shape[1]
    if width != 2:
        raise ValueError(f"has {width} outputs, and there are 2 actions")
    return layers


def steps_used(answer: Any) -> float:
    """Return how many steps the returns of an answer stand for.

    Raises
    ------
    ValueError
        If CartPole cannot have given them, as a sentence.
    """
    try:
        returns = np.asarray(answer["returns"], float).ravel()
    except (TypeError, ValueError):
        returns = np.zeros(0)
    if not (len(returns) and np.all((returns >= 1) & (returns <= 500))):
        raise ValueError("has no 'returns' from 1 to 500, as CartPole gives them")
    return float(returns.sum())


def steps_balanced(layers: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the mean length of some episodes in which the more probable action is taken."""
    env, lengths = gymnasium.make("CartPole-v1"), []
    for seed in range(EPISODES):
        obs, _ = env.reset(seed=10_000 + seed)
        length, ends = 0, False
        while not ends:
            h = obs
            for depth, (W, b) in enumerate(layers):
                h = (np.tanh(h) if depth else h) @ W + b
            obs, _, fell, late, _ = env.step(int(h.argmax()))
            length, ends = length + 1, fell or late
        lengths.append(length)
    env.close()
    return float(np.mean(lengths))


def balances(least: int) -> Any:
    """Return what compares a trained policy with a mean length that it should reach."""

    def compare(answer: Any, right: Any, *, name: str, rtol: float, atol: float) -> Verdict:
        try:
            layers, spent = policy_of(answer), steps_used(answer)
        except ValueError as error:
            return Verdict(False, f"{name} {error}.")
        if spent > N_STEPS:
            return Verdict(False, f"{name}: the returns say {spent:g} steps, of {N_STEPS} allowed.")
        with np.errstate(all="ignore"):
            mean = steps_balanced(layers)
        told = f"{name}: {mean:.0f} steps in the mean of {EPISODES} episodes"
        return Verdict(mean >= least, f"{told}{'' if mean >= least else f', not {least}'}.")

    return compare


SOLUTION = """
import types

import gymnasium


def record(env, choose, n_steps):
    rows = {name: [] for name in ("obs", "act", "rew", "next_obs", "terminated", "truncated")}
    obs, _ = env.reset()
    for _ in range(n_steps):
        act = choose(obs)
        after, rew, terminated, truncated, _ = env.step(act)
        row = (obs, act, rew, after, terminated, truncated)
        for column, x in zip(rows.values(), row, strict=True):
            column.append(x)
        obs = env.reset()[0] if terminated or truncated else after
    return {name: np.array(column) for name, column in rows.items()}


def features(obs):
    x = np.clip(obs, -5, 5)
    products = [x[:, [i]] * x[:, i:] for i in range(4)]
    return np.hstack([np.ones((len(x), 1)), x, *products])


def train(seed, n_steps, rows=2000):
    rng, env, trpo = np.random.default_rng(seed), gymnasium.make("CartPole-v1"), TRPO()
    env.reset(seed=seed)
    layers = [(np.zeros((4, 2)), np.zeros(2))]
    case = types.SimpleNamespace(
        policy=types.SimpleNamespace(kind="softmax_linear", layers=layers, log_std=None),
        theta=np.zeros(8),
        weights=np.full(rows, 1 / rows), damping=0.01, cg_iterations=10,
        backtrack=0.8, max_backtracks=10,
    )
    critic, returns = np.zeros(15), []

    def choose(obs):
        case.obs = obs[None]
        z = forward(case, case.theta)[0][0]
        return int(rng.random() < 1 / (1 + np.exp(z[0] - z[1])))

    for k in range(n_steps // rows):
        case.epsilon = 0.03 * (1 - k * rows / n_steps)
        batch = record(env, choose, rows)
        ends = batch["terminated"] | batch["truncated"]
        returns += np.diff(np.flatnonzero(ends), prepend=-1).tolist()
        values = features(batch["obs"]) @ critic
        after = features(batch["next_obs"]) @ critic
        columns = (batch["rew"], values, after, batch["terminated"], batch["truncated"])
        adv = trpo.gae(*(x[:, None] for x in columns), 0.99, 0.95)[:, 0]
        case.obs, case.act, case.adv = batch["obs"], batch["act"], adv - adv.mean()
        case.logp = trpo.logp(case)
        case.theta = trpo.step(case)
        Phi = features(batch["obs"])
        critic = np.linalg.solve(Phi.T @ Phi + np.eye(15), Phi.T @ (adv + values))
    return {"layers": parts(case, case.theta)[0], "returns": returns}
"""


RECORD = SOLUTION[: SOLUTION.index("def features")]


MISTAKES = (
    Mistake(
        "Where an episode ends, `next_obs` is the first observation of the next one: keep the one"
        " that `step` returned, from before the reset.",
        """
def record(env, choose, n_steps):
    rows = {name: [] for name in ("obs", "act", "rew", "next_obs", "terminated", "truncated")}
    obs, _ = env.reset()
    for _ in range(n_steps):
        act = choose(obs)
        after, rew, terminated, truncated, _ = env.step(act)
        if terminated or truncated:
            after, _ = env.reset()
        row = (obs, act, rew, after, terminated, truncated)
        for column, x in zip(rows.values(), row, strict=True):
            column.append(x)
        obs = after
    return {name: np.array(column) for name, column in rows.items()}
""",
    ),
    Mistake(
        "A truncation is recorded as a termination: the critic then learns that the clock is a"
        " fall.",
        changed(RECORD, ("(obs, act, rew, after, terminated, truncated)",
                "(obs, act, rew, after, terminated or truncated, truncated)")),
    ),
    Mistake(
        "The environment is not reset where an episode is truncated.",
        changed(RECORD, ("if terminated or truncated else after", "if terminated else after")),
    ),
    Mistake(
        "`obs` is what came after the action: record what the action was chosen for.",
        changed(RECORD, ("row = (obs, act,", "row = (after, act,")),
    ),
)  # fmt: skip

PROBLEM = Problem(
    title="A pole, and a page about it",
    minutes=150,
    outcomes=(
        "record rows from an environment, with both kinds of end",
        "train a policy with one's own trust-region step within a budget",
        "report what a few seeds allow to be said, and no more",
    ),
    statement=rf"""
Your TRPO trains CartPole-v1 of Gymnasium. The cell below can use what your cell of problem 1 has.

1. `record(env, choose, n_steps)` walks `n_steps` steps in an environment with Gymnasium's `reset`
   and `step`, and takes the action `choose(obs)` in each. It resets before the first step and after
   each episode, and returns a dict of arrays with a row for each step: `obs`, `act`, `rew`,
   `next_obs` (what the step returned, also where the episode ends), `terminated`, `truncated`.
2. `train(seed, n_steps)` makes the environment, trains a `softmax_linear` or a `mlp_softmax` with
   at most `n_steps` steps of it, and returns `{{"layers": [(W, b), ...], "returns": [...]}}`: the
   trained layers, with tanh between two, and the return of each episode in training. It draws all
   its random numbers from the seed. It needs a critic; a linear one, fitted to `adv + values` after
   the step, will do. Towards the end a batch tells little (chapter 11).
3. A page, in the text cell below: what you built, its learning curves, and what can be said.
   Train with five seeds or more, change *one* thing (the policy, the radius, the rows of a
   batch, $\lambda$), and compare.

The grader calls `train` twice, with seeds of its own, {N_STEPS:,} steps and {SECONDS} seconds (the
model solution takes about five). It then lets the policy balance for {EPISODES} episodes, taking
the more probable action. As an episode's return is its length, it sees from `returns` how many
steps were used.
""",
    starter='''
def record(env, choose, n_steps):
    """Return a dict of arrays, each with n_steps rows."""
    return ...


def train(seed, n_steps):
    """Return {"layers": [(W, b), ...], "returns": [...]} after training on CartPole-v1."""
    return ...
''',
    solution=SOLUTION,
    checks=(
        Function("record", 3, scripted, title="a recording, both kinds of end",
                 compare=same_rows),
        Function("train", 3, training, title="CartPole: 150 steps balanced",
                 compare=balances(150), ask_solution=False),
        Function("train", 3, training, title="CartPole: 350 steps balanced",
                 compare=balances(350), ask_solution=False),
    ),
    mistakes=MISTAKES,
    rubric=(
        (2, "curves of five seeds or more, each shown or with their spread, against steps used"),
        (3, "one change, compared over the same seeds, with a number for how sure one can be"),
        (2, "what went wrong on the way, and which test of one's own found it"),
        (1, "what the page does not show is said: one task, few seeds, what was tuned and how"),
        (1, "whoever reads it could repeat it: all settings are there"),
    ),
    needs=("trpo",),
    seconds=SECONDS,
)  # fmt: skip
