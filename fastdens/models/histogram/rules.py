"""How many bins a histogram has and where their edges are."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.sorting import MOST_BY_NUMPY, order_statistics, sort_in_place, sort_with_places
from fastdens.core.threads import pieces

FEWEST_ALLOWED = 100  # a rule may ask for this many bins however few rows there are,
MOST_PER_ROW = 4  # for this many per row,
MOST_BINS = 2**16  # and for no more than this
MOST_BLOCK_CELLS = 4096  # Bayesian blocks join cells of this many equally filled ones, at most
FALSE_ALARM_RATE = 0.05  # of a change point of Bayesian blocks


@dataclass
class Column:
    """The values of one feature inside its range, and their weights."""

    unsorted: np.ndarray
    shares_of_rows: np.ndarray | None  # summing to one; None where they are equal
    size: float  # effective number of rows
    low: float
    high: float
    n_features: int

    @property
    def width(self) -> float:
        return self.high - self.low

    @cached_property
    def _order(self) -> np.ndarray | None:
        if self.shares_of_rows is None:
            return None
        if len(self.unsorted) <= MOST_BY_NUMPY.value:
            return np.argsort(self.unsorted, kind="stable")
        return sort_with_places(self.unsorted)[1]

    @cached_property
    def values(self) -> np.ndarray:
        """In ascending order."""
        if self._order is not None:
            return self.unsorted[self._order]
        ascending = self.unsorted.copy()
        sort_in_place(ascending)
        return ascending

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Share of the weight at each of the sorted values and before; it ends in exactly 1."""
        if self.shares_of_rows is None:
            return np.arange(1, len(self.unsorted) + 1) / len(self.unsorted)
        sums = np.cumsum(self.shares_of_rows[self._order])
        return sums / sums[-1]

    @property
    def varies(self) -> bool:
        return bool((self.unsorted != self.unsorted[0]).any())

    def shares(self, edges: np.ndarray) -> np.ndarray:
        """Share of the weight in each bin: half-open bins, the last one closed."""
        below = np.searchsorted(self.values, edges)
        below[-1] = len(self.values)
        return np.diff(np.concatenate([[0.0], self.cumulative])[below])

    def weights(self) -> np.ndarray:
        return np.diff(self.cumulative, prepend=0.0)

    def standard_deviation(self) -> float:
        def average(of: Callable[[np.ndarray], np.ndarray]) -> float:
            means, weights = [], []
            for part in pieces(len(self.unsorted)):
                values = of((self.unsorted[part] - self.unsorted[0]) / self.width)
                shares = None if self.shares_of_rows is None else self.shares_of_rows[part]
                means.append(float(np.average(values, weights=shares)))
                weights.append(float(len(values) if shares is None else shares.sum()))
            return float(np.average(means, weights=weights)) if len(means) > 1 else means[0]

        mean = average(lambda centred: centred)
        return self.width * math.sqrt(average(lambda centred: (centred - mean) ** 2))

    def interquartile_range(self) -> float:
        """Between the quartiles of the rows, each repeated as often as its weight counts."""
        upto = None if self.shares_of_rows is None else self.cumulative * (self.size * (1 + 1e-12))
        # The order statistics around these places, numbered from 0, and linear interpolation between the two.
        places = (self.size - 1) * np.array([0.25, 0.75])
        whole = np.floor(places).astype(np.intp)
        if upto is None:
            around = np.minimum([whole, whole + 1], len(self.unsorted) - 1)
            a, b = order_statistics(self.unsorted, around.ravel()).reshape(2, 2)
        else:
            a, b = self.values[np.searchsorted(upto, [whole + 1, whole + 2]).clip(max=len(upto) - 1)]
        lower, upper = a + (places - whole) * (b - a)
        return float(upper - lower)

    def n_distinct(self) -> int:
        return 1 + int(np.count_nonzero(np.diff(self.values)))


# --- rules that give a number of bins ---------------------------------------------------------------------------------


def sturges(column: Column) -> float:
    """log2 n + 1 bins (Sturges 1926)."""
    return math.log2(max(column.size, 1.0)) + 1


