r"""First-order terms from distances to neighbours, freed of the noise of those distances.

Let V_p be the volume of the ball about z that reaches to its k-th neighbour among n points of P, V_q that to the l-th
among m points of Q. Where the densities are nearly constant in the balls, n p V_p and m q V_q are independent Gamma
variables of shapes k and l. With u = ln(m V_q) - ln(n V_p) this gives unbiased estimates, however small k and l are:

.. math::
    E[u + \psi(k) - \psi(l)] = \ln r, \qquad
    E\Bigl[e^{a u} \frac{\Gamma(k)\Gamma(l)}{\Gamma(k - a)\Gamma(l + a)}\Bigr] = r^a \quad (k > a, l > -a)

(Wang, Kulkarni and Verdú 2009; Póczos and Schneider 2011), and for k = l

.. math::
    E\Bigl[\max(0, -u) + \sum_{j=1}^{k-1} (-1)^{j-1} \frac{(k-1)!^2}{(k-1-j)!(k-1+j)!} \frac{e^{-j|u|}}{j}\Bigr]
    = \ln(1 + 1/r).

The last follows from the moment function of e = u - ln r, E[e^{s e}] = Γ(k+s) Γ(k-s) / Γ(k)^2, that is (πs / sin πs)
times the product of (1 - s²/j²) over j < k: its inverse is an average over a circle in the imaginary direction, which
turns ln(1 + e^{-u}) into max(0, -u) by Jensen's formula, and one over sums of Laplace variables of rates 1 to k - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.first_order import LARGEST_LOG_RATIO, over_alpha, terms

# A number of neighbours, one for all points or one each; None where the density is known and there is no noise.
Count = int | np.ndarray | None


def smallest_count(generator: Generator) -> int:
    """The fewest neighbours with which the estimates of all powers exist."""
    powers = generator.powers
    return max([1, *(math.floor(max(alpha, 1.0 - alpha)) + 1 for _, alpha in powers if alpha not in (0, 1)),
                *(2 for _, alpha in powers if alpha in (0, 1))])  # fmt: skip


def corrected_term(generator: Generator, u: np.ndarray, k: Count, l: Count, side: int) -> np.ndarray:
    """A of `first_order` (side 0) or B (side 1) at log-ratios of volumes u, found with k and l neighbours.

    Exact under the Gamma distribution for sums of powers, and for Jensen-Shannon with k = l; elsewhere the log-ratio
    itself is freed of bias, and what its variance does to curved terms of Jensen-Shannon is taken off to second order.
    """
    u = np.clip(u, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    powers = generator.powers
    if powers:
        of_side = [(weight, alpha - 1.0) if side == 0 else (-weight, alpha) for weight, alpha in powers]
        parts = [over_alpha(alpha, u, _log_factor(alpha, k, l)) for _, alpha in of_side]
        for part, (weight, _) in zip(parts, of_side):
            part *= weight
        total = parts[0]
        for part in parts[1:]:
            total += part
        return total
    if (corrected := CORRECTED.get(generator.name)) is not None:
        return corrected(generator, u, k, l, side)
    return terms(generator, u + _log_factor(0.0, k, l))[side]


def _corrected_js(generator: Generator, u: np.ndarray, k: Count, l: Count, side: int) -> np.ndarray:
    if isinstance(k, int) and k == l:
        one_sided = math.log(2.0) - _softplus_sum(u, k)
        return 0.5 * (one_sided + np.minimum(0.0, u if side == 0 else -u))
    v = u + _log_factor(0.0, k, l)
    share = 1.0 / (1.0 + np.exp(-v))
    # Half the variance times the second derivative, -1/2 of it that of ln(1 + e^-v).
    correction = 0.25 * (_trigamma(k) + _trigamma(l)) * share * (1.0 - share)
    return terms(generator, v)[side] + correction


# Generators that are no sums of powers and whose terms are freed of noise all the same.
CORRECTED: dict[str, Callable[[Generator, np.ndarray, Count, Count, int], np.ndarray]] = {"js": _corrected_js}


def _softplus_sum(u: np.ndarray, k: int) -> np.ndarray:
    """What is added to max(0, -u) to estimate ln(1 + 1/r); even in u."""
    decay = np.exp(-np.abs(u))
    total = np.zeros_like(u)
    for j in range(k - 1, 0, -1):  # Horner
        log_size = 2 * math.lgamma(k) - math.lgamma(k - j) - math.lgamma(k + j)
        total += (-1) ** (j - 1) * math.exp(log_size) / j
        total *= decay
    return total


def _log_factor(a: float, k: Count, l: Count) -> np.ndarray | float:
    """ln of what e^(a u) is multiplied by; at a = 0 what u itself is moved by."""
    from scipy.special import digamma, gammaln

    total: np.ndarray | float = 0.0
    if k is not None:
        total = total + (digamma(k) if a == 0 else gammaln(k) - gammaln(np.asarray(k) - a))
    if l is not None:
        total = total - (digamma(l) if a == 0 else gammaln(np.asarray(l) + a) - gammaln(l))
    return total


def _trigamma(k: Count) -> np.ndarray | float:
    from scipy.special import polygamma

    return 0.0 if k is None else polygamma(1, k)
