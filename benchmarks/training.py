"""Train npgkit's TRPO and sb3-contrib's side by side: throughput, evaluation, steps to a threshold.

    python benchmarks/training.py [--seeds 10] [--first 0] [--only CartPole-v1 ...]
                                  [--program npgkit "sb3-contrib, matched"]
        (needs the extra `bench`; the MuJoCo environments need the extra `mujoco`)

One seed of the one, then the same seed of the other, in one process and on one thread each, the
same number of environment steps; what is compared is processor time. sb3-contrib runs with the
settings that RL Zoo tuned for it, npgkit with its defaults and `PER_ENVIRONMENT`. As "sb3-contrib,
matched" the former has npgkit's radius, damping, discount and lambda; its KL is a mean over the
entries of an action, too, so that radius and damping are divided by their number. All are evaluated
twice over 20 episodes: with the most likely action of each observation, and with actions drawn from
the policy. The threshold counts as reached by the first iteration whose finished episodes average
it. Writes benchmarks/results/training.md and .json, run by run; what an earlier call measured of
other environments, programs and seeds stays in them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # read when NumPy and torch are loaded

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.report import machine, table  # noqa: E402
from npgkit.practice.experiments import run_job  # noqa: E402
from npgkit.practice.run import Run  # noqa: E402
from npgkit.practice.settings import settings_for  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "training"
EPISODES = 20


@dataclass(frozen=True)
class Task:
    """An environment, how long to train, what counts as solved, and RL Zoo's settings for TRPO."""

    steps: int
    threshold: float
    zoo: dict[str, Any]
    ratio: float | None  # the goal: how many times faster
    level: float  # the goal: mean evaluation


