"""Experiments: many configurations times many seeds, on one core, one machine or a cluster.

Each (configuration, seed) is one job, a function of its arguments alone, so that whoever
runs it gets the same result. What is finished is on disk at once; a restart repeats none of it.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from npgkit.validation import as_choice, as_count

from . import checkpoint
from .contract import is_environments_own, note_environments_own
from .progress import bar
from .results import (
    DONE,
    FAILED,
    Result,
    changes_of,
    kind_of_config,
    require_storable,
    store,
    stored,
)
from .settings import Settings, require_known
from .training import METHODS, train

OF_A_RUN = ("env", "method", "total_steps", "eval_episodes", "env_options")
"""What a configuration holds besides settings."""


def run_experiment(
    configs: Mapping[str, Mapping[str, Any]],
    seeds: Iterable[int],
    *,
    executor: Executor | None = None,
    directory: str | Path | None = None,
    progress: bool | None = False,
    retry_failed: bool = False,
) -> list[Result]:
    """Train every configuration with every seed.

    Parameters
    ----------
    configs : mapping from names to configurations
        Each a mapping with `env`, `method`, `total_steps`, optionally `eval_episodes` (20), and
        settings that differ from the environment's (`npgkit.Settings`).
    seeds : iterable of int
    executor : concurrent.futures.Executor, optional
        Where the jobs run: a process pool, or `client.get_executor()` of a Dask cluster. In this
        process, one after the other, when left out.
    directory : path, optional
        Where each result is written as JSON as soon as it is there. Results found in it are read,
        not run again; a result of another configuration under the same name is an error.
    progress : bool or None
        Show a bar that counts finished jobs; None shows it where stderr is a terminal.
    retry_failed : bool
        Run a job again whose result in `directory` is a failure, and replace it.

    Returns
    -------
    list of Result
        In the order of configurations and seeds, failed jobs included.

    Raises
    ------
    ValueError
        On a configuration that cannot be one, before anything is run: settings, and unless all of
        its results are there, an environment that cannot be made or has unsupported spaces.
    CheckpointError
        If a file in `directory` is not the result that its name says.
    OSError
        If `directory` cannot be written into, before anything is run.
    Exception
        Where the executor failed and not the job, such as `BrokenExecutor`; what finished is kept.
    """
    if not isinstance(configs, Mapping):
        raise ValueError(f"configs must map names to configurations; got {configs!r}")
    if not isinstance(seeds, Iterable):
        raise ValueError(f"seeds must be several, such as range(5) or [0]; got {seeds!r}")
    seeds = [as_count("seeds", seed, at_least=0) for seed in seeds]
    checked = {name: _checked(name, config) for name, config in configs.items()}
    directory = None if directory is None else checkpoint.as_directory("directory", directory)
    if directory is not None:
        require_storable(directory, checked)
    results: dict[tuple[str, int], Result] = {}
    waiting = []
    for name, config in checked.items():
        for seed in seeds:
            known = None if directory is None else stored(directory, name, seed, config)
            if known is None or (retry_failed and known.status == FAILED):
                waiting.append((name, config, seed))
            else:
                results[name, seed] = known
    kinds = _kinds_of_actions({name: config for name, config, _ in waiting})
    if directory is not None and waiting:
        checkpoint.require_writable(directory)

    done = len(results)
    # Jobs in threads overlap: the last to end would put back what another one had set. And since
    # threadpoolctl 3.8 one thread alone can set anything: this one, if it has done so before.
    with (
        threadpool_limits(1),
        bar(done + len(waiting), done=done, unit="run", show=progress) as shown,
    ):

        def keep(result: Result) -> None:
            results[result.name, result.seed] = result
            if directory is not None:
                store(directory, result, checked[result.name], kinds[result.name])
            shown.update()

        if executor is None:
            for job in waiting:
                keep(run_job(*job))
        else:
            futures: list[Future[Result]] = []
            try:
                for job in waiting:
                    futures.append(executor.submit(run_job, *job))
            finally:
                for future in as_completed(futures):
                    if future.cancelled() or future.exception() is not None:
                        continue  # the worker died, not the job: a restart runs it again
                    keep(future.result())
            for future in futures:
                future.result()  # raises where the executor broke, now that all else is kept
    return [results[name, seed] for name in checked for seed in seeds]


def run_job(name: str, config: dict[str, Any], seed: int) -> Result:
    """Train one configuration with one seed and evaluate it; an exception becomes the result.

    It keeps to one thread: jobs run side by side, and matrices of this size gain nothing by more.
    """
    with threadpool_limits(1):
        return _run_job(name, config, seed)


def _run_job(name: str, config: dict[str, Any], seed: int) -> Result:
    result = Result(name, seed, FAILED, [], [], [], "", 0.0, [])
    start = time.process_time()
    try:
        total_steps, episodes = config["total_steps"], config["eval_episodes"]
        with train(
            config["env"], config["method"], seed=seed, total_steps=total_steps,
            env_options=config.get("env_options"), **changes_of(config),
        ) as training:  # fmt: skip
            for record in training:
                result.kls.append(record.kl)
                result.curve[:] = training.curve
        seconds = time.process_time() - start
        agent = training.agent
        both = [
            agent.evaluate(episodes, seed, deterministic=mode) if episodes else []
            for mode in (True, False)
        ]
    except Exception:
        seconds = time.process_time() - start
        return replace(result, error=traceback.format_exc(), cpu_seconds=seconds)
    return replace(result, status=DONE, evaluation=both[0], sampled=both[1], cpu_seconds=seconds)


def _checked(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with all that it leaves open but settings filled in."""
    if not isinstance(name, str):
        raise ValueError(f"configs must be named by strings; got {name!r}")
    if not isinstance(config, Mapping):
        raise ValueError(f"configs[{name!r}] must be a mapping; got {config!r}")
    for needed in ("env", "method", "total_steps"):
        if needed not in config:
            raise ValueError(f"configs[{name!r}] has no {needed}; got {list(config)}")
    full = {"eval_episodes": 20, **config}
    as_choice(f"configs[{name!r}] method", full["method"], METHODS)
    require_known(
        {key: value for key, value in full.items() if key not in OF_A_RUN}, f"configs[{name!r}]: "
    )
    for key, least in (("total_steps", 1), ("eval_episodes", 0)):
        full[key] = as_count(f"configs[{name!r}] {key}", full[key], at_least=least)
    changes = changes_of(full)
    try:
        settings = Settings(**changes)
    except ValueError as error:
        raise ValueError(f"configs[{name!r}]: {error}") from error
    return {**full, **{key: getattr(settings, key) for key in changes}}


def _kinds_of_actions(configs: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Return the kind of actions of each configuration's environment, by name.

    Raises `ValueError` unless each can be made and has spaces for a policy.
    """
    kinds: dict[str, str] = {}
    made: list[tuple[Any, str]] = []  # a function need not have a hash
    for name, config in configs.items():
        env = config["env"], config.get("env_options")
        known = [kind for other, kind in made if other == env]
        try:
            kinds[name] = known[0] if known else kind_of_config(config)
        except Exception as error:  # whatever its maker raises
            refused = ValueError(f"configs[{name!r}] cannot be run: {error}")
            if is_environments_own(error):
                note_environments_own(refused, f"the environment of configs[{name!r}]")
            raise refused from error
        made.append((env, kinds[name]))
    return kinds
