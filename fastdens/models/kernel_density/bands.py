"""Confidence bands of a kernel density estimate, from the variance of its sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.kernel_sum import KernelSum
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.derived import KernelDerived

# Multipliers drawn for a simultaneous band, and how many are in memory at once.
BOOTSTRAPS, AT_ONCE = 1000, 25
# Below this part of the peak a density counts as one point's alone in the bootstrap.
FAINT = -600.0


class KernelBands(KernelDerived):
    """Confidence bands of `KernelDensity`."""

    rtol: float
    weights_: np.ndarray
    _log_total: float
    _log_volume: float

    def confidence_band(
        self, X: Any, level: float = 0.95, *, simultaneous: bool = False, log: bool = False, random_state: Any = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Lower and upper bounds of the density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.
        level : float, default=0.95
            Probability that the true value lies between the bounds, in large samples.
        simultaneous : bool, default=False
            Whether that holds for all rows of X at once, and not for each one by itself.
        log : bool, default=False
            Whether to bound the log-density (and return logarithms); such bounds are never below density 0 and follow
            it into the tails.
        random_state : int, Generator, RandomState or None, default=0
            Source of the multipliers of the simultaneous band.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,)
            Normal intervals about the estimate, from its standard error; lower bounds below 0 are 0.

        Raises
        ------
        ValueError
            If fewer than two rows carry weight, for a metric other than the Euclidean one, with bounds or periods.

        Notes
        -----
        The variance of the sum follows from the sum of squared kernels, :math:`\sum_i w_i^2 (K_h(x - x_i) - \hat
        p(x))^2 / (1 - \sum_i w_i^2)` with weights that sum to one. Where a kernel of bounded support leaves no
        density, the upper bound is that of Clopper and Pearson for an event that was not seen, times the kernel's peak.

        The interval covers the smoothed density :math:`E\,\hat p(x)`, which differs from the density itself by the
        bias of smoothing; with a bandwidth that is small against the optimal one (undersmoothing; Hall 1992) the
        difference is negligible. The normal law is good where some ten points are within a bandwidth. The bandwidth
        is taken as given. Simultaneous bands use the Gaussian multiplier bootstrap (Chernozhukov, Chetverikov and Kato
        2014), with 1000 draws over all points and rows.

        References
        ----------
        Hall (1992), Effect of bias estimation on coverage accuracy of bootstrap confidence intervals for a probability
        density, Annals of Statistics 20, 675-694. Chernozhukov, Chetverikov and Kato (2014), Anti-concentration and
        honest, adaptive confidence bands, Annals of Statistics 42, 1787-1818.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(1000, 1))
        >>> lower, upper = fd.KernelDensity(bandwidth=0.2).fit(X).confidence_band([[0.0]])
        >>> bool(lower[0] < 0.39 < upper[0])
        True
        """
        data = self._new_data(X)
        self._check_plain("confidence_band")
        level = validation.check_number(level, "level", above=0)
        if level >= 1:
            raise ValueError(f"level must be less than 1, got {level!r}")
        for name, value in (("simultaneous", simultaneous), ("log", log)):
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{name} must be True or False, got {value!r}")
        random = validation.check_random_state(random_state)
        if len(self.points_) < 2:
            raise ValueError("confidence_band needs at least two rows that carry weight, got 1")
        queries = data.astype(np.float64, copy=False)
        log_density, relative_error = self._relative_standard_error(queries)
        quantile = self._sup_quantile(queries, log_density, relative_error, level, random) if simultaneous else None
        if quantile is None:
            from scipy.special import ndtri

            quantile = float(ndtri((1 + level) / 2))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            if log:
                lower, upper = log_density - quantile * relative_error, log_density + quantile * relative_error
            else:
                density = np.exp(log_density)
                lower = density * np.maximum(1 - quantile * relative_error, 0.0)
                upper = density * (1 + quantile * relative_error)
        empty = log_density == -np.inf
        if empty.any():
            unseen = self._log_bound_of_nothing(level, len(data) if simultaneous else 1)
            lower[empty], upper[empty] = (-np.inf, unseen) if log else (0.0, math.exp(unseen))
        return rounded(lower, data.dtype), rounded(upper, data.dtype)

    def _log_bound_of_nothing(self, level: float, n_bounds: int) -> float:
        """ln of the largest mean of the estimate that leaves no point in reach with the probability that is allowed."""
        size = 1 / float(self.weights_ @ self.weights_)
        return math.log(-math.expm1(math.log((1 - level) / (2 * n_bounds)) / size)) - self._log_volume

    def _relative_standard_error(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln of the density, and its standard error over the density."""
        kernel, points, n_threads = KERNELS[self.kernel_], self._points64(), self.n_threads
        weights, squares = self._weights, None if self._weights is None else self._weights**2

        def log_sums(of: str, divisor: float, its_weights: np.ndarray | None) -> np.ndarray:
            prepared = KernelSum(points, KERNELS[of], self._bandwidth / divisor, its_weights)
            return prepared.evaluate(queries, log=True, rtol=self.rtol, n_threads=n_threads)

        sums = log_sums(self.kernel_, 1.0, weights)
        if kernel.square is not None:
            sums_of_squares = log_sums(*kernel.square, squares)
        else:
            log_squares = None if weights is None else 2 * np.log(weights)
            squared_kernel = VariableSum(points, kernel, self._bandwidth, log_squares)
            sums_of_squares = squared_kernel.log_sums_of_squares(queries, n_threads)
        total = float(self.weights_ @ self.weights_)
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            variance = np.exp(sums_of_squares - 2 * sums) + total
            if squares is None:
                variance -= 2 / len(points)
            else:
                variance -= 2 * np.exp(log_sums(self.kernel_, 1.0, squares) - sums - self._log_total)
            # Rounding may make nothing out of the variance of a constant.
            relative_error = np.sqrt(np.maximum(variance, 0.0) / (1 - total))
        return sums - self._log_total - self._log_volume, relative_error

    def _sup_quantile(
        self,
        queries: np.ndarray,
        log_density: np.ndarray,
        relative_error: np.ndarray,
        level: float,
        random: np.random.Generator,
    ) -> float:
        """The quantile of the largest deviation over the rows, in standard errors."""
        usable = np.flatnonzero(relative_error > 0)
        if not usable.size:
            return 0.0
        # A faint density is one point's alone, or a few points': its deviation counts as one more, independent of all.
        faint = log_density[usable] < FAINT - self._log_volume
        near = usable[~faint]
        points, weights = self._points64(), self.weights_
        log_scale = self._log_volume + log_density[near]  # the sum with weights that sum to one is its exponential
        largest = np.empty(BOOTSTRAPS)
        for start in range(0, BOOTSTRAPS, AT_ONCE):
            count = min(AT_ONCE, BOOTSTRAPS - start)
            multipliers = random.standard_normal((len(points), count)) * weights[:, None]
            found = np.abs(random.standard_normal((int(faint.sum()), count))).max(axis=0, initial=0.0)
            if near.size:
                prepared = DirectSum(points, KERNELS[self.kernel_], self._bandwidth, None, multipliers)
                sums = prepared.evaluate(np.ascontiguousarray(queries[near]), n_threads=self.n_threads)
                deviation = sums * np.exp(-log_scale)[:, None] - multipliers.sum(axis=0)
                scale = relative_error[near] * math.sqrt(1 - float(weights @ weights))
                found = np.maximum(found, np.abs(deviation / scale[:, None]).max(axis=0))
            largest[start : start + count] = found
        return float(np.quantile(largest, level))
