"""Direct kernel sums: every query against every point, any kernel, any dimension, any bandwidth."""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.bandwidth import LARGEST, ORDINARY_WIDTHS, Bandwidth, by_matrix
from fastdens.kernel_sums.direct import _direct_sums as compiled
from fastdens.kernel_sums.direct.scalar_products import FEWEST_FEATURES, FEWEST_QUERIES, LARGEST_ERROR, ScalarProducts
from fastdens.kernel_sums.kernels import metrics
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.planning.costs import FEATURE_NS

# With so few queries the points are cut into runs instead, so that threads have something to share.
FEW_QUERIES = 256
POINTS_PER_RUN = 1 << 15

# Outside this range squares may over- or underflow in single precision, and the computation goes on in double instead.
ORDINARY_FLOAT_WIDTHS = (2.0**-20, 2.0**20)
# Weights spread wider than this are summed in double precision.
WIDEST_FLOAT_WEIGHTS = 2.0**20

# A sum below the number of points times the largest weight times this has been touched by the clamp of 2^t
# (at 2^-1020, or 2^-120 in single precision) in its last digits, and is recomputed from logarithms.
SMALL_SUM, SMALL_FLOAT_SUM = 2.0**-960, 2.0**-92

_FLOAT32 = np.dtype(np.float32)


def sum_of_few(X: np.ndarray, Q: np.ndarray, kernel: SmoothingKernel, h: float) -> float | None:
    """The sum at the only row of Q over few points, X and Q contiguous, without what only larger problems need.

    None where something else is to be done: more points, an extreme bandwidth, a sum of zero or too small for its
    digits, numbers that are not finite.
    """
    n, d = X.shape
    padded = n + compiled.PADDING
    if padded * d > compiled.MOST_OF_FEW or padded > compiled.MOST_POINTS_OF_FEW:
        return None
    if not ORDINARY_WIDTHS[0] < h < ORDINARY_WIDTHS[1]:
        return None
    per_unit, support = kernel.log2_exponent or 0.0, h * h
    exponent = per_unit / h if kernel.exponent_of_distance else per_unit / support
    total = compiled.sum_of_few(X, Q, kernel.code, exponent, 1.0 / support, support)
    return total if total > (n * SMALL_SUM if per_unit else 0.0) else None


