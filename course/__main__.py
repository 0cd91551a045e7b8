"""`python -m course --help`."""

import sys

from course.command import main

if __name__ == "__main__":
    sys.exit(main())
