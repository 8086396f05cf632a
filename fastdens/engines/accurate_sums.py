"""Sums of compact kernels at queries near whose edge of reach all points lie, to full relative accuracy.

There K = 1 - u^2 and its like are differences of nearly equal numbers: differences, quotients and squares are carried
as unevaluated sums of two doubles (Dekker 1971), so that 1 - u^2 keeps its digits however small it is.
"""

from __future__ import annotations

import numpy as np

from fastdens.engines.neighbors import KDTree
from fastdens.smoothing_kernels import SmoothingKernel

PAIRS_AT_ONCE = 1 << 18
_SPLITTER = 2.0**27 + 1


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b as its rounded value and what rounding took."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a * b as its rounded value and what rounding took."""
    product = a * b
    a_high, b_high = _SPLITTER * a, _SPLITTER * b
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def gaps(queries: np.ndarray, points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """1 - |(q - x) / h|^2 of pairs, to full relative accuracy."""
    high, low = np.ones(len(queries)), np.zeros(len(queries))
    for axis, width in enumerate(widths):
        difference, rest = _two_sum(queries[:, axis], -points[:, axis])
        u = difference / width
        product, lost = _two_product(u, np.broadcast_to(width, u.shape))
        correction = (((difference - product) - lost) + rest) / width
        square, of_square = _two_product(u, u)
        high, lost = _two_sum(high, -square)
        low += lost - of_square - 2 * u * correction
    return high + low


def accurate_sums(
    X: np.ndarray,
    Q: np.ndarray,
    kernel: SmoothingKernel,
    widths: np.ndarray,
    weights: np.ndarray | None,
    own: np.ndarray | None,
) -> np.ndarray:
    """Sums at the rows of Q, each over the points within reach; meant for few queries.

    `widths` has one bandwidth per feature; `own[j]` is the index of the point that query j leaves out, or -1.
    """
    assert kernel.of_gap is not None
    scaled = X / widths
    tree = KDTree(scaled)
    scaled_queries = Q / widths
    radius = 1 + 2.0**-30 + 2.0**-50 * max(float(np.abs(scaled).max()), float(np.abs(scaled_queries).max()))
    counts = tree.count_radius(scaled_queries, radius)
    sums = np.zeros(len(Q))
    start = 0
    while start < len(Q):
        end = start + max(1, int(np.searchsorted(np.cumsum(counts[start:]), PAIRS_AT_ONCE, side="right")))
        near = tree.query_radius(scaled_queries[start:end], radius)
        query = np.repeat(np.arange(start, end), [len(indices) for indices in near])
        point = np.concatenate(near) if len(near) else np.empty(0, dtype=np.intp)
        if own is not None:
            kept = own[query] != point
            query, point = query[kept], point[kept]
        gap = gaps(Q[query], X[point], widths)
        terms = np.where(gap > 0, kernel.of_gap(np.maximum(gap, 0.0)), 0.0)
        if weights is not None:
            terms *= weights[point]
        sums += np.bincount(query, terms, minlength=len(Q))
        start = end
    return sums
