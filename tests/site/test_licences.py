"""The page of licences has a text for every package whose files the built site holds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.site import licences

pytestmark = pytest.mark.site

TEXT = re.compile(r'href="\.\./_static/licences/([\w.-]+\.txt)"')
OWN = ["npgkit_notebook-1-py3-none-any.whl"]
DEJAVU, STIX = "Bitstream Vera", "STIX"


def texts(site: Path) -> dict[str, str]:
    """The licence texts by their files, as the page leads to them."""
    page = (site / "book" / "licences.html").read_text("utf-8")
    return {
        name: (site / "_static" / "licences" / name).read_text("utf-8")
        for name in TEXT.findall(page)
    }


def test_every_font_and_script_has_its_licence_text(site: Path) -> None:
    found = texts(site)
    for font in (site / "_static" / "fonts").glob("*.woff2"):
        families = {name: re.sub("^fontsource-(variable-)?", "", name)[:-4] for name in found}
        (licence,) = (name for name in found if font.name.startswith(f"{families[name]}-"))
        assert "SIL OPEN FONT LICENSE" in found[licence].upper()
    assert {
        f"{re.sub(r'[^a-z0-9.]+', '-', name).strip('-')}.txt" for name in licences.bundled()
    } <= set(found)
    assert "Bootstrap" in found["pydata-sphinx-theme.txt"]


def test_every_wheel_of_the_site_has_its_licence_text(site: Path) -> None:
    """Python and Pyodide, too, and the fonts in Matplotlib."""
    wheels = list((site / "_static" / "live" / "python").glob("*.whl"))
    found = texts(site)
    for wheel in wheels:
        shipped = licences.of_wheel(wheel)
        assert found[shipped.file] == shipped.text
    if wheels:
        assert "PYTHON SOFTWARE FOUNDATION LICENSE" in found["python.txt"]
        assert "Mozilla Public License" in found["pyodide.txt"]
        assert DEJAVU in found["matplotlib.txt"] and STIX in found["matplotlib.txt"]


def test_jupyterlite_has_its_licence_texts(site: Path) -> None:
    """The wheels of its notebooks, and every package in the lists that come with its scripts."""
    wheels = [path for path in (site / "lite" / "python").glob("*.whl") if path.name not in OWN]
    found = texts(site)
    for wheel in wheels:
        shipped = licences.of_wheel(wheel, licences.LITES)
        assert found[shipped.file] == shipped.text
    scripts = found.get("jupyterlite-npm-packages-in-its-scripts.txt", "")
    for path in (site / "lite").rglob(licences.LISTED):
        for one in json.loads(path.read_text("utf-8"))["packages"]:
            assert f"{one['name']} {one['versionInfo']} (" in scripts
            assert (one["extractedText"] or "").strip() in scripts


def test_no_text_lies_there_that_the_page_does_not_name(site: Path) -> None:
    folder = site / "_static" / "licences"
    assert {path.name for path in folder.iterdir()} == set(texts(site))