def scott(column: Column) -> float:
    """Width (24 sqrt(pi) / n)^(1/3) sd; in d dimensions 3.49 sd n^(-1/(d+2)) (Scott 1979; 1992, section 3.4)."""
    return _bins_of_width(column, (24 * math.sqrt(math.pi)) ** (1 / 3) * column.standard_deviation())


def freedman_diaconis(column: Column) -> float:
    """Width 2 IQR n^(-1/3), in d dimensions n^(-1/(d+2)) (Freedman & Diaconis 1981); Scott's where the IQR is 0."""
    spread = column.interquartile_range()
    return _bins_of_width(column, 2 * spread) if spread > 0 else scott(column)


def auto(column: Column) -> float:
    """Freedman & Diaconis, and in one dimension no fewer bins than Sturges has."""
    bins = freedman_diaconis(column)
    return max(bins, sturges(column)) if column.n_features == 1 else bins


def _bins_of_width(column: Column, width_times_root: float) -> float:
    width = width_times_root * column.size ** (-1 / (column.n_features + 2))
    with np.errstate(over="ignore", divide="ignore"):
        return float(np.divide(column.width, width)) if column.varies else 1.0


def risk(column: Column) -> float:
    """The number of bins with the least cross-validated integrated squared error (Rudemo 1982)."""
    n = column.size
    if n < 2 or not column.varies:
        return 1.0

    def cross_validated(bins: int) -> float:
        shares = column.shares(np.linspace(column.low, column.high, bins + 1))
        return bins * (2 - (n + 1) * float(shares @ shares)) / (n - 1)

    return _best_count(cross_validated, column)


def knuth(column: Column) -> float:
    """The number of bins of largest posterior probability (Knuth 2019, Digital Signal Processing 95, 102581)."""
    from scipy.special import gammaln

    n = column.size
    if not column.varies:
        return 1.0

    def minus_log_posterior(bins: int) -> float:
        counts = n * column.shares(np.linspace(column.low, column.high, bins + 1))
        constant = n * math.log(bins) + gammaln(bins / 2) - bins * gammaln(0.5) - gammaln(n + bins / 2)
        return -float(constant + gammaln(counts + 0.5).sum())

    return _best_count(minus_log_posterior, column)


def _best_count(cost: Callable[[int], float], column: Column) -> float:
    """The best number of bins: every one up to 64, beyond that within 5 %, then every one around the best.

    No more are tried than there are distinct values, nor than 8 sqrt(n): ties would let the cost fall for ever.
    """
    most = int(min(column.n_distinct(), math.ceil(8 * math.sqrt(column.size)), MOST_BINS))
    counts = list(range(1, min(most, 64) + 1))
    while counts[-1] < most:
        counts.append(min(most, math.ceil(counts[-1] * 1.05)))
    costs = [cost(count) for count in counts]
    best = int(np.argmin(costs))
    around = range(counts[max(best - 1, 0)], counts[min(best + 1, len(counts) - 1)] + 1)
    if len(around) > 3:
        counts, costs = list(around), [cost(count) for count in around]
    return float(counts[int(np.argmin(costs))])


COUNT_RULES: dict[str, Callable[[Column], float]] = {
    "auto": auto,
    "risk": risk,
    "sturges": sturges,
    "scott": scott,
    "fd": freedman_diaconis,
    "knuth": knuth,
}
RULES = (*COUNT_RULES, "blocks")


# --- Bayesian blocks --------------------------------------------------------------------------------------------------


