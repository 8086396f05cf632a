"""Univariate nearest neighbours: points and queries are sorted, and each query looks to both sides."""

from __future__ import annotations

import numpy as np

from fastdens.core.sorting import sort_with_places
from fastdens.core.threads import run_blocks
from fastdens.neighbors import _line_neighbors as compiled

# Sorting is worth it from so many queries on; below, the tree or all pairs answer.
FEWEST_QUERIES = 64
# Differences of numbers up to here are finite.
LARGEST = 1e300
# Nanoseconds per query and per neighbour on one core (Intel Xeon, Sapphire Rapids class, November 2026), to decide
# whether threads are worth waking.
QUERY_NS, NEIGHBOR_NS = 30.0, 4.0


def applies(X: np.ndarray, Q: np.ndarray) -> bool:
    """Whether `nearest_on_a_line` takes these points and queries."""
    if X.shape[1] != 1 or len(Q) < FEWEST_QUERIES:
        return False
    return bool(max(np.abs(X).max(), np.abs(Q).max()) < LARGEST)


def nearest_on_a_line(
    X: np.ndarray, Q: np.ndarray | None, k: int, exclude_self: bool, n_threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the k nearest rows of X to each row of Q (None: of X), as `kneighbors` has them."""
    points, order = sort_with_places(X[:, 0], n_threads)
    new_run = np.append(True, points[1:] != points[:-1])
    starts = np.flatnonzero(new_run)
    if len(starts) < len(points):  # equal points are sorted by their indices
        order = order[np.lexsort((order, np.cumsum(new_run)))]
    run = np.cumsum(new_run) - 1
    runs = np.array([starts[run], np.append(starts[1:], len(points))[run]])
    queries, query_order = (points, order) if Q is None else sort_with_places(Q[:, 0], n_threads)
    distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
    run_blocks(
        lambda queue: compiled.nearest(
            points, order, runs, queries, query_order, exclude_self, k, distances, indices, queue
        ),
        -(-len(queries) // compiled.QUERIES_PER_BLOCK),
        n_threads,
        (QUERY_NS + NEIGHBOR_NS * k) * len(queries),
    )
    return distances, indices
