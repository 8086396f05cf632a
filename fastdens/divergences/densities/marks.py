"""Where to cut the axes for integrals over a model's density: at its kinks and jumps, and about its mass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.adaptive_kernel_density import AdaptiveKernelDensity
from fastdens.models.histogram import Histogram
from fastdens.models.kernel_density import KernelDensity
from fastdens.models.neighbors_density import KNeighborsDensity

# Distances from a centre in its standard deviations, by which quadrature finds a bell of any width.
BELL = np.array([-20.0, -12.0, -8.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0])
# The same in the plane, where panels multiply.
COARSE_BELL = np.array([-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0])
# Where an exponential kernel has fallen below rounding, with steps between.
EXPONENTIAL = np.array([-40.0, -20.0, -10.0, -5.0, -2.0, 0.0, 2.0, 5.0, 10.0, 20.0, 40.0])
# Kinks that are cut at one by one; of more points each is too small to matter, and quantiles take their place.
MOST_KINKS = 2**14
# Panels over smooth kernels, each two bandwidths wide, that are worth having.
MOST_PANELS = 2**14
# Marks per axis of the plane.
MOST_IN_PLANE = 24


def about(centres: np.ndarray, scales: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Marks at multiples of the scale about every centre."""
    return (np.asarray(centres)[:, None] + np.asarray(scales)[:, None] * pattern).reshape(-1)


def thinned(marks: np.ndarray, most: int) -> np.ndarray:
    """The outermost marks and evenly many between them."""
    marks = np.unique(marks)
    if len(marks) <= most:
        return marks
    return marks[np.unique(np.linspace(0, len(marks) - 1, most).round().astype(int))]


def quantiles_of(x: np.ndarray, count: int) -> np.ndarray:
    """Values of x at evenly spaced ranks, the smallest and the largest among them."""
    return thinned(np.sort(x), count)


def of_components(means: np.ndarray, covariances: np.ndarray) -> list[np.ndarray]:
    """Marks of a mixture of Gaussians, per axis."""
    n_features = means.shape[1]
    pattern = BELL if n_features == 1 else COARSE_BELL
    axes = [about(means[:, a], np.sqrt(covariances[:, a, a]), pattern) for a in range(n_features)]
    return [thinned(axis, MOST_KINKS if n_features == 1 else MOST_IN_PLANE) for axis in axes]


def of_model(model: Any) -> list[np.ndarray] | None:
    """Marks of a model that is not Gaussian, per axis; None for a model that is not of the package."""
    if isinstance(model, Histogram):
        return [edges.astype(np.float64) for edges in model.edges_]
    if isinstance(model, KernelDensity):
        return [_kernels_on_a_line(model)] if model.n_features_in_ == 1 else _kernels_in_space(model)
    if isinstance(model, AdaptiveKernelDensity):
        return [_adaptive_on_a_line(model)] if model.n_features_in_ == 1 else _kernels_in_space(model)
    if isinstance(model, KNeighborsDensity):
        return [_balls_on_a_line(model)] if model.n_features_in_ == 1 else _kernels_in_space(model)
    return None


def of_draws(X: np.ndarray) -> list[np.ndarray]:
    """Marks of a law known by draws."""
    most = 129 if X.shape[1] == 1 else MOST_IN_PLANE
    return [quantiles_of(X[:, a], most) for a in range(X.shape[1])]


def _one_bandwidth(model: Any) -> float:
    width = np.asarray(model.bandwidth_, dtype=np.float64)
    return math.sqrt(width.item()) if width.ndim == 2 else width.item()


def _kernels_in_space(model: Any) -> list[np.ndarray]:
    """Quantiles of the points, and some way beyond them."""
    axes = []
    for x in model.points_.T.astype(np.float64):
        spread = float(np.ptp(x)) or 1.0
        axes.append(np.append(quantiles_of(x, MOST_IN_PLANE - 2), [x.min() - 0.25 * spread, x.max() + 0.25 * spread]))
    return axes


