"""Wrong implementations: each alters a right one in one place, and has the name of its fault."""

from __future__ import annotations

import numpy as np

from tests.adapters import Dense as PLAIN

MUTANTS = []


def mutant(name, *more, at=None):
    """Register a function that makes a wrong class of a right one; `more` are allowed besides."""

    def register(make):
        MUTANTS.append((name, make, set(more), at))
        return make

    return register


def normalised(adv, **how):
    centred = adv - adv.mean(**how)
    return centred / np.where(adv.std(**how) > 0, adv.std(**how), 1.0)


def d_of(case):
    return 1 if case.policy.log_std is None else len(case.policy.log_std)


def without_log_std(case, v):
    v = np.array(v)
    if case.policy.log_std is not None:
        v[-d_of(case) :] = 0
    return v


@mutant("line search thrown away", at="step")
def search_result_dropped(Base):
    class Mutant(Base):
        def _searched(self, case, full, taken):
            return case.theta + full

    return Mutant


@mutant("KL never looked at", at="step")
def no_kl(Base):
    class Mutant(Base):
        def _within(self, case, kl):
            return True

    return Mutant


@mutant("surrogate never looked at", at="step")
def no_surrogate(Base):
    class Mutant(Base):
        def _improves(self, gain):
            return True

    return Mutant


@mutant("KL averaged over action dimensions", at="kl")
def kl_mean(Base):
    class Mutant(Base):
        def _kl(self, case, theta_new):
            return super()._kl(case, theta_new) / d_of(case)

        def _fv(self, case, v):
            return super()._fv(case, v) / d_of(case)

    return Mutant


@mutant("KL of the policy with itself", at="kl")
def kl_of_itself(Base):
    class Mutant(Base):
        def _kl(self, case, theta_new):
            return 0.0

        def _fv(self, case, v):
            return 0.0 * v

    return Mutant


@mutant("KL of the policy with itself", at="fisher_product")
def hessian_of_itself(Base):
    class Mutant(Base):
        def _fv(self, case, v):
            return 0.0 * v

    return Mutant


@mutant("log-std missing", at="gradient")
def log_std_missing(Base):
    class Mutant(Base):
        def _grad(self, case):
            return without_log_std(case, super()._grad(case))

        def _fv(self, case, v):
            return without_log_std(case, super()._fv(case, without_log_std(case, v)))

    return Mutant


@mutant("normalised advantages not used", at="gradient")
def raw_in_gradient(Base):
    class Mutant(Base):
        def _adv_of_search(self, case):
            return normalised(case.adv)

    return Mutant


@mutant("normalised advantages not used", at="gradient")
def raw_in_surrogate(Base):
    class Mutant(Base):
        def _adv(self, case):
            return normalised(case.adv)

        def _adv_of_search(self, case):
            return case.adv

    return Mutant


@mutant("parameters not restored", at="step")
def last_trial_kept(Base):
    class Mutant(Base):
        def _failed(self, case, full):
            return case.theta + case.backtrack**case.max_backtracks * full

    return Mutant


@mutant("wrong sign", at="step")
def downhill(Base):
    class Mutant(Base):
        def _direction(self, case):
            return -super()._direction(case)

    return Mutant


@mutant("wrong sign", at="gradient")
def gradient_of_the_loss(Base):
    class Mutant(Base):
        def _grad(self, case):
            return -super()._grad(case)

    return Mutant


@mutant("half or twice the radius", at="step")
def twice(Base):
    class Mutant(Base):
        def _alpha(self, case, curvature):
            return np.sqrt(2) * super()._alpha(case, curvature)

    return Mutant


@mutant("half or twice the radius", at="step")
def half(Base):
    class Mutant(Base):
        def _alpha(self, case, curvature):
            return super()._alpha(case, curvature) / np.sqrt(2)

    return Mutant


@mutant("damped alpha", at="step")
def damped(Base):
    class Mutant(Base):
        damped = True

    return Mutant


@mutant("KL old||new", at="kl")
def swapped(Base):
    class Mutant(Base):
        old_new = True

    return Mutant


@mutant("empirical Fisher", at="fisher_product")
def empirical(Base):
    class Mutant(Base):
        squared = False

        def _fv(self, case, v):
            scores = self._by_complex_steps(lambda t: PLAIN._log_pi(self, case, t), case.theta)
            weights = case.weights * (case.adv**2 if self.squared else 1)
            return scores.T @ (weights * (scores @ v))

    return Mutant


@mutant("empirical Fisher", at="fisher_product")
def empirical_with_advantages(Base):
    class Mutant(empirical(Base)):
        squared = True

    return Mutant


@mutant("square root of a curvature that is not positive", at="step")
def no_guard(Base):
    class Mutant(Base):
        damped = False

        def _alpha(self, case, curvature):
            with np.errstate(all="ignore"):
                return np.sqrt(np.float64(2 * case.epsilon) / curvature)

        def _within(self, case, kl):  # NaN is not too large
            return not kl > case.epsilon

        def _improves(self, gain):
            return not gain <= 0

    return Mutant


class UnguardedCG:
    def beta(self, rr, last):
        return rr / last

    def _solve(self, product, b, iterations):
        x, r, p = 0 * b, b.copy(), b.copy()
        rr = r @ r
        with np.errstate(all="ignore"):
            for _ in range(iterations):
                Ap = product(p)
                alpha = rr / (p @ Ap)
                x = x + alpha * p
                r = r - alpha * Ap
                last, rr = rr, r @ r
                p = r + self.beta(rr, last) * p
        return x


@mutant("division by zero at a zero gradient", at="conjugate_gradient")
def cg_divides(Base):
    class Mutant(UnguardedCG, Base):
        pass

    return Mutant


