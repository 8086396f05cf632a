"""Distances to the k-th neighbour, where bandwidths follow them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.models.neighbor_balls import NeighborBalls, distinct_rows, radius_floor
from fastdens.neighbors.neighbors import KDTree

# The k-th neighbour is within reach of a kernel of that bandwidth, whatever rounding does.
REACHING = 1 + 1e-12
LARGEST_RADIUS = 2.0**1023  # from where on no distance is told from another


def search_among(
    data: np.ndarray,
    weights: np.ndarray | None,
    bandwidth: Bandwidth,
    n_neighbors: int | str,
    n_threads: int | None,
) -> dict[str, Any]:
    """A tree of the distinct rows, their weights, the smallest radius and k; "auto" is the root of their number."""
    points, ball_weights = distinct_rows(bandwidth.isotropic(data), weights)
    k = math.ceil(math.sqrt(len(points))) if isinstance(n_neighbors, str) else int(n_neighbors)
    return {
        "_tree": KDTree(points, n_threads=n_threads),
        "_ball_weights": ball_weights,
        "_floor": radius_floor(points, n_threads),
        "n_neighbors_": min(k, len(points)),
    }


def radii_at(
    rows: np.ndarray,
    search: Mapping[str, Any],
    bandwidth: Bandwidth,
    n_threads: int | None,
    *,
    besides: int = 0,
    own_weights: np.ndarray | None = None,
) -> np.ndarray:
    """Distance to the k-th neighbour, `besides` so many rows; rows of `own_weights` are left out themselves."""
    tree = search["_tree"]
    k = min(search["n_neighbors_"] + besides, tree.n_samples)
    balls = NeighborBalls(tree, search["_ball_weights"], k, n_threads)
    radii, _ = balls.radii(bandwidth.isotropic(rows), own_weights)
    return np.clip(radii, search["_floor"], LARGEST_RADIUS) * REACHING
