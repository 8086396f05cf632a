"""Cross-validated bandwidths."""

from __future__ import annotations

import math

import numpy as np

from fastdens.bandwidths.least_squares import explained_ties
from fastdens.bandwidths.pair_sums import GAUSSIAN_RADIUS, PairSums, TooFineError
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import distinct, effective_size, scott, standard_deviations
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import GAUSSIAN, ROUNDING, SmoothingKernel
from fastdens.kernel_sums.prepared_sums import KernelSum

# Multiples of Scott's bandwidths that are looked at, and the rows at which the likelihood is formed at most.
SMALLEST, LARGEST, STEPS = 1 / 16, 4.0, 13
# Smaller ones follow down to here while they are better.
SMALLEST_OF_ALL = 2.0**-30
MOST_ROWS = 4096
# The same in one dimension, where more than `MOST_ROWS` rows are summed on a grid.
MOST_GRID_ROWS = 32768


def likelihood(
    data: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    record: Record,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """The multiple of `start`, Scott's bandwidths, with the largest leave-one-out likelihood.

    Left out one by one, ties would drive the bandwidth to zero; left out together, as one event of their joint weight,
    those that come from rounding would widen it. In one dimension equal rows are therefore kept as far as rounding to
    a unit explains them (`explained_ties`), and bandwidths below the unit are not looked at; for d > 1 all are left
    out together. Each left-out density is mixed with 1 / n^2 of the normal density fitted to the data, so that
    the criterion is finite for kernels of bounded support too.

    Beyond `MOST_ROWS` distinct rows (`MOST_GRID_ROWS` in one dimension) the likelihood is formed at that many of them,
    m, evenly spread over the sorted rows, of the sums over all rows. The difference of two bandwidths' criteria then
    has a standard error of at most the standard deviation of the rows' differences over sqrt(m). In one dimension, the
    sums of more than `MOST_ROWS` rows come from a grid of at least 64 cells per bandwidth.
    """
    start = scott(data, weights, kernel, record) if start is None else start
    if data.shape[1] == 1:
        values, row_weights = distinct(data[:, 0], weights)
        rows = values[:, None]
    else:
        rows, inverse = np.unique(data, axis=0, return_inverse=True)
        row_weights = np.bincount(inverse.ravel(), weights=weights, minlength=len(rows)).astype(np.float64)
    if len(rows) < 3:
        return start
    thinned = len(rows) > MOST_ROWS
    on_grid = thinned and data.shape[1] == 1
    most = MOST_GRID_ROWS if on_grid else MOST_ROWS
    own = np.unique(np.linspace(0, len(rows) - 1, most).astype(np.intp)) if thinned else np.arange(len(rows))
    by_grid = GridSums(rows[:, 0], row_weights, kernel, own) if on_grid else None
    kept, smallest = _kept_ties(data, weights, start) if data.shape[1] == 1 else (0.0, 0.0)
    # Weight of the other rows of the same value, in so far as they are not left out.
    equal = kept * np.maximum(row_weights[own] - _own_weights(data, weights, rows)[own], 0.0) if kept else 0.0
    of_others = row_weights.sum() - row_weights[own] + equal
    d = data.shape[1]
    deviations = np.maximum(standard_deviations(data, weights), start * 1e-9)
    z = (rows[own] - np.average(data, axis=0, weights=weights)) / deviations
    log_share = -2 * math.log(max(effective_size(len(data), weights), 2.0))
    reference = log_share - 0.5 * (z * z).sum(axis=1) - d / 2 * math.log(2 * math.pi) - np.log(deviations).sum()

    def criterion(log_multiple: float) -> float:
        h = start * math.exp(log_multiple)
        bandwidth = Bandwidth.of(h, d)
        if by_grid is not None:
            log_sums = by_grid.log_sums(float(h[0]))
        else:
            log_sums = KernelSum(rows, kernel, bandwidth, row_weights).evaluate(rows[own], log=True, own=own)
        if kept:
            with np.errstate(divide="ignore"):
                log_sums = np.logaddexp(log_sums, np.log(equal))
        log_density = log_sums - np.log(of_others) - kernel.log_normaliser(d) - bandwidth.log_volume
        mixed = np.logaddexp(log_density + math.log1p(-math.exp(log_share)), reference)
        value = -float(np.average(mixed, weights=row_weights[own]))
        record.add(math.exp(float(np.log(h).mean())), value)
        return value

    from scipy.optimize import minimize_scalar

    grid = np.linspace(math.log(SMALLEST), math.log(LARGEST), STEPS)
    lowest = max(math.log(SMALLEST_OF_ALL), math.log(smallest / start[0]) if smallest > 0 else -math.inf)
    grid = grid[grid > min(lowest, grid[-3])]
    scores = [criterion(x) for x in grid]
    step = grid[1] - grid[0]
    # The best multiple may be smaller still, where clusters are narrow against their distances.
    while scores[0] == min(scores) and grid[0] - step >= lowest:
        try:
            scores.insert(0, criterion(grid[0] - step))
        except TooFineError:
            break
        grid = np.insert(grid, 0, grid[0] - step)
    best = int(np.argmin(scores))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    refined = minimize_scalar(criterion, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    log_multiple = refined.x if refined.fun < scores[best] else grid[best]
    return start * math.exp(log_multiple)


def _kept_ties(data: np.ndarray, weights: np.ndarray | None, start: np.ndarray) -> tuple[float, float]:
    """Share of the ties that rounding explains where it is most of them, and the unit of rounding; one feature."""
    pairs = PairSums(data[:, 0], weights, 2 * GAUSSIAN_RADIUS)
    tied, explained, unit = explained_ties(pairs, GAUSSIAN, float(start[0]) / pairs.scale)
    # Less than half: the ties have another cause, as the repeated rows of a bootstrap sample.
    return (explained / tied, unit * pairs.scale) if 0 < tied < 2 * explained else (0.0, 0.0)


def _own_weights(data: np.ndarray, weights: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """Mean weight, by weight, of the rows at each distinct value."""
    if weights is None:
        return np.ones(len(values))
    places = np.searchsorted(values[:, 0], data[:, 0])
    return np.bincount(places, weights**2, len(values)) / np.bincount(places, weights, len(values))


class GridSums:
    """Sums of K over all other rows at chosen ones, in one dimension, for many bandwidths."""

    def __init__(self, values: np.ndarray, weights: np.ndarray, kernel: SmoothingKernel, own: np.ndarray) -> None:
        self.radius = kernel.radius(ROUNDING)
        self.pairs = PairSums(values, weights, self.radius)
        self.kernel, self.z, self.own_weights = kernel, self.pairs.z[own], weights[own]

    def log_sums(self, h: float) -> np.ndarray:
        """ln of the sums, -inf where they are zero to working precision; h in the units of the data."""
        h /= self.pairs.scale
        grid = self.pairs.grid(self.pairs.level(h))
        step = grid.delta / h
        end = min(grid.length, math.ceil(self.radius / step) + 1)
        profile = self.kernel.profile(np.arange(end) * step)
        sums = grid.sums_at_cells(profile).ravel()
        cells, share = grid.places(self.z)
        following = grid.flat((self.z * (1 / grid.delta)).astype(np.int64) + 1)
        interpolated = sums[cells] * (1 - share) + sums[following] * share
        # What the row itself contributes, binned and interpolated as the sums are.
        own = ((1 - share) ** 2 + share**2) * profile[0] + 2 * share * (1 - share) * profile[1]
        rounding = 1e-15 * grid.mass.sum(axis=1)[cells // grid.length] + 1e-14 * self.own_weights
        others = interpolated - self.own_weights * own
        with np.errstate(divide="ignore"):
            return np.log(np.where(others > rounding, others, 0.0))
