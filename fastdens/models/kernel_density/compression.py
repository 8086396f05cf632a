"""A kernel density estimate with fewer points, nearly the same everywhere, with the error stated."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fastdens.core import validation
from fastdens.core.sorting import sort_with_places
from fastdens.kernel_sums import compression
from fastdens.kernel_sums.kernels.registry import SmoothingKernel, check_able
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.models.kernel_density.estimate import Estimate

# Places where both estimates are compared: so many points, and so many on a grid over the data; and in how many of the
# heaviest cells the largest density is looked for.
COMPARED_POINTS, COMPARED_ON_GRID, PEAKS = 1000, 1000, 256
UNIT_ROUNDOFF = 2.0**-52


class Compressed(NamedTuple):
    """Points and weights in the place of more, a bound of the error as a share of the peak, and the largest found."""

    points: np.ndarray
    weights: np.ndarray
    error: float
    measured_error: float


def compress(estimate: Estimate, max_error: float, n_threads: int | None) -> Compressed:
    """Fewer points whose density is that of an estimate without bounds up to `max_error` times its largest."""
    max_error = validation.check_number(max_error, "max_error", above=0)
    check_able(estimate.kernel, "compress", "that is continuous, with its steepest slope known", _is_smooth)
    sums = _Comparison(estimate, n_threads)
    points, weights, error = sums.compressed(max_error)
    return Compressed(points, weights, error, sums.measured(points, weights))


def _is_smooth(kernel: SmoothingKernel) -> bool:
    return kernel.slope is not None and kernel.curvature is not None


class _Comparison:
    """The points of an estimate in bandwidths, with equal ones together, and the sums over them."""

    def __init__(self, estimate: Estimate, n_threads: int | None) -> None:
        self.kernel, self.bandwidth, self.n_threads = estimate.kernel, estimate.bandwidth, n_threads
        self.all_points = estimate.points64
        self.unit = float(np.finfo(estimate.points.dtype).eps)
        n = len(self.all_points)
        self.total = estimate.total
        if self.all_points.shape[1] == 1 and estimate.weights is None:  # then the order of equal rows is nothing
            order = sort_with_places(self.all_points[:, 0])[1]
        else:
            order = np.lexsort(self.all_points.T[::-1])
        ordered = self.all_points[order]
        new = np.ones(n, dtype=bool)
        new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        first = np.flatnonzero(new)
        self.points, self.rows = ordered[first], estimate.points[order[first]]
        own = np.ones(n) if estimate.weights is None else estimate.weights[order]
        self.weights = np.add.reduceat(own, first)
        self.sums = KernelSum(self.points, self.kernel, self.bandwidth, self.weights)
        self.origin = np.median(self.points, axis=0)
        self.root, self.inverse = self.bandwidth.root, self.bandwidth.to_white.T
        with np.errstate(over="ignore", invalid="ignore"):
            self.white = (self.points - self.origin) @ self.inverse.T
        self.peak = 0.0

    def at(self, Q: np.ndarray, sums: KernelSum | None = None) -> np.ndarray:
        """Sums at the rows of Q as shares of that at a place where all points lie."""
        sums = self.sums if sums is None else sums
        return sums.evaluate(np.ascontiguousarray(Q), n_threads=self.n_threads) / self.total

    def compressed(self, max_error: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Points, weights and the bound."""
        with np.errstate(invalid="ignore"):
            near = (np.abs(self.white) < compression.FAR).all(axis=1)
        white, shares = self.white[near], self.weights[near] / self.total
        unchanged = self.rows, self.weights, 0.0
        self.peak = self._peak(white, shares, near)
        if len(white) < 2:
            return unchanged
        rounding = self._rounding(self.points[near], shares, white)
        allowed = max_error * self.peak - rounding
        choice = compression.choose(white, shares, self.kernel, allowed) if allowed > 0 else None
        if choice is None:
            return unchanged
        nodes = compression.replace(white, shares, self.kernel, choice)
        error = (nodes.error + rounding) / self.peak
        if error > max_error or len(nodes.weights) >= len(white):
            return unchanged
        points = (self.origin + nodes.points @ self.root.T).astype(self.rows.dtype)
        kept = nodes.rows >= 0
        points[kept] = self.rows[near][nodes.rows[kept]]
        points = np.concatenate([points, self.rows[~near]])
        weights = np.concatenate([nodes.weights * self.total, self.weights[~near]])
        return points, weights * (self.total / weights.sum()), error

    def _peak(self, white: np.ndarray, shares: np.ndarray, near: np.ndarray) -> float:
        """A lower bound of the largest sum: it is at least what it is in the heaviest cells."""
        if not len(white):
            return float(self.at(self.points[:1])[0])
        cells = compression.Cells(white, shares, 1.0)
        heavy = np.argsort(-cells.mass, kind="stable")[:PEAKS]
        means = np.stack([np.bincount(cells.number, shares * c) for c in white.T], axis=1) / cells.mass[:, None]
        values = self.at(self.origin + means[heavy] @ self.root.T)
        return float(max(values.max(), shares.max())) * (1 - 1e-9)

    def _rounding(self, points: np.ndarray, shares: np.ndarray, white: np.ndarray) -> float:
        """What rounding adds: of points in bandwidths, of nodes in units of the data, and of the sums of weights."""
        size = np.abs(self.inverse)
        d = points.shape[1]
        span = np.abs(self.root).sum(axis=1) * compression.WIDTHS[0]
        moved = 2 * self.unit * (np.abs(points) + span) @ size.T
        moved += 8 * d * UNIT_ROUNDOFF * ((np.abs(points - self.origin) + span) @ size.T + 1)
        assert self.kernel.slope is not None
        return self.kernel.slope * float(shares @ np.sqrt((moved**2).sum(axis=1))) + UNIT_ROUNDOFF * len(points)

    def measured(self, points: np.ndarray, weights: np.ndarray) -> float:
        """Largest difference found, as a share of the peak."""
        d = points.shape[1]
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        per_axis = max(2, int(COMPARED_ON_GRID ** (1 / d) + 1e-9))
        step = max(1, len(self.points) // COMPARED_POINTS)
        queries = [self.points[::step]]
        if per_axis**d <= 2 * COMPARED_ON_GRID:
            with np.errstate(over="ignore", invalid="ignore"):
                axes = [np.linspace(a, b, per_axis) for a, b in zip(low, high, strict=True)]
            queries.append(np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1))
        Q = np.concatenate(queries)
        Q = Q[np.isfinite(Q).all(axis=1)]
        after = KernelSum(points.astype(np.float64), self.kernel, self.bandwidth, weights)
        difference = np.abs(self.at(Q) - self.at(Q, after)).max()
        return float(difference) / self.peak if math.isfinite(self.peak) else 0.0
