"""Divergences without integration: between two Gaussians, two histograms, two discrete distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastdens.divergences.kinds import Kind
from fastdens.divergences.result import Divergence, computed
from fastdens.models.description import Atoms, Cells, Components

# Cells of the common refinement of two histograms that are summed over: some hundred megabytes.
MOST_CELLS = 2**24
# Relative error of closed forms: some tens of operations.
ROUNDING = 32 * np.finfo(float).eps


class GaussianPair(NamedTuple):
    """Two Gaussians in the coordinates in which Q is standard normal and the coordinates of P are independent.

    Attributes
    ----------
    means : ndarray of shape (n_features,)
        Means of P.
    variances, excess : ndarray of shape (n_features,)
        Variances of P, and the same less 1: exact where they are small, and where the two covariances are nearly equal.
    rounding : float
        Relative rounding error that whitening causes.
    """

    means: np.ndarray
    variances: np.ndarray
    excess: np.ndarray
    rounding: float

    @property
    def log_variances(self) -> np.ndarray:
        """Logarithms of the variances, with the digits of whichever of the two has them."""
        small = self.excess < -0.5
        return np.where(small, np.log(self.variances), np.log1p(np.where(small, 0.0, self.excess)))

    def components(self) -> tuple[Components, Components]:
        """Both distributions as mixtures of one component."""
        d = len(self.means)
        p = Components(np.ones(1), self.means[None, :], np.diag(self.variances)[None, :, :])
        return p, Components(np.ones(1), np.zeros((1, d)), np.eye(d)[None, :, :])


def gaussian_pair(p: Components, q: Components) -> GaussianPair:
    """P and Q, of one component each, in the coordinates that every f-divergence is the same in."""
    factor = np.linalg.cholesky(q.covariances[0])
    shift = np.linalg.solve(factor, p.means[0] - q.means[0])

    def whitened(matrix: np.ndarray) -> np.ndarray:
        found = np.linalg.solve(factor, np.linalg.solve(factor, matrix).T)
        return (found + found.T) / 2

    excess, axes = np.linalg.eigh(whitened(p.covariances[0] - q.covariances[0]))
    direct = np.einsum("ia,ij,ja->a", axes, whitened(p.covariances[0]), axes)
    variances = np.where(excess < -0.5, direct, 1.0 + excess)
    condition = float(np.linalg.cond(factor)) if len(factor) > 1 else 1.0
    return GaussianPair(axes.T @ shift, np.maximum(variances, 1e-300), excess, ROUNDING * max(1.0, condition))


def reduced(pair: GaussianPair) -> GaussianPair:
    """The same divergences in as few dimensions as can be: axes of equal variance are merged, equal ones left out."""
    alike = np.abs(pair.excess) <= 1e-14
    shift = math.sqrt(float((pair.means[alike] ** 2).sum()))
    means, variances, excess = pair.means[~alike], pair.variances[~alike], pair.excess[~alike]
    if shift > 0 or len(means) == 0:
        means, variances, excess = np.append(means, shift), np.append(variances, 1.0), np.append(excess, 0.0)
    return GaussianPair(means, variances, excess, pair.rounding)


def log_affinity(pair: GaussianPair, order: float) -> float:
    """ln of the integral of p^order q^(1 - order): Rényi (1961), Gil, Alajaji and Linder (2013); inf where it is."""
    mixed = order + (1.0 - order) * pair.variances
    if (mixed <= 0).any():
        return math.inf
    near = np.abs(pair.excess) < 0.5
    log_mixed = np.where(near, np.log1p(np.where(near, (1.0 - order) * pair.excess, 0.0)), np.log(mixed))
    logs = log_mixed - (1.0 - order) * pair.log_variances
    return float(-0.5 * logs.sum() - 0.5 * order * (1.0 - order) * (pair.means**2 / mixed).sum())


def _kl(pair: GaussianPair) -> float:
    return 0.5 * float((_less_log(pair.excess, pair.log_variances) + pair.means**2).sum())


def _reverse_kl(pair: GaussianPair) -> float:
    other = -pair.excess / pair.variances  # variances of Q in the units of P, less 1
    return 0.5 * float((_less_log(other, -pair.log_variances) + pair.means**2 / pair.variances).sum())


def _less_log(x: np.ndarray, log: np.ndarray) -> np.ndarray:
    """x - ln(1 + x), the logarithm being given, without cancellation about 0."""
    small = np.abs(x) < 0.1
    y = np.where(small, x, 0.0)
    series = np.zeros_like(y)
    for k in range(18, 1, -1):
        series = series * y + (-1.0) ** k / k
    return np.where(small, y * y * series, x - log)


def _total_variation(pair: GaussianPair) -> float | None:
    """For equal covariances, or in one dimension; None elsewhere."""
    from scipy.special import erf, ndtr

    pair = reduced(pair)
    if len(pair.means) > 1:
        return None
    mean, excess = float(pair.means[0]), float(pair.excess[0])
    if excess == 0:
        return float(erf(abs(mean) / math.sqrt(8.0)))
    # p = q where excess x^2 + 2 mean x - mean^2 - variance ln(variance) = 0
    variance, log_variance = float(pair.variances[0]), float(pair.log_variances[0])
    deviation = math.sqrt(variance)
    constant = -(mean * mean) - variance * log_variance
    root = math.sqrt(variance * (mean * mean + excess * log_variance))  # of terms that are not negative
    first = -(mean + math.copysign(root, mean))
    x = np.sort([first / excess, constant / first]) if first else np.zeros(2)
    # From the tail that is nearer, so that masses lose no digits.
    upper = (mean + x > 0).astype(float)
    sign = np.where(upper > 0, -1.0, 1.0)
    p_mass, q_mass = ndtr(sign * (x - mean) / deviation), ndtr(sign * x)
    difference = sign * (p_mass - q_mass)  # of distribution functions
    return abs(float(difference[1] - difference[0]))


# Formulas of f-divergences that are no sums of orders, by their generators; None where there is none for the pair.
FORMULAS: dict[str, Callable[[GaussianPair], float | None]] = {"tv": _total_variation}


def gaussian_divergence(p: Components, q: Components, kind: Kind) -> Divergence | None:
    """The divergence of two Gaussians where there is a formula for it, else None."""
    pair = gaussian_pair(p, q)
    if kind.log_integral is not None:
        order, of_log = kind.log_integral
        value = of_log(log_affinity(pair, order))
        error = pair.rounding * value if math.isfinite(value) else 0.0
        return Divergence(value, 0.0, (value - error, value + error), "closed_form")
    powers = kind.generator.powers
    formula = FORMULAS.get(kind.generator.name)
    if powers:
        f_divergence: float | None = sum(weight * _of_order(pair, alpha) for weight, alpha in powers)
    else:
        f_divergence = None if formula is None else formula(pair)
    if f_divergence is None:
        return None
    return computed(
        kind, f_divergence, pair.rounding * f_divergence if math.isfinite(f_divergence) else 0.0, "closed_form"
    )


def _of_order(pair: GaussianPair, alpha: float) -> float:
    """The divergence of the family of `alpha_generator`."""
    if alpha == 1:
        return _kl(pair)
    if alpha == 0:
        return _reverse_kl(pair)
    log_integral = log_affinity(pair, alpha)
    rise = math.inf if log_integral > 709.0 else math.expm1(log_integral)
    return rise / (alpha * (alpha - 1.0))


# --- piecewise constant and discrete ----------------------------------------------------------------------------------


def cells_divergence(p: Cells, q: Cells, kind: Kind) -> Divergence | None:
    """Exact for piecewise constant densities: a sum over the bins that both sets of edges make together.

    None where there are too many of them.
    """
    if all(map(np.array_equal, p.edges, q.edges)):
        masses = p.masses.reshape(-1), q.masses.reshape(-1)
    else:
        edges = [np.union1d(a, b) for a, b in zip(p.edges, q.edges)]
        if math.prod(len(e) - 1 for e in edges) > MOST_CELLS:
            return None
        masses = _masses_within(p, edges), _masses_within(q, edges)
    value = masses_divergence(*masses, kind)
    return computed(kind, value, ROUNDING * value if math.isfinite(value) else 0.0, "closed_form")


def _masses_within(cells: Cells, edges: list[np.ndarray]) -> np.ndarray:
    """The mass of each finer bin: its share of the bin that holds it."""
    mass = cells.masses
    for axis, (own, finer) in enumerate(zip(cells.edges, edges)):
        at = np.searchsorted(own, finer[:-1], side="right") - 1
        inside = (at >= 0) & (at < len(own) - 1)
        at = np.clip(at, 0, len(own) - 2)
        share = np.where(inside, np.diff(finer) / np.diff(own)[at], 0.0)
        mass = mass.take(at, axis=axis) * share.reshape([-1 if a == axis else 1 for a in range(mass.ndim)])
    return mass.reshape(-1)


def masses_divergence(p: np.ndarray, q: np.ndarray, kind: Kind) -> float:
    """The f-divergence of two distributions on the same outcomes."""
    terms = kind.generator.terms(p, q)
    return math.fsum(terms.tolist()) if np.isfinite(terms).all() else math.inf


def atoms_divergence(p: Atoms, q: Atoms, kind: Kind) -> Divergence:
    """Between two discrete distributions: outcomes are the same where all their numbers are."""
    if p.points.shape[1] != q.points.shape[1]:
        raise ValueError(f"P and Q must have the same dimension, got {p.points.shape[1]} and {q.points.shape[1]}")
    points, place = np.unique(np.concatenate([p.points, q.points]), axis=0, return_inverse=True)
    place = place.reshape(-1)
    masses = [np.bincount(at, weights=distribution.probabilities, minlength=len(points))
              for at, distribution in ((place[: len(p.points)], p), (place[len(p.points) :], q))]  # fmt: skip
    value = masses_divergence(masses[0], masses[1], kind)
    return computed(kind, value, ROUNDING * value if math.isfinite(value) else 0.0, "closed_form")


def singular_divergence(kind: Kind) -> Divergence:
    """Between a discrete distribution and one with a density, which live on disjoint sets: the largest value of the
    kind."""
    return computed(kind, kind.generator.largest, 0.0, "closed_form")
