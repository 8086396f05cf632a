"""Kernel sums of points with images, behind the interface of `KernelSum`: queries are in the units of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core.monotone_inverse import Function
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.models.kernel_density.boundaries.boundary import Boundary
from fastdens.models.kernel_density.boundaries.linear_boundary import LinearBoundarySum
from fastdens.models.kernel_density.line_distribution import LineDistribution, TransformedDistribution, integrated

# Where more than this part of a sum is to be taken away again, too few digits would be left.
MOST_TAKEN_AWAY = 0.9
# Distances formed at a time where sums are recomputed.
DISTANCES_AT_ONCE = 1 << 20


class BoundedSum:
    """Points within bounds, prepared for sums over them and their images.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points within the bounds.
    kernel : SmoothingKernel
    bandwidth : Bandwidth
    weights : ndarray of shape (n_points,), optional
    boundary : Boundary
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth,
        weights: np.ndarray | None,
        boundary: Boundary,
    ) -> None:
        self.kernel, self.boundary = kernel, boundary
        self.n_points, self.n_features = X.shape
        self.bandwidth = boundary.smoothing(bandwidth, kernel)
        self.working = boundary.working(X)
        self.points, self.owners = boundary.images(self.working, self.bandwidth, kernel)
        self.weights = None if weights is None else weights[self.owners]
        self.inner = KernelSum(self.points, kernel, self.bandwidth, self.weights)
        # Sums are divided by the volume of the bandwidth that was given.
        self.log_factor = bandwidth.log_volume - self.bandwidth.log_volume

    def _queries(self, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.asarray(self.boundary.contains(Q).all(axis=1))
        W = self.boundary.working(Q[inside])
        return inside, np.ascontiguousarray(W.astype(self.points.dtype, copy=False))

    def evaluate(
        self, Q: np.ndarray, *, log: bool = False, own: np.ndarray | None = None, atol: float = 0.0, **options: Any
    ) -> np.ndarray:
        """Sums at the rows of Q, zero beyond the bounds; `own[j]` is the point that query j leaves out, or -1."""
        inside, W = self._queries(Q)
        atol *= float(np.exp(-max(self.log_factor, 0.0)))
        if self.boundary.is_transform:
            atol = 0.0  # an error in the other axis is another one here
        result = np.full(len(Q), -np.inf)
        if inside.any():
            sums = self.inner.evaluate(W, log=True, own=None if own is None else own[inside], atol=atol, **options)
            if own is not None:
                sums = self._without_own_images(sums, W, own[inside])
            result[inside] = sums + self.boundary.log_slope(Q[inside]) + self.log_factor
        return result if log else np.exp(result)

    def plan(self, Q: np.ndarray, *arguments: Any, **options: Any) -> Any:
        """The route that `evaluate` takes."""
        return self.inner.plan(self._queries(Q)[1], *arguments, **options)

    def _log_terms(self, difference: np.ndarray, weights: np.ndarray | float) -> np.ndarray:
        """ln of weight times kernel for differences (..., n_features)."""
        u2 = (self.bandwidth.whitened(difference) ** 2).sum(axis=-1)
        per_unit = self.kernel.log2_exponent
        with np.errstate(divide="ignore"):
            if per_unit is None:
                return np.log(weights * self.kernel.profile(np.sqrt(u2)))
            distance = np.sqrt(u2) if self.kernel.exponent_of_distance else u2
            return np.log(weights) + distance * (per_unit * np.log(2))

    def _without_own_images(self, logs: np.ndarray, W: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Take away the images of the points that are left out: a row's images are its own."""
        images = slice(self.n_points, None)
        query_of = np.full(self.n_points, -1)
        query_of[own[own >= 0]] = np.flatnonzero(own >= 0)
        query = query_of[self.owners[images]]
        wanted = query >= 0
        points, query = self.points[images][wanted].astype(np.float64), query[wanted]
        weights = 1.0 if self.weights is None else self.weights[images][wanted]
        with np.errstate(invalid="ignore", over="ignore"):
            parts = np.exp(self._log_terms(points - W[query], weights) - logs[query])
        parts = np.bincount(query, np.nan_to_num(parts, nan=0.0, posinf=np.inf), len(W))
        lossy = np.flatnonzero(~(parts <= MOST_TAKEN_AWAY))
        result = logs.copy()
        kept = parts <= MOST_TAKEN_AWAY
        result[kept] += np.log1p(-parts[kept])
        step = max(DISTANCES_AT_ONCE // (len(self.points) * self.n_features), 1)
        all_points = self.points.astype(np.float64, copy=False)
        all_weights = 1.0 if self.weights is None else self.weights
        for start in range(0, len(lossy), step):
            rows = lossy[start : start + step]
            terms = self._log_terms(W[rows][:, None, :] - all_points, all_weights)
            terms[self.owners == own[rows][:, None]] = -np.inf
            largest = terms.max(axis=1)
            safe = np.where(np.isfinite(largest), largest, 0.0)
            with np.errstate(divide="ignore"):
                result[rows] = safe + np.log(np.exp(terms - safe[:, None]).sum(axis=1))
        return result

    def draws(self, rng: np.random.Generator, n_samples: int, around: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Draws `around` the points of the coordinates of the estimate, brought back into the bounds."""
        return self.boundary.draws(around(self.working))

    def distribution(self, density: Function, n_threads: int | None) -> LineDistribution | TransformedDistribution:
        """Distribution function and quantiles of one feature."""
        sums = integrated(self.points, self.kernel, self.bandwidth, self.weights, n_threads)
        low, high = float(self.boundary.low[0]), float(self.boundary.high[0])
        if not self.boundary.is_transform:
            own = self.weights
            total = float(self.n_points if own is None else own[: self.n_points].sum())
            return LineDistribution(sums, density, low, high, total)
        log_scale = self.kernel.log_normaliser(1) + np.log(sums.bandwidth / sums.scale) + np.log(sums.total)

        def working_density(w: np.ndarray) -> np.ndarray:
            return np.exp(self.inner.evaluate(w[:, None], log=True, n_threads=n_threads) - log_scale)

        inner = LineDistribution(sums, working_density, -np.inf, np.inf, sums.total)
        return TransformedDistribution(inner, self.boundary, low, high)


def prepared_sums(
    X: np.ndarray,
    kernel: SmoothingKernel,
    bandwidth: Bandwidth,
    weights: np.ndarray | None,
    boundary: Boundary | None,
    metric: str = "euclidean",
) -> KernelSum | BoundedSum | LinearBoundarySum:
    """Sums over the points; over their images too, or with corrected kernels, where there is a boundary."""
    if boundary is None:
        return KernelSum(X, kernel, bandwidth, weights, metric=metric)
    if boundary.is_linear:
        return LinearBoundarySum(X, kernel, bandwidth, weights, boundary)
    return BoundedSum(X, kernel, bandwidth, weights, boundary)
