"""Compile npgkit beside its source; bytecode.mjs runs this in the Python of the reader's browser.

The source stays, for tracebacks and for who wants to read it, and is not looked at again.
"""

import compileall
import py_compile
import sysconfig


def main() -> None:
    compileall.compile_dir(
        "/own",
        quiet=1,
        stripdir="/own",
        prependdir=sysconfig.get_path("purelib"),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
