"""A kernel density on a rectilinear grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernel_sum import KernelSum
from fastdens.kernel_sums.kernels.registry import KERNELS, VISIBLE
from fastdens.kernel_sums.on_grid.grid_routes import grid_points, log_grid_sums
from fastdens.models.contract import in_double, rounded
from fastdens.models.kernel_density.boundaries.boundary import Boundary

# Grid points per axis where the caller does not say, by number of features.
DEFAULT_POINTS = {1: 1024, 2: 256, 3: 64}


class GridEvaluation:
    """`evaluate_grid` of `KernelDensity`."""

    atol: float
    rtol: float
    algorithm: str
    metric: str
    n_threads: int | None
    n_features_in_: int
    kernel_: str
    _bandwidth: Bandwidth
    points_: np.ndarray
    _weights: np.ndarray | None
    _boundary: Boundary | None
    _log_total: float
    _log_volume: float

    if TYPE_CHECKING:  # from the contract and the model

        def _check_fitted(self) -> None: ...
        def score_samples(self, X: Any) -> np.ndarray: ...
        def _precision_with(self, *arrays: Any) -> np.dtype: ...

        _own_precision: np.dtype

    def evaluate_grid(
        self, axes: Any = None, *, n_points: Any = None, margin: float | None = None, log: bool = False
    ) -> tuple[list[np.ndarray], np.ndarray]:
        r"""Density at all points of a grid, with the guarantee of `rtol` and `atol` at each.

        With the Gaussian kernel and a bandwidth that is not a matrix the work is separated by axes, which makes grids
        of millions of points cheap; otherwise the grid's points are scored one by one.

        Parameters
        ----------
        axes : array-like or list of array-like, default=None
            Coordinates along each feature, one array per feature (for one feature, the array itself will do): finite,
            in any order and of any spacing. None: equally spaced coordinates that cover the
            data, no further than the bounds, and one whole period of a periodic feature.
        n_points : int or list of int, default=None
            Grid points along each feature where `axes` is None: one number, or one per feature. None: 1024, 256 or 64
            for one, two or three features; more features need a number.
        margin : float, default=None
            How far the default axes reach beyond the data, in bandwidths of each feature. None: 1 for kernels of
            bounded support, which is all there is, 4 for the Gaussian and 12 for the exponential kernel.
        log : bool, default=False
            Whether to return natural logarithms, finite at any distance with these two kernels.

        Returns
        -------
        axes : list of ndarray
            The coordinates along each feature; like the density float32 where the data of `fit` and `axes` are.
        density : ndarray of shape (len(axes[0]), len(axes[1]), ...)
            The density, or its logarithm, at every combination of coordinates.

        Raises
        ------
        TypeError, ValueError
            For an argument out of its range, with its name, the rule and the value received.

        Notes
        -----
        Many points on a line are summed into cells of one bandwidth in a single pass, without sorting. In two and
        three dimensions points in boxes are replaced by weights at Chebyshev nodes, and nodes or points are carried
        to the grid by one matrix per axis (sums over grids by product kernels: Langrene and Warin 2019). Values whose
        error bound misses the tolerance are computed again from the points.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(1000, 2))
        >>> kde = fd.KernelDensity(bandwidth=0.3).fit(X)
        >>> (x, y), density = kde.evaluate_grid(n_points=(50, 60))
        >>> density.shape
        (50, 60)
        >>> mass = np.trapezoid(np.trapezoid(density, y), x)
        >>> bool(abs(mass - 1) < 1e-4)
        True
        """
        self._check_fitted()
        d = self.n_features_in_
        if not isinstance(log, bool | np.bool_):
            raise TypeError(f"log must be True or False, got {log!r}")
        if axes is None:
            precision = self._own_precision
            coordinates = [rounded(axis, precision) for axis in self._default_axes(n_points, margin)]
        else:
            if n_points is not None or margin is not None:
                raise ValueError("n_points and margin are for axes=None: give either axes, or these")
            coordinates = _check_axes(axes, d)
            precision = self._precision_with(*coordinates)
            coordinates = [axis.astype(precision) for axis in coordinates]
        log_density = self._log_density_on_grid([in_double(axis) for axis in coordinates])
        density = log_density if log else np.exp(log_density, out=log_density)
        return coordinates, rounded(density, precision)

    def _default_axes(self, n_points: Any, margin: float | None) -> list[np.ndarray]:
        d = self.n_features_in_
        if n_points is None:
            if d not in DEFAULT_POINTS:
                raise ValueError(f"n_points must be given for more than three features, got None for {d} features")
            n_points = DEFAULT_POINTS[d]
        counts = [n_points] * d if np.ndim(n_points) == 0 else list(n_points)
        validation.check_length(len(counts), "n_points", d, "feature")
        counts = [validation.check_integer(count, "n_points", 1) for count in counts]
        if margin is None:
            margin = KERNELS[self.kernel_].radius(VISIBLE)
        margin = validation.check_number(margin, "margin", at_least=0)
        widths = self._bandwidth.widths
        with np.errstate(over="ignore"):
            low = self.points_.min(axis=0).astype(np.float64) - margin * widths
            high = self.points_.max(axis=0).astype(np.float64) + margin * widths
        if self._boundary is not None:
            low, high = self._within_bounds(self._boundary, low, high)
        if not (np.isfinite(low) & np.isfinite(high)).all():
            raise ValueError(f"margin={margin} bandwidths beyond the data is beyond the floating-point numbers")
        return [np.linspace(a, b, count) for a, b, count in zip(low, high, counts, strict=True)]

    @staticmethod
    def _within_bounds(boundary: Boundary, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of a range where the density can be, and one whole period where it repeats itself."""
        periodic = np.array([kind == "periodic" for kind in boundary.kinds])
        low = np.where(periodic, boundary.low, np.maximum(low, boundary.low))
        return low, np.where(periodic, boundary.high, np.minimum(high, boundary.high))

    def _sums_are_plain(self) -> bool:
        """Whether the density is a kernel sum divided by its normaliser, without corrections."""
        return self.metric == "euclidean" and self._boundary is None

    def _log_density_on_grid(self, axes: list[np.ndarray]) -> np.ndarray:
        shape = tuple(len(axis) for axis in axes)
        if math.prod(shape) == 0:
            return np.empty(shape)
        if self.algorithm == "direct" or not self._sums_are_plain():
            return self.score_samples(grid_points(axes)).astype(np.float64, copy=False).reshape(shape)
        points = self.points_.astype(np.float64, copy=False)
        prepared = KernelSum(points, KERNELS[self.kernel_], self._bandwidth, self._weights)
        log_normaliser = self._log_total + self._log_volume
        atol = self.atol * math.exp(min(log_normaliser, 700.0))
        logs = log_grid_sums(prepared, points, self._weights, axes, float(self.rtol), atol, self.n_threads)
        return np.subtract(logs, log_normaliser, out=logs)


def _check_axes(axes: Any, n_features: int) -> list[np.ndarray]:
    """One array of finite coordinates per feature."""
    if n_features == 1 and not (isinstance(axes, list | tuple) and len(axes) == 1 and np.ndim(axes[0]) == 1):
        axes = [axes]
    if not isinstance(axes, list | tuple | np.ndarray):
        raise TypeError(f"axes must be None or a list of one array per feature, got {type(axes).__name__}")
    validation.check_length(len(axes), "axes", n_features, "feature")
    checked = []
    for a, axis in enumerate(axes):
        if np.ndim(axis) != 1:
            raise ValueError(f"axes[{a}] must have one dimension, got {np.ndim(axis)}")
        column = np.asarray(axis)[:, None]
        checked.append(validation.check_queries(column, 1, f"axes[{a}]", keep_float32=True)[:, 0])
    return checked
