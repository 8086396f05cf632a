"""Gaussian sums far from all points: only the nearest of them matter, and a tree finds them.

A query whose nearest point is d bandwidths away needs the points up to sqrt(d^2 + 2 ln(W / (w r))) away, where W is the
weight of all points, w that of the nearest one and r a unit roundoff: all others together are below it.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.tuning import Tunable
from fastdens.neighbors.neighbors import KDTree

# Queries, and pairs of query and point, taken at a time; the cost of a pair here in pairs of a direct sum.
QUERIES_AT_ONCE, PAIRS_AT_ONCE, COST_OF_PAIR = 1 << 16, 1 << 16, Tunable(30)
# What the points beyond the radius may be of a sum: nothing beside rounding.
NEGLIGIBLE = 2.0**-56
# Fewer pairs than this are summed directly: building a tree costs more.
FEWEST_PAIRS = Tunable(1 << 24)


def points_that_matter(X: np.ndarray, Q: np.ndarray, bandwidth: float, weights: np.ndarray | None) -> np.ndarray | None:
    """Of univariate points, those that matter to queries all of which lie outside their range; else None.

    The farther out a query is, the fewer points near the end matter; so the nearest one on either side decides.
    """
    x, q = X[:, 0], Q[:, 0]
    low, high = x.min(), x.max()
    below, above = q < low, q > high
    if not (below | above).all():
        return None
    lightest, total = 1.0, float(len(x))
    if weights is not None:
        lightest, total = float(weights[weights > 0].min()), float(weights.sum())
        low, high = x[weights > 0].min(), x[weights > 0].max()
    radius = bandwidth * math.sqrt(2 * math.log(total / lightest / NEGLIGIBLE))

    def depth(out: np.ndarray) -> float:  # how far inside the range the points may lie
        nearest = float(out.min(initial=math.inf))
        return math.hypot(nearest, radius) - nearest if nearest < math.inf else -math.inf

    return (x <= low + depth(low - q[below])) | (x >= high - depth(q[above] - high))


class FarSum:
    """Points in a tree, for sums of exp(-|q - x|^2 / 2) at queries far from them.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
    bandwidths : ndarray of shape (n_features,)
    weights : ndarray of shape (n_points,), optional
        Not negative.
    total : int, optional
        How many points there are where X are only those that matter: what a direct sum would cost.
    """

    def __init__(
        self, X: np.ndarray, bandwidths: np.ndarray, weights: np.ndarray | None, total: int | None = None
    ) -> None:
        self.n_direct = len(X) if total is None else total
        self.kept = None if weights is None else np.flatnonzero(weights)
        self.X = X if self.kept is None else X[self.kept]
        self.log_weights = None if weights is None else np.log(weights[self.kept])
        self.bandwidths = bandwidths
        self.log_total = math.log(len(X) if weights is None else float(weights.sum()))
        self._scaled = self.X / bandwidths
        self._tree = KDTree(self._scaled)

    def log_sums(self, Q: np.ndarray, own: np.ndarray | None, n_threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the sums at the rows of Q, NaN where too many points are near to gain anything.

        `own[j]` is the index of the point that query j leaves out, or -1. Beside them, which queries have a sum.
        """
        if own is not None and self.kept is not None:
            places = np.full(int(max(own.max(initial=-1), self.kept.max(initial=-1))) + 1, -1)
            places[self.kept] = np.arange(len(self.kept))
            own = np.where(own >= 0, places[own], -1)
        logs = np.empty(len(Q))
        for first in range(0, len(Q), QUERIES_AT_ONCE):
            part = slice(first, first + QUERIES_AT_ONCE)
            logs[part] = self._log_sums(Q[part], None if own is None else own[part], n_threads)
        return logs, ~np.isnan(logs)

    def _log_sums(self, Q: np.ndarray, own: np.ndarray | None, n_threads: int | None) -> np.ndarray:
        scaled = Q / self.bandwidths
        k = min(1 if own is None else 2, len(self.X))
        distances, indices = self._tree.query(scaled, k, n_threads=n_threads)
        first = np.zeros(len(Q), dtype=np.intp) if own is None else (indices[:, 0] == own).astype(np.intp)
        logs = np.full(len(Q), np.nan)
        has_any = first < k
        logs[~has_any] = -np.inf  # every point is left out
        first = np.minimum(first, k - 1)
        rows = np.arange(len(Q))
        nearest = distances[rows, first]
        log_weight = 0.0 if self.log_weights is None else self.log_weights[indices[rows, first]]
        radius = np.sqrt(nearest**2 + 2 * np.maximum(self.log_total - log_weight - math.log(NEGLIGIBLE), 0.0))
        # Room for the rounding of scaled coordinates.
        radius += 2.0**-48 * max(float(np.abs(self._scaled).max()), float(np.abs(scaled).max()))
        counts = self._tree.count_radius(scaled, radius, n_threads=n_threads)
        gains = has_any & (counts * COST_OF_PAIR.value < self.n_direct)
        chosen = np.flatnonzero(gains)
        ends = np.cumsum(counts[chosen])
        start = 0
        while start < len(chosen):
            before = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, before + PAIRS_AT_ONCE, side="right")))
            part = chosen[start:end]
            logs[part] = self._near(Q[part], scaled[part], radius[part], None if own is None else own[part])
            start = end
        return logs

    def _near(self, Q: np.ndarray, scaled: np.ndarray, radius: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        near = self._tree.query_radius(scaled, radius)
        lengths = np.array([len(indices) for indices in near])
        point, query = np.concatenate(near), np.repeat(np.arange(len(Q)), lengths)
        if own is not None:
            kept = own[query] != point
            point, query = point[kept], query[kept]
            lengths = np.bincount(query, minlength=len(Q))
        u = (Q[query] - self.X[point]) / self.bandwidths
        exponents = -0.5 * np.einsum("ij,ij->i", u, u)
        if self.log_weights is not None:
            exponents += self.log_weights[point]
        starts = np.append(0, np.cumsum(lengths)[:-1])
        largest = np.maximum.reduceat(exponents, starts)
        return largest + np.log(np.add.reduceat(np.exp(exponents - np.repeat(largest, lengths)), starts))
