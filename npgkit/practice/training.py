"""Training a policy: `train` yields a record an iteration, keeps checkpoints, offers the agent."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from npgkit.validation import as_choice, as_count

from . import checkpoint, run_record
from .agent import Agent
from .environments import make_env
from .logbook import Logbook
from .progress import bar
from .rollout import require_rollout
from .run import METHODS, Iteration, Run
from .settings import (
    Environment,
    Settings,
    difference,
    require_known,
    settings_from,
    settings_of,
)
from .spaces import action_kind, check_spaces


def train(
    env: Environment,
    method: str = "trpo",
    *,
    seed: int,
    total_steps: int,
    directory: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = False,
    env_options: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Training:
    """Train a policy, yielding a record after each iteration.

    Parameters
    ----------
    env : str, or a function that makes an environment
    method : "trpo", "npg" or "vpg"
    seed : int
        The run is a function of it.
    total_steps : int
        Environment steps in all; the last iteration is whole, so the run may be a little longer.
    directory : path, optional
        Where a checkpoint is written after every iteration, before its record is yielded, and
        progress.csv, with a row an iteration.
    resume : bool
        Go on from the checkpoint in `directory`, if there is one, with its settings.
    progress : bool or None
        Show a bar on stderr, or under the cell of a notebook: steps, speed, and the latest return;
        None shows it where stderr is a terminal.
    env_options : mapping, optional
        What `gymnasium.make` is given besides the id.
    changes
        Settings that differ from those of the environment, see `Settings`.

    Returns
    -------
    Training
        An iterator of `Iteration` whose `agent` is the policy as it is now, ready to act.

    Raises
    ------
    ValueError, TypeError
        On settings or spaces that do not fit, and if `directory` holds a checkpoint and `resume` is
        false, before anything is run.
    CheckpointError
        If the checkpoint is damaged or of another run, or another run is writing there.
    OSError
        If `directory` cannot be written into.
    EnvironmentFault
        If an environment gives what cannot be used; the last checkpoint is good.
    """
    return Training(
        env, method, seed=seed, total_steps=total_steps, directory=directory, resume=resume,
        progress=progress, env_options=env_options, changes=changes,
    )  # fmt: skip


class Training(Iterator[Iteration]):
    """What `train` returns: iterates over a run's records; closes it at the end.

    Attributes
    ----------
    run : Run
    curve : list of [env_steps, mean training return]
        A point for each iteration in which an episode ended, those before a resume included.
    spent : dict
        `cpu_seconds` and `wall_seconds` of the iterations so far, those before a resume included.
    resumed_at, resumed_steps : int
        Iterations and environment steps that a checkpoint brought along; 0 in a new run.
    """

    def __init__(
        self,
        env: Environment,
        method: str,
        *,
        seed: int,
        total_steps: int,
        directory: str | Path | None,
        resume: bool,
        progress: bool | None,
        env_options: Mapping[str, Any] | None,
        changes: Mapping[str, Any],
    ) -> None:
        self._stack, self._claimed, self._closed = ExitStack(), False, False
        self.total_steps = as_count("total_steps", total_steps, at_least=1)
        self.directory = (
            None if directory is None else checkpoint.as_directory("directory", directory)
        )
        if resume and self.directory is None:
            raise ValueError("resume needs a directory; got None")
        as_choice("method", method, METHODS)
        require_known(changes)
        try:
            stored = self._stored(resume)
            self.run = self._start(
                env, method, as_count("seed", seed, at_least=0), stored, changes, env_options or {}
            )
            self._stack.callback(self.run.close)
            kept = {} if stored is None else run_record.restore(self.run, self._place)
            self.resumed_at, self.resumed_steps = self.run.iteration, self.run.env_steps
            self.spent = {"cpu_seconds": 0.0, "wall_seconds": 0.0, **kept.get("spent", {})}
            self._open_logbook(kept)
            self._shown = self._stack.enter_context(
                bar(self.total_steps, done=self.run.env_steps, unit="step", show=progress)
            )
        except BaseException:
            self._stack.close()
            raise

    def __iter__(self) -> Training:
        return self

    def __next__(self) -> Iteration:
        """Do one iteration, keep it, and return its record."""
        if self._closed or self.run.env_steps >= self.total_steps:
            self.close()
            raise StopIteration
        try:
            cpu, wall = time.process_time(), time.perf_counter()
            record = self.run.step()
            self.spent["cpu_seconds"] += time.process_time() - cpu
            self.spent["wall_seconds"] += time.perf_counter() - wall
            self._keep(record)
        except BaseException:
            self.close()
            raise
        if self.run.env_steps >= self.total_steps:
            self.close()
        return record

    @property
    def agent(self) -> Agent:
        """The policy as it is now, ready to act."""
        return self.run.agent

    def above_the_bar(self) -> AbstractContextManager[None]:
        """Within this context, what is printed goes above the bar."""
        return self._shown.external_write_mode()

    def close(self) -> None:
        """Close the environments and free the directory; the agent stays, no record follows."""
        self._closed = True
        self._stack.close()

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._stack.close()

    @property
    def _place(self) -> Path:
        assert self.directory is not None
        return self.directory

    def _stored(self, resume: bool) -> dict[str, Any] | None:
        """Return the record of the checkpoint to resume, if there is one; lock where it is."""
        if self.directory is None or not self.directory.is_dir():
            return None
        if not resume:
            checkpoint.require_none(self.directory)
        self._claim()
        if not checkpoint.exists(self.directory):
            return None
        record, _ = checkpoint.load(self.directory)
        return record

    def _claim(self) -> None:
        """Make the directory, if it is not there, and keep other runs out; once."""
        if self.directory is not None and not self._claimed:
            checkpoint.require_writable(self.directory)
            self._stack.enter_context(checkpoint.held(self.directory))
            self._claimed = True

    def _start(
        self,
        env: Environment,
        method: str,
        seed: int,
        stored: dict[str, Any] | None,
        changes: Mapping[str, Any],
        env_options: Mapping[str, Any],
    ) -> Run:
        """Make the run: the first environment is made, looked at, and handed over."""
        if stored is not None:
            run_record.require_same_run(stored, self._place, method=method, seed=seed)
            env_options = env_options or stored.get("env_options", {})
            run_record.require_same_run(
                {"env_options": {}, **stored}, self._place, env_options=dict(env_options)
            )
        first = make_env(env, **env_options)
        try:
            check_spaces(first)
            kind = action_kind(first.action_space).name
            if stored is None:
                settings = settings_of(kind, env, **changes)
            else:
                settings = self._resumed_settings(stored, changes)
            require_rollout(first.observation_space, settings.n_envs, settings.n_steps)
            self._claim()
        except BaseException:
            first.close()
            raise
        return Run(env, method, seed=seed, settings=settings, first=first, env_options=env_options)

    def _resumed_settings(self, stored: dict[str, Any], changes: Mapping[str, Any]) -> Settings:
        """Return the settings of the checkpoint, which the caller's changes must not contradict."""
        try:
            theirs = settings_from(stored["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise checkpoint.CheckpointError(
                f"the checkpoint in {self._place} does not fit this program: {error!r}"
            ) from error
        other = difference(theirs, Settings(**{**asdict(theirs), **changes}))
        if other:
            raise run_record.another_run(self._place, other)
        return theirs

    def _open_logbook(self, kept: dict[str, Any]) -> None:
        self._logbook: Logbook | None = None
        self.curve: list[list[float]] = list(kept.get("curve", []))  # of the first edition
        if self.directory is None:
            return
        names = [field.name for field in fields(Iteration)]
        self._logbook = Logbook(self.directory, names, self.run.iteration)
        self._stack.callback(self._logbook.close)
        if self._logbook.rows:
            points = [
                [float(row["env_steps"]), float(row["mean_return"])] for row in self._logbook.rows
            ]
            self.curve = [[int(steps), mean] for steps, mean in points if not math.isnan(mean)]

    def _keep(self, record: Iteration) -> None:
        if not math.isnan(record.mean_return):
            self.curve.append([record.env_steps, record.mean_return])
            self._shown.set_postfix_str(f"return {record.mean_return:.4g}", refresh=False)
        if self._logbook is not None:
            self._logbook.append(asdict(record))
            run_record.save(self.run, self._place, spent=self.spent)
        self._shown.update(record.env_steps - self._shown.n)
