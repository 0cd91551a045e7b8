"""The student's TRPO at work: it trains a cart pole that is the grader's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course.asking import Asking, Unanswered
from course.checks import Function
from course.child import Code, Remote
from course.problem import Mark, Mistake, Numbers, Problem, changed
from course.sets.set7_write_trpo.pole import Pole, layers_of, smells
from npgkit.lab.exercises.check import Verdict

N_STEPS, SECONDS, EPISODES = 60_000, 120, 50
# Of 300 trainings of the model solution 299 reach 250 steps, and 292 reach 350. A policy written
# down for the usual coordinates reaches 150 for 22 of 400 matrices, and is flagged.
FIRST, SECOND = 150, 250
LEVELS = {FIRST: 3.0, SECOND: 3.0}
METHODS = ("reset", "step")


class Script:
    """Episodes of 3 steps that terminate and of `length` that are truncated, in turn."""

    def __init__(self, length: int, scale: int) -> None:
        self.length, self.scale, self.episode, self.t = length, scale, -1, 0

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, ...]:
        """Begin an episode."""
        self.episode, self.t = self.episode + 1, 0
        return self.seen(), {}

    def step(self, act: Any) -> tuple[Any, ...]:
        """Take a step, whose reward tells it from every other."""
        self.t += 1
        fell = self.episode % 2 == 0 and self.t == 3
        late = self.episode % 2 == 1 and self.t == self.length
        return self.seen(), float(self.scale * self.t + act), fell, late, {}

    def seen(self) -> np.ndarray:
        """Return the observation, from which episode and time can be read."""
        return np.array([float(self.episode), float(self.t), 0.0, 0.0])


CHOOSE = "def choose(obs):\n    return int(obs[0] + obs[1]) % 2"
COLUMNS = ("obs", "act", "rew", "next_obs", "terminated", "truncated")


def scripted(numbers: Numbers, rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Draw an environment that is known beforehand, and how many of its steps to record."""
    length, scale = int(rng.integers(4, 7)), int(rng.integers(2, 5))
    env = Remote(lambda: Script(length, scale), METHODS)
    return [(env, Code(CHOOSE, "choose"), int(rng.integers(17, 22)))]


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


@dataclass(frozen=True)
class Training:
    """One training on the grader's pole, and points for how long its policy then balances.

    Attributes
    ----------
    levels : dict
        The points for each mean length.
    n_steps, episodes : int
        Of the training, and for the mean afterwards.
    """

    levels: Mapping[int, float]
    n_steps: int = N_STEPS
    episodes: int = EPISODES

    @property
    def points(self) -> float:
        """All the levels' points."""
        return sum(self.levels.values())

    @property
    def parts(self) -> list[tuple[str, float, bool]]:
        """Return title, points and whether it is hidden, for each mark."""
        return [
            (f"CartPole: {least} steps balanced", of, True) for least, of in self.levels.items()
        ]

    def grade(self, problem: Problem, asking: Asking) -> list[Mark]:
        """Let the student's program train, and try the policy that it returns."""
        pole = Pole(asking.rng, self.n_steps)
        seed, flag, reached = int(asking.rng.integers(1000)), "", 0.0
        try:
            arguments = (Remote(lambda: pole, METHODS), seed, self.n_steps)
            layers = layers_of(asking.student.ask("train", arguments))
        except (Unanswered, ValueError) as why:
            said = f"`train`: {why}"
        else:
            reached = pole.balanced(layers, self.episodes)
            said = f"`train`: {reached:.0f} steps in the mean of {self.episodes} episodes, after"
            said += f" {pole.steps:,} steps of training."
            if reached >= min(self.levels):
                flag = "; ".join(smells(pole, layers, reached))
        marks: list[Mark] = []
        for (title, of, hidden), least in zip(self.parts, self.levels, strict=True):
            points, flag = of if reached >= least else 0.0, "" if marks else flag
            marks.append(Mark(title, points, of, said, hidden, flag=flag))
        return marks

    def tries(self, problem: Problem, numbers: Numbers, rng: np.random.Generator) -> str:
        """Train where the grader would, but for its matrix."""
        return TRY.format(seed=int(rng.integers(1000)), n_steps=self.n_steps)


