"""Exact kernel sums in one dimension over sorted points: every kernel but the Gaussian, in n log n time.

Compact kernels are polynomials (or cosines) between q - h and q + h, so that a sum over that window follows from
moments (fast sum updating: Gasser and Kneip 1989; Seifert, Brockmann, Engel and Gasser 1994). Here moments are kept per
cell of less than one bandwidth, about its centre, where nothing cancels however wide the data are spread. The
exponential kernel is summed by two scans over the cells, all of whose terms are positive.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core.sorting import SortedNearby, sort_in_place, sort_with_places
from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.accuracy import roundoff
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.planning.costs import SORTED_POINT_NS, SORTED_QUERY_NS
from fastdens.kernel_sums.sorted import _sorted_moments as of_points
from fastdens.kernel_sums.sorted import _sorted_sums as compiled


def _with_margin(numbers: np.ndarray) -> np.ndarray:
    padded = np.empty(len(numbers) + compiled.MARGIN)
    padded[: len(numbers)], padded[len(numbers) :] = numbers, 0.0
    return padded


class SortedSum:
    """Univariate points, sorted and summed once for any number of evaluations.

    Parameters
    ----------
    X : ndarray of shape (n_points, 1)
        float64 or float32, finite.
    kernel : SmoothingKernel
        With `sorted_moments`.
    bandwidth : float
    weights : ndarray of shape (n_points,), optional
        Not negative; points without weight are left out.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: float,
        weights: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.given = X  # queries that are this very array need no sorting of their own
        X = X.astype(np.float64, copy=False)
        self.X, self.kernel, self.bandwidth = X, kernel, bandwidth
        x, kept = X[:, 0], None
        if weights is not None and not (weights > 0).all():
            kept = np.flatnonzero(weights)
            x, weights = x[kept], weights[kept]
        n = len(x)
        self._order: np.ndarray | None = None
        self._padded_weights = None
        if weights is None:
            self._padded_points = _with_margin(x)
            sort_in_place(self._padded_points[:n], n_threads)
        else:
            points, self._order = sort_with_places(x, n_threads)
            self._padded_points, self._padded_weights = _with_margin(points), _with_margin(weights[self._order])
            if kept is not None:
                self._order = kept[self._order]
        self.points = points = self._padded_points[:n]
        self.weights = None if self._padded_weights is None else self._padded_weights[:n]
        run_starts, run_cells = np.empty(n + 1, dtype=np.intp), np.empty(n, dtype=np.intp)
        cell_runs = np.empty(n + 1, dtype=np.intp)
        n_runs, n_cells = of_points.cut(points, bandwidth, run_starts, run_cells, cell_runs)
        self.run_starts, self.run_cells = run_starts[: n_runs + 1].copy(), run_cells[:n_runs].copy()
        self.cell_runs = cell_runs[: n_cells + 1].copy()
        bounds = self.run_starts[self.cell_runs]
        first, last = points[bounds[:-1]], points[bounds[1:] - 1]
        self.centres = first + (last - first) / 2
        self.halves = (last - first) / (2 * bandwidth)
        assert kernel.sorted_moments is not None
        self.form = of_points.FORMS[kernel.sorted_moments]
        count = of_points.n_moments(self.form)
        moments, before, onward = (np.empty((n_runs, count)) for _ in range(3))

        def of_runs(queue: Any) -> None:
            of_points.run_moments(
                points, self._padded_weights, self.form, bandwidth, self.run_starts, self.run_cells, self.centres,
                moments, queue,
            )  # fmt: skip

        def of_cells(queue: Any) -> None:
            of_points.sums_from_both_ends(moments, self.cell_runs, before, onward, queue)

        run_blocks(of_runs, -(-n_runs // of_points.RUNS_PER_BLOCK), n_threads, SORTED_POINT_NS * n)
        run_blocks(of_cells, -(-n_cells // of_points.CELLS_PER_BLOCK), n_threads, 4.0 * n_runs * count)
        self.before, self.onward = before, onward
        self.left: np.ndarray | None = None
        self.right: np.ndarray | None = None
        if not kernel.is_compact:
            self._scan(first, last)
        self._sums = compiled.SortedSums(
            of_points.SortedRuns(
                self._padded_points, self._padded_weights, self.run_starts, self.run_cells, self.cell_runs,
                self.centres, self.halves, before, onward,
            ),
            kernel.code, self.form, bandwidth, (kernel.log2_exponent or 0.0) / bandwidth, self.left, self.right,
        )  # fmt: skip

    @property
    def order(self) -> np.ndarray:
        """Where each sorted point stands in the data; needed with weights and where points are left out alone."""
        if self._order is None:
            self._order = sort_with_places(self.X[:, 0])[1]
        return self._order

    def _scan(self, first: np.ndarray, last: np.ndarray) -> None:
        """Sums of the exponential kernel over all cells up to each one, and from each one on."""
        h, whole = self.bandwidth, self.onward[self.cell_runs[:-1]]
        with np.errstate(over="ignore", under="ignore"):
            up_to_last = whole[:, 0] * np.exp((self.centres - last) / h)
            down_to_first = whole[:, 1] * np.exp((first - self.centres) / h)
            left_decay = np.append(0.0, np.exp((last[:-1] - last[1:]) / h))
            right_decay = np.append(np.exp((first[:-1] - first[1:]) / h), 0.0)
        self.left, self.right = np.empty(len(first)), np.empty(len(first))
        of_points.scan_cells(up_to_last, down_to_first, left_decay, right_decay, self.left, self.right)

    def evaluate(
        self,
        Q: np.ndarray,
        *,
        log: bool = False,
        own: np.ndarray | None = None,
        rtol: float | None = None,
        n_threads: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums at the rows of Q; natural logarithms with `log`. Which of them may miss `rtol`, if that is given.

        `own[j]` is the index of the point that query j leaves out, or -1; the point must lie at the query.
        """
        m, none = len(Q), np.empty(0, dtype=np.intp)
        if len(self.points) == 0 or m == 0:
            return np.full(m, -np.inf if log else 0.0), none
        nearby: SortedNearby | None = None
        if (own is not None or self._order is not None) and (Q is self.given or Q is self.X) and len(self.points) == m:
            queries, order = self.points, self.order
        else:
            nearby = SortedNearby(Q[:, 0].astype(np.float64, copy=False), n_threads)
            queries, order = nearby.ascending, nearby.places
        places = None
        if own is not None:
            ranks = np.full(len(self.X), -1, dtype=np.intp)
            ranks[self.order] = np.arange(len(self.order))
            places = np.where(own >= 0, ranks[own], -1)
            places = places[order] if nearby is None else places[nearby.given_places()]
        sums, nearest = np.empty(m), np.empty(0 if self.kernel.is_compact else m)
        sure, sure_per_point = self._sure_sums(rtol)

        arguments = queries, order, places, sure, sure_per_point, sums, nearest
        n_blocks = -(-m // compiled.QUERIES_PER_BLOCK)
        run_blocks(self._sums.evaluate, n_blocks, n_threads, SORTED_QUERY_NS * m, arguments)
        if not self.kernel.is_compact:
            self._join(sums, nearest, log)
        if nearby is not None:
            sums = nearby.restore(sums)
        in_doubt = none
        if self.kernel.is_compact:
            if sure > 0:
                in_doubt = np.flatnonzero(np.signbit(sums))
                sums[in_doubt] *= -1
            if log:
                with np.errstate(divide="ignore"):
                    np.log(sums, out=sums)
        return sums, in_doubt

    def _sure_sums(self, rtol: float | None) -> tuple[float, float]:
        """The sums from which on rounding is sure to be within `rtol`: in all, and per point within the radius."""
        if rtol is None or not self.kernel.order_of_contact:
            return 0.0, 0.0
        share = roundoff.smallest_sure_share(self.kernel, 1, rtol)
        if self.weights is None:
            return share * len(self.points), share
        return share * float(self.weights.sum()), math.inf

    @staticmethod
    def _join(sums: np.ndarray, nearest: np.ndarray, log: bool) -> None:
        """Sums from their two parts, in place: sums exp(-nearest)."""
        with np.errstate(divide="ignore", under="ignore"):
            if log:
                np.log(sums, out=sums)
                sums -= nearest
            elif nearest.any():
                sums *= np.exp(-nearest)
