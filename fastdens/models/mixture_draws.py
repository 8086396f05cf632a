"""Draws from a mixture of normal distributions."""

from __future__ import annotations

import numpy as np

from fastdens.core.random_blocks import ROWS_PER_BLOCK, Categories, Lanes, PaddedMatrices, draw_in_blocks

# Nanoseconds per normal number.
NORMAL_NS = 3.0


def mixture_draws(
    rng: np.random.Generator,
    n_samples: int,
    shares: np.ndarray,
    means: np.ndarray,
    spread: list[np.ndarray],
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws in random order, and the component of each.

    `spread` gives normal rows the covariance of a component: upper triangular matrices from the right, one for all
    perhaps, or factors.
    """
    d = means.shape[1]
    if spread[0].ndim == 2 and not PaddedMatrices.hold(len(spread), d):
        return _draws_by_component(rng, n_samples, shares, means, spread, n_threads)
    draws, labels = np.empty((n_samples, d)), np.empty(n_samples, dtype=np.intp)
    categories = Categories(shares)
    matrices = PaddedMatrices(spread) if spread[0].ndim == 2 else None
    scales = np.empty(means.shape)
    if matrices is None:
        for k, factors in enumerate(spread):
            scales[k] = factors

    def draw(stream: np.random.Generator, first: int, end: int) -> None:
        lanes = Lanes(stream)
        labels[first:end] = picks = lanes.categories(categories, end - first)
        if matrices is None:
            lanes.fill_normals_around(means, scales, picks, draws[first:end])
        else:
            lanes.fill_normals_by_matrix(means, matrices, picks, draws[first:end])

    draw_in_blocks(rng, n_samples, draw, NORMAL_NS * (d + 1), n_threads)
    return draws, labels


def _draws_by_component(
    rng: np.random.Generator,
    n_samples: int,
    shares: np.ndarray,
    means: np.ndarray,
    spread: list[np.ndarray],
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The same with products of matrices, for matrices too large to have them all at hand."""
    n_components, d = means.shape
    noise, order = np.empty((n_samples, d)), np.empty(n_samples, dtype=np.intp)
    counts = np.zeros((-(-n_samples // ROWS_PER_BLOCK), n_components), dtype=np.intp)

    def draw(stream: np.random.Generator, first: int, end: int) -> None:
        counts[first // ROWS_PER_BLOCK] = stream.multinomial(end - first, shares)
        Lanes(stream).fill_normals(noise[first:end])
        order[first:end] = stream.permutation(end - first)

    draw_in_blocks(rng, n_samples, draw, NORMAL_NS * (d + 4), n_threads)
    draws, labels = np.empty((n_samples, d)), np.empty(n_samples, dtype=np.intp)
    for block, of_components in enumerate(counts):
        part = slice(block * ROWS_PER_BLOCK, (block + 1) * ROWS_PER_BLOCK)
        rows, ends = noise[part], np.cumsum(of_components)
        for k, end in enumerate(ends):  # in place, in the order of components
            run = rows[end - of_components[k] : end]
            run[:] = run @ spread[k if len(spread) > 1 else 0] + means[k]
        rows.take(order[part], axis=0, out=draws[part], mode="clip")
        np.repeat(np.arange(n_components), of_components).take(order[part], out=labels[part], mode="clip")
    return draws, labels
