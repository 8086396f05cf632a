"""Distances to the neighbours of given ranks in plain NumPy: all pairs, sorted."""

from __future__ import annotations

import numpy as np


def distances_of_ranks(queries, points, ranks, coincident_rank, leave_out_own):
    """From each query to its neighbours of these ranks, 1 for the nearest: (n_ranks, n_queries).

    Besides, whether the neighbour of the next rank is as far away, (n_ranks, n_queries), and whether `coincident_rank`
    points are where the query is. Point i may be left out for query i.
    """
    squared = np.zeros((len(queries), len(points)))
    for q, p in zip(queries.T, points.T):  # first to last, as the compiled code sums them
        squared += (p - q[:, None]) ** 2
    if leave_out_own:
        np.fill_diagonal(squared, np.inf)
    by_rank = np.pad(np.sqrt(np.sort(squared, axis=1)), ((0, 0), (0, 1)), constant_values=np.inf).T
    distances = by_rank[np.asarray(ranks) - 1]
    return distances, by_rank[np.asarray(ranks)] == distances, (by_rank == 0).sum(axis=0) >= coincident_rank
