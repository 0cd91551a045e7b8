#!/bin/sh
# Serve the book to this computer alone and open it: with Python where there is one, else with Perl.
cd "$(dirname "$0")" || exit 1
# Without Apple's developer tools, /usr/bin/python3 on macOS only offers to install them.
if [ "$(uname)" != Darwin ] || xcode-select -p >/dev/null 2>&1; then
  if python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    exec python3 serve/serve.py --site site --open
  fi
fi
if perl -MIO::Socket::INET -e 1 2>/dev/null; then
  exec perl serve/serve.pl site
fi
echo 'This computer has neither Python 3 nor Perl. README.txt says what else can be done.'
exit 1
