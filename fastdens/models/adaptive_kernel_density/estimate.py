"""A fitted estimate with varying bandwidths as one value, which every question about it is asked of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.adaptive_kernel_density.neighbor_radii import NeighborSearch

# Logarithm of factors beyond which a double overflows.
LARGEST_LOG_FACTOR = 709.0


@dataclass(frozen=True, eq=False)
class Estimate:
    """Points, their bandwidths, and how they are smoothed.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    weights : ndarray of shape (n_points,)
        They sum to one.
    factors : ndarray of shape (n_points,)
        Bandwidth of each point, in bandwidths; of "balloon": at each point.
    kernel : SmoothingKernel
    bandwidth : Bandwidth
        The typical one.
    method : str
    mixing : float
        The weight of varying bandwidths, with "mixture".
    clip : float or None
        The largest factor.
    log_typical : float
        Logarithm of the typical distance to the k-th neighbour.
    neighbors : NeighborSearch or None
        Where bandwidths follow distances.
    """

    points: np.ndarray
    weights: np.ndarray
    factors: np.ndarray
    kernel: SmoothingKernel
    bandwidth: Bandwidth
    method: str
    mixing: float
    clip: float | None
    log_typical: float
    neighbors: NeighborSearch | None

    @property
    def n_features(self) -> int:
        return self.points.shape[1]

    @property
    def is_density(self) -> bool:
        """Whether the bandwidths belong to the points, so that the integral is one."""
        return self.method != "balloon"

    @property
    def is_mixture(self) -> bool:
        """Whether an estimate of fixed bandwidth has a part."""
        return self.method == "mixture"

    @cached_property
    def log_volume(self) -> float:
        """ln of the integral of a kernel of the typical bandwidth."""
        return self.kernel.log_normaliser(self.n_features) + self.bandwidth.log_volume

    @cached_property
    def sums(self) -> VariableSum:
        """Of kernels of the points' own bandwidths; of "balloon" those of the typical one."""
        log_weights = np.log(self.weights)
        if not self.is_density:
            return VariableSum(self.points, self.kernel, self.bandwidth, log_weights, None)
        log_weights = log_weights - self.n_features * np.log(self.factors)
        return VariableSum(self.points, self.kernel, self.bandwidth, log_weights, self.factors)

    @cached_property
    def fixed(self) -> KernelSum:
        """Sums of kernels of the typical bandwidth."""
        return KernelSum(self.points, self.kernel, self.bandwidth, self.weights)

    def prepared(self) -> Self:
        """The same, with what every score needs made: data that cannot be summed show."""
        _ = self.sums, self.log_volume, self.is_mixture and self.fixed
        return self

    def factors_at(self, rows: np.ndarray, n_threads: int | None) -> np.ndarray:
        """Of "balloon": bandwidths at the rows, in bandwidths."""
        assert self.neighbors is not None
        return self._factors_of(self.neighbors.radii(rows, self.bandwidth, n_threads))

    def own_factors(self, n_threads: int | None) -> np.ndarray:
        """Of "balloon": bandwidths at the points, each by its distance to the others."""
        assert self.neighbors is not None
        own_weights = self.weights * self.neighbors.tree.n_samples
        return self._factors_of(self.neighbors.radii(self.points, self.bandwidth, n_threads, own_weights=own_weights))

    def _factors_of(self, radii: np.ndarray) -> np.ndarray:
        return np.exp(clipped(np.log(radii) - self.log_typical, self.clip))

    def mixed(self, varying: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """ln of the mixture of two densities given by their logarithms."""
        with np.errstate(divide="ignore"):
            parts = np.log([self.mixing, 1 - self.mixing])
        return np.logaddexp(varying + parts[0], fixed + parts[1])


def clipped(log_factors: np.ndarray, clip: float | None) -> np.ndarray:
    """Logarithms of factors, none further from 0 than that of `clip`, or than doubles go."""
    most = LARGEST_LOG_FACTOR if clip is None else math.log(clip)
    return np.clip(log_factors, -most, most)
