"""Twelve programs that run and are wrong: the right one with one alteration each."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

RIGHT = Path(__file__).with_name("trpo.py").read_text("utf-8")

Edit = tuple[str, str]


@dataclass(frozen=True)
class Exhibit:
    """A wrong program.

    Attributes
    ----------
    number : int
    title : str
        What is wrong, in a few words.
    edits : tuple of (str, str)
        Pieces of the right program, each of which stands in it once, and what is there instead.
    """

    number: int
    title: str
    edits: tuple[Edit, ...]

    @cached_property
    def source(self) -> str:
        """The text of the program."""
        text = RIGHT
        for old, new in self.edits:
            if text.count(old) != 1:
                raise ValueError(f"exhibit {self.number}: not there once: {old!r}")
            text = text.replace(old, new)
        return text

    @property
    def diff(self) -> str:
        """The lines that differ, under the function that they are in."""
        right, lines, told = RIGHT.splitlines(), list[str](), ""
        for line in difflib.unified_diff(right, self.source.splitlines(), n=0, lineterm=""):
            if found := re.match(r"@@ -(\d+)", line):
                where = _function(right[: int(found[1])])
                lines += [f"@@ {where} @@"] if where != told else []
                told = where
            elif not line.startswith(("---", "+++")):
                lines.append(line)
        return "\n".join(lines)

    def program(self) -> ModuleType:
        """Return the program, made anew: a module with its functions."""
        return _run(self.source, f"exhibit_{self.number}")


def _function(above: list[str]) -> str:
    """The function of the program that the last line belongs to, with its class."""
    names, indent = list[str](), 1000
    for line in filter(str.strip, reversed(above)):
        found = re.match(r"( *)(?:def|class) (\w+)", line)
        if found and len(found[1]) < indent:
            names.insert(0, found[2])
        indent = min(indent, len(line) - len(line.lstrip()))
    return ".".join(names)


def right_program() -> ModuleType:
    """Return the right program, made anew."""
    return _run(RIGHT, "right")


def _run(source: str, name: str) -> ModuleType:
    program = ModuleType(name)
    exec(compile(source, f"<{name}>", "exec"), program.__dict__)
    return program


EXHIBITS = tuple(
    Exhibit(number, title, edits)
    for number, (title, edits) in enumerate(
        {
            "the line search's result thrown away": (
                (
                    "            return new\n    return theta\n",
                    "            break\n    return theta + full\n",
                ),
            ),
            "parameters not restored after a failed search": (
                (
                    "            return new\n    return theta\n",
                    "            return new\n    return new\n",
                ),
            ),
            "the KL never looked at": (
                ("policy.kl(new, theta, obs) <= epsilon and gain > 0", "gain > 0"),
            ),
            "the KL of the policy with itself": (
                ("return policy.fisher(theta, obs, v) + damping * v", "return 0 * v + damping * v"),
            ),
            "the KL averaged over action dimensions": (
                ("terms.sum(axis=1).mean()", "terms.mean()"),
                ("np.append(of_W, 2 * t)", "np.append(of_W, 2 * t) / self.k"),
            ),
            "the log-deviations missing": ((", z**2 - 1]", ", 0 * z]"),),
            "normalised advantages computed and not used": (
                ("(obs, act, ready, logp)", "(obs, act, adv, logp)"),
            ),
            "log-probabilities of clipped actions": (
                (
                    "act = policy.sample(theta, obs, rng)",
                    "act = np.clip(policy.sample(theta, obs, rng), -1, 1)",
                ),
            ),
            "truncation taken for termination": (
                ("after[t] * ~terminated[t]", "after[t] * ~ended"),
            ),
            "advantages carried across an episode's end": (
                ("lam * ahead * ~ended", "lam * ahead * ~terminated[t]"),
            ),
            "advantages normalised over the wrong axis": (
                (
                    "    return (adv - adv.mean()) / (adv.std() + 1e-8)\n",
                    "    mean = adv.mean(axis=1, keepdims=True)\n"
                    "    return (adv - mean) / (adv.std(axis=1, keepdims=True) + 1e-8)\n",
                ),
            ),
            "the next value of the wrong environment": (
                (
                    "    values, after = features(obs) @ w, features(final) @ w\n",
                    "    values = features(obs) @ w\n"
                    "    after = np.append(values.ravel()[1:], 0).reshape(values.shape)\n",
                ),
            ),
        }.items(),
        start=1,
    )
)
"""In the order of the chapter: seven of the step, five of the rows that it is given."""
