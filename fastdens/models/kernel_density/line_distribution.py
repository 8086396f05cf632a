"""The distribution of a kernel density estimate of one feature: its function and quantiles, by integrated sums."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from fastdens.core.monotone_inverse import Function, invert
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.integrated.integrated_sums import IntegratedSum
from fastdens.kernel_sums.kernels.registry import BEYOND_ZERO, SmoothingKernel
from fastdens.models.kernel_density.boundaries.boundary import Boundary


class Distribution(Protocol):
    """What is asked of a univariate distribution."""

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q; the ends of the support at 0 and 1."""


class LineDistribution:
    """Univariate points, smoothed, of which what lies in [low, high] counts.

    Parameters
    ----------
    sums : IntegratedSum
        The points, with their images beyond the bounds where there are any.
    density : callable
        The density itself, at an array of points.
    low, high : float
        Where the distribution begins and ends.
    total : float
        Weight between `low` and `high`.
    """

    def __init__(self, sums: IntegratedSum, density: Function, low: float, high: float, total: float) -> None:
        self.sums, self.density, self.low, self.high, self.total = sums, density, low, high, total
        self._below_low = self._below(low) if low > -math.inf else 0.0
        self._above_high = self._above(high) if high < math.inf else 0.0
        points, h = sums.points / sums.scale, sums.bandwidth / sums.scale
        first, last = float(points[0]), float(points[-1])
        self.support = low, high
        if sums.kernel.is_compact:
            self.support = max(low, first - h), min(high, last + h)

    def _below(self, x: float) -> float:
        return float(self.sums.evaluate(np.array([x]))[0])

    def _above(self, x: float) -> float:
        return float(self.sums.mirrored.evaluate(np.array([-x]))[0])

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""
        below = (self.sums.evaluate(np.clip(x, *self._finite)) - self._below_low) / self.total
        return np.where(x <= self.low, 0.0, np.where(x >= self.high, 1.0, np.clip(below, 0.0, 1.0)))

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""
        above = (self.sums.mirrored.evaluate(-np.clip(x, *self._finite)) - self._above_high) / self.total
        return np.where(x <= self.low, 1.0, np.where(x >= self.high, 0.0, np.clip(above, 0.0, 1.0)))

    @property
    def _finite(self) -> tuple[float, float]:
        largest = float(np.finfo(float).max)
        return max(self.low, -largest), min(self.high, largest)

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q; the ends of the support at 0 and 1."""
        sums, result = self.sums, np.empty(q.shape)
        result[q == 0], result[q == 1] = self.support
        inside = (q > 0) & (q < 1)
        wanted = q[inside]
        # Every point is smoothed over no more than the radius of the kernel, so the quantile of the points is near.
        place = np.searchsorted(sums.totals, self._below_low + wanted * self.total) - 1
        radius = sums.kernel.radius(BEYOND_ZERO) * sums.bandwidth
        last = len(sums.points) - 1
        points, around = sums.points, np.clip([place - 1, place, place + 1], 0, last)
        with np.errstate(over="ignore"):
            low = np.clip((points[around[0]] - radius) / sums.scale, *self._finite)
            high = np.clip((points[around[2]] + radius) / sums.scale, *self._finite)
        result[inside] = invert(
            self.lower, self.upper, self.density, wanted, low, high, points[around[1]] / sums.scale,
            sums.bandwidth / sums.scale,
        )  # fmt: skip
        return result


class TransformedDistribution:
    """A univariate distribution whose axis is a function of that of the data."""

    def __init__(self, inner: LineDistribution, boundary: Boundary, low: float, high: float) -> None:
        self.inner, self.boundary, self.low, self.high = inner, boundary, low, high

    def _at(self, x: np.ndarray, function: Function, first: float, last: float) -> np.ndarray:
        result = np.where(x <= self.low, first, last)
        inside = (x > self.low) & (x < self.high)
        result[inside] = function(self.boundary.working(x[inside, None])[:, 0])
        return result

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""
        return self._at(x, self.inner.lower, 0.0, 1.0)

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""
        return self._at(x, self.inner.upper, 1.0, 0.0)

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q."""
        with np.errstate(over="ignore"):
            return self.boundary.unfold(self.inner.quantiles(q)[:, None])[:, 0]


def integrated(
    points: np.ndarray,
    kernel: SmoothingKernel,
    bandwidth: Bandwidth,
    weights: np.ndarray | None,
    n_threads: int | None,
) -> IntegratedSum:
    """Sums of the integrated kernel over points of one feature."""
    h = float(bandwidth.widths[0])
    return IntegratedSum.of(points[:, 0], kernel, h, weights, n_threads)


def between(distribution: Distribution, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """P(low < value <= high), from the tails in which the interval lies."""
    probability = np.empty(len(low))
    in_upper = distribution.lower(low) > 0.5
    probability[in_upper] = distribution.upper(low[in_upper]) - distribution.upper(high[in_upper])
    probability[~in_upper] = distribution.lower(high[~in_upper]) - distribution.lower(low[~in_upper])
    return np.clip(probability, 0.0, 1.0)
