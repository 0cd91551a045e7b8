"""How a student's process starts: in namespaces of its own, where the system has them.

On Linux `unshare`, `mount`, `pivot_root` and `setpriv` of util-linux give the process a file system
that holds the system's programs, this Python with its packages and npgkit, read-only, and an empty
folder of 64 MB; no network; no other process; no privilege. Elsewhere limits are all there is.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import npgkit

CHILD = Path(__file__).with_name("child.py")
NPGKIT = Path(npgkit.__file__).parent

# $1 is an empty folder and becomes the root; then come the paths to show in it, "--", a command.
ENTER = r"""
set -e
root=$1; shift
mount -t tmpfs -o size=64m,mode=755 course "$root"
while [ "$1" != -- ]; do
  from=$1; to=$root$2; shift 2
  if [ -d "$from" ]; then mkdir -p "$to"; else mkdir -p "${to%/*}"; : > "$to"; fi
  mount --rbind "$from" "$to"
  case $from in /dev/*) ;; *) mount -o remount,bind,ro "$to";; esac
done
shift
mkdir -p "$root/proc" "$root/old" "$root/tmp"
chmod 1777 "$root/tmp"
mount -t proc proc "$root/proc"
for link in bin lib lib64 sbin; do
  [ ! -L "/$link" ] || ln -s "$(readlink "/$link")" "$root/$link"
done
cd "$root"
pivot_root . old
umount -l old
rmdir old
cd /tmp
exec "$@"
"""
NAMESPACES, LIMITS = "namespaces", "limits only"


@dataclass(frozen=True)
class Sandbox:
    """How students' processes are kept apart.

    Attributes
    ----------
    kind : "namespaces" or "limits only"
    uid : int or None
        The user it runs as, where the grader is root and can choose.
    """

    kind: str
    uid: int | None

    @property
    def note(self) -> str:
        """What a teacher should know of it; nothing where all is as it should be."""
        if self.kind == NAMESPACES:
            return ""
        return (
            "this system lets no process have namespaces of its own: students' code is held by"
            " limits on time, memory and files alone, can use the network and can read and write"
            " what its user can"
        )

    def command(self, folder: Path, with_npgkit: bool = False) -> list[str]:
        """Return the command of a student's process; `folder` is new and empty."""
        python = [sys.executable, "-I", "-X", "utf8"]
        user = []
        if self.uid is not None:
            who = str(self.uid + secrets.randbelow(2000))
            user = ["--reuid", who, "--regid", who, "--clear-groups"]
        if self.kind == LIMITS:
            child = str(CHILD)
            return [*(["setpriv", *user] if user else []), *python, child]
        root = os.getuid() == 0
        shown = [str(word) for path in _shown(with_npgkit) for word in path]
        return [
            "unshare", *([] if root else ["--user", "--map-root-user"]), "--mount", "--net",
            "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL", "sh", "-c", ENTER, "enter",
            str(folder), *shown, "--", "setpriv", *user, "--bounding-set", "-all", "--inh-caps",
            "-all", "--no-new-privs", *python, "/course/child.py",
        ]  # fmt: skip

    def path(self) -> list[str]:
        """Return what the child adds to its search path to find npgkit."""
        return ["/course"] if self.kind == NAMESPACES else [str(NPGKIT.parent)]


def _shown(with_npgkit: bool) -> list[tuple[Path, str]]:
    """Return what is shown in a child's file system, with the place where it is."""
    folders = [
        Path("/usr"),
        *(p for p in map(Path, ("/bin", "/lib", "/lib64")) if not p.is_symlink()),
    ]
    folders += [Path(sys.prefix), Path(sys.base_prefix)]
    folders += [Path(p) for p in ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")]
    folders += [Path("/dev") / name for name in ("null", "zero", "random", "urandom")]
    # A folder inside another is there already, and a remount of it would hide nothing more.
    kept = [p for p in dict.fromkeys(folders) if p.exists()]
    shown = [(p, str(p)) for p in kept if not any(q in p.parents for q in kept)]
    shown.append((CHILD, "/course/child.py"))
    return [*shown, (NPGKIT, "/course/npgkit")] if with_npgkit else shown


PR_SET_DUMPABLE = 4


def close_memory() -> None:
    """Keep other processes of the same user from reading this one's memory, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


@cache
def available() -> Sandbox:
    """Return the best sandbox that works here; each is tried."""
    uid = 61000 if os.getuid() == 0 else None
    for kind in (NAMESPACES, LIMITS):
        if _works(sandbox := Sandbox(kind, uid)):
            return sandbox
    raise OSError(
        "students' code would run as root, and no limit holds that: grade as another user"
        if uid
        else "no process can be started for students' code"
    )


def _works(sandbox: Sandbox) -> bool:
    if sandbox.kind == NAMESPACES and not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return False
    if sandbox.uid is not None and not shutil.which("setpriv"):
        return False
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        try:
            done = subprocess.run(
                sandbox.command(Path(folder)), input=b'{"path": [], "without": [], "limits": {},'
                b' "cells": []}\n', capture_output=True, timeout=60, cwd=folder,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.stdout.startswith(b'{"hello"')
