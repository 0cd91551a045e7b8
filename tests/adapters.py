"""Right implementations of a trust-region step, written differently, for the conformance suite.

None of them calls `npgkit`. What a wrong implementation alters is a method with an underscore, and
each class has its own of all of them.
"""

from __future__ import annotations

import contextlib

import numpy as np

with contextlib.suppress(ImportError):  # a test says so where it is missing
    import autograd.numpy as anp
    from autograd import grad


class Dense:
    """Jacobians by complex steps, matrices written out, systems solved by least squares."""

    old_new = damped = False

    def _act(self, case):
        return case.act

    def _adv(self, case):
        return case.adv

    def _adv_of_search(self, case):
        return self._adv(case)

    def _out(self, case, theta):
        kind, at = case.policy.kind, 0
        h = np.eye(len(case.policy.layers[0][0]))[case.obs] if "table" in kind else case.obs
        for level, (W, b) in enumerate(case.policy.layers):
            h = np.tanh(h) if level else h
            W, at = theta[at : at + W.size].reshape(W.shape), at + W.size
            h = h @ W
            if "mlp" in kind:
                h, at = h + theta[at : at + b.size], at + b.size
        if at == len(theta):
            return h
        return np.hstack([h, np.tile(theta[at:], (len(h), 1))])

    def _log_pi(self, case, theta):
        out, act = self._out(case, theta), self._act(case)
        if case.policy.log_std is None:
            z = out - out.real.max(axis=1, keepdims=True)
            return z[np.arange(len(act)), act] - np.log(np.exp(z).sum(axis=1))
        mean, s = np.split(out, 2, axis=1)
        return (-((act - mean) ** 2) / (2 * np.exp(2 * s)) - s - np.log(2 * np.pi) / 2).sum(axis=1)

    def _by_complex_steps(self, f, theta):
        h = 1e-30
        steps = 1j * h * np.eye(len(theta))
        return np.stack([f(theta + step).imag / h for step in steps], axis=-1)

    def _scores(self, case):
        return self._by_complex_steps(lambda t: self._log_pi(case, t), case.theta)

    def _rows_of_fisher(self, case):
        return case.weights

    def _fisher(self, case):
        J = self._by_complex_steps(lambda t: self._out(case, t), case.theta)
        out = self._out(case, case.theta)
        F = np.zeros((len(case.theta),) * 2)
        for w, Ji, o in zip(self._rows_of_fisher(case), J, out, strict=True):
            if case.policy.log_std is None:
                p = np.exp(o - o.max()) / np.exp(o - o.max()).sum()
                M = np.diag(p) - np.outer(p, p)
            else:
                d = len(case.policy.log_std)
                M = np.diag(np.append(np.exp(-2 * o[d:]), np.full(d, 2.0)))
            F += w * Ji.T @ M @ Ji
        return F

    def _grad(self, case):
        return self._scores(case).T @ (case.weights * self._adv(case))

    def _kl(self, case, theta_new):
        new, old = self._out(case, theta_new), self._out(case, case.theta)
        p, q = (old, new) if self.old_new else (new, old)
        if case.policy.log_std is None:
            p, q = (x - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True))
                    - x.max(1, keepdims=True) for x in (p, q))  # fmt: skip
            return case.weights @ (np.exp(p) * (p - q)).sum(axis=1)
        (m, s), (n, t) = np.split(p, 2, axis=1), np.split(q, 2, axis=1)
        rows = t - s + (np.exp(2 * s) + (m - n) ** 2) / (2 * np.exp(2 * t)) - 0.5
        return case.weights @ rows.sum(axis=1)

    def _surr(self, case, theta):
        ratio = np.exp(self._log_pi(case, theta) - case.logp)
        return case.weights @ (ratio * self._adv_of_search(case))

    def _fv(self, case, v):
        return self._fisher(case) @ v

    def _solve(self, product, b, iterations):
        A = np.stack([product(e) for e in np.eye(len(b))], axis=1)
        return np.linalg.lstsq(A, b, rcond=1e-13)[0]

    def _direction(self, case):
        F = self._fisher_matrix(case) + case.damping * np.eye(len(case.theta))
        return self._solve(lambda v: F @ v, self._grad(case), case.cg_iterations)

    def _fisher_matrix(self, case):
        return np.stack([self._fv(case, e) for e in np.eye(len(case.theta))], axis=1)

    def _curvature(self, case, x):
        damping = case.damping if self.damped else 0.0
        return x @ self._fv(case, x) + damping * (x @ x)

    def _alpha(self, case, curvature):
        return np.sqrt(2 * case.epsilon / curvature) if curvature > 1e-200 else 0.0

    def _within(self, case, kl):
        return kl <= case.epsilon

    def _improves(self, gain):
        return gain > 0

    def _failed(self, case, full):
        return case.theta

    def _searched(self, case, full, taken):
        return taken

    def step(self, case):
        x = self._direction(case)
        full = self._alpha(case, self._curvature(case, x)) * x
        taken = self._failed(case, full)
        for j in range(case.max_backtracks + 1):
            trial = case.theta + case.backtrack**j * full
            gain = self._surr(case, trial) - self._surr(case, case.theta)
            if self._within(case, self._kl(case, trial)) and self._improves(gain):
                taken = trial
                break
        return self._searched(case, full, taken)

    def logp(self, case):
        return self._log_pi(case, case.theta)

    def gradient(self, case):
        return self._grad(case)

    def fisher_product(self, case, v):
        return self._fv(case, v)

    def conjugate_gradient(self, product, b, iterations):
        return self._solve(product, b, iterations)

    def kl(self, case, theta_new):
        return float(self._kl(case, theta_new))

    def surrogate(self, case, theta_new):
        return float(self._surr(case, theta_new))

    def _ends(self, terminated, truncated):
        return terminated, terminated | truncated

    def _next(self, values, next_values):
        return next_values

    def _finish(self, adv):
        return adv

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        no_value, cut = self._ends(terminated, truncated)
        after = np.where(no_value, 0.0, self._next(values, next_values))
        delta = rew + gamma * after - values
        T = len(rew)
        adv = np.zeros_like(delta)
        for t in range(T):  # as a sum, by its definition
            weight = np.ones(delta.shape[1])
            for u in range(t, T):
                adv[t] += weight * delta[u]
                weight = weight * gamma * lam * ~cut[u]
        return self._finish(adv)

    def advantages(self, rollout, baseline):
        values, next_values = baseline.predict(rollout.obs), baseline.predict(rollout.next_obs)
        adv = self.gae(rollout.rew, values, next_values, rollout.terminated, rollout.truncated,
                       rollout.gamma, rollout.lam)  # fmt: skip
        baseline.fit(rollout.obs, adv + values)
        return adv


