"""From an empty class to one that conforms: every method is asked by `npgkit.conformance`."""

from __future__ import annotations

from course.checks import Conforms
from course.problem import Mistake, Problem, changed

NETWORK = '''
def parts(case, theta):
    """Return the layers [(W, b), ...] and the log standard deviations that theta holds."""
    layers, at = [], 0
    for W, b in case.policy.layers:
        W, at = theta[at : at + W.size].reshape(W.shape), at + W.size
        if case.policy.kind.startswith("mlp"):
            b, at = theta[at : at + b.size], at + b.size
        layers.append((W, b))
    return layers, theta[at:]


def forward(case, theta):
    """Return the outputs (n, k) at theta, and what went into each layer."""
    layers, _ = parts(case, theta)
    h = np.eye(len(layers[0][0]))[case.obs] if case.policy.kind == "softmax_table" else case.obs
    inputs = []
    for depth, (W, b) in enumerate(layers):
        h = np.tanh(h) if depth else h
        inputs.append(h)
        h = h @ W + b
    return h, inputs


def back(case, inputs, u, s):
    """Return J'(u, s): from the outputs (n, k) and the log-stds (d,) to the parameters."""
    layers, _ = parts(case, case.theta)
    found = [s]
    for (W, _), h in reversed(list(zip(layers, inputs, strict=True))):
        if case.policy.kind.startswith("mlp"):
            found.insert(0, u.sum(axis=0))
        found.insert(0, (h.T @ u).ravel())
        u = (u @ W.T) * (1 - h**2)
    return np.concatenate(found)


def along(case, inputs, v):
    """Return J v: how fast the outputs (n, k) and the log-stds (d,) change along v."""
    layers, _ = parts(case, case.theta)
    changes, ds = parts(case, v)
    dh = np.zeros(inputs[0].shape)
    for depth, ((W, _), (dW, db), h) in enumerate(zip(layers, changes, inputs, strict=True)):
        dh = (1 - h**2) * dh if depth else dh
        dh = dh @ W + h @ dW + db
    return dh, ds
'''

SOLUTION = (
    NETWORK
    + """

def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


class TRPO:
    def log_pi(self, case, theta):
        out, act = forward(case, theta)[0], case.act
        if case.policy.log_std is None:
            return log_softmax(out)[np.arange(len(act)), act]
        s = parts(case, theta)[1]
        return (-0.5 * ((act - out) / np.exp(s)) ** 2 - s - 0.5 * np.log(2 * np.pi)).sum(axis=1)

    def logp(self, case):
        return self.log_pi(case, case.theta)

    def surrogate(self, case, theta_new):
        ratio = np.exp(self.log_pi(case, theta_new) - case.logp)
        return np.sum(case.weights * ratio * case.adv)

    def gradient(self, case):
        (out, inputs), act = forward(case, case.theta), case.act
        rows = (case.weights * case.adv)[:, None]
        if case.policy.log_std is None:
            score = np.eye(out.shape[1])[act] - np.exp(log_softmax(out))
            return back(case, inputs, rows * score, np.zeros(0))
        std = np.exp(parts(case, case.theta)[1])
        z = (act - out) / std
        return back(case, inputs, rows * z / std, (rows * (z**2 - 1)).sum(axis=0))

    def kl(self, case, theta_new):
        new, old = (forward(case, theta)[0] for theta in (theta_new, case.theta))
        if case.policy.log_std is None:
            new, old = log_softmax(new), log_softmax(old)
            return case.weights @ (np.exp(new) * (new - old)).sum(axis=1)
        s, t = (parts(case, theta)[1] for theta in (theta_new, case.theta))
        rows = t - s + (np.exp(2 * s) + (new - old) ** 2) / (2 * np.exp(2 * t)) - 0.5
        return case.weights @ rows.sum(axis=1)

    def fisher_product(self, case, v):
        out, inputs = forward(case, case.theta)
        du, ds = along(case, inputs, v)
        rows = case.weights[:, None]
        if case.policy.log_std is None:
            pi = np.exp(log_softmax(out))
            du = pi * (du - (pi * du).sum(axis=1, keepdims=True))
        else:
            du = du / np.exp(2 * parts(case, case.theta)[1])
        return back(case, inputs, rows * du, 2 * ds)

    def conjugate_gradient(self, product, b, iterations):
        x, r, p = np.zeros(len(b)), b.copy(), b.copy()
        rr = first = r @ r
        for _ in range(iterations):
            if rr <= 1e-28 * first:
                break
            Ap = product(p)
            curvature = p @ Ap
            if not curvature > 0:
                break
            x = x + rr / curvature * p
            r = r - rr / curvature * Ap
            last, rr = rr, r @ r
            p = r + rr / last * p
        return x

    def step(self, case):
        x = self.conjugate_gradient(
            lambda v: self.fisher_product(case, v) + case.damping * v,
            self.gradient(case), case.cg_iterations,
        )
        curvature = x @ self.fisher_product(case, x)
        if not curvature > 0:
            return case.theta
        full = np.sqrt(2 * case.epsilon / curvature) * x
        now = self.surrogate(case, case.theta)
        for j in range(case.max_backtracks + 1):
            trial = case.theta + case.backtrack**j * full
            if self.kl(case, trial) <= case.epsilon and self.surrogate(case, trial) > now:
                return trial
        return case.theta

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        delta = rew + gamma * next_values * ~terminated - values
        goes_on = ~(terminated | truncated)
        adv, ahead = np.zeros(rew.shape), np.zeros(rew.shape[1])
        for t in reversed(range(len(rew))):
            ahead = adv[t] = delta[t] + gamma * lam * goes_on[t] * ahead
        return adv
"""
)

