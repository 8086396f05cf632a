"""A fitted kernel density estimate as one value, which every question about it is asked of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels import metrics
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.models.contract import in_double, precision_of
from fastdens.models.kernel_density.boundaries.boundary import Boundary
from fastdens.models.kernel_density.boundaries.bounded_sums import prepared_sums


class Settings(NamedTuple):
    """How an evaluation is made: its tolerances, the route that is asked for and the number of threads."""

    rtol: float = 0.0
    atol: float = 0.0
    route: str = "auto"
    n_threads: int | None = None

    def for_fewer_features(self) -> Settings:
        """The same for a marginal or a conditional distribution: a route may be open to some dimensions only."""
        return self if self.route == "direct" else self._replace(route="auto")


@dataclass(frozen=True, eq=False)
class Estimate:
    """Points, and how they are smoothed. What follows from that is made when it is first asked for.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
        float64 or float32.
    weights : ndarray of shape (n_points,) or None
        Positive, on any scale; None: all are 1.
    kernel : SmoothingKernel
    bandwidth : Bandwidth
    metric : str, default="euclidean"
        As `check_metric` returns it.
    boundary : Boundary, optional
        What bounds the axes; None where nothing does.
    """

    points: np.ndarray
    weights: np.ndarray | None
    kernel: SmoothingKernel
    bandwidth: Bandwidth
    metric: str = "euclidean"
    boundary: Boundary | None = None
    made: dict[str, Any] = field(default_factory=dict, init=False, repr=False)  # what a question has prepared for later

    @property
    def n_points(self) -> int:
        return self.points.shape[0]

    @property
    def n_features(self) -> int:
        return self.points.shape[1]

    @property
    def is_unbounded_euclidean(self) -> bool:
        """Whether distances are Euclidean and space has no edge."""
        return self.metric == "euclidean" and self.boundary is None

    @property
    def points64(self) -> np.ndarray:
        """The points in double precision."""
        return in_double(self.points)

    @property
    def total(self) -> float:
        """The whole weight."""
        return float(self.n_points if self.weights is None else self.weights.sum())

    @cached_property
    def shares(self) -> np.ndarray:
        """Weights that sum to one."""
        if self.weights is None:
            return np.full(self.n_points, 1 / self.n_points)
        return self.weights / self.weights.sum()

    @property
    def log_weights(self) -> np.ndarray | None:
        """ln of the weights; None where all are 1."""
        return None if self.weights is None else np.log(self.weights)

    @cached_property
    def sums(self) -> Any:
        """The points prepared for kernel sums: a `KernelSum`, or one of its kind that keeps to the bounds."""
        return prepared_sums(self.points, self.kernel, self.bandwidth, self.weights, self.boundary, self.metric)

    @cached_property
    def log_volume(self) -> float:
        """ln of the integral of one kernel, by which sums are divided."""
        return metrics.log_normaliser(self.kernel, self.metric, self.n_features, self.bandwidth)

    @cached_property
    def log_normaliser(self) -> float:
        """ln of what makes a density of the sums."""
        return math.log(self.total) + self.log_volume

    def prepared(self) -> Self:
        """The same, with the sums made: what is wrong with points and bandwidth shows now."""
        _ = self.sums
        return self

    def precision_with(self, *arrays: Any) -> np.dtype:
        """Of results that are made of the points and of these arrays."""
        return precision_of(self.points.dtype.name, *arrays)

    def in_double(self) -> Estimate:
        """The same over points in double precision."""
        if self.points.dtype == np.float64 or (self.boundary is not None and self.boundary.is_linear):
            return self  # the linear correction is summed in double in any case
        return replace(self, points=self.points64)
