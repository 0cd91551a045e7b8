"""The last set: its pole, and what is made of policies, conventions and crooked answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nbformat
import numpy as np
import pytest

from course import notebook, sets
from course.asking import Asking
from course.child import Strange
from course.exports import kit
from course.grading import Task, grade
from course.problem import Mark, changed
from course.sets.set7_write_trpo import cartpole, trpo
from course.sets.set7_write_trpo.pole import Pole, layers_of, smells
from course.sets.short_write_trpo import trpo_given_network
from course.trusted import Trusted
from npgkit.conformance.faults import CONVENTIONS, FAULTS

W, b = np.zeros((4, 2)), np.zeros(2)
BY_HAND = 9 * np.array([[0, 0.1], [0, 0.5], [0, 1.0], [0, 1.0]])  # right where it leans right


def pole(n_steps: int = 300, seed: int = 0) -> Pole:
    return Pole(np.random.default_rng(seed), n_steps)


def test_a_policy_is_judged_by_its_balance() -> None:
    """In the pole's own coordinates one that leans with it balances; one that does not is short."""
    mine = pole()
    assert mine.balanced([(np.linalg.solve(mine.matrix, BY_HAND), b)], 10) > 350
    assert mine.balanced([(np.eye(4), np.zeros(4)), (W, b)], 10) < 50


def test_a_policy_of_usual_coordinates_mostly_falls() -> None:
    """Written down beforehand it passes for few of the matrices that the grader draws."""
    lengths = [pole(seed=seed).balanced([(BY_HAND, b)], 5) for seed in range(40)]
    assert np.mean(np.array(lengths) >= cartpole.FIRST) <= 0.2


def test_the_matrix_has_an_inverse_that_is_not_large() -> None:
    """Observations are stretched by at most two and shrunk by at most a half, in any direction."""
    for seed in range(20):
        sizes = np.linalg.svd(pole(seed=seed).matrix, compute_uv=False)
        assert sizes[-1] >= 0.5 and sizes[0] <= 2


def test_steps_and_returns_are_counted() -> None:
    """An episode that was left has no return; all steps count, and then there are no more."""
    mine = pole(n_steps=60)
    mine.reset()
    mine.step(1)
    obs, info = mine.reset(seed=3)
    assert obs.shape == (4,) and info == {}
    while len(mine.returns) < 2:
        _, rew, terminated, truncated, _ = mine.step(0)
        assert rew == 1.0 and not truncated
        if terminated:
            mine.reset()
    assert 1 + sum(mine.returns) == mine.steps
    with pytest.raises(ValueError, match="all 60 steps are used"):
        for _ in range(61):
            if mine.step(0)[2]:
                mine.reset()
    assert mine.steps == 60


@pytest.mark.parametrize("act", [2, -1, np.nan, 1.0, "left", None, [1], np.ones(1, int)])
def test_an_action_is_0_or_1(act: Any) -> None:
    """Anything else has a sentence, and takes no step."""
    mine = pole()
    mine.reset()
    with pytest.raises(ValueError, match="an action is the number 0 or 1, not"):
        mine.step(act)
    assert mine.steps == 0
    mine.step(np.array(True))
    assert mine.steps == 1


def test_there_is_no_step_outside_an_episode() -> None:
    """Neither before the first reset nor after an end."""
    mine = pole()
    with pytest.raises(ValueError, match="call reset"):
        mine.step(0)
    mine.reset()
    with pytest.raises(ValueError, match="call reset"):
        for _ in range(50):
            mine.step(0)
    assert len(mine.returns) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "no dict"),
        (Strange("a function"), "no dict"),
        ({"returns": [9.0]}, "no dict with"),
        ({"layers": 3}, "no list of pairs"),
        ({"layers": [(Strange("a function"), b)]}, "no list of pairs"),
        ({"layers": [([[10**400] * 2] * 4, b)]}, "no list of pairs"),
        ({"layers": [(W.T, b)]}, "do not fit"),
        ({"layers": [(np.full((4, 2), np.nan), b)]}, "no numbers"),
        ({"layers": [(np.eye(4), np.zeros(4))]}, "4 outputs"),
        ({"layers": []}, "4 outputs"),
        ({"layers": [(np.eye(4), np.zeros(4))] * 9 + [(W, b)]}, "10 layers"),
    ],
)
def test_a_crooked_policy_has_a_sentence(answer: Any, said: str) -> None:
    """Whatever comes for a policy, the grader says what is wrong with it."""
    with pytest.raises(ValueError, match=said):
        layers_of(answer)


