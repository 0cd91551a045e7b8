"""Time one policy update against sb3-contrib's TRPO, and a Fisher-vector product against its GEMMs.

    python benchmarks/update.py [--runs 21]     (needs the extra `bench`)

One update is gradient, ten CG iterations, line search, on 2048 and 10000 rows: 11 observations, a
Gaussian over 3 actions, 64 x 64 tanh, damping .1, epsilon .01. Both programs start from the same
network on the same rows, in one process, one after the other in turns, on one thread each; what
counts is processor time and the ratio of the medians. The critic is left out of both. Writes
benchmarks/results/update.md.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import itertools
import os
import pstats
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # read when NumPy and torch are loaded

import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import npgkit  # noqa: E402
from benchmarks.report import machine, table  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "update.md"
SIZES = (2048, 10_000)
INPUTS, HIDDEN, ACTIONS = 11, (64, 64), 3
EPSILON, DAMPING, CG, SHRINK, TRIALS = 0.01, 0.1, 10, 0.8, 10
GOAL_UPDATE = {2048: 5.0, 10_000: 8.0}
GOAL_GEMM = 0.75


@dataclass
class Rival:
    """sb3-contrib's TRPO on a full rollout buffer, ready to update again and again."""

    model: Any
    parameters: dict[str, Any]

    @classmethod
    def on(cls, rows: int, seed: int) -> Rival:
        import gymnasium
        import torch
        from sb3_contrib import TRPO
        from stable_baselines3.common.logger import configure

        torch.set_num_threads(1)

        class Nowhere(gymnasium.Env[np.ndarray, np.ndarray]):
            observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (INPUTS,))
            action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,))

        model = TRPO(
            "MlpPolicy",
            Nowhere(),
            n_steps=rows,
            batch_size=rows,
            target_kl=EPSILON,
            cg_damping=DAMPING,
            cg_max_steps=CG,
            line_search_shrinking_factor=SHRINK,
            line_search_max_iter=TRIALS,
            n_critic_updates=0,
            policy_kwargs={"net_arch": list(HIDDEN)},
            seed=seed,
            device="cpu",
        )
        model.set_logger(configure(None, []))
        rng = np.random.default_rng(seed)
        buffer = model.rollout_buffer
        buffer.observations[:] = rng.normal(size=buffer.observations.shape)
        obs = torch.as_tensor(buffer.observations[:, 0])
        with torch.no_grad():
            act, _, logp = model.policy(obs)
        buffer.actions[:, 0], buffer.log_probs[:, 0] = act.numpy(), logp.numpy()
        missed = buffer.actions - np.sin(buffer.observations[:, :, :ACTIONS])
        buffer.advantages[:] = -(missed**2).sum(axis=2)
        buffer.full = True
        kept = {name: p.detach().clone() for name, p in model.policy.state_dict().items()}
        return cls(model, kept)

    def reset(self) -> None:
        self.model.policy.load_state_dict(self.parameters)

    def update(self) -> None:
        self.model.train()

    def theta(self) -> np.ndarray:
        """The actor's parameters in npgkit's order."""
        policy = self.model.policy
        net = policy.mlp_extractor.policy_net
        parts = []
        for layer in (net[0], net[2], policy.action_net):
            parts += [layer.weight.detach().numpy().T.ravel(), layer.bias.detach().numpy()]
        return np.concatenate([*parts, policy.log_std.detach().numpy()])

    def batch(self, policy: npgkit.Policy) -> npgkit.Batch:
        """The same rows, with the advantages normalised as the rival normalises them."""
        buffer = self.model.rollout_buffer
        obs, act = (
            a.reshape(buffer.buffer_size, -1) for a in (buffer.observations, buffer.actions)
        )
        adv = buffer.advantages.ravel()
        adv = (adv - adv.mean()) / adv.std(ddof=1)
        return npgkit.Batch(obs, act, adv, logp=policy.logp(self.theta(), obs, act))


