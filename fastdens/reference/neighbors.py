"""Nearest neighbours by comparing all pairs: the reference of `fastdens.neighbors.neighbors`."""

from __future__ import annotations

from typing import Any

import numpy as np


def _exponent(X: np.ndarray) -> int:
    return int(np.frexp(np.abs(X).max())[1]) - 1


def _squared_distances(q: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Squared distances from one query to all points: one term per feature, added first to last.

    In units of a power of two (which changes no digit) near the largest coordinate, so that no square underflows.
    """
    squared = np.zeros(len(X))
    for axis in range(X.shape[1]):
        squared += (X[:, axis] - q[axis]) ** 2
    return squared


class KDTree:
    """The rows of X, for nearest and fixed-radius neighbours in the Euclidean metric."""

    def __init__(self, X: Any, leaf_size: int = 32, *, n_threads: int | None = None):
        self.X = np.array(X, float)
        self.n_samples, self.n_features = self.X.shape
        self.leaf_size = leaf_size

    def query(self, Q: Any, k: int = 1, *, n_threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest points of each query, in order of (squared distance, index)."""
        return kneighbors(self.X, Q, k)

    def query_radius(
        self,
        Q: Any,
        r: Any,
        return_distance: bool = False,
        sort_results: bool = False,
        *,
        n_threads: int | None = None,
    ) -> Any:
        """Indices of all points at distance <= r of each query."""
        exponent = _exponent(self.X)
        X, Q = np.ldexp(self.X, -exponent), np.ldexp(np.asarray(Q, float), -exponent)
        indices, distances = np.empty(len(Q), object), np.empty(len(Q), object)
        for i, (q, radius) in enumerate(zip(Q, np.broadcast_to(r, len(Q)))):
            squared = _squared_distances(q, X)
            found = np.flatnonzero(np.ldexp(np.sqrt(squared), exponent) <= radius)
            if sort_results:
                found = found[np.argsort(squared[found], kind="stable")]
            indices[i], distances[i] = found, np.ldexp(np.sqrt(squared[found]), exponent)
        return (indices, distances) if return_distance else indices

    def count_radius(self, Q: Any, r: Any, *, n_threads: int | None = None) -> np.ndarray:
        """How many points are at distance <= r of each query."""
        return np.array([len(found) for found in self.query_radius(Q, r)], np.int64)


def kneighbors(
    X: Any, Q: Any = None, k: int = 5, *, exclude_self: bool = False, n_threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of X for each query, in order of (squared distance, index)."""
    exponent = _exponent(np.asarray(X, float))
    X = np.ldexp(np.asarray(X, float), -exponent)
    Q = X if Q is None else np.ldexp(np.asarray(Q, float), -exponent)
    distances, indices = np.empty((len(Q), k)), np.empty((len(Q), k), np.int64)
    for i, q in enumerate(Q):
        squared = _squared_distances(q, X)
        order = np.argsort(squared, kind="stable")
        order = order[order != i][:k] if exclude_self else order[:k]
        distances[i], indices[i] = np.ldexp(np.sqrt(squared[order]), exponent), order
    return distances, indices
