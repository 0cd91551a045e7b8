"""The notebooks that a reader downloads begin with what they need in order to run."""

from __future__ import annotations

import json
from pathlib import Path

NOTICE = """\
*This notebook is a page of The Natural Policy Gradient. To run it you need the package `npgkit`,
which comes with the book's files. In their folder:*

    python -m pip install -e ".[book]"
    python -m jupyter lab book

*Installed with `-e`, `npgkit` finds the stored measurements, too (`read_data`), wherever this
notebook lies.*"""


def add_notices(folder: Path) -> None:
    """Put the notice before the first cell of every notebook in `folder`."""
    cell = {"cell_type": "markdown", "id": "what-it-needs", "metadata": {}, "source": NOTICE}
    for path in sorted(folder.glob("*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        notebook["cells"].insert(0, cell)
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", "utf-8")
