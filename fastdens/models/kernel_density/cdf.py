"""Distribution function, quantiles and box probabilities of a kernel density estimate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.core.monotone_inverse import Function, invert
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.integrated.integrated_sums import IntegratedSum, box_masses
from fastdens.kernel_sums.kernels.registry import BEYOND_ZERO, SmoothingKernel
from fastdens.models.contract import rounded


class LineLaw:
    """The law of an estimate of one feature: points smoothed on a line, of which what lies in [low, high] counts.

    Parameters
    ----------
    sums : IntegratedSum
        The points, with their images beyond the bounds where there are any.
    density : callable
        The density itself, at an array of points.
    low, high : float
        Where the law begins and ends.
    total : float
        Weight between `low` and `high`.
    """

    def __init__(self, sums: IntegratedSum, density: Function, low: float, high: float, total: float) -> None:
        self.sums, self.density, self.low, self.high, self.total = sums, density, low, high, total
        self._below_low = self._below(low) if low > -math.inf else 0.0
        self._above_high = self._above(high) if high < math.inf else 0.0
        points, h = sums.points / sums.scale, sums.bandwidth / sums.scale
        first, last = float(points[0]), float(points[-1])
        self.support = low, high
        if sums.kernel.is_compact:
            self.support = max(low, first - h), min(high, last + h)

    def _below(self, x: float) -> float:
        return float(self.sums.evaluate(np.array([x]))[0])

    def _above(self, x: float) -> float:
        return float(self.sums.mirrored.evaluate(np.array([-x]))[0])

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""
        below = (self.sums.evaluate(np.clip(x, *self._finite)) - self._below_low) / self.total
        return np.where(x <= self.low, 0.0, np.where(x >= self.high, 1.0, np.clip(below, 0.0, 1.0)))

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""
        above = (self.sums.mirrored.evaluate(-np.clip(x, *self._finite)) - self._above_high) / self.total
        return np.where(x <= self.low, 1.0, np.where(x >= self.high, 0.0, np.clip(above, 0.0, 1.0)))

    @property
    def _finite(self) -> tuple[float, float]:
        largest = float(np.finfo(float).max)
        return max(self.low, -largest), min(self.high, largest)

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q; the ends of the support at 0 and 1."""
        sums, result = self.sums, np.empty(q.shape)
        result[q == 0], result[q == 1] = self.support
        inside = (q > 0) & (q < 1)
        wanted = q[inside]
        # Every point is smoothed over no more than the kernel's reach, so the quantile of the points is near.
        place = np.searchsorted(sums.totals, self._below_low + wanted * self.total) - 1
        reach = sums.kernel.radius(BEYOND_ZERO) * sums.bandwidth
        last = len(sums.points) - 1
        points, around = sums.points, np.clip([place - 1, place, place + 1], 0, last)
        low = np.clip((points[around[0]] - reach) / sums.scale, self.low, self.high)
        high = np.clip((points[around[2]] + reach) / sums.scale, self.low, self.high)
        result[inside] = invert(
            self.lower, self.upper, self.density, wanted, low, high, points[around[1]] / sums.scale,
            sums.bandwidth / sums.scale,
        )  # fmt: skip
        return result


