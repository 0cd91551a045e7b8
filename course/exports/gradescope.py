"""A zip for a Gradescope programming assignment: `setup.sh`, `run_autograder`, and the grader."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from course.exports import kit
from course.problem import ProblemSet

# AUTOGRADER is for tests; on Gradescope all is in /autograder.
SETUP = r"""#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
base=${AUTOGRADER:-/autograder}
new='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
for python in python3 python3.11 none; do
  if "$python" -c "$new" 2>/dev/null; then break; fi
done
if [ "$python" = none ]; then
  apt-get update
  apt-get install -y python3.11 python3.11-venv
  python=python3.11
fi
"$python" -m venv "$base/python"
"$base/python/bin/python" -m pip install --quiet -r "$base/source/requirements.txt"
"""
RUN = """#!/usr/bin/env bash
# Gradescope runs this for each submission, as root.
set -euo pipefail
base=${AUTOGRADER:-/autograder}
cd "$base/source"
exec "$base/python/bin/python" -m course.exports.on_gradescope SET "$base"
"""


def write(one: ProblemSet, secret: kit.Secret, out: Path, book: str = "") -> list[str]:
    """Write the zip and what is handed out; return what to do with them."""
    handed = kit.hand_out(one, secret, out / "handout", book)
    archive = out / f"{one.name}-autograder.zip"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        kit.copy(root, secret)
        kit.write_script(root / "setup.sh", SETUP.splitlines())
        kit.write_script(root / "run_autograder", RUN.replace("SET", one.name, 1).splitlines())
        (root / "requirements.txt").write_text(kit.requirements(), "utf-8")
        kit.write_private(archive, "")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    packed.write(path, path.relative_to(root))
    return [
        f"hand out {out / 'handout'} ({len(handed)})",
        f"upload {archive} as the autograder of a programming assignment; it holds your salt",
        *kit.texts(one, "Gradescope"),
    ]
