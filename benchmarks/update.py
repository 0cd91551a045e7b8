"""Time one policy update against sb3-contrib's TRPO and against a compiled one, in jitted JAX.

    python benchmarks/update.py [--runs 21]     (needs the extra `bench`)

One update is gradient, ten CG iterations, line search: 11 observations, a Gaussian over 3 actions,
64 x 64 tanh (256 x 256 once, against JAX), damping .1, epsilon .01. The programs start from the
same network on the same rows, one after the other in turns, on one thread each; what counts is
processor time and the ratio of the medians. Each has a process of its own, since what one makes the
C library do with freed memory changes the time of another by half. The critic is left out of all.
Then a Fisher-vector product against its GEMMs. Writes benchmarks/results/update.md.

sb3-contrib takes the mean of the KL over rows *and* actions, a third of the KL here, and the length
of its step from the damped curvature. At equal settings its step is another one. The rows "matched"
give npgkit what sb3-contrib's settings amount to: three times the damping, and as its radius the
true KL of sb3-contrib's step.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import itertools
import multiprocessing
import os
import pstats
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from benchmarks.report import blas, machine, table  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "update.md"
SIZES = (2048, 10_000)
INPUTS, HIDDEN, ACTIONS = 11, (64, 64), 3
EPSILON, DAMPING, CG, SHRINK, TRIALS = 0.01, 0.1, 10, 0.8, 10
GOAL_UPDATE = {2048: 5.0, 10_000: 8.0}
COMPILED = ((2048, (64, 64)), (10_000, (64, 64)), (2048, (256, 256)))
GOAL_COMPILED = 1.0
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


def gaussian_policy(hidden: tuple[int, ...] = HIDDEN) -> npgkit.Policy:
    network = npgkit.WithFreeOutputs(npgkit.MLP(INPUTS, hidden, ACTIONS), ACTIONS)
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


class Program:
    """An update in a process of its own, made there by `make(*args)`, ready to be timed."""

    def __init__(self, make: Callable[..., Callable[[], Callable[[], object]]], *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, make, args), daemon=True)
        self._process.start()

    def seconds(self) -> float:
        """Processor time of one update."""
        self._pipe.send(True)
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.send(False)
        self._process.join()


def _serve(pipe: Any, make: Callable[..., Callable[[], Callable[[], object]]], args: Any) -> None:
    prepare = make(*args)
    prepare()()  # compiles what is compiled
    while pipe.recv():
        pipe.send(cpu(prepare()))


def medians(runs: int, *programs: Program) -> list[float]:
    """Processor time of each program's update in ms, taken in turns."""
    turns = [[program.seconds() for program in programs] for _ in range(runs)]
    for program in programs:
        program.close()
    return [1e3 * statistics.median(times) for times in zip(*turns, strict=True)]


@dataclass(frozen=True)
class Update:
    """One of npgkit's updates; with `scored`, the batch is made from its parts each time."""

    policy: npgkit.Policy
    theta: np.ndarray
    batch: npgkit.Batch
    epsilon: float = EPSILON
    damping: float = DAMPING
    scored: bool = False

    def __call__(self) -> npgkit.Step:
        batch, policy = self.batch, self.policy
        if self.scored:
            logp = policy.logp(self.theta, batch.obs, batch.act)
            batch = npgkit.Batch(batch.obs, batch.act, batch.adv, logp=logp)
        return npgkit.trust_region_step(
            policy,
            self.theta,
            batch,
            epsilon=self.epsilon,
            damping=self.damping,
            backtrack=SHRINK,
            max_backtracks=TRIALS - 1,
            cg_iterations=CG,
        )


def make_ours(update: Update) -> Callable[[], Callable[[], object]]:
    return lambda: update


def make_rival(rows: int) -> Callable[[], Callable[[], object]]:
    rival = Rival.on(rows, seed=0)

    def prepare() -> Callable[[], object]:
        rival.reset()
        return rival.update

    return prepare


def compiled_update(update: Update) -> Callable[[], np.ndarray]:
    from benchmarks.compiled import CompiledUpdate

    batch, hidden = update.batch, update.policy.network.network.hidden
    compiled = CompiledUpdate(
        (INPUTS, *hidden, ACTIONS), len(batch), epsilon=update.epsilon, damping=update.damping,
        cg_iterations=CG, backtrack=SHRINK, max_backtracks=TRIALS - 1,
    )  # fmt: skip
    return lambda: compiled(update.theta, batch.obs, batch.act, batch.adv, batch.logp)