class TransformedLaw:
    """A law on a line whose axis is a function of that of the data."""

    def __init__(self, law: LineLaw, boundary: Any, low: float, high: float) -> None:
        self.law, self.boundary, self.low, self.high = law, boundary, low, high

    def _at(self, x: np.ndarray, function: Function, first: float, last: float) -> np.ndarray:
        result = np.where(x <= self.low, first, last)
        inside = (x > self.low) & (x < self.high)
        result[inside] = function(self.boundary.working(x[inside, None])[:, 0])
        return result

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""
        return self._at(x, self.law.lower, 0.0, 1.0)

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""
        return self._at(x, self.law.upper, 1.0, 0.0)

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q."""
        with np.errstate(over="ignore"):
            return self.boundary.unfold(self.law.quantiles(q)[:, None])[:, 0]


def integrated(
    points: np.ndarray,
    kernel: SmoothingKernel,
    bandwidth: Bandwidth,
    weights: np.ndarray | None,
    n_threads: int | None,
) -> IntegratedSum:
    """Sums of the integrated kernel over points of one feature."""
    h = float(bandwidth.widths[0])
    return IntegratedSum.of(points[:, 0], kernel, h, weights, n_threads)


def between(law: Any, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """P(low < value <= high), from the tails in which the interval lies."""
    probability = np.empty(len(low))
    in_upper = law.lower(low) > 0.5
    probability[in_upper] = law.upper(low[in_upper]) - law.upper(high[in_upper])
    probability[~in_upper] = law.lower(high[~in_upper]) - law.lower(low[~in_upper])
    return np.clip(probability, 0.0, 1.0)


class CumulativeKernelDensity:
    """The methods of `KernelDensity` that integrate the density."""

    if TYPE_CHECKING:
        n_features_in_: int
        points_: np.ndarray
        _bandwidth: Bandwidth
        n_threads: int | None
        _sums: Any
        _weights: np.ndarray | None
        _law: Any
        _boundary: Any

        def _new_data(self, X: Any) -> np.ndarray: ...
        def _precision_with(self, *arrays: Any) -> np.dtype: ...
        def _check_fitted(self) -> None: ...

        metric: str

        def _log_density(self, data: np.ndarray, return_bounds: bool = False) -> Any: ...

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x), exactly integrated; with full relative precision in the lower tail. float32 where the data
            of `fit` and X are float32.

        Notes
        -----
        In n log n + m log m time for every kernel.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.cdf([[-2.0], [0.0], [5.0], [11.0]]))
        [0.    0.25  0.5   0.875]
        """
        data = self._new_data(X)
        return self._tail("cdf", data)

    def sf(self, X: Any) -> np.ndarray:
        """Survival function, 1 - cdf, of an estimate of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value > x), exactly integrated; with full relative precision in the upper tail. float32 where the data
            of `fit` and X are float32.

        Examples
        --------
        >>> import fastdens as fd
        >>> print(fd.KernelDensity().fit([[0.0]]).sf([[20.0]]))
        [2.75362412e-89]
        """
        data = self._new_data(X)
        return self._tail("sf", data)

    def _tail(self, method: str, data: np.ndarray) -> np.ndarray:
        law = self._line_law(method)
        x = data[:, 0].astype(np.float64, copy=False)
        result = law.lower(x) if method == "cdf" else law.upper(x)
        return rounded(result, data.dtype)

    def ppf(self, q: Any) -> np.ndarray:
        """Quantiles of an estimate of one feature: the inverse of `cdf`.

        Parameters
        ----------
        q : float or array-like
            Probabilities, between 0 and 1.

        Returns
        -------
        ndarray, in the shape of q
            The smallest x with cdf(x) >= q, so the lower end of a gap that a kernel of bounded support leaves; at 0
            and 1 the ends of the support, infinite for the Gaussian and the exponential kernel.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(kernel="tophat", bandwidth=2.0).fit([[0.0], [10.0]])
        >>> print(model.ppf([0.0, 0.25, 0.5, 1.0]))
        [-2.  0.  2. 12.]
        """
        self._check_fitted()
        law, precision = self._line_law("ppf"), self._precision_with(q)
        q = validation.check_between_0_and_1(q, "q")
        return rounded(law.quantiles(q.ravel()).reshape(q.shape), precision)

    def box_probability(self, lower: Any, upper: Any) -> Any:
        """Probability of boxes, P(lower < value <= upper) in every feature.

        Parameters
        ----------
        lower, upper : array-like of shape (n_features,) or (n_boxes, n_features)
            Corners, which may be infinite; one box or several, or several of one against one of the other.

        Returns
        -------
        float or ndarray of shape (n_boxes,)
            Probabilities, exactly integrated. Of one feature, a difference of `cdf` or of `sf`, whichever is smaller.

        Raises
        ------
        ValueError
            For more than one feature with a kernel other than the Gaussian, or with a bandwidth matrix that is not
            diagonal: those integrals have no closed form.

        Notes
        -----
        With more features a sum over points of products of Gaussian integrals: time n_boxes * n_points * n_features.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity().fit([[0.0, 0.0]])
        >>> print(round(model.box_probability([-1.0, -1.0], [1.0, 1.0]), 6))
        0.466065
        """
        self._check_fitted()
        if getattr(self, "metric_", "euclidean") != "euclidean":
            raise ValueError(f"box_probability needs metric='euclidean', got metric={self.metric!r}")
        low, high, single = _check_boxes(lower, upper, self.n_features_in_)
        probability = self._box_probabilities(low, high)
        return float(probability[0]) if single else rounded(probability, self._precision_with(lower, upper))

    def _box_probabilities(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        if self.n_features_in_ == 1:
            return between(self._line_law("box_probability"), low[:, 0], high[:, 0])
        kernel = self._sums.kernel
        if not kernel.is_product:
            raise ValueError(
                f"box_probability of {self.n_features_in_} features needs kernel='gaussian', whose integral over a "
                f"box is a product, got kernel={kernel.name!r}"
            )
        points, weights, bandwidth = self.points_, self._weights, self._bandwidth
        if self._boundary is not None:
            points, weights, bandwidth = self._sums.points, self._sums.weights, self._sums.bandwidth
            low, high = self._boundary.box(low, high)
        widths = axis_bandwidths(bandwidth, "box_probability of several features")
        masses = box_masses(points, widths, weights, low, high, self.n_threads)
        total = len(self.points_) if self._weights is None else self._weights.sum()
        return np.clip(masses / total, 0.0, 1.0)

    def _line_law(self, method: str) -> Any:
        if self.n_features_in_ != 1:
            raise ValueError(
                f"{method} needs a model of one feature, got {self.n_features_in_}; "
                "box_probability takes several with the Gaussian kernel"
            )
        if self._law is None:
            self._law = self._make_line_law()
        return self._law

    def _make_line_law(self) -> Any:
        def density(x: np.ndarray) -> np.ndarray:
            return np.exp(self._log_density(x[:, None]))

        if self._boundary is not None:
            return self._sums.line_law(density, self.n_threads)
        sums = integrated(self.points_, self._sums.kernel, self._bandwidth, self._weights, self.n_threads)
        return LineLaw(sums, density, -math.inf, math.inf, sums.total)


def axis_bandwidths(bandwidth: Bandwidth, what: str) -> np.ndarray:
    """One bandwidth per feature, of a number, a vector or a diagonal matrix in squared units."""
    widths = bandwidth.independent_widths
    if widths is None:
        raise ValueError(
            f"bandwidth must be a number, one number per feature or a diagonal matrix for {what}, got a matrix that "
            f"is not diagonal: {bandwidth.matrix.tolist()}"
        )
    return widths


def _check_boxes(lower: Any, upper: Any, n_features: int) -> tuple[np.ndarray, np.ndarray, bool]:
    corners = []
    for name, corner in (("lower", lower), ("upper", upper)):
        array = np.asarray(corner, dtype=np.float64)
        if array.ndim not in (1, 2) or array.shape[-1] != n_features:
            raise ValueError(
                f"{name} must have shape ({n_features},) or (n_boxes, {n_features}), one entry per feature, "
                f"got shape {array.shape}"
            )
        if np.isnan(array).any():
            raise ValueError(f"{name} must not contain NaN, got {corner!r}")
        corners.append(array)
    single = corners[0].ndim == corners[1].ndim == 1
    low, high = np.atleast_2d(corners[0]), np.atleast_2d(corners[1])
    if len(low) != len(high) and 1 not in (len(low), len(high)):
        raise ValueError(f"lower and upper must have as many boxes, got {len(low)} and {len(high)}")
    low, high = np.broadcast_arrays(low, high)
    if (low > high).any():
        row, column = np.argwhere(low > high)[0]
        raise ValueError(
            f"lower must not be greater than upper, got {low[row, column]} and {high[row, column]} in box {row}, "
            f"feature {column}"
        )
    return low, high, single