@pytest.mark.parametrize(
    ("steps", "returns", "layers", "said"),
    [
        (300, [20.0] * 15 + [400.0] * 10, np.pi * BY_HAND, ""),
        (20, [20.0], np.pi * BY_HAND, "only 20 of 300 steps"),
        (300, [], np.pi * BY_HAND, "no episode came to its end"),
        (300, [400.0] * 30, np.pi * BY_HAND, "first ten episodes of training lasted 400"),
        (300, [20.0] * 15, np.pi * BY_HAND, "last ten episodes of training lasted 20"),
        (300, [20.0] * 15 + [400.0] * 10, BY_HAND, "round numbers"),
    ],
)
def test_what_smells_is_told(steps: int, returns: list[float], layers: Any, said: str) -> None:
    """A policy that was not learnt on the grader's pole has a flag; a trained one has none."""
    mine = pole()
    mine.steps, mine.returns = steps, returns
    found = smells(mine, [(layers, b)], 420.0)
    assert len(found) == (1 if said else 0) and said in "".join(found)


@pytest.mark.parametrize("seed", range(3))
def test_the_model_solution_smells_of_nothing(seed: int) -> None:
    """It reaches both levels, and the teacher is told nothing of it."""
    student = Trusted(cartpole.PROBLEM, {}, trpo.SOLUTION + cartpole.SOLUTION)
    asking = Asking(student, lambda code: student, {}, np.random.default_rng(seed), dict)
    marks = cartpole.Training(cartpole.LEVELS).grade(cartpole.PROBLEM, asking)
    assert [(mark.points, mark.flag) for mark in marks] == [(3.0, "")] * 2


