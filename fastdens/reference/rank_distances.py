"""Distances to the neighbours of given ranks in plain NumPy: all pairs, sorted."""

from __future__ import annotations

import numpy as np


def distances_of_ranks(queries, points, ranks, leave_out_own):
    """From each query to its neighbours of these ranks, 1 for the nearest: (n_ranks, n_queries).

    Point i may be left out for query i.
    """
    squared = np.zeros((len(queries), len(points)))
    for q, p in zip(queries.T, points.T):  # first to last, as the compiled code sums them
        squared += (p - q[:, None]) ** 2
    if leave_out_own:
        np.fill_diagonal(squared, np.inf)
    return np.sqrt(np.sort(squared, axis=1).T[np.asarray(ranks) - 1])
