"""A baseline made of the rows that it is taken from: what is wrong with it, exactly, and when."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem, column

Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def variant(rng: random.Random) -> Numbers:
    """Draw three states of unequal shares, their rewards, and the rows of a batch."""
    shares = [0.8, 0.15, 0.05] if rng.random() < 0.5 else [0.65, 0.25, 0.1]
    low = column(rng, -1, 1, 3)
    return {
        "share": np.array(rng.sample(shares, 3)),
        "p_state": column(rng, 0.3, 0.7, 3),
        "pays": np.stack([low + column(rng, 0.5, 2, 3), low], axis=1).round(2),
        "n_rows": rng.randint(5, 12),
    }


def batch(rng: np.random.Generator, counts: tuple[int, ...]) -> Batch:
    """Draw a batch in which each state has so many rows, and of both actions if it can."""
    obs = np.repeat(np.arange(len(counts)), counts)
    act = np.concatenate([(np.arange(m) + rng.integers(2)) % 2 for m in counts])
    order = rng.permutation(len(obs))
    theta, b0 = rng.normal(size=(2, len(counts))).round(2)
    return theta, obs[order], act[order], rng.normal(2, 1, len(obs)).round(2), b0


def several(numbers: Numbers, rng: np.random.Generator) -> list[Batch]:
    """Draw batches in which no row is alone in its state; a state may be missing."""
    return [batch(rng, counts) for counts in ((4, 2, 3), (2, 7), (0, 5, 2))]


def alone(numbers: Numbers, rng: np.random.Generator) -> list[Batch]:
    """Draw batches in which some rows are alone in their states."""
    return [batch(rng, counts) for counts in ((1, 3, 2), (1, 1, 1), (1,))]


def sizes(numbers: Numbers, rng: np.random.Generator) -> list[tuple[float, int]]:
    """Draw shares, and numbers of rows."""
    drawn = [(round(rng.uniform(0.05, 0.9), 2), int(rng.integers(3, 30))) for _ in range(4)]
    return [*drawn, (0.3, 1), (0.01, 1000)]


def program(baseline: str, scale: str = "") -> str:
    """Return an estimate, with the lines that set a row's baseline and a factor on each row."""
    return f'''
def estimate(theta, obs, act, rew, b0):
    """Return the estimate (S,) of dJ/dtheta from n rows: states, actions, rewards (n,).

    b0 (S,) is a guess of each state's mean reward, made before the rows were seen.
    """
    p, g = 1 / (1 + np.exp(-theta)), np.zeros(len(theta))
    for k, s in enumerate(obs):
        {baseline}
        g[s] += {scale}(rew[k] - b) * ((act[k] == 0) - p[s])
    return g / len(obs)
'''


ALL = "b = np.mean(rew[obs == s])"
OTHERS = """others = (obs == s) & (np.arange(len(obs)) != k)
        b = np.mean(rew[others]) if np.any(others) else """
WRONG = program(ALL)

