"""What every benchmark prints: the machine it ran on, and a table."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def machine() -> str:
    """The processor by name, its cores, and the Python that ran."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text("utf-8"), re.M)
        model = found[1] if found else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def blas() -> str:
    """The linear algebra library that NumPy calls, and the processor its kernels are made for."""
    from threadpoolctl import threadpool_info

    numpys = [pool for pool in threadpool_info() if "numpy" in pool["filepath"]]
    pool = (numpys or [{"internal_api": "an unknown BLAS", "version": ""}])[0]
    kernels = f" ({pool['architecture']} kernels)" if pool.get("architecture") else ""
    return f"{pool['internal_api']} {pool['version'] or ''}".strip() + kernels


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return (
            "| " + " | ".join([first[0].ljust(first[1])] + [c.rjust(w) for c, w in others]) + " |"
        )

    rule = "|" + "|".join("-" * (w + 1) + (":" if k else "-") for k, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])
