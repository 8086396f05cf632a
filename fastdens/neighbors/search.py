"""Points made ready for neighbour search, as a tree or for comparing all pairs, and the choice between the two.

Squared distances are summed over the features, first to last, in float64 without fused operations, and neighbours are
ordered by (squared distance, index). So results have the same bits for any number of threads, on any instruction
set, and by either route.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.neighbors import _kd_tree as kd_tree
from fastdens.neighbors._neighbor_groups import order_by_leaf
from fastdens.neighbors._neighbors import GROUP, LEAF_MULTIPLE, Points

QUERIES_PER_BLOCK = 256
LEVELS_OF_SUBTREES = 6  # the nodes of this level are built each by one thread
SCAN_SIZE = 256  # points per leaf of the row of leaves that brute force scans

# What the choice of the route rests on, in nanoseconds on one core (AVX-512 at 2.6 GHz, November 2026, timed by hand on
# normal samples); only the proportions matter.
BUILD_NS = 150.0  # per point
TREE_QUERY_NS, TREE_NEIGHBOR_NS = 250.0, 60.0  # per query and per neighbour, in few dimensions
INSERTION_NS = 18.0  # of a point that is nearer than those found before it; k (1 + ln(n / k)) are, in random order
SURE_DIMENSION = 4  # up to here a tree pays on any data
N_PILOT = 64

# Squares neither overflow nor underflow where the largest coordinate is within these bounds, with room for queries
# further away; other data are multiplied by a power of two.
SMALLEST_UNSCALED, LARGEST_UNSCALED = 2.0**-300, 2.0**300
# From a query further away than this, in the data's scale, all points are at the same distance in float64.
FAR = 2.0**500


def _scale_exponent(X: np.ndarray) -> int:
    """Exponent e such that X / 2^e can be squared; mostly 0."""
    largest = max(float(X.max(initial=0.0)), -float(X.min(initial=0.0)))
    if largest == 0 or SMALLEST_UNSCALED <= largest <= LARGEST_UNSCALED:
        return 0
    return math.frexp(largest)[1] - 1


def _scaled(X: np.ndarray, exponent: int) -> np.ndarray:
    if exponent == 0:
        return X
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(X, -exponent)


def build_tree(X: np.ndarray, leaf_size: int, n_threads: int) -> dict[str, np.ndarray]:
    """The arrays of a tree over scaled data; kd_tree.Builder says what they are."""
    n_samples, n_features = X.shape
    n_leaves = -(-n_samples // leaf_size)
    depth = (n_leaves - 1).bit_length()
    n_nodes = 2 ** (depth + 1) - 1
    arrays = {
        "indices": np.empty(n_leaves * leaf_size, np.int64),
        "points": np.empty(n_leaves * leaf_size * n_features),
        "starts": np.zeros(n_nodes, np.intp),
        "counts": np.zeros(n_nodes, np.intp),
        "kinds": np.zeros(n_nodes, np.intp),
        "axes": np.zeros(n_nodes, np.intp),
        "splits": np.zeros(n_nodes),
        "first_indices": np.zeros(n_nodes, np.int64),
        "boxes": np.zeros((n_nodes, 2, n_features)),
    }
    arrays["boxes"][0] = X.min(axis=0), X.max(axis=0)
    builder = kd_tree.Builder(X, leaf_size, np.zeros(n_samples), arrays)
    subtree_level = min(LEVELS_OF_SUBTREES, depth)
    build_ns = 10.0 * n_samples * (depth + 1) * (1 + n_features / 8)
    for level in range(subtree_level):
        run_blocks(partial(builder.split_level, level=level), 2**level, n_threads, build_ns / (depth + 1))
    run_blocks(partial(builder.build_subtrees, level=subtree_level), 2**subtree_level, n_threads, build_ns / 2)
    builder.finish()
    return arrays


def _distance_to_all(Q: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Distances of far queries to one point, without overflow on the way."""
    with np.errstate(over="ignore"):
        difference = Q / 2 - point / 2
        largest = np.abs(difference).max(axis=1, keepdims=True)
        return 2 * (largest[:, 0] * np.sqrt(((difference / largest) ** 2).sum(axis=1)))


def _limits(radii: np.ndarray, scale: float) -> np.ndarray:
    """The smallest squared distances that are not within the radii: sqrt(s) * scale <= r exactly where s < limit."""
    with np.errstate(over="ignore", under="ignore"):
        largest = (radii / scale) ** 2
        while True:
            above = np.nextafter(largest, np.inf)
            step = (np.sqrt(above) * scale <= radii) & (largest < np.inf)
            if not step.any():
                break
            largest = np.where(step, above, largest)
        while True:
            step = np.sqrt(largest) * scale > radii
            if not step.any():
                return np.nextafter(largest, np.inf)
            largest = np.where(step, np.nextafter(largest, 0), largest)