MUJOCO = {
    "normalize": True, "n_steps": 1024, "batch_size": 128, "gamma": 0.99, "gae_lambda": 0.95,
    "cg_max_steps": 25, "cg_damping": 0.1, "n_critic_updates": 20, "learning_rate": 1e-3,
}  # fmt: skip
TASKS = {
    "CartPole-v1": Task(
        100_000, 475,
        {"n_steps": 512, "batch_size": 512, "cg_damping": 1e-3, "gae_lambda": 0.98, "gamma": 0.99,
         "learning_rate": 1e-3, "n_critic_updates": 20},
        25, 500,
    ),
    "Acrobot-v1": Task(100_000, -100, {"normalize": True, "n_steps": 1024}, 7, -80),
    "Pendulum-v1": Task(
        100_000, -200,
        {"n_steps": 1024, "gamma": 0.9, "n_critic_updates": 15, "use_sde": True,
         "sde_sample_freq": 4},
        7, -165,
    ),
    "InvertedPendulum-v5": Task(100_000, 950, MUJOCO, 7, 1000),
    "Swimmer-v5": Task(200_000, 100, {**MUJOCO, "gamma": 0.9999}, None, 350),
    "Hopper-v5": Task(300_000, 2000, MUJOCO, None, 2750),
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    program: str
    env: str
    seed: int
    steps: int
    cpu_seconds: float
    evaluation: float  # mean return of the most likely actions
    threshold_at: int | None
    sampled: float | None = None  # mean return of drawn actions; None in the oldest rows

    @property
    def throughput(self) -> float:
        return self.steps / self.cpu_seconds


def ours(env: str, task: Task, seed: int) -> Outcome:
    run = Run(env, "trpo", seed=seed, settings=settings_for(env))
    reached = None
    start = time.process_time()
    while run.env_steps < task.steps:
        record = run.step()
        if reached is None and record.mean_return >= task.threshold:
            reached = record.env_steps
    seconds = time.process_time() - start
    run.close()
    level, sampled = (
        statistics.mean(run.agent.evaluate(EPISODES, seed, deterministic=mode))
        for mode in (True, False)
    )
    return Outcome("npgkit", env, seed, run.env_steps, seconds, level, reached, sampled)


def matched(env: str, task: Task, seed: int) -> Outcome:
    """sb3-contrib's with our true radius, damping, discount and lambda."""
    ours = settings_for(env)
    with closing(gymnasium.make(env)) as probe:
        entries = math.prod(probe.action_space.shape or ())
    changes = {
        "target_kl": ours.epsilon / entries, "cg_damping": ours.damping / entries,
        "gamma": ours.gamma, "gae_lambda": ours.lam,
    }  # fmt: skip
    outcome = theirs(env, replace(task, zoo={**task.zoo, **changes}), seed)
    return replace(outcome, program="sb3-contrib, matched")


def theirs(env: str, task: Task, seed: int) -> Outcome:
    import torch
    from sb3_contrib import TRPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy as evaluate
    from stable_baselines3.common.vec_env import VecNormalize

    torch.set_num_threads(1)
    options = dict(task.zoo)
    normalize = options.pop("normalize", False)
    envs = make_vec_env(env, n_envs=2, seed=seed)
    if normalize:
        envs = VecNormalize(envs, gamma=options.get("gamma", 0.99))

    class Watch(BaseCallback):
        """When the episodes that ended in one rollout first averaged the threshold."""

        def __init__(self) -> None:
            super().__init__()
            self.returns: list[float] = []
            self.reached: int | None = None

        def _on_step(self) -> bool:
            for info in self.locals["infos"]:
                if "episode" in info:
                    self.returns.append(info["episode"]["r"])
            return True

        def _on_rollout_end(self) -> None:
            seen = self.returns and self.reached is None
            if seen and statistics.mean(self.returns) >= task.threshold:
                self.reached = self.num_timesteps
            self.returns.clear()

    model = TRPO("MlpPolicy", envs, seed=seed, device="cpu", **options)
    watch = Watch()
    start = time.process_time()
    model.learn(task.steps, callback=watch)
    seconds = time.process_time() - start
    judged = make_vec_env(env, n_envs=1, seed=1000 + seed)
    if normalize:
        judged = VecNormalize(judged, training=False, norm_reward=False)
        judged.obs_rms = envs.obs_rms
    level, sampled = (
        float(evaluate(model, judged, n_eval_episodes=EPISODES, deterministic=mode)[0])
        for mode in (True, False)
    )
    steps = model.num_timesteps
    return Outcome("sb3-contrib", env, seed, steps, seconds, level, watch.reached, sampled)


PROGRAMS = {"npgkit": ours, "sb3-contrib": theirs, "sb3-contrib, matched": matched}


def stepping_alone(env: str, steps: int = 20_000) -> float:
    """Steps per CPU-second of one environment as Gymnasium makes it, with random actions."""
    alone = gymnasium.make(env)
    alone.action_space.seed(0)
    actions = [alone.action_space.sample() for _ in range(1000)]
    alone.reset(seed=0)
    start = time.process_time()
    for i in range(steps):
        _, _, terminated, truncated, _ = alone.step(actions[i % 1000])
        if terminated or truncated:
            alone.reset()
    rate = steps / (time.process_time() - start)
    alone.close()
    return rate


def critics(env: str) -> list[str]:
    """What either program's value function is, and how it is fitted in one iteration."""
    ours, zoo = settings_for(env), TASKS[env].zoo
    layers = " x ".join(map(str, ours.value_hidden))
    return [
        env,
        f"{ours.n_envs * ours.n_steps} rows; {layers}, {ours.value_rounds} Gauss-Newton",
        f"{2 * zoo['n_steps']} rows; 64 x 64, {zoo.get('n_critic_updates', 10)} passes of Adam in "
        f"batches of {zoo.get('batch_size', 128)}",
    ]


def spans(seeds: list[int]) -> str:
    """Return seeds as "0-4, 500-509"."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and parts[-1][1] == seed - 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def drawn(outcomes: list[Outcome]) -> str:
    """Return the mean return of drawn actions, with n where some rows do not have it."""
    values = [o.sampled for o in outcomes if o.sampled is not None]
    if not values:
        return ""
    n = "" if len(values) == len(outcomes) else f" (n = {len(values)})"
    return f"{statistics.mean(values):.0f}{n}"


def row(env: str, task: Task, outcomes: list[Outcome], alone: float) -> list[list[str]]:
    rows = []
    medians = {}
    for program in PROGRAMS:
        own = [o for o in outcomes if o.program == program and o.env == env]
        if not own:
            continue
        medians[program] = statistics.median(o.throughput for o in own)
        reached = sorted(o.threshold_at if o.threshold_at else np.inf for o in own)
        middle = reached[len(reached) // 2]
        mine = program == "npgkit"
        rows.append(
            [
                env if mine else "",
                program,
                spans([o.seed for o in own]),
                f"{medians[program]:.0f}",
                f"{medians[program] / alone:.2f}" if mine else "",
                " ".join(f"{o.evaluation:.0f}" for o in own),
                f"{statistics.mean(o.evaluation for o in own):.0f}",
                drawn(own),
                f"{task.level:g}" if mine else "",
                "never" if np.isinf(middle) else f"{middle / 1000:.0f}k",
            ]
        )
    if task.ratio is not None and {"npgkit", "sb3-contrib"} <= medians.keys():
        ratio = medians["npgkit"] / medians["sb3-contrib"]
        rows[0][1] = f"npgkit, {ratio:.1f}x (goal {task.ratio:g})"
    return rows


def report(outcomes: list[Outcome], alone: dict[str, float]) -> str:
    header = ["environment", "program", "seeds", "steps/CPU-s", "of env alone", "evaluations",
              "mean", "mean, drawn", "goal", "median to threshold"]  # fmt: skip
    rows = [r for env in alone for r in row(env, TASKS[env], outcomes, alone[env])]
    lengths = ", ".join(f"{env} {TASKS[env].steps // 1000}k" for env in alone)
    thresholds = ", ".join(f"{env} {TASKS[env].threshold:g}" for env in alone)
    return "\n".join(
        [
            "# Training, beside sb3-contrib",
            "",
            f"{machine()}, one thread; {date.today().isoformat()}."
            " Made by `python benchmarks/training.py`.",
            f"Steps: {lengths}. Thresholds: {thresholds}.",
            "",
            table(header, rows),
            "",
            "Env alone is one environment with random actions; CartPole-v1 trains in Gymnasium's"
            " vector environment, which is faster than that. What fits the critic in an"
            " iteration:",
            "",
            table(["environment", "npgkit", "sb3-contrib"], [critics(env) for env in alone]),
            "",
        ]
    )


def stored() -> list[Outcome]:
    """What an earlier call measured, in case this one measures only some of it again."""
    path = RESULT.with_suffix(".json")
    return [Outcome(**o) for o in json.loads(path.read_text("utf-8"))] if path.exists() else []


def write(outcomes: list[Outcome], alone: dict[str, float]) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    rates = {env: alone[env] for env in TASKS if env in alone}
    RESULT.with_suffix(".md").write_text(report(outcomes, rates), "utf-8")
    kept = [asdict(outcome) for outcome in outcomes]
    RESULT.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--program", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    run_job("warm-up", {"env": "CartPole-v1", "method": "trpo", "total_steps": 2048,
                        "eval_episodes": 0}, 0)  # fmt: skip
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    outcomes = [
        o
        for o in stored()
        if not (o.env in chosen.only and o.program in chosen.program and o.seed in seeds)
    ]
    alone = {env: stepping_alone(env) for env in TASKS if env in {o.env for o in outcomes}}
    for env in chosen.only:
        alone[env] = stepping_alone(env)
        for seed in seeds:
            for program in chosen.program:
                outcomes.append(PROGRAMS[program](env, TASKS[env], seed))
                print(outcomes[-1], flush=True)
                write(outcomes, alone)
    print(report(outcomes, alone))
    return 0


if __name__ == "__main__":
    sys.exit(main())
