"""Packages that are fetched at their first import."""

import hashlib
import importlib
import io
import sys
import zipfile

import pytest

from npgkit.live.on_demand import OnDemand


def wheel(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return data.getvalue()


WHEELS = {
    "upper.whl": wheel({"upper/__init__.py": "import lower\nfrom . import inner\n",
                        "upper/inner.py": "x = 1\n"}),
    "lower.whl": wheel({"lower.py": "y = 2\n"}),
}  # fmt: skip


def package(name: str, depends: tuple[str, ...] = (), **changes):
    file = f"{name}.whl"
    found = hashlib.sha256(WHEELS[file]).hexdigest()
    return {"file_name": file, "sha256": found, "imports": [name], "depends": depends, **changes}


@pytest.fixture
def finder(tmp_path, monkeypatch):
    """A finder in force, with the names of what it fetched."""
    made = OnDemand({}, lambda name: made.fetched.append(name) or WHEELS[name], tmp_path)
    made.fetched = []
    monkeypatch.syspath_prepend(tmp_path)
    sys.meta_path.append(made)
    yield made
    sys.meta_path.remove(made)
    for name in [name for name in sys.modules if name.split(".")[0] in ("upper", "lower")]:
        del sys.modules[name]


def know(finder, **packages):
    finder.lock.update(packages)
    finder.package_of.update({one["imports"][0]: name for name, one in packages.items()})


def test_an_import_fetches_its_package_and_what_that_needs_once(finder):
    know(finder, upper=package("upper", ("lower",)), lower=package("lower"))
    assert finder.fetched == []
    module = importlib.import_module("upper")
    assert module.inner.x == 1 and importlib.import_module("lower").y == 2
    assert finder.fetched == ["upper.whl", "lower.whl"]


def test_a_damaged_package_is_refused_and_may_be_tried_again(finder):
    know(finder, lower=package("lower", sha256="0" * 64))
    for _ in range(2):
        with pytest.raises(ImportError, match=r"lower\.whl arrived damaged"):
            importlib.import_module("lower")
    assert finder.fetched == ["lower.whl"] * 2


def test_a_package_that_did_not_arrive_may_be_tried_again(finder):
    know(finder, lower=package("lower"))
    fetch, finder.fetch = finder.fetch, lambda name: WHEELS["missing"]
    with pytest.raises(KeyError, match="missing"):
        importlib.import_module("lower")
    finder.fetch = fetch
    assert importlib.import_module("lower").y == 2


def test_what_no_package_offers_is_not_found(finder):
    with pytest.raises(ModuleNotFoundError, match="'nowhere'"):
        importlib.import_module("nowhere")
    assert finder.fetched == []