class DirectSum:
    """Points, bandwidth and weights prepared for direct sums of K over them: every query against every point.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        C-contiguous float64 or float32, finite.
    kernel : SmoothingKernel
    bandwidth : Bandwidth, float or ndarray
        Checked.
    weights : ndarray of shape (n_points,), optional
        Not negative, finite.
    values : ndarray of shape (n_points, n_values), optional
        Any finite numbers; multiplied by the weights.
    metric : str, default="euclidean"
        As `check_metric` returns it.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth | float | np.ndarray,
        weights: np.ndarray | None = None,
        values: np.ndarray | None = None,
        metric: str = "euclidean",
    ) -> None:
        self.metric = metric
        if metric == "haversine":
            X = metrics.of_sphere(X)
        n, d = X.shape
        self.kernel, self.n_points, self.n_features = kernel, n, d
        self.bandwidth = bandwidth = Bandwidth.of(bandwidth, d)
        self.whitening: tuple[np.ndarray, np.ndarray] | None = None
        if not bandwidth.scales_axes:
            self.whitening = X.mean(axis=0, dtype=np.float64), np.ascontiguousarray(bandwidth.to_white)
        along_axes = bandwidth.along_axes
        self.is_float = X.dtype == _FLOAT32 and values is None
        if self.is_float:
            self.is_float = along_axes.lies_within(*ORDINARY_FLOAT_WIDTHS) and (
                weights is None or float(weights.max()) <= WIDEST_FLOAT_WEIGHTS * float(weights.min())
            )
        # `factor`: powers of two, taken out of data and bandwidth. Distances are scaled per axis, or as a whole by h.
        self.factor, ordinary = along_axes.ordinary()
        self.scales: np.ndarray | None = None
        h = ordinary.number
        if h is None:
            h, self.scales = 1.0, 1.0 / ordinary.widths
        self.takes_plain_queries = self.whitening is None and self.factor is None and metric != "haversine"
        self.n_padded = -(-n // compiled.PADDING) * compiled.PADDING
        self.points = self._pack(X)
        if self.is_float and self.scales is not None:
            self.scales = self.scales.astype(np.float32)
        per_unit = kernel.log2_exponent or 0.0
        self.exponent = per_unit / h if kernel.exponent_of_distance else per_unit / (h * h)
        self.support = h * h
        self.inverse = 1.0 / self.support
        self.largest_weight = 1.0
        self.weights: np.ndarray | None = None
        self.values: np.ndarray | None = None
        if weights is not None:
            self.largest_weight = float(weights.max())
        if values is not None:
            self.values = self._pad(values.T if weights is None else (values * weights[:, None]).T)
        elif weights is not None:
            self.weights = self._pad(weights)
        self._compiled = (compiled.DirectPointsFloat if self.is_float else compiled.DirectPoints)(
            self.points, metrics.CODES[metric], kernel.code, self.exponent, self.inverse, self.support, self.scales,
            self.weights, self.values,
        )  # fmt: skip
        # The same points for many queries at once: made when such come, False where they would lose digits.
        self._products: ScalarProducts | bool | None = None
        if (
            d < FEWEST_FEATURES
            or self.is_float
            or not kernel.is_product
            or metric != "euclidean"
            or self.factor is not None
        ):
            self._products = False
        self._X = X
        self.pair_ns = kernel.pair_ns + FEATURE_NS * d
        self.smallest_sum = 0.0
        if per_unit and values is None:
            self.smallest_sum = n * self.largest_weight * (SMALL_FLOAT_SUM if self.is_float else SMALL_SUM)

    def _pad(self, per_point: np.ndarray) -> np.ndarray:
        """Numbers per point, padded with zeros as the packed points are padded, in their precision."""
        padded = np.zeros((*per_point.shape[:-1], self.n_padded), dtype=self.points.dtype)
        padded[..., : self.n_points] = per_point
        return padded

    def _transform(self, rows: np.ndarray) -> np.ndarray:
        """Points or queries in the coordinates of the packed points."""
        if self.metric == "haversine":
            return rows if rows.shape[1] == 3 else metrics.of_sphere(rows)
        if self.whitening is not None:
            centre, to_white = self.whitening
            with np.errstate(over="ignore"):
                return by_matrix(rows - centre, to_white)
        if self.factor is not None:
            with np.errstate(over="ignore"):
                rows = rows.astype(np.float64, copy=False) * self.factor
        return rows

    def _pack(self, X: np.ndarray) -> np.ndarray:
        d, padded = self.n_features, self.n_padded
        rows = X if self.takes_plain_queries else self._transform(X)
        if self.is_float:
            points = np.empty(d * padded, np.float32)
            bad = compiled.pack_points_float(rows.astype(np.float32, copy=False), points)
        else:
            points = np.empty(d * padded)
            if rows.dtype == _FLOAT32:
                rows = rows.astype(np.float64)
            bad = compiled.pack_points(rows, points)
        if bad >= 0:
            raise ValueError(
                f"bandwidth is too small for the spread of the data: row {bad // d} of X overflows when divided by it"
            )
        return points

    def _scalar_products(self, n_queries: int) -> ScalarProducts | None:
        """Points for sums by scalar products, where these keep their digits and so many queries are worth it."""
        if self._products is False or n_queries < FEWEST_QUERIES:
            return None
        products = self._products
        if not isinstance(products, ScalarProducts):
            products = ScalarProducts(self._X, self.bandwidth)
            if products.keeps_digits:
                self._compiled_products = compiled.DirectPoints(
                    products.points, metrics.CODES[self.metric], self.kernel.code, -0.5, self.inverse, self.support,
                    None, self.weights, self.values, products.half_squares,
                )  # fmt: skip
            self._products = products if products.keeps_digits else False
        return products if products.keeps_digits else None

    def product_error(self, n_queries: int) -> float:
        """Bound of the relative error of sums that scalar products add, for so many queries; zero by differences."""
        return 0.0 if self._scalar_products(n_queries) is None else LARGEST_ERROR

    def _queries(self, Q: np.ndarray) -> np.ndarray:
        rows = self._transform(Q)
        if self.factor is not None:  # a query too far away to be scaled is still far away
            rows = np.clip(rows, -LARGEST, LARGEST)
        return rows if rows.dtype == self.points.dtype else rows.astype(self.points.dtype)

    def evaluate(
        self, Q: np.ndarray, *, log: bool = False, own: np.ndarray | None = None, n_threads: int | None = None
    ) -> np.ndarray:
        """Sums at the rows of Q, of shape (n_queries,) or (n_queries, n_values); natural logarithms with `log`.

        `own[j]` is the index of the point that query j leaves out, or -1.
        """
        m = len(Q)
        prepared: compiled.DirectPoints | compiled.DirectPointsFloat = self._compiled
        of_queries: np.ndarray | None = None
        products = None if self._products is False else self._scalar_products(m)
        if products is not None:
            queries, of_queries = products.queries(Q)
            prepared = self._compiled_products
        else:
            queries = Q if self.takes_plain_queries and Q.dtype == self.points.dtype else self._queries(Q)
        n_padded = self.n_padded
        per_run = n_padded if m >= FEW_QUERIES else POINTS_PER_RUN
        n_runs = -(-n_padded // per_run)
        n_values = 1 if self.values is None else len(self.values)
        sums = np.empty((n_runs, m, n_values))
        run_blocks(
            prepared.sums,
            n_runs * -(-m // compiled.QUERIES_PER_BLOCK),
            n_threads,
            m * n_padded * self.pair_ns,
            (queries, of_queries, own, per_run, sums),
        )
        if self.values is not None:
            return sums.sum(axis=0)
        result = sums[0, :, 0] if n_runs == 1 else sums[:, :, 0].sum(axis=0)
        if self.smallest_sum > 0 and m and (result.item() if m == 1 else result.min()) < self.smallest_sum:
            small = np.flatnonzero(result < self.smallest_sum)
            logs = self._log_sums(self._queries(Q[small]), None if own is None else own[small], n_threads)
            if log:
                with np.errstate(divide="ignore"):
                    result = np.log(result)
                result[small] = logs
                return result
            result[small] = np.exp(logs)
        if log:
            with np.errstate(divide="ignore"):
                return np.log(result)
        return result

    def _log_sums(self, queries: np.ndarray, own: np.ndarray | None, n_threads: int | None) -> np.ndarray:
        """ln of sums that double precision cannot hold, relative to the largest term."""
        m, n_padded = len(queries), self.n_padded
        queries = np.ascontiguousarray(queries, dtype=np.float64)
        points = self.points.astype(np.float64, copy=False)
        scales = None if self.scales is None else self.scales.astype(np.float64, copy=False)
        log2_weights = None
        if self.weights is not None:
            with np.errstate(divide="ignore"):
                log2_weights = np.log2(self.weights.astype(np.float64, copy=False))
        largest, sums = np.empty(m), np.empty(m)
        relative = compiled.DirectPoints(
            points, metrics.CODES[self.metric], self.kernel.code, self.exponent, self.inverse, self.support, scales,
            log2_weights, None,
        )  # fmt: skip
        arguments = queries, self.kernel.exponent_of_distance, own, largest, sums
        n_blocks = -(-m // compiled.QUERIES_PER_BLOCK)
        run_blocks(relative.log2_sums, n_blocks, n_threads, 2 * m * n_padded * self.pair_ns, arguments)
        return (largest + np.log2(sums)) * math.log(2)