TRY = """\
import gymnasium


class Mixed:  # as the grader's environment, which has another matrix
    def __init__(self, seed):
        self.env = gymnasium.make("CartPole-v1")
        self.env.reset(seed=seed)
        self.matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]

    def reset(self, *, seed=None, options=None):
        return self.env.reset()[0] @ self.matrix, {{}}

    def step(self, act):
        obs, *more = self.env.step(act)
        return obs @ self.matrix, *more


trained = train(Mixed({seed}), {seed}, {n_steps})
if trained is ...:
    print("train: not answered yet")
else:
    last = np.mean(trained["returns"][-10:])
    print(f"train: the last ten episodes of training lasted {{last:.0f}} steps in the mean")"""

SOLUTION = """
import types


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
    x = np.clip(obs, -9, 9)
    products = [x[:, [i]] * x[:, i:] for i in range(4)]
    return np.hstack([np.ones((len(x), 1)), x, *products])


def train(env, seed, n_steps, rows=2000):
    rng, trpo = np.random.default_rng(seed), TRPO()
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
        changed(RECORD, ("        row = (obs,", "        if terminated or truncated:\n"
                         "            after, _ = env.reset()\n        row = (obs,"),
                ("obs = env.reset()[0] if terminated or truncated else after", "obs = after")),
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
Your TRPO trains a pole on a cart. The cell below can use what your cell of problem 1 has; what must
not be imported there must not be imported here.

1. `record(env, choose, n_steps)` walks `n_steps` steps in an environment with Gymnasium's `reset`
   and `step`, and takes the action `choose(obs)` in each. It resets before the first step and after
   each episode, and returns a dict of arrays with a row for each step: `obs`, `act`, `rew`,
   `next_obs` (what the step returned, also where the episode ends), `terminated`, `truncated`.
2. `train(env, seed, n_steps)` trains a `softmax_linear` or a `mlp_softmax` with at most `n_steps`
   steps of `env`, and returns `{{"layers": [(W, b), ...], "returns": [...]}}`: the trained layers,
   with tanh between two, and the return of each episode that came to its end, for your page. It
   draws its own random numbers from the seed. It needs a critic; a linear one, fitted to
   `adv + values` after the step, will do. Towards the end a batch tells little (chapter 11).
3. A page, in the text cell below: what you built, its learning curves, and what can be said.
   Train with five seeds or more, change *one* thing (the policy, the radius, the rows of a
   batch, the $\lambda$ of GAE), and compare.

**The environment is the grader's.** It has `reset` and `step`, and nothing else: an observation of
four numbers, the actions 0 and 1, a reward of 1 for each step, at most 500 steps an episode. It is
CartPole-v1 of Gymnasium with one change: the observation is multiplied by an invertible
$4 \times 4$ matrix that you are not told. A linear policy loses nothing by it: its parameters are
in other coordinates, $\theta = B \phi$, and the natural step without damping is the same in both
(chapter 5). The grader counts the steps, and refuses any beyond `n_steps`. The `# try:` cell has an
environment like this one, with a matrix that you can look at.

**What is judged** is the policy that `train` returns from one call, with a seed of the grader's,
{N_STEPS:,} steps and {SECONDS} seconds (the model solution takes about seven). The grader lets it
balance for {EPISODES} new episodes in the same environment, its actions drawn from the softmax. A
mean length of {FIRST} steps gives {LEVELS[FIRST]:g} points, and one of {SECOND} gives
{LEVELS[SECOND]:g} more. The grader also sees the returns of your training, and tells your teacher
where these and the policy do not belong together: few steps used, or a policy far better than the
last episodes of its training.
""",
    starter='''
def record(env, choose, n_steps):
    """Return a dict of arrays, each with n_steps rows."""
    return ...


def train(env, seed, n_steps):
    """Return {"layers": [(W, b), ...], "returns": [...]} after training in env."""
    return ...
''',
    solution=SOLUTION,
    checks=(
        Function("record", 3, scripted, title="a recording, both kinds of end",
                 compare=same_rows),
        Training(LEVELS),
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
