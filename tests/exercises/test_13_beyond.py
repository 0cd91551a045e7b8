"""The checks of chapter 13, tried with right answers written differently and with wrong ones."""

from __future__ import annotations

from tests.exercises.support import Answers, ExerciseTests, told


def terms(*lines: str) -> str:
    return "def my_terms(r, adv, c):\n    " + "\n    ".join(lines)


def units(result: str) -> str:
    return f"def translate(target_kl, cg_damping, act_dim):\n    return {result}"


def step(*lines: str) -> str:
    return "def my_step(X, U, G, damping):\n    " + "\n    ".join(lines)


ANSWERS = {
    "ex-beyond-clip": Answers(
        right=[
            terms("return np.minimum(r * adv, np.clip(r, 1 - c, 1 + c) * adv)"),
            terms("return np.where(adv > 0, np.minimum(r, 1 + c), np.maximum(r, 1 - c)) * adv"),
            terms(
                "told = []",
                "for ratio, a in zip(r, adv):",
                "    far = ratio > 1 + c if a > 0 else ratio < 1 - c",
                "    told.append((1 + c if a > 0 else 1 - c) * a if far else ratio * a)",
                "return told",
            ),
            terms("return r * adv - np.maximum(0, r * adv - adv - c * np.abs(adv))"),
        ],
        wrong=[
            (terms("return np.clip(r, 1 - c, 1 + c) * adv"), "wrong side of 1 loses its slope"),
            (terms("return r * adv"), "without a clip"),
            (
                terms("return np.maximum(r * adv, np.clip(r, 1 - c, 1 + c) * adv)"),
                "larger of the two is optimistic",
            ),
            (terms("return np.minimum(r, 1 + c) * adv"), "minimum of the products"),
            (terms("return np.clip(r * adv, 1 - c, 1 + c)"), "Clip the ratio"),
            (
                terms("return np.mean(np.minimum(r * adv, np.clip(r, 1 - c, 1 + c) * adv))"),
                "One term for each row",
            ),
            (
                terms("return np.minimum(r * adv, np.clip(r, -c, c) * adv)"),
                "interval is about 1",
            ),
            (
                terms("return -np.minimum(r * adv, np.clip(r, 1 - c, 1 + c) * adv)"),
                "wrong sign",
            ),
        ],
    ),
    "ex-beyond-units": Answers(
        right=[
            units("act_dim * target_kl, act_dim * cg_damping"),
            units("np.array([target_kl, cg_damping]) * act_dim"),
            units("[sum([target_kl] * act_dim), cg_damping / (1 / act_dim)]"),
        ],
        wrong=told(
            units,
            {
                "target_kl, cg_damping": "Unchanged",
                "act_dim * target_kl, cg_damping": "radius is right",
                "target_kl, act_dim * cg_damping": "damping is right",
                "target_kl / act_dim, cg_damping / act_dim": "wrong way",
                "act_dim * cg_damping, act_dim * target_kl": "other order",
                "act_dim**2 * target_kl, act_dim * cg_damping": "not squared",
                "act_dim * target_kl": "a pair",
                "act_dim**0.5 * target_kl, act_dim**0.5 * cg_damping": "not its root",
            },
        ),
    ),
    "ex-beyond-kronecker": Answers(
        right=[
            "kronecker_solve",
            step(
                "whole = np.kron(X, U) + damping * np.eye(G.size)",
                "return np.linalg.solve(whole, G.reshape(-1)).reshape(G.shape)",
            ),
            step(
                "u, R = np.linalg.eigh(U)",
                "H = G @ R",
                "columns = [np.linalg.solve(X * v + damping * np.eye(len(X)), h)",
                "           for v, h in zip(u, H.T)]",
                "return np.array(columns).T @ R.T",
            ),
            step(
                "def product(v):",
                "    V = v.reshape(G.shape)",
                "    return (X @ V @ U + damping * V).ravel()",
                "return npgkit.conjugate_gradient(product, G.ravel()).x.reshape(G.shape)",
            ),
        ],
        wrong=[
            (step("return np.linalg.solve(X, G) @ np.linalg.inv(U)"), "without damping"),
            (
                step(
                    "X = X + damping * np.eye(len(X))",
                    "U = U + damping * np.eye(len(U))",
                    "return np.linalg.solve(X, G) @ np.linalg.inv(U)",
                ),
                "not damping their product",
            ),
            (
                step(
                    "X = X + damping**0.5 * np.eye(len(X))",
                    "U = U + damping**0.5 * np.eye(len(U))",
                    "return np.linalg.solve(X, G) @ np.linalg.inv(U)",
                ),
                "usual approximation",
            ),
            (step("return X @ G @ U + damping * G"), "should solve"),
            (
                step(
                    "whole = np.kron(X, U) + damping * np.eye(G.size)",
                    "return np.linalg.solve(whole, G.ravel())",
                ),
                "shape of G",
            ),
            (
                step(
                    "whole = np.kron(U, X) + damping * np.eye(G.size)",
                    "return np.linalg.solve(whole, G.ravel()).reshape(G.shape)",
                ),
                "column by column",
            ),
            (
                step(
                    "whole = np.kron(X, U) + damping * np.eye(G.size)",
                    "return -np.linalg.solve(whole, G.ravel()).reshape(G.shape)",
                ),
                "wrong sign",
            ),
        ],
    ),
}


class TestExercises(ExerciseTests):
    chapter, answers = "13_beyond", ANSWERS
