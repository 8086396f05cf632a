"""Confidence bands of a kernel density estimate, from the variance of its sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.contract import density_of, rounded
from fastdens.models.kernel_density.estimate import Estimate, Settings

# Multipliers drawn for a simultaneous band, and how many are in memory at once.
BOOTSTRAPS, AT_ONCE = 1000, 25
# Below this part of the peak a density counts as one point's alone in the bootstrap.
FAINT = -600.0


def confidence_band(
    estimate: Estimate,
    data: np.ndarray,
    level: float,
    simultaneous: bool,
    log: bool,
    random_state: Any,
    settings: Settings,
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bounds of the density, or of ln of it, at each row."""
    level = validation.check_number(level, "level", above=0)
    if level >= 1:
        raise ValueError(f"level must be less than 1, got {level!r}")
    for name, value in (("simultaneous", simultaneous), ("log", log)):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {value!r}")
    random = validation.check_random_state(random_state)
    if estimate.n_points < 2:
        raise ValueError("confidence_band needs at least two rows that carry weight, got 1")
    queries = data.astype(np.float64, copy=False)
    log_density, relative_error = _relative_standard_error(estimate, queries, settings)
    if simultaneous:
        quantile = _sup_quantile(estimate, queries, log_density, relative_error, level, random, settings.n_threads)
    else:
        from scipy.special import ndtri

        quantile = float(ndtri((1 + level) / 2))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        if log:
            lower, upper = log_density - quantile * relative_error, log_density + quantile * relative_error
        else:
            density = np.exp(log_density)
            share = np.maximum(1 - quantile * relative_error, 0.0)
            lower = np.where(share > 0, density * share, 0.0)  # a density may be infinite
            upper = density * (1 + quantile * relative_error)
    empty = log_density == -np.inf
    if empty.any():
        unseen = _log_bound_of_nothing(estimate, level, len(data) if simultaneous else 1)
        lower[empty], upper[empty] = (-np.inf, unseen) if log else (0.0, density_of(np.array(unseen)))
    return rounded(lower, data.dtype), rounded(upper, data.dtype)


def _log_bound_of_nothing(estimate: Estimate, level: float, n_bounds: int) -> float:
    """ln of the largest mean of the estimate that leaves no point within the radius with the probability allowed."""
    size = 1 / float(estimate.shares @ estimate.shares)
    return math.log(-math.expm1(math.log((1 - level) / (2 * n_bounds)) / size)) - estimate.log_volume


def _relative_standard_error(
    estimate: Estimate, queries: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """ln of the density, and its standard error over the density."""
    kernel, points, n_threads = estimate.kernel, estimate.points64, settings.n_threads
    weights, squares = estimate.weights, None if estimate.weights is None else estimate.weights**2

    def log_sums(of: str, divisor: float, its_weights: np.ndarray | None) -> np.ndarray:
        prepared = KernelSum(points, KERNELS[of], estimate.bandwidth / divisor, its_weights)
        return prepared.evaluate(queries, log=True, rtol=settings.rtol, n_threads=n_threads)

    sums = log_sums(kernel.name, 1.0, weights)
    if kernel.square is not None:
        sums_of_squares = log_sums(*kernel.square, squares)
    else:
        log_squares = None if weights is None else 2 * np.log(weights)
        squared_kernel = VariableSum(points, kernel, estimate.bandwidth, log_squares)
        sums_of_squares = squared_kernel.log_sums_of_squares(queries, n_threads)
    total = float(estimate.shares @ estimate.shares)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        variance = np.exp(sums_of_squares - 2 * sums) + total
        if squares is None:
            variance -= 2 / len(points)
        else:
            variance -= 2 * np.exp(log_sums(kernel.name, 1.0, squares) - sums - math.log(estimate.total))
        # Rounding may make nothing out of the variance of a constant.
        relative_error = np.sqrt(np.maximum(variance, 0.0) / (1 - total))
    return sums - math.log(estimate.total) - estimate.log_volume, relative_error


def _sup_quantile(
    estimate: Estimate,
    queries: np.ndarray,
    log_density: np.ndarray,
    relative_error: np.ndarray,
    level: float,
    random: np.random.Generator,
    n_threads: int | None,
) -> float:
    """The quantile of the largest deviation over the rows, in standard errors."""
    usable = np.flatnonzero(relative_error > 0)
    if not usable.size:
        return 0.0
    # A faint density is one point's alone, or a few points': its deviation counts as one more, independent of all.
    faint = log_density[usable] < FAINT - estimate.log_volume
    near = usable[~faint]
    points, weights = estimate.points64, estimate.shares
    log_scale = estimate.log_volume + log_density[near]  # the sum with weights that sum to one is its exponential
    largest = np.empty(BOOTSTRAPS)
    for start in range(0, BOOTSTRAPS, AT_ONCE):
        count = min(AT_ONCE, BOOTSTRAPS - start)
        multipliers = random.standard_normal((len(points), count)) * weights[:, None]
        found = np.abs(random.standard_normal((int(faint.sum()), count))).max(axis=0, initial=0.0)
        if near.size:
            prepared = DirectSum(points, estimate.kernel, estimate.bandwidth, None, multipliers)
            sums = prepared.evaluate(np.ascontiguousarray(queries[near]), n_threads=n_threads)
            deviation = sums * np.exp(-log_scale)[:, None] - multipliers.sum(axis=0)
            scale = relative_error[near] * math.sqrt(1 - float(weights @ weights))
            found = np.maximum(found, np.abs(deviation / scale[:, None]).max(axis=0))
        largest[start : start + count] = found
    return float(np.quantile(largest, level))
