"""What README, CONTRIBUTING and CITATION say is so: commands, paths, example, version."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import pytest
import yaml

import npgkit
from tools.site import readme_picture

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def blocks(text: str, language: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def recipes() -> str:
    """The Makefile's recipe lines as a reader would type them."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    run = re.search(r"^RUN := (.*)$", text, re.MULTILINE)
    assert run is not None
    text = text.replace("$(RUN)", run[1])
    for name, value in {
        "$(PY)": ".venv/bin/python",
        "$(BIN)": ".venv/bin",
        "$(PYTHON)": "python3",
        "$(PORT)": "8000",
        "$(JOBS)": "2",
        "--quiet --disable-pip-version-check ": "",
    }.items():
        text = text.replace(name, value)
    return re.sub(r"[ \t]+", " ", text)


PLAIN_COMMANDS = [
    line for block in blocks(README) for line in block.splitlines() if not line.startswith("make ")
]


def test_plain_commands_are_found() -> None:
    assert any("tools.site.build" in line for line in PLAIN_COMMANDS)


@pytest.mark.parametrize("command", PLAIN_COMMANDS)
def test_the_plain_commands_are_those_of_the_makefile(command: str) -> None:
    assert command in recipes()


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_make_target_that_is_named_exists(text: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= targets


def test_ci_runs_every_target_of_tests() -> None:
    makefile, ci = ((ROOT / name).read_text("utf-8") for name in ("Makefile", ".ci/run"))
    targets = re.findall(r"^(test[a-z-]*):", makefile, re.MULTILINE)
    assert len(targets) > 1
    assert re.findall(r"^make (test[a-z-]*) ", ci, re.MULTILINE) == targets


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_path_that_is_named_exists(text: str) -> None:
    folders = "book|npgkit|tests|tools|benchmarks"
    named = {path.rstrip("/") for path in re.findall(rf"`((?:{folders})/[\w./]*)`", text)}
    named |= set(re.findall(r"\]\(([^)#:]+)\)", text))
    assert len(named) > 3
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_readme_and_contributing_draw_the_same_house() -> None:
    (house,) = blocks(README, "text")
    assert blocks(CONTRIBUTING, "text") == [house]
    assert len(house.splitlines()) <= 10
    folders = re.findall(r"(?:^| )([a-z_.]+/)", house)
    inside = {"practice/": "npgkit", "conformance/": "npgkit", "lab/": "npgkit",
              "command/": "npgkit", "data/": "book",
              "live/": "npgkit", "drawing/": "npgkit/lab", "figures/": "npgkit/lab",
              "exercises/": "npgkit/lab", "zoo/": "npgkit/lab",
              "notebooks/": "tools", "site/": "tools", "results/": "benchmarks"}  # fmt: skip
    assert [name for name in folders if not (ROOT / inside.get(name, "") / name).is_dir()] == []


@pytest.mark.parametrize("folder, column", [("npgkit", 2), ("npgkit/practice", 3)])
def test_every_module_has_its_chapter_in_the_readme(folder: str, column: int) -> None:
    rows = [line.split("|") for line in README.splitlines() if re.match(r"\| \d+\. ", line)]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row[column])]
    modules = {path.stem for path in (ROOT / folder).glob("*.py") if path.stem[0] != "_"}
    assert len(rows) == len(list((ROOT / "book").glob("[0-9][0-9]_*.ipynb")))
    assert sorted(listed) == sorted(modules - {"validation", "floating"})


def test_the_readme_lists_the_chapters_by_their_titles() -> None:
    """The table of chapters has their numbers and titles, in order."""
    listed = re.findall(r"^\| (\d+) \| ([^|]+) \|", README, re.MULTILINE)
    books = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
    titles = ["".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"]) for path in books]
    assert listed == [
        (str(number), title.splitlines()[0].removeprefix("# "))
        for number, title in enumerate(titles, start=1)
    ]


def test_the_example_runs_and_prints_what_it_says() -> None:
    (example,) = blocks(README, "python")
    said = re.findall(r"# (Step\(.*\))$", example, re.MULTILINE)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})
    assert said
    assert printed.getvalue().splitlines() == said


def test_the_picture_is_a_frame_of_the_sliders() -> None:
    assert readme_picture.EPSILON in readme_picture.hero.EPSILONS
    assert readme_picture.STRETCH in readme_picture.hero.STRETCHES
    assert (ROOT / "book" / "images" / "hero.png").is_file()


def test_the_citation_is_of_this_version_and_invents_no_address() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == npgkit.__version__
    assert citation["preferred-citation"]["version"] == npgkit.__version__
    assert citation["license"] == "BSD-3-Clause"
    assert not {"url", "doi", "repository-code"} & set(citation)


@pytest.mark.parametrize(
    ("name", "beginning", "words"),
    [
        ("LICENSE", "BSD 3-Clause License", "Neither the name of the copyright holder"),
        ("LICENSE-TEXT", "The text and the figures", "Attribution 4.0 International"),
    ],
)
def test_each_licence_is_there_in_full(name: str, beginning: str, words: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert text.startswith(beginning)
    assert words in text
    assert "The npgkit authors" in text
