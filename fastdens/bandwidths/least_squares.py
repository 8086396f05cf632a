"""Least-squares (unbiased) cross-validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastdens.bandwidths.pair_sums import CELLS, FACTOR, GAUSSIAN_RADIUS, PairSums, TooFineError
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import distinct, effective_size, fall_back, is_spread, quantile, scott
from fastdens.bandwidths.self_convolution import density, self_convolution, self_convolution_end
from fastdens.core.tuning import Tunable
from fastdens.kernel_sums.kernels.registry import KERNELS, ROUNDING, SmoothingKernel

# The bandwidths looked at: so many per factor of two, from this multiple of Scott's down.
PER_OCTAVE, OCTAVES, LARGEST = 4, 40, 4.0
# The search ends where the criterion is this many standard errors above the best minimum, or where a row's own part of
# the estimate is this multiple of the others'.
ENOUGH_ERRORS, OWN_SHARE = 10.0, 8.0
# A smaller bandwidth must be better than a larger one by so many standard errors.
ERRORS = 1.0
# Pairs of equal rows are kept up to this multiple of what rounding explains, an estimate with an error of its own.
TIES_KEPT = 1.5
# Rows of which all pairs are formed for d > 1, and the range of multiples of Scott's bandwidths there.
MOST_ROWS, SMALLEST_RADIAL = Tunable(3000), 1 / 32
# Bandwidths over which functions of the distance extend, of the widest kernel.
WIDEST = max(kernel.self_convolution_radius or 0.0 for kernel in KERNELS.values())


class Pairs(Protocol):
    """Sums over all pairs of rows, weights scaled to the sum one."""

    def level(self, h: float) -> int: ...

    def sum(
        self, h: float, function: Callable[[np.ndarray], np.ndarray], radius: float, level: int | None = None
    ) -> float: ...


@dataclass(frozen=True)
class Ties:
    """What is left out of the cross-validated term: weight of the rows themselves and of equal rows."""

    left_out: float
    smallest: float


def lscv(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record) -> np.ndarray:
    r"""The bandwidth with the smallest least-squares cross-validation criterion (Rudemo 1982, Bowman 1984).

    .. math:: CV(h) = \sum_{ij} w_i w_j (K * K)_h(x_i - x_j)
              - \frac{2}{1 - \sum w_i^2} \sum_{i \ne j} w_i w_j K_h(x_i - x_j)

    with K_h the kernel's density and weights of sum one: the integrated squared error of the estimate, less the
    integral of f^2, without bias. In one dimension the sums come from binned pairs, in linear time. For d > 1 h is a
    multiple of Scott's bandwidths, and beyond `MOST_ROWS` rows a random subset (always the same) of that many is
    used, whose bandwidth is carried over by the ratio of the sizes to the power -1 / (d + 4); the relative standard
    error is then that of a sample of `MOST_ROWS`.

    Equal rows would drive h to zero (Silverman 1986, section 3.4.3). Pairs of equal rows are kept as far as rounding
    to a unit u explains them (u R(f), half as much again allowed for its error), and left out like the rows
    themselves beyond; bandwidths below u are not looked at. The unit is the gap between neighbouring distinct values
    that 95 % of the weight exceeds. For d > 1 all pairs of equal rows are left out.

    All local minima are found. From the largest bandwidth down, a minimum takes the place of the one before where it
    is lower by more than a standard error of the difference, sqrt(2 R(f) R(K * K - 2 K) / h) / n: cross-validation has
    spurious minima at small bandwidths (Hall and Marron 1991). Without a local minimum, Silverman's bandwidth is taken
    with a warning.
    """
    n = effective_size(len(data), weights)
    if data.shape[1] == 1:
        x = data[:, 0]
        if not is_spread(x, weights):
            return fall_back(data, weights, kernel, "'lscv' needs two different values", record)
        # As wide as both functions of the distance, and as two kernels, unless these fall off slowly.
        widest = max(self_convolution_end(kernel), 2 * min(kernel.radius(ROUNDING), GAUSSIAN_RADIUS))
        pairs = PairSums(x, weights, widest)
        unit = np.array([pairs.scale])
        factor = kernel.efficiency_factor(1)
        start = n ** (-1 / 5) * factor
        ties = _ties_of_one_feature(pairs, kernel, start)
        smallest = max(start * 2.0**-OCTAVES, ties.smallest)
        h = _search(pairs, kernel, 1, n, ties, start * LARGEST, smallest, record, pairs.scale)
    else:
        unit = scott(data, weights, kernel, record)
        h = lscv_multiple(data / unit, weights, kernel, record, _mean_scale(unit))
    if h is None:
        return fall_back(data, weights, kernel, "the criterion of 'lscv' has no local minimum", record)
    return unit * h


def lscv_multiple(
    z: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record, scale: float = 1.0
) -> float | None:
    """The one bandwidth of data with d > 1 features in units of Scott's; None without a local minimum.

    `scale` is the unit that the record is kept in.
    """
    n, d = effective_size(len(z), weights), z.shape[1]
    rows, row_weights = thinned(z, weights, MOST_ROWS.value)
    pairs = RadialPairs(rows, row_weights)
    n_kept = effective_size(len(rows), row_weights)
    larger = (n / n_kept) ** (1 / (d + 4))
    ties = Ties(pairs.equal, SMALLEST_RADIAL)
    h = _search(pairs, kernel, d, n_kept, ties, LARGEST * larger, SMALLEST_RADIAL, record, scale / larger)
    return None if h is None else h / larger


def _mean_scale(unit: np.ndarray) -> float:
    """Geometric mean."""
    return math.exp(float(np.log(unit).mean()))


def criterion(
    pairs: Pairs, kernel: SmoothingKernel, d: int, h: float, left_out: float, level: int | None = None
) -> tuple[float, float]:
    """CV(h) and the mean leave-one-out density at the rows."""
    volume = h**d
    squared = pairs.sum(h, lambda u: self_convolution(kernel, d, u), self_convolution_end(kernel), level) / volume
    end = self_convolution_end(kernel) if kernel.is_compact else kernel.radius(ROUNDING)
    at_rows = pairs.sum(h, lambda u: density(kernel, d, u), end, level) / volume
    own = math.exp(-kernel.log_normaliser(d)) / volume
    others = (at_rows - left_out * own) / max(1 - left_out, 1e-300)
    return squared - 2 * others, others


def _search(
    pairs: Pairs,
    kernel: SmoothingKernel,
    d: int,
    n: float,
    ties: Ties,
    largest: float,
    smallest: float,
    record: Record,
    scale: float,
) -> float | None:
    """The bandwidth preferred among all local minima; None where there is none. `scale`: the record's unit."""
    if ties.left_out >= 1 - 1e-12:
        return None
    from scipy.optimize import minimize_scalar

    def value_at(h: float, level: int | None = None) -> tuple[float, float]:
        value, others = criterion(pairs, kernel, d, h, ties.left_out, level)
        record.add(h * scale, value * math.exp(min(-d * math.log(scale), 700.0)))
        return value, others

    own = math.exp(-kernel.log_normaliser(d))
    error = math.sqrt(2 * _difference_roughness(kernel, d)) / n
    h = largest * 2 ** (-np.arange(PER_OCTAVE * OCTAVES + 1) / PER_OCTAVE)
    values: list[float] = []
    best: tuple[float, float] | None = None
    for k, h_k in enumerate(h):
        if h_k < smallest:
            break
        try:
            value, others = value_at(float(h_k))
        except TooFineError:
            break
        values.append(value)
        if k >= 2 and values[k - 1] < values[k - 2] and values[k - 1] <= value:
            middle = float(h[k - 1])
            level = pairs.level(middle)
            found = minimize_scalar(
                lambda log_h, level=level: value_at(math.exp(log_h), level)[0],
                bounds=(math.log(h_k), math.log(h[k - 2])),
                method="bounded",
                options={"xatol": 1e-6},
            )
            h_min, lowest = math.exp(found.x), float(found.fun)
            needed = ERRORS * error * math.sqrt(max(others, 0.0) / h_min**d)
            if best is None or lowest < best[1] - needed:
                best = h_min, lowest
        if best is not None and value > best[1] + ENOUGH_ERRORS * error * math.sqrt(max(others, own / n) / h_k**d):
            break
        if own * ties.left_out > OWN_SHARE * max(others, 0.0) * h_k**d and k > PER_OCTAVE * 8:
            break
    return None if best is None else best[0]


