"""Distribution function, quantiles and box probabilities of a kernel density estimate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.monotone_inverse import Function
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.integrated.integrated_sums import box_masses
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.estimate import Estimate, Settings
from fastdens.models.kernel_density.line_distribution import Distribution, LineDistribution, between, integrated
from fastdens.models.kernel_density.scores import log_density


def cdf(estimate: Estimate, data: np.ndarray, settings: Settings) -> np.ndarray:
    """P(value <= x) at each row; float32 where points and rows are."""
    below = _distribution(estimate, settings, "cdf").lower(data[:, 0].astype(np.float64, copy=False))
    return rounded(below, data.dtype)


def sf(estimate: Estimate, data: np.ndarray, settings: Settings) -> np.ndarray:
    """P(value > x) at each row; float32 where points and rows are."""
    above = _distribution(estimate, settings, "sf").upper(data[:, 0].astype(np.float64, copy=False))
    return rounded(above, data.dtype)


def ppf(estimate: Estimate, q: Any, settings: Settings) -> np.ndarray:
    """Quantiles, in the shape of q."""
    distribution, precision = _distribution(estimate, settings, "ppf"), estimate.precision_with(q)
    q = validation.check_between_0_and_1(q, "q")
    return rounded(distribution.quantiles(q.ravel()).reshape(q.shape), precision)


def box_probability(estimate: Estimate, lower: Any, upper: Any, settings: Settings) -> Any:
    """P(lower < value <= upper) of one box or of each."""
    low, high, single = _check_boxes(lower, upper, estimate.n_features)
    if estimate.n_features == 1:
        probability = between(_distribution(estimate, settings, "box_probability"), low[:, 0], high[:, 0])
    else:
        probability = _products_over_axes(estimate, low, high, settings.n_threads)
    return float(probability[0]) if single else rounded(probability, estimate.precision_with(lower, upper))


def _products_over_axes(estimate: Estimate, low: np.ndarray, high: np.ndarray, n_threads: int | None) -> np.ndarray:
    kernel = estimate.kernel
    if not kernel.is_product:
        raise ValueError(
            f"box_probability of {estimate.n_features} features needs kernel='gaussian', whose integral over a "
            f"box is a product, got kernel={kernel.name!r}"
        )
    smoothed = estimate
    if estimate.boundary is not None:
        smoothed, (low, high) = estimate.sums, estimate.boundary.box(low, high)
    widths = _independent_widths(smoothed.bandwidth, "box_probability of several features")
    masses = box_masses(smoothed.points, widths, smoothed.weights, low, high, n_threads)
    return np.clip(masses / estimate.total, 0.0, 1.0)


def _independent_widths(bandwidth: Bandwidth, what: str) -> np.ndarray:
    """One bandwidth per feature, of a number, a vector or a diagonal matrix in squared units."""
    widths = bandwidth.independent_widths
    if widths is None:
        raise ValueError(
            f"bandwidth must be a number, one number per feature or a diagonal matrix for {what}, got a matrix that "
            f"is not diagonal: {bandwidth.matrix.tolist()}"
        )
    return widths


def _distribution(estimate: Estimate, settings: Settings, method: str) -> Distribution:
    """The univariate distribution, made at the first question."""
    if estimate.n_features != 1:
        raise ValueError(
            f"{method} needs a model of one feature, got {estimate.n_features}; "
            "box_probability takes several with the Gaussian kernel"
        )
    if "distribution" not in estimate.made:

        def density(x: np.ndarray) -> np.ndarray:
            return np.exp(log_density(estimate, x[:, None], settings))

        estimate.made["distribution"] = _make_distribution(estimate, density, settings.n_threads)
    return estimate.made["distribution"]


def _make_distribution(estimate: Estimate, density: Function, n_threads: int | None) -> Distribution:
    if estimate.boundary is not None:
        return estimate.sums.distribution(density, n_threads)
    sums = integrated(estimate.points, estimate.kernel, estimate.bandwidth, estimate.weights, n_threads)
    return LineDistribution(sums, density, -math.inf, math.inf, sums.total)


def _check_boxes(lower: Any, upper: Any, n_features: int) -> tuple[np.ndarray, np.ndarray, bool]:
    corners = []
    for name, corner in (("lower", lower), ("upper", upper)):
        array = np.asarray(corner, dtype=np.float64)
        if array.ndim not in (1, 2) or array.shape[-1] != n_features:
            raise ValueError(
                f"{name} must have shape ({n_features},) or (n_boxes, {n_features}), one entry per feature, "
                f"got shape {array.shape}"
            )
        if np.isnan(array).any():
            raise ValueError(f"{name} must not contain NaN, got {corner!r}")
        corners.append(array)
    single = corners[0].ndim == corners[1].ndim == 1
    low, high = np.atleast_2d(corners[0]), np.atleast_2d(corners[1])
    if len(low) != len(high) and 1 not in (len(low), len(high)):
        raise ValueError(f"lower and upper must have as many boxes, got {len(low)} and {len(high)}")
    low, high = np.broadcast_arrays(low, high)
    if (low > high).any():
        row, column = np.argwhere(low > high)[0]
        raise ValueError(
            f"lower must not be greater than upper, got {low[row, column]} and {high[row, column]} in box {row}, "
            f"feature {column}"
        )
    return low, high, single
