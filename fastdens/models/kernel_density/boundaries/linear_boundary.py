"""Kernel sums of one feature whose kernels are corrected for the bounds: the linear boundary correction.

Near a bound the estimate is f~ = f- exp(fL / f- - 1) (Jones and Foster 1996), where f- is the estimate divided by the
part a0 of the kernel within the bounds, and fL the estimate with the linear boundary kernel (Jones 1993), which may be
negative itself. With mu and v the mean and the variance of u under the kernel cut to the bounds, and m the mean of
(x - x_i) / h under the weights w_i K((x - x_i) / h), this is f~ = f- exp(mu (mu - m) / v): positive wherever f- is. A
constant, found by quadrature, gives it mass one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastdens.core.monotone_inverse import Function
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import CUT_OFF, SmoothingKernel, check_able
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.models.kernel_density.boundaries.boundary import Boundary
from fastdens.models.kernel_density.boundaries.panel_distribution import PanelDistribution
from fastdens.models.kernel_density.line_distribution import integrated

# A bandwidth of fewer numbers than these at a bound leaves the zone near it without places to evaluate.
FEWEST_NUMBERS = 1024
# Exact for the polynomial kernels, and to the last digit for the others over one bandwidth.
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(14)


def part_moments(kernel: SmoothingKernel, t: np.ndarray, unit: np.ndarray) -> list[np.ndarray]:
    """Integrals of u^j K(u) from 0 to t, over unit^(j + 1), for j = 0, 1, 2; sums of positive terms only."""
    near = np.minimum(t, 1.0)
    s = (NODES + 1) / 2
    profile = kernel.profile(near[:, None] * s) * NODE_WEIGHTS / 2
    moments = [(near / unit) ** (j + 1) * (profile @ s**j) for j in range(3)]
    if kernel.is_compact:
        return moments
    from scipy import special

    far = t > 1  # where unit is 1
    for j in range(3):
        if kernel.exponent_of_distance:
            moments[j][far] = math.factorial(j) * special.gammainc(j + 1, t[far])
        else:
            half = (j + 1) / 2
            moments[j][far] = math.gamma(half) * 2 ** (half - 1) * special.gammainc(half, t[far] ** 2 / 2)
    return moments


def cut_kernel(
    kernel: SmoothingKernel, below: np.ndarray, above: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The kernel as it is seen `below` and `above` bandwidths from the bounds (not both 0).

    Returns ln of its part within them; a unit; mean and variance of u within the bounds, in that unit.
    """
    unit = np.minimum(np.maximum(below, above), 1.0)
    left, right = part_moments(kernel, below, unit), part_moments(kernel, above, unit)
    # u = (x - x_i) / h is positive for points below x.
    mass = left[0] + right[0]
    mean = (left[1] - right[1]) / mass
    variance = (left[2] + right[2]) / mass - mean * mean
    return np.log(mass) + np.log(unit) - kernel.log_normaliser(1), unit, mean, variance


