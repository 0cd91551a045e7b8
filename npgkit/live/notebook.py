"""An extension of IPython for a notebook whose Python runs in the browser (JupyterLite).

Loaded by `ipython_config.py`, which tools/live/lite.py puts beside it. A notebook's kernel fetches
what a cell imports by name; this fetches what is imported further down, too.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from npgkit.live import absent
from npgkit.live.on_demand import OnDemand
from npgkit.live.page import be_quiet


def load_ipython_extension(shell: Any) -> None:
    import pyodide_js  # type: ignore[import-not-found]

    absent.provide()
    be_quiet()
    # The kernel's stand-in is empty; npgkit.practice knows what to do without the module.
    sys.modules.pop("resource", None)
    packages = pyodide_js.lockfile.packages.to_py(depth=3)
    base = pyodide_js.lockfileBaseUrl
    finder = OnDemand(
        packages, lambda name: fetch(base + name), Path(sysconfig.get_path("purelib"))
    )
    loaded = pyodide_js.loadedPackages.to_py()
    finder.installed.update(name for name, one in packages.items() if one["name"] in loaded)
    sys.meta_path.append(finder)


def fetch(address: str) -> bytes:
    """The file at an address, waited for: a worker may."""
    from js import XMLHttpRequest  # type: ignore[import-not-found]

    request = XMLHttpRequest.new()
    request.open("GET", address, False)
    request.responseType = "arraybuffer"
    request.send()
    if request.status != 200:
        raise ImportError(f"{address} could not be fetched ({request.status})")
    return bytes(request.response.to_py())
