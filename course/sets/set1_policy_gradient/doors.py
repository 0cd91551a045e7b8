"""Doors in a row: time and gap in closed form, and what becomes of them without gamma^t."""

import random

import numpy as np

from course.checks import Function, Value
from course.problem import Mistake, Numbers, Problem


def variant(rng: random.Random) -> Numbers:
    """Draw a corridor whose doors are all alike."""
    return {
        "doors": rng.randint(3, 6),
        "p_door": round(rng.uniform(0.15, 0.6), 2),
        "gamma_door": rng.choice([0.8, 0.85, 0.9, 0.95]),
    }


def corridors(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Draw corridors of three, six, one and two doors."""
    return [
        (rng.uniform(0.1, 0.9, n).round(2), round(rng.uniform(0.6, 0.97), 2)) for n in (3, 6, 1, 2)
    ]


def steps(numbers: Numbers, rng: np.random.Generator) -> list[tuple[np.ndarray, float, float]]:
    """Draw corridors, and step sizes."""
    return [(*one, round(rng.uniform(0.5, 3), 1)) for one in corridors(numbers, rng)]


PROBLEM = Problem(
    title="A corridor of doors",
    minutes=45,
    outcomes=(
        "find the occupancy and the gap of a chain in closed form, and with them its gradient",
        "say what a program follows that leaves the discount of the visits out",
        "carry a plain step from one system of coordinates to another",
    ),
    statement=r"""
A corridor has $n$ doors, one behind the other. In front of door $k$ the policy goes on with
probability $p_k = \sigma(\theta_k)$, where $\sigma(x) = 1/(1+e^{-x})$, and in the next step it
stands in front of door $k+1$. Otherwise it rests, and a step later it stands where it stood. Behind
the last door is a room in which whatever it does pays 1 and ends the episode. Nothing else pays. It
starts in front of door 1, so that $J(\theta) = \mathbb E[\gamma^T]$ with $T$ the number of steps
until it is in the room, and $0 < \gamma < 1$.

1. On paper: what is $\mathbb E[\gamma^m]$ of the $m$ steps that one door takes? Find $J$ in closed
   form, and differentiate it. Write `slopes(p, gamma)`, all $\partial J/\partial\theta_k$.
2. On paper: find the share of discounted time $d_k$ in front of door $k$ (as in chapter 1, with
   its factor $1-\gamma$) and the gap $Q(k, \text{go on}) - Q(k, \text{rest})$. Write them as
   `parts(p, gamma)`, and show that time, indecision and gap give your answer to 1.
3. Let all doors have the same $p$. A program leaves the $\gamma^t$ of the visits out: where the
   gradient has $d_k/(1-\gamma)$, it has the mean number of steps in an episode that are spent in
   front of door $k$, all counted alike. Its $Q$ is right, with its discount. Set `neglect` to its
   component for the last door divided by that for the first, for `doors` = <<doors>>, `p_door` =
   <<p_door>> and `gamma_door` = <<gamma_door>>.
4. For the same doors (`doors`, `p_door`), set `most` to the discount, between 0 and 1, at which the
   gradient of $J$ is longest. There is a closed form.
5. Somebody writes the policy down by differences, $\phi_1 = \theta_1$ and $\phi_k = \theta_k -
   \theta_{k-1}$. Write `stepped(p, gamma, alpha)`: the change of all $\theta_k$ when a plain step
   $\phi \leftarrow \phi + \alpha \nabla_\phi J$ is taken on that paper.
6. In the text cell, for equal $p$ if nothing else is said: (a) how do time and gap change along the
   corridor, and what does the gradient make of it? (b) If the $p_k$ differ, which door has the
   largest slope? (c) The gradient tends to zero as $\gamma$ tends to 0, and as it tends to 1. Is it
   for the same reason? (d) How many times as far does the step of 5 move the last logit as the
   first?
""",
    starter='''
def slopes(p, gamma):
    """Return dJ/dtheta (n,) for the chances p (n,) of going on."""
    return ...


def parts(p, gamma):
    """Return d and the gap of all doors: an array (2, n)."""
    return ...


def stepped(p, gamma, alpha):
    """Return the change of theta (n,) by a plain step in the differences."""
    return ...


neglect = ...
most = ...
''',
    solution="""
# On paper. Write q = 1 - p. A door takes m steps with probability q^(m-1) p, and E[gamma^m] =
# gamma p / (1 - gamma q) =: u. Doors are independent, so J is the product of all u_k. As d log
# u / dp = 1/p - gamma / (1 - gamma q) = (1 - gamma) / (p (1 - gamma q)) and dp/dtheta = p q,
# dJ/dtheta_k = J q_k (1 - gamma) / (1 - gamma q_k).
# Time. Door k is reached at a time S with E[gamma^S] = u_1 ... u_(k-1), and from then on the
# policy is still there after j steps with probability q^j: d_k = (1 - gamma) u_1 ... u_(k-1) /
# (1 - gamma q_k). Gap. V_k = u_k ... u_n, and V = 1 in the room. Q(go on) = gamma V_(k+1),
# Q(rest) = gamma V_k, and 1 - u_k = (1 - gamma) / (1 - gamma q_k), so the gap is gamma V_(k+1)
# (1 - gamma) / (1 - gamma q_k). Time, p q and gap, over 1 - gamma, make u_1 ... u_(k-1) . [gamma
# p / (1 - gamma q_k)] . V_(k+1) . q (1 - gamma) / (1 - gamma q_k): the brackets are u_k, and the
# product of all u is J.
# Without gamma^t every door has 1/p steps. Of the three factors the gap alone differs from
# door to door, by 1/u from one to the next: neglect = u^(1 - n).
# Longest. The slope is a constant times gamma^n (1 - gamma) / (1 - gamma q)^(n+1). The
# derivative of its logarithm, n/gamma - 1/(1 - gamma) + (n + 1) q / (1 - gamma q), is zero where
# n - gamma (n + 1 - q) = 0: gamma = n / (n + p).
#
# Text. (a) From door to door the time falls by the factor u, and the gap rises by 1/u: one is
# here less often, and more hangs on it. The product is the same, and the gradient moves all
# logits alike. (b) q / (1 - gamma q) rises with q: the door with the smallest p, where the policy
# rests most. (c) No. As gamma goes to 0 a reward that is n steps away or more is worth nothing,
# and so is what one could gain. As gamma goes to 1, J goes to 1: everybody gets to the room and
# is in no hurry, so there is nothing left to gain. (d) theta = B phi with ones on and below the
# diagonal, (B B')_ij = min(i, j). For equal slopes the first logit moves by n, the last by 1 +
# ... + n: (n + 1) / 2 times as far.

def slopes(p, gamma):
    q = 1 - p
    return np.prod(gamma * p / (1 - gamma * q)) * q * (1 - gamma) / (1 - gamma * q)


def parts(p, gamma):
    left = 1 - gamma * (1 - p)
    u = gamma * p / left
    before = np.concatenate([[1.0], np.cumprod(u)[:-1]])
    value_behind = np.prod(u) / np.cumprod(u)
    return np.array([(1 - gamma) * before / left, gamma * value_behind * (1 - gamma) / left])


def stepped(p, gamma, alpha):
    B = np.tril(np.ones((len(p), len(p))))
    return alpha * B @ B.T @ slopes(p, gamma)


neglect = (gamma_door * p_door / (1 - gamma_door * (1 - p_door))) ** (1 - doors)
most = doors / (doors + p_door)
""",
    checks=(
        Function("slopes", 2, corridors, hidden=False),
        Function("parts", 2, corridors, title="time and gap", hidden=False),
        Value("neglect", 1, rtol=1e-3),
        Value("most", 1, rtol=1e-4),
        Function("stepped", 2, steps, title="a step in the differences"),
    ),
    mistakes=(
        Mistake(
            "This is the slope in the probabilities: the step from p to theta is missing.",
            """
def slopes(p, gamma):
    left = 1 - gamma * (1 - p)
    return np.prod(gamma * p / left) * (1 - gamma) / (p * left)
""",
        ),
        Mistake(
            "This counts a walk that never rests, gamma^n p_1 ... p_n. Whoever rests may go on in "
            "the next step.",
            """
def slopes(p, gamma):
    return np.prod(gamma * p) * (1 - p)
""",
        ),
        Mistake(
            "The factor 1 - gamma of chapter 1 is missing in the time: d is a share.",
            """
def parts(p, gamma):
    left = 1 - gamma * (1 - p)
    u = gamma * p / left
    before = np.concatenate([[1.0], np.cumprod(u)[:-1]])
    return np.array([before / left, gamma * np.prod(u) / np.cumprod(u) * (1 - gamma) / left])
""",
        ),
        Mistake(
            "The gap lacks a factor gamma: both values are those of a step later.",
            """
def parts(p, gamma):
    left = 1 - gamma * (1 - p)
    u = gamma * p / left
    before = np.concatenate([[1.0], np.cumprod(u)[:-1]])
    gap = np.prod(u) / np.cumprod(u) * (1 - gamma) / left
    return np.array([(1 - gamma) * before / left, gap])
""",
        ),
        Mistake(
            "That is so of the gradient itself. Without gamma^t the time no longer falls along the "
            "corridor, and the gap still rises.",
            "neglect = 1.0",
        ),
        Mistake(
            "That is the first door's component over the last one's.",
            "neglect = (gamma_door * p_door / (1 - gamma_door * (1 - p_door))) ** (doors - 1)",
        ),
        Mistake(
            "That would be right for a walk that never rests: p comes in, too.",
            "most = doors / (doors + 1)",
        ),
        Mistake(
            "This is the step in phi: read it in theta.",
            """
def stepped(p, gamma, alpha):
    q, B = 1 - p, np.tril(np.ones((len(p), len(p))))
    g = np.prod(gamma * p / (1 - gamma * q)) * q * (1 - gamma) / (1 - gamma * q)
    return alpha * B.T @ g
""",
        ),
        Mistake(
            "This is B'B in the place of BB': which of the two carries a gradient to phi, and "
            "which a step back to theta?",
            """
def stepped(p, gamma, alpha):
    q, B = 1 - p, np.tril(np.ones((len(p), len(p))))
    g = np.prod(gamma * p / (1 - gamma * q)) * q * (1 - gamma) / (1 - gamma * q)
    return alpha * B.T @ B @ g
""",
        ),
    ),
    variant=variant,
    rubric=(
        (2, "J and its derivative, and the same by time, indecision and gap, every step shown"),
        (1, "the closed form of the discount, with the equation that it comes from"),
        (2, "the text: an answer to each of the four questions, with a reason"),
    ),
)
