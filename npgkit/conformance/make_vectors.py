"""Make the files in `vectors/` again, the same to the last byte.

    python -m npgkit.conformance.make_vectors

The inputs have few digits and come from Python's own random numbers, whose stream is promised not
to change; what is right comes from `decimals`.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np

from .case import VECTORS
from .decimals import Exact, cg, decimal, fifty_digits, gae, plain
from .drawn import POLICIES, ROLLOUTS, STEPS, SYSTEMS

Json = dict[str, Any]


def policy_answers(given: Json, rng: random.Random, *, score: bool) -> Json:
    """Return what is right at theta, for two vectors v, and at two other thetas."""
    exact = Exact(given["policy"]["kind"], given["policy"]["sizes"], given["obs"])
    theta, act = decimal(np.array(given["theta"])), np.array(given["act"])
    weights, adv = _weights(given), decimal(np.array(given["adv"]))
    old = decimal(np.array(given["logp"]))
    out, J = exact.outputs(theta, jacobian=True)
    scores = (exact.score(out, act)[:, :, None] * J).sum(axis=1)
    F = fisher(exact, out, J, weights)
    size = 0.3 * math.exp(min(given["theta"][-1], 0.0)) if exact.is_gaussian else 0.3
    right: Json = {
        "logp": exact.logp(out, act),
        "entropy": exact.entropy(out),
        "gradient": (weights * adv).dot(scores),
        "fisher_product": [],
        "at": [],
    }
    if score:
        right["score"] = scores
    for _ in range(2):
        v = [round(rng.gauss(0, 1), 3) for _ in given["theta"]]
        Fv = F.dot(decimal(np.array(v)))
        damped = Fv + decimal(given["damping"]) * decimal(np.array(v))
        right["fisher_product"].append({"v": v, "product": Fv, "damped": damped})
    for scale in (size, 2 * size):
        moved = [round(x + scale * rng.gauss(0, 1), 5) for x in given["theta"]]
        new = exact.outputs(decimal(np.array(moved)))
        ratio = np.frompyfunc(lambda x: x.exp(), 1, 1)(exact.logp(new, act) - old)
        right["at"].append(
            {
                "theta_new": moved,
                "kl_new_old": weights.dot(exact.kl(new, out)),
                "kl_old_new": weights.dot(exact.kl(out, new)),
                "surrogate": (weights * ratio).dot(adv),
            }
        )
    return right


def step_answers(given: Json) -> Json:
    """Return the whole step, by the undamped and by the damped alpha and either KL."""
    exact = Exact(given["policy"]["kind"], given["policy"]["sizes"], given["obs"])
    theta, act = decimal(np.array(given["theta"])), np.array(given["act"])
    weights, adv = _weights(given), decimal(np.array(given["adv"]))
    out, J = exact.outputs(theta, jacobian=True)
    g = (weights * adv).dot((exact.score(out, act)[:, :, None] * J).sum(axis=1))
    F = fisher(exact, out, J, weights)
    A = F + decimal(given["damping"] * np.eye(len(F)))
    x = cg(A, g, given["cg_iterations"])
    old = exact.logp(out, act)
    right: Json = {"gradient": g, "direction": x}
    for name, curvature in (("undamped", x.dot(F.dot(x))), ("damped", x.dot(A.dot(x)))):
        for direction in ("new||old", "old||new"):
            trials: list[Json] = []
            taken = theta
            if curvature > decimal(1e-300):
                full = (2 * decimal(given["epsilon"]) / curvature).sqrt()
                for j in range(given["max_backtracks"] + 1):
                    alpha = full * decimal(given["backtrack"]) ** j
                    trial = theta + alpha * x
                    new = exact.outputs(trial)
                    pair = (new, out) if direction == "new||old" else (out, new)
                    kl = weights.dot(exact.kl(*pair))
                    ratio = np.frompyfunc(lambda d: d.exp(), 1, 1)(exact.logp(new, act) - old)
                    gain = (weights * (ratio - 1)).dot(adv)
                    accepted = bool(kl <= decimal(given["epsilon"]) and gain > 0)
                    trials.append({"alpha": alpha, "kl": kl, "gain": gain, "accepted": accepted})
                    if accepted:
                        taken = trial
                        break
            key = f"{name} alpha, KL {direction}"
            right[key] = {"theta_new": taken, "trials": trials}
    return right


def fisher(exact: Exact, out: np.ndarray, J: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return F (n_params, n_params)."""
    MJ = (exact.fisher_of_outputs(out)[:, :, :, None] * J[:, None, :, :]).sum(axis=2)
    p = J.shape[2]
    return (J.reshape(-1, p) * np.repeat(weights, J.shape[1])[:, None]).T.dot(MJ.reshape(-1, p))


def _weights(given: Json) -> np.ndarray:
    n = len(given["adv"])
    return decimal(np.array(given["weights"] or [1 / n] * n))


def fill_in_logp(given: Json) -> None:
    """Give rows the log-probabilities of the policy that drew them."""
    exact = Exact(given["policy"]["kind"], given["policy"]["sizes"], given["obs"])
    drawn_by = decimal(np.array(given.pop("drawn_by", given["theta"])))
    given["logp"] = plain(exact.logp(exact.outputs(drawn_by), np.array(given["act"])))


def make() -> dict[str, str]:
    """Return the text of each file by its name."""
    files: dict[str, list[Json]] = {}
    with fifty_digits():
        for name, draws in (("policies", POLICIES), ("steps", STEPS)):
            files[name] = []
            for draw in draws:
                rng = random.Random(f"{name} {draw.name}")
                case = draw.case()
                fill_in_logp(case["given"])
                if name == "steps":
                    case["right"] = step_answers(case["given"])
                else:
                    small = len(case["given"]["theta"]) * len(case["given"]["adv"]) <= 200
                    case["right"] = policy_answers(case["given"], rng, score=small)
                files[name].append(plain(case))
        files["systems"] = []
        for case in SYSTEMS():
            given = case["given"]
            A, b = decimal(np.array(given["A"])), decimal(np.array(given["b"]))
            solution = cg(A, b, 10 * len(b))
            case["right"] = {"x": cg(A, b, given["iterations"]), "solution": solution}
            files["systems"].append(plain(case))
        files["rollouts"] = []
        for case in ROLLOUTS():
            case["right"] = {"gae": gae(case["given"])}
            files["rollouts"].append(plain(case))
    return {f"{name}.json": _text(cases) for name, cases in files.items()}


def _text(cases: list[Json]) -> str:
    """Return a file: a line for each entry of a case, so that a change can be read."""
    parts = []
    for case in cases:
        lines = []
        for key, value in case.items():
            if isinstance(value, dict) and key in ("given", "right"):
                inner = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
                lines.append(f'  "{key}": {{\n{inner}\n  }}')
            else:
                lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
        parts.append(" {\n" + ",\n".join(lines) + "\n }")
    return '{"schema": "schema.json", "cases": [\n' + ",\n".join(parts) + "\n]}\n"


def main(folder: Path = VECTORS) -> None:
    """Write the files."""
    for name, text in make().items():
        (folder / name).write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main()
