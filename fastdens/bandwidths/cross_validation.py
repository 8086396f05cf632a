"""Cross-validated bandwidths."""

from __future__ import annotations

import math

import numpy as np

from fastdens.bandwidths.rules import effective_size, scott, standard_deviations
from fastdens.engines.kernel_sums import KernelSum, log_bandwidth_volume
from fastdens.smoothing_kernels import SmoothingKernel

# Multiples of Scott's bandwidths that are looked at, and the rows at which the likelihood is formed at most.
SMALLEST, LARGEST, STEPS = 1 / 16, 4.0, 13
MOST_ROWS = 4096


def likelihood(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel) -> np.ndarray:
    """The multiple of Scott's bandwidths with the largest leave-one-out likelihood.

    Equal rows are left out together, as one event of their joint weight: left out one by one, ties would drive the
    bandwidth to zero. Each left-out density is mixed with 1 / n^2 of the normal density fitted to the data, so that
    the criterion is finite for kernels of bounded support too. Beyond `MOST_ROWS` distinct rows the likelihood is
    formed at that many of them, evenly spread over the sorted rows.
    """
    start = scott(data, weights, kernel)
    rows, inverse = np.unique(data, axis=0, return_inverse=True)
    row_weights = np.bincount(inverse.ravel(), weights=weights, minlength=len(rows)).astype(np.float64)
    if len(rows) < 3:
        return start
    chosen = np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.intp)) if len(rows) > MOST_ROWS else None
    own = np.arange(len(rows)) if chosen is None else chosen
    left = row_weights.sum() - row_weights[own]
    d = data.shape[1]
    deviations = np.maximum(standard_deviations(data, weights), start * 1e-9)
    z = (rows[own] - np.average(data, axis=0, weights=weights)) / deviations
    log_share = -2 * math.log(max(effective_size(len(data), weights), 2.0))
    reference = log_share - 0.5 * (z * z).sum(axis=1) - d / 2 * math.log(2 * math.pi) - np.log(deviations).sum()

    def criterion(log_multiple: float) -> float:
        h = start * math.exp(log_multiple)
        log_sums = KernelSum(rows, kernel, h, row_weights).evaluate(rows[own], log=True, own=own)
        log_density = log_sums - np.log(left) - kernel.log_normaliser(d) - log_bandwidth_volume(h, d)
        mixed = np.logaddexp(log_density + math.log1p(-math.exp(log_share)), reference)
        return -float(np.average(mixed, weights=row_weights[own]))

    from scipy.optimize import minimize_scalar

    grid = np.linspace(math.log(SMALLEST), math.log(LARGEST), STEPS)
    scores = [criterion(x) for x in grid]
    best = int(np.argmin(scores))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, STEPS - 1)]
    refined = minimize_scalar(criterion, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    log_multiple = refined.x if refined.fun < scores[best] else grid[best]
    return start * math.exp(log_multiple)
