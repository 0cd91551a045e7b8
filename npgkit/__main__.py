"""Train, play and compare from the command line: `python -m npgkit --help`."""

from __future__ import annotations

import sys

TRAIN = ("gymnasium", "scipy", "threadpoolctl", "tqdm")
"""What the extra `train` installs."""


def main(argv: list[str] | None = None) -> int:
    """Run the command, see `npgkit.command.main`; where packages are missing, say which extra."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["conformance"]:  # by somebody who has no use for training
        from npgkit.command.conformance import main as conformance

        return conformance(given[1:])
    try:
        from npgkit.command.main import main as run
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in TRAIN:
            raise
        print(
            f"npgkit: {error.name} is not installed; the command needs the extra `train`: "
            "pip install 'npgkit[train]'",
            file=sys.stderr,
        )
        return 1
    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