def _kernels_on_a_line(model: KernelDensity) -> np.ndarray:
    points, h = model.points_.astype(np.float64), _one_bandwidth(model)
    boundary = model._boundary
    if boundary is not None:
        points = boundary.working(points)
    x = np.unique(points[:, 0])
    cuts = _cuts(x, np.full(len(x), h), model.kernel_)
    if boundary is None:
        return cuts
    ends = [end for end in (boundary.low[0], boundary.high[0]) if math.isfinite(end)]
    if boundary.is_linear:  # kernels change within reach of the bounds
        return np.concatenate([cuts, ends, *([end - h, end + h] for end in ends)])
    with np.errstate(over="ignore", under="ignore"):
        return np.append(boundary.unfold(cuts[:, None])[:, 0], ends)


def _cuts(x: np.ndarray, h: np.ndarray, kernel: str) -> np.ndarray:
    """Marks of kernels about points in ascending order, with bandwidths of their own."""
    if math.isfinite(KERNELS[kernel].support):
        reach = KERNELS[kernel].support * h
        if len(x) <= MOST_KINKS:
            inner = [x] if kernel == "linear" else []
            return np.concatenate([x - reach, x + reach, *inner])
        return np.concatenate([quantiles_of(x - reach, MOST_KINKS // 2), quantiles_of(x + reach, MOST_KINKS // 2)])
    if kernel == "exponential":
        ends = np.append(about(x[:1], h[:1], EXPONENTIAL), about(x[-1:], h[-1:], EXPONENTIAL))
        return np.append(ends, quantiles_of(x, MOST_KINKS))
    return _panels(x, h)


def _panels(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Cuts two bandwidths apart wherever a Gaussian kernel matters."""
    low, high = x - 9 * h, x + 9 * h
    start = np.append(True, low[1:] > np.maximum.accumulate(high)[:-1])  # clusters that no kernel joins
    first = np.flatnonzero(start)
    left = np.minimum.reduceat(low, first)
    right = np.maximum.reduceat(high, first)
    narrow = np.minimum.reduceat(h, first)
    with np.errstate(over="ignore"):
        counts = np.ceil((right - left) / (2 * narrow))
    if not (np.isfinite(counts).all() and counts.sum() <= MOST_PANELS):
        return np.concatenate([quantiles_of(x, MOST_PANELS // 4), quantiles_of(low, 512), quantiles_of(high, 512)])
    return np.concatenate([np.linspace(a, b, int(n) + 1) for a, b, n in zip(left, right, counts)])


def _adaptive_on_a_line(model: AdaptiveKernelDensity) -> np.ndarray:
    order = np.argsort(model.points_[:, 0], kind="stable")
    x = model.points_[order, 0].astype(np.float64)
    h = _one_bandwidth(model)
    own = h * model.factors_[order]
    cuts = _cuts(x, own, model.kernel_)
    if model.method_ == "mixture":
        cuts = np.append(cuts, _cuts(np.unique(x), np.full(len(np.unique(x)), h), model.kernel_))
    return cuts


def _balls_on_a_line(model: KNeighborsDensity) -> np.ndarray:
    """Where the k-th neighbour changes, and where its distance is least or that at which the tails begin."""
    x, k = np.sort(model.points_[:, 0].astype(np.float64)), model.n_neighbors_
    spread = max(float(x[-1] - x[0]), model.tail_start_)
    beyond = np.array([x[0] - spread, x[-1] + spread])
    if len(x) > MOST_KINKS // 4:
        return np.append(quantiles_of(x, MOST_KINKS), beyond)
    tail, floor = model.tail_start_, model.radius_floor_
    cuts = [x, x - tail, x + tail, x - floor, x + floor, beyond]
    for step in (k, k - 1):
        if 0 < step < len(x):
            cuts.append((x[:-step] + x[step:]) / 2)
    return np.concatenate(cuts)
