"""What a kernel density estimate states about itself: support, kinks of the kernels, moments, gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models import breakpoints
from fastdens.models.description import Description, pooled_covariance, unbounded

# How far sums to a relative tolerance may take the mass from 1.
MASS_ERROR_OF_TOLERANCES = 1e-2


def describe(model: Any) -> Description:
    """Of a fitted estimate."""
    on_sphere = model.metric_ == "haversine"
    is_mixture = KERNELS[model.kernel_].is_product and model.metric_ == "euclidean" and model._boundary is None

    def moments() -> tuple[np.ndarray, np.ndarray]:
        points, weights = model.points_.astype(np.float64), model.weights_
        mean = weights @ points
        return mean, pooled_covariance(points, weights, mean) + model._bandwidth.matrix

    return Description(
        unbounded(model.n_features_in_) if on_sphere else _support(model),
        breakpoints=lambda: _breakpoints(model),
        moments=moments if is_mixture else None,
        gradient=model.score_gradient if is_mixture else None,
        mass_error=0.0 if model.rtol == 0 else MASS_ERROR_OF_TOLERANCES,
        on_sphere=on_sphere,
    )


def _support(model: Any) -> np.ndarray:
    """The box outside which the estimate is 0."""
    d = model.n_features_in_
    low, high = np.full(d, -np.inf), np.full(d, np.inf)
    boundary = model._boundary
    radius = KERNELS[model.kernel_].support
    if math.isfinite(radius) and not (boundary is not None and boundary.is_transform):
        reach = radius * model._bandwidth.widths
        points = model.points_.astype(np.float64)
        # float32 data are summed in float32, where a kernel may reach a rounding further.
        slack = 1e-6 * reach if model.points_.dtype == np.float32 else 0.0
        low, high = points.min(axis=0) - reach - slack, points.max(axis=0) + reach + slack
    if boundary is not None:
        periodic = np.array([kind == "periodic" for kind in boundary.kinds])
        low = np.where(periodic, boundary.low, np.maximum(low, boundary.low))
        high = np.where(periodic, boundary.high, np.minimum(high, boundary.high))
    return np.column_stack([low, high])


def _breakpoints(model: Any) -> list[np.ndarray]:
    if model.n_features_in_ > 1:
        return breakpoints.about_points(model.points_)
    points, h = model.points_.astype(np.float64), float(model._bandwidth.widths[0])
    boundary = model._boundary
    if boundary is not None:
        points = boundary.working(points)
    x = np.unique(points[:, 0])
    cuts = breakpoints.of_kernels(x, np.full(len(x), h), KERNELS[model.kernel_])
    if boundary is None:
        return [cuts]
    ends = [end for end in (boundary.low[0], boundary.high[0]) if math.isfinite(end)]
    if boundary.is_linear:  # kernels change within reach of the bounds
        return [np.concatenate([cuts, ends, *([end - h, end + h] for end in ends)])]
    with np.errstate(over="ignore", under="ignore"):
        return [np.append(boundary.unfold(cuts[:, None])[:, 0], ends)]
