"""Distances to the k-th neighbour, where bandwidths follow them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.models.neighbor_balls import NeighborBalls, distinct_rows, radius_floor
from fastdens.neighbors.neighbors import KDTree

# The k-th neighbour is within the radius of a kernel of that bandwidth, whatever rounding does.
REACHING = 1 + 1e-12
LARGEST_RADIUS = 2.0**1023  # from where on no distance is told from another


class NeighborSearch(NamedTuple):
    """A tree of the distinct rows in bandwidths, their weights, the smallest radius and k."""

    tree: KDTree
    ball_weights: np.ndarray | None
    floor: float
    k: int

    def radii(
        self,
        rows: np.ndarray,
        bandwidth: Bandwidth,
        n_threads: int | None,
        *,
        besides: int = 0,
        own_weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Distance to the k-th neighbour, `besides` so many rows; rows of `own_weights` are left out themselves."""
        k = min(self.k + besides, self.tree.n_samples)
        balls = NeighborBalls(self.tree, self.ball_weights, k, n_threads)
        radii, _ = balls.radii(bandwidth.isotropic(rows), own_weights)
        return np.clip(radii, self.floor, LARGEST_RADIUS) * REACHING


def search_among(
    data: np.ndarray,
    weights: np.ndarray | None,
    bandwidth: Bandwidth,
    n_neighbors: int | str,
    n_threads: int | None,
) -> NeighborSearch:
    """A search for neighbours among the rows; "auto" is the root of the number of distinct ones."""
    points, ball_weights = distinct_rows(bandwidth.isotropic(data), weights)
    k = math.ceil(math.sqrt(len(points))) if isinstance(n_neighbors, str) else int(n_neighbors)
    tree = KDTree(points, n_threads=n_threads)
    return NeighborSearch(tree, ball_weights, radius_floor(points, n_threads), min(k, len(points)))