def _difference_roughness(kernel: SmoothingKernel, d: int) -> float:
    """Integral of (K * K - 2 K)^2 over d dimensions."""
    u = np.linspace(0, self_convolution_end(kernel), 4001)
    squares = (self_convolution(kernel, d, u) - 2 * density(kernel, d, u)) ** 2 * u ** (d - 1)
    log_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    return float(np.trapezoid(squares, u)) * math.exp(log_area)


def _ties_of_one_feature(pairs: PairSums, kernel: SmoothingKernel, h: float) -> Ties:
    """Pairs of equal values that rounding does not explain, and the unit of rounding."""
    tied, explained, unit = explained_ties(pairs, kernel, h)
    return Ties(pairs.own + tied - explained, unit * kernel.efficiency_factor(1))


def explained_ties(pairs: PairSums, kernel: SmoothingKernel, h: float) -> tuple[float, float, float]:
    """Weight of the pairs of different rows of equal value, as much of it as rounding explains, and the unit.

    The unit is the gap between neighbouring distinct values that 95 % of the weight exceeds, zero without ties. Data
    rounded to it have ties of weight u R(f), with R(f) estimated at bandwidth h.
    """
    values, mass = distinct(pairs.z, pairs.weights)
    tied = float(mass @ mass) / pairs.total_weight**2 - pairs.own
    if tied <= 4 * np.finfo(float).eps:
        return 0.0, 0.0, 0.0
    unit = quantile(np.diff(values), None if len(values) < 3 else mass[1:] + mass[:-1], 0.05)
    _, others = criterion(pairs, kernel, 1, h, pairs.own)
    return tied, min(tied, TIES_KEPT * unit * max(others, 0.0)), unit


