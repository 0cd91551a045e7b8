"""The pages of the book, in the order of its table of contents."""

from __future__ import annotations

from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[1]


def documents(root: Path = ROOT) -> list[str]:
    """The documents that ``_toc.yml`` names, in its order, without their endings."""
    site = parse_toc_yaml(root / "_toc.yml")
    return list(site.keys())


def pages(root: Path = ROOT) -> list[Path]:
    """The files of those documents; one that is missing is left for the build to report."""
    files = (root / f"{name}{suffix}" for name in documents(root) for suffix in (".ipynb", ".md"))
    return [path for path in files if path.is_file()]