def bayesian_blocks(column: Column) -> np.ndarray:
    """Edges of the optimal piecewise-constant rate of events (Scargle, Norris, Jackson & Chiang 2013, ApJ 764, 167).

    Dynamic programming over the distinct values, O(k^2) for k of them; more than 4096 are first joined into as many
    equally filled cells.
    """
    first = np.flatnonzero(np.diff(column.values, prepend=-np.inf))
    if len(first) > MOST_BLOCK_CELLS:
        upto = column.cumulative[np.append(first[1:], len(column.values)) - 1]
        first = first[np.unique(np.searchsorted(upto, np.arange(MOST_BLOCK_CELLS) / MOST_BLOCK_CELLS, side="right"))]
    starts = column.values[first]
    ends = column.values[first[1:] - 1]
    inner = ends / 2 + starts[1:] / 2  # half-way between neighbours
    inner = np.where(inner > ends, inner, starts[1:])
    if len(inner) and inner[-1] >= column.high:  # no number lies between the last two
        first, inner = first[:-1], inner[:-1]
    edges = np.concatenate([[column.low], inner, [column.high]])
    place = (edges - column.low) / column.width
    apart = (place[1:-1] > place[:-2]) & (place[1:-1] < place[-1])
    if not apart.all():  # to the range of all values, some neighbours are at one place
        first, edges, place = (a[np.append(True, apart)] for a in (first, edges[:-1], place[:-1]))
        edges, place = np.append(edges, column.high), np.append(place, 1.0)
    counts = column.size * np.add.reduceat(column.weights(), first)
    penalty = 4 - math.log(73.53 * FALSE_ALARM_RATE * column.size**-0.478)
    best, last = np.zeros(len(counts) + 1), np.zeros(len(counts) + 1, dtype=np.intp)
    upto = np.concatenate([[0.0], np.cumsum(counts)])
    for k in range(1, len(counts) + 1):
        # The last block of the first k cells starts at each of them in turn.
        inside, width = upto[k] - upto[:k], place[k] - place[:k]
        total = best[:k] + inside * np.log(inside / width) - penalty
        last[k] = np.argmax(total)
        best[k] = total[last[k]]
    chosen = [len(counts)]
    while chosen[-1] > 0:
        chosen.append(int(last[chosen[-1]]))
    return edges[chosen[::-1]]


# --- edges ------------------------------------------------------------------------------------------------------------


def check_edges(edges: Any, name: str) -> np.ndarray:
    """Bin edges: at least two, finite, strictly increasing."""
    array = np.array(edges, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name} must hold at least two edges in one dimension, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite edges, got {array[~np.isfinite(array)][0]}")
    if not float(array[-1]) / 2 - float(array[0]) / 2 < sys.float_info.max / 2:
        raise ValueError(f"{name} must span a finite range, got [{array[0]:g}, {array[-1]:g}]")
    ascends = array[1:] > array[:-1]
    if not ascends.all():
        at = int(np.argmin(ascends))
        raise ValueError(f"{name} must hold edges that increase strictly, got {array[at]} before {array[at + 1]}")
    return array


def check_range(limits: Any, name: str = "range") -> tuple[float, float]:
    """Two finite numbers, the first one smaller."""
    pair = np.asarray(limits, dtype=np.float64)
    if pair.shape != (2,) or not np.isfinite(pair).all() or not pair[0] < pair[1]:
        raise ValueError(f"{name} must be two finite numbers (low, high) with low < high, got {limits!r}")
    return float(pair[0]), float(pair[1])


def prepare(x: np.ndarray, weights: np.ndarray | None, limits: tuple[float, float] | None, n_features: int) -> Column:
    """A column for the rules: `x` finite, `weights` positive and as the user gave them, `limits` the range or None."""
    if limits is not None:
        inside = (x >= limits[0]) & (x <= limits[1])
        if not inside.any():
            raise ValueError(f"range must hold at least one value, got {limits} for values in [{x.min()}, {x.max()}]")
        if not inside.all():
            x, weights = x[inside], None if weights is None else weights[inside]
    size = validation.effective_sample_size(weights, len(x))
    shares = None
    if weights is not None:
        shares = weights / weights.max()
        shares /= shares.sum()
    low, high = limits if limits is not None else _span(float(x.min()), float(x.max()))
    if not math.isfinite(high - low):
        raise ValueError(f"the range of the data must be finite in float64, got [{low:g}, {high:g}]: rescale the data")
    return Column(x, shares, size, low, high, n_features)