class DampedAlpha(Dense):
    """The full step from the damped curvature, as many programs have it."""

    damped = True


class MatrixFree(Dense):
    """Products forward and back, layer by layer, and conjugate gradients."""

    def _forward(self, case, theta):
        kind, at, tape = case.policy.kind, 0, []
        h = np.eye(len(case.policy.layers[0][0]))[case.obs] if "table" in kind else case.obs
        for W, b in case.policy.layers:
            if tape:
                h = np.tanh(tape[-1][2])
            place, at = slice(at, at + W.size), at + W.size
            z = h @ theta[place].reshape(W.shape)
            if "mlp" in kind:
                z, at = z + theta[at : at + b.size], at + b.size
            tape.append((h, place, z))
        return tape

    def _back(self, case, u_mean, u_std):
        theta, tape = case.theta, self._forward(case, case.theta)
        g = np.zeros_like(theta)
        for h, place, _ in tape[::-1]:
            g[place] = (h.T @ u_mean).ravel()
            if "mlp" in case.policy.kind:
                g[place.stop : place.stop + u_mean.shape[1]] = u_mean.sum(axis=0)
            u_mean = u_mean @ theta[place].reshape(h.shape[1], -1).T * (1 - h**2)
        if u_std is not None:
            g[-len(u_std) :] = u_std
        return g

    def _along(self, case, v):
        tape, dz = self._forward(case, case.theta), None
        for h, place, z in tape:
            k = z.shape[1]
            dh = 0 if dz is None else (1 - h**2) * dz
            new = h @ v[place].reshape(-1, k)
            if dz is not None:
                new = new + dh @ case.theta[place].reshape(-1, k)
            if "mlp" in case.policy.kind:
                new = new + v[place.stop : place.stop + k]
            dz = new
        return dz

    def _probabilities(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def _grad(self, case):
        z, act = self._forward(case, case.theta)[-1][2], self._act(case)
        pull = (case.weights * self._adv(case))[:, None]
        if case.policy.log_std is None:
            return self._back(case, pull * (np.eye(z.shape[1])[act] - self._probabilities(z)), None)
        std = np.exp(case.policy.log_std)
        standard = (act - z) / std
        return self._back(case, pull * standard / std, (pull * (standard**2 - 1)).sum(axis=0))

    def _fv(self, case, v):
        dz, w = self._along(case, v), self._rows_of_fisher(case)[:, None]
        if case.policy.log_std is None:
            p = self._probabilities(self._forward(case, case.theta)[-1][2])
            return self._back(case, w * p * (dz - (p * dz).sum(axis=1, keepdims=True)), None)
        d = len(case.policy.log_std)
        std = np.exp(case.policy.log_std)
        return self._back(case, w * dz / std**2, w.sum() * 2 * v[-d:])

    def _solve(self, product, b, iterations):
        x, r = np.zeros_like(b), b
        p, rr = r, r @ r
        start = rr
        for _ in range(iterations):
            if rr <= 1e-28 * start:
                break
            Ap = product(p)
            if p @ Ap <= 0:
                break
            alpha = rr / (p @ Ap)
            x, r = x + alpha * p, r - alpha * Ap
            rr, last = r @ r, rr
            p = r + rr / last * p
        return x

    def _direction(self, case):
        return self._solve(
            lambda v: self._fv(case, v) + case.damping * v, self._grad(case), case.cg_iterations
        )

    def gae(self, rew, values, next_values, terminated, truncated, gamma, lam):
        no_value, cut = self._ends(terminated, truncated)
        after = self._next(values, next_values)
        adv, ahead = np.empty_like(rew), 0.0
        for t in reversed(range(len(rew))):
            delta = rew[t] + gamma * after[t] * (1 - no_value[t]) - values[t]
            ahead = adv[t] = delta + gamma * lam * (1 - cut[t]) * ahead
        return self._finish(adv)


class OldNew(MatrixFree):
    """The KL that the paper on TRPO bounds."""

    old_new = True


class Autodiff(MatrixFree):
    """Derivatives by autograd: F v is the Hessian of the KL times v, damped, as many have it."""

    old_new = damped = True

    def _log_all(self, case, theta):
        kind, at = case.policy.kind, 0
        h = np.eye(len(case.policy.layers[0][0]))[case.obs] if "table" in kind else case.obs
        for level, (W, b) in enumerate(case.policy.layers):
            h = anp.tanh(h) if level else h
            h, at = anp.dot(h, anp.reshape(theta[at : at + W.size], W.shape)), at + W.size
            if "mlp" in kind:
                h, at = h + theta[at : at + b.size], at + b.size
        if case.policy.log_std is not None:
            return h, theta[at:]
        top = anp.max(h, axis=1, keepdims=True)
        return h - top - anp.log(anp.sum(anp.exp(h - top), axis=1, keepdims=True)), None

    def _log_pi(self, case, theta):
        (a, s), act = self._log_all(case, theta), self._act(case)
        if s is None:
            return anp.sum(a * np.eye(a.shape[1])[act], axis=1)
        return anp.sum(-0.5 * ((act - a) * anp.exp(-s)) ** 2 - s - 0.5 * np.log(2 * np.pi), axis=1)

    def _kl_rows(self, case, theta_new):
        (a, s), (b, t) = self._log_all(case, case.theta), self._log_all(case, theta_new)
        if s is None:
            return anp.sum(anp.exp(a) * (a - b), axis=1)
        spread = anp.exp(2 * s) + (a - b) ** 2
        return anp.sum(t - s + spread * anp.exp(-2 * t) / 2 - 0.5, axis=1)

    def _kl(self, case, theta_new):
        return anp.dot(case.weights, self._kl_rows(case, theta_new))

    def _grad(self, case):
        def objective(theta):
            ratio = anp.exp(self._log_pi(case, theta) - case.logp)
            return anp.dot(case.weights * self._adv(case), ratio)

        return grad(objective)(case.theta)

    def _fv(self, case, v):
        def mean_kl(theta):
            return anp.dot(self._rows_of_fisher(case), self._kl_rows(case, theta))

        slope = grad(mean_kl)
        return grad(lambda theta: anp.dot(slope(theta), v))(case.theta)

    def fisher_product(self, case, v):
        return self._fv(case, v) + case.damping * v


RIGHT = [Dense, DampedAlpha, MatrixFree, OldNew, Autodiff]
