"""What the site ships of others: each package with its texts, and none of which nobody knows."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools.site import licences, node

METADATA = "Name: a\nVersion: 1.0\n"


def wheel(folder: Path, metadata: str, **members: str) -> Path:
    path = folder / "a-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("a-1.0.dist-info/METADATA", METADATA + metadata)
        for name, text in members.items():
            made.writestr(name.replace("__", "/"), text)
    return path


def test_all_notices_of_a_wheel_are_kept_and_no_code(tmp_path: Path) -> None:
    members = {"a-1.0.dist-info/LICENSE.txt": "one", "a/fonts/LICENSE_DEJAVU": "two",
               "a/COPYING": "three", "a/license.py": "code"}  # fmt: skip
    shipped = licences.of_wheel(wheel(tmp_path, "License-Expression: MIT\n", **members))
    assert (shipped.name, shipped.version, shipped.licence) == ("a", "1.0", "MIT")
    assert list(shipped.texts.values()) == ["one", "two", "three"]
    assert all(text in shipped.text for text in ("a 1.0", "MIT", "one", "two", "three"))


def test_a_text_of_mozillas_licence_says_where_the_source_is(tmp_path: Path) -> None:
    urls = "Project-URL: Home, https://a.github.io\nProject-URL: Source, https://github.com/a\n"
    metadata = f"License-Expression: MPL-2.0\n{urls}"
    shipped = licences.of_wheel(wheel(tmp_path, metadata, a__LICENSE="text"))
    assert shipped.texts == {
        "source": "The source is at https://github.com/a",
        "a/LICENSE": "text",
    }


@pytest.mark.parametrize(
    ("metadata", "members", "reason"),
    [
        ("License: MIT\n", {}, "a 1.0 is shipped and brings no licence text"),
        ("License: MIT\n", {"a/LICENSE": " "}, "brings no licence text"),
        ("", {"a/LICENSE": "text"}, "a 1.0"),
    ],
)
def test_a_package_without_a_licence_is_an_error(
    tmp_path: Path, metadata: str, members: dict[str, str], reason: str
) -> None:
    with pytest.raises(licences.Missing, match=reason):
        licences.of_wheel(wheel(tmp_path, metadata, **members))


def test_an_npm_package_without_a_text_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "PACKAGES", tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "package.json").write_text(json.dumps({"version": "2", "license": "MIT"}))
    with pytest.raises(licences.Missing, match="b 2"):
        licences.of_npm("b", "scripts")
    (tmp_path / "b" / "LICENCE.md").write_text("text")
    assert licences.of_npm("b", "scripts").texts == {"LICENCE.md": "text"}


TEXT = "Copyright (c) A Jupyter\nDo as you like."


def one(name: str, text: str | None = TEXT, licence: str = "MIT") -> dict[str, Any]:
    return {"name": name, "versionInfo": "1", "licenseId": licence, "extractedText": text}


def test_each_text_of_jupyterlites_list_is_there_once() -> None:
    """With the names it is for; who brings none has its project's, under its owner's name."""
    found = [one("jupyterlab"), one("@lumino/widgets", ""), one("react", "Other."),
             one("tabbable"), one("json-schema-merge-allof", None)]  # fmt: skip
    texts = licences.of_list(found, "0.8").texts
    assert texts == {
        "@lumino/widgets 1 (MIT)\njupyterlab 1 (MIT)\ntabbable 1 (MIT)": TEXT,
        "json-schema-merge-allof 1 (MIT)": "Copyright (c) Martin Hansen\nDo as you like.",
        "react 1 (MIT)": "Other.",
    }


@pytest.mark.parametrize("stranger", [one("stranger", ""), one("stranger", TEXT, "")])
def test_jupyterlites_list_without_a_licence_is_an_error(stranger: dict[str, Any]) -> None:
    with pytest.raises(licences.Missing, match="stranger is in JupyterLite"):
        licences.of_list([one("jupyterlab"), stranger], "0.8")


def test_a_style_sheet_of_nobody_known_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.css").touch()
    known = ["own.css", "basic.css", "styles/theme.css", "pygments.css", "copybutton.js"]
    assert licences.unknown(known, tmp_path) == []
    assert licences.unknown([*known, "stranger.js"], tmp_path) == ["stranger.js"]