def thinned(data: np.ndarray, weights: np.ndarray | None, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    """At most so many rows by chance, always the same."""
    if len(data) <= most:
        return data, weights
    chosen = np.sort(np.random.default_rng(0).choice(len(data), most, replace=False))
    return data[chosen], None if weights is None else weights[chosen]


class RadialPairs:
    """Weight of all pairs by distance, for any number of features: linear bins of width `delta`."""

    delta = SMALLEST_RADIAL / CELLS

    def __init__(self, X: np.ndarray, weights: np.ndarray | None) -> None:
        n = len(X)
        w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
        n_cells = math.ceil(WIDEST * LARGEST * FACTOR / self.delta / 4)
        self.mass = np.zeros(n_cells + 2)
        self.equal = float(w @ w)
        for i in range(0, n, 256):
            block = X[i : i + 256]
            squares = np.zeros((len(block), n))
            for a in range(X.shape[1]):
                squares += (block[:, a, None] - X[:, a]) ** 2
            pair_weights = w[i : i + 256, None] * w
            self.equal += float(pair_weights[squares == 0].sum()) - float(w[i : i + 256] @ w[i : i + 256])
            scaled = np.sqrt(squares) * (1 / self.delta)
            near = scaled < n_cells
            scaled, pair_weights = scaled[near], pair_weights[near]
            cells = scaled.astype(np.int64)
            upper = (scaled - cells) * pair_weights
            self.mass += np.bincount(cells, pair_weights - upper, n_cells + 2)
            self.mass[1:] += np.bincount(cells, upper, n_cells + 2)[:-1]

    def level(self, h: float) -> int:
        return 0

    def sum(
        self,
        h: float,
        function: Callable[[np.ndarray], np.ndarray],
        radius: float,
        level: int | None = None,
    ) -> float:
        """Sum over i, j of w_i w_j function(|x_i - x_j| / h)."""
        end = min(len(self.mass), math.ceil(radius * h / self.delta) + 1)
        return float(self.mass[:end] @ function(np.arange(end) * (self.delta / h)))
