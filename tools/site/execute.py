"""Execute the book's notebooks into the cache that Sphinx reads, in parallel.

    python -m tools.site.execute CACHE_FOLDER

Sphinx would run them one after the other. A notebook that fails here is not cached, so that Sphinx
runs it again and reports it on its page.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import ProjectNb
from jupyter_cache.executors.basic import (
    ExecutionWorkerLocalMProc,
    JupyterExecutorLocalMproc,
    ProcessData,
)
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution

from tools.toc import ROOT, pages

TIMEOUT = 600  # seconds a cell may take


class Worker(ExecutionWorkerLocalMProc):
    """Runs a notebook in its own folder, in a kernel that reports nothing but errors.

    Each kernel would else warn that it talks over TCP without encryption; it does so on this
    machine only.
    """

    @staticmethod
    def execute(project_nb: ProjectNb, data: ProcessData) -> ExecutionResult:
        return single_nb_execution(
            project_nb.nb,
            cwd=str(Path(project_nb.uri).parent),
            timeout=data.timeout,
            allow_errors=data.allow_errors,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )


class Executor(JupyterExecutorLocalMproc):
    _EXECUTION_WORKER = Worker


def execute(cache_folder: str, root: Path = ROOT) -> None:
    """Run the book's notebooks that the cache does not hold, one for each CPU at a time."""
    cache = get_cache(cache_folder)
    for path in pages(root):
        if path.suffix == ".ipynb":
            cache.add_nb_to_project(str(path))
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.WARNING)
    done = Executor(cache, logger=logger).run_and_cache(timeout=TIMEOUT)
    for path in map(Path, sorted(done.succeeded)):
        print(f"Executed {path.name}", flush=True)


if __name__ == "__main__":
    execute(sys.argv[1])
