"""Draws from a kernel density."""

from __future__ import annotations

import numpy as np

from fastdens.core.random_blocks import Categories, Lanes, PaddedMatrices, draw_in_blocks
from fastdens.kernel_sums.kernels import metrics
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.estimate import Estimate

# Nanoseconds per number drawn: normal ones, others.
NORMAL_NS, NUMBER_NS = 3.0, 20.0


def sample(estimate: Estimate, rng: np.random.Generator, n_samples: int, n_threads: int | None) -> np.ndarray:
    """Draws of shape (n_samples, n_features), within the bounds, in the points' precision."""

    def around(points: np.ndarray) -> np.ndarray:
        return _draws_around(points, estimate, rng, n_samples, n_threads)

    if estimate.boundary is None:
        return around(estimate.points)
    return rounded(estimate.sums.draws(rng, n_samples, around), estimate.points.dtype)


def _draws_around(
    points: np.ndarray, estimate: Estimate, rng: np.random.Generator, n_samples: int, n_threads: int | None
) -> np.ndarray:
    """A point at random by weight plus noise with the kernel's distribution, in the points' precision."""
    weights, kernel, bandwidth, metric = estimate.weights, estimate.kernel, estimate.bandwidth, estimate.metric
    points = np.ascontiguousarray(points)
    n, d = points.shape
    draws = np.empty((n_samples, d), dtype=points.dtype)
    categories = None if weights is None else Categories(weights)
    factor = None if bandwidth.scales_axes else bandwidth.root.T
    is_normal = metric == "euclidean" and kernel.is_product
    if factor is None and is_normal:
        scales = bandwidth.widths.reshape(1, d)
    matrices = None
    if factor is not None and is_normal and points.dtype == np.float64 and PaddedMatrices.hold(1, d):
        matrices = PaddedMatrices([factor])
    noise_of_all = None if factor is None or matrices is not None else np.empty((n_samples, d))

    def draw(stream: np.random.Generator, first: int, end: int) -> None:
        lanes, part = Lanes(stream), draws[first:end]
        rows = lanes.integers(n, end - first) if categories is None else lanes.categories(categories, end - first)
        if metric != "euclidean":
            part[:] = metrics.draw(stream, points.take(rows, axis=0), kernel, metric, bandwidth)
        elif matrices is not None:
            lanes.fill_normals_by_matrix(points, matrices, rows, part)
        elif noise_of_all is not None:
            part[:] = points.take(rows, axis=0)
            if is_normal:
                lanes.fill_normals(noise_of_all[first:end])
            else:
                noise_of_all[first:end] = kernel.sample(stream, end - first, d)
        elif is_normal:
            lanes.fill_normals_around(points, scales, rows, part)
        else:
            noise = bandwidth.coloured(kernel.sample(stream, end - first, d))
            np.add(points.take(rows, axis=0), noise, out=part, casting="same_kind")

    draw_in_blocks(rng, n_samples, draw, (NORMAL_NS if is_normal else NUMBER_NS) * (d + 1), n_threads)
    if noise_of_all is not None and factor is not None:
        np.add(draws, noise_of_all @ factor, out=draws, casting="same_kind")
    return draws
