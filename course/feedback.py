"""What a student is told: a page in Markdown, and the same as HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt

from course import reading
from course.notebook import GONE, UNTOUCHED
from course.problem import Problem, ProblemSet

Result = dict[str, Any]
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{padding:.35rem .6rem;text-align:left;"
    "vertical-align:top;border-bottom:1px solid #8886}td:nth-child(2){white-space:nowrap}"
    "code{overflow-wrap:anywhere}:root{color-scheme:light dark}"
)
CODE = re.compile(r"(`[\w. ()]+`)")


def plain(text: str) -> str:
    """Return text of a program's on one line, with nothing in it that Markdown would read."""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    parts = CODE.split(line)  # words, and every second time a name between backquotes
    parts[::2] = [re.sub(r"([\\*_\[\]<>|#~&$!])", r"\\\1", words) for words in parts[::2]]
    return "".join(parts)


def markdown(one: ProblemSet, result: Result, rows: Sequence[reading.Row] = ()) -> str:
    """Return the feedback of a student as Markdown; `rows` are what a person has entered."""
    lines = [f"# {one.title}: {plain(result['student'])}", "", f"**{_points(one, result, rows)}**"]
    lines += ["", *(f"{plain(note)}\n" for note in result["notes"])]
    for k, (key, problem) in enumerate(one.problems.items(), start=1):
        found = result["problems"][key]
        lines += [f"## {k}. {problem.title}: {found['points']:g} of {found['of']:g}", ""]
        lines += [f"{plain(note)}\n" for note in found["notes"]]
        if found["marks"]:
            lines += ["| what was asked | points | what was found |", "|---|---|---|"]
            lines += [
                f"| {plain(mark['check'])} | {mark['points']:g} of {mark['of']:g} "
                f"| {plain(mark['sentence'])} |"
                for mark in found["marks"]
            ]
            lines.append("")
        if problem.rubric and result["status"] != "unreadable":
            lines += _read(problem, found["text"], reading.of(rows, problem=key))
    return "\n".join(lines)


def _points(one: ProblemSet, result: Result, rows: Sequence[reading.Row]) -> str:
    """Say how many points there are: of the checks, and of a person who has read the texts."""
    checks = f"{result['points']:g} of {result['of']:g}"
    if not one.to_read:
        return f"{checks} points"
    read = reading.given(rows)
    waits = ", and some is not read yet" if not rows or reading.to_read(rows) else ""
    all_points = f"{result['points'] + read:g} of {one.points + one.to_read:g} points"
    return f"{all_points}: {checks} from checks, {read:g} of {one.to_read:g} for texts{waits}"


def _read(problem: Problem, text: str, rows: Sequence[reading.Row]) -> list[str]:
    """Say what a person looks for in a text, and what it was given."""
    if not any(row.points or row.comment for row in rows):
        said = {GONE: "There is no text.", UNTOUCHED: "Nothing is written in the text cell."}
        looks = "A person reads your text and looks for:"
        lines = [said.get(text, looks), ""]
        if text not in said:
            lines += [f"- {plain(words)} ({points:g})" for points, words in problem.rubric]
            lines.append("")
        return lines
    lines = ["| what a person looked for | points | comment |", "|---|---|---|"]
    for row in rows:
        waits = row.waits and row.given is None
        points = "not read yet" if waits else f"{row.given or 0.0:g} of {row.of}"
        lines.append(f"| {plain(row.looks_for)} | {points} | {plain(row.comment)} |")
    return [*lines, ""]


def html(one: ProblemSet, result: Result, rows: Sequence[reading.Row] = ()) -> str:
    """Return the same as a page."""
    page = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = page.render(markdown(one, result, rows))
    title = escape(f"{one.title}: {result['student']}")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>{STYLE}</style>\n{body}</html>\n"
    )
