"""Plug-in bandwidths for more than one feature: estimate the curvature of the density, minimise the expected error."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

import numpy as np

from fastdens.bandwidths.least_squares import thinned
from fastdens.bandwidths.matrix_search import Factor
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import effective_size, warn

# Rows of which all pairs are formed for the pilot estimates, and features up to which their number is bearable.
MOST_ROWS, MOST_FEATURES, BLOCK = 1024, 4, 64
# The error has fourth powers of a feature's scale, which must not overflow.
FARTHEST_SCALE = 1e69

Index = tuple[int, ...]


def plug_in_shape(z: np.ndarray, weights: np.ndarray | None, unit: np.ndarray, form: str, record: Record) -> np.ndarray:
    r"""The lower triangular M of the form for which H = B M (B M)^T has the smallest expected error; B is `unit`.

    The asymptotic mean integrated squared error of the Gaussian kernel (Wand and Jones 1994),

    .. math:: \mathrm{AMISE}(H) = \frac{|H|^{-1/2}}{n (4\pi)^{d/2}}
              + \frac14 \sum_{ijkl} H_{ij} H_{kl} \, \psi_{e_i + e_j + e_k + e_l}, \quad
              \psi_\alpha = \int f \, \partial^\alpha f,

    with each psi of order four estimated by the mean over all pairs of the derivative of a normal density of one
    deviation g (Duong and Hazelton 2003: one g for all, which keeps the sum positive), g from those of order six, and
    theirs from the standard normal density. `z` is data of unit covariance. The estimates use at most `MOST_ROWS`
    rows, the error's first term all.
    """
    d = z.shape[1]
    if d > MOST_FEATURES:
        raise ValueError(f"rule='plug-in' needs X with at most {MOST_FEATURES} features, got {d}")
    start = (4 / (d + 2) / effective_size(len(z), weights)) ** (1 / (d + 4))
    scales = np.abs(np.diag(unit))
    if not ((scales > 1 / FARTHEST_SCALE) & (scales < FARTHEST_SCALE)).all():
        warn("the features' scales are too far apart for 'plug-in': the normal reference is taken instead", record)
        return np.eye(d) * start
    rows, row_weights = thinned(z, weights, MOST_ROWS)
    n, n_rows = effective_size(len(z), weights), effective_size(len(rows), row_weights)
    w = np.full(len(rows), 1 / len(rows)) if row_weights is None else row_weights / row_weights.sum()
    known = {alpha: _normal_functional(alpha) for alpha in _indices(d, 8)}
    for order in (6, 4):
        g = _pilot(d, order, known, n_rows)
        known = _functionals(rows, w, order, g)
    psi = np.array(
        [[[[known[_index(d, (i, j, k, m))] for m in range(d)] for k in range(d)] for j in range(d)] for i in range(d)]
    )
    flat = psi.reshape(d * d, d * d)
    volume_term = (4 * math.pi) ** (-d / 2) / n / abs(np.linalg.det(unit))
    factor = Factor(d, form)

    def error(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        m = factor.matrix(numbers)
        root = start * (unit @ m)
        H = root @ root.T
        bent = (flat @ H.ravel()).reshape(d, d)
        volume = volume_term * math.exp(-float(np.log(np.diag(m)).sum())) / start**d
        total = volume + 0.25 * float((H * bent).sum())
        # The quadratic part's derivative by H is bent / 2, and by M: 2 start^2 B^T (bent / 2) B M.
        by_entry = start**2 * (unit.T @ (bent + bent.T) @ unit @ m) / 2 - volume * np.diag(1 / np.diag(m))
        return total / volume_term * start**d, factor.gradient(m, by_entry / volume_term * start**d)

    m, inside = factor.minimum(error)
    if not inside:
        warn("the expected error of 'plug-in' has no minimum: the normal reference is taken instead", record)
        return np.eye(d) * start
    return m * start


def _index(d: int, places: tuple[int, ...]) -> Index:
    return tuple(places.count(a) for a in range(d))


def _indices(d: int, order: int) -> list[Index]:
    """All multi-indices of an order."""
    return [_index(d, places) for places in combinations_with_replacement(range(d), order)]


def _hermite_at_zero(r: int) -> float:
    """He_r(0)."""
    return 0.0 if r % 2 else (-1.0) ** (r // 2) * math.prod(range(1, r, 2))


def _derivative_at_zero(alpha: Index) -> float:
    """The derivative of the standard normal density at zero; the order is even."""
    return math.prod(map(_hermite_at_zero, alpha)) * (2 * math.pi) ** (-len(alpha) / 2)


def _normal_functional(alpha: Index) -> float:
    """psi_alpha of the standard normal density: the derivative at zero of the normal density of variance two."""
    return _derivative_at_zero(alpha) * 2 ** (-(sum(alpha) + len(alpha)) / 2)


def _pilot(d: int, order: int, higher: dict[Index, float], n: float) -> float:
    """The g with the smallest sum of squared biases, g^(-p + 2) a / n + g^2 b, over all derivatives of the order."""
    squares = np.zeros(3)
    for alpha in _indices(d, order):
        multiplicity = math.factorial(order) / math.prod(map(math.factorial, alpha))
        a = _derivative_at_zero(alpha)
        b = 0.5 * sum(higher[tuple(r + 2 * (i == k) for i, r in enumerate(alpha))] for k in range(d))
        squares += multiplicity * np.array([a * a, a * b, b * b])
    aa, ab, bb = squares
    p = d + order + 2
    # (2 - p) aa t^2 + (4 - p) ab t + 2 bb = 0 with t = 1 / (n g^p).
    t = ((4 - p) * ab + math.sqrt(((4 - p) * ab) ** 2 + 8 * (p - 2) * aa * bb)) / (2 * (p - 2) * aa)
    return float((n * t) ** (-1 / p))


def _functionals(z: np.ndarray, w: np.ndarray, order: int, g: float) -> dict[Index, float]:
    """Estimates of psi of one order: means over all pairs of the derivatives of a normal density of deviation g."""
    d = z.shape[1]
    indices = _indices(d, order)
    sums = np.zeros(len(indices))
    for start in range(0, len(z), BLOCK):
        # Rows of the block with each other, and twice with those after it: the order is even.
        u = (z[start : start + BLOCK, None] - z[start:]).reshape(-1, d).T / g
        both_ways = w[start : start + BLOCK, None] * w[start:]
        both_ways[:, BLOCK:] *= 2
        pair_weights = both_ways.ravel()
        pair_weights *= np.exp(-0.5 * (u * u).sum(axis=0))
        hermite = np.empty((d, order + 1, u.shape[1]))
        hermite[:, 0], hermite[:, 1] = 1.0, u
        for r in range(1, order):
            hermite[:, r + 1] = u * hermite[:, r] - r * hermite[:, r - 1]
        last = hermite[d - 1] * pair_weights
        for place, alpha in enumerate(indices):
            product = last[alpha[-1]]
            for a in range(d - 2):
                product = product * hermite[a, alpha[a]]
            sums[place] += product @ hermite[d - 2, alpha[d - 2]]
    scale = (2 * math.pi) ** (-d / 2) * g ** -(d + order)
    return dict(zip(indices, (sums * scale).tolist(), strict=True))
