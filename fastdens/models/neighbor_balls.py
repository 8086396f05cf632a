"""Balls about places that reach the k-th nearest data point; with weights, the weight k."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.neighbors.neighbors import kneighbors

ENOUGH = 1 - 1e-9  # weights have reached k when they sum to this part of it: sums of weights are rounded
ENTRIES_AT_ONCE = 2**21  # of neighbour lists


def distinct_rows(X: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Distinct rows in lexicographic order, and their weights with mean 1 (None: all are equal)."""
    order = np.argsort(X[:, 0], kind="stable")
    if (np.diff(X[order, 0]) == 0).any():
        order = np.lexsort(X.T[::-1])
    points = X[order] + 0.0  # no negative zeros: equal rows have equal bits
    new = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    if weights is None and new.all():
        return points, None
    sums = np.add.reduceat(np.ones(len(X)) if weights is None else weights[order], np.flatnonzero(new))
    points = np.ascontiguousarray(points[new])
    return points, None if sums.min() == sums.max() else sums / sums.mean()


def radius_floor(points: np.ndarray, n_threads: int | None) -> float:
    """Half the smallest distance between two distinct rows; of a single row a small part of its size."""
    if len(points) > 1:
        smallest = float(kneighbors(points, k=1, exclude_self=True, n_threads=n_threads)[0].min()) / 2
    else:
        smallest = float(np.abs(points).max()) * 2.0**-26 or 1.0
    return max(smallest, float(np.finfo(float).tiny))


class NeighborBalls:
    """For each point of space, the ball about it in which the weight of the data reaches k.

    Parameters
    ----------
    tree : KDTree
        The distinct points.
    weights : ndarray of shape (n_points,) or None
        Their weights, with mean 1; None: all equal.
    k : int
    """

    def __init__(self, tree: Any, weights: np.ndarray | None, k: int, n_threads: int | None):
        self.tree, self.weights, self.k, self.n_threads = tree, weights, k, n_threads

    def radii(self, X: np.ndarray, own_weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Radius of each ball, and the weight in it.

        With `own_weights`, X are data points of these weights, each of which is left out: the others' weight has to
        reach the same fraction of theirs.
        """
        n_points = self.tree.n_samples
        radii, masses = np.empty(len(X)), np.full(len(X), float(self.k))
        if own_weights is None:
            targets = masses * ENOUGH
        else:
            targets = (own_weights + self.k * (1 - own_weights / n_points)) * ENOUGH
        if self.weights is None:
            n_neighbors = self.k if own_weights is None else min(n_points, self.k + 1)
            rows = max(1, ENTRIES_AT_ONCE // n_neighbors)
            for start in range(0, len(X), rows):
                distances, _ = self.tree.query(X[start : start + rows], n_neighbors, n_threads=self.n_threads)
                radii[start : start + rows] = distances[:, -1]
            return radii, masses
        open_rows, n_neighbors = np.arange(len(X)), min(n_points, self.k + self.k // 2 + 8)
        while open_rows.size:
            rows = max(1, ENTRIES_AT_ONCE // n_neighbors)
            unfinished = []
            for start in range(0, open_rows.size, rows):
                part = open_rows[start : start + rows]
                distances, indices = self.tree.query(X[part], n_neighbors, n_threads=self.n_threads)
                enclosed = np.cumsum(self.weights[indices], axis=1)
                if n_neighbors == n_points:
                    enclosed[:, -1] = np.inf  # all there is, whatever rounding made of it
                last = (enclosed < targets[part, None]).sum(axis=1)
                done = last < n_neighbors
                rows_done = np.flatnonzero(done)
                radii[part[done]] = distances[rows_done, last[done]]
                masses[part[done]] = np.clip(enclosed[rows_done, last[done]], self.k, max(n_points, self.k))
                unfinished.append(part[~done])
            open_rows, n_neighbors = np.concatenate(unfinished), min(n_points, 2 * n_neighbors)
        return radii, masses
