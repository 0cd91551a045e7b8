"""Write, normalise and check the book's notebooks.

    python -m tools.notebooks normalise [PATHS]        run them afresh, store them clean
    python -m tools.notebooks normalise --no-execute   only take out what is not stored
    python -m tools.notebooks lint [PATHS]             form and style, as file:cell: reason
    python -m tools.notebooks numbers [PATHS]          numbers in the prose against computed ones
    python -m tools.notebooks from-myst TEXT.md NOTEBOOK.ipynb
    python -m tools.notebooks to-myst NOTEBOOK.ipynb TEXT.md

PATHS are notebooks, Markdown pages or folders; without any, the folder book/.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.notebooks import form, lint, numbers

ROOT = Path(__file__).resolve().parents[2]


def find(paths: list[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The files that `paths` name, and those with these suffixes below the folders they name."""
    for path in paths or [ROOT / "book"]:
        if not path.exists():
            raise form.NotebookError(f"{path}: no such file or folder")
        if path.is_dir():
            for child in sorted(path.rglob("*")):
                if child.suffix in suffixes and ".ipynb_checkpoints" not in child.parts:
                    yield _short(child)
        else:
            yield path


def report(findings: list[lint.Finding]) -> int:
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("normalise", "lint", "numbers"):
        command = commands.add_parser(name)
        command.add_argument("paths", nargs="*", type=Path)
        if name == "normalise":
            command.add_argument("--no-execute", action="store_true")
    for name in ("from-myst", "to-myst"):
        command = commands.add_parser(name)
        command.add_argument("source", type=Path)
        command.add_argument("target", type=Path)
        if name == "from-myst":
            command.add_argument("--no-execute", action="store_true")
    options = parser.parse_args(arguments)
    # This environment's kernel, not one that the user has installed under the same name.
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    try:
        return _run(options)
    except form.NotebookError as error:
        print(error, file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "lint":
        paths = find(options.paths, (".ipynb", ".md"))
        return report([finding for path in paths for finding in lint.lint_path(path)])
    if options.command == "numbers":
        paths = find(options.paths, (".ipynb",))
        return report([finding for path in paths for finding in numbers.check_path(path)])
    if options.command == "normalise":
        for path in find(options.paths, (".ipynb",)):
            changed = form.normalise(path, run=not options.no_execute)
            print(f"{path}: {'normalised' if changed else 'unchanged'}", flush=True)
        return 0
    if options.command == "from-myst":
        target = options.target
        previous = form.read_notebook(target) if target.exists() else None
        notebook = form.from_myst(options.source.read_text("utf-8"), previous)
        changed = form.write_notebook(target, notebook, run=not options.no_execute)
        print(f"{target}: {'written' if changed else 'unchanged'}")
        return 0
    text = form.to_myst(form.read_notebook(options.source))
    options.target.write_text(text, encoding="utf-8")
    print(f"{options.target}: written")
    return 0


def _short(path: Path) -> Path:
    """The path from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    sys.exit(main())
