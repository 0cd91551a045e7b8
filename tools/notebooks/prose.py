"""The words, formulas and directives of a MyST Markdown text, read by the parser of the build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from myst_parser.parsers.options import TokenizeError, options_to_items

from tools.toc import ROOT

DIRECTIVE = re.compile(r"\s*\{(?P<name>[\w:+-]+)\}(?P<argument>.*)")
YAML_OPTIONS = re.compile(r"---\n(?P<options>.*?)^---\n", re.DOTALL | re.MULTILINE)
COLON_OPTIONS = re.compile(r"(?P<options>(?: *:[\w-]+:.*\n)*)")
ADDRESS = re.compile(r"(?:https?://|doi:|arXiv:)\S+", re.IGNORECASE)
HTML_TAG = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
# Directives whose argument is a name, not words to be read.
NAMING_DIRECTIVES = ("solution", "solution-start", "figure", "image", "include")
# Directives whose argument and body are not read as text.
CODE_DIRECTIVES = ("code", "code-block", "code-cell", "literalinclude", "raw", "mermaid", "toctree")


@dataclass(frozen=True)
class Directive:
    """One directive: its name, the rest of its first line, and its options."""

    name: str
    argument: str
    options: dict[str, str]


def directives(text: str) -> list[Directive]:
    """All directives of `text` in the order of their first lines, nested ones too."""
    return [item for item in _walk(text) if isinstance(item, Directive)]


def code_blocks(text: str) -> list[str]:
    """The code in fences that are no directives."""
    tokens = [item for item in _walk(text) if isinstance(item, Token)]
    return [token.content for token in tokens if token.type in ("fence", "code_block")]


def titles(text: str) -> list[str]:
    """The headings of the first level (``# ...``)."""
    return [
        _words(content)
        for opening, content in pairwise(_walk(text))
        if isinstance(opening, Token) and opening.type == "heading_open" and opening.tag == "h1"
    ]


def reading_text(text: str) -> str:
    """The words, mathematics and code spans of `text`.

    Left out: fenced code, names and options of directives, comments, link targets, addresses, and
    roles, whose text the build writes.
    """
    return ADDRESS.sub(" ", "\n".join(map(_words, _walk(text))))


def words_only(text: str) -> str:
    """`reading_text` without code spans."""
    return re.sub(r"`[^`]*`", " ", reading_text(text))


@cache
def _parser() -> MarkdownIt:
    """The parser with the extensions that the site is built with."""
    parse = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["parse"]
    config = MdParserConfig(enable_extensions=set(parse["myst_enable_extensions"]))
    return create_md_parser(config, RendererHTML)


def _walk(text: str) -> Iterator[Token | Directive]:
    """Directives, and the tokens of everything else; what is in a directive follows it."""
    for token in _parser().parse(text):
        match = DIRECTIVE.match(token.info) if token.type in ("fence", "colon_fence") else None
        if match is None:
            yield token
            continue
        options, body = _options(token.content)
        yield Directive(match["name"], match["argument"].strip(), options)
        if match["name"] == "math":
            yield Token("math_block", "", 0, content=body)
        elif match["name"] not in CODE_DIRECTIVES:
            yield from _walk(body)


def _options(content: str) -> tuple[dict[str, str], str]:
    """A directive's options, as lines ``:key: value`` or between lines ``---``, and its body."""
    match = YAML_OPTIONS.match(content) or COLON_OPTIONS.match(content)
    assert match is not None  # the second matches nothing, too
    block = re.sub(r"^ *:", "", match["options"], flags=re.MULTILINE)
    try:
        return dict(options_to_items(block)[0]), content[match.end() :]
    except TokenizeError:  # the build reports it
        return {}, content[match.end() :]


def _words(item: Token | Directive) -> str:
    if isinstance(item, Directive):
        return "" if item.name in NAMING_DIRECTIVES + CODE_DIRECTIVES else item.argument
    if item.type == "inline":
        return "".join(map(_words, item.children or []))
    if item.type in ("text", "image"):
        return item.content
    if item.type in ("html_inline", "html_block"):
        return HTML_TAG.sub(" ", item.content)
    if item.type in ("softbreak", "hardbreak"):
        return "\n"
    if item.type == "code_inline":
        return f"`{item.content}`"
    if item.type.startswith("math_inline"):
        return f"${item.content}$"
    if item.type.startswith("math_block") or item.type == "amsmath":
        return f"$${item.content}$$"
    return " "
