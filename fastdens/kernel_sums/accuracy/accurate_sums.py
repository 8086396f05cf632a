"""Sums of compact kernels at queries near whose edge of the support all points lie, to full relative accuracy.

There K = 1 - u^2 and its like are differences of nearly equal numbers: differences, quotients and squares are carried
as unevaluated sums of two doubles (Dekker 1971), so that 1 - u^2 keeps its digits however small it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastdens.core.exact_sums import two_sum
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.neighbors.neighbors import KDTree

PAIRS_AT_ONCE = 1 << 18
_SPLITTER = 2.0**27 + 1


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
        difference, rest = two_sum(queries[:, axis], -points[:, axis])
        u = difference / width
        product, lost = _two_product(u, np.broadcast_to(width, u.shape))
        correction = (((difference - product) - lost) + rest) / width
        square, of_square = _two_product(u, u)
        high, lost = two_sum(high, -square)
        low += lost - of_square - 2 * u * correction
    return high + low


# How many points may be within the radius of each query, and the points of queries start ... end - 1, one query's after
# the other's.
_Near = tuple[np.ndarray, Callable[[int, int], np.ndarray]]


def _by_tree(X: np.ndarray, Q: np.ndarray, widths: np.ndarray) -> _Near:
    scaled, queries = X / widths, Q / widths
    tree = KDTree(scaled)
    radius = 1 + 2.0**-30 + 2.0**-50 * max(float(np.abs(scaled).max()), float(np.abs(queries).max()))
    return tree.count_radius(queries, radius), lambda start, end: np.concatenate(
        tree.query_radius(queries[start:end], radius)
    )


def _on_sorted_line(X: np.ndarray, Q: np.ndarray, widths: np.ndarray) -> _Near:
    x, q = X[:, 0], Q[:, 0]
    radius = float(widths[0]) * (1 + 2.0**-30) + 2.0**-50 * np.abs(q)
    first = np.searchsorted(x, q - radius, side="left")
    counts = np.searchsorted(x, q + radius, side="right") - first

    def points(start: int, end: int) -> np.ndarray:
        of = counts[start:end]
        ends = np.cumsum(of)
        return np.arange(ends[-1]) + np.repeat(first[start:end] - (ends - of), of)

    return counts, points


def accurate_sums(
    X: np.ndarray,
    Q: np.ndarray,
    kernel: SmoothingKernel,
    widths: np.ndarray,
    weights: np.ndarray | None,
    own: np.ndarray | None,
    ascending: bool = False,
) -> np.ndarray:
    """Sums at the rows of Q, each over the points within the radius; meant for few queries.

    `widths` has one bandwidth per feature; `own[j]` is the index of the point that query j leaves out, or -1.
    `ascending` says that X is a sorted line.
    """
    assert kernel.of_gap is not None
    counts, near_points = (_on_sorted_line if ascending else _by_tree)(X, Q, widths)
    sums = np.zeros(len(Q))
    start = 0
    while start < len(Q):
        end = start + max(1, int(np.searchsorted(np.cumsum(counts[start:]), PAIRS_AT_ONCE, side="right")))
        point = near_points(start, end)
        query = np.repeat(np.arange(start, end), counts[start:end])
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