def cpu(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def gaussian_policy() -> npgkit.Policy:
    network = npgkit.WithFreeOutputs(npgkit.MLP(INPUTS, HIDDEN, ACTIONS), ACTIONS)
    return npgkit.Policy(network, npgkit.DiagGaussian(ACTIONS))


def gemms(rows: int, dtype: type) -> Callable[[], None]:
    """The matrix products of one Fisher-vector product, and nothing else."""
    rng = np.random.default_rng(0)
    sizes = (INPUTS, *HIDDEN, ACTIONS)
    calls = []

    def product(m: int, k: int, n: int, transposed: str = "") -> None:
        A = rng.normal(size=(k, m) if "A" in transposed else (m, k)).astype(dtype)
        B = rng.normal(size=(n, k) if "B" in transposed else (k, n)).astype(dtype)
        A, B = (A.T if "A" in transposed else A), (B.T if "B" in transposed else B)
        calls.append((A, B, np.empty((m, n), dtype)))

    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        product(rows, fan_in, fan_out)  # forward: h dW
        product(fan_in, rows, fan_out, "A")  # back: dW = h'u
        if layer:
            product(rows, fan_in, fan_out)  # forward: dh W
            product(rows, fan_out, fan_in, "B")  # back: u W'

    def run() -> None:
        for A, B, out in calls:
            np.matmul(A, B, out=out)

    return run


def fisher_share(rows: int, dtype: type, runs: int) -> tuple[float, float]:
    """Seconds of a Fisher-vector product and of its GEMMs: medians of turns."""
    policy, rng = gaussian_policy(), np.random.default_rng(0)
    theta = policy.init(rng).astype(dtype)
    obs = rng.normal(size=(rows, INPUTS)).astype(dtype)
    act = policy.sample(theta, obs, rng)
    batch = npgkit.Batch(obs, act, np.zeros(rows, dtype))
    F = npgkit.FisherOperator(policy, theta, batch, DAMPING)
    v, bare = rng.normal(size=policy.n_params).astype(dtype), gemms(rows, dtype)
    turns = [(cpu(lambda: F @ v), cpu(bare)) for _ in range(5 * runs)]
    product, alone = (statistics.median(times) for times in zip(*turns, strict=True))
    return product, alone


def update_row(rows: int, runs: int, dtype: type = np.float32) -> tuple[list[str], str]:
    rival, policy = Rival.on(rows, seed=0), gaussian_policy()
    theta, wide = rival.theta().astype(dtype), rival.batch(policy)
    batch = npgkit.Batch(
        *(a.astype(dtype) for a in (wide.obs, wide.act, wide.adv, wide.weights, wide.logp))
    )

    def ours() -> npgkit.Step:
        return npgkit.trust_region_step(
            policy,
            theta,
            batch,
            epsilon=EPSILON,
            damping=DAMPING,
            backtrack=SHRINK,
            max_backtracks=TRIALS - 1,
            cg_iterations=CG,
        )

    rival.update()
    moved, step = rival.theta() - theta, ours()
    ahead = step.theta - theta
    cosine = float(moved @ ahead / np.linalg.norm(moved) / np.linalg.norm(ahead))
    turns = []
    for _ in range(runs):
        rival.reset()
        turns.append((cpu(rival.update), cpu(ours)))
    theirs, mine = (statistics.median(times) for times in zip(*turns, strict=True))
    row = [
        f"{rows}, {np.dtype(dtype).name}",
        f"{1e3 * theirs:.0f}",
        f"{1e3 * mine:.1f}",
        f"{theirs / mine:.1f}",
        f"{GOAL_UPDATE[rows]:.0f}" if dtype is np.float32 else "",
        f"{cosine:.4f}",
        f"{len(step.trials)}",
    ]
    profile = cProfile.Profile()
    profile.runcall(lambda: [ours() for _ in range(runs)])
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(8)
    lines = [line for line in text.getvalue().splitlines() if line.strip()]
    start = next(i for i, line in enumerate(lines) if "tottime" in line)
    places = f"{re.escape(str(ROOT))}/|\\S*/site-packages/"
    return row, "\n".join(re.sub(places, "", line) for line in lines[start:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="turns of each measurement")
    runs = parser.parse_args().runs

    import sb3_contrib
    import torch

    updates, profiles = [], {}
    for rows in SIZES:
        row, profiles[rows] = update_row(rows, runs)
        updates.append(row)
    updates.append(update_row(SIZES[0], runs, np.float64)[0])
    shares = []
    for rows in SIZES:
        for dtype in (np.float32, np.float64):
            product, alone = fisher_share(rows, dtype, runs)
            shares.append(
                [
                    f"{rows}, {np.dtype(dtype).name}",
                    f"{1e3 * product:.2f}",
                    f"{1e3 * alone:.2f}",
                    f"{alone / product:.2f}",
                    f"{GOAL_GEMM}",
                ]
            )
    text = "\n".join(
        [
            "# One policy update, and one Fisher-vector product",
            "",
            f"{machine()}, one thread; NumPy {np.__version__}, torch {torch.__version__},"
            f" sb3-contrib {sb3_contrib.__version__}; {date.today().isoformat()}.",
            "Made by `python benchmarks/update.py`; medians of processor time in turns.",
            "",
            table(
                ["rows", "sb3-contrib, ms", "npgkit, ms", "ratio", "goal", "cosine", "trials"],
                updates,
            ),
            "",
            "The cosine is between the two steps. sb3-contrib works in float32.",
            "",
            table(["rows", "product, ms", "its GEMMs, ms", "share", "goal"], shares),
            "",
            "Where the time of npgkit's update goes (float32):",
            "",
            *(f"{rows} rows\n\n```\n{profile}\n```\n" for rows, profile in profiles.items()),
        ]
    )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
