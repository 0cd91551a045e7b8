"""`python -m course --help`."""

import sys

if __name__ == "__main__":
    try:
        from course.command import main
    except ModuleNotFoundError as error:
        said = f"this Python has no {error.name}: run `make setup`, and .venv/bin/python -m course"
        sys.exit(f"course: {said}")
    sys.exit(main())