def make_compiled(update: Update) -> Callable[[], Callable[[], object]]:
    compiled = compiled_update(update)
    return lambda: compiled


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def rival_row(rows: int, runs: int, dtype: type = np.float32, *, matched: bool) -> list[str]:
    """Against sb3-contrib, at its settings' numbers or at what they amount to."""
    rival, policy = Rival.on(rows, seed=0), gaussian_policy()
    theta, wide = rival.theta().astype(dtype), rival.batch(policy)
    batch = npgkit.Batch(
        *(a.astype(dtype) for a in (wide.obs, wide.act, wide.adv, wide.weights, wide.logp))
    )
    rival.update()
    moved = (rival.theta() - theta).astype(dtype)
    their_kl = npgkit.mean_kl(policy, theta + moved, theta, batch)
    ours = Update(policy, theta, batch)
    if matched:
        ours = replace(ours, epsilon=their_kl, damping=ACTIONS * DAMPING)
    step = ours()
    theirs, mine = medians(runs, Program(make_rival, rows), Program(make_ours, ours))
    return [
        f"{rows}, {np.dtype(dtype).name}{', matched' if matched else ''}",
        f"{theirs:.0f}",
        f"{mine:.1f}",
        f"{theirs / mine:.1f}",
        f"{GOAL_UPDATE[rows]:.0f}" if matched else "",
        f"{cosine(moved, step.theta - theta):.4f}",
        f"{their_kl:.4f}",
        f"{step.kl:.4f}",
        f"{len(step.trials)}",
    ]


def random_update(rows: int, hidden: tuple[int, ...] = HIDDEN) -> Update:
    """npgkit's update of a random network on made-up rows."""
    policy, rng = gaussian_policy(hidden), np.random.default_rng(0)
    theta = policy.init(rng).astype(np.float32)
    theta += 0.1 * rng.normal(size=theta.size).astype(np.float32)
    obs = rng.normal(size=(rows, INPUTS)).astype(np.float32)
    act = policy.sample(theta, obs, rng)
    adv = rng.normal(size=rows).astype(np.float32) + obs[:, 0]
    batch = npgkit.Batch(obs, act, adv, logp=policy.logp(theta, obs, act))
    return Update(policy, theta, batch, scored=True)


def compiled_row(rows: int, hidden: tuple[int, ...], runs: int) -> list[str]:
    """Against the same update in JAX, compiled for these shapes."""
    ours = random_update(rows, hidden)
    moved, step = compiled_update(ours)() - ours.theta, ours()
    theirs, mine = medians(runs, Program(make_compiled, ours), Program(make_ours, ours))
    return [
        f"{rows}, {' x '.join(map(str, hidden))}",
        f"{theirs:.1f}",
        f"{mine:.1f}",
        f"{theirs / mine:.2f}",
        f"{GOAL_COMPILED:.0f}",
        f"{cosine(moved, step.theta - ours.theta):.4f}",
    ]


def profile_of(rows: int, runs: int) -> str:
    """Where the time of npgkit's update goes."""
    ours, profile, text = random_update(rows), cProfile.Profile(time.process_time), io.StringIO()
    profile.runcall(lambda: [ours() for _ in range(runs)])
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(8)
    lines = [line for line in text.getvalue().splitlines() if line.strip()]
    start = next(i for i, line in enumerate(lines) if "tottime" in line)
    places = f"{re.escape(str(ROOT))}/|\\S*/site-packages/"
    return "\n".join(re.sub(places, "", line) for line in lines[start:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="turns of each measurement")
    runs = parser.parse_args().runs

    import jax
    import sb3_contrib
    import torch

    compiled = [compiled_row(rows, hidden, runs) for rows, hidden in COMPILED]
    updates = [
        rival_row(rows, runs, matched=matched) for rows in SIZES for matched in (False, True)
    ]
    updates.append(rival_row(SIZES[0], runs, np.float64, matched=False))
    profiles = {rows: profile_of(rows, runs) for rows in SIZES}
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
            f"{machine()}, one thread; NumPy {np.__version__} with {blas()},"
            f" torch {torch.__version__}, sb3-contrib {sb3_contrib.__version__},"
            f" JAX {jax.__version__}; {date.today().isoformat()}.",
            "Made by `python benchmarks/update.py`; medians of processor time in turns, each",
            "program in a process of its own. The cosine is between the two steps.",
            "",
            "Against the same update in JAX, compiled for its shapes, float32. npgkit's time",
            "includes its checks, and the log-probabilities of its batch:",
            "",
            table(["rows, hidden", "JAX, ms", "npgkit, ms", "ratio", "goal", "cosine"], compiled),
            "",
            "Against sb3-contrib, which works in float32; 64 x 64. *Matched*: npgkit at the damping"
            " that sb3-contrib's",
            "settings amount to, and with the true KL of its step as the radius.",
            "",
            table(
                [
                    "rows",
                    "sb3-contrib, ms",
                    "npgkit, ms",
                    "ratio",
                    "goal",
                    "cosine",
                    "its KL",
                    "KL",
                    "trials",
                ],
                updates,
            ),
            "",
            "A Fisher-vector product, 64 x 64:",
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
