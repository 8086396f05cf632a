"""Draws from a kernel density."""

from __future__ import annotations

import numpy as np

from fastdens.engines import metrics
from fastdens.random_blocks import Categories, draw_in_blocks
from fastdens.smoothing_kernels import SmoothingKernel

# Nanoseconds per number drawn.
NUMBER_NS = 20.0


def kernel_draws(
    rng: np.random.Generator,
    n_samples: int,
    points: np.ndarray,
    weights: np.ndarray | None,
    kernel: SmoothingKernel,
    bandwidth: float | np.ndarray,
    n_threads: int | None,
    metric: str = "euclidean",
) -> np.ndarray:
    """A point at random by weight plus noise with the kernel's law, `n_samples` times, in the points' precision."""
    n, d = points.shape
    draws = np.empty((n_samples, d), dtype=points.dtype)
    categories = None if weights is None else Categories(weights)
    # Whole numbers of 32 bits are drawn in half the time.
    integer = np.uint32 if n <= 2**32 - 1 else np.int64
    factor = np.linalg.cholesky(bandwidth).T if np.ndim(bandwidth) == 2 else None
    noise_of_all = None if factor is None else np.empty((n_samples, d))

    def draw(stream: np.random.Generator, first: int, end: int) -> None:
        rows = (
            stream.integers(0, n, end - first, dtype=integer)
            if categories is None
            else categories.draw(stream, end - first)
        )
        if metric != "euclidean":
            draws[first:end] = metrics.draw(stream, points.take(rows, axis=0), kernel, metric, bandwidth)
            return
        if factor is None and kernel.name == "gaussian":
            # In place, without another array.
            part = draws[first:end]
            stream.standard_normal(out=part, dtype=part.dtype)
            np.multiply(part, bandwidth, out=part, casting="same_kind")
            part += points.take(rows, axis=0)
            return
        noise = kernel.sample(stream, end - first, d)
        if noise_of_all is not None:
            noise_of_all[first:end] = noise
            draws[first:end] = points.take(rows, axis=0)
            return
        noise *= bandwidth
        np.add(points.take(rows, axis=0), noise, out=draws[first:end], casting="same_kind")

    draw_in_blocks(rng, n_samples, draw, NUMBER_NS * (d + 1), n_threads)
    if noise_of_all is not None and factor is not None:
        np.add(draws, noise_of_all @ factor, out=draws, casting="same_kind")
    return draws