def test_the_try_cell_trains_on_a_pole_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how the training went, and of an empty answer that it is empty."""
    (_, check) = cartpole.PROBLEM.checks
    code = check.tries(cartpole.PROBLEM, {}, np.random.default_rng(0)).replace("60000", "2000")
    space: dict[str, Any] = {"np": np}
    exec(cartpole.PROBLEM.starter + code, space)
    exec(trpo.SOLUTION + cartpole.SOLUTION + "\n" + code, space)
    empty, trained = capsys.readouterr().out.splitlines()
    assert empty == "train: not answered yet" and "the last ten episodes" in trained


def test_mistakes_are_faults_of_the_suite() -> None:
    """Eight at least, each by the name that conformance gives it."""
    names = [mistake.sentence for mistake in trpo.MISTAKES]
    assert len(set(names)) == len(names) >= 8
    assert set(names) <= {fault.name for fault in FAULTS}


# For each convention the method that shows it, and a change of the model solution that keeps to it.
KEPT: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "KL old||new": ("kl", (
        ("new, old = (forward(case, theta)[0] for theta in (theta_new, case.theta))",
         "old, new = (forward(case, theta)[0] for theta in (theta_new, case.theta))"),
        ("s, t = (parts(case, theta)[1] for theta in (theta_new, case.theta))",
         "t, s = (parts(case, theta)[1] for theta in (theta_new, case.theta))"),
    )),
    "damped alpha": ("step", (
        ("curvature = x @ self.fisher_product(case, x)",
         "curvature = x @ self.fisher_product(case, x) + case.damping * x @ x"),
    )),
    "KL averaged over action dimensions": ("kl", (
        ("case.weights @ rows.sum(axis=1)", "case.weights @ rows.mean(axis=1)"),
    )),
    "damping in the product": ("fisher_product", (
        ("rows * du, 2 * ds)", "rows * du, 2 * ds) + case.damping * v"),
    )),
    "advantages normalised": ("surrogate", (
        ("return np.sum(case.weights * ratio * case.adv)",
         "adv = case.adv - case.adv.mean()\n"
         "        return np.sum(case.weights * ratio * adv / (adv.std() or 1))"),
    )),
    "weights missing": ("surrogate", (
        ("np.sum(case.weights * ratio * case.adv)", "np.mean(ratio * case.adv)"),
    )),
    "Fisher from a subsample": ("fisher_product", (
        ("rows = case.weights[:, None]",
         "rows = (case.weights * (np.arange(len(out)) % 2 == 0))[:, None]\n"
         "        rows = rows / rows.sum()"),
    )),
    "old log-probabilities computed again": ("surrogate", (
        ("theta_new) - case.logp)", "theta_new) - self.logp(case))"),
    )),
    "surrogate as a gain": ("surrogate", (
        ("np.sum(case.weights * ratio * case.adv)",
         "np.sum(case.weights * (ratio - np.exp(self.logp(case) - case.logp)) * case.adv)"),
    )),
    "KL from the sampled actions": ("kl", (
        ("def kl(self, case, theta_new):\n",
         "def kl(self, case, theta_new):\n"
         "        return case.weights @ (self.logp(case) - self.log_pi(case, theta_new))\n"),
    )),
    "gradient summed": ("gradient", (
        ("rows = (case.weights * case.adv)[:, None]",
         "rows = len(case.adv) * (case.weights * case.adv)[:, None]"),
    )),
    "exact solve": ("conjugate_gradient", (
        ("x, r, p = np.zeros(len(b)), b.copy(), b.copy()\n",
         "A = np.column_stack([product(e) for e in np.eye(len(b))])\n"
         "        return np.linalg.pinv(A, rcond=1e-12, hermitian=True) @ b\n"),
    )),
    "absolute tolerance": ("conjugate_gradient", (
        ("if rr <= 1e-28 * first:", "if rr < 1e-10:"),
    )),
    "KL allowed 1.5 epsilon": ("step", (
        ("self.kl(case, trial) <= case.epsilon", "self.kl(case, trial) <= 1.5 * case.epsilon"),
    )),
}  # fmt: skip


def mark_of(convention: str) -> Mark:
    method, pairs = KEPT[convention]
    student = Trusted(trpo.PROBLEM, {}, changed(trpo.SOLUTION, *pairs))
    asking = Asking(student, lambda code: student, {}, np.random.default_rng(0), dict)
    (check,) = trpo.PROBLEM.checks
    (mark,) = replace(check, methods={method: trpo.POINTS[method]}).grade(trpo.PROBLEM, asking)
    return mark


def test_each_convention_is_tried() -> None:
    """The suite has no other that shows in a method of this set."""
    assert KEPT.keys() == {one.name for one in CONVENTIONS if set(one.methods) & set(trpo.POINTS)}


@pytest.mark.parametrize("convention", KEPT)
def test_a_convention_that_is_settled_costs(convention: str) -> None:
    """It is told in the suite's words; where the statement leaves it open it costs nothing."""
    (sentence,) = (one.sentence for one in CONVENTIONS if one.name == convention)
    mark = mark_of(convention)
    assert convention in mark.sentence and sentence in mark.sentence
    if convention == "absolute tolerance":
        assert (mark.points, mark.mistake) == (mark.of, "")
    else:
        assert (mark.points, mark.mistake) == (0.0, convention)
        assert "not what the statement asks for" in mark.sentence


def test_the_short_set_settles_the_same() -> None:
    """Its statement has all that the long one says of methods and points, its check is the same."""
    assert trpo.STATEMENT in trpo_given_network.PROBLEM.statement
    assert trpo_given_network.PROBLEM.checks == trpo.PROBLEM.checks


@pytest.mark.parametrize("name", ["set7", "short"])
def test_every_mark_is_a_part(name: str) -> None:
    """What other graders are told of beforehand is what comes, in titles and points."""
    one = sets.load(name)
    made = nbformat.writes(notebook.make(one, "a salt", "ada")).encode()
    problems = grade(Task(one.name, "ada", "a salt", made))["problems"]
    marks = [(mark["check"], mark["of"]) for found in problems.values() for mark in found["marks"]]
    assert marks == [(part.title, part.of) for part in kit.parts(one)]