def _span(low: float, high: float) -> tuple[float, float]:
    if low < high:
        return low, high
    margin = max(0.5, 2 * math.ulp(low))  # a single value: one unit of width around it, as numpy.histogram has
    return low - margin, high + margin


def equal_bins(low: float, high: float, bins: int) -> np.ndarray:
    """Edges of bins of equal width, fewer where neighbouring edges would be the same number."""
    return np.unique(np.linspace(low, high, bins + 1))


def limited_count(wanted: float, rule: str, column: Column) -> int:
    """A whole number of bins from what a rule asks for, with a warning where that is out of proportion to the data."""
    most = int(min(MOST_BINS, max(FEWEST_ALLOWED, MOST_PER_ROW * column.size)))
    if not wanted <= most:
        warnings.warn(
            f"the rule {rule!r} asks for {wanted:.3g} bins for {len(column.unsorted)} values; {most} are used. "
            "Outliers, or nearly equal values, make its width tiny: consider `range`, or the rule 'blocks'.",
            stacklevel=4,
        )
        return most
    return max(1, math.ceil(wanted))


def edges_by_rule(column: Column, rule: str) -> np.ndarray:
    if rule == "blocks":
        return bayesian_blocks(column)
    return equal_bins(column.low, column.high, limited_count(COUNT_RULES[rule](column), rule, column))


def bin_edges(x: Any, rule: Any = "auto", sample_weight: Any = None, *, range: Any = None) -> np.ndarray:
    """Bin edges of a one-dimensional sample.

    Parameters
    ----------
    x : array-like of shape (n_samples,)
        The sample.
    rule : str or int, default="auto"
        A number of equal bins, or a rule. Equal bins by "sturges" (log2 n + 1 of them), "scott" (normal reference),
        "fd" (Freedman-Diaconis; Scott's where the interquartile range is 0), "auto" (the larger number of "fd" and
        "sturges"), "risk" (least cross-validated integrated squared error), "knuth" (most probable number); unequal
        ones by "blocks" (Bayesian blocks).
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each value. Whole numbers count repeated values; of others, n is (sum w)^2 / sum w^2.
    range : (float, float), optional
        Lower and upper end; values outside are left out. By default the smallest and largest value, or half a unit on
        both sides of a single one.

    Returns
    -------
    ndarray of shape (n_bins + 1,)
        Strictly increasing edges.

    Raises
    ------
    ValueError, TypeError
        If an argument is wrong, or the range holds no value.

    Warns
    -----
    UserWarning
        If a rule asks for more than 4 bins per value (100 at least, 65536 at most); that many are used then.

    References
    ----------
    Sturges (1926), JASA 21, 65-66. Scott (1979), Biometrika 66, 605-610. Freedman & Diaconis (1981), Z.
    Wahrscheinlichkeitstheorie 57, 453-476. Rudemo (1982), Scandinavian Journal of Statistics 9, 65-78. Knuth (2019),
    Digital Signal Processing 95, 102581. Scargle et al. (2013), Astrophysical Journal 764, 167.

    Examples
    --------
    >>> import fastdens as fd
    >>> fd.bin_edges([0.0, 1.0, 2.0, 4.0], 2)
    array([0., 2., 4.])
    >>> len(fd.bin_edges([0.0] * 900 + [10.0] * 100, "fd")) - 1
    10
    """
    array = np.asarray(x)
    if array.ndim != 1:
        raise ValueError(f"x must be a 1D array, got {array.ndim}D of shape {array.shape}")
    data = validation.check_data(array[:, None], "x")[:, 0]
    weights = validation.check_sample_weight(sample_weight, len(data))
    if weights is not None:
        data, weights = data[weights > 0], weights[weights > 0]
    limits = None if range is None else check_range(range)
    if isinstance(rule, str):
        validation.check_option(rule, "rule", RULES)
        return edges_by_rule(prepare(data, weights, limits, 1), rule)
    bins = validation.check_integer(rule, "rule (where it is no word)", 1, 2**24)
    column = prepare(data, weights, limits, 1)
    return equal_bins(column.low, column.high, bins)
