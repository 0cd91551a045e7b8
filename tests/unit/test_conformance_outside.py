"""Adapters that misbehave, and the suite from outside: the command and the plug-in for pytest."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from npgkit.__main__ import main
from npgkit.conformance import check
from tests.adapters import Dense

ROOT = Path(__file__).resolve().parents[2]


class Tensor:
    """What torch gives: NumPy reads it only once it is detached and on the processor."""

    def __init__(self, value, is_detached=False):
        self.value, self.is_detached = value, is_detached

    def detach(self):
        return Tensor(self.value, True)

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        if not self.is_detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.asarray(self.value, dtype)


class ArrayLike:
    """What JAX gives: something that NumPy reads."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value, dtype)


def right(case):
    return Dense().gradient(case)


def changed(case):
    case.adv -= 1.0
    answer = right(case)
    return answer - 0 * case.adv.sum()


def in_place(case):
    answer = right(case)
    case.theta += 1.0
    case.policy.layers[0][0][:] = 0.0
    return answer


def forever(case):
    while True:
        time.sleep(0.01)


def talkative(case):
    print("x" * 99)
    return right(case)


def unprintable(case):
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    raise Odd


GOOD = {
    "a list": (lambda case: right(case).tolist(), "a list came where an array was expected"),
    "a tuple": (lambda case: tuple(right(case)), "a tuple came where an array was expected"),
    "a torch tensor": (lambda case: Tensor(right(case)), None),
    "a jax array": (lambda case: ArrayLike(right(case)), None),
    "a column": (lambda case: right(case)[:, None], "came where (9,) was expected"),
    "inputs changed": (in_place, "it changes case.theta in place (each call gets a copy)"),
    "much printed": (talkative, "it prints 1600 characters, which are left out"),
}
BAD = {
    "raises": (lambda case: 1 / [], "it raises TypeError: unsupported operand type(s)"),
    "exits": (lambda case: sys.exit(3), "it raises SystemExit: 3 (line "),
    "interrupts": (lambda case: (_ for _ in ()).throw(KeyboardInterrupt()), "it raises Keyboard"),
    "raises what cannot be printed": (unprintable, "it raises Odd: (its message cannot be pri"),
    "NaN": (lambda case: right(case) * np.nan, "wrong, and not by one of the faults known here"),
    "None": (lambda case: None, "it returns None"),
    "a text": (lambda case: "0.5", "it returns str_ values, not real numbers"),
    "an object": (lambda case: object(), "it returns a object, not real numbers"),
    "complex": (lambda case: right(case) + 0j, "it returns complex128 values, not real numbers"),
    "ragged": (lambda case: [[1.0], [1.0, 2.0]], "it returns a list that NumPy cannot read"),
    "a scalar": (lambda case: 0.5, "it returns the shape (); expected (9,)"),
    "too short": (lambda case: right(case)[1:], "it returns the shape (8,); expected (9,)"),
    "too many arguments wanted": (lambda case, more: 0, "it raises TypeError: "),
}


def adapter(gradient):
    return type("Mine", (), {"gradient": lambda self, *given: gradient(*given),
                             "logp": lambda self, case: Dense().logp(case)})()  # fmt: skip


def rows(gradient, **how):
    report = check(adapter(gradient), **how)
    return {row.property: row for row in report.rows}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_read_is_read_and_told(name):
    gradient, note = GOOD[name]
    row = rows(gradient)["gradient"]
    assert row.verdict == "ok", row.diagnosis
    if note is None:
        assert row.notes == ()
    else:
        assert any(note in said for said in row.notes), row.notes


@pytest.mark.parametrize("name", BAD)
def test_what_goes_wrong_gets_a_sentence(name):
    """And the other methods are asked all the same."""
    gradient, sentence = BAD[name]
    found = rows(gradient)
    assert found["gradient"].verdict == "wrong"
    assert found["gradient"].diagnosis.startswith(sentence)
    assert found["logp"].verdict == "ok"


def test_an_adapter_that_never_returns_is_left_alone():
    found = rows(forever, seconds=0.3)
    assert found["gradient"].diagnosis == "it gives no answer within 0.3 seconds"
    assert found["gradient"].verdict == "wrong"
    assert found["logp"].verdict == "ok"


def test_inputs_that_are_changed_harm_no_other_answer():
    """Each call gets new arrays; a gradient of changed advantages is wrong, the next right."""
    assert rows(changed)["gradient"].verdict == "wrong"
    assert rows(right)["gradient"].verdict == "ok"


def test_an_error_in_one_case_is_told_with_that_case():
    def gradient(case):
        return right(case) if len(case.adv) > 1 else case.missing

    row = rows(gradient)["gradient"]
    assert row.verdict == "wrong"
    assert row.diagnosis.startswith("it raises AttributeError: 'Case' object has no attribute")
    assert row.evidence == 'case "linear softmax, one row", one of 1 of 16'


def test_a_method_left_abstract_is_not_offered():
    def gradient(case):
        raise NotImplementedError

    assert rows(gradient)["gradient"].verdict == "not offered"