METHODS = '''

class TRPO:
    def logp(self, case):
        """Return log pi(act|obs) (n,)."""
        raise NotImplementedError

    def surrogate(self, case, theta_new):
        """Return the sum of weights * ratio * adv, the ratio being to `case.logp`."""
        raise NotImplementedError

    def gradient(self, case):
        """Return the surrogate's gradient at case.theta (n_params,)."""
        raise NotImplementedError

    def kl(self, case, theta_new):
        """Return the mean KL(new || old) over the rows, with their weights, in nats."""
        raise NotImplementedError

    def fisher_product(self, case, v):
        """Return F v (n_params,), without damping."""
        raise NotImplementedError

    def conjugate_gradient(self, product, b, iterations):
        """Return x after so many iterations from 0; product(v) is A v."""
        raise NotImplementedError

    def step(self, case):
        """Return theta after the whole step: direction, length, search."""
        raise NotImplementedError

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        """Return the advantages (T, E)."""
        raise NotImplementedError
'''

POINTS = {
    "logp": 2, "surrogate": 2, "gradient": 4, "kl": 3, "fisher_product": 4,
    "conjugate_gradient": 3, "step": 5, "gae": 3,
}  # fmt: skip

STATEMENT = r"""
Write TRPO: a class whose methods work for every policy of this book. You may not import npgkit, nor
a library that differentiates; NumPy is enough. The methods of the class below are asked one by one,
so write one, try it, and go on.

**What comes in.** A `case` has arrays: `theta` (all parameters, flat), `obs`, `act`, `adv`, `logp`
(under the policy that drew the actions) and `weights` (of the rows; their sum is 1), and a step's
numbers: `epsilon`, `damping`, `cg_iterations`, `backtrack`, `max_backtracks`. Its policy is
`case.policy.kind`, `case.policy.layers` (a list of (W, b), with h W + b in each layer and tanh
between two; of a table and a linear policy b is zeros, and no part of theta) and
`case.policy.log_std` (None, or one number for each action dimension). The outputs of the last layer
are the logits of a softmax over the actions, or the means of a Gaussian whose action dimensions are
independent, with the standard deviations `exp(log_std)` in every state.

| `kind` | `theta` holds | `obs`, `act` |
|---|---|---|
| `softmax_table` | W, the logits: a row for each state | index, index |
| `softmax_linear` | W | numbers, index |
| `gaussian_linear` | W, then `log_std` | numbers, numbers |
| `mlp_softmax` | W, b of each layer | numbers, index |
| `mlp_gaussian` | W, b of each layer, then `log_std` | numbers, numbers |

Each W is stored row by row. Whatever a method needs it takes from the `theta` that it is asked
about, not from `layers`: those are the values at `case.theta`, and of use for their shapes.

**What goes out.** With $w_i$ for the `weights`, $\hat A_i$ for `adv` as they are (not normalised),
$\theta$ for `case.theta` and $\theta'$ for `theta_new`, over all rows:

- `logp`: $\log \pi_\theta(a_i | s_i)$ of each row, a density where actions are numbers. The actions
  are taken as they are (not clipped).
- `surrogate`: $L(\theta') = \sum_i w_i\, e^{\log \pi_{\theta'}(a_i|s_i) - \ell_i}\, \hat A_i$.
  The ratio is to the policy that drew the actions: $\ell_i$ is `case.logp`.
- `gradient`: $g = \sum_i w_i \hat A_i\, \nabla_\theta \log \pi_\theta(a_i|s_i)$, which is
  $\nabla L(\theta)$ where $\theta$ has drawn the actions.
- `kl`: $\overline{\mathrm{KL}}(\theta') = \sum_i w_i\, \mathrm{KL}\big(\pi_{\theta'}(\cdot|s_i)
  \,\Vert\, \pi_\theta(\cdot|s_i)\big)$, new over old, in nats, of the whole distributions (not
  estimated from the actions taken); of a Gaussian summed over the action dimensions.
- `fisher_product`: $F v$ with $F = \sum_i w_i\, \mathbb E_{a \sim \pi_\theta(\cdot|s_i)} \big[ \psi
  \psi^\top \big]$, $\psi = \nabla_\theta \log \pi_\theta(a|s_i)$, the mean over all actions of the
  policy, without damping. It is the Hessian of $\overline{\mathrm{KL}}$ at $\theta' = \theta$.
- `conjugate_gradient`: $x$ after `iterations` steps for $A x = b$ from $x = 0$ (chapter 8). It ends
  earlier where next to nothing is left of the residual, and where $p^\top A p$ is not positive.
- `step`: the step of chapter 9. $x$ is what `cg_iterations` conjugate gradients make of
  $(F + \text{damping}\, I)\, x = g$. The full step is $\alpha x$, its length from the curvature
  *without* damping:

  $$
  \alpha = \sqrt{\frac{2 \epsilon}{x^\top F x}} .
  $$

  The new parameters are $\theta_{\text{new}} = \theta + \beta^j \alpha x$, with `backtrack` for
  $\beta$ and the least $j$ from 0 to `max_backtracks` for which

  $$
  \overline{\mathrm{KL}}(\theta_{\text{new}}) \le \epsilon
  \quad\text{and}\quad
  L(\theta_{\text{new}}) > L(\theta) .
  $$

  They are `case.theta` where no $j$ will do, where there is no gradient and where there is no
  curvature.
- `gae`: the advantages of chapter 10, from arrays (T, E) of T steps in E environments. With $r_t$
  for `rew`, $V_t$ for `values`, $V'_t$ for `next_values` (of the observation that the step led to,
  before any reset), and $\lambda$ for `lam`, which has nothing to do with the damping,

  $$
  \delta_t = r_t + \gamma V'_t - V_t , \qquad \hat A_t = \delta_t + \gamma \lambda \hat A_{t+1} ,
  $$

  but $V'_t$ counts as 0 in a step that is `terminated`, and $\hat A_{t+1}$ as 0 in one that is
  `terminated` or `truncated`, and in the last of the T. A step can be both.

**What gives points:** POINTS. A method has them if npgkit's suite, which asks about all kinds of
policies, finds nothing wrong with it; one that declines some kinds has none. Some choices the suite
calls *conventions*: another KL, a damped curvature, normalised advantages. This statement has
settled them, so here they are wrong, and cost the points of each method that they show in. Left
open is at which residual conjugate gradients end: if that is absolute, you are told so, and it
costs nothing.
""".replace("POINTS", ", ".join(f"`{method}` {points}" for method, points in POINTS.items()))

