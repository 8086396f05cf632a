"""Sums of compact kernels that may have lost digits near the edge of their reach, found and formed again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastdens.kernel_sums.accuracy import roundoff
from fastdens.kernel_sums.kernels.registry import TOPHAT

if TYPE_CHECKING:
    from fastdens.kernel_sums.kernel_sum import KernelSum

# The reach is widened by this, so that points which rounding puts just outside are counted.
WIDENED = 1 + 2.0**-40


def mend_sums(
    prepared: KernelSum,
    result: np.ndarray,
    Q: np.ndarray,
    log: bool,
    own: np.ndarray | None,
    rtol: float,
    atol: float,
    n_threads: int | None,
    in_doubt: np.ndarray | None = None,
) -> None:
    """Replace in `result` the sums whose error, by the weights within reach, may be above the tolerance.

    `in_doubt` are those for which it may be, where the route knows; else their size tells.

    Rare: all points within reach of such a query lie near the edge. A matrix bandwidth is left alone, as whitening has
    rounded the distances already.
    """
    kernel, n_features = prepared.kernel, prepared.n_features
    if not prepared.bandwidth.scales_axes or prepared.bandwidth.is_extreme:
        return
    if in_doubt is None:
        total = float(prepared.n_points if prepared.weights is None else prepared.weights.sum())
        sure = total * roundoff.smallest_sure_share(kernel, n_features, rtol)
        if atol > 0:
            sure = min(sure, total)
        in_doubt = np.flatnonzero(result < (math.log(sure) if log and sure > 0 else sure))
    if not in_doubt.size:
        return
    queries, own_of = np.ascontiguousarray(Q[in_doubt]), None if own is None else own[in_doubt]
    sums = np.exp(result[in_doubt]) if log else result[in_doubt]
    near = weights_within_reach(prepared, queries, own_of, n_threads)
    # Of the edge alone: what the number of points adds to a bound of rounding, summing again would not mend.
    errors = roundoff.of_compact_kernel(sums, near, kernel, 0, n_features, 0.0)
    bad = np.flatnonzero((near > 0) & (errors > rtol * sums + atol))
    if not bad.size:
        return
    from fastdens.kernel_sums.accuracy.accurate_sums import accurate_sums

    X, weights, ascending = prepared.X, prepared.weights, False
    if n_features == 1 and own is None:
        x, weights = _sorted_line(prepared)
        X, ascending = x[:, None], True
    mended = accurate_sums(
        X, queries[bad], kernel, prepared.bandwidth.widths, weights,
        None if own_of is None else own_of[bad], ascending,
    )  # fmt: skip
    with np.errstate(divide="ignore"):
        result[in_doubt[bad]] = np.log(mended) if log else mended


def weights_within_reach(
    prepared: KernelSum, Q: np.ndarray, own: np.ndarray | None, n_threads: int | None, factor: float = WIDENED
) -> np.ndarray:
    """Weights of the points nearer to each query than `factor` bandwidths, never too few."""
    if prepared.n_features > 1 or not prepared.bandwidth.scales_axes:
        counting = type(prepared)(prepared.X, TOPHAT, prepared.bandwidth * factor, prepared.weights)
        return counting.evaluate(Q, own=own, n_threads=n_threads) * (1 + 2.0**-30)
    x, weights = _sorted_line(prepared)
    reach = factor * float(prepared.bandwidth.widths[0])
    slack = 2.0**-50 * np.abs(Q[:, 0])
    first = np.searchsorted(x, Q[:, 0] - reach - slack, side="left")
    last = np.searchsorted(x, Q[:, 0] + reach + slack, side="right")
    if weights is None:
        return (last - first).astype(np.float64)
    # Sums of weights up to each point: what rounding may have taken from a difference is put back.
    cumulative = np.append(0.0, np.cumsum(weights))
    return np.where(last > first, cumulative[last] - cumulative[first] + 2.0**-50 * len(x) * cumulative[last], 0.0)


def _sorted_line(prepared: KernelSum) -> tuple[np.ndarray, np.ndarray | None]:
    """Points on a line in ascending order, and their weights: those of the sorted route, where it has been taken."""
    if prepared.sorted_points is not None:
        return prepared.sorted_points.points, prepared.sorted_points.weights
    x = prepared.X[:, 0].astype(np.float64)
    order = np.argsort(x, kind="stable")
    return x[order], None if prepared.weights is None else prepared.weights[order]
