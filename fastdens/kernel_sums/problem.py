"""What a kernel sum is over, what is asked of it, and what a route answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import SmoothingKernel

# What rtol = 0 stands for, for float64 and float32 data.
FULL_PRECISION, SINGLE_PRECISION = 1e-12, 1e-6

_FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class SumProblem:
    """Points, smoothing kernel and bandwidth: what sums are over, whatever the queries.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features)
        C-contiguous float64 or float32, finite.
    kernel : SmoothingKernel
    bandwidth : Bandwidth
    weights : ndarray of shape (n_points,) or None
        Not negative, finite; one each where it is None.
    values : ndarray of shape (n_points, n_values) or None
        Any finite numbers, multiplied by the weights.
    metric : str
        As `check_metric` returns it.
    """

    X: np.ndarray
    kernel: SmoothingKernel
    bandwidth: Bandwidth
    weights: np.ndarray | None = None
    values: np.ndarray | None = None
    metric: str = "euclidean"

    @property
    def n_points(self) -> int:
        return len(self.X)

    @property
    def n_features(self) -> int:
        return self.X.shape[1]

    @property
    def total_weight(self) -> float:
        return float(self.n_points if self.weights is None else self.weights.sum())

    @property
    def finest(self) -> float:
        """The relative error that the precision of the points stands for."""
        return FULL_PRECISION if self.X.dtype == _FLOAT64 else SINGLE_PRECISION

    @property
    def loses_digits_at_edge(self) -> bool:
        """Whether sums of points near the edge of the kernel's support lose digits that can be won back."""
        return (
            self.kernel.order_of_contact > 0
            and self.values is None
            and self.X.dtype == _FLOAT64
            and self.metric == "euclidean"
            and self.bandwidth.scales_axes
            and not self.bandwidth.is_extreme
        )

    @cached_property
    def along_axes(self) -> PointsAlongAxes:
        """The points where the kernel is a function of distances scaled axis by axis; made once."""
        return PointsAlongAxes(self.X, self.bandwidth)

    def in_double(self) -> SumProblem:
        """The same problem with points in double precision."""
        return self if self.X.dtype == _FLOAT64 else replace(self, X=self.X.astype(np.float64))

    def smoothed_by(self, kernel: SmoothingKernel, factor: float = 1.0) -> SumProblem:
        """The same points under another smoothing kernel, with the bandwidth times a factor."""
        return replace(self, kernel=kernel, bandwidth=self.bandwidth * factor)


class PointsAlongAxes:
    """Points in coordinates whose bandwidths are one number per axis: whitened about their mean by a matrix bandwidth.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features)
        float64.
    widths : ndarray of shape (n_features,)
    """

    def __init__(self, X: np.ndarray, bandwidth: Bandwidth) -> None:
        self._given, self._bandwidth = X, bandwidth
        self._centre = None if bandwidth.scales_axes else X.mean(axis=0)
        self.widths = bandwidth.along_axes.widths
        self.X = self._moved(X)

    def _moved(self, rows: np.ndarray) -> np.ndarray:
        if self._centre is not None:
            rows = self._bandwidth.whitened(rows - self._centre)
        return np.ascontiguousarray(rows, dtype=np.float64)

    def queries(self, Q: np.ndarray) -> np.ndarray:
        """Queries in these coordinates; the very points for the points."""
        return self.X if Q is self._given else self._moved(Q)


@dataclass(eq=False, slots=True)
class SumRequest:
    """At which queries sums are wanted, and how exactly.

    Attributes
    ----------
    Q : ndarray of shape (n_queries, n_features)
        C-contiguous, finite.
    own : ndarray of shape (n_queries,) or None
        `own[j]` is the index of the point that query j leaves out, which lies at the query, or -1.
    log : bool
        Whether natural logarithms are wanted.
    rtol, atol : float
        Largest error of a sum: |error| <= rtol * sum + atol.
    n_threads : int or None
    """

    Q: np.ndarray
    own: np.ndarray | None = None
    log: bool = False
    rtol: float = 0.0
    atol: float = 0.0
    n_threads: int | None = None

    def rows(self, chosen: np.ndarray) -> SumRequest:
        """The same for some of the queries."""
        own = None if self.own is None else self.own[chosen]
        return replace(self, Q=np.ascontiguousarray(self.Q[chosen]), own=own)

    def to_tolerance(self, finest: float) -> SumRequest:
        """The same with a relative tolerance that is not below `finest`."""
        return self if self.rtol >= finest else replace(self, rtol=finest)


NONE = np.empty(0, dtype=np.intp)


@dataclass(eq=False, slots=True)
class Sums:
    """What a route answers to a request.

    Attributes
    ----------
    values : ndarray of shape (n_queries,) or (n_queries, n_values)
        The sums, or their logarithms.
    errors : ndarray of shape (n_queries,) or None
        Bounds of the absolute errors of the sums, rounding aside; None where rounding is all.
    unresolved : ndarray of int
        Queries that the route leaves to the next: it cannot meet the tolerance there.
    in_doubt : ndarray of int or None
        Queries whose sums may have lost digits at the edge of the kernel's support, where the route knows.
    """

    values: np.ndarray
    errors: np.ndarray | None = None
    unresolved: np.ndarray = field(default_factory=lambda: NONE)
    in_doubt: np.ndarray | None = None

    def resolve(self, others: Sums) -> None:
        """Put in what another route answered for the queries that are unresolved."""
        places = self.unresolved
        self.values[places] = others.values
        if self.errors is not None:
            self.errors[places] = 0.0 if others.errors is None else others.errors
        self.unresolved = places[others.unresolved]
