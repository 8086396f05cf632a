"""What a kernel density estimate states about itself: support, kinks of the kernels, moments, gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.models import breakpoints
from fastdens.models.description import Description, pooled_covariance, unbounded
from fastdens.models.kernel_density.estimate import Estimate, Settings

# How far sums to a relative tolerance may take the mass from 1.
MASS_ERROR_OF_TOLERANCES = 1e-2


def describe(estimate: Estimate, settings: Settings, score_gradient: Callable[[np.ndarray], np.ndarray]) -> Description:
    """Of a fitted estimate; `score_gradient` is that of its model."""
    on_sphere = estimate.metric == "haversine"
    is_mixture = estimate.kernel.is_product and estimate.is_unbounded_euclidean

    def moments() -> tuple[np.ndarray, np.ndarray]:
        points, weights = estimate.points64, estimate.shares
        mean = weights @ points
        return mean, pooled_covariance(points, weights, mean) + estimate.bandwidth.matrix

    return Description(
        unbounded(estimate.n_features) if on_sphere else _support(estimate),
        breakpoints=lambda: _breakpoints(estimate),
        moments=moments if is_mixture else None,
        gradient=score_gradient if is_mixture else None,
        mass_error=0.0 if settings.rtol == 0 else MASS_ERROR_OF_TOLERANCES,
        on_sphere=on_sphere,
    )


def _support(estimate: Estimate) -> np.ndarray:
    """The box outside which the estimate is 0."""
    boundary, radius = estimate.boundary, estimate.kernel.support
    low, high = np.full(estimate.n_features, -np.inf), np.full(estimate.n_features, np.inf)
    if math.isfinite(radius) and not (boundary is not None and boundary.is_transform):
        extents, points = radius * estimate.bandwidth.widths, estimate.points64
        # float32 data are summed in float32, where a kernel may extents a rounding further.
        slack = 1e-6 * extents if estimate.points.dtype == np.float32 else 0.0
        low, high = points.min(axis=0) - extents - slack, points.max(axis=0) + extents + slack
    if boundary is not None:
        low, high = boundary.where_density_is(low, high)
    return np.column_stack([low, high])


def _breakpoints(estimate: Estimate) -> list[np.ndarray]:
    if estimate.n_features > 1:
        return breakpoints.about_points(estimate.points)
    points, h, boundary = estimate.points64, float(estimate.bandwidth.widths[0]), estimate.boundary
    if boundary is not None:
        points = boundary.working(points)
    x = np.unique(points[:, 0])
    cuts = breakpoints.of_kernels(x, np.full(len(x), h), estimate.kernel)
    if boundary is None:
        return [cuts]
    ends = [end for end in (boundary.low[0], boundary.high[0]) if math.isfinite(end)]
    if boundary.is_linear:  # kernels change within the radius of the bounds
        return [np.concatenate([cuts, ends, *([end - h, end + h] for end in ends)])]
    with np.errstate(over="ignore", under="ignore"):
        return [np.append(boundary.unfold(cuts[:, None])[:, 0], ends)]
