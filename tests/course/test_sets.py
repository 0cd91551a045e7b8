"""Every problem of every set, held to what grading.md promises of it."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

import nbformat
import pytest

from course import notebook, sets
from course.grading import Result, Task, grade
from course.problem import Problem, ProblemSet

SETS = [sets.load(name) for name in sets.names()]
PROBLEMS = [
    pytest.param(one, key, problem, id=f"{one.name}/{key}")
    for one in SETS
    for key, problem in one.problems.items()
]
SALTS = ("first", "second")


def graded(one: ProblemSet, salt: str, answers: dict[str, str], only: str) -> Result:
    """Return what a problem gets; the answers stand in the cells of their problems."""
    made = notebook.make(one, salt, "ada")
    for cell in made.cells:
        key = cell.metadata["course"]["problem"]
        if cell.metadata["course"]["role"] == "answer" and key in answers:
            cell.source = notebook.ANSWER.format(key) + answers[key]
    task = Task(one.name, "ada", salt, nbformat.writes(made).encode(), only=(only,))
    problem: Result = grade(task)["problems"][only]
    return problem


def needed(one: ProblemSet, key: str) -> dict[str, str]:
    return {need: one.problems[need].solution for need in one.problems[key].needs}


@pytest.mark.parametrize("salt", SALTS)
@pytest.mark.parametrize(("one", "key", "problem"), PROBLEMS)
def test_the_solution_has_all_points(
    one: ProblemSet, key: str, problem: Problem, salt: str
) -> None:
    """A model solution gets every point, whatever the variant."""
    found = graded(one, salt, needed(one, key) | {key: problem.solution}, key)
    assert (found["points"], found["notes"]) == (problem.points, []), found["marks"]


@pytest.mark.parametrize(("one", "key", "problem"), PROBLEMS)
def test_the_starter_has_none(one: ProblemSet, key: str, problem: Problem) -> None:
    """What a student starts from runs, and gets nothing."""
    found = graded(one, "first", needed(one, key), key)
    assert (found["points"], found["notes"]) == (0.0, []), found["marks"]


def wrong_answers() -> Iterator[object]:
    for one in SETS:
        for key, problem in one.problems.items():
            for k, mistake in enumerate(problem.mistakes, start=1):
                yield pytest.param(
                    one, key, mistake.code, mistake.sentence, id=f"{one.name}/{key}/mistake {k}"
                )


@pytest.mark.parametrize(("one", "key", "code", "sentence"), list(wrong_answers()))
def test_a_mistake_is_named(one: ProblemSet, key: str, code: str, sentence: str) -> None:
    """Each known mistake costs points and gets its own sentence, and no other mistake's."""
    found = graded(one, "first", needed(one, key) | {key: code}, key)
    said = {mark["mistake"] for mark in found["marks"]} - {""}
    assert said == {sentence}, found["marks"]


@pytest.mark.parametrize(("one", "key", "problem"), PROBLEMS)
def test_the_parts_of_a_problem_are_there(one: ProblemSet, key: str, problem: Problem) -> None:
    """It has points, time, an outcome, two mistakes at least; its statement has no hole left."""
    assert problem.points > 0 and problem.outcomes and len(problem.mistakes) >= 2
    assert 10 <= problem.minutes <= 240
    for salt in SALTS:
        said = problem.said(notebook.numbers_of(one, salt, "ada")[key])
        assert "<<" not in said
    assert all(need in one.problems for need in problem.needs)
    ast.parse(problem.starter)


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_problems_of_a_set_share_no_name(one: ProblemSet) -> None:
    """In one notebook the numbers of one problem do not write over another's."""
    numbers = notebook.numbers_of(one, "first", "ada")
    for a, b in itertools.combinations(numbers, 2):
        assert not {n for n in numbers[a] if n[0] != "_"} & {n for n in numbers[b] if n[0] != "_"}


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
def test_a_set_takes_one_to_three_hours(one: ProblemSet) -> None:
    """Of a student's time, by the minutes of its problems; to write TRPO may take six."""
    most = 360 if "write_trpo" in one.name else 180
    assert 50 <= sum(problem.minutes for problem in one.problems.values()) <= most
