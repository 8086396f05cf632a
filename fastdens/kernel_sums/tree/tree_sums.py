"""Kernel sums over a kd-tree, for two features and more: scattered queries, every kernel, a certificate per query.

Polynomial kernels are summed in closed form over the nodes wholly inside a query's ball, from moments about the
nodes' centres; other nodes are bounded by the kernel at their nearest point, and summed point by point, nearest first,
until the rest cannot exceed the tolerance (after Gray and Moore 2003, with bounds per query).
"""

from __future__ import annotations

import numpy as np

from fastdens.core.threads import check_n_threads, run_blocks
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct.direct_sums import SMALL_SUM
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.planning.costs import TREE_QUERY_NS
from fastdens.kernel_sums.tree import _tree_sums as compiled
from fastdens.kernel_sums.tree import _tree_walk as tree_walk
from fastdens.neighbors.search import build_tree

# Points per leaf.
LEAF_SIZE = 64
# Coordinates in bandwidths beyond which squares could overflow: such data are left to direct sums.
LARGEST_COORDINATE = 2.0**500


class TreeSum:
    """Points in a tree, prepared for any number of evaluations.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Finite.
    kernel : SmoothingKernel
    bandwidth : Bandwidth, float or ndarray
        Checked.
    weights : ndarray of shape (n_points,), optional
        Not negative.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth | float | np.ndarray,
        weights: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> None:
        n, d = X.shape
        self.given, self.kernel, self.whitening = X, kernel, None
        bandwidth = Bandwidth.of(bandwidth, d)
        if not bandwidth.scales_axes:
            self.whitening = X.mean(axis=0, dtype=np.float64), bandwidth.to_white
        along_axes = bandwidth.along_axes
        # A power of two per axis makes bandwidths comparable, so that nodes are cut well, and costs no digit.
        mantissas, exponents = np.frexp(along_axes.widths)
        self.exponents = exponents
        self.scales = 1.0 / mantissas if along_axes.number is None else None
        h = float(mantissas[0]) if self.scales is None else 1.0
        self.factors = 1.0 / mantissas
        self.support = h * h
        per_unit = kernel.log2_exponent or 0.0
        self.exponent = per_unit / h if kernel.exponent_of_distance else per_unit / self.support
        self.points = self._transform(X)
        self.applies = bool(np.abs(self.points).max() < LARGEST_COORDINATE)
        if not self.applies:
            return
        self.tree = build_tree(self.points, LEAF_SIZE, check_n_threads(n_threads))
        self.places = np.empty(n, dtype=np.int64)
        self.places[self.tree["indices"][:n]] = np.arange(n)
        self.weights = np.zeros(len(self.tree["indices"]))
        self.weights[self.places] = 1.0 if weights is None else weights
        self.largest_weight = 1.0 if weights is None else float(weights.max())
        self._summarise_nodes(n_threads)
        quanta = np.arange(compiled.N_QUANTA)
        # Per (squared) distance; 16 quanta to a factor of two, or all of them to the support.
        self.upper = kernel.profile(quanta / compiled.N_QUANTA) if kernel.is_compact else np.exp2(-quanta / 16)
        self.per_unit = compiled.N_QUANTA / h if kernel.is_compact else -16.0 * self.exponent
        of_distance = kernel.is_compact or kernel.exponent_of_distance
        compiled_kernel = tree_walk.TreeKernel(
            kernel.code, self.power, of_distance, kernel.is_compact, self.exponent, self.support, self.per_unit,
            self.scales, self.upper,
        )  # fmt: skip
        smallest = n * self.largest_weight * SMALL_SUM
        self.sums = tree_walk.TreeSums(self.summed_tree, self.moments, compiled_kernel, smallest)

    def _transform(self, rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.float64, copy=False)
        if self.whitening is not None:
            rows = (rows - self.whitening[0]) @ self.whitening[1]
        with np.errstate(over="ignore", under="ignore"):
            return np.ascontiguousarray(np.ldexp(rows, -self.exponents))

    def _summarise_nodes(self, n_threads: int | None) -> None:
        tree, d = self.tree, self.points.shape[1]
        n_nodes, boxes = len(tree["starts"]), tree["boxes"]
        cumulated = np.zeros(len(self.weights) + 1, dtype=np.longdouble)
        np.cumsum(self.weights, out=cumulated[1:], dtype=np.longdouble)
        starts, ends = tree["starts"], tree["starts"] + tree["counts"]
        node_weights = cumulated[ends] - cumulated[starts]
        # Differences of running sums lose light nodes beside heavy ones: rounded up, as these are upper bounds.
        node_weights = np.where(tree["counts"] > 0, node_weights + 1e-18 * len(self.weights) * cumulated[-1], 0.0)
        self.node_weights = node_weights.astype(np.float64)
        self.centres = boxes[:, 0] + (boxes[:, 1] - boxes[:, 0]) / 2
        half = (boxes[:, 1] - boxes[:, 0]) / 2 * self.factors
        self.half_diagonals = np.sqrt((half**2).sum(axis=1)) * (1 + 1e-12)
        self.power = -1 if self.kernel.power is None else self.kernel.power
        self.summed_tree = compiled.SummedTree(
            tree, LEAF_SIZE, self.weights, self.node_weights, self.centres, self.half_diagonals, self.factors
        )
        self.moments: np.ndarray | None = None
        if self.power < 0 or d > compiled.MOST_FEATURES:
            return
        wanted = ((self.half_diagonals < 1) & (tree["counts"] > 0)).astype(np.uint8)
        moments = np.zeros((n_nodes, compiled.n_moments(d, self.power)))
        run_blocks(
            self.summed_tree.moments,
            -(-n_nodes // compiled.NODES_PER_BLOCK),
            n_threads,
            5.0 * len(self.points) * moments.shape[1],
            (self.power, wanted, moments),
        )
        self.moments = moments

    def evaluate(
        self,
        Q: np.ndarray,
        rtol: float,
        atol: float,
        own: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums at the rows of Q, and a bound of each one's error; the bound is -1 where the tolerance is missed.

        `own[j]` is the index of the point that query j leaves out, which lies at the query, or -1.
        """
        prepared = self._groups(Q, n_threads)
        if prepared is None:
            return np.zeros(len(Q)), np.full(len(Q), -1.0)
        queries, order = prepared
        return self._evaluate(queries, order, rtol, atol, own, n_threads)[:2]

    def _groups(self, Q: np.ndarray, n_threads: int | None) -> tuple[np.ndarray, np.ndarray] | None:
        """Queries in the tree's coordinates, and an order in which neighbours follow each other."""
        if not self.applies or len(Q) == 0:
            return None
        if Q is self.given:
            return self.points, self.tree["indices"][: len(Q)]
        queries = self._transform(Q)
        if not np.abs(queries).max() < LARGEST_COORDINATE:
            return None
        return queries, build_tree(queries, tree_walk.QUERIES_PER_BLOCK, check_n_threads(n_threads))["indices"][
            : len(Q)
        ]

    def _evaluate(
        self,
        queries: np.ndarray,
        order: np.ndarray,
        rtol: float,
        atol: float,
        own: np.ndarray | None,
        n_threads: int | None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        m = len(queries)
        groups = np.arange(-(-m // tree_walk.QUERIES_PER_BLOCK))
        sums, bounds, pairs = np.zeros(m), np.zeros(m), np.zeros(len(groups), dtype=np.int64)
        places = None if own is None else np.where(own >= 0, self.places[own], -1)
        arguments = queries, order, places, groups, rtol, atol, sums, bounds, pairs
        run_blocks(self.sums.evaluate, len(groups), n_threads, TREE_QUERY_NS * m, arguments)
        return sums, bounds, pairs
