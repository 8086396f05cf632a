"""Direct kernel sums with a bandwidth for each point or query, gradients of log-sums, and sums of squared kernels.

The slower route for what the others do not know: every query meets every point, in double precision. The smoothing
kernel of point i has the bandwidth h f_i, and that of query j the bandwidth h g_j, with factors f and g.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct.direct_sums import SMALL_SUM, DirectSum
from fastdens.kernel_sums.kernels.registry import SmoothingKernel, check_able
from fastdens.kernel_sums.variable import _variable_sums as compiled

# How many times the work of a direct sum a gradient is, about.
GRADIENT_WORK = 2.0
# Weights that spread wider are summed relative to the largest one within the radius where a sum is as small as this.
NARROW_WEIGHTS = 2.0**-900
# Factors of queries are taken as powers of 2^128 times numbers whose squares neither overflow nor underflow.
UNIT_EXPONENT = 128


class VariableSum:
    """Points, bandwidths and weights prepared for direct sums.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Checked for finite values here.
    kernel : SmoothingKernel
    bandwidth : Bandwidth, float or ndarray
        h, checked.
    log_weights : ndarray of shape (n_points,), optional
        Natural logarithms of the weights, finite.
    factors : ndarray of shape (n_points,), optional
        By which the bandwidth of each point is multiplied, greater than 0.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth | float | np.ndarray,
        log_weights: np.ndarray | None = None,
        factors: np.ndarray | None = None,
    ) -> None:
        self.direct = direct = DirectSum(X.astype(np.float64, copy=False), kernel, bandwidth)
        self.kernel, self.n_points, self.n_features = kernel, *X.shape
        self.inverses = None
        if factors is not None:
            self.inverses = np.ones(direct.n_padded)
            with np.errstate(over="ignore", under="ignore"):
                self.inverses[: self.n_points] = factors**-2.0
        self.log_unit = 0.0 if log_weights is None else float(log_weights.max())  # of the sums
        self.log2_weights = np.full(direct.n_padded, -np.inf)
        self.log2_weights[: self.n_points] = 0.0 if log_weights is None else (log_weights - self.log_unit) / math.log(2)
        self.weights = None
        is_wide = False
        if log_weights is not None:
            with np.errstate(under="ignore"):
                self.weights = np.exp2(self.log2_weights)
            is_wide = float(self.weights[: self.n_points].min()) < NARROW_WEIGHTS
        self._points = compiled.VariablePoints(
            direct.points, self.inverses, self.weights, self.log2_weights, kernel.code, kernel.exponent_of_distance,
            direct.exponent, direct.inverse, direct.support,
        )  # fmt: skip
        # A smaller sum is recomputed relative to its largest term.
        self.smallest_sum = self.n_points * SMALL_SUM if is_wide or not kernel.is_compact else 0.0

    def log_sums(
        self,
        Q: np.ndarray,
        *,
        query_factors: np.ndarray | None = None,
        own: np.ndarray | None = None,
        n_threads: int | None = None,
    ) -> np.ndarray:
        """ln of the sum at the rows of Q; `own[j]` is the point that query j leaves out, or -1."""
        if query_factors is None:
            return self._evaluate(Q, None, own, False, n_threads)[0]
        exponents = UNIT_EXPONENT * np.rint(np.frexp(query_factors)[1] / UNIT_EXPONENT).astype(int)
        logs = np.empty(len(Q))
        for exponent in np.unique(exponents):  # mostly one, 0
            rows = np.flatnonzero(exponents == exponent)
            factors = np.ldexp(query_factors[rows], -exponent)
            its_own = None if own is None else own[rows]
            logs[rows] = self._evaluate(Q[rows], factors, its_own, False, n_threads, -exponent)[0]
        return logs

    def log_gradients(self, Q: np.ndarray, n_threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """ln of the sum at the rows of Q, and its gradient there; 0 where the sum is 0."""
        check_able(self.kernel, "a gradient", "with a compiled slope", lambda other: other.has_slope)
        logs, gradients = self._evaluate(Q, None, None, True, n_threads)
        direct = self.direct
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            gradients *= direct.inverse if direct.scales is None else direct.inverse * direct.scales**2
            if direct.whitening is not None:
                gradients = gradients @ direct.whitening[1].T
            if direct.factor is not None:
                gradients *= direct.factor
        return logs, gradients

    def log_sums_of_squares(self, Q: np.ndarray, n_threads: int | None = None) -> np.ndarray:
        """ln of the sum of the weights times K^2."""
        queries, sums = self.direct._queries(Q), np.empty(len(Q))
        self._run(queries, None, None, True, False, None, sums, None, n_threads)
        with np.errstate(divide="ignore"):
            return np.log(sums) + self.log_unit

    def _evaluate(
        self,
        Q: np.ndarray,
        query_factors: np.ndarray | None,
        own: np.ndarray | None,
        with_gradient: bool,
        n_threads: int | None,
        exponent: int = 0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the sums and their gradients, with differences from the points times 2^exponent."""
        queries, m = self.direct._queries(Q), len(Q)
        inverses = None if query_factors is None else query_factors**-2.0
        sums, gradients = np.empty(m), np.empty((m, self.n_features)) if with_gradient else None
        self._run(queries, inverses, own, False, False, None, sums, gradients, n_threads, exponent)
        with np.errstate(divide="ignore"):
            logs = np.log(sums)
        small = np.flatnonzero(sums < self.smallest_sum)
        if small.size:
            few, its_own = np.ascontiguousarray(queries[small]), None if own is None else own[small]
            its_inverses = None if inverses is None else inverses[small]
            largest, again = np.empty(small.size), np.empty(small.size)
            parts = np.empty((small.size, self.n_features)) if with_gradient else None
            self._run(few, its_inverses, its_own, False, True, largest, again, parts, n_threads, exponent)
            with np.errstate(divide="ignore"):
                logs[small] = np.where(again > 0, largest * math.log(2) + np.log(again), -np.inf)
            sums[small] = again
            if gradients is not None:
                gradients[small] = parts
        if gradients is not None:
            gradients = np.divide(gradients, sums[:, None], out=np.zeros_like(gradients), where=sums[:, None] > 0)
        return logs + self.log_unit, gradients if gradients is not None else np.empty((m, 0))

    def _run(
        self,
        queries: np.ndarray,
        query_inverses: np.ndarray | None,
        own: np.ndarray | None,
        squared: bool,
        relative: bool,
        largest: np.ndarray | None,
        sums: np.ndarray,
        gradients: np.ndarray | None,
        n_threads: int | None,
        exponent: int = 0,
    ) -> None:
        direct, m = self.direct, len(queries)
        scales = direct.scales
        if exponent:
            scales = np.ldexp(np.ones(self.n_features) if scales is None else scales, exponent)
        pair_ns = direct.pair_ns * (1.0 if gradients is None else GRADIENT_WORK)
        arguments = queries, query_inverses, scales, own, squared, relative, largest, sums, gradients
        n_blocks = -(-m // compiled.QUERIES_PER_BLOCK)
        run_blocks(self._points.sums, n_blocks, n_threads, m * direct.n_padded * pair_ns, arguments)
