r"""The registry of f-divergences: one row, and one formula, per generator.

.. math:: D_f(P, Q) = \int q f(p / q) + f'(\infty) P(q = 0), \qquad f \text{ convex}, f(1) = 0

(Csiszár 1963; Ali and Silvey 1966). Every generator of the registry has f'(1) = 0 besides, so that no term is negative.

A term is homogeneous: q f(p / q) = max(p, q) g(u) with u = ln p - ln q. The formulas are those of g at finite u; they
lose no digits where p and q are nearly equal. The ratio of the smaller of p and q to the larger is exp(-|u|).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Formula = Callable[[np.ndarray], np.ndarray]


def log_ratio(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """ln(p / q) elementwise for finite p, q >= 0; nan where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        difference = p - q
        # The difference of close numbers is exact, that of their logarithms is not. By the smaller one: then exchanging
        # p and q changes the sign and no bit.
        close = np.abs(difference) <= 0.5 * np.maximum(p, q)
        ratio = np.log1p(np.abs(difference) / np.minimum(p, q))
        return np.where(close, np.copysign(ratio, difference), np.log(p) - np.log(q))


@dataclass(frozen=True)
class Generator:
    """A convex function f with f(1) = 0, in the forms that sums, integrals and variational bounds ask for.

    Attributes
    ----------
    name, formula : str
        The word users say, and f(t) for people.
    scaled : callable
        g(u) = f(e^u) e^(-max(u, 0)) at finite u.
    derivative : callable
        f'(t) at t > 0.
    conjugate : callable
        f*(s) = sup over t >= 0 of s t - f(t); inf where there is none.
    at_zero, slope_at_infinity : float
        f(0) and lim f(t) / t: what a unit of mass costs where only Q, or only P, has some.
    powers : tuple of (float, float)
        Weights and orders of the members of the family of `alpha_generator` that it is the sum of; empty where it is no
        such sum.
    is_smooth : bool
        Whether f is known to have a derivative everywhere.
    has_kink : bool
        Whether f is known to have a kink at 1, and there alone, so that terms have one where p = q.
    is_over_sets : bool
        Whether the divergence is the largest P(A) - Q(A) over all sets A.
    is_likelihood : bool
        Whether the model Q that is nearest to a sample is that of maximum likelihood.
    side_without_mean : int, optional
        The side, 0 for P and 1 for Q, whose first-order term is 0 on average whatever the ratio of densities, as long
        as the two integrate to the same.
    """

    name: str
    formula: str
    scaled: Formula
    derivative: Formula
    conjugate: Formula
    at_zero: float
    slope_at_infinity: float
    powers: tuple[tuple[float, float], ...] = ()
    is_smooth: bool = True
    has_kink: bool = False
    is_over_sets: bool = False
    is_likelihood: bool = False
    side_without_mean: int | None = None

    @property
    def largest(self) -> float:
        """The divergence of distributions on disjoint sets, which no other exceeds."""
        return self.at_zero + self.slope_at_infinity

    def terms(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """q f(p / q) elementwise for finite p, q >= 0, which are not both subnormal: infinite where mass costs that."""
        larger = np.maximum(p, q)
        return self._times(larger, log_ratio(p, q), larger > 0)

    def terms_of_logs(self, log_p: np.ndarray, log_q: np.ndarray, log_scale: np.ndarray | float = 0.0) -> np.ndarray:
        """q f(p / q) / scale elementwise, all three given by their logarithms; -inf stands for 0."""
        larger = np.maximum(log_p, log_q)
        with np.errstate(invalid="ignore", over="ignore"):
            return self._times(np.exp(larger - log_scale), log_p - log_q, larger > -np.inf)

    def _times(self, larger: np.ndarray, u: np.ndarray, present: np.ndarray) -> np.ndarray:
        infinite = np.isinf(u)
        with np.errstate(over="ignore"):
            scaled = self.scaled(np.where(present & ~infinite, u, 0.0))
        ends = np.where(u > 0, self.slope_at_infinity, self.at_zero)
        # Nothing times an infinite cost is nothing.
        return np.where(present & (larger > 0), np.where(infinite, ends, scaled), 0.0) * np.where(present, larger, 0.0)

    def reversed(self, name: str, formula: str, derivative: Formula, conjugate: Formula) -> Generator:
        """The generator t f(1 / t): the divergence with P and Q exchanged."""
        return Generator(
            name, formula, lambda u: self.scaled(-u), derivative, conjugate, self.slope_at_infinity, self.at_zero,
            tuple((weight, 1.0 - alpha) for weight, alpha in self.powers), self.is_smooth, self.has_kink,
        )  # fmt: skip


# --- formulas ---------------------------------------------------------------------------------------------------------

_SMALL = 0.5  # where a power series replaces differences that cancel
_N_POWERS = 20  # 0.5^20 / 20! is far below the rounding of the leading term, and so is 0.25^20


def _series(x: np.ndarray, coefficients: list[float]) -> np.ndarray:
    """Sum of coefficients[k] x^k, by Horner's rule."""
    total = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def _where_small(x: np.ndarray, small: np.ndarray, series: Formula, otherwise: Formula) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.where(small, series(np.where(small, x, 0.0)), otherwise(np.where(small, 1.0, x)))


def _total_variation(u: np.ndarray) -> np.ndarray:
    return -0.5 * np.expm1(-np.abs(u))


def _jeffreys(u: np.ndarray) -> np.ndarray:
    return np.abs(u) * -np.expm1(-np.abs(u))


_JS_COEFFICIENTS = [1.0 / (k * (2 * k - 1)) for k in range(1, _N_POWERS)]


def _js(u: np.ndarray) -> np.ndarray:
    # A quarter of (p + q) [(1 + s) ln(1 + s) + (1 - s) ln(1 - s)], s = |p - q| / (p + q)
    ratio = np.exp(-np.abs(u))
    s = np.tanh(np.abs(u) / 2)

    def otherwise(s: np.ndarray) -> np.ndarray:
        rest = 1.0 - s
        return (1.0 + s) * np.log1p(s) + rest * np.log(np.where(rest > 0, rest, 1.0))

    return (
        0.25
        * (1.0 + ratio)
        * _where_small(s, s < _SMALL, lambda s: s * s * _series(s * s, _JS_COEFFICIENTS), otherwise)
    )


def _squared_hellinger(u: np.ndarray) -> np.ndarray:
    return 0.5 * np.expm1(-0.5 * np.abs(u)) ** 2


def _pearson(u: np.ndarray) -> np.ndarray:
    return np.expm1(-np.abs(u)) ** 2 * np.exp(np.maximum(u, 0.0))


def _alpha(alpha: float) -> Formula:
    """g of (t^a - a t + a - 1) / (a (a - 1)) = (t (t^(a - 1) - 1) / (a - 1) - (t - 1)) / a, also in the limit a = 1."""
    if alpha < 0.5:
        mirrored = _alpha(1.0 - alpha)
        return lambda u: mirrored(-u)
    # The k-th derivative of f(e^u) at u = 0 is 1 + a + ... + a^(k - 2).
    sums = np.cumsum(alpha ** np.arange(_N_POWERS, dtype=np.float64))
    coefficients = [float(sums[k - 2]) / math.factorial(k) for k in range(2, _N_POWERS)]

    def otherwise(u: np.ndarray) -> np.ndarray:
        u = np.maximum(u, -1400.0)  # e^u is 0 there, and no power is infinite yet
        above = np.maximum(u, 0.0)
        power = u if alpha == 1 else np.expm1((alpha - 1.0) * u) / (alpha - 1.0)
        larger_than_one = np.exp(u - above)
        return (larger_than_one * power - (larger_than_one - np.exp(-above))) / alpha

    def scaled(u: np.ndarray) -> np.ndarray:
        small = np.abs(u) < _SMALL / alpha
        return _where_small(
            u, small, lambda u: u * u * _series(u, coefficients) * np.exp(-np.maximum(u, 0.0)), otherwise
        )

    return scaled


# --- derivatives and conjugates ---------------------------------------------------------------------------------------


def _below(s: np.ndarray, limit: float, value: Formula) -> np.ndarray:
    """value(s) where s < limit, inf elsewhere."""
    inside = np.asarray(s) < limit
    return np.where(inside, value(np.where(inside, s, limit - 1.0)), np.inf)


def _jeffreys_conjugate(s: np.ndarray) -> np.ndarray:
    from scipy.special import wrightomega

    w = np.real(wrightomega(1.0 - np.asarray(s, dtype=np.float64)))  # w + ln w = 1 - s, and w = 1 / t at the supremum
    return 1.0 / w - 1.0 - np.log(w)


def _alpha_derivative(alpha: float) -> Formula:
    if alpha == 1:
        return np.log
    return lambda t: np.expm1((alpha - 1.0) * np.log(t)) / (alpha - 1.0)


def _alpha_conjugate(alpha: float) -> Formula:
    """((1 + (a - 1) s)^(a / (a - 1)) - 1) / a; what is left of t >= 0 where the supremum is at an end of it."""
    if alpha == 1:
        return np.expm1
    if alpha == 0:
        return lambda s: _below(s, 1.0, lambda s: -np.log1p(-s))
    power = alpha / (alpha - 1.0)
    if alpha > 1:
        return lambda s: np.expm1(power * np.log1p(np.maximum((alpha - 1.0) * s, -1.0 + 1e-300))) / alpha
    return lambda s: _below(s, 1.0 / (1.0 - alpha), lambda s: np.expm1(power * np.log1p((alpha - 1.0) * s)) / alpha)


def alpha_generator(alpha: float) -> Generator:
    """The family of Cressie and Read (1984) and Amari (1985): KL at 1, its reverse at 0, half of Pearson's at 2."""
    return Generator(
        f"alpha={alpha:g}",
        "(t^a - a t + a - 1) / (a (a - 1))",
        _alpha(alpha),
        _alpha_derivative(alpha),
        _alpha_conjugate(alpha),
        1.0 / alpha if alpha > 0 else math.inf,
        1.0 / (1.0 - alpha) if alpha < 1 else math.inf,
        ((1.0, float(alpha)),),
    )


_KL, _REVERSE_KL = alpha_generator(1.0), alpha_generator(0.0)
_PEARSON = Generator(
    "chi2",
    "(t - 1)^2",
    _pearson,
    lambda t: 2.0 * (np.asarray(t) - 1.0),
    lambda s: np.where(np.asarray(s) >= -2.0, s + 0.25 * np.square(s), -1.0),
    1.0,
    math.inf,
    ((2.0, 2.0),),
)

GENERATORS: dict[str, Generator] = {
    generator.name: generator
    for generator in (
        Generator(
            "tv",
            "|t - 1| / 2",
            _total_variation,
            lambda t: 0.5 * np.sign(np.asarray(t) - 1.0),
            lambda s: np.where(np.asarray(s) <= 0.5, np.maximum(s, -0.5), np.inf),
            0.5,
            0.5,
            is_smooth=False,
            has_kink=True,
            is_over_sets=True,
        ),
        # What the density's side adds to KL is 1 - E_Q[r] = 0 for any estimate of r that integrates to one.
        Generator("kl", "t ln t - t + 1", _KL.scaled, _KL.derivative, _KL.conjugate, 1.0, math.inf, _KL.powers,
                  is_likelihood=True, side_without_mean=1),
        Generator("reverse_kl", "-ln t + t - 1", _REVERSE_KL.scaled, _REVERSE_KL.derivative, _REVERSE_KL.conjugate,
                  math.inf, 1.0, _REVERSE_KL.powers, side_without_mean=0),
        Generator(
            "jeffreys",
            "(t - 1) ln t",
            _jeffreys,
            lambda t: np.log(t) + 1.0 - 1.0 / np.asarray(t),
            _jeffreys_conjugate,
            math.inf,
            math.inf,
            (*_KL.powers, *_REVERSE_KL.powers),
        ),
        Generator(
            "js",
            "(t ln t - (t + 1) ln((t + 1) / 2)) / 2",
            _js,
            lambda t: 0.5 * np.log(2.0 * np.asarray(t) / (np.asarray(t) + 1.0)),
            lambda s: _below(s, 0.5 * math.log(2.0), lambda s: -0.5 * np.log(2.0 - np.exp(2.0 * s))),
            0.5 * math.log(2.0),
            0.5 * math.log(2.0),
        ),
        Generator(
            "squared_hellinger",
            "(sqrt(t) - 1)^2 / 2",
            _squared_hellinger,
            lambda t: 0.5 * (1.0 - 1.0 / np.sqrt(t)),
            lambda s: _below(s, 0.5, lambda s: s / (1.0 - 2.0 * s)),
            0.5,
            0.5,
            ((0.25, 0.5),),
        ),
        _PEARSON,
        _PEARSON.reversed(
            "neyman_chi2",
            "(t - 1)^2 / t",
            lambda t: 1.0 - 1.0 / np.square(t),
            lambda s: np.where(np.asarray(s) <= 1.0, 2.0 - 2.0 * np.sqrt(np.maximum(1.0 - np.asarray(s), 0.0)), np.inf),
        ),
    )
}  # fmt: skip
