"""Archives without what a page's Python never opens: other formats' fonts, tests, windows.

What is there compiled takes the place of its source.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

# What can go, by package; a wheel's record of its files loses the same lines.
UNNEEDED = {
    "matplotlib": r"matplotlib/(tests|testing|mpl-data/(sample_data|images|plot_directive)"
    r"|mpl-data/fonts/(afm|pdfcorefonts|ttf/(?!DejaVuSans(-Bold|-Oblique)?\.ttf|STIX|LICENSE))"
    r"|backends/(_tkagg|web_backend|qt_editor))|mpl_toolkits/(axes_grid1|axisartist|tests)",
    "numpy": r"numpy/(.*/tests/|_pyinstaller|.*\.pyi$|.*\.(c|h|a|lib)$)",
    "scipy": r"scipy/(.*/tests/|.*\.pyi$|.*\.(pxd|pyx|h)$)",
    "pillow": r"PIL/.*\.pyi$",
    "jedi": r"jedi/third_party/(django-stubs|typeshed/(third_party|stdlib/(2|2and3/_bsddb)/))",
    "gymnasium": r"gymnasium/envs/(mujoco|box2d|toy_text/img)|gymnasium/.*\.(png|gif|xml)$",
}
EARLIEST = (1980, 1, 1, 0, 0, 0)


def wheel(path: Path, package: str, bytecode: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Write the wheel at `path` again without the files that match `UNNEEDED[package]`.

    Those in `bytecode` become it, under its name; the record then has no hash of them.
    """
    unneeded = re.compile(UNNEEDED.get(package, r"(?!)"))
    fresh = path.with_suffix(".new")
    with (
        zipfile.ZipFile(path) as whole,
        zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as kept,
    ):
        for name in whole.namelist():
            if unneeded.match(name) or name.endswith("/"):
                continue
            data = bytecode.get(name) or whole.read(name)
            if name.endswith(".dist-info/RECORD"):
                lines = [
                    line
                    for line in data.decode().splitlines()
                    if not unneeded.match(line.split(",")[0])
                ]
                lines = [f"{line.split(',')[0]}c,," if line.split(",")[0] in bytecode else line
                         for line in lines]  # fmt: skip
                data = ("\n".join(lines) + "\n").encode()
            name += "c" * (name in bytecode)
            kept.writestr(zipfile.ZipInfo(name, EARLIEST), data, zipfile.ZIP_DEFLATED, 9)
    fresh.replace(path)
