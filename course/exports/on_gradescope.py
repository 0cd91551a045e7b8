"""What `run_autograder` runs: one submission, graded, as Gradescope's results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from course import sandbox, sets
from course.exports import kit
from course.grading import Result
from course.problem import ProblemSet
from course.submissions import in_folder

LATER = "after_published"


def main(name: str, base: Path) -> None:
    """Grade what is in base/submission and write base/results/results.json."""
    one = sets.load(name)
    root, metadata = base / "source", base / "submission_metadata.json"
    kit.close(root, metadata)
    about = json.loads(metadata.read_text("utf-8")) if metadata.exists() else {}
    handed = in_folder("", base / "submission", one.name)
    result = kit.grade_file(one, root, handed, called(about))
    results = base / "results"
    results.mkdir(exist_ok=True)
    (results / "results.json").write_text(json.dumps(told(one, result), indent=1), "utf-8")
    # Gradescope shows this to instructors alone.
    head = f"{result['points']:g} of {result['of']:g}, with the numbers of {result['student']}"
    print("\n".join(filter(None, [head, *result["flags"], sandbox.available().note])))


def called(about: Any) -> list[str]:
    """Return what Gradescope calls those who handed in: addresses, what is before the @, ids."""
    users = about.get("users", []) if isinstance(about, dict) else []
    names = []
    for user in users:
        email = str(user.get("email") or "")
        names += [email, email.partition("@")[0], str(user.get("sid") or "")]
    return [name for name in names if name]


def told(one: ProblemSet, result: Result) -> dict[str, Any]:
    """Return results.json: hidden checks are shown once grades are published."""
    order = list(one.problems)
    tests: list[dict[str, Any]] = [
        {
            "number": f"{order.index(part.problem) + 1}.{part.number}",
            "name": f"{one.problems[part.problem].title}: {part.title}",
            "score": points,
            "max_score": part.of,
            "output": sentence,
            "output_format": "text",
            "visibility": LATER if part.hidden else "visible",
        }
        for part, points, sentence in kit.scores(one, result)
    ]
    if result["flags"]:
        flags = {"name": "For the teacher", "output": "\n".join(result["flags"])}
        tests.append({**flags, "output_format": "text", "visibility": "hidden"})
    return {
        "output": "\n".join(kit.notes(result)),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).resolve())
