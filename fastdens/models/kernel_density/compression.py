"""A kernel density estimate with fewer points, nearly the same everywhere, with the error stated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums import compression
from fastdens.kernel_sums.kernel_sum import KernelSum
from fastdens.kernel_sums.kernels.registry import KERNELS, SmoothingKernel, check_able

# Places where both estimates are compared: so many points, and so many on a grid over the data; and in how many of the
# heaviest cells the largest density is looked for.
COMPARED_POINTS, COMPARED_ON_GRID, PEAKS = 1000, 1000, 256
UNIT_ROUNDOFF = 2.0**-52


def _is_smooth(kernel: SmoothingKernel) -> bool:
    return kernel.slope is not None and kernel.curvature is not None


class KernelCompression:
    """`compress` of `KernelDensity`."""

    compression_error_: float
    compression_measured_error_: float
    n_threads: int | None
    kernel_: str
    metric_: str
    bandwidth_: float | np.ndarray
    points_: np.ndarray
    _weights: np.ndarray | None
    _boundary: Any

    if TYPE_CHECKING:  # from the contract and the model

        def _check_fitted(self) -> None: ...
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self: ...

    def compress(self, max_error: float = 1e-3) -> Self:
        r"""An estimate from fewer, weighted points that is nearly the same everywhere.

        Parameters
        ----------
        max_error : float, default=1e-3
            Largest difference between the two densities at any place, as a share of the largest density.

        Returns
        -------
        KernelDensity
            A new fitted model with the same kernel, bandwidth and options, and these attributes besides:
            `compression_error_`, an upper bound of :math:`\sup_x |\hat p_c(x) - \hat p(x)| / \max_x \hat p(x)`, at
            most `max_error`, proved for all x; and `compression_measured_error_`, the largest such difference
            found at points of the data and of a grid over it. Where nothing can be spared it has all distinct points.

        Raises
        ------
        TypeError
            If `max_error` is not a number.
        ValueError
            If `max_error` is not above 0; for the kernel "tophat", whose density jumps; with a metric other than the
            Euclidean one, or with bounds or periods.

        Notes
        -----
        Points are cut into cells some bandwidths wide or less; the points of a cell are replaced by a few inside it
        with the same weight and mean, and for the Gaussian kernel in up to three dimensions with the same moments up
        to a higher degree: in one dimension the nodes of Gauss's rule for the cell's own points (Golub and Welsch
        1969), in two and three a subset of the points with weights found by non-negative least squares
        (Tchakaloff's theorem). The bound sums the remainders of the kernel, which fall off with the distance (Cramer's
        inequality for Hermite functions), over all cells that can lie near one place. Width and degree are those
        that leave the fewest points. The largest density is taken from below, at places where the data are dense.

        The mean of the data is kept, and with moments of the second degree their variance. What counts points
        rather than density, such as `confidence_band`, `loo_score_samples` and bandwidth rules, sees only the points
        that are left.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(100_000, 1))
        >>> small = fd.KernelDensity(bandwidth="scott").fit(X).compress(1e-4)
        >>> len(small.points_) < 500
        True
        >>> small.compression_measured_error_ <= small.compression_error_ <= 1e-4
        True
        """
        self._check_fitted()
        max_error = validation.check_number(max_error, "max_error", above=0)
        check_able(KERNELS[self.kernel_], "compress", "that is continuous, with its steepest slope known", _is_smooth)
        if self.metric_ != "euclidean":
            raise ValueError(f"compress needs metric='euclidean', got metric={self.metric_!r}")
        if self._boundary is not None:
            given = self.get_params()
            raise ValueError(
                "compress needs bounds=None and period=None, "
                f"got bounds={given['bounds']!r}, period={given['period']!r}"
            )
        sums = _Comparison(self)
        points, weights, error = sums.compressed(max_error)
        model = type(self)(**{**self.get_params(), "kernel": self.kernel_, "bandwidth": self.bandwidth_})
        model.fit(points, sample_weight=weights)
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_  # type: ignore[attr-defined]
        model.compression_error_ = error
        model.compression_measured_error_ = sums.measured(points, weights)
        return model

    def _forget_compression(self) -> None:
        """Points that are fitted anew have not been compressed."""
        for name in ("compression_error_", "compression_measured_error_"):
            self.__dict__.pop(name, None)


class _Comparison:
    """The points of a model in bandwidths, with equal ones together, and the sums over them."""

    def __init__(self, model: Any) -> None:
        self.kernel, self.bandwidth, self.n_threads = KERNELS[model.kernel_], model._bandwidth, model.n_threads
        self.all_points = model.points_.astype(np.float64, copy=False)
        self.unit = float(np.finfo(model.points_.dtype).eps)
        n = len(self.all_points)
        self.total = float(n) if model._weights is None else float(model._weights.sum())
        order = np.lexsort(self.all_points.T[::-1])
        ordered = self.all_points[order]
        new = np.ones(n, dtype=bool)
        new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        first = np.flatnonzero(new)
        self.points, self.rows = ordered[first], model.points_[order[first]]
        own = np.ones(n) if model._weights is None else model._weights[order]
        self.weights = np.add.reduceat(own, first)
        self.sums = KernelSum(self.points, self.kernel, self.bandwidth, self.weights)
        self.origin = np.median(self.points, axis=0)
        self.root, self.inverse = self.bandwidth.root, self.bandwidth.to_white.T
        with np.errstate(over="ignore", invalid="ignore"):
            self.white = (self.points - self.origin) @ self.inverse.T
        self.peak = 0.0

    def at(self, Q: np.ndarray, sums: KernelSum | None = None) -> np.ndarray:
        """Sums at the rows of Q as shares of that at a place where all points lie."""
        sums = self.sums if sums is None else sums
        return sums.evaluate(np.ascontiguousarray(Q), n_threads=self.n_threads) / self.total

    def compressed(self, max_error: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Points, weights and the bound."""
        with np.errstate(invalid="ignore"):
            near = (np.abs(self.white) < compression.FAR).all(axis=1)
        white, shares = self.white[near], self.weights[near] / self.total
        unchanged = self.rows, self.weights, 0.0
        self.peak = self._peak(white, shares, near)
        if len(white) < 2:
            return unchanged
        rounding = self._rounding(self.points[near], shares, white)
        allowed = max_error * self.peak - rounding
        choice = compression.choose(white, shares, self.kernel, allowed) if allowed > 0 else None
        if choice is None:
            return unchanged
        nodes = compression.replace(white, shares, self.kernel, choice)
        error = (nodes.error + rounding) / self.peak
        if error > max_error or len(nodes.weights) >= len(white):
            return unchanged
        points = (self.origin + nodes.points @ self.root.T).astype(self.rows.dtype)
        kept = nodes.rows >= 0
        points[kept] = self.rows[near][nodes.rows[kept]]
        points = np.concatenate([points, self.rows[~near]])
        weights = np.concatenate([nodes.weights * self.total, self.weights[~near]])
        return points, weights * (self.total / weights.sum()), error

    def _peak(self, white: np.ndarray, shares: np.ndarray, near: np.ndarray) -> float:
        """A lower bound of the largest sum: it is at least what it is in the heaviest cells."""
        if not len(white):
            return float(self.at(self.points[:1])[0])
        cells = compression.Cells(white, shares, 1.0)
        heavy = np.argsort(-cells.mass, kind="stable")[:PEAKS]
        means = np.stack([np.bincount(cells.number, shares * c) for c in white.T], axis=1) / cells.mass[:, None]
        values = self.at(self.origin + means[heavy] @ self.root.T)
        return float(max(values.max(), shares.max())) * (1 - 1e-9)

    def _rounding(self, points: np.ndarray, shares: np.ndarray, white: np.ndarray) -> float:
        """What rounding adds: of points in bandwidths, of nodes in units of the data, and of the sums of weights."""
        size = np.abs(self.inverse)
        d = points.shape[1]
        span = np.abs(self.root).sum(axis=1) * compression.WIDTHS[0]
        moved = 2 * self.unit * (np.abs(points) + span) @ size.T
        moved += 8 * d * UNIT_ROUNDOFF * ((np.abs(points - self.origin) + span) @ size.T + 1)
        assert self.kernel.slope is not None
        return self.kernel.slope * float(shares @ np.sqrt((moved**2).sum(axis=1))) + UNIT_ROUNDOFF * len(points)

    def measured(self, points: np.ndarray, weights: np.ndarray) -> float:
        """Largest difference found, as a share of the peak."""
        d = points.shape[1]
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        per_axis = max(2, int(COMPARED_ON_GRID ** (1 / d) + 1e-9))
        step = max(1, len(self.points) // COMPARED_POINTS)
        queries = [self.points[::step]]
        if per_axis**d <= 2 * COMPARED_ON_GRID:
            with np.errstate(over="ignore", invalid="ignore"):
                axes = [np.linspace(a, b, per_axis) for a, b in zip(low, high, strict=True)]
            queries.append(np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1))
        Q = np.concatenate(queries)
        Q = Q[np.isfinite(Q).all(axis=1)]
        after = KernelSum(points.astype(np.float64), self.kernel, self.bandwidth, weights)
        difference = np.abs(self.at(Q) - self.at(Q, after)).max()
        return float(difference) / self.peak if math.isfinite(self.peak) else 0.0
