"""The right program of chapter 14: a trust-region update in plain NumPy, as its cells show it.

Each exhibit of the chapter is this text with a few lines altered (`npgkit.lab.zoo.exhibits`).
"""

import numpy as np


class Softmax:  # chooses among k actions with the logits obs @ theta
    def __init__(self, n_features, k):
        self.n_features, self.k = n_features, k
        self.size = n_features * k

    def log_pi(self, theta, obs):
        z = obs @ theta.reshape(-1, self.k)
        return z - np.logaddexp.reduce(z, axis=1, keepdims=True)

    def sample(self, theta, obs, rng):
        noise = rng.gumbel(size=(len(obs), self.k))
        return (self.log_pi(theta, obs) + noise).argmax(axis=1)

    def logp(self, theta, obs, act):
        return self.log_pi(theta, obs)[np.arange(len(act)), act]

    def score(self, theta, obs, act):  # (n, size)
        u = np.eye(self.k)[act] - np.exp(self.log_pi(theta, obs))
        return np.einsum("ni,nj->nij", obs, u).reshape(len(obs), -1)

    def kl(self, new, old, obs):
        p, q = self.log_pi(new, obs), self.log_pi(old, obs)
        return (np.exp(p) * (p - q)).sum(axis=1).mean()

    def fisher(self, theta, obs, v):  # F v
        p = np.exp(self.log_pi(theta, obs))
        dz = obs @ v.reshape(-1, self.k)
        Mdz = p * (dz - (p * dz).sum(axis=1, keepdims=True))
        return (obs.T @ Mdz).ravel() / len(obs)


class GaussianDraws:  # k numbers around obs @ W, deviations exp(s)
    def __init__(self, n_features, k):
        self.n_features, self.k = n_features, k
        self.size = (n_features + 1) * k

    def parts(self, theta):  # W, s
        return theta[: -self.k].reshape(-1, self.k), theta[-self.k :]

    def sample(self, theta, obs, rng):
        W, s = self.parts(theta)
        return obs @ W + np.exp(s) * rng.normal(size=(len(obs), self.k))

    def logp(self, theta, obs, act):
        W, s = self.parts(theta)
        z = (act - obs @ W) / np.exp(s)
        return (-(z**2) / 2 - s - np.log(2 * np.pi) / 2).sum(axis=1)

    def score(self, theta, obs, act):  # (n, size)
        W, s = self.parts(theta)
        z = (act - obs @ W) / np.exp(s)
        of_W = np.einsum("ni,nj->nij", obs, z / np.exp(s))
        return np.hstack([of_W.reshape(len(obs), -1), z**2 - 1])


class Gaussian(GaussianDraws):  # and how far it moves
    def kl(self, new, old, obs):
        (W, s), (V, t) = self.parts(new), self.parts(old)
        spread = np.exp(2 * s) + (obs @ (W - V)) ** 2
        terms = t - s + spread / (2 * np.exp(2 * t)) - 1 / 2
        return terms.sum(axis=1).mean()

    def fisher(self, theta, obs, v):  # F v
        (_, s), (V, t) = self.parts(theta), self.parts(v)
        of_W = obs.T @ (obs @ V / np.exp(2 * s)) / len(obs)
        return np.append(of_W, 2 * t)


def cg(product, b, iterations=10):
    x, r, p = np.zeros_like(b), b, b
    rr = smallest = r @ r
    for _ in range(iterations):
        if rr <= 1e-20 * smallest:
            break
        Ap = product(p)
        alpha = rr / (p @ Ap)
        x, r = x + alpha * p, r - alpha * Ap
        last, rr = rr, r @ r
        p = r + rr / last * p
    return x


def surrogate(policy, new, rows):
    obs, act, adv, logp = rows
    return np.mean(np.exp(policy.logp(new, obs, act) - logp) * adv)


def step(policy, theta, rows, epsilon=0.02, damping=0.01):
    obs, act, adv, _ = rows
    g = policy.score(theta, obs, act).T @ adv / len(adv)

    def product(v):
        return policy.fisher(theta, obs, v) + damping * v

    x = cg(product, g)
    curvature = x @ product(x)
    if not curvature > 0:
        return theta
    full, now = np.sqrt(2 * epsilon / curvature) * x, np.mean(adv)
    for j in range(10):
        new = theta + 0.8**j * full
        gain = surrogate(policy, new, rows) - now
        if policy.kl(new, theta, obs) <= epsilon and gain > 0:
            return new
    return theta


def gae(rew, values, after, terminated, truncated, gamma=0.99, lam=0.95):
    adv, ahead = np.zeros_like(values), np.zeros_like(values[0])
    for t in reversed(range(len(rew))):
        ended = terminated[t] | truncated[t]
        delta = rew[t] + gamma * after[t] * ~terminated[t] - values[t]
        ahead = delta + gamma * lam * ahead * ~ended
        adv[t] = ahead
    return adv


def normalised(adv):
    return (adv - adv.mean()) / (adv.std() + 1e-8)


def features(obs):  # all products of two: the critic is linear in them
    products = np.einsum("...i,...j->...ij", obs, obs)
    return products.reshape(*obs.shape[:-1], -1)


def fit(obs, target):  # least squares
    X, y = features(obs).reshape(target.size, -1), target.ravel()
    return np.linalg.solve(X.T @ X + 1e-3 * np.eye(X.shape[1]), X.T @ y)


def collect(world, policy, theta, n_steps, rng):
    seen = []
    for _ in range(n_steps):
        obs = world.obs
        act = policy.sample(theta, obs, rng)
        logp = policy.logp(theta, obs, act)
        seen.append((obs, act, logp, *world.step(act)))
    return [np.array(column) for column in zip(*seen, strict=True)]


def flat(x):  # (times, copies, ...) to rows
    return x.reshape(-1, *x.shape[2:])


def update(world, policy, theta, w, rng, n_steps=64):
    obs, act, logp, rew, terminated, truncated, final = collect(world, policy, theta, n_steps, rng)
    values, after = features(obs) @ w, features(final) @ w
    adv = gae(rew, values, after, terminated, truncated)
    w = fit(obs, adv + values)
    ready = normalised(adv)
    rows = [flat(x) for x in (obs, act, ready, logp)]
    return step(policy, theta, rows), w
