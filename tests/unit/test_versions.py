"""The floors of pyproject.toml, and the locks on which the suite is run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = ("train", "mujoco", "book", "test")
WANTED = [
    Requirement(text)
    for table in (
        PROJECT["dependencies"],
        *(PROJECT["optional-dependencies"][name] for name in EXTRAS),
    )
    for text in table
]


def locked(name: str) -> dict[str, Version]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {pin.name: Version(str(pin.specifier).removeprefix("==")) for pin in pins}


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_a_floor_is_a_version_on_which_the_suite_is_run(wanted):
    (floor,) = (s.version for s in wanted.specifier if s.operator in (">=", "=="))
    assert locked("requirements-lowest.txt")[wanted.name] == Version(floor)


@pytest.mark.parametrize("wanted", WANTED, ids=str)
@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-newest.txt"])
def test_a_lock_holds_what_the_project_allows(lock, wanted):
    pins = locked(lock)
    if lock == "requirements.txt" and wanted in map(
        Requirement, PROJECT["optional-dependencies"]["mujoco"]
    ):
        pytest.skip("MuJoCo is for stored results, and no page needs it")
    assert pins[wanted.name] in wanted.specifier