ORDER = r"""
An order that works: `conjugate_gradient` and `gae` (no policy is needed), `logp` and `surrogate`,
`kl`, `gradient`, `fisher_product`, `step`. Test a gradient against differences of the surrogate,
and a product $F v$ against differences of the gradient of the KL, before you ask anybody else.
"""


# The name of each is conformance's, which finds it and says it. "log-std missing" is found, too,
# but its steps of linear Gaussians have a KL of epsilon to the last digit: rounding decides them.
MISTAKES = (
    Mistake(
        "wrong sign",
        changed(SOLUTION, ("rows = (case.weights * case.adv)[:, None]",
                 "rows = -(case.weights * case.adv)[:, None]")),
    ),
    Mistake(
        "actions clipped",
        changed(SOLUTION, ("out, act = forward(case, theta)[0], case.act\n",
                 "out, act = forward(case, theta)[0], clipped(case)\n"),
                ("(out, inputs), act = forward(case, case.theta), case.act\n",
                 "(out, inputs), act = forward(case, case.theta), clipped(case)\n"))
        + """

def clipped(case):
    return case.act if case.policy.log_std is None else np.clip(case.act, -1, 1)
""",
    ),
    Mistake(
        "ratio to the new policy",
        changed(SOLUTION,
                ("theta_new) - case.logp)", "theta_new) - self.log_pi(case, theta_new))")),
    ),
    Mistake(
        "empirical Fisher",
        SOLUTION
        + """

class Empirical(TRPO):
    def fisher_product(self, case, v):
        def score(i):
            one = copy.copy(case)
            one.obs, one.act = case.obs[i : i + 1], case.act[i : i + 1]
            one.weights = one.adv = np.ones(1)
            return self.gradient(one)

        scores = np.array([score(i) for i in range(len(case.adv))])
        return scores.T @ (case.weights * (scores @ v))


import copy

TRPO = Empirical
""",
    ),
    Mistake(
        "CG on the un-negated system",
        changed(SOLUTION, ("            p = r + rr / last * p\n        return x",
                 "            p = r + rr / last * p\n        return -x")),
    ),
    Mistake(
        "division by zero at a zero gradient",
        changed(SOLUTION, ("rr <= 1e-28 * first", "rr < 1e-28 * first"),
                ("            if not curvature > 0:\n                break\n            x = x",
                 "            if curvature < 0:\n                break\n            x = x")),
    ),
    Mistake("CG stalls", changed(SOLUTION, ("p = r + rr / last * p", "p = r"))),
    Mistake(
        "half or twice the radius",
        changed(SOLUTION,
                ("np.sqrt(2 * case.epsilon / curvature)", "np.sqrt(case.epsilon / curvature)")),
    ),
    Mistake("line search thrown away", changed(SOLUTION, ("                return trial",
                                                "                return case.theta + full"))),
    Mistake(
        "KL never looked at",
        changed(SOLUTION, ("self.kl(case, trial) <= case.epsilon and ", "")),
    ),
    Mistake(
        "surrogate never looked at",
        changed(SOLUTION, (" and self.surrogate(case, trial) > now", "")),
    ),
    Mistake(
        "parameters not restored",
        changed(SOLUTION, ("                return trial\n        return case.theta",
                 "                return trial\n        return trial")),
    ),
    Mistake(
        "truncation taken for termination",
        changed(SOLUTION, ("next_values * ~terminated", "next_values * ~(terminated | truncated)")),
    ),
    Mistake(
        "termination taken for truncation",
        changed(SOLUTION, ("next_values * ~terminated", "next_values")),
    ),
    Mistake(
        "carried across an episode's end",
        changed(SOLUTION, ("goes_on[t] * ahead", "ahead")),
    ),
)  # fmt: skip

PROBLEM = Problem(
    title="A class that conforms",
    minutes=210,
    outcomes=(
        "write a trust-region step from an empty class, each part tested by itself",
        "apply a Fisher matrix that is never written out, for tables and networks",
    ),
    statement=STATEMENT + ORDER,
    starter=METHODS,
    solution=SOLUTION,
    checks=(
        Conforms("TRPO", POINTS, allowed=("absolute tolerance",)),
    ),
    mistakes=MISTAKES,
    seconds=10,
)  # fmt: skip
