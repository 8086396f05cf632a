r"""What a point of each sample adds to a first-order estimate of an f-divergence, given the ratio r = p / q there.

With f* the conjugate, f*(f'(r)) = r f'(r) - f(r), and

.. math:: D_f(P, Q) = E_P[A(r)] + E_Q[B(r)], \qquad A = f'(r), \quad B = f(r) - r f'(r).

For a ratio estimated from other data the right-hand side misses D_f only by a term of second order in the error of the
ratio, never from above: it is the von Mises expansion with its first influence functions (Kandasamy et al. 2015) and
the variational bound at T = f'(r) (Nguyen, Wainwright and Jordan 2010) at once. So the estimate is a sum of means,
normal in large samples, and the variances of A and B give its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastdens.divergences.generators import Generator

# Beyond this a ratio of densities is as good as infinite, and its square is still a double.
LARGEST_LOG_RATIO = 300.0


def over_alpha(alpha: float, u: np.ndarray, factor: np.ndarray | float = 0.0) -> np.ndarray:
    """(e^(alpha u + factor) - 1) / alpha, and its limit u + factor / alpha at alpha = 0, given as u + factor."""
    if alpha == 0:
        return u + factor
    values = u + factor if alpha == 1 else alpha * u + factor
    np.expm1(values, out=values)
    return values if alpha == 1 else values / alpha


class OwnTerms(NamedTuple):
    """A and B, of a generator that is no sum of powers, as functions of the log-ratio; their slopes where concave."""

    terms: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    slopes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None


OWN_TERMS = {
    "js": OwnTerms(
        lambda u: (0.5 * (math.log(2.0) - np.logaddexp(0.0, -u)), 0.5 * (math.log(2.0) - np.logaddexp(0.0, u))),
        lambda u: (0.5 / (1.0 + np.exp(u)), -0.5 / (1.0 + np.exp(-u))),
    ),
    "tv": OwnTerms(lambda u: (0.5 * np.sign(u), -0.5 * np.sign(u))),
}


def terms(generator: Generator, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A and B at log-ratios u, which may be infinite."""
    u = np.clip(u, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    powers = generator.powers
    if powers:
        return (
            sum((weight * over_alpha(alpha - 1.0, u) for weight, alpha in powers), np.zeros_like(u)),
            sum((-weight * over_alpha(alpha, u) for weight, alpha in powers), np.zeros_like(u)),
        )
    if (own := OWN_TERMS.get(generator.name)) is not None:
        return own.terms(u)
    ratio = np.exp(u)
    slopes = generator.derivative(ratio)
    return slopes, generator.terms_of_logs(u, np.zeros_like(u)) - ratio * slopes


def bounded_log_ratios(u: np.ndarray, n: int) -> np.ndarray:
    """Log-ratios with n to one where one distribution has no mass, as n rows could not show more, and none where
    neither has."""
    return np.nan_to_num(u, nan=0.0, posinf=math.log(n), neginf=-math.log(n))


def is_concave(generator: Generator) -> bool:
    """Whether A and B are concave functions of the log-ratio, so that a fit of it has one maximum."""
    if generator.powers:
        return all(0.0 <= alpha <= 1.0 for _, alpha in generator.powers)
    own = OWN_TERMS.get(generator.name)
    return own is not None and own.slopes is not None


def slopes(generator: Generator, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of A and B with respect to u, for generators that are concave in u."""
    u = np.clip(u, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    own = OWN_TERMS.get(generator.name)
    if own is not None and own.slopes is not None:
        return own.slopes(u)
    of_a, of_b = np.zeros_like(u), np.zeros_like(u)
    for weight, alpha in generator.powers:
        of_a += weight * np.exp((alpha - 1.0) * u)
        of_b -= weight * np.exp(alpha * u)
    return of_a, of_b


def mean_and_variance(values: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """The (weighted) mean of independent values, and the estimated variance of that mean."""
    n = len(values)
    if weights is None:
        return float(values.mean()), float(values.var(ddof=1)) / n if n > 1 else math.inf
    shares = weights / weights.sum()
    mean = float(shares @ values)
    squares = float(shares @ shares)
    return mean, float(shares**2 @ (values - mean) ** 2) / (1.0 - squares) if squares < 1 else math.inf


def sum_of_means(
    A: np.ndarray, B: np.ndarray, weights: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
) -> tuple[float, float]:
    """E_P[A] + E_Q[B] and its standard error."""
    (mean_a, variance_a), (mean_b, variance_b) = mean_and_variance(A, weights[0]), mean_and_variance(B, weights[1])
    return mean_a + mean_b, math.sqrt(variance_a + variance_b)
