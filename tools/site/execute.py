"""Execute the book's notebooks into the cache that Sphinx reads, several at a time.

Sphinx would run them one after the other. One that fails is left for it to run again and to report,
with the cell and the error.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

Done = tuple[nbformat.NotebookNode, float]


def notebooks(root: Path) -> list[Path]:
    """The notebooks that the table of contents names."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    names = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    return [path for path in (root / f"{name}.ipynb" for name in names) if path.is_file()]


async def run(path: Path, env: dict[str, str], turns: asyncio.Semaphore) -> Done | None:
    """The executed notebook and the seconds it took; None if a cell failed."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        # Times in the cells' metadata would make them others than those that Sphinx looks for.
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        # The kernel's note that it talks to this machine only, over TCP, is not news to a reader.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    async with turns:
        start = time.perf_counter()
        try:
            await client.async_execute(env=env)
        except (CellExecutionError, CellTimeoutError, DeadKernelError):
            return None
        seconds = time.perf_counter() - start
    print(f"Executed {path.name} in {seconds:.0f} s", flush=True)
    return notebook, seconds


async def run_all(paths: list[Path], env: dict[str, str], jobs: int) -> list[Done | None]:
    turns = asyncio.Semaphore(jobs)
    return await asyncio.gather(*(run(path, env, turns) for path in paths))


def execute(root: Path, cache_folder: Path, env: dict[str, str], jobs: int) -> None:
    """Run the book's notebooks that the cache does not hold, `jobs` at a time."""
    cache = get_cache(str(cache_folder))
    waiting = []
    for path in notebooks(root):
        try:
            cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            waiting.append(path)
    done_now = asyncio.run(run_all(waiting, env, jobs))
    for path, done in zip(waiting, done_now, strict=True):
        if done is not None:
            notebook, seconds = done
            cache.add_nb_to_project(str(path))
            bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
