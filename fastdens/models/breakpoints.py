"""Where to cut the axes for integrals over a density: at its kinks and jumps, and about its mass."""

from __future__ import annotations

import math

import numpy as np

from fastdens.kernel_sums.kernels.registry import ROUNDING, SmoothingKernel

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
# Breakpoints per axis of the plane.
MOST_IN_PLANE = 24


def about(centres: np.ndarray, scales: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Places at multiples of the scale about every centre."""
    return (np.asarray(centres)[:, None] + np.asarray(scales)[:, None] * pattern).reshape(-1)


def thinned(places: np.ndarray, most: int) -> np.ndarray:
    """The outermost places and evenly many between them."""
    places = np.unique(places)
    if len(places) <= most:
        return places
    return places[np.unique(np.linspace(0, len(places) - 1, most).round().astype(int))]


def quantiles_of(x: np.ndarray, count: int) -> np.ndarray:
    """Values of x at evenly spaced ranks, the smallest and the largest among them."""
    return thinned(np.sort(x), count)


def of_components(means: np.ndarray, covariances: np.ndarray) -> list[np.ndarray]:
    """Breakpoints of a mixture of Gaussians, per axis."""
    n_features = means.shape[1]
    pattern = BELL if n_features == 1 else COARSE_BELL
    axes = [about(means[:, a], np.sqrt(covariances[:, a, a]), pattern) for a in range(n_features)]
    return [thinned(axis, MOST_KINKS if n_features == 1 else MOST_IN_PLANE) for axis in axes]


def of_draws(X: np.ndarray) -> list[np.ndarray]:
    """Breakpoints of a distribution known by draws."""
    most = 129 if X.shape[1] == 1 else MOST_IN_PLANE
    return [quantiles_of(X[:, a], most) for a in range(X.shape[1])]


def about_points(points: np.ndarray) -> list[np.ndarray]:
    """Breakpoints of an estimate from points in two dimensions: their quantiles, and some way beyond them."""
    axes = []
    for x in points.T.astype(np.float64):
        spread = float(np.ptp(x)) or 1.0
        axes.append(np.append(quantiles_of(x, MOST_IN_PLANE - 2), [x.min() - 0.25 * spread, x.max() + 0.25 * spread]))
    return axes


def of_kernels(x: np.ndarray, h: np.ndarray, kernel: SmoothingKernel) -> np.ndarray:
    """Breakpoints of kernels about points in ascending order, with bandwidths of their own."""
    if kernel.is_compact:
        radius = kernel.support * h
        if len(x) <= MOST_KINKS:
            inner = [x] if math.isfinite(kernel.centre_order) else []
            return np.concatenate([x - radius, x + radius, *inner])
        return np.concatenate([quantiles_of(x - radius, MOST_KINKS // 2), quantiles_of(x + radius, MOST_KINKS // 2)])
    if kernel.kink_at_centre:
        ends = np.append(about(x[:1], h[:1], EXPONENTIAL), about(x[-1:], h[-1:], EXPONENTIAL))
        return np.append(ends, quantiles_of(x, MOST_KINKS))
    return _panels(x, h, kernel.radius(ROUNDING))


def _panels(x: np.ndarray, h: np.ndarray, radius: float) -> np.ndarray:
    """Cuts two bandwidths apart wherever a smooth kernel matters, up to `radius` bandwidths."""
    low, high = x - radius * h, x + radius * h
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
