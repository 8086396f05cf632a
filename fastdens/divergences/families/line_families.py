"""Largest discrepancies over sets of the line: half-lines, intervals, unions of intervals.

The line is cut into pieces: the distinct points, and where one distribution is continuous the gaps between them too.
Sets are stretches of pieces, and all that a family asks for are the sums over the pieces before each cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.sorting import sort_with_places
from fastdens.divergences.families.set_witnesses import EMPTY, Interval, IntervalUnion, half_line
from fastdens.divergences.families.signed_weights import SignedWeights
from fastdens.subsets.set_families import extreme_half_lines, largest_union

# Cuts whose sums are too near for the rounded ones to tell which is larger, and how many are looked at exactly.
_MOST_CANDIDATES = 32
# Rounding of the sums where one distribution is continuous: a quotient, a difference, and the slack of the whole
# numbers.
_CONTINUOUS_SLACK = 4 * 2.0**-53

Found = tuple[float, Any, np.ndarray, float]  # signed value, witness, rows in ascending order of points, error


@dataclass(frozen=True, eq=False)
class Pieces:
    """The line in pieces.

    Attributes
    ----------
    points : ndarray of float64
        Distinct, ascending.
    starts : ndarray of intp
        Where each point's rows begin in `order`; the number of rows at the end.
    order : ndarray of intp
        Rows in the order of their points.
    before : ndarray of float64 or int64
        Sum of P - Q over the pieces before each cut, in units of `unit`: one more than there are pieces.
    slack : float
        By how much any of these may be wrong.
    distribution : ndarray or None
        The continuous distribution's distribution function at the points; then piece 2 j is the gap before point j, and
        2 j + 1 is the point.
    """

    weights: SignedWeights
    points: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    before: np.ndarray
    slack: float
    unit: float
    distribution: np.ndarray | None

    @property
    def n_pieces(self) -> int:
        return len(self.before) - 1

    def interval(self, first: int, end: int) -> Interval:
        """The interval of the pieces first ... end - 1, at least one."""
        if self.distribution is None:
            return Interval(float(self.points[first]), float(self.points[end - 1]))
        padded = np.concatenate([[-np.inf], self.points, [np.inf]])
        last = end - 1
        low, high = padded[(first + 1) // 2], padded[last // 2 + 1]
        return Interval(float(low), float(high), first % 2 == 1, last % 2 == 1)

    def half_line(self, end: int) -> Interval | IntervalUnion:
        """The half-line of the pieces 0 ... end - 1."""
        if end == 0:
            return EMPTY
        return self.interval(0, end) if self.distribution is not None else half_line(float(self.points[end - 1]))

    def rows(self, first: int, end: int) -> np.ndarray:
        """The rows in the pieces first ... end - 1."""
        if self.distribution is not None:
            first, end = first // 2, end // 2  # a gap has no rows
        return self.order[self.starts[first] : self.starts[end]]

    def sum_between(self, stretches: list[tuple[int, int]]) -> float:
        """P - Q over some stretches of pieces, correctly rounded."""
        rows = [self.rows(first, end) for first, end in stretches]
        extras = []
        if self.distribution is not None:
            padded = np.concatenate([[0.0], self.distribution, [1.0]])
            # The distribution function at a cut is that at the point beside it.
            extras = [sign * float(padded[(cut + 1) // 2]) for pair in stretches for cut, sign in zip(pair, (1, -1))]
        return self.weights.sum_over(np.concatenate(rows) if rows else slice(0), extras)


def cut_line(
    points: np.ndarray, weights: SignedWeights, distribution: Callable[[np.ndarray], Any] | None, n_threads: int
) -> Pieces:
    """The line in pieces, from points in any order; `distribution` is that of a continuous distribution Q, if Q is
    one."""
    ordered, order = sort_with_places(points, n_threads)
    starts = np.append(np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])), len(ordered))
    points = ordered[starts[:-1]]
    sums = np.append(0, np.cumsum(weights.whole[order]))[starts]
    slack = weights.slack
    if slack:
        # What rounding to whole numbers has taken away is given back at every cut, to half a unit.
        lost = np.append(0.0, np.cumsum(weights.fractions()[order]))[starts]
        sums += np.rint(lost).astype(np.int64)
        slack = slack if slack < 0.5 else 0.5 + len(order) * (len(order) + 2) * 2.0**-53
    if distribution is None:
        return Pieces(weights, points, starts, order, sums, slack, 1 / weights.scale, None)
    values = _check_distribution(distribution(points), len(points))
    before = np.empty(2 * len(points) + 2)
    # P before each cut, less the distribution function: cuts lie on both sides of every point.
    mass = sums / weights.scale
    before[0], before[-1] = 0.0, mass[-1] - 1.0
    before[1:-1:2], before[2:-1:2] = mass[:-1] - values, mass[1:] - values
    return Pieces(weights, points, starts, order, before, _CONTINUOUS_SLACK + slack / weights.scale, 1.0, values)


def _check_distribution(values: Any, n: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (n,):
        raise ValueError(f"the distribution function must return one value per point ({n}), got shape {values.shape}")
    values = validation.check_between_0_and_1(values, "the distribution function")
    falls = np.flatnonzero(np.diff(values) < -1e-9)
    if len(falls):
        raise ValueError(
            f"the distribution function must not decrease, got {values[falls[0]]} and then {values[falls[0] + 1]}"
        )
    return values


def of_two_samples(x: np.ndarray, y: np.ndarray, family: str) -> Found:
    """Half-lines or intervals for two samples without weights: sorted each by itself, and merged."""
    ordered = np.sort(x), np.sort(y)
    most, most_x, most_y, least, least_x, least_y = extreme_half_lines(*ordered)
    scale = len(x) * len(y)
    cuts = [(0, 0), (most_x, most_y), (least_x, least_y)]
    if family == "half-lines":
        total, ends = (most, cuts[:2]) if most >= -least else (least, cuts[::2])
    else:
        ends = sorted(cuts[1:])
        total = (most - least) * (1 if ends[1] == cuts[1] else -1)
    if total == 0:
        return 0.0, EMPTY, np.empty(0, dtype=np.intp), 0.0
    (first_x, first_y), (end_x, end_y) = ends
    inside = [z[first:end] for z, first, end in zip(ordered, (first_x, first_y), (end_x, end_y)) if end > first]
    low, high = min(float(z[0]) for z in inside), max(float(z[-1]) for z in inside)
    witness = half_line(high) if family == "half-lines" else Interval(low, high)
    rows = [np.flatnonzero(witness.contains(z)) for z in (x, y)]
    return total / scale, witness, np.append(rows[0], len(x) + rows[1]), 0.0


def over_half_lines(pieces: Pieces, k: None = None) -> Found:
    """Kolmogorov and Smirnov: the largest sum, or least, of what lies before a cut."""
    sizes = np.abs(pieces.before)
    cuts, error = _candidates(sizes, pieces)
    value, end = max(((pieces.sum_between([(0, cut)]), cut) for cut in cuts), key=lambda pair: abs(pair[0]))
    return value, pieces.half_line(end), pieces.rows(0, end), error


def over_intervals(pieces: Pieces, k: None = None) -> Found:
    """Kuiper: the largest sum before a cut less the least."""
    highest, error = _candidates(pieces.before, pieces)
    lowest, other_error = _candidates(-pieces.before, pieces)
    if len(highest) * len(lowest) > _MOST_CANDIDATES:
        highest, lowest = [int(np.argmax(pieces.before))], [int(np.argmin(pieces.before))]
        error = other_error = 2 * pieces.slack * pieces.unit
    pairs = [(min(a, b), max(a, b)) for a in highest for b in lowest]
    value, (first, end) = max(((pieces.sum_between([pair]), pair) for pair in pairs), key=lambda pair: abs(pair[0]))
    if first == end:
        return 0.0, EMPTY, pieces.order[:0], 0.0
    return value, pieces.interval(first, end), pieces.rows(first, end), error + other_error


def over_interval_unions(pieces: Pieces, k: int) -> Found:
    """The largest |sum| over unions of at most k intervals."""
    before, unit = pieces.before, pieces.unit
    if before.dtype != np.int64:
        unit = 2.0**-57
        before = np.rint(before / unit).astype(np.int64)
    # The set found and the best one have at most 2 k cuts each.
    error = 4 * k * (pieces.slack * pieces.unit + (unit / 2 if pieces.distribution is not None else 0.0))
    best: tuple[float, list[tuple[int, int]]] = (0.0, [])
    for sign in (1, -1):
        inside = np.concatenate([[False], largest_union(sign * np.diff(before), k), [False]])
        ends = np.flatnonzero(inside[1:] != inside[:-1]).tolist()
        stretches = list(zip(ends[::2], ends[1::2]))
        value = pieces.sum_between(stretches)
        if abs(value) > abs(best[0]):
            best = value, stretches
    value, stretches = best
    witness = IntervalUnion(tuple(pieces.interval(first, end) for first, end in stretches))
    rows = [pieces.rows(first, end) for first, end in stretches]
    return value, witness, np.concatenate([pieces.order[:0], *rows]), error


def _candidates(sums: np.ndarray, pieces: Pieces) -> tuple[list[int], float]:
    """The cuts that may have the largest sum, and the error that remains if they are too many to look at."""
    largest = int(np.argmax(sums))
    if pieces.slack == 0:
        return [largest], 0.0
    near = np.flatnonzero(sums >= sums[largest] - 2 * pieces.slack)
    if len(near) > _MOST_CANDIDATES:
        return [largest], 2 * pieces.slack * pieces.unit
    return near.tolist(), 0.0


OVER: dict[str, Callable[[Pieces, Any], Found]] = {
    "half-lines": over_half_lines,
    "intervals": over_intervals,
    "interval-unions": over_interval_unions,
}