def test_declined_questions_are_counted_and_never_green():
    """An adapter that declines some questions is right for the others only, and it shows."""

    def gradient(case):
        if len(case.adv) == 1:
            raise NotImplementedError("it divides by n - 1")
        return right(case)

    report = check(type("Mine", (), {"gradient": staticmethod(gradient)}))
    (row,) = (row for row in report.rows if row.property == "gradient")
    assert (row.verdict, row.answered) == ("ok", (15, 16))
    assert "gradient            ok for 15 of 16 questions" in report.text()
    assert report.summary() == "1 ok, 0 wrong, 8 not offered; 1 answered in part"
    assert "#d5ecd9" not in report.html()
    assert "#d5ecd9" in check(type("Whole", (), {"gradient": staticmethod(right)})).html()


def test_an_error_does_not_hide_the_conventions():
    """Where some questions end in an error, what is known of the other answers is said."""

    class Mine(Dense):
        old_new = True

        def kl(self, case, theta_new):
            return super().kl(case, theta_new) if len(case.adv) > 1 else case.missing

    (row,) = check(Mine, properties=["kl"]).rows
    assert (row.verdict, row.conventions) == ("wrong", ("KL old||new",))
    assert "; where it answers, convention, KL old||new" in row.diagnosis


def test_what_cannot_be_called_is_told():
    class Mine:
        kl = 0.5

    assert check(Mine).rows[3].diagnosis == "kl is a float, and cannot be called"


# The command -------------------------------------------------------------------------------------

MODULE = """
from tests.adapters import Dense
from tests.mutants import half


class Right(Dense):
    gae = advantages = None


class Wrong(half(Dense)):
    pass


class Empty:
    pass


class Broken:
    def __init__(self):
        raise OSError("no device")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "my_trpo.py").write_text(MODULE, "utf-8")
    sys.modules.pop("my_trpo", None)
    return tmp_path


def test_the_command_prints_a_report_and_ends_with_0(module, capsys):
    assert main(["conformance", "my_trpo:Right"]) == 0
    assert capsys.readouterr().out.startswith("Right: 7 ok, 0 wrong, 2 not offered\n")


def test_the_command_writes_json_and_html_and_ends_with_1(module, capsys):
    written = ["--json", "report.json", "--html", "report.html"]
    assert main(["conformance", "my_trpo:Wrong", "--only", "step", "kl", *written]) == 1
    assert "half or twice the radius" in capsys.readouterr().out
    assert json.loads((module / "report.json").read_text("utf-8"))["summary"] == (
        "1 ok, 1 wrong, 0 not offered"
    )
    assert "half or twice the radius" in (module / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_trpo:Empty", "nothing was checked: Empty has none of the methods"),
        ("my_trpo:Broken", "my_trpo:Broken cannot be used: no device"),
        ("my_trpo:Missing", "my_trpo has no Missing"),
        ("no_trpo:Missing", "there is no module 'no_trpo' here"),
        ("my_trpo", "an adapter is named module:Name; got 'my_trpo'"),
    ],
)
def test_the_command_ends_with_2_where_nothing_was_checked(name, said, module, capsys):
    assert main(["conformance", name]) == 2
    assert said in capsys.readouterr().err


def test_the_command_needs_numpy_alone(module):
    """Nor does `import npgkit` load the suite."""
    program = (
        "import sys, npgkit; assert 'npgkit.conformance' not in sys.modules\n"
        "for name in ('gymnasium', 'scipy', 'threadpoolctl', 'tqdm', 'matplotlib', 'pytest'):\n"
        "    sys.modules[name] = None\n"
        "from npgkit.__main__ import main\n"
        "import npgkit.conformance; npgkit.conformance.check\n"
        "assert main(['conformance', 'my_trpo:Right', '--only', 'logp']) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True,
                          text=True, env={"PYTHONPATH": f"{module}:{ROOT}"})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


# The plug-in for pytest --------------------------------------------------------------------------


def pytest_in(folder, *arguments):
    plugin = ["-p", "npgkit.conformance.plugin", "-p", "no:cacheprovider"]
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-rs", *plugin, *arguments],
                          check=False, capture_output=True, text=True, cwd=folder,
                          env={"PYTHONPATH": f"{folder}:{ROOT}"})  # fmt: skip


def test_the_plugin_runs_a_test_for_each_property(module):
    """A wrong one fails with its diagnosis, one not offered is skipped; without any test file."""
    done = pytest_in(module, "--npgkit-adapter", "my_trpo:Wrong")
    assert done.returncode == 1
    assert "1 failed, 8 passed" in done.stdout
    assert "half or twice the radius: the full step is a factor sqrt(2) off" in done.stdout
    done = pytest_in(module, "--npgkit-adapter", "my_trpo:Right", "-k", "logp or gae")
    assert done.returncode == 0
    assert "1 passed, 1 skipped, 7 deselected" in done.stdout
    assert "the adapter has no method gae" in done.stdout


def test_the_plugin_is_silent_unless_it_is_asked(module):
    assert pytest_in(module).returncode == 5  # no tests
    done = pytest_in(module, "--npgkit-adapter", "my_trpo:Missing")
    assert done.returncode == 4
    assert "--npgkit-adapter: my_trpo has no Missing" in done.stderr
