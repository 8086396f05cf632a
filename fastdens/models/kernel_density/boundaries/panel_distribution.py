"""A univariate distribution that is an uncorrected kernel estimate between two ends, and known by its density beyond.

There, beside the bounds, the density is integrated by Gauss and Legendre's rule over panels between its kinks, which
are halved until the halves agree with the whole.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.core.monotone_inverse import Function, invert
from fastdens.kernel_sums.integrated.integrated_sums import IntegratedSum
from fastdens.models.kernel_density.line_distribution import LineDistribution

PANELS_PER_BANDWIDTH = 4
# Panels of at most so many bandwidths, and how many nodes do for them to the last digits.
RULES = ((1 / 1024, 2), (1 / 32, 4), (math.inf, 16))
# Where the halves of a panel differ from the whole by more than this probability, they are looked at again.
TOLERANCE, MOST_HALVINGS = 1e-13, 16
NODES_AT_ONCE = 1 << 18


class PanelDistribution:
    """Distribution function and quantiles.

    Parameters
    ----------
    density : callable
        The density, up to a constant before `normalise`.
    sums : IntegratedSum
        The points, whose uncorrected estimate times the constant is the density between `ends`.
    bandwidth : float
    low, high : float
        The bounds, which may be infinite.
    ends : tuple of float
        Where the uncorrected estimate begins and ends; the first is greater where it is nowhere.
    """

    def __init__(
        self,
        density: Function,
        sums: IntegratedSum,
        bandwidth: float,
        low: float,
        high: float,
        ends: tuple[float, float],
    ) -> None:
        self.density, self.sums, self.bandwidth, self.low, self.high = density, sums, bandwidth, low, high
        first, last = float(sums.points[0] / sums.scale), float(sums.points[-1] / sums.scale)
        self.support = low, high
        if sums.kernel.is_compact:
            self.support = max(low, first - bandwidth), min(high, last + bandwidth)
        self._middle: LineDistribution | None = None
        self._place = -1  # of the middle among the panels
        zones = [(low, high)]
        if ends[0] < ends[1]:
            zones = [(low, ends[0]), (ends[1], high)]
            weight = self._plain_mass(*ends)
            self._middle = LineDistribution(sums, self._density_between, *ends, weight if weight > 0 else 1.0)
        panels = [self._refined(self._cuts(sums, *zone)) for zone in zones if all(map(math.isfinite, zone))]
        self.left, self.right, self.masses = (np.concatenate(parts) for parts in zip(*panels, strict=True))
        if self._middle is not None:
            self._place = int(np.searchsorted(self.left, ends[0]))
            middle = (self.left, ends[0]), (self.right, ends[1]), (self.masses, weight / sums.total)
            self.left, self.right, self.masses = (np.insert(part, self._place, value) for part, value in middle)

    def _plain_mass(self, low: float, high: float) -> float:
        """Weight of the uncorrected estimate between two places, from the tails in which they lie."""
        largest = float(np.finfo(float).max)
        low, high = max(low, -largest), min(high, largest)
        below = self.sums.evaluate(np.array([low, high]))
        if below[0] <= self.sums.total / 2:
            return max(float(below[1] - below[0]), 0.0)
        above = self.sums.mirrored.evaluate(np.array([-low, -high]))
        return max(float(above[0] - above[1]), 0.0)

    def _density_between(self, x: np.ndarray) -> np.ndarray:
        """The density of the middle part alone."""
        return self.density(x) / self.masses[self._place]

    def _cuts(self, sums: IntegratedSum, low: float, high: float) -> np.ndarray:
        """Edges of panels from `low` to `high`, among them every kink of the density."""
        h, kernel = self.bandwidth, sums.kernel
        count = max(math.ceil((high - low) / h * PANELS_PER_BANDWIDTH), 1)
        cuts = [np.linspace(low, high, count + 1)]
        shifts = [0.0] if math.isfinite(kernel.centre_order) else []
        shifts += [-h, h] if kernel.is_compact else []
        for shift in shifts:
            points = sums.points
            part = slice(*np.searchsorted(points, [(low - shift) * sums.scale, (high - shift) * sums.scale]))
            kinks = points[part] / sums.scale + shift
            cuts.append(kinks[(kinks > low) & (kinks < high)])
        if kernel.is_compact:  # kinks of the moments of the kernel cut by either bound
            ends = np.array([self.low + h, self.high - h])
            cuts.append(ends[(ends > low) & (ends < high)])
        return np.unique(np.concatenate(cuts))

    def _integrals(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Integrals of the density over intervals without kinks."""
        result = np.zeros(len(left))
        widths, narrow = right - left, 0.0
        for widest, count in RULES:
            chosen = np.flatnonzero((widths > narrow) & (widths <= widest * self.bandwidth))
            narrow = widest * self.bandwidth
            nodes, weights = np.polynomial.legendre.leggauss(count)
            step = max(NODES_AT_ONCE // count, 1)
            for start in range(0, len(chosen), step):
                rows = chosen[start : start + step]
                half = widths[rows] / 2
                places = (left[rows] + half)[:, None] + half[:, None] * nodes
                values = self.density(places.ravel()).reshape(places.shape)
                result[rows] = half * (values @ weights)
        return result

    def _refined(self, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Panels in ascending order and their masses."""
        left, right = edges[:-1], edges[1:]
        masses = self._integrals(left, right)
        kept = []
        for _ in range(MOST_HALVINGS):
            middle = left + (right - left) / 2
            wide = (right - left > RULES[0][0] * self.bandwidth) & (middle > left) & (middle < right)
            kept.append((left[~wide], right[~wide], masses[~wide]))
            left, middle, right, masses = left[wide], middle[wide], right[wide], masses[wide]
            lower, upper = self._integrals(left, middle), self._integrals(middle, right)
            fine = np.abs(lower + upper - masses) <= TOLERANCE
            kept.append((left[fine], right[fine], (lower + upper)[fine]))
            split = ~fine
            left, right = np.append(left[split], middle[split]), np.append(middle[split], right[split])
            masses = np.append(lower[split], upper[split])
            if not len(left):
                break
        kept.append((left, right, masses))
        left, right, masses = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        order = np.argsort(left, kind="stable")
        return left[order], right[order], masses[order]

    def normalise(self) -> float:
        """Make the whole 1, once, and return what it was; `density` is to be divided by that from now on."""
        whole = math.fsum(self.masses)
        self.masses = self.masses / whole
        self._below = np.append(0.0, np.cumsum(self.masses))
        self._above = np.append(np.cumsum(self.masses[::-1])[::-1], 0.0)
        return whole

    def _tail(self, x: np.ndarray, is_lower: bool) -> np.ndarray:
        """Probability on one side of places strictly within the bounds."""
        k = np.clip(np.searchsorted(self.left, x, side="right") - 1, 0, len(self.left) - 1)
        part = np.empty(len(x))
        in_middle = k == self._place
        if self._middle is not None and in_middle.any():
            function = self._middle.lower if is_lower else self._middle.upper
            part[in_middle] = function(x[in_middle]) * self.masses[self._place]
        rest = ~in_middle
        at, panel = x[rest], k[rest]
        part[rest] = self._integrals(self.left[panel], at) if is_lower else self._integrals(at, self.right[panel])
        part = np.clip(part, 0.0, self.masses[k])
        return np.minimum(part + (self._below[k] if is_lower else self._above[k + 1]), 1.0)

    def _at(self, x: np.ndarray, is_lower: bool) -> np.ndarray:
        result = np.where(x <= self.low, 0.0, 1.0) if is_lower else np.where(x <= self.low, 1.0, 0.0)
        inside = (x > self.low) & (x < self.high)
        result[inside] = self._tail(x[inside], is_lower)
        return result

    def lower(self, x: np.ndarray) -> np.ndarray:
        """P(value <= x)."""
        return self._at(x, True)

    def upper(self, x: np.ndarray) -> np.ndarray:
        """P(value > x)."""
        return self._at(x, False)

    def quantiles(self, q: np.ndarray) -> np.ndarray:
        """The smallest x with lower(x) >= q; the ends of the support at 0 and 1."""
        result = np.empty(q.shape)
        result[q == 0], result[q == 1] = self.support
        inside = np.flatnonzero((q > 0) & (q < 1))
        wanted = q[inside]
        k = np.minimum(np.searchsorted(self._below[1:], wanted), np.flatnonzero(self.masses)[-1])
        found = np.empty(len(wanted))
        in_middle = k == self._place
        if self._middle is not None and in_middle.any():
            share = (wanted[in_middle] - self._below[self._place]) / self.masses[self._place]
            found[in_middle] = self._middle.quantiles(np.clip(share, 0.0, 1 - 2.0**-53))
        rest = ~in_middle
        left, right = self.left[k[rest]], self.right[k[rest]]
        share = np.clip((wanted[rest] - self._below[k[rest]]) / self.masses[k[rest]], 0.0, 1.0)
        found[rest] = invert(
            self.lower, self.upper, self.density, wanted[rest], left, right, left + share * (right - left),
            self.bandwidth,
        )  # fmt: skip
        result[inside] = found
        return result