class LinearBoundarySum:
    """Points of one feature within bounds, prepared for sums with the corrected kernels; in double precision.

    Parameters
    ----------
    X : ndarray of shape (n_points, 1)
        Points within the bounds.
    kernel : SmoothingKernel
    bandwidth : Bandwidth
    weights : ndarray of shape (n_points,), optional
    boundary : Boundary
        Of one axis, of kind "linear".

    Attributes
    ----------
    panels : PanelDistribution
        Distribution function and quantiles.
    log_constant : float
        ln of what gives the estimate mass one.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth,
        weights: np.ndarray | None,
        boundary: Boundary,
    ) -> None:
        check_able(kernel, "boundary='linear'", "with a compiled tail", lambda other: other.has_tail)
        self.kernel, self.boundary, self.weights = kernel, boundary, weights
        self.n_points, self.n_features = X.shape
        self._bandwidth = bandwidth.marginal([0])
        self.h = h = float(self._bandwidth.widths[0])
        self.low, self.high = float(boundary.low[0]), float(boundary.high[0])
        for bound in (self.low, self.high):
            if math.isfinite(bound) and not h > FEWEST_NUMBERS * np.spacing(abs(bound)):
                raise ValueError(
                    "bandwidth must be wide enough with boundary='linear' for the numbers beside a bound to be told "
                    f"apart, more than {FEWEST_NUMBERS * np.spacing(abs(bound)):g} at {bound:g}, got {h:g}"
                )
        points = np.ascontiguousarray(X, dtype=np.float64)
        self.inner = KernelSum(points, kernel, self._bandwidth, weights)
        # Beside either bound, the points weighted by their distance from it too: no weight is negative.
        self._moments = [self._distance_sum(points, bound) for bound in (self.low, self.high)]
        radius = kernel.radius(CUT_OFF) * h  # from where on what a bound cuts off of a kernel is below rounding
        self.ends = self.low + radius, self.high - radius  # where the uncorrected estimate begins and ends
        if not self.ends[0] < self.ends[1]:
            self.ends = math.inf, -math.inf
        self.log_constant = 0.0
        self.total = float(self.n_points if weights is None else weights.sum())
        self._log_scale = kernel.log_normaliser(1) + math.log(h) + math.log(self.total)
        sums = integrated(points, kernel, self._bandwidth, weights, None)
        self.panels = PanelDistribution(self._density, sums, h, self.low, self.high, self.ends)
        self.log_constant = -math.log(self.panels.normalise())

    def _distance_sum(self, points: np.ndarray, bound: float) -> tuple[KernelSum | None, np.ndarray, float]:
        """Sums of distance from the bound times kernel, the places of the points in them (or -1), ln of a factor."""
        places = np.full(self.n_points, -1)
        if not math.isfinite(bound):
            return None, places, 0.0
        distance = np.abs(points[:, 0] - bound)
        wanted = distance > 0
        if self.kernel.is_compact:
            wanted &= distance <= 2.01 * self.h
        if not wanted.any():
            return None, places, 0.0
        places[wanted] = np.arange(np.count_nonzero(wanted))
        weights = distance[wanted] if self.weights is None else distance[wanted] * self.weights[wanted]
        largest = weights.max()
        sums = KernelSum(np.ascontiguousarray(points[wanted]), self.kernel, self._bandwidth, weights / largest)
        return sums, places, math.log(largest)

    def _mean_distance(
        self, side: int, Q: np.ndarray, logs: np.ndarray, own: np.ndarray | None, n_threads: int | None
    ) -> np.ndarray:
        """Distance of the points from a bound, in bandwidths, averaged by the kernel about each query."""
        sums, places, log_factor = self._moments[side]
        if sums is None:
            return np.zeros(len(Q))
        if own is not None:
            own = np.where(own >= 0, places[own], -1)
        moments = sums.evaluate(Q, log=True, own=own, n_threads=n_threads)
        with np.errstate(over="ignore"):
            return np.exp(moments + (log_factor - math.log(self.h)) - logs)

    def _correction(self, Q: np.ndarray, logs: np.ndarray, own: np.ndarray | None, n_threads: int | None) -> np.ndarray:
        """ln of what the uncorrected estimate is to be multiplied by, at queries where it is positive."""
        x = Q[:, 0]
        with np.errstate(over="ignore"):
            below, above = (x - self.low) / self.h, (self.high - x) / self.h
        log_part, unit, mean, variance = cut_kernel(self.kernel, below, above)
        nearer_low = below <= above
        average = np.empty(len(x))
        for side, chosen in enumerate((nearer_low, ~nearer_low)):
            if chosen.any():
                of_chosen = None if own is None else own[chosen]
                distance = self._mean_distance(
                    side, np.ascontiguousarray(Q[chosen]), logs[chosen], of_chosen, n_threads
                )
                average[chosen] = below[chosen] - distance if side == 0 else distance - above[chosen]
        # An average of values that lie so; rounding might take it beyond.
        most = 1.0 if self.kernel.is_compact else math.inf
        average = np.clip(average, -np.minimum(above, most), np.minimum(below, most))
        return mean * (mean - average / unit) / variance - log_part

    def evaluate(
        self,
        Q: np.ndarray,
        *,
        log: bool = False,
        own: np.ndarray | None = None,
        rtol: float = 0.0,
        atol: float = 0.0,
        algorithm: str = "auto",
        n_threads: int | None = None,
    ) -> np.ndarray:
        """Sums at the rows of Q, zero beyond the bounds; `own[j]` is the point that query j leaves out, or -1.

        The constant is that of all points. Within the radius of a bound the sums are exact whatever the
        tolerances.
        """
        Q = np.ascontiguousarray(Q, dtype=np.float64)
        x, result = Q[:, 0], np.full(len(Q), -np.inf)
        within = (x >= self.low) & (x <= self.high)
        uncorrected = within & (x >= self.ends[0]) & (x <= self.ends[1])
        loosely = {"rtol": rtol, "atol": atol * math.exp(-self.log_constant)}
        for chosen, tolerances in ((uncorrected, loosely), (within & ~uncorrected, {})):
            if not chosen.any():
                continue
            rows, of_rows = np.ascontiguousarray(Q[chosen]), None if own is None else own[chosen]
            logs = self.inner.evaluate(
                rows, log=True, own=of_rows, algorithm=algorithm, n_threads=n_threads, **tolerances
            )
            if chosen is not uncorrected:
                positive = np.flatnonzero(logs > -np.inf)
                if positive.size:
                    of_rows = None if of_rows is None else of_rows[positive]
                    logs[positive] += self._correction(
                        np.ascontiguousarray(rows[positive]), logs[positive], of_rows, n_threads
                    )
            result[chosen] = logs + self.log_constant
        return result if log else np.exp(result)

    def _density(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.evaluate(x[:, None], log=True) - self._log_scale)

    def plan(self, Q: np.ndarray, *arguments: Any, **options: Any) -> Any:
        """The route that `evaluate` takes."""
        inside = self.boundary.contains(Q)[:, 0]
        return self.inner.plan(np.ascontiguousarray(Q[inside], dtype=np.float64), *arguments, **options)

    def distribution(self, density: Function, n_threads: int | None) -> PanelDistribution:
        """Distribution function and quantiles, which are made with the sums."""
        return self.panels

    def draws(self, rng: np.random.Generator, n_samples: int, around: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Draws of shape (n_samples, 1): quantiles of uniform numbers, none of which is 0 or 1."""
        uniform = np.maximum(rng.random(n_samples), 2.0**-54)
        return self.boundary.draws(self.panels.quantiles(uniform)[:, None])