def _pair_ns(n_features: int) -> float:
    """Estimated nanoseconds for one query and one point."""
    return 0.3 + 0.12 * n_features


class Searcher:
    """Points in the form that compiled code searches, as a tree or, without one, as a row of leaves; immutable."""

    def __init__(self, n_samples: int, n_features: int, leaf_size: int, exponent: int, arrays: dict[str, np.ndarray]):
        for array in arrays.values():
            array.flags.writeable = False
        self.n_samples, self.n_features, self.leaf_size = n_samples, n_features, leaf_size
        self.exponent, self.arrays = exponent, arrays
        self.points = Points(n_samples, n_features, leaf_size, self.scale, arrays)
        self.is_tree = "starts" in arrays

    @classmethod
    def tree(cls, X: np.ndarray, leaf_size: int, n_threads: int) -> Searcher:
        exponent = _scale_exponent(X)
        n_samples, n_features = X.shape
        return cls(n_samples, n_features, leaf_size, exponent, build_tree(_scaled(X, exponent), leaf_size, n_threads))

    @classmethod
    def brute(cls, X: np.ndarray) -> Searcher:
        exponent = _scale_exponent(X)
        n_samples, n_features = X.shape
        size = min(SCAN_SIZE, -(-n_samples // LEAF_MULTIPLE) * LEAF_MULTIPLE)
        n_leaves = -(-n_samples // size)
        points = np.full((n_leaves * size, n_features), np.inf)
        points[:n_samples] = _scaled(X, exponent)
        points = np.ascontiguousarray(points.reshape(n_leaves, size, n_features).transpose(0, 2, 1)).reshape(-1)
        return cls(n_samples, n_features, size, exponent, {"indices": np.arange(n_leaves * size), "points": points})

    @property
    def scale(self) -> float:
        return math.ldexp(1.0, self.exponent)

    def estimated_ns(self, n_queries: int, k: float = 10) -> float:
        per_query = 30.0 * k + (16 * self.leaf_size if self.is_tree else self.n_samples) * _pair_ns(self.n_features)
        return n_queries * per_query

    def prepare(self, Q: np.ndarray, n_threads: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray]:
        """Scaled queries, which of them are far (None: none), the order to take them in, their leaves in that order."""
        scaled = _scaled(Q, self.exponent)
        far = None
        if scaled.size and max(scaled.max(), -scaled.min()) > FAR:
            far = (np.abs(scaled) > FAR).any(axis=1)
            scaled = np.clip(scaled, -FAR, FAR)
        n_queries = len(scaled)
        if not self.is_tree:
            return scaled, far, np.arange(n_queries), np.zeros(n_queries, np.intp)
        leaves = np.empty(n_queries, np.intp)
        run_blocks(
            lambda queue: self.points.locate(queue, scaled, 4096, leaves),
            -(-n_queries // 4096),
            n_threads,
            100.0 * n_queries,
        )
        order, sorted_leaves = np.empty(n_queries, np.int64), np.empty(n_queries, np.intp)
        order_by_leaf(leaves, np.zeros(self.n_samples // self.leaf_size + 2, np.intp), order, sorted_leaves)
        return scaled, far, order, sorted_leaves

    def prepare_own(self, X: np.ndarray) -> tuple[np.ndarray, None, np.ndarray, np.ndarray]:
        """The same for the data themselves."""
        n_samples = self.n_samples
        order = self.arrays["indices"][:n_samples] if self.is_tree else np.arange(n_samples)
        leaves = np.arange(n_samples) // self.leaf_size if self.is_tree else np.zeros(n_samples, np.intp)
        return _scaled(X, self.exponent), None, order, leaves

    def nearest(
        self, Q: np.ndarray, prepared: tuple, k: int, n_threads: int, exclude_self: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        scaled, far, order, leaves = prepared
        n_queries = len(scaled)
        distances, indices = np.empty((n_queries, k)), np.empty((n_queries, k), np.int64)
        block_size = QUERIES_PER_BLOCK if self.is_tree else GROUP
        with np.errstate(over="ignore"):
            run_blocks(
                lambda queue: self.points.nearest(
                    queue, scaled, order, leaves, block_size, k, exclude_self, distances, indices
                ),
                -(-n_queries // block_size),
                n_threads,
                self.estimated_ns(n_queries, k),
            )
        if far is not None:
            distances[far] = _distance_to_all(Q[far], self.point(0))[:, None]
        return distances, indices

    def point(self, row: int) -> np.ndarray:
        """One of the points, in the data's own scale."""
        place = int(np.flatnonzero(self.arrays["indices"] == row)[0])
        start, stride = place // self.leaf_size * self.leaf_size, self.leaf_size
        if self.is_tree:
            node = int(
                np.flatnonzero(
                    (self.arrays["kinds"] > 0)
                    & (self.arrays["starts"] <= place)
                    & (place < self.arrays["starts"] + self.arrays["counts"])
                )[0]
            )
            start = int(self.arrays["starts"][node])
            stride = -(-int(self.arrays["counts"][node]) // self.leaf_size) * self.leaf_size
        first = start * self.n_features + place - start
        return np.ldexp(self.arrays["points"][first : first + stride * self.n_features : stride], self.exponent)

    def n_leaves_compared(self, Q: np.ndarray, k: int) -> int:
        """How many comparisons of a leaf with a group of queries it takes to find the nearest neighbours of Q."""
        scaled, _, order, leaves = self.prepare(Q, 1)
        distances, indices = np.empty((len(Q), k)), np.empty((len(Q), k), np.int64)
        n_compared: list[int] = []
        run_blocks(
            lambda queue: n_compared.append(
                self.points.nearest(queue, scaled, order, leaves, len(Q), k, False, distances, indices)
            ),
            1,
        )
        return n_compared[0]

    def _radius_limits(self, Q: np.ndarray, far: np.ndarray | None, radii: np.ndarray) -> np.ndarray:
        limits = _limits(radii, self.scale)
        if far is not None:
            limits[far] = np.where(_distance_to_all(Q[far], self.point(0)) <= radii[far], np.inf, 0.0)
        return limits

    def count(self, Q: np.ndarray, radii: np.ndarray, n_threads: int) -> np.ndarray:
        scaled, far, order, leaves = self.prepare(Q, n_threads)
        counts = np.zeros(len(Q), np.int64)
        limits = self._radius_limits(Q, far, radii)
        block_size = QUERIES_PER_BLOCK if self.is_tree else GROUP
        run_blocks(
            lambda queue: self.points.count(queue, scaled, order, leaves, block_size, limits, counts),
            -(-len(Q) // block_size),
            n_threads,
            self.estimated_ns(len(Q)),
        )
        return counts

    def collect(
        self, Q: np.ndarray, radii: np.ndarray, by_distance: bool, n_threads: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each query's points begin (n_queries + 1), their indices and distances."""
        scaled, far, order, leaves = self.prepare(Q, n_threads)
        limits = self._radius_limits(Q, far, radii)
        counts = np.zeros(len(Q), np.int64)
        block_size = QUERIES_PER_BLOCK if self.is_tree else GROUP
        n_blocks = -(-len(Q) // block_size)
        run_blocks(
            lambda queue: self.points.count(queue, scaled, order, leaves, block_size, limits, counts),
            n_blocks,
            n_threads,
            self.estimated_ns(len(Q)),
        )
        row_starts = np.concatenate([[0], np.cumsum(counts)])
        n_found = int(row_starts[-1])
        indices, distances = np.empty(n_found, np.int64), np.empty(n_found)
        if n_found:
            run_blocks(
                lambda queue: self.points.collect(
                    queue,
                    scaled,
                    order,
                    leaves,
                    block_size,
                    limits,
                    by_distance,
                    row_starts,
                    indices,
                    distances,
                ),
                n_blocks,
                n_threads,
                self.estimated_ns(len(Q)) + 20.0 * n_found,
            )
        if far is not None:
            of_far = np.repeat(far, counts)
            distances[of_far] = np.repeat(_distance_to_all(Q[far], self.point(0)), counts[far])
        return row_starts, indices, distances


def fastest_searcher(X: np.ndarray, Q: np.ndarray, k: int, n_threads: int) -> Searcher:
    """A tree where it saves time; what it saves in many dimensions is found out by a few of the queries."""
    n_samples, n_features = X.shape
    insertions = k * (1 + math.log(n_samples / k))
    all_pairs_ns = len(Q) * (n_samples * _pair_ns(n_features) + INSERTION_NS * insertions)
    tree_ns = BUILD_NS * n_samples + (TREE_QUERY_NS + TREE_NEIGHBOR_NS * k) * len(Q)
    if all_pairs_ns < (tree_ns if n_features <= SURE_DIMENSION else 2 * tree_ns):
        return Searcher.brute(X)
    tree = Searcher.tree(X, LEAF_MULTIPLE if n_features == 1 else 2 * LEAF_MULTIPLE, n_threads)
    if n_features > SURE_DIMENSION:
        pilot = np.ascontiguousarray(Q[:: -(-len(Q) // N_PILOT)])
        n_compared = tree.n_leaves_compared(pilot, k) * tree.leaf_size / len(pilot)
        if 1.5 * n_compared > n_samples:
            return Searcher.brute(X)
    return tree
