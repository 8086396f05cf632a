"""Integrated kernel sums in one dimension: the weight of the smoothed points below each query, by any route.

Every route sums terms that are not negative, so that the result keeps its relative precision in the lower tail; the
upper tail is the lower tail of the mirrored points.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from fastdens.core.sorting import sort_with_places
from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.bandwidth import power_of_two
from fastdens.kernel_sums.integrated import _integrated_sums as compiled
from fastdens.kernel_sums.integrated.integrated_boxes import GaussianBoxes
from fastdens.kernel_sums.kernels.registry import GAUSSIAN, SmoothingKernel, check_able
from fastdens.kernel_sums.sorted import _sorted_moments as of_cells

# Nanoseconds per point and query of the routes that are not direct, and to start them; AVX2, 2-core x86-64 virtual
# machine, by benchmarks/benchmarks/kernel_sums/integrated_sums.py.
CELL_NS, BOX_NS, START_NS = 150.0, 80.0, 2e5
# Bandwidths outside are brought near 1 by a power of two, so that their reciprocals are ordinary numbers.
ORDINARY_BANDWIDTHS = (1e-150, 1e150)


def power_of_two_scale(bandwidth: float) -> float:
    """The power of two, mostly 1, by which bandwidth and data are multiplied to be ordinary numbers."""
    if ORDINARY_BANDWIDTHS[0] < bandwidth < ORDINARY_BANDWIDTHS[1]:
        return 1.0
    return power_of_two(bandwidth)


def padded_to(multiple: int, numbers: np.ndarray) -> np.ndarray:
    """Rows of numbers followed by zeros, at least one multiple's worth of room rounded up."""
    n = numbers.shape[-1]
    padded = np.zeros((*numbers.shape[:-1], (-(-n // multiple) + 1) * multiple))
    padded[..., :n] = numbers
    return padded


def _polynomials(sides: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Coefficients [side, b, a] of v^a t^b in the integral at v - t."""
    count = len(sides[0])
    table = np.zeros((len(sides), count, count))
    for side, coefficients in enumerate(sides):
        for k, coefficient in enumerate(coefficients):
            for b in range(k + 1):
                table[side, b, k - b] = coefficient * math.comb(k, b) * (-1) ** b
    return table


class IntegratedSum:
    """Univariate points, sorted once, for the weight of the smoothed points below any query.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        float64, finite, ascending.
    kernel : SmoothingKernel
    bandwidth : float
    weights : ndarray of shape (n_points,), optional
        Positive, in the order of `x`.
    """

    def __init__(
        self,
        x: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: float,
        weights: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> None:
        check_able(kernel, "a distribution function", "with a compiled tail", lambda other: other.has_tail)
        self.scale = power_of_two_scale(bandwidth)
        self.kernel, self.bandwidth, self.n_threads = kernel, bandwidth * self.scale, n_threads
        with np.errstate(over="ignore"):
            points = x * self.scale
        if not np.isfinite(points).all():
            raise ValueError(
                f"bandwidth is too small for the spread of the data, whose quotient overflows, got {bandwidth!r}"
            )
        n = len(x)
        self._padded = padded_to(compiled.MARGIN, points)
        self._padded_weights = None if weights is None else padded_to(compiled.MARGIN, weights)
        self.points = self._padded[:n]
        self.weights = None if self._padded_weights is None else self._padded_weights[:n]
        self.totals = np.empty(n + 1)
        compiled.running_weights(self.weights, self.totals)
        self._compiled = compiled.IntegratedPoints(
            self._padded, self._padded_weights, self.totals, kernel.code, 1.0 / self.bandwidth
        )

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: float,
        weights: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> IntegratedSum:
        """From points in any order."""
        points, order = sort_with_places(x.astype(np.float64, copy=False), n_threads)
        return cls(points, kernel, bandwidth, None if weights is None else weights[order], n_threads)

    @property
    def total(self) -> float:
        """The whole weight."""
        return float(self.totals[-1])

    @cached_property
    def mirrored(self) -> IntegratedSum:
        """The same of the points -x: its value at -q is the weight above q."""
        weights = None if self.weights is None else self.weights[::-1]
        return IntegratedSum(
            -self.points[::-1] / self.scale, self.kernel, self.bandwidth / self.scale, weights, self.n_threads
        )

    def evaluate(self, q: np.ndarray, algorithm: str = "auto") -> np.ndarray:
        """Weight below each query; `algorithm` "windows" sums directly over what the kernel reaches."""
        if self.scale != 1.0:
            with np.errstate(over="ignore"):  # a query too far away to be scaled is still far away
                q = np.clip(q * self.scale, -np.finfo(float).max, np.finfo(float).max)
        if self.kernel.exponent_of_distance and algorithm == "auto":
            return self._by_scans(q)
        direct_ns, by_parts_ns = self._expected_ns(q)
        if algorithm == "windows" or direct_ns <= by_parts_ns:
            return self._by_windows(q, direct_ns)
        if self.kernel.integral is not None:
            return self._by_moments(q)
        sums = self._boxes.evaluate(q)
        if sums is None:  # boxes cannot be numbered over so wide a range
            return self._by_windows(q, direct_ns)
        missed = np.flatnonzero(np.isnan(sums))
        if missed.size:
            sums[missed] = self._by_windows(q[missed], direct_ns)
        return sums

    def _expected_ns(self, q: np.ndarray) -> tuple[float, float]:
        """Of direct sums, from the points within the radius of a few queries, and of the other route."""
        n, m = len(self.points), len(q)
        if m == 0:
            return 0.0, 0.0
        few = q[:: max(m // 64, 1)]
        below, _ = compiled.TAIL_ENDS[self.kernel.code]
        within = np.searchsorted(self.points, few + below * self.bandwidth) - np.searchsorted(
            self.points, few - below * self.bandwidth
        )
        by_parts_ns = math.inf
        if self.kernel.integral is not None:
            by_parts_ns = CELL_NS
        elif self.kernel.is_product:
            by_parts_ns = BOX_NS
        return m * (64 + float(within.mean())) * self.kernel.tail_ns, START_NS + (n + m) * by_parts_ns

    def _by_windows(self, q: np.ndarray, expected_ns: float) -> np.ndarray:
        q, sums = np.ascontiguousarray(q), np.empty(len(q))
        below, above = compiled.TAIL_ENDS[self.kernel.code]
        exponent = self.kernel.log2_exponent or 0.0
        slopes = (0.0, exponent) if self.kernel.exponent_of_distance else (exponent, 0.0)
        arguments = below, above, *slopes, q, sums
        run_blocks(
            self._compiled.windows, -(-len(q) // compiled.QUERIES_PER_BLOCK), self.n_threads, expected_ns, arguments
        )
        return sums

    @cached_property
    def _scans(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of exp(-|x - point| / h) over the points up to each one, and from each one on."""
        decay = np.exp(np.diff(self.points) / -self.bandwidth)
        own = np.ones(len(self.points)) if self.weights is None else np.ascontiguousarray(self.weights)
        left, right = np.empty(len(own)), np.empty(len(own))
        of_cells.scan_cells(own, own, np.append(0.0, decay), np.append(decay, 0.0), left, right)
        return left, right

    def _by_scans(self, q: np.ndarray) -> np.ndarray:
        """The exponential kernel: a point counts 1 - exp(-z) / 2 below the query and exp(-z) / 2 above it."""
        left, right = self._scans
        x, n = self.points, len(self.points)
        place = np.searchsorted(x, q, side="right")
        with np.errstate(under="ignore", over="ignore"):
            before, after = np.maximum(place - 1, 0), np.minimum(place, n - 1)
            lost = left[before] * np.exp((x[before] - q) / self.bandwidth, where=place > 0, out=np.zeros(len(q)))
            gained = right[after] * np.exp((q - x[after]) / self.bandwidth, where=place < n, out=np.zeros(len(q)))
        return self.totals[place] - 0.5 * lost + 0.5 * gained

    @cached_property
    def _cells(self) -> of_cells.SortedRuns:
        """Cells and runs of the sorted points, and the moments of each run with those before and after it."""
        x, h, n = self.points, self.bandwidth, len(self.points)
        run_starts, run_cells = np.empty(n + 1, dtype=np.intp), np.empty(n, dtype=np.intp)
        cell_runs = np.empty(n + 1, dtype=np.intp)
        n_runs, n_cells = of_cells.cut(x, h, run_starts, run_cells, cell_runs)
        run_starts, run_cells = run_starts[: n_runs + 1].copy(), run_cells[:n_runs].copy()
        cell_runs = cell_runs[: n_cells + 1].copy()
        bounds = run_starts[cell_runs]
        first, last = x[bounds[:-1]], x[bounds[1:] - 1]
        centres, halves = first + (last - first) / 2, (last - first) / (2 * h)
        assert self.kernel.integral is not None
        count = len(self.kernel.integral[0])
        moments, before, onward = (np.empty((n_runs, count)) for _ in range(3))

        def of_runs(queue: Any) -> None:
            of_cells.run_moments(
                x, self.weights, of_cells.FORMS["constant"], h, run_starts, run_cells, centres, moments, queue
            )

        def from_both_ends(queue: Any) -> None:
            of_cells.sums_from_both_ends(moments, cell_runs, before, onward, queue)

        run_blocks(of_runs, -(-n_runs // of_cells.RUNS_PER_BLOCK), self.n_threads, 5.0 * n * count)
        run_blocks(from_both_ends, -(-n_cells // of_cells.CELLS_PER_BLOCK), self.n_threads, 4.0 * n_runs * count)
        return of_cells.SortedRuns(
            self._padded, self._padded_weights, run_starts, run_cells, cell_runs, centres, halves, before, onward
        )

    def _by_moments(self, q: np.ndarray) -> np.ndarray:
        assert self.kernel.integral is not None
        queries, order = sort_with_places(q, self.n_threads)
        sums, polynomials = np.empty(len(q)), _polynomials(self.kernel.integral)
        arguments = self._compiled, self._cells, polynomials, queries, order, sums
        run_blocks(
            compiled.by_moments, -(-len(q) // compiled.QUERIES_PER_BLOCK), self.n_threads, CELL_NS * len(q), arguments
        )
        return sums

    @cached_property
    def _boxes(self) -> GaussianBoxes:
        return GaussianBoxes(self.points, self.bandwidth, self.weights, self.n_threads)


def box_masses(
    X: np.ndarray,
    bandwidths: np.ndarray,
    weights: np.ndarray | None,
    low: np.ndarray,
    high: np.ndarray,
    n_threads: int | None = None,
) -> np.ndarray:
    """Weight of the points, smoothed by a product of Gaussians, in boxes with corners `low` and `high`, (m, d)."""
    scales = np.array([power_of_two_scale(float(h)) for h in bandwidths])
    points = padded_to(compiled.MARGIN, np.ascontiguousarray((X.astype(np.float64, copy=False) * scales).T))
    own = padded_to(compiled.MARGIN, np.ones(len(X)) if weights is None else weights)
    with np.errstate(over="ignore"):  # corners may be infinitely far
        low, high = np.ascontiguousarray(low * scales), np.ascontiguousarray(high * scales)
    masses, inverses = np.empty(len(low)), 1.0 / (bandwidths * scales)

    def work(queue: Any) -> None:
        compiled.box_masses(points, own, inverses, low, high, masses, queue)

    run_blocks(work, len(low), n_threads, 2 * GAUSSIAN.tail_ns * X.size * len(low))
    return masses
