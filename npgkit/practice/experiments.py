"""Experiments: many configurations times many seeds, on one core, one machine or a cluster.

Layer 8. Each (configuration, seed) is one job, a function of its arguments alone, so that whoever
runs it gets the same result. What is finished is on disk at once; a restart repeats none of it.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium
from threadpoolctl import threadpool_limits

from npgkit.validation import as_choice, as_count

from . import checkpoint
from .evaluation import evaluate_policy
from .progress import bar
from .settings import DEFAULTS, PER_ENVIRONMENT, Settings, settings_for
from .spaces import check_spaces
from .training import METHODS, Run

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Result:
    """What one job gave.

    Attributes
    ----------
    name : str
        Of the configuration.
    seed : int
    status : "done" or "failed"
    curve : list of (env_steps, mean training return)
        One point an iteration in which an episode ended.
    kls : list of float
        The KL of every update.
    evaluation : list of float
        A return for each evaluation episode, deterministic actions.
    error : str
        The traceback of a failed job; empty otherwise.
    cpu_seconds : float
        Processor time of the training; the only entry that differs from run to run.
    """

    name: str
    seed: int
    status: str
    curve: list[list[float]]
    kls: list[float]
    evaluation: list[float]
    error: str
    cpu_seconds: float


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
    place = None if directory is None else Path(directory)
    if place is not None:
        _require_storable(place, checked)
    results: dict[tuple[str, int], Result] = {}
    waiting = []
    for name, config in checked.items():
        for seed in seeds:
            known = None if place is None else _stored(place, name, seed, config)
            if known is None or (retry_failed and known.status == FAILED):
                waiting.append((name, config, seed))
            else:
                results[name, seed] = known
    _require_environments({name: config["env"] for name, config, _ in waiting})
    if place is not None and waiting:
        checkpoint.require_writable(place)

    def keep(result: Result) -> None:
        results[result.name, result.seed] = result
        if place is not None:
            content = {**_identity(checked[result.name]), "result": vars(result)}
            checkpoint.write_json(_path(place, result.name, result.seed), content)
        shown.update()

    done = len(results)
    # Jobs in threads overlap: the last to end would put back what another one had set. And since
    # threadpoolctl 3.8 one thread alone can set anything: this one, if it has done so before.
    with (
        threadpool_limits(1),
        bar(done + len(waiting), done=done, unit="run", show=progress) as shown,
    ):
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
    curve: list[list[float]] = []
    kls: list[float] = []
    start = time.process_time()
    try:
        settings = dict(config)
        env, method = settings.pop("env"), settings.pop("method")
        total_steps, episodes = settings.pop("total_steps"), settings.pop("eval_episodes")
        run = Run(env, method, seed=seed, settings=settings_for(env, **settings))
        while run.env_steps < total_steps:
            record = run.step()
            kls.append(record.kl)
            if not math.isnan(record.mean_return):
                curve.append([record.env_steps, record.mean_return])
        seconds = time.process_time() - start
        evaluation = evaluate_policy(run, env, episodes, seed) if episodes else []
        run.close()
    except Exception:
        seconds = time.process_time() - start
        return Result(name, seed, FAILED, curve, kls, [], traceback.format_exc(), seconds)
    return Result(name, seed, DONE, curve, kls, evaluation, "", seconds)


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
    known = {"env", "method", "total_steps", "eval_episodes", *(f.name for f in fields(Settings))}
    for key in full:
        if key not in known:
            raise ValueError(f"configs[{name!r}] has {key}; there are {', '.join(sorted(known))}")
    for key, least in (("total_steps", 1), ("eval_episodes", 0)):
        full[key] = as_count(f"configs[{name!r}] {key}", full[key], at_least=least)
    changes = {field.name: full[field.name] for field in fields(Settings) if field.name in full}
    try:
        settings = Settings(**changes)
    except ValueError as error:
        raise ValueError(f"configs[{name!r}]: {error}") from error
    return {**full, **{key: getattr(settings, key) for key in changes}}


def _require_environments(envs: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless each environment can be made and has spaces for a policy."""
    made: list[Any] = []  # a function need not have a hash
    for name, env in envs.items():
        if env in made:
            continue
        try:
            with closing(gymnasium.make(env) if isinstance(env, str) else env()) as probe:
                check_spaces(probe)
        except Exception as error:  # whatever its maker raises
            raise ValueError(f"configs[{name!r}] cannot be run: {error}") from error
        made.append(env)


def _require_storable(place: Path, configs: Mapping[str, dict[str, Any]]) -> None:
    """Raise `ValueError` unless each configuration can be written as JSON, to a file of its own."""
    owner: dict[Path, str] = {}
    for name, config in configs.items():
        other = owner.setdefault(_path(place, name, 0), name)
        if other != name:
            raise ValueError(f"configs {other!r} and {name!r} would share a file in {place}")
        try:
            checkpoint.as_json(config)
        except TypeError as error:
            raise ValueError(
                f"configs[{name!r}] cannot be stored: {error}; name the environment by its id"
            ) from error


def _path(place: Path, name: str, seed: int) -> Path:
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    return place / f"{safe}-seed{seed}.json"


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    """What a stored result is of: the configuration, and the defaults that it leaves standing."""
    defaults = {kind: asdict(settings) for kind, settings in DEFAULTS.items()}
    own = PER_ENVIRONMENT.get(config["env"], {}) if isinstance(config["env"], str) else {}
    return checkpoint.as_json({"config": config, "defaults": defaults, "environment": own})


def _stored(place: Path, name: str, seed: int, config: dict[str, Any]) -> Result | None:
    path = _path(place, name, seed)
    if not path.is_file():
        return None
    content = checkpoint.read_json(path)
    found = _as_result(content.get("result")) if isinstance(content, dict) else None
    if found is None:
        raise checkpoint.CheckpointError(f"{path} is not a result of an experiment")
    if any(content.get(key) != value for key, value in _identity(config).items()):
        raise ValueError(
            f"{path} is of another configuration than configs[{name!r}], or of other defaults; "
            "give this one another name or another directory"
        )
    if (found.name, found.seed) != (name, seed):
        raise checkpoint.CheckpointError(
            f"{path} is the result of {found.name!r} with seed {found.seed}, "
            f"not of {name!r} with seed {seed}"
        )
    return found


def _as_result(found: Any) -> Result | None:
    """Return what JSON held as a `Result`, or None where a field is not what it should be."""

    def are_numbers(values: Any) -> bool:
        return isinstance(values, list) and all(isinstance(v, int | float) for v in values)

    fits = (
        isinstance(found, dict)
        and found.keys() == {field.name for field in fields(Result)}
        and isinstance(found["name"], str)
        and isinstance(found["seed"], int)
        and isinstance(found["curve"], list)
        and all(are_numbers(point) and len(point) == 2 for point in found["curve"])
        and all(are_numbers(found[key]) for key in ("kls", "evaluation"))
        and isinstance(found["cpu_seconds"], int | float)
        and isinstance(found["error"], str)
        and found["status"] == (FAILED if found["error"] else DONE)
    )
    return Result(**found) if fits else None
