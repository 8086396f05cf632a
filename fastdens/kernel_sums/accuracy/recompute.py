"""Sums of compact kernels that may have lost digits near the edge of the kernel's support, found and recomputed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastdens.kernel_sums.accuracy import roundoff
from fastdens.kernel_sums.accuracy.accurate_sums import accurate_sums
from fastdens.kernel_sums.kernels.registry import TOPHAT
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums

# The radius is widened by this, so that points which rounding puts just outside are counted.
WIDENED = 1 + 2.0**-40


class EdgeSums:
    """Sums at queries near the edge of whose support all points lie.

    Parameters
    ----------
    problem : SumProblem
    evaluate : callable
        (problem, request) -> sums, by any route: the weights within a radius are sums of the tophat kernel.
    sorted_line : callable
        () -> the points of one feature in ascending order, and their weights or None.
    """

    def __init__(
        self,
        problem: SumProblem,
        evaluate: Callable[[SumProblem, SumRequest], np.ndarray],
        sorted_line: Callable[[], tuple[np.ndarray, np.ndarray | None]],
    ) -> None:
        self.problem, self._evaluate, self._sorted_line = problem, evaluate, sorted_line

    def recompute(self, sums: Sums, request: SumRequest) -> None:
        """Replace in `sums` those whose error, by the weights within the radius, may be above the tolerance.

        Rare: all points within the radius of such a query lie near the edge. A matrix bandwidth is left alone, as
        whitening has rounded the distances already.
        """
        problem, result, in_doubt = self.problem, sums.values, sums.in_doubt
        kernel, d = problem.kernel, problem.n_features
        if in_doubt is None:
            total = problem.total_weight
            sure = total * roundoff.smallest_sure_share(kernel, d, request.rtol)
            if request.atol > 0:
                sure = min(sure, total)
            in_doubt = np.flatnonzero(result < (math.log(sure) if request.log and sure > 0 else sure))
        if not in_doubt.size:
            return
        doubtful = request.rows(in_doubt)
        linear = np.exp(result[in_doubt]) if request.log else result[in_doubt]
        near = self.weights_within(doubtful)
        # Of the edge alone: what the number of points adds to a bound of rounding, recomputing would not change.
        errors = roundoff.of_compact_kernel(linear, near, kernel, 0, d, 0.0)
        bad = np.flatnonzero((near > 0) & (errors > request.rtol * linear + request.atol))
        if not bad.size:
            return
        X, weights, ascending = problem.X, problem.weights, d == 1 and request.own is None
        if ascending:
            x, weights = self._sorted_line()
            X = x[:, None]
        again = doubtful.rows(bad)
        widths = problem.bandwidth.widths
        recomputed = accurate_sums(X, again.Q, kernel, widths, weights, again.own, ascending)
        with np.errstate(divide="ignore"):
            result[in_doubt[bad]] = np.log(recomputed) if request.log else recomputed

    def weights_within(self, request: SumRequest, factor: float = WIDENED) -> np.ndarray:
        """Weights of the points nearer to each query than `factor` bandwidths, never too few."""
        problem, Q = self.problem, request.Q
        if problem.n_features > 1 or not problem.bandwidth.scales_axes:
            asked = SumRequest(Q, request.own, n_threads=request.n_threads)
            return self._evaluate(problem.smoothed_by(TOPHAT, factor), asked) * (1 + 2.0**-30)
        x, weights = self._sorted_line()
        radius = factor * float(problem.bandwidth.widths[0])
        slack = 2.0**-50 * np.abs(Q[:, 0])
        first = np.searchsorted(x, Q[:, 0] - radius - slack, side="left")
        last = np.searchsorted(x, Q[:, 0] + radius + slack, side="right")
        if weights is None:
            return (last - first).astype(np.float64)
        # Sums of weights up to each point: what rounding may have taken from a difference is put back.
        cumulative = np.append(0.0, np.cumsum(weights))
        return np.where(last > first, cumulative[last] - cumulative[first] + 2.0**-50 * len(x) * cumulative[last], 0.0)
