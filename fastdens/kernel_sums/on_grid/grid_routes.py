"""Kernel sums on a rectilinear grid: which values come from separable work, and which from sums point by point."""

from __future__ import annotations

import math

import numpy as np

from fastdens.kernel_sums.on_grid.grid_sums import LineGrid
from fastdens.kernel_sums.on_grid.grid_tensors import NodeTensor, product_cost, product_sums
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.problem import FULL_PRECISION

# Up to so many pairs a univariate grid is summed point by point; nanoseconds per pair there, and per point in cells.
SMALL_LINE, PAIR_NS, PER_PLACE_NS = 1 << 18, 0.8, 150.0
# What points and places cost where the sums at places that no point is near are formed one by one.
OPEN_NS = 1500.0


def grid_points(axes: list[np.ndarray], flat: np.ndarray | None = None) -> np.ndarray:
    """The points of a grid, the last axis fastest; those with the given flat numbers."""
    sizes = [len(axis) for axis in axes]
    places = np.unravel_index(np.arange(math.prod(sizes)) if flat is None else flat, sizes)
    return np.stack([axis[place] for axis, place in zip(axes, places, strict=True)], axis=1)


def log_grid_sums(
    prepared: KernelSum,
    X: np.ndarray,
    weights: np.ndarray | None,
    axes: list[np.ndarray],
    rtol: float,
    atol: float,
    n_threads: int | None,
) -> np.ndarray:
    """Natural logarithms of the kernel sums over X, whose shape is the lengths of the axes.

    Parameters
    ----------
    prepared : KernelSum
        The same points, with kernel and bandwidth.
    X : ndarray of shape (n_points, n_features)
    weights : ndarray of shape (n_points,), optional
    axes : list of ndarray
        One array of coordinates per feature, in any order.
    rtol, atol : float
        Largest error of each sum, guaranteed.
    """
    shape = tuple(len(axis) for axis in axes)
    if math.prod(shape) == 0:
        return np.empty(shape)
    ordered, back = zip(*(np.unique(axis, return_inverse=True) for axis in axes), strict=True)
    logs = _ordered_log_sums(prepared, X, weights, list(ordered), max(rtol, FULL_PRECISION), atol, n_threads)
    logs = logs.reshape([len(axis) for axis in ordered])
    return logs[np.ix_(*back)]


def _ordered_log_sums(
    prepared: KernelSum,
    X: np.ndarray,
    weights: np.ndarray | None,
    axes: list[np.ndarray],
    rtol: float,
    atol: float,
    n_threads: int | None,
) -> np.ndarray:
    separate = _separable_sums(prepared, X, weights, axes, rtol, atol, n_threads)
    if separate is None:
        return prepared.evaluate(grid_points(axes), log=True, rtol=rtol, atol=atol, n_threads=n_threads)
    sums, accepted = separate
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.maximum(sums, 0.0))
    open_still = np.flatnonzero(~accepted)
    if open_still.size:
        logs[open_still] = prepared.evaluate(
            grid_points(axes, open_still), log=True, rtol=rtol, atol=atol, n_threads=n_threads
        )
    return logs


def _separable_sums(
    prepared: KernelSum,
    X: np.ndarray,
    weights: np.ndarray | None,
    axes: list[np.ndarray],
    rtol: float,
    atol: float,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sums, flat, and whether each is within the tolerance; None where point by point is the way."""
    kernel, bandwidth = prepared.problem.kernel, prepared.problem.bandwidth
    (n, d), sizes = X.shape, [len(axis) for axis in axes]
    places = math.prod(sizes)
    if not kernel.is_product or not bandwidth.scales_axes or bandwidth.is_extreme:
        return None
    X = X.astype(np.float64, copy=False)
    if d == 1:
        if n * places <= SMALL_LINE or places * PER_PLACE_NS > n * min(places * PAIR_NS, 100.0):
            return None
        line = LineGrid(X.reshape(-1), float(bandwidth.widths[0]), weights, axes[0], n_threads)
        if not line.applies:
            return None
        sums, bounds = line.evaluate(rtol, atol)
        return sums, bounds >= 0
    bandwidths = bandwidth.widths
    by_product = product_cost(n, sizes)
    if d <= 3:
        nodes = NodeTensor(X, bandwidths, weights, axes, rtol, n_threads)
        if nodes.cost < by_product:
            sums, accepted = nodes.evaluate(rtol, atol)
            n_open = places - int(np.count_nonzero(accepted))
            # The matrix product is in full precision everywhere.
            if by_product < min((n + n_open) * OPEN_NS, n_open * n * PAIR_NS):
                exact, accepted_there = product_sums(X, bandwidths, weights, axes)
                sums = np.where(accepted, sums, exact)
                accepted |= accepted_there
            return sums, accepted
    return product_sums(X, bandwidths, weights, axes)
