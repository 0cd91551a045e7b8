"""Install what the pages and their making need from npm, at the lock file's versions and hashes.

    python -m tools.site.vendor

npm verifies every package against the SHA-512 in package-lock.json and runs no package's script.
Does nothing if _build/vendor was made from this lock file.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

from tools.site import node

VENDOR = node.PACKAGES.parent
PACKAGE_FILES = ("package.json", "package-lock.json", ".npmrc")


def digest() -> str:
    """A hash of what _build/vendor is made from."""
    return hashlib.sha256(b"".join((node.ROOT / n).read_bytes() for n in PACKAGE_FILES)).hexdigest()


def vendor() -> None:
    fresh = VENDOR.with_name("vendor.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in PACKAGE_FILES:
        shutil.copy2(node.ROOT / name, fresh)
    subprocess.run([*node.command("npm"), "ci", "--silent"], cwd=fresh, check=True)
    (fresh / "stamp").write_text(digest(), "utf-8")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def main() -> int:
    stamp = VENDOR / "stamp"
    if stamp.is_file() and stamp.read_text("utf-8") == digest():
        return 0
    print("Fetching what the pages need from npm", flush=True)
    vendor()
    return 0


if __name__ == "__main__":
    sys.exit(main())