PROBLEM = Problem(
    title="A baseline from the same rows",
    minutes=35,
    outcomes=(
        "compute the bias of a gradient estimate exactly, and remove it",
        "say when a biased estimate is a step size by another name, and when it turns the step",
    ),
    statement=r"""
Each row of a batch is drawn by itself: a state $s$ with probability $d_s$, then action 0 with
probability $p_s = \sigma(\theta_s)$, where $\sigma(x) = 1/(1+e^{-x})$, or action 1, and a reward
whose mean is $r_{sa}$. There are no further steps, so $J = \sum_s d_s\, (p_s r_{s0} + (1-p_s)
r_{s1})$. The program in the answer cell estimates $\nabla J$ from $n$ rows. For the
baseline of a state it takes the mean reward of the batch's rows in that state. A colleague has gone
through all batches of $n$ rows for two states, each with its probability, and reports the mean of
the estimate as a multiple of the exact $\partial J/\partial\theta_s$. The multiples do not depend
on $p$, nor on the rewards:

| n | d | state 0 | state 1 |
|---|---|---|---|
| 1 | 0.5, 0.5 | 0.000 | 0.000 |
| 2 | 0.5, 0.5 | 0.250 | 0.250 |
| 6 | 0.5, 0.5 | 0.672 | 0.672 |
| 2 | 0.9, 0.1 | 0.450 | 0.050 |
| 6 | 0.9, 0.1 | 0.815 | 0.219 |

A baseline should not change the mean at all. What is different about this one?

1. On paper: find the multiple in closed form. First let the state have $m$ rows in the batch; then
   take the mean over $m$. Write it as `factor(d, n)`, for the share $d$ of the state. It has
   to agree with the table.
2. Mend `estimate`. The baseline of a row shall be the mean reward of the *other* rows in its
   state. A row that is alone in its state has no others; `b0` is there for a reason. The mean of
   the estimate shall be the gradient, whatever `b0` is.
3. Set `turned` to the angle, in degrees, between $\nabla J$ and the mean of what the program
   returned before you mended it, for the shares `share` = `<<share>>`, the chances `p_state` =
   `<<p_state>>` of action 0, the mean rewards `pays` = `<<pays>>` (a row for each state) and
   `n_rows` = <<n_rows>>.
4. In the text cell: (a) Let there be one state. What does mending change in a single batch,
   whatever came up in it? Would you have noticed the fault in training, with a step size that was
   tuned? (b) Why is it another matter with several states? What does the faulty program learn where
   observations are so fine that no state is met twice in a batch? (c) Somebody proposes the mean
   reward of all the other rows of the batch, whatever their state. Is the mean of the estimate
   right with it? What speaks for your baseline, and what for theirs?
""",
    starter=f"""{WRONG}

def factor(d, n):
    \"\"\"Return by what the mean of the program above is off, in a state of share d.\"\"\"
    return ...


turned = ...
""",
    solution=f"""
# On paper. Let the state have m >= 1 rows. The baseline is the mean of all m rewards, of which
# one is the row's own: (1/m) r_k and others that are independent of the action of row k. The
# others do no harm, as the score has mean zero. The own part takes away 1/m of the mean: what is
# left is (1 - 1/m) E[r score]. The batch's sum over n has m such rows, together (m - 1) / n E[r
# score] for m >= 1, and nothing for m = 0. m is binomial with the mean n d, and P(m = 0) =
# (1-d)^n, so the mean of (m - 1) over m >= 1 is n d - 1 + (1-d)^n. The right one is d E[r
# score]: the multiple is 1 - (1 - (1-d)^n) / (n d).
# A row that is alone gets b0: chosen beforehand, it is independent of the action. Left out, as
# m / (m - 1) times the old estimate would, it is missing in the mean.
#
# Text. (a) r_k minus the mean of the others is m / (m - 1) times r_k minus the mean of all. With
# one state m = n in every batch, and mending multiplies each estimate by n / (n - 1): a step
# size by another name, and whoever tunes the step size has tuned it away. (b) With several
# states the multiple is smaller where the share is, and the mean turns away from states that are
# seldom met. Where no state is met twice, every row is its own baseline: the estimate is zero,
# always. (So does a critic that is fitted to the rows so well that it knows each by heart.) (c)
# Yes: rewards of other rows are independent of this row's action, whatever their state. It has
# more rows to take a mean of, and a row is hardly ever alone; but it does not know that one
# state pays more than another, and the noise of that stays in.
{program(OTHERS + "b0[s]")}

def factor(d, n):
    return 1 - (1 - (1 - d) ** n) / (n * d)


right = share * p_state * (1 - p_state) * (pays[:, 0] - pays[:, 1])
mean = factor(share, n_rows) * right
cosine = mean @ right / np.linalg.norm(mean) / np.linalg.norm(right)
turned = np.degrees(np.arccos(cosine))
""",
    checks=(
        Function("factor", 2, sizes, hidden=False),
        Function("estimate", 2, several, title="estimate, no row alone", hidden=False),
        Function("estimate", 1, alone, title="estimate, rows that are alone"),
        Value("turned", 1, rtol=1e-3),
    ),
    mistakes=(
        Mistake(
            "That is the multiple for a state that has all the rows of the batch, d = 1.",
            """
def factor(d, n):
    return 1 - 1 / n
""",
        ),
        Mistake(
            "This puts the mean number of rows, n d, in the place of the number m. What does a "
            "batch add in which m is 0?",
            """
def factor(d, n):
    return 1 - 1 / (n * d)
""",
        ),
        Mistake(
            "That is the chance that a row has company in its state. The rows that have some are "
            "shrunk as well.",
            """
def factor(d, n):
    return 1 - (1 - d) ** (n - 1)
""",
        ),
        Mistake(
            "This is n / (n - 1) times the old estimate. It is the number of rows in the state "
            "that counts, and not that in the batch.",
            program(ALL, "len(obs) / max(1, len(obs) - 1) * "),
        ),
        Mistake(
            "Rows that are alone in their states add nothing here, and the mean is too small by "
            "what they would have added. Which baseline may they have?",
            program(OTHERS + "rew[k]"),
        ),
        Mistake(
            "Rows that are alone have the baseline 0 here. The mean is right with it, but b0 is a "
            "better guess, and was asked for.",
            program(OTHERS + "0.0"),
        ),
        Mistake(
            "The baseline here is the mean of all other rows, whatever their state. The mean is "
            "right with it, but those of the same state were asked for.",
            program("b = np.mean(np.delete(rew, k)) if len(rew) > 1 else b0[s]"),
        ),
        Mistake(
            "That is the angle in radians.",
            """
right = share * p_state * (1 - p_state) * (pays[:, 0] - pays[:, 1])
mean = (1 - (1 - (1 - share) ** n_rows) / (n_rows * share)) * right
turned = np.arccos(mean @ right / np.linalg.norm(mean) / np.linalg.norm(right))
""",
        ),
        Mistake(
            "The shares of the states are missing in the gradient.",
            """
right = p_state * (1 - p_state) * (pays[:, 0] - pays[:, 1])
mean = (1 - (1 - (1 - share) ** n_rows) / (n_rows * share)) * right
cosine = mean @ right / np.linalg.norm(mean) / np.linalg.norm(right)
turned = np.degrees(np.arccos(cosine))
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "the multiple: what does harm in the baseline of m rows, then the mean over all m"),
        (1, "one state: what mending changes in every batch, shown, and what that means"),
        (1, "several states: where the step turns to, and the case in which none is met twice"),
        (1, "all the other rows: is the mean right, and why; a use for each baseline"),
    ),
)
