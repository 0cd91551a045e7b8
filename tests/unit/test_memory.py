"""The memory that there can be: the least of machine, container and process."""

import pytest

from npgkit.practice import memory


@pytest.fixture
def system(monkeypatch, tmp_path):
    def set_limits(machine, container, process):
        monkeypatch.setattr(memory, "_machine", lambda: machine)
        monkeypatch.setattr(memory, "_process", lambda: process)
        path = tmp_path / "memory.max"
        path.write_text(container)
        monkeypatch.setattr(memory, "CONTAINERS", (path, tmp_path / "missing"))

    return set_limits


LIMITS = {
    "the machine": ((8, "max\n", None), 8),
    "a container": ((8, "5\n", 9), 5),
    "the process": ((8, "7\n", 3), 3),
    "nothing said": ((None, "max\n", None), None),
}


@pytest.mark.parametrize(("said", "least"), LIMITS.values(), ids=LIMITS)
def test_the_least_limit_counts(said, least, system):
    system(*said)
    assert memory.limit() == least


def test_this_machine_has_some_memory():
    found = memory.limit()
    assert found is None or found > 2**26


def test_what_does_not_fit_is_said_with_both_sizes(system):
    system(2**33, "max", None)
    memory.require_memory("8 rows", 2**33)
    with pytest.raises(ValueError, match=r"^9 rows would need 9 GiB of memory; there are 8 GiB$"):
        memory.require_memory("9 rows", 9 * 2**30)
