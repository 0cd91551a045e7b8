"""What a reader reads of a MyST Markdown text, and the directives that hold it.

A line-by-line reading, enough for the checks of the book: it knows fences and their nesting,
directive options, comments and roles. It renders nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FENCE = re.compile(r"^\s*(?P<fence>`{3,}|~{3,}|:{3,})\s*(?P<rest>.*)$")
DIRECTIVE = re.compile(r"^\{(?P<name>[\w:+-]+)\}\s*(?P<argument>.*)$")
OPTION = re.compile(r"^\s*:(?P<key>[\w-]+):\s*(?P<value>.*)$")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
TARGET_LINE = re.compile(r"^\s*\([\w.:-]+\)=\s*$")
ROLE = re.compile(r"\{[\w:+-]+\}(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK_TARGET = re.compile(r"\]\((?:[a-z]+:|[./#\w-]*[/#.])[^)\s]*\)")
ADDRESS = re.compile(r"(?:https?://|doi:|arXiv:)\S+", re.IGNORECASE)
EQUATION_LABEL = re.compile(r"\$\$\s*\([\w.:-]+\)")
# Directives whose argument is a name, not words to be read.
NAMING_DIRECTIVES = ("solution", "solution-start", "figure", "image", "include", "code-block")
# Directives whose body is not read as text.
CODE_DIRECTIVES = ("code", "code-block", "code-cell", "literalinclude", "raw", "mermaid", "toctree")


@dataclass
class Directive:
    """One directive: its name, the rest of its first line, and its options."""

    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict)


def directives(text: str) -> list[Directive]:
    """All directives of `text` in the order of their first lines, nested ones too."""
    return [item for item in _events(text) if isinstance(item, Directive)]


def reading_text(text: str) -> str:
    """The words, mathematics and code spans of `text`, without its machinery.

    Left out: fenced code, directive names and options, comments, link targets, addresses, and
    roles, whose text the build writes.
    """
    lines: list[str] = []
    for item in _events(COMMENT.sub(" ", text)):
        if isinstance(item, str):
            lines.append(item)
        elif item.name not in NAMING_DIRECTIVES + CODE_DIRECTIVES:
            lines.append(item.argument)
    read = "\n".join(lines)
    for pattern in (ROLE, ADDRESS):
        read = pattern.sub(" ", read)
    read = LINK_TARGET.sub("]", read)
    return EQUATION_LABEL.sub("$$", read)


def words_only(text: str) -> str:
    """`reading_text` without code spans."""
    return CODE_SPAN.sub(" ", reading_text(text))


def _events(text: str) -> Iterator[str | Directive]:
    """Directives and read lines, in order. A directive comes once its options are complete."""
    open_fences: list[tuple[str, bool]] = []
    head: Directive | None = None
    in_yaml = False
    for line in text.splitlines():
        if head is not None:
            is_rule = line.strip() == "---"
            if in_yaml or (is_rule and not head.options):
                in_yaml = not (in_yaml and is_rule)
                key, colon, value = line.partition(":")
                if colon and not line.startswith((" ", "-")):
                    head.options[key.strip()] = value.strip()
                continue
            if option := OPTION.match(line):
                head.options[option["key"]] = option["value"]
                continue
            yield head
            head = None
        fence = FENCE.match(line)
        closing = fence is not None and not fence["rest"] and bool(open_fences)
        if fence and closing and fence["fence"].startswith(open_fences[-1][0]):
            open_fences.pop()
            continue
        if any(is_code for _, is_code in open_fences):
            continue
        if fence:
            directive = DIRECTIVE.match(fence["rest"])
            if directive is not None:
                head = Directive(directive["name"], directive["argument"].strip())
                in_yaml = False
            is_code = head is None or head.name in CODE_DIRECTIVES
            open_fences.append((fence["fence"], is_code))
        elif not line.startswith("%") and not TARGET_LINE.match(line):
            yield line
    if head is not None:
        yield head
