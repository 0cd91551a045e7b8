"""`play`: what was trained, acting: as numbers, in a window, or as a film."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from npgkit.practice.agent import Agent, load
from npgkit.practice.checkpoint import replacing
from npgkit.practice.contract import CheckedEnv
from npgkit.practice.environments import make_env
from npgkit.practice.evaluation import MAX_STEPS
from npgkit.validation import as_count

from . import arguments, texts

LONGEST_FILM = 3000
"""Frames of a film at most: a longer one would be held in memory and is no film."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `play`."""
    parser.add_argument("dir", type=arguments.directory, help="what `train --out` was given")
    parser.add_argument("--episodes", type=arguments.count, default=3, help="how many")
    parser.add_argument("--seed", type=arguments.count, default=0, help="of the first episode")
    parser.add_argument(
        "--sampled", action="store_true", help="draw the actions instead of the most likely ones"
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--human", action="store_true", help="in a window")
    for kind in ("gif", "mp4"):
        shown.add_argument(
            f"--{kind}",
            type=arguments.directory,
            metavar="FILE",
            help="as a film (needs the extra `video`)",
        )


def run(chosen: argparse.Namespace) -> int:
    """Play the episodes; print a return for each."""
    episodes = as_count("--episodes", chosen.episodes, at_least=1)
    film: Path | None = chosen.gif or chosen.mp4
    agent = load(chosen.dir)
    mode = "human" if chosen.human else "rgb_array" if film else None
    if mode == "human" and not _has_a_screen():
        print("npgkit: there is no screen for a window; only the returns follow", file=sys.stderr)
        mode = None
    if film is not None:
        require_writer(film)
    made = make_env(agent.env, **{**(agent.env_options or {}), "render_mode": mode})
    env, frames = CheckedEnv(made), list[np.ndarray]()
    try:
        for seed in range(chosen.seed, chosen.seed + episodes):
            total, length = 0.0, 0
            for reward, frame in played(agent, env, seed, chosen.sampled, film is not None):
                total, length = total + reward, length + (frame is None)
                if frame is not None and len(frames) < LONGEST_FILM:
                    frames.append(frame)
            print(f"seed {seed}: return {texts.number(total)} in {length} steps", flush=True)
    finally:
        env.close()
    if film is not None:
        write(film, frames, made.metadata.get("render_fps", 30))
        print(f"{len(frames)} frames in {film}")
    return 0


def played(
    agent: Agent, env: CheckedEnv, seed: int, sampled: bool, filmed: bool
) -> Iterator[tuple[float, Any]]:
    """Yield (reward, None) for each step of an episode, and (0, frame) for each picture of it."""
    rng = np.random.default_rng([seed, 2]) if sampled else None
    obs = env.reset(seed)
    for _ in range(MAX_STEPS):
        if filmed:
            yield 0.0, env.env.render()
        action = agent.act(obs, deterministic=rng is None, rng=rng)
        obs, reward, terminated, truncated = env.step(action)
        yield reward, None
        if terminated or truncated:
            break
    if filmed:
        yield 0.0, env.env.render()


def require_writer(film: Path) -> None:
    """Raise `ImportError` naming the extra, if films cannot be written; `OSError` for the place."""
    try:
        import imageio.v3  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{error.name} is missing: films need the extra `video`, pip install 'npgkit[video]'"
        ) from error
    if not film.parent.is_dir():
        raise FileNotFoundError(f"{film.parent} is not a directory; {film.name} cannot be written")


def write(film: Path, frames: list[np.ndarray], fps: float) -> None:
    """Write the frames as a GIF or an MP4, by the name's ending; atomically."""
    import imageio.v3

    suffix = film.suffix or ".gif"
    options: dict[str, Any] = {"fps": fps, "macro_block_size": 2}
    if suffix == ".gif":
        options = {"duration": 1000 / fps, "loop": 0}
    with replacing(film, suffix) as beside:  # by its ending the kind of film is known
        imageio.v3.imwrite(beside, np.stack(frames), **options)


def _has_a_screen() -> bool:
    """Whether a window can be opened: elsewhere than on Linux, we assume so."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