@mutant("CG on the un-negated system", at="conjugate_gradient")
def un_negated(Base):
    class Mutant(Base):
        def _solve(self, product, b, iterations):
            return super()._solve(product, -b, iterations)

    return Mutant


def stalling(name, beta):
    def make(Base):
        class Mutant(Base):
            def _solve(self, product, b, iterations):
                x, r, p = 0 * b, b.copy(), b.copy()
                for _ in range(iterations):
                    rr = r @ r
                    Ap = product(p)
                    if rr <= 1e-28 * (b @ b) or p @ Ap <= 0:
                        break
                    alpha = rr / (p @ Ap)
                    x, r = x + alpha * p, r - alpha * Ap
                    p = r + beta(r @ r, rr) * p
                return x

        return Mutant

    make.__name__ = name
    return make


mutant("CG stalls", at="conjugate_gradient")(stalling("steepest_descent", lambda new, old: 0.0))
mutant("CG stalls", at="conjugate_gradient")(stalling("beta_of_one", lambda new, old: 1.0))


@mutant("CG stalls", at="conjugate_gradient")
def residual_kept(Base):
    class Mutant(Base):
        def _solve(self, product, b, iterations):
            x = 0 * b
            for _ in range(iterations):
                curvature = b @ product(b)
                x = x + (b @ b / curvature * b if curvature > 0 else 0)
            return x

    return Mutant


@mutant("ratio to the new policy", at="surrogate")
def ratio_one(Base):
    class Mutant(Base):
        def _surr(self, case, theta):
            return case.weights @ self._adv_of_search(case)

    return Mutant


@mutant("surrogate ignores its argument", at="surrogate")
def argument_ignored(Base):
    class Mutant(Base):
        def _surr(self, case, theta):
            return super()._surr(case, case.theta)

    return Mutant


@mutant("Fisher from a subsample", at="fisher_product")
def every_second(Base):
    class Mutant(Base):
        def _rows_of_fisher(self, case):
            kept = np.arange(len(case.adv)) % 2 == 0
            return case.weights * kept / (case.weights @ kept)

    return Mutant


@mutant("Fisher from a subsample", at="fisher_product")
def first_fifth(Base):
    class Mutant(Base):
        def _rows_of_fisher(self, case):
            kept = np.arange(len(case.adv)) < max(len(case.adv) // 5, 1)
            return case.weights * kept / (case.weights @ kept)

    return Mutant


@mutant("weights missing", at="surrogate")
def unweighted(Base):
    class Mutant(Base):
        pass

    def without_weights(name):
        def method(self, case, *more):
            case.weights = np.full_like(case.adv, 1 / len(case.adv))
            return getattr(super(Mutant, self), name)(case, *more)

        return method

    for name in ("logp", "gradient", "fisher_product", "kl", "surrogate", "step"):
        setattr(Mutant, name, without_weights(name))
    return Mutant


@mutant("actions clipped", at="logp")
def clipped(Base):
    class Mutant(Base):
        def _act(self, case):
            return case.act if case.policy.log_std is None else np.clip(case.act, -1, 1)

    return Mutant


@mutant("truncation taken for termination", at="gae")
def done_is_done(Base):
    class Mutant(Base):
        def _ends(self, terminated, truncated):
            return terminated | truncated, terminated | truncated

    return Mutant


@mutant("truncation taken for termination", at="gae")
def nothing_after_the_rollout(Base):
    class Mutant(Base):
        def _ends(self, terminated, truncated):
            no_value = terminated.copy()
            no_value[-1] = True
            return no_value, terminated | truncated

    return Mutant


@mutant("termination taken for truncation", at="gae")
def value_after_the_end(Base):
    class Mutant(Base):
        def _ends(self, terminated, truncated):
            return np.zeros_like(terminated), terminated | truncated

    return Mutant


@mutant("carried across an episode's end", at="gae")
def never_cut(Base):
    class Mutant(Base):
        def _ends(self, terminated, truncated):
            return terminated, np.zeros_like(terminated)

    return Mutant


@mutant("carried across an episode's end", at="gae")
def cut_at_terminations_only(Base):
    class Mutant(Base):
        def _ends(self, terminated, truncated):
            return terminated, terminated

    return Mutant


@mutant("next value of the wrong environment", at="gae")
def flat_order(Base):
    class Mutant(Base):
        def _next(self, values, next_values):
            flat = np.append(values.ravel()[1:], next_values[-1, -1])
            return flat.reshape(values.shape)

    return Mutant


@mutant("next value of the wrong environment", at="gae")
def reshaped(Base):
    class Mutant(Base):
        def _next(self, values, next_values):
            return next_values.reshape(next_values.shape[::-1]).T

    return Mutant


@mutant("next value of the next episode", at="gae")
def after_the_reset(Base):
    class Mutant(Base):
        def _next(self, values, next_values):
            return np.vstack([values[1:], next_values[-1:]])

    return Mutant


@mutant("advantages normalised over the wrong axis", at="gae")
def per_environment(Base):
    class Mutant(Base):
        def _finish(self, adv):
            return normalised(adv, axis=0, keepdims=True)

    return Mutant


@mutant("advantages normalised over the wrong axis", at="gae")
def per_time(Base):
    class Mutant(Base):
        def _finish(self, adv):
            return normalised(adv, axis=1, keepdims=True)

    return Mutant


@mutant("baseline fitted first", at="advantages")
def fitted_first(Base):
    class Mutant(Base):
        def advantages(self, rollout, baseline):
            baseline.fit(rollout.obs, rollout.rew)
            return super().advantages(rollout, baseline)

    return Mutant
