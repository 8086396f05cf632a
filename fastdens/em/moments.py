"""From the moments of each component to the parameters of the next mixture."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fastdens.em.covariances import covariances_of_factors, factor_precisions

# Moments about a centre that is far from the mean, in standard deviations, lose digits to cancellation: beyond this
# squared distance (relative error of a covariance about 1e-11) they are taken again about the new means.
FARTHEST_SQUARED = 1e5
_EPSILON = float(np.finfo(np.float64).eps)


class Mixture(NamedTuple):
    """Checked parameters of a mixture, as scikit-learn shapes them."""

    weights: np.ndarray
    means: np.ndarray
    precisions_cholesky: np.ndarray
    covariance_type: str


class Moments(NamedTuple):
    """Sums over all rows under the responsibilities r of each component, v = x - centre."""

    totals: np.ndarray  # of r
    first: np.ndarray  # of r v
    second: np.ndarray  # of r v v^T, or of r v^2
    shared: np.ndarray | None  # of (x - origin)(x - origin)^T, each row once, in place of `second`


def _covariances(
    moments: Moments, weights: np.ndarray, from_centre: np.ndarray, divisor: np.ndarray, covariance_type: str
) -> np.ndarray:
    """Covariances about the new means, which lie `from_centre` of the place that the moments are about."""
    if moments.shared is not None:
        return moments.shared / moments.totals.sum() - (weights * from_centre.T) @ from_centre
    if covariance_type in ("full", "tied"):
        each = moments.second / divisor[:, None, None] - from_centre[:, :, None] * from_centre[:, None, :]
        return each if covariance_type == "full" else np.tensordot(weights, each, axes=1)
    each = moments.second / divisor[:, None] - from_centre**2
    return each if covariance_type == "diag" else each.mean(axis=1)


class Estimate(NamedTuple):
    """Maximum-likelihood parameters from the moments, before covariances are checked and factored."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray  # with reg_covar
    variances: np.ndarray  # their diagonals, (n_components, d), or (d,) where the covariance is shared
    from_centre: np.ndarray  # the means, seen from where the moments are about


def estimate_parameters(
    moments: Moments, mixture: Mixture, centres: np.ndarray, origin: np.ndarray, reg_covar: float
) -> Estimate:
    covariance_type = mixture.covariance_type
    n_components, d = centres.shape
    empty = moments.totals <= 10 * _EPSILON
    divisor = np.where(empty, 1.0, moments.totals)
    shift = np.where(empty[:, None], 0.0, moments.first / divisor[:, None])
    means = np.where(empty[:, None], mixture.means, centres + shift)
    weights = np.where(empty, 0.0, moments.totals)
    weights = weights / weights.sum()
    # Not from `means`, which are rounded in units of their distance from zero.
    from_centre = shift if moments.shared is None else np.where(empty[:, None], 0.0, (centres - origin) + shift)

    covariances = _covariances(moments, weights, from_centre, divisor, covariance_type)
    if covariance_type in ("full", "tied"):
        places = np.arange(d)
        covariances[..., places, places] = np.maximum(covariances[..., places, places], 0.0) + reg_covar
        variances = covariances[..., places, places]
    else:
        covariances = np.maximum(covariances, 0.0) + reg_covar
        variances = np.broadcast_to(covariances.reshape(n_components, -1), (n_components, d))
    if empty.any() and covariance_type != "tied":
        covariances[empty] = covariances_of_factors(mixture.precisions_cholesky[empty], covariance_type)
    return Estimate(weights, means, covariances, variances, from_centre)


def factor_estimate(estimate: Estimate, covariance_type: str) -> tuple[Mixture, np.ndarray]:
    weights, means, covariances, variances, _ = estimate
    within = variances if covariance_type == "tied" else weights @ variances
    between = weights @ (means - weights @ means) ** 2
    covariances, factors = factor_precisions(covariances, covariance_type, between + within)
    return Mixture(weights, means, factors, covariance_type), covariances


def is_far_from_centre(estimate: Estimate, new: Mixture) -> bool:
    """Whether a new mean is so far from the place of the moments, for its covariance, that the latter is inexact."""
    factors = new.precisions_cholesky
    if new.covariance_type == "full":
        scaled = (estimate.from_centre[:, None, :] @ factors)[:, 0]
    elif new.covariance_type == "tied":
        scaled = estimate.from_centre @ factors
    else:
        scaled = estimate.from_centre * factors.reshape(len(new.means), -1)
    return bool(((scaled**2).sum(axis=1) > FARTHEST_SQUARED).any())


@lru_cache(maxsize=8)
def _triangle_places(width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the lower triangle lies in the layout of em.h: positions, their rows and their columns."""
    rows, columns = [], []
    for first in range(0, width, 4):
        column, row = np.divmod(np.arange(4 * min(first + 4, width)), 4)
        rows.append(first + row)
        columns.append(column)
    row, column = np.concatenate(rows), np.concatenate(columns)
    positions = np.flatnonzero((column <= row) & (row < width))
    return positions, row[positions], column[positions]


def symmetric_matrices(triangles: np.ndarray, width: int) -> np.ndarray:
    positions, row, column = _triangle_places(width)
    matrices = np.empty((*triangles.shape[:-1], width, width))
    matrices[..., row, column] = matrices[..., column, row] = triangles[..., positions]
    return matrices
