"""A kernel density on a rectilinear grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.kernels.registry import VISIBLE
from fastdens.kernel_sums.on_grid.grid_routes import grid_points, log_grid_sums
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.models.contract import density_of, in_double, rounded
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.scores import log_density

# Grid points per axis where the caller does not say, by number of features.
DEFAULT_POINTS = {1: 1024, 2: 256, 3: 64}


def evaluate_grid(
    estimate: Estimate, axes: Any, n_points: Any, margin: float | None, log: bool, settings: Settings
) -> tuple[list[np.ndarray], np.ndarray]:
    """Coordinates along each feature, and the density, or ln of it, at every combination of them."""
    if not isinstance(log, bool | np.bool_):
        raise TypeError(f"log must be True or False, got {log!r}")
    if axes is None:
        precision = estimate.points.dtype
        coordinates = [rounded(axis, precision) for axis in _default_axes(estimate, n_points, margin)]
    else:
        if n_points is not None or margin is not None:
            raise ValueError("n_points and margin are for axes=None: give either axes, or these")
        coordinates = _check_axes(axes, estimate.n_features)
        precision = estimate.precision_with(*coordinates)
        coordinates = [axis.astype(precision) for axis in coordinates]
    logs = _log_density_on_grid(estimate, [in_double(axis) for axis in coordinates], settings)
    return coordinates, rounded(logs if log else density_of(logs, out=logs), precision)


def _default_axes(estimate: Estimate, n_points: Any, margin: float | None) -> list[np.ndarray]:
    d = estimate.n_features
    if n_points is None:
        if d not in DEFAULT_POINTS:
            raise ValueError(f"n_points must be given for more than three features, got None for {d} features")
        n_points = DEFAULT_POINTS[d]
    counts = [n_points] * d if np.ndim(n_points) == 0 else list(n_points)
    validation.check_length(len(counts), "n_points", d, "feature")
    counts = [validation.check_integer(count, "n_points", 1) for count in counts]
    if margin is None:
        margin = estimate.kernel.radius(VISIBLE)
    margin = validation.check_number(margin, "margin", at_least=0)
    widths = estimate.bandwidth.widths
    with np.errstate(over="ignore"):
        low = estimate.points.min(axis=0).astype(np.float64) - margin * widths
        high = estimate.points.max(axis=0).astype(np.float64) + margin * widths
    if estimate.boundary is not None:
        low, high = estimate.boundary.where_density_is(low, high)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise ValueError(f"margin={margin} bandwidths beyond the data is beyond the floating-point numbers")
    return [np.linspace(a, b, count) for a, b, count in zip(low, high, counts, strict=True)]


def _log_density_on_grid(estimate: Estimate, axes: list[np.ndarray], settings: Settings) -> np.ndarray:
    shape = tuple(len(axis) for axis in axes)
    if math.prod(shape) == 0:
        return np.empty(shape)
    if settings.route == "direct" or not estimate.is_unbounded_euclidean:
        return log_density(estimate, grid_points(axes), settings).astype(np.float64, copy=False).reshape(shape)
    points = estimate.points64
    prepared = KernelSum(points, estimate.kernel, estimate.bandwidth, estimate.weights)
    atol = settings.atol * math.exp(min(estimate.log_normaliser, 700.0))
    logs = log_grid_sums(prepared, points, estimate.weights, axes, settings.rtol, atol, settings.n_threads)
    return np.subtract(logs, estimate.log_normaliser, out=logs)


def _check_axes(axes: Any, n_features: int) -> list[np.ndarray]:
    """One array of finite coordinates per feature."""
    if n_features == 1 and not (isinstance(axes, list | tuple) and len(axes) == 1 and np.ndim(axes[0]) == 1):
        axes = [axes]
    if not isinstance(axes, list | tuple | np.ndarray):
        raise TypeError(f"axes must be None or a list of one array per feature, got {type(axes).__name__}")
    validation.check_length(len(axes), "axes", n_features, "feature")
    checked = []
    for a, axis in enumerate(axes):
        if np.ndim(axis) != 1:
            raise ValueError(f"axes[{a}] must have one dimension, got {np.ndim(axis)}")
        column = np.asarray(axis)[:, None]
        checked.append(validation.check_queries(column, 1, f"axes[{a}]", keep_float32=True)[:, 0])
    return checked
